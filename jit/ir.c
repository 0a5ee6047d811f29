/* Building the IR: growable arrays, instructions, constants shared per function. */
#include "ir_priv.h"
#include <stdlib.h>
#include <string.h>

enum {
    PURE = BK_OF_PURE,
    COMM = BK_OF_COMM,
    LOAD = BK_OF_LOAD,
    STORE = BK_OF_STORE,
    GUARD = BK_OF_GUARD,
    EFFECT = BK_OF_EFFECT,
    TERM = BK_OF_TERM
};

const bk_opinfo bk_ops[BK_NOPS] = {
#define BK_OP(name, text, type, nargs, flags) {text, BK_##type, nargs, flags},
#include "bk_ir_ops.def"
#undef BK_OP
};

bool bk_grow(bk_fn *f, void **p, uint32_t *cap, uint32_t need, size_t size) {
    if (need <= *cap) return true;
    uint32_t n = *cap ? *cap : 16;
    while (n < need) {
        if (n > UINT32_MAX / 2) {
            f->oom = 1;
            return false;
        }
        n *= 2;
    }
    void *q = realloc(*p, (size_t)n * size);
    if (!q) {
        f->oom = 1;
        return false;
    }
    memset((char *)q + (size_t)*cap * size, 0, (size_t)(n - *cap) * size);
    *p = q;
    *cap = n;
    return true;
}
#define GROW(f, arr, cap, need) bk_grow(f, (void **)&(f)->arr, &(f)->cap, need, sizeof *(f)->arr)

static void free_blocks(bk_fn *f) {
    for (uint32_t i = 0; i < f->nblocks; i++) {
        free(f->blocks[i].ins);
        free(f->blocks[i].preds);
    }
    free(f->blocks);
}

bk_fn *bk_fn_new(const char *name) {
    bk_fn_impl *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    bk_fn *f = &x->f;
    size_t n = strlen(name);
    if (n >= sizeof f->name) n = sizeof f->name - 1;
    memcpy(f->name, name, n);
    f->nins = f->nsnaps = f->norigins = 1; /* index 0 is none */
    if (!GROW(f, ins, inscap, 64) || !GROW(f, snaps, snapcap, 16) || !GROW(f, origins, ocap, 16)) {
        bk_fn_free(f);
        return NULL;
    }
    return f;
}

void bk_fn_free(bk_fn *f) {
    if (!f) return;
    for (uint32_t i = 0; i < f->nbodies; i++) bk_fn_free(f->bodies[i]);
    free(f->bodies);
    free_blocks(f);
    free(f->ins);
    free(f->args);
    free(f->slots);
    free(f->sframes);
    free(f->snaps);
    free(f->origins);
    free(f->consts);
    free(f->codes);
    free(((bk_fn_impl *)f)->khash);
    free(f);
}

bk_blk bk_block_new(bk_fn *f) {
    if (!GROW(f, blocks, bcap, f->nblocks + 1)) return 0;
    memset(&f->blocks[f->nblocks], 0, sizeof *f->blocks);
    return f->nblocks++;
}

bk_ref bk_ins_new(bk_fn *f, bk_op op, bk_type type, bk_ref a, bk_ref b, bk_ref c) {
    if (!GROW(f, ins, inscap, f->nins + 1)) return 0;
    f->ins[f->nins] = (bk_ins){.op = (uint8_t)op, .type = (uint8_t)type, .a = a, .b = b, .c = c};
    return f->nins++;
}

bool bk_insert(bk_fn *f, bk_blk b, uint32_t at, bk_ref r) {
    if (!r || b >= f->nblocks) return false;
    bk_block *bl = &f->blocks[b];
    if (!bk_grow(f, (void **)&bl->ins, &bl->cap, bl->nins + 1, sizeof *bl->ins)) return false;
    if (at > bl->nins) at = bl->nins;
    memmove(bl->ins + at + 1, bl->ins + at, (bl->nins - at) * sizeof *bl->ins);
    bl->ins[at] = r;
    bl->nins++;
    f->ins[r].block = b;
    return true;
}

/* Where bk_emit puts an instruction: last, but before a terminator; a phi after the phis. */
static uint32_t emit_place(const bk_fn *f, bk_blk b, bk_op op) {
    const bk_block *bl = &f->blocks[b];
    uint32_t at = bl->nins;
    if (op == BK_PHI) {
        for (at = 0; at < bl->nins && f->ins[bl->ins[at]].op == BK_PHI; at++) {}
        return at;
    }
    if (at && bk_is_term(f, bl->ins[at - 1]) && !(bk_ops[op].flags & BK_OF_TERM)) at--;
    return at;
}

bk_type bk_result_type(const bk_fn *f, bk_op op, bk_ref a, bk_ref b) {
    if (bk_ops[op].type != BK_X) return (bk_type)bk_ops[op].type;
    if (op == BK_SELECT) return (bk_type)f->ins[b].type;
    bool of_a = op == BK_AND || op == BK_OR || op == BK_XOR || (op >= BK_FADD && op <= BK_FCOPYSIGN);
    return of_a ? (bk_type)f->ins[a].type : BK_V;
}

bk_ref bk_emit(bk_fn *f, bk_blk b, bk_op op, bk_type type, bk_ref a, bk_ref bb, bk_ref c) {
    if (type == BK_X || bk_ops[op].type != BK_X) type = bk_result_type(f, op, a, bb);
    bk_ref r = bk_ins_new(f, op, type, a, bb, c);
    if (!r || b >= f->nblocks || !bk_insert(f, b, emit_place(f, b, op), r)) return 0;
    return r;
}

uint32_t bk_args_new(bk_fn *f, const bk_ref *v, uint32_t n) {
    if (!GROW(f, args, acap, f->nargs + n + 1)) return 0;
    uint32_t at = f->nargs;
    if (n) memcpy(f->args + at, v, n * sizeof *v);
    f->nargs += n;
    return at;
}

bk_ref bk_emit_list(bk_fn *f, bk_blk b, bk_op op, bk_type type, const bk_ref *args, uint32_t n, int64_t imm) {
    uint32_t at = bk_args_new(f, args, n);
    bk_ref r = f->oom ? 0 : bk_ins_new(f, op, type, at, n, 0);
    if (!r) return 0;
    f->ins[r].imm = imm;
    return bk_insert(f, b, emit_place(f, b, op), r) ? r : 0;
}

bk_type bk_mem_result(bk_memtype mt) {
    switch (mt) {
    case BK_M_F32: return BK_S;
    case BK_M_F64: return BK_F;
    case BK_M_PTR: return BK_P;
    case BK_M_BOOL: return BK_1;
    default: return BK_I;
    }
}

static bk_ref mem_op(bk_fn *f, bk_blk b, bk_op op, bk_ins in) {
    bk_ref r = bk_ins_new(f, op, (bk_type)in.type, in.a, in.b, in.c);
    if (!r) return 0;
    in.op = (uint8_t)op;
    f->ins[r] = in;
    return bk_insert(f, b, emit_place(f, b, op), r) ? r : 0;
}

bk_ref bk_load(bk_fn *f, bk_blk b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref index, uint8_t scale, int64_t off) {
    return mem_op(f, b, BK_LOAD,
                  (bk_ins){.type = (uint8_t)bk_mem_result(mt),
                           .mt = (uint8_t)mt,
                           .alias = (uint8_t)al,
                           .a = base,
                           .b = index,
                           .scale = scale,
                           .imm = off});
}

bk_ref bk_store(bk_fn *f, bk_blk b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref index, uint8_t scale, int64_t off,
                bk_ref v) {
    return mem_op(f, b, BK_STORE,
                  (bk_ins){.type = BK_V,
                           .mt = (uint8_t)mt,
                           .alias = (uint8_t)al,
                           .a = base,
                           .b = index,
                           .c = v,
                           .scale = scale,
                           .imm = off});
}

/* ---- constants ---------------------------------------------------------------------------------------------- */

static uint32_t khash(bk_op op, int64_t imm) {
    uint64_t h = ((uint64_t)imm ^ ((uint64_t)op << 56)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32);
}

static bool krehash(bk_fn_impl *x) {
    uint32_t cap = x->kcap ? x->kcap * 2 : 64;
    bk_ref *t = calloc(cap, sizeof *t);
    if (!t) {
        x->f.oom = 1;
        return false;
    }
    x->kused = 0;
    for (uint32_t i = 0; i < x->kcap; i++) {
        bk_ref r = x->khash[i];
        if (!r || (x->f.ins[r].flags & BK_F_DEAD) || !bk_is_const(&x->f, r)) continue;
        uint32_t h = khash((bk_op)x->f.ins[r].op, x->f.ins[r].imm) & (cap - 1);
        while (t[h]) h = (h + 1) & (cap - 1);
        t[h] = r;
        x->kused++;
    }
    free(x->khash);
    x->khash = t;
    x->kcap = cap;
    return true;
}

void bk_const_note(bk_fn *f, bk_ref k) {
    bk_fn_impl *x = (bk_fn_impl *)f;
    if (x->kused * 2 >= x->kcap && !krehash(x)) return;
    uint32_t h = khash((bk_op)f->ins[k].op, f->ins[k].imm) & (x->kcap - 1);
    while (x->khash[h]) h = (h + 1) & (x->kcap - 1);
    x->khash[h] = k;
    x->kused++;
}

static bk_ref kfind(const bk_fn_impl *x, bk_op op, int64_t imm) {
    if (!x->kcap) return 0;
    for (uint32_t h = khash(op, imm) & (x->kcap - 1);; h = (h + 1) & (x->kcap - 1)) {
        bk_ref r = x->khash[h];
        if (!r) return 0;
        const bk_ins *in = &x->f.ins[r];
        if (in->op == op && in->imm == imm && !(in->flags & BK_F_DEAD)) return r;
    }
}

/* Constants stand first in block 0, so that they dominate whatever a pass puts there. */
static uint32_t kplace(bk_fn_impl *x) {
    const bk_block *b = &x->f.blocks[0];
    uint32_t p = x->kpos;
    if (p > b->nins || (p && !bk_is_const(&x->f, b->ins[p - 1]))) p = 0;
    while (p < b->nins && bk_is_const(&x->f, b->ins[p])) p++;
    x->kpos = p + 1;
    return p;
}

bk_ref bk_k(bk_fn *f, bk_op op, int64_t imm) {
    bk_fn_impl *x = (bk_fn_impl *)f;
    bk_ref r = kfind(x, op, imm);
    if (r) return r;
    if (!f->nblocks) bk_block_new(f);
    r = bk_ins_new(f, op, (bk_type)bk_ops[op].type, 0, 0, 0);
    if (!r) return 0;
    f->ins[r].imm = imm;
    if (!bk_insert(f, 0, kplace(x), r)) return 0;
    bk_const_note(f, r);
    return r;
}

bk_ref bk_ki(bk_fn *f, int64_t v) { return bk_k(f, BK_K_I64, v); }
bk_ref bk_kb(bk_fn *f, bool v) { return bk_k(f, BK_K_I1, v); }
bk_ref bk_kp(bk_fn *f, const void *p) { return bk_k(f, BK_K_PTR, (int64_t)(intptr_t)p); }
bk_ref bk_kf(bk_fn *f, double v) {
    int64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bk_k(f, BK_K_F64, bits);
}

/* ---- phis, edges, pools ------------------------------------------------------------------------------------- */

bk_ref bk_phi(bk_fn *f, bk_blk b, bk_type type) { return bk_emit_list(f, b, BK_PHI, type, NULL, 0, 0); }

int bk_phi_add(bk_fn *f, bk_ref phi, bk_ref v) {
    uint32_t n = f->ins[phi].b, at = f->ins[phi].a;
    if (at + n != f->nargs) { /* others were added since: the list moves to the end of the pool */
        if (!GROW(f, args, acap, f->nargs + n + 1)) return -1;
        memcpy(f->args + f->nargs, f->args + at, n * sizeof *f->args);
        f->ins[phi].a = f->nargs;
        f->nargs += n;
    }
    if (!GROW(f, args, acap, f->nargs + 1)) return -1;
    f->args[f->nargs++] = v;
    f->ins[phi].b = n + 1;
    return 0;
}

void bk_edge(bk_fn *f, bk_blk from, bk_blk to) {
    if (from >= f->nblocks || to >= f->nblocks || f->blocks[from].nsucc >= 2) {
        f->oom = 1; /* only after a failed bk_block_new, or misuse: the function is not usable */
        return;
    }
    bk_block *t = &f->blocks[to];
    if (!bk_grow(f, (void **)&t->preds, &t->pcap, t->npreds + 1, sizeof *t->preds)) return;
    t->preds[t->npreds++] = from;
    f->blocks[from].succ[f->blocks[from].nsucc++] = to;
}

uint32_t bk_const(bk_fn *f, void *obj) {
    for (uint32_t i = 0; i < f->nconsts; i++)
        if (f->consts[i] == obj) return i;
    if (!GROW(f, consts, ccap, f->nconsts + 1)) return 0;
    f->consts[f->nconsts] = obj;
    return f->nconsts++;
}

bool bk_code_add(bk_fn *f, void *code) {
    if (f->ncodes > UINT16_MAX || !GROW(f, codes, codecap, f->ncodes + 1)) return false;
    f->codes[f->ncodes++] = code;
    return true;
}

uint16_t bk_origin_new(bk_fn *f, bk_origin o) {
    if (f->norigins > UINT16_MAX || !GROW(f, origins, ocap, f->norigins + 1)) return 0;
    f->origins[f->norigins] = o;
    return (uint16_t)f->norigins++;
}
