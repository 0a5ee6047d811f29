/* Loop predication over induction variables: a guard on start + ... + i, tested in every iteration, becomes guards on
 * the value's two end points in the preheader.
 *
 * The tested value must reach the induction variable through sums and products with invariants only, each with one
 * operand that varies: such a value is monotonic in the variable as long as nothing overflows, and if nothing overflows
 * at both ends, nothing does in between. All compares handled (<, <=, unsigned against what is not negative) hold on an
 * interval. So: both ends pass, all pass. If the loop runs zero times the ends mean nothing, hence `or empty`. */
#include "opt_hoist.h"
#include "bk_backend.h"

typedef struct {
    bk_opt *o;
    bk_loop *l;
    bk_fn *f;
    bk_iv iv;
    bk_ref ends[2], empty; /* made at most once per variable and block */
    uint32_t snap;
    int64_t kind;
} pred;

static bool is_linear(uint8_t op) { return op >= BK_ADD && op <= BK_MULOV; }
static bool overflows(uint8_t op) { return op >= BK_ADDOV && op <= BK_MULOV; }

/* the induction phi that v is a linear function of, 0 if none; v itself varies */
static bk_ref linear_in(const pred *x, bk_ref v) {
    for (int depth = 0; depth < 8; depth++) {
        const bk_ins *in = &x->f->ins[v];
        if (in->op == BK_PHI) return in->block == x->l->head ? v : 0;
        if (!is_linear(in->op)) return 0;
        bool a = bk_variant(x->l, in->a), b = bk_variant(x->l, in->b);
        if (a == b) return 0;
        v = a ? in->a : in->b;
    }
    return 0;
}

/* the bound that holds at block `at` must hold wherever a step on the way to v may overflow, too */
static bool bounded(pred *x, bk_ref v, bk_blk at) {
    bk_ref phi = linear_in(x, v);
    if (!phi || !bk_iv_get(x->l, phi, at, &x->iv) || !x->iv.stop) return false;
    while (v != phi) {
        const bk_ins *in = &x->f->ins[v];
        bk_iv there;
        if (overflows(in->op) && in->block != at) {
            if (!bk_iv_get(x->l, phi, in->block, &there)) return false;
            if (there.stop != x->iv.stop || there.inclusive != x->iv.inclusive || there.rotated != x->iv.rotated)
                return false;
        }
        v = bk_variant(x->l, in->a) ? in->a : in->b;
    }
    return true;
}

static bk_ref emit(pred *x, bk_op op, bk_ref a, bk_ref b) { return bk_emit(x->f, x->l->pre, op, BK_X, a, b, 0); }

/* The value of the last iteration. Nothing wraps unless the loop is empty, and then it is not used. */
static bk_ref last_value(pred *x) {
    bk_iv *iv = &x->iv;
    bk_fn *f = x->f;
    bk_ref end = iv->inclusive ? iv->stop : emit(x, BK_ADD, iv->stop, bk_ki(f, iv->up ? -1 : 1));
    if (!iv->fixed) return end;
    int64_t step = f->ins[iv->step].imm;
    if (step == 1 || step == -1 || step == INT64_MIN) return end;
    bk_ref size = bk_ki(f, iv->up ? step : -step);
    bk_ref way = iv->up ? emit(x, BK_SUB, end, iv->start) : emit(x, BK_SUB, iv->start, end);
    bk_ref whole = emit(x, BK_MUL, emit(x, BK_UDIV, way, size), size);
    return emit(x, iv->up ? BK_ADD : BK_SUB, iv->start, whole);
}

static void make_ends(pred *x) {
    const bk_iv *iv = &x->iv;
    bk_ref less = iv->up ? iv->stop : iv->start, more = iv->up ? iv->start : iv->stop;
    x->ends[0] = iv->start;
    x->ends[1] = last_value(x);
    if (iv->rotated) { /* there is a first iteration, whatever stop is */
        bk_ref one = emit(x, iv->inclusive ? BK_LT : BK_LE, less, more);
        x->ends[1] = bk_emit(x->f, x->l->pre, BK_SELECT, BK_I, one, iv->start, x->ends[1]);
        x->empty = bk_kb(x->f, false);
    } else {
        x->empty = emit(x, iv->inclusive ? BK_LT : BK_LE, less, more);
    }
    if (iv->fixed) return;
    bk_ref up = emit(x, BK_LT, bk_ki(x->f, 0), iv->step);
    bk_emit_guard(x->f, x->l->pre, BK_GUARD, up, 0, x->snap, x->kind);
}

/* v in the preheader with the induction variable's value `end`, leaving on overflow */
static bk_ref at_end(pred *x, bk_ref v, bk_ref end) {
    static const uint8_t checked[] = {BK_ADDOV, BK_SUBOV, BK_MULOV};
    if (v == x->iv.phi) return end;
    if (!bk_variant(x->l, v)) return v;
    const bk_ins in = x->f->ins[v];
    bk_ref a = at_end(x, in.a, end), b = at_end(x, in.b, end);
    bk_op op = (bk_op)(overflows(in.op) ? in.op : checked[in.op - BK_ADD]);
    return bk_emit_guard(x->f, x->l->pre, op, a, b, x->snap, BK_G_OVERFLOW);
}

/* what was tested at the ends cannot overflow inside */
static void uncheck(pred *x, bk_ref v) {
    while (v != x->iv.phi) {
        bk_ins *in = &x->f->ins[v];
        if (overflows(in->op)) {
            in->op = (uint8_t)(in->op - BK_ADDOV + BK_ADD);
            in->flags |= BK_F_NSW;
            in->snap = 0;
            x->o->st->ov_removed++;
        }
        v = bk_variant(x->l, in->a) ? in->a : in->b;
    }
}

static void guard_unless_empty(pred *x, bk_ref c) {
    bk_ref either = emit(x, BK_OR, c, x->empty);
    bk_emit_guard(x->f, x->l->pre, BK_GUARD, either, 0, x->snap, x->kind);
}

static bool is_compare(uint8_t op) { return op == BK_LT || op == BK_LE || op == BK_ULT || op == BK_ULE; }

/* can the condition be tested at the ends? (nothing is emitted) */
static bool testable(pred *x, bk_ref c, bk_blk at) {
    const bk_ins *in = &x->f->ins[c];
    if (!bk_variant(x->l, c)) return true;
    if (in->op == BK_AND && in->type == BK_1) return testable(x, in->a, at) && testable(x, in->b, at);
    if (!is_compare(in->op)) return false;
    bool a = bk_variant(x->l, in->a), b = bk_variant(x->l, in->b);
    if (a == b || (b && in->op >= BK_ULT)) return false;
    return bounded(x, a ? in->a : in->b, at);
}

static void test_ends(pred *x, bk_ref c, bk_blk at) {
    const bk_ins in = x->f->ins[c];
    if (!bk_variant(x->l, c)) {
        bk_emit_guard(x->f, x->l->pre, BK_GUARD, c, 0, x->snap, x->kind);
        return;
    }
    if (in.op == BK_AND) {
        test_ends(x, in.a, at);
        test_ends(x, in.b, at);
        return;
    }
    bool a = bk_variant(x->l, in.a);
    bk_ref v = a ? in.a : in.b;
    bounded(x, v, at); /* sets x->iv again */
    make_ends(x);
    bk_ref all = in.op >= BK_ULT ? emit(x, BK_LE, bk_ki(x->f, 0), in.b) : 0;
    for (int e = 0; e < 2 && !x->f->oom; e++) {
        bk_ref w = at_end(x, v, x->ends[e]);
        bk_ref one = emit(x, (bk_op)in.op, a ? w : in.a, a ? in.b : w);
        all = all ? emit(x, BK_AND, all, one) : one;
    }
    guard_unless_empty(x, all);
    uncheck(x, v);
}

static bool predicate_guard(pred *x, bk_ref r) {
    const bk_ins in = x->f->ins[r];
    x->kind = in.imm;
    if (in.op != BK_GUARD || !testable(x, in.a, in.block)) return false;
    test_ends(x, in.a, in.block);
    x->o->st->bounds_hoisted++;
    return true;
}

static void predicate_overflow(pred *x, bk_ref r) {
    const bk_ins in = x->f->ins[r];
    if (!overflows(in.op) || !bounded(x, r, in.block)) return;
    x->kind = 0;
    make_ends(x);
    for (int e = 0; e < 2 && !x->f->oom; e++) at_end(x, r, x->ends[e]);
    uncheck(x, r);
    x->o->changed = true;
}

static void predicate_counters(bk_opt *o, bk_loop *l) {
    bk_fn *f = o->f;
    for (uint32_t n = 0; n < l->nblocks; n++) {
        if (l->cfg->loop[l->blocks[n]] != l->head) continue;
        for (uint32_t i = 0; i < f->blocks[l->blocks[n]].nins && !f->oom; i++)
            bk_predicate_count(o, l, f->blocks[l->blocks[n]].ins[i]);
    }
}

bool bk_predicate(bk_opt *o, bk_loop *l) {
    bk_fn *f = o->f;
    pred x = {.o = o, .l = l, .f = f, .snap = f->blocks[l->pre].entry_snap};
    for (uint32_t n = 0; n < l->nblocks; n++) {
        bk_block *b = &f->blocks[l->blocks[n]];
        if (l->cfg->loop[l->blocks[n]] != l->head) continue;
        bool often = bk_often(l, l->blocks[n]);
        for (uint32_t i = 0; i < b->nins && !f->oom; i++) {
            bk_ref r = b->ins[i];
            if (!often && !bk_plain_bounds(f, r)) continue;
            if (predicate_guard(&x, r)) {
                bk_unlink(f, r);
                f->ins[r].flags |= BK_F_DEAD;
                o->changed = true;
                i--;
            } else predicate_overflow(&x, r);
        }
    }
    predicate_counters(o, l);
    return !f->oom;
}
