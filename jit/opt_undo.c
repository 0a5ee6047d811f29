/* The undo log: before each store the old value goes to a log, by number of iteration; to roll back, a loop over the
 * log, last iteration and last store first, computes the addresses again and stores the old values. So stores may
 * overlap, and the loop may read what it writes. Addresses must be pure functions of induction variables. A store that
 * some iterations skip also logs whether it was done. */
#include "opt_undo.h"

/* ---- addresses -------------------------------------------------------------------------------------------------- */

/* can v be computed for any iteration again? */
static bool recomputable(const bk_loop *l, bk_blk at, bk_ref v, int depth) {
    const bk_fn *f = l->f;
    bk_iv iv;
    if (!v || !bk_variant(l, v)) return true;
    if (f->ins[v].op == BK_PHI) return bk_iv_get(l, v, at, &iv) && iv.fixed;
    if (!depth || !(bk_ops[f->ins[v].op].flags & BK_OF_PURE) || !bk_speculatable(f, v)) return false;
    for (uint32_t i = 0, n = bk_nopnds(f, v); i < n; i++)
        if (!recomputable(l, at, *bk_opnd(f, v, i), depth - 1)) return false;
    return true;
}

/* v of iteration i, computed in block b */
static bk_ref recomputed(bk_undo *u, bk_blk b, bk_ref v, bk_ref i) {
    bk_fn *f = u->f;
    bk_iv iv;
    if (!v || !bk_variant(u->l, v)) return v;
    if (f->ins[v].op == BK_PHI) {
        bk_iv_get(u->l, v, u->body, &iv);
        return bk_emit(f, b, BK_ADD, BK_I, iv.start, bk_emit(f, b, BK_MUL, BK_I, i, iv.step, 0), 0);
    }
    const bk_ins in = f->ins[v];
    bk_ref a = recomputed(u, b, in.a, i), c = recomputed(u, b, in.b, i), d = recomputed(u, b, in.c, i);
    bk_ref r = bk_emit(f, b, (bk_op)in.op, (bk_type)in.type, a, c, d);
    f->ins[r].imm = in.imm;
    return r;
}

/* ---- plan ------------------------------------------------------------------------------------------------------- */

uint32_t bk_undo_bytes(const bk_fn *f, const bk_blk *blocks, uint32_t n) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < f->blocks[blocks[i]].nins; k++) {
            const bk_ins *in = &f->ins[f->blocks[blocks[i]].ins[k]];
            if (in->op == BK_STORE) bytes += bk_mem_size(in) + 1;
        }
    return bytes;
}

static bool plan_store(bk_undo *u, bk_ref r, bool always, int64_t *used) {
    const bk_ins *in = &u->f->ins[r];
    int64_t most = u->f->blocks[u->l->head].most;
    if (u->n == BK_UNDO_STORES || in->alias != BK_A_DATA || in->mt == BK_M_PTR) return false;
    if (!recomputable(u->l, in->block, in->a, 8) || !recomputable(u->l, in->block, in->b, 8)) return false;
    u->s[u->n++] = (bk_undo_store){.store = r, .always = always, .log = *used, .did = *used + most * bk_mem_size(in)};
    *used += most * (bk_mem_size(in) + !always);
    return true;
}

bool bk_undo_plan(bk_undo *u, bk_loop *l, bk_blk body) {
    bk_fn *f = l->f;
    int64_t used = 0;
    *u = (bk_undo){.f = f, .l = l, .body = body};
    if (!f->blocks[l->head].most || f->blocks[body].npreds != 1) return false;
    for (uint32_t i = 0; i < l->nblocks; i++) {
        const bk_block *b = &f->blocks[l->blocks[i]];
        bool always = bk_every_iteration(l, l->blocks[i]);
        for (uint32_t k = 0; k < b->nins; k++)
            if (f->ins[b->ins[k]].op == BK_STORE && !plan_store(u, b->ins[k], always, &used)) return false;
    }
    return used <= BK_UNDO_BYTES;
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

/* an access of the same size that keeps all bits; bools are bytes of any value here */
static uint8_t raw_type(uint8_t mt) { return mt == BK_M_BOOL ? BK_M_U8 : mt; }

static bk_ref log_at(bk_undo *u, int64_t offset) {
    bk_fn *f = u->f;
    for (uint32_t i = 0; i < f->blocks[u->l->pre].nins; i++) {
        const bk_ins *in = &f->ins[f->blocks[u->l->pre].ins[i]];
        if (in->op == BK_UNDOLOG && in->imm == offset) return f->blocks[u->l->pre].ins[i];
    }
    bk_ref r = bk_emit(f, u->l->pre, BK_UNDOLOG, BK_P, 0, 0, 0);
    if (r) f->ins[r].imm = offset;
    return r;
}

static bk_ref insert(bk_undo *u, bk_blk b, uint32_t at, bk_ins in) {
    bk_ref r = bk_ins_new(u->f, (bk_op)in.op, (bk_type)in.type, 0, 0, 0);
    if (!r) return 0;
    in.block = b;
    u->f->ins[r] = in;
    bk_insert(u->f, b, at, r);
    return r;
}

static bk_ins log_access(bk_undo *u, bk_op op, uint8_t mt, int64_t offset, bk_ref at) {
    bk_ins in = {.op = (uint8_t)op, .mt = mt, .alias = BK_A_UNDO, .a = log_at(u, offset), .b = at};
    in.type = (uint8_t)(op == BK_LOAD ? bk_mem_result((bk_memtype)mt) : BK_V);
    in.scale = (uint8_t)bk_mem_size(&in);
    return in;
}

static void record_store(bk_undo *u, const bk_undo_store *s) {
    bk_fn *f = u->f;
    bk_ins old = f->ins[s->store];
    bk_blk b = old.block;
    uint32_t at = 0;
    while (f->blocks[b].ins[at] != s->store) at++;
    old.op = BK_LOAD;
    old.c = 0;
    old.mt = raw_type(old.mt);
    old.type = (uint8_t)bk_mem_result((bk_memtype)old.mt);
    bk_ref value = insert(u, b, at, old);
    bk_ins keep = log_access(u, BK_STORE, old.mt, s->log, u->count);
    keep.c = value;
    insert(u, b, at + 1, keep);
    if (s->always) return;
    bk_ins done = log_access(u, BK_STORE, BK_M_U8, s->did, u->count), not = done;
    done.c = bk_ki(f, 1);
    not.c = bk_ki(f, 0);
    insert(u, b, at + 2, done);
    for (at = 0; f->ins[f->blocks[u->body].ins[at]].op == BK_PHI;) at++;
    insert(u, u->body, at, not);
}

void bk_undo_record(bk_undo *u) {
    bk_fn *f = u->f;
    u->count = bk_phi(f, u->l->head, BK_I);
    bk_ins next = {.op = BK_ADD, .type = BK_I, .flags = BK_F_NSW, .a = u->count, .b = bk_ki(f, 1)};
    bk_blk latch = f->blocks[u->l->head].preds[1];
    bk_phi_add(f, u->count, bk_ki(f, 0));
    bk_phi_add(f, u->count, insert(u, latch, f->blocks[latch].nins - 1, next));
    for (uint32_t i = 0; i < u->n && !f->oom; i++) record_store(u, &u->s[i]);
}

/* ---- rolling back ----------------------------------------------------------------------------------------------- */

static bk_ref emit_log_load(bk_undo *u, bk_blk b, uint8_t mt, int64_t offset, bk_ref i) {
    bk_ins in = log_access(u, BK_LOAD, mt, offset, i);
    return bk_load(u->f, b, (bk_memtype)mt, BK_A_UNDO, in.a, i, in.scale, 0);
}

/* takes back one store of iteration i, at the end of block b; returns the block to go on in */
static bk_blk put_back(bk_undo *u, bk_blk b, const bk_undo_store *s, bk_ref i) {
    bk_fn *f = u->f;
    const bk_ins in = f->ins[s->store];
    bk_memtype mt = (bk_memtype)raw_type(in.mt);
    bk_blk on = b, after = 0;
    if (!s->always) {
        on = bk_block_new(f);
        after = bk_block_new(f);
        bk_ref did = bk_emit(f, b, BK_NE, BK_X, emit_log_load(u, b, BK_M_U8, s->did, i), bk_ki(f, 0), 0);
        bk_emit(f, b, BK_BR, BK_V, did, 0, 0);
        bk_edge(f, b, on);
        bk_edge(f, b, after);
    }
    bk_ref old = emit_log_load(u, on, mt, s->log, i);
    bk_ref base = recomputed(u, on, in.a, i), index = recomputed(u, on, in.b, i);
    bk_store(f, on, mt, BK_A_DATA, base, index, in.scale, in.imm, old);
    if (s->always) return b;
    bk_emit(f, on, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(f, on, after);
    return after;
}

void bk_undo_rollback(bk_undo *u, bk_blk b, uint32_t snap, int64_t kind) {
    bk_fn *f = u->f;
    bk_blk pre = bk_block_new(f), head = bk_block_new(f), done = bk_block_new(f), at = head;
    bk_emit(f, b, BK_BR, BK_V, bk_emit(f, b, BK_LT, BK_1, bk_ki(f, 0), u->count, 0), 0, 0);
    bk_edge(f, b, pre);
    bk_edge(f, b, done);
    bk_ref last = bk_emit(f, pre, BK_SUB, BK_I, u->count, bk_ki(f, 1), 0);
    bk_emit(f, pre, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(f, pre, head);
    bk_ref i = bk_phi(f, head, BK_I);
    for (uint32_t k = u->n; k-- > 0 && !f->oom;) at = put_back(u, at, &u->s[k], i);
    if (f->oom) return;
    bk_ref more = bk_emit(f, at, BK_LT, BK_1, bk_ki(f, 0), i, 0),
           prev = bk_emit(f, at, BK_SUB, BK_I, i, bk_ki(f, 1), 0);
    f->ins[prev].flags |= BK_F_NSW;
    bk_emit(f, at, BK_BR, BK_V, more, 0, 0);
    bk_edge(f, at, head);
    bk_edge(f, at, done);
    bk_phi_add(f, i, last);
    bk_phi_add(f, i, prev);
    bk_ref leave = bk_emit(f, done, BK_EXIT, BK_V, 0, 0, 0);
    if (f->oom) return;
    f->ins[leave].snap = snap;
    f->ins[leave].imm = kind;
    f->ins[leave].flags |= BK_F_HOISTED | BK_F_FPCHECK;
    f->blocks[pre].preheader = f->blocks[head].header = f->blocks[head].rare = true;
    f->blocks[pre].entry_snap = snap;
}
