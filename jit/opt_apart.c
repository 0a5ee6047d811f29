/* Whether a store and another access of a loop touch the same bytes within a few iterations.
 *
 * Both move by their own size in each iteration, in one direction: then their distance is the same in all of them, and
 * what matters is whether the other access reaches within `most` iterations what was stored. If they move differently
 * (a load of one and the same element), all that the loop stores must lie outside all that it loads. */
#include "opt_apart.h"

bool bk_growth(const bk_apart *x, bk_ref v, int64_t *by) {
    const bk_fn *f = x->l->f;
    const bk_ins *in = &f->ins[v];
    int64_t a, b;
    bk_iv iv;
    *by = 0;
    if (!v || !bk_variant(x->l, v)) return true;
    switch (in->op) {
    case BK_PHI:
        if (!bk_iv_get(x->l, v, x->body, &iv) || !iv.fixed) return false;
        *by = f->ins[iv.step].imm;
        return true;
    case BK_ADD: return bk_growth(x, in->a, &a) && bk_growth(x, in->b, &b) && !__builtin_add_overflow(a, b, by);
    case BK_SUB: return bk_growth(x, in->a, &a) && bk_growth(x, in->b, &b) && !__builtin_sub_overflow(a, b, by);
    default: return false;
    }
}

/* is v there before the loop around? What the header of that loop has is its own each time. */
static bool there_before(const bk_apart *x, bk_ref v) {
    const bk_fn *f = x->l->f;
    if (!v) return true;
    if (!bk_variant(x->l, v)) return f->ins[v].block != x->l->pre;
    if (f->ins[v].op == BK_ADD || f->ins[v].op == BK_SUB)
        return there_before(x, f->ins[v].a) && there_before(x, f->ins[v].b);
    bk_ref twin = f->args[f->ins[v].a];
    return f->ins[v].op == BK_PHI && f->ins[twin].op == BK_PHI && f->ins[twin].block == x->l->pre;
}

static bool growth_of(const bk_apart *x, const bk_ins *in, int64_t *by) {
    return bk_growth(x, in->b, by) && !__builtin_mul_overflow(*by, (int64_t)in->scale, by);
}

/* do both accesses move by their size? Then, d being how far the store is ahead, they are apart unless
 * 0 <= d + bias < reach. */
static bool moves_alike(const bk_apart *x, const bk_ins *a, const bk_ins *b, int64_t *by) {
    int64_t other;
    return growth_of(x, a, by) && growth_of(x, b, &other) && *by == other && *by && bk_mem_size(a) == bk_mem_size(b) &&
           (*by == bk_mem_size(a) || *by == -(int64_t)bk_mem_size(a));
}

static int64_t bias(const bk_ins *in, bool after) { return after ? (int64_t)bk_mem_size(in) - 1 : -1; }
static int64_t reach(const bk_apart *x, const bk_ins *in, bool after) {
    int64_t size = bk_mem_size(in);
    return x->most * size - 1 + (after ? size : 0);
}

bk_apart_kind bk_apart_plan(const bk_apart *x, bk_ref other, bk_ref store, bool after) {
    const bk_ins *a = &x->l->f->ins[other], *s = &x->l->f->ins[store];
    int64_t by, sby;
    if (!growth_of(x, a, &by) || !growth_of(x, s, &sby)) return BK_APART_NEVER;
    if (moves_alike(x, a, s, &by) && a->a == s->a && a->b == s->b && a->scale == s->scale) {
        int64_t d = by > 0 ? s->imm - a->imm : a->imm - s->imm;
        return (uint64_t)(d + bias(s, after)) < (uint64_t)reach(x, s, after) ? BK_APART_NEVER : BK_APART_ALWAYS;
    }
    if (bk_variant(x->l, a->a) || !there_before(x, a->a) || !there_before(x, a->b)) return BK_APART_NEVER;
    if (bk_variant(x->l, s->a) || !there_before(x, s->a) || !there_before(x, s->b)) return BK_APART_NEVER;
    return BK_APART_TEST;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static bk_ref emit(const bk_apart *x, bk_op op, bk_ref a, bk_ref b) {
    return bk_emit(x->l->f, x->at, op, BK_X, a, b, 0);
}

static bk_ref first_value(const bk_apart *x, bk_ref v) {
    const bk_fn *f = x->l->f;
    bk_ins in = f->ins[v];
    if (!bk_variant(x->l, v)) return v;
    if (in.op == BK_PHI) return f->args[f->ins[f->args[in.a]].a];
    bk_ref a = first_value(x, in.a), b = first_value(x, in.b);
    return emit(x, (bk_op)in.op, a, b);
}

/* the address of the first iteration as a number */
static bk_ref first_address(const bk_apart *x, bk_ref r) {
    bk_fn *f = x->l->f;
    bk_ins in = f->ins[r];
    bk_ref at = emit(x, BK_P2I, in.a, 0);
    if (in.b) at = emit(x, BK_ADD, at, emit(x, BK_MUL, first_value(x, in.b), bk_ki(f, in.scale)));
    return in.imm ? emit(x, BK_ADD, at, bk_ki(f, in.imm)) : at;
}

/* the bytes that access r touches in the whole loop, if that runs at all: from *low to before *high */
static void extent(const bk_apart *x, bk_ref r, bk_ref *low, bk_ref *high) {
    bk_fn *f = x->l->f;
    int64_t by, size = bk_mem_size(&f->ins[r]);
    growth_of(x, &f->ins[r], &by);
    *low = *high = first_address(x, r);
    if (by) {
        bk_ref way = x->up ? emit(x, BK_SUB, x->stop, x->start) : emit(x, BK_SUB, x->start, x->stop);
        bk_ref end = emit(x, BK_ADD, *low, emit(x, BK_MUL, way, bk_ki(f, by)));
        *(by > 0 ? high : low) = end;
    }
    *high = emit(x, BK_ADD, *high, bk_ki(f, size));
}

bk_ref bk_apart_test(const bk_apart *x, bk_ref other, int64_t span, bk_ref store, bool after) {
    bk_fn *f = x->l->f;
    bk_ins a = f->ins[other], s = f->ins[store];
    int64_t by;
    if (!moves_alike(x, &a, &s, &by)) {
        bk_ref low, high, slow, shigh;
        extent(x, other, &low, &high);
        if (span) high = emit(x, BK_ADD, high, bk_ki(f, span));
        extent(x, store, &slow, &shigh);
        return emit(x, BK_OR, emit(x, BK_ULE, high, slow), emit(x, BK_ULE, shigh, low));
    }
    bk_ref p = first_address(x, other), q = first_address(x, store);
    if (by < 0 && span) p = emit(x, BK_ADD, p, bk_ki(f, span)); /* of those that are ahead farthest */
    bk_ref d = by > 0 ? emit(x, BK_SUB, q, p) : emit(x, BK_SUB, p, q);
    return emit(x, BK_ULE, bk_ki(f, reach(x, &s, after) + span), emit(x, BK_ADD, d, bk_ki(f, bias(&s, after))));
}
