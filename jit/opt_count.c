/* Counters: `n += 1` in an `if`. A header phi that each iteration leaves as it is or adds small constants to is at most
 * start + iterations * most, and the iterations are bounded by an induction variable's end points. That this fits 64
 * bits is tested before the loop; then nothing overflows inside. */
#include "bk_backend.h"
#include "opt_hoist.h"

enum { DEEP = 12, LARGE = 1 << 20 };

/* How much v is more than phi at most; -1: not known. Walks from v to the phi, through additions and choices. */
static int64_t more_than(const bk_loop *l, bk_ref phi, bk_ref v, int depth) {
    const bk_fn *f = l->f;
    const bk_ins *in = &f->ins[v];
    int64_t a, b = -1;
    if (v == phi) return 0;
    if (!depth || !bk_variant(l, v) || in->type != BK_I || (in->op == BK_PHI && in->block == l->head)) return -1;
    switch (in->op) {
    case BK_ADD:
        if (!(in->flags & BK_F_NSW)) return -1;
        /* fall through */
    case BK_ADDOV:
        if (!bk_is_ki(f, in->b) || f->ins[in->b].imm < 0 || f->ins[in->b].imm > LARGE) return -1;
        a = more_than(l, phi, in->a, depth - 1);
        return a < 0 || a > LARGE ? -1 : a + f->ins[in->b].imm;
    case BK_SELECT:
        a = more_than(l, phi, in->b, depth - 1);
        b = more_than(l, phi, in->c, depth - 1);
        return a < 0 || b < 0 ? -1 : a > b ? a : b;
    case BK_PHI:
        for (uint32_t i = 0; i < in->b; i++) {
            a = more_than(l, phi, f->args[in->a + i], depth - 1);
            if (a < 0) return -1;
            if (a > b) b = a;
        }
        return b;
    default: return -1;
    }
}

/* the header phi that r counts from */
static bk_ref root_of(const bk_loop *l, bk_ref v, int depth) {
    const bk_ins *in = &l->f->ins[v];
    if (!depth || !bk_variant(l, v)) return 0;
    if (in->op == BK_PHI && in->block == l->head) return v;
    if (in->op == BK_ADD || in->op == BK_ADDOV) return root_of(l, in->a, depth - 1);
    if (in->op == BK_SELECT) return root_of(l, in->b, depth - 1);
    return in->op == BK_PHI && in->b ? root_of(l, l->f->args[in->a], depth - 1) : 0;
}

/* an induction variable whose bound holds where r stands */
static bool find_trips(const bk_loop *l, bk_blk at, bk_iv *iv) {
    const bk_block *h = &l->f->blocks[l->head];
    for (uint32_t i = 0; i < h->nins && l->f->ins[h->ins[i]].op == BK_PHI; i++)
        if (bk_iv_get(l, h->ins[i], at, iv) && iv->fixed && iv->stop) return true;
    return false;
}

static bk_ref checked(bk_loop *l, bk_op op, bk_ref a, bk_ref b) {
    return bk_emit_guard(l->f, l->pre, op, a, b, l->f->blocks[l->pre].entry_snap, BK_G_OVERFLOW);
}

/* start + (iterations + 1) * each + extra fits 64 bits, or the loop is not entered */
static void guard_end(bk_loop *l, const bk_iv *iv, bk_ref start, int64_t each, int64_t extra) {
    bk_fn *f = l->f;
    bk_ref way = iv->up ? checked(l, BK_SUBOV, iv->stop, iv->start) : checked(l, BK_SUBOV, iv->start, iv->stop);
    bk_ref none = bk_emit(f, l->pre, BK_LT, BK_1, way, bk_ki(f, 0), 0); /* no iterations */
    bk_ref trips = bk_emit(f, l->pre, BK_SELECT, BK_I, none, bk_ki(f, 0), way);
    bk_ref sum = checked(l, BK_MULOV, checked(l, BK_ADDOV, trips, bk_ki(f, 2)), bk_ki(f, each));
    checked(l, BK_ADDOV, checked(l, BK_ADDOV, sum, bk_ki(f, extra)), start);
}

bool bk_predicate_count(bk_opt *o, bk_loop *l, bk_ref r) {
    bk_fn *f = o->f;
    if (f->ins[r].op != BK_ADDOV || f->blocks[l->head].npreds != 2) return false;
    bk_ref phi = root_of(l, r, DEEP);
    bk_iv iv;
    if (!phi) return false;
    int64_t extra = more_than(l, phi, r, DEEP), each = more_than(l, phi, f->args[f->ins[phi].a + 1], DEEP);
    if (extra < 0 || each < 0 || !find_trips(l, f->ins[r].block, &iv)) return false;
    guard_end(l, &iv, f->args[f->ins[phi].a], each, extra);
    f->ins[r].op = BK_ADD;
    f->ins[r].flags |= BK_F_NSW;
    f->ins[r].snap = 0;
    o->st->ov_removed++;
    o->changed = true;
    return true;
}
