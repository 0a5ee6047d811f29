/* The verifier: structure, types, dominance, snapshots. What passes may rely on is what is checked here. */
#include "ir_names.h"
#include "bk_backend.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[240];

typedef struct {
    const bk_fn *f;
    bk_cfg *cfg;
    uint32_t *pos; /* per instruction: place in its block + 1; 0: stands nowhere */
    bool *snap_ok; /* per snapshot: its shape was checked */
    bool failed;
} vctx;

__attribute__((format(printf, 2, 3))) static bool bad(vctx *v, const char *fmt, ...) {
    if (v->failed) return false;
    v->failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return false;
}

/* operand types by op: letters as in bk_type_letters; '=' as the first operand, '?' a number or pointer, '*' anything
 */
static const char *signature(bk_op op) {
    switch (op) {
    case BK_ADD:
    case BK_SUB:
    case BK_MUL:
    case BK_ADDOV:
    case BK_SUBOV:
    case BK_MULOV:
    case BK_IDIV:
    case BK_IMOD:
    case BK_UDIV:
    case BK_UREM:
    case BK_SHL:
    case BK_SAR:
    case BK_SHR:
    case BK_LT:
    case BK_LE:
    case BK_GT:
    case BK_GE:
    case BK_ULT:
    case BK_ULE: return "ii";
    case BK_AND:
    case BK_OR:
    case BK_XOR: return "b=";
    case BK_EQ:
    case BK_NE: return "e=";
    case BK_SEXT:
    case BK_ZEXT:
    case BK_CTZ:
    case BK_CLZ:
    case BK_POPCNT:
    case BK_I2F:
    case BK_U2F:
    case BK_I2S:
    case BK_BITSF:
    case BK_I2P:
    case BK_BOXI: return "i";
    case BK_FADD:
    case BK_FSUB:
    case BK_FMUL:
    case BK_FDIV:
    case BK_FCOPYSIGN:
    case BK_FEQ:
    case BK_FNE:
    case BK_FLT:
    case BK_FLE:
    case BK_FGT:
    case BK_FGE: return "n=";
    case BK_FNEG:
    case BK_FABS:
    case BK_FSQRT:
    case BK_FFLOOR:
    case BK_FCEIL:
    case BK_FTRUNC:
    case BK_FRINT:
    case BK_FFINITE: return "n";
    case BK_F2I:
    case BK_F2S:
    case BK_FBITS:
    case BK_BOXF: return "f";
    case BK_S2F: return "s";
    case BK_B2I:
    case BK_NOT:
    case BK_BOXB:
    case BK_GUARD:
    case BK_BR: return "1";
    case BK_P2I:
    case BK_HSTORE:
    case BK_INCREF:
    case BK_XINCREF:
    case BK_DECREF:
    case BK_XDECREF:
    case BK_DECREFN:
    case BK_DECREFQ:
    case BK_XDECREFN:
    case BK_UNBOXF:
    case BK_UNBOXI:
    case BK_GTYPE: return "p";
    case BK_NWORD: return "*";
    case BK_RET: return "*p";
    case BK_SELECT: return "1*2";
    case BK_PADD: return "pi";
    case BK_REBOXF: return "pf";
    default: return "";
    }
}

static bool type_fits(const vctx *v, bk_ref r, char want, uint32_t i) {
    uint8_t t = v->f->ins[*bk_opnd(v->f, r, i)].type;
    switch (want) {
    case 'b': return t == BK_I || t == BK_1;
    case 'e': return t == BK_I || t == BK_1 || t == BK_P;
    case 'n': return t == BK_F || t == BK_S;
    case '*': return t != BK_V;
    case '=': return t == v->f->ins[*bk_opnd(v->f, r, 0)].type;
    case '2': return t == v->f->ins[*bk_opnd(v->f, r, 1)].type;
    default: return t == (uint8_t)(strchr(bk_type_letters, want) - bk_type_letters);
    }
}

static bool check_call(vctx *v, bk_ref r) {
    const bk_ins *in = &v->f->ins[r];
    if (in->imm < 0 || in->imm >= BK_NHELPERS) return bad(v, "v%u: no such helper", r);
    const bk_helperinfo *h = &bk_helpers[in->imm];
    const char *want = h->args[0] == 'C' ? h->args + 1 : h->args;
    static const char upper[] = "V1IFSP";
    if (in->type != (uint8_t)(strchr(upper, h->result) - upper)) return bad(v, "v%u: result type of %s", r, h->name);
    if (strlen(want) != in->b) return bad(v, "v%u: %s takes %zu arguments", r, h->name, strlen(want));
    for (uint32_t i = 0; i < in->b; i++)
        if (v->f->ins[v->f->args[in->a + i]].type != (uint8_t)(strchr(upper, want[i]) - upper))
            return bad(v, "v%u: type of argument %u of %s", r, i, h->name);
    return true;
}

static bool check_memory(vctx *v, bk_ref r) {
    const bk_fn *f = v->f;
    const bk_ins *in = &f->ins[r];
    if (in->mt >= bk_nmemtypes || in->alias >= BK_NALIAS) return bad(v, "v%u: memory type or alias class", r);
    if (f->ins[in->a].type != BK_P) return bad(v, "v%u: base is no pointer", r);
    if (in->b && f->ins[in->b].type != BK_I) return bad(v, "v%u: index is no integer", r);
    bk_type t = bk_mem_result((bk_memtype)in->mt);
    if (in->op == BK_LOAD ? in->type != t : f->ins[in->c].type != t) return bad(v, "v%u: type of the value", r);
    return true;
}

static bool check_types(vctx *v, bk_ref r) {
    const bk_fn *f = v->f;
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_CALL) return check_call(v, r);
    if (in->op == BK_LOAD || in->op == BK_STORE) return check_memory(v, r);
    if (in->op == BK_PHI) {
        for (uint32_t i = 0; i < in->b; i++)
            if (f->ins[f->args[in->a + i]].type != in->type) return bad(v, "v%u: type of phi argument %u", r, i);
        return in->type != BK_V || bad(v, "v%u: phi without a type", r);
    }
    const char *sig = signature((bk_op)in->op);
    for (uint32_t i = 0; sig[i]; i++)
        if (!type_fits(v, r, sig[i], i)) return bad(v, "v%u: type of operand %u of %s", r, i, bk_ops[in->op].name);
    bk_type t =
        in->op == BK_ARG || in->op == BK_NCALL ? (bk_type)in->type : bk_result_type(f, (bk_op)in->op, in->a, in->b);
    return in->type == t || bad(v, "v%u: result type of %s", r, bk_ops[in->op].name);
}

/* may `r` be used at place `at` (as in v->pos) of block `b`? */
static bool available(vctx *v, bk_ref r, bk_blk b, uint32_t at) {
    const bk_ins *in = &v->f->ins[r];
    if (v->cfg->rpo_no[b] == BK_NONE) return true;
    if (in->block != b) return v->cfg->rpo_no[in->block] != BK_NONE && bk_dom(v->cfg, in->block, b);
    return v->pos[r] < at;
}

static bool check_use(vctx *v, bk_ref user, bk_ref r, bk_blk b, uint32_t at, const char *what) {
    if (!r || r >= v->f->nins || !v->pos[r]) return bad(v, "v%u uses v%u in %s, which stands nowhere", user, r, what);
    if (v->f->ins[r].type == BK_V) return bad(v, "v%u uses v%u in %s, which has no value", user, r, what);
    if (!available(v, r, b, at)) return bad(v, "v%u uses v%u in %s, which does not dominate it", user, r, what);
    return true;
}

static bool check_snap_shape(vctx *v, uint32_t n) {
    const bk_fn *f = v->f;
    const bk_snap *s = &f->snaps[n];
    if (v->snap_ok[n]) return true;
    if (s->kind > BK_SNAP_CALL || s->nframes == 0 || s->frame + s->nframes > f->nsframes)
        return bad(v, "s%u: kind or frames", n);
    for (uint32_t i = 0; i < s->nframes; i++) {
        const bk_sframe *fr = &f->sframes[s->frame + i];
        if (fr->first + fr->nslots > f->nslots || fr->nslots < fr->depth) return bad(v, "s%u: slots of frame %u", n, i);
        if (fr->code >= f->ncodes) return bad(v, "s%u: code of frame %u", n, i);
        for (uint32_t k = 0; k < fr->nslots; k++) {
            const bk_slot *sl = &f->slots[fr->first + k];
            if (sl->kind >= BK_NSLOTKINDS || sl->nkids > fr->nslots - k - 1)
                return bad(v, "s%u: kind or kids of slot %u, frame %u", n, k, i);
            if (sl->kind == BK_SK_HOME && sl->sub >= f->nhome + f->nxhome) return bad(v, "s%u: home slot number", n);
            if (sl->kind == BK_SK_CONST && sl->sub >= f->nconsts) return bad(v, "s%u: constant number", n);
        }
    }
    v->snap_ok[n] = true;
    return true;
}

/* the type that a slot kind's value a must have; 0: any or none */
static char slot_type(const bk_slot *s) {
    switch (s->kind) {
    case BK_SK_I64:
    case BK_SK_CHR:
    case BK_SK_RANGE: return 'i';
    case BK_SK_F64:
    case BK_SK_COMPLEX: return 'f';
    case BK_SK_BOOL: return '1';
    case BK_SK_OWNED:
    case BK_SK_BORROWED:
    case BK_SK_SEQITER: return 'p';
    default: return 0;
    }
}

static bool check_snap(vctx *v, bk_ref user, uint32_t n, bk_blk b, uint32_t at) {
    const bk_fn *f = v->f;
    if (!n || n >= f->nsnaps) return bad(v, "v%u (b%u): no snapshot", user, b);
    if (!check_snap_shape(v, n)) return false;
    const bk_snap *s = &f->snaps[n];
    for (uint32_t i = 0; i < s->nframes; i++) {
        const bk_sframe *fr = &f->sframes[s->frame + i];
        for (uint32_t k = 0; k < fr->nslots; k++) {
            const bk_slot *sl = &f->slots[fr->first + k];
            const bk_ref vals[] = {sl->a, sl->b, sl->c};
            for (int j = 0; j < 3; j++) {
                char what[24];
                if (!vals[j]) continue;
                snprintf(what, sizeof what, "s%u", n);
                if (!check_use(v, user, vals[j], b, at, what)) return false;
            }
            char t = slot_type(sl);
            if (t && (!sl->a || f->ins[sl->a].type != (uint8_t)(strchr(bk_type_letters, t) - bk_type_letters)))
                return bad(v, "s%u: type of slot %u, frame %u", n, k, i);
        }
    }
    return true;
}

static bool check_edges(vctx *v, bk_blk n) {
    const bk_fn *f = v->f;
    const bk_block *b = &f->blocks[n];
    for (uint32_t s = 0; s < b->nsucc; s++) {
        if (b->succ[s] >= f->nblocks) return bad(v, "b%u: successor", n);
        const bk_block *t = &f->blocks[b->succ[s]];
        uint32_t out = 0, in = 0;
        for (uint32_t i = 0; i < b->nsucc; i++) out += b->succ[i] == b->succ[s];
        for (uint32_t i = 0; i < t->npreds; i++) in += t->preds[i] == n;
        if (in != out) return bad(v, "b%u and its successor b%u disagree", n, b->succ[s]);
    }
    for (uint32_t i = 0; i < b->npreds; i++) {
        bk_blk p = b->preds[i];
        if (p >= f->nblocks) return bad(v, "b%u: predecessor", n);
        const bk_block *q = &f->blocks[p];
        if (!(q->nsucc > 0 && q->succ[0] == n) && !(q->nsucc > 1 && q->succ[1] == n))
            return bad(v, "b%u: predecessor b%u does not lead here", n, p);
    }
    return true;
}

static bool check_phi(vctx *v, bk_ref r, bk_blk n) {
    const bk_fn *f = v->f;
    const bk_block *b = &f->blocks[n];
    if (f->ins[r].b != b->npreds) return bad(v, "v%u: %u phi arguments, %u predecessors", r, f->ins[r].b, b->npreds);
    for (uint32_t i = 0; i < b->npreds; i++)
        if (!check_use(v, r, f->args[f->ins[r].a + i], b->preds[i], UINT32_MAX, "phi")) return false;
    return true;
}

static bool check_ins(vctx *v, bk_ref r, bk_blk n, uint32_t at) {
    const bk_fn *f = v->f;
    const bk_ins *in = &f->ins[r];
    if (in->block != n) return bad(v, "v%u stands in b%u but says b%u", r, n, in->block);
    if (in->flags & BK_F_DEAD) return bad(v, "v%u is dead but stands in b%u", r, n);
    if (bk_ops[in->op].nargs == '*' && in->a + in->b > f->nargs) return bad(v, "v%u: argument list", r);
    if (in->op == BK_PHI) {
        if (!check_phi(v, r, n)) return false;
    } else
        for (uint32_t i = 0; i < bk_nopnds(f, r); i++) {
            bk_ref o = *bk_opnd(f, r, i);
            if (!o && i == 1 && (in->op == BK_LOAD || in->op == BK_STORE)) continue;
            if (!check_use(v, r, o, n, at, bk_ops[in->op].name)) return false;
        }
    if (!check_types(v, r)) return false;
    if (bk_is_const(f, r) && n != 0) return bad(v, "v%u: constant outside block 0", r);
    if (in->org >= f->norigins) return bad(v, "v%u: origin", r);
    if ((in->op == BK_HLOAD || in->op == BK_HSTORE) && (in->imm < 0 || in->imm >= f->nhome + f->nxhome))
        return bad(v, "v%u: home slot", r);
    if (in->op == BK_STAGE && (in->imm < 0 || in->imm >= BK_STAGES)) return bad(v, "v%u: stage number", r);
    return !bk_has_snap(f, r) || check_snap(v, r, in->snap, n, at);
}

/* Every cycle is a natural loop with a preheader: that is what hoisting and the memory analysis rely on. */
static bool check_loops(vctx *v, bk_blk n) {
    const bk_block *b = &v->f->blocks[n];
    for (uint32_t i = 0; i < b->npreds; i++) {
        bk_blk p = b->preds[i];
        if (v->cfg->rpo_no[p] == BK_NONE) continue;
        bool back = bk_dom(v->cfg, n, p);
        if (!back && v->cfg->rpo_no[p] >= v->cfg->rpo_no[n]) return bad(v, "b%u -> b%u: irreducible loop", p, n);
        if (back && !b->header) return bad(v, "b%u is a loop header but not marked", n);
        if (b->header && back != (i > 0)) return bad(v, "b%u: the first predecessor of a header is its preheader", n);
    }
    if (b->header && b->npreds && !v->f->blocks[b->preds[0]].preheader)
        return bad(v, "b%u: its preheader b%u is not marked", n, b->preds[0]);
    if (b->preheader) {
        if (b->nsucc != 1 || !v->f->blocks[b->succ[0]].header) return bad(v, "b%u: preheader of nothing", n);
        return check_snap(v, 0, b->entry_snap, n, UINT32_MAX);
    }
    return true;
}

static bool check_block(vctx *v, bk_blk n) {
    const bk_fn *f = v->f;
    const bk_block *b = &f->blocks[n];
    if (!b->nins) {
        if (b->npreds || b->nsucc || n == 0) return bad(v, "b%u is empty", n);
        return true;
    }
    bool phis = true;
    for (uint32_t i = 0; i < b->nins; i++) {
        bk_ref r = b->ins[i];
        if (f->ins[r].op != BK_PHI) phis = false;
        else if (!phis) return bad(v, "v%u: phi after other instructions", r);
        if (bk_is_term(f, r) != (i == b->nins - 1)) return bad(v, "b%u: terminator must be last", n);
        if (!check_ins(v, r, n, i + 1)) return false;
    }
    uint8_t t = f->ins[b->ins[b->nins - 1]].op;
    if (b->nsucc != (t == BK_BR ? 2 : t == BK_JMP ? 1 : 0)) return bad(v, "b%u: %u successors", n, b->nsucc);
    return v->cfg->rpo_no[n] == BK_NONE || check_loops(v, n);
}

static bool place_all(vctx *v) {
    const bk_fn *f = v->f;
    for (uint32_t n = 0; n < f->nblocks; n++)
        for (uint32_t i = 0; i < f->blocks[n].nins; i++) {
            bk_ref r = f->blocks[n].ins[i];
            if (!r || r >= f->nins) return bad(v, "b%u: no such instruction", n);
            if (v->pos[r]) return bad(v, "v%u stands twice", r);
            if (f->ins[r].op >= BK_NOPS) return bad(v, "v%u: no such op", r);
            v->pos[r] = i + 1;
        }
    for (uint32_t n = 0; n < f->nblocks; n++)
        if (!check_edges(v, n)) return false;
    return true;
}

const char *bk_verify(const bk_fn *f) {
    if (f->oom) return "out of memory while building";
    if (!f->nblocks) return "no blocks";
    vctx v = {.f = f};
    v.pos = calloc(f->nins + 1, sizeof *v.pos);
    v.snap_ok = calloc(f->nsnaps + 1, sizeof *v.snap_ok);
    if (!v.pos || !v.snap_ok) bad(&v, "out of memory");
    else if (place_all(&v)) {
        v.cfg = bk_cfg_new(f);
        if (!v.cfg) bad(&v, "out of memory");
        else if (f->blocks[0].npreds) bad(&v, "the entry block has predecessors");
        for (uint32_t n = 0; !v.failed && n < f->nblocks; n++) check_block(&v, n);
    }
    bk_cfg_free(v.cfg);
    free(v.pos);
    free(v.snap_ok);
    return v.failed ? message : NULL;
}
