/* Integer ranges: intervals of every i64 value and differences between values (x - y <= c), from what dominating
 * branches and guards decided and from how loops count. They turn overflow-checked arithmetic into plain, and decide
 * compares and guards (bounds checks above all).
 *
 * The dominator tree is walked up to three times. In the first walk a loop's phis may be anything, so that whatever is
 * found is right; what the back edges carried is remembered and bounds the phis in the next walk. Dropping a guard that
 * was used to bound what proves it is right by induction over the iterations. */
#include "opt.h"
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

typedef struct {
    int64_t lo, hi;
} ival;
static const ival TOP = {INT64_MIN, INT64_MAX}, EMPTY = {INT64_MAX, INT64_MIN};

/* x - y <= c, listed at x (out) and at y (in) */
typedef struct {
    bk_ref x, y;
    int64_t c;
    uint32_t next_out, next_in; /* index + 1 */
} rel;

typedef struct {
    bk_ref r;
    ival old;
} undo;

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_cfg *cfg;
    uint32_t nins; /* values from here on (made meanwhile) are not looked at, but for constants */
    ival *cur;     /* what is known of each value where the walk stands */
    ival *edge;    /* per phi: union of what the forward edges carry */
    ival *back;    /* per phi: the same of the back edges, from this walk */
    ival *prev;    /* from the walk before; TOP in the first */
    rel *rels;
    uint32_t nrels, relcap;
    uint32_t *out, *in; /* per value: index + 1 of its newest relation */
    undo *undos;
    uint32_t nundos, undocap;
    int budget;
    bool last;
} range;

static ival get(const range *x, bk_ref r) {
    if (x->f->ins[r].op == BK_K_I64) return (ival){x->f->ins[r].imm, x->f->ins[r].imm};
    return r < x->nins ? x->cur[r] : TOP;
}
static ival join(ival a, ival b) { return (ival){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi}; }
static ival meet(ival a, ival b) { return (ival){a.lo > b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi}; }
static int64_t clip(wide v) { return v < INT64_MIN ? INT64_MIN : v > INT64_MAX ? INT64_MAX : (int64_t)v; }
static bool fits(wide lo, wide hi) { return lo >= INT64_MIN && hi <= INT64_MAX; }

/* ---- facts and taking them back ----------------------------------------------------------------------------- */

static void refine(range *x, bk_ref r, ival to) {
    ival was = get(x, r);
    ival now = meet(was, to);
    if (r >= x->nins || bk_is_const(x->f, r) || (now.lo == was.lo && now.hi == was.hi)) return;
    if (now.lo > now.hi) return; /* this place is never reached */
    if (!bk_grow(x->f, (void **)&x->undos, &x->undocap, x->nundos + 1, sizeof *x->undos)) return;
    x->undos[x->nundos++] = (undo){r, was};
    x->cur[r] = now;
    const bk_ins *in = &x->f->ins[r]; /* the same about y in r = y + k */
    bool exact = in->op == BK_ADDOV || (in->op == BK_ADD && (in->flags & BK_F_NSW));
    if (!exact || !bk_is_ki(x->f, in->b)) return;
    int64_t k = x->f->ins[in->b].imm;
    refine(x, in->a,
           (ival){now.lo == INT64_MIN ? now.lo : clip((wide)now.lo - k),
                  now.hi == INT64_MAX ? now.hi : clip((wide)now.hi - k)});
}

static void relate(range *x, bk_ref a, bk_ref b, int64_t c) {
    if (a >= x->nins || b >= x->nins || bk_is_const(x->f, a) || bk_is_const(x->f, b)) return;
    if (!bk_grow(x->f, (void **)&x->rels, &x->relcap, x->nrels + 1, sizeof *x->rels)) return;
    x->rels[x->nrels++] = (rel){a, b, c, x->out[a], x->in[b]};
    x->out[a] = x->in[b] = x->nrels;
}

static void roll_back(range *x, uint32_t undos, uint32_t rels) {
    while (x->nundos > undos) {
        undo *u = &x->undos[--x->nundos];
        x->cur[u->r] = u->old;
    }
    while (x->nrels > rels) {
        rel *r = &x->rels[--x->nrels];
        x->out[r->x] = r->next_out;
        x->in[r->y] = r->next_in;
    }
}

/* a - b <= c holds from here on */
static void at_most(range *x, bk_ref a, bk_ref b, int64_t c) {
    if (x->f->ins[a].type != BK_I) return;
    ival ra = get(x, a), rb = get(x, b);
    refine(x, a, (ival){INT64_MIN, clip((wide)rb.hi + c)});
    refine(x, b, (ival){clip((wide)ra.lo - c), INT64_MAX});
    relate(x, a, b, c);
}

static void unequal(range *x, bk_ref a, bk_ref b) {
    ival ra = get(x, a), rb = get(x, b);
    if (x->f->ins[a].type != BK_I || rb.lo != rb.hi) return;
    if (ra.lo == rb.lo && ra.lo < ra.hi) refine(x, a, (ival){ra.lo + 1, INT64_MAX});
    if (ra.hi == rb.lo && ra.lo < ra.hi) refine(x, a, (ival){INT64_MIN, ra.hi - 1});
}

/* a < b, unsigned (c = -1), or a <= b (c = 0) */
static void below(range *x, bk_ref a, bk_ref b, int64_t c) {
    ival rb = get(x, b);
    if (rb.lo < 0) return;
    refine(x, a, (ival){0, clip((wide)rb.hi + c)});
    at_most(x, a, b, c);
}

static void assume(range *x, bk_ref c, bool holds) {
    const bk_ins in = x->f->ins[c];
    switch (in.op) {
    case BK_NOT: assume(x, in.a, !holds); break;
    case BK_AND:
    case BK_OR:
        if (holds == (in.op == BK_AND)) {
            assume(x, in.a, holds);
            assume(x, in.b, holds);
        }
        break;
    case BK_LT: holds ? at_most(x, in.a, in.b, -1) : at_most(x, in.b, in.a, 0); break;
    case BK_LE: holds ? at_most(x, in.a, in.b, 0) : at_most(x, in.b, in.a, -1); break;
    case BK_GT: holds ? at_most(x, in.b, in.a, -1) : at_most(x, in.a, in.b, 0); break;
    case BK_GE: holds ? at_most(x, in.b, in.a, 0) : at_most(x, in.a, in.b, -1); break;
    case BK_ULT: holds ? below(x, in.a, in.b, -1) : below(x, in.b, in.a, 0); break;
    case BK_ULE: holds ? below(x, in.a, in.b, 0) : below(x, in.b, in.a, -1); break;
    case BK_EQ:
    case BK_NE:
        if (holds != (in.op == BK_EQ)) {
            unequal(x, in.a, in.b);
            unequal(x, in.b, in.a);
        } else {
            at_most(x, in.a, in.b, 0);
            at_most(x, in.b, in.a, 0);
        }
        break;
    default: break;
    }
}

/* ---- proving ------------------------------------------------------------------------------------------------ */

static bool exact_sum(const bk_ins *in) { return in->op == BK_ADDOV || (in->op == BK_ADD && (in->flags & BK_F_NSW)); }
static bool exact_difference(const bk_ins *in) {
    return in->op == BK_SUBOV || (in->op == BK_SUB && (in->flags & BK_F_NSW));
}

/* select(a < b, a, b) and its like: the smaller (or larger) of its arms */
static bool is_min(const bk_fn *f, const bk_ins *in, bool max) {
    const bk_ins *c = &f->ins[in->a];
    if (in->op != BK_SELECT || in->type != BK_I || (c->op != BK_LT && c->op != BK_LE)) return false;
    bk_ref less = max ? in->c : in->b, more = max ? in->b : in->c;
    return c->a == less && c->b == more;
}

static bool prove(range *x, bk_ref a, bk_ref b, wide c, int depth);

/* through how a was made */
static bool prove_from_a(range *x, bk_ref a, bk_ref b, wide c, int depth) {
    const bk_ins in = x->f->ins[a];
    if (exact_sum(&in))
        return prove(x, in.a, b, c - get(x, in.b).hi, depth) ||
               (!bk_is_const(x->f, in.b) && prove(x, in.b, b, c - get(x, in.a).hi, depth));
    if (exact_difference(&in)) return prove(x, in.a, b, c + get(x, in.b).lo, depth);
    if (in.op == BK_SELECT) {
        bool p = prove(x, in.b, b, c, depth);
        return is_min(x->f, &in, false) ? p || prove(x, in.c, b, c, depth) : p && prove(x, in.c, b, c, depth);
    }
    if ((in.op == BK_IMOD || in.op == BK_UREM) && get(x, in.b).lo > 0) {
        if (prove(x, in.b, b, c + 1, depth)) return true;
        return get(x, in.a).lo >= 0 && prove(x, in.a, b, c, depth);
    }
    bool shrinks = in.op == BK_SAR || in.op == BK_SHR || in.op == BK_AND ||
                   ((in.op == BK_IDIV || in.op == BK_UDIV) && get(x, in.b).lo > 0);
    return shrinks && get(x, in.a).lo >= 0 && prove(x, in.a, b, c, depth);
}

static bool prove_from_b(range *x, bk_ref a, bk_ref b, wide c, int depth) {
    const bk_ins in = x->f->ins[b];
    if (exact_sum(&in))
        return prove(x, a, in.a, c + get(x, in.b).lo, depth) ||
               (!bk_is_const(x->f, in.b) && prove(x, a, in.b, c + get(x, in.a).lo, depth));
    if (exact_difference(&in)) return prove(x, a, in.a, c - get(x, in.b).hi, depth);
    if (in.op == BK_SELECT) {
        bool p = prove(x, a, in.b, c, depth);
        return is_min(x->f, &in, true) ? p || prove(x, a, in.c, c, depth) : p && prove(x, a, in.c, c, depth);
    }
    return false;
}

/* a - b <= c ? */
static bool prove(range *x, bk_ref a, bk_ref b, wide c, int depth) {
    if (a == b) return c >= 0;
    if ((wide)get(x, a).hi - get(x, b).lo <= c) return true;
    if (depth <= 0 || --x->budget < 0) return false;
    if (a < x->nins)
        for (uint32_t i = x->out[a]; i; i = x->rels[i - 1].next_out)
            if (prove(x, x->rels[i - 1].y, b, c - x->rels[i - 1].c, depth - 1)) return true;
    if (b < x->nins)
        for (uint32_t i = x->in[b]; i; i = x->rels[i - 1].next_in)
            if (prove(x, a, x->rels[i - 1].x, c - x->rels[i - 1].c, depth - 1)) return true;
    return prove_from_a(x, a, b, c, depth - 1) || prove_from_b(x, a, b, c, depth - 1);
}

static bool proven(range *x, bk_ref a, bk_ref b, int64_t c) {
    x->budget = 60;
    return prove(x, a, b, c, 5);
}

static int less(range *x, bk_ref a, bk_ref b, int64_t c) { /* a - b <= c: 1 yes, 2 no, 0 not known */
    return proven(x, a, b, c) ? 1 : proven(x, b, a, -1 - c) ? 2 : 0;
}

static int unsigned_less(range *x, bk_ref a, bk_ref b, int64_t c) {
    ival ra = get(x, a), rb = get(x, b);
    if (ra.lo >= 0 && proven(x, a, b, c)) return 1;
    if (rb.lo >= 0 && (ra.hi < 0 || (ra.lo >= 0 && proven(x, b, a, -1 - c)))) return 2;
    return 0;
}

/* is the condition 1 true, 2 false, 0 not known? */
static int decide(range *x, bk_ref c) {
    const bk_ins in = x->f->ins[c];
    int p, q;
    if (in.op == BK_K_I1) return in.imm ? 1 : 2;
    if (in.op == BK_NOT) return (p = decide(x, in.a)) ? 3 - p : 0;
    if (in.op == BK_AND || in.op == BK_OR) {
        int absorbing = in.op == BK_AND ? 2 : 1;
        p = decide(x, in.a);
        q = decide(x, in.b);
        return p == absorbing || q == absorbing ? absorbing : p && q ? 3 - absorbing : 0;
    }
    if (in.op < BK_EQ || in.op > BK_ULE || x->f->ins[in.a].type != BK_I) return 0;
    switch (in.op) {
    case BK_LT: return less(x, in.a, in.b, -1);
    case BK_LE: return less(x, in.a, in.b, 0);
    case BK_GT: return less(x, in.b, in.a, -1);
    case BK_GE: return less(x, in.b, in.a, 0);
    case BK_ULT: return unsigned_less(x, in.a, in.b, -1);
    case BK_ULE: return unsigned_less(x, in.a, in.b, 0);
    default: break;
    }
    int differ = proven(x, in.a, in.b, -1) || proven(x, in.b, in.a, -1);
    int equal = !differ && proven(x, in.a, in.b, 0) && proven(x, in.b, in.a, 0);
    return in.op == BK_EQ ? equal ? 1 : differ ? 2 : 0 : differ ? 1 : equal ? 2 : 0;
}

/* ---- ranges of results -------------------------------------------------------------------------------------- */

static bool is_arithmetic(int op) {
    return op == BK_ADD || op == BK_ADDOV || op == BK_SUB || op == BK_SUBOV || op == BK_MUL || op == BK_MULOV;
}

static bool arithmetic(range *x, const bk_ins *in, wide *lo, wide *hi) {
    if (!is_arithmetic(in->op)) return false; /* a and b of others need not be values */
    ival a = get(x, in->a), b = get(x, in->b);
    switch (in->op) {
    case BK_ADD:
    case BK_ADDOV:
        *lo = (wide)a.lo + b.lo;
        *hi = (wide)a.hi + b.hi;
        return true;
    case BK_SUB:
    case BK_SUBOV:
        *lo = (wide)a.lo - b.hi;
        *hi = (wide)a.hi - b.lo;
        return true;
    case BK_MUL:
    case BK_MULOV: {
        wide p[] = {(wide)a.lo * b.lo, (wide)a.lo * b.hi, (wide)a.hi * b.lo, (wide)a.hi * b.hi};
        *lo = *hi = p[0];
        for (int i = 1; i < 4; i++) {
            if (p[i] < *lo) *lo = p[i];
            if (p[i] > *hi) *hi = p[i];
        }
        if (in->a == in->b && *lo < 0) *lo = 0;
        return true;
    }
    default: return false;
    }
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static ival ones(ival a, ival b) { /* or, xor of what is not negative */
    uint64_t m = (uint64_t)(a.hi | b.hi);
    return (ival){0, m ? (int64_t)(UINT64_MAX >> __builtin_clzll(m)) : 0};
}

static ival bits(range *x, const bk_ins *in) {
    ival a = get(x, in->a), b = bk_ops[in->op].nargs > 1 ? get(x, in->b) : TOP;
    int64_t k = b.lo;
    switch (in->op) {
    case BK_AND:
        if (a.lo >= 0 && b.lo >= 0) return (ival){0, a.hi < b.hi ? a.hi : b.hi};
        return a.lo >= 0 ? (ival){0, a.hi} : b.lo >= 0 ? (ival){0, b.hi} : TOP;
    case BK_OR:
    case BK_XOR: return a.lo >= 0 && b.lo >= 0 ? ones(a, b) : TOP;
    case BK_SHL: {
        if (b.lo != b.hi || k < 0 || k > 62) return TOP;
        wide lo = (wide)a.lo * ((wide)1 << k), hi = (wide)a.hi * ((wide)1 << k);
        return fits(lo, hi) ? (ival){(int64_t)lo, (int64_t)hi} : TOP;
    }
    case BK_SAR:
        if (b.lo == b.hi && k >= 0 && k < 64) return (ival){a.lo >> k, a.hi >> k};
        return a.lo >= 0 ? (ival){0, a.hi} : TOP;
    case BK_SHR:
        if (a.lo >= 0) return b.lo == b.hi && k >= 0 && k < 64 ? (ival){a.lo >> k, a.hi >> k} : (ival){0, a.hi};
        return b.lo > 0 && k < 64 ? (ival){0, (int64_t)(UINT64_MAX >> k)} : TOP;
    case BK_SEXT:
    case BK_ZEXT: {
        if (in->imm <= 0 || in->imm > 63) return TOP;
        bool s = in->op == BK_SEXT;
        int64_t half = INT64_C(1) << (in->imm - 1);
        ival t = {s ? -half : 0, s ? half - 1 : (half - 1) + half};
        return a.lo >= t.lo && a.hi <= t.hi ? a : t;
    }
    default: return (ival){0, 64}; /* ctz, clz, popcnt */
    }
}

static ival division(range *x, const bk_ins *in) {
    ival a = get(x, in->a), b = get(x, in->b);
    bool nonneg = a.lo >= 0 && b.lo > 0;
    switch (in->op) {
    case BK_IMOD:
    case BK_UREM:
        if (nonneg && a.hi < b.lo) return a;
        if (nonneg || (in->op == BK_IMOD && b.lo > 0)) return (ival){0, nonneg && a.hi < b.hi - 1 ? a.hi : b.hi - 1};
        return in->op == BK_IMOD && b.hi < 0 && b.lo > INT64_MIN ? (ival){b.lo + 1, 0} : TOP;
    default:
        if (nonneg) return (ival){a.lo / b.hi, a.hi / b.lo};
        if (in->op == BK_UDIV || b.lo <= 0) return TOP;
        return (ival){floor_div(a.lo, a.lo < 0 ? b.lo : b.hi), floor_div(a.hi, a.hi < 0 ? b.hi : b.lo)};
    }
}

static ival loaded(const bk_ins *in) {
    switch (in->mt) {
    case BK_M_I8: return (ival){INT8_MIN, INT8_MAX};
    case BK_M_U8: return (ival){0, UINT8_MAX};
    case BK_M_I16: return (ival){INT16_MIN, INT16_MAX};
    case BK_M_U16: return (ival){0, UINT16_MAX};
    case BK_M_I32: return (ival){INT32_MIN, INT32_MAX};
    case BK_M_U32: return (ival){0, UINT32_MAX};
    default: return in->alias == BK_A_SIZE ? (ival){0, INT64_MAX} : TOP; /* object sizes are not negative */
    }
}

static ival result(range *x, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    wide lo, hi;
    if (in->type != BK_I) return TOP;
    if (arithmetic(x, in, &lo, &hi)) {
        bool wraps = in->op <= BK_MUL && !(in->flags & BK_F_NSW);
        return wraps && !fits(lo, hi) ? TOP : (ival){clip(lo), clip(hi)};
    }
    if (in->op >= BK_IDIV && in->op <= BK_UREM) return division(x, in);
    if (in->op >= BK_AND && in->op <= BK_POPCNT) return bits(x, in);
    if (in->op == BK_B2I) return (ival){0, 1};
    if (in->op == BK_LOAD) return loaded(in);
    if (in->op != BK_SELECT) return TOP;
    ival b = get(x, in->b), c = get(x, in->c);
    if (is_min(x->f, in, false)) return (ival){b.lo < c.lo ? b.lo : c.lo, b.hi < c.hi ? b.hi : c.hi};
    if (is_min(x->f, in, true)) return (ival){b.lo > c.lo ? b.lo : c.lo, b.hi > c.hi ? b.hi : c.hi};
    return join(b, c);
}

/* ---- rewriting ---------------------------------------------------------------------------------------------- */

static void drop_for(range *x, bk_ref r, bk_ref by) {
    bk_replace(x->o, r, by);
    bk_drop(x->o, r);
    x->o->st->folded++;
}

static void rewrite_arithmetic(range *x, bk_ref r) {
    bk_ins *in = &x->f->ins[r];
    wide lo, hi;
    if (!arithmetic(x, in, &lo, &hi) || !fits(lo, hi)) return;
    if (in->op >= BK_ADDOV && in->op <= BK_MULOV) {
        in->op = (uint8_t)(in->op - BK_ADDOV + BK_ADD);
        in->snap = 0;
        x->o->st->ov_removed++;
    } else if (in->flags & BK_F_NSW) return;
    in->flags |= BK_F_NSW;
    x->o->changed = true;
}

static void rewrite_division(range *x, bk_ref r) {
    bk_ins *in = &x->f->ins[r];
    ival a = get(x, in->a), b = get(x, in->b);
    if (a.lo < 0 || b.lo <= 0) return;
    bool rem = in->op == BK_IMOD || in->op == BK_UREM;
    if (rem && proven(x, in->a, in->b, -1)) {
        drop_for(x, r, in->a);
    } else if (in->op == BK_IMOD || in->op == BK_IDIV) { /* the same for what is not negative, and cheaper */
        in->op = rem ? BK_UREM : BK_UDIV;
        x->o->changed = true;
    }
}

static void rewrite_mask(range *x, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    ival a = get(x, in->a);
    if (in->op == BK_AND) {
        if (in->type != BK_I || !bk_is_ki(x->f, in->b) || a.lo < 0) return;
        int64_t m = x->f->ins[in->b].imm;
        if (m >= 0 && (m & (m + 1)) == 0 && a.hi <= m) drop_for(x, r, in->a);
        return;
    }
    if (in->imm <= 0 || in->imm > 63) return;
    int64_t half = INT64_C(1) << (in->imm - 1);
    bool s = in->op == BK_SEXT;
    if (a.lo >= (s ? -half : 0) && a.hi <= (s ? half - 1 : (half - 1) + half)) drop_for(x, r, in->a);
}

/* true: r is gone */
static void rewrite(range *x, bk_ref r) {
    bk_fn *f = x->f;
    const bk_ins *in = &f->ins[r];
    if (in->op >= BK_ADD && in->op <= BK_MULOV) rewrite_arithmetic(x, r);
    else if (in->op >= BK_IDIV && in->op <= BK_UREM) rewrite_division(x, r);
    else if (in->op == BK_AND || in->op == BK_SEXT || in->op == BK_ZEXT) rewrite_mask(x, r);
    else if (in->op >= BK_EQ && in->op <= BK_ULE) {
        int d = decide(x, r);
        if (d) drop_for(x, r, bk_kb(f, d == 1));
    } else if (in->op == BK_GUARD && decide(x, in->a) == 1) {
        bk_drop(x->o, r);
        x->o->st->guards_removed++;
    } else if (in->op == BK_BR && !bk_is_const(f, in->a)) {
        int d = decide(x, in->a);
        bk_ref k = d ? bk_kb(f, d == 1) : 0;
        if (!k) return;
        f->ins[r].a = k;
        x->o->changed = true;
    }
}

/* ---- the walk ----------------------------------------------------------------------------------------------- */

/* Does the back-edge value v count i up (1) or down (-1), by steps that cannot wrap? */
static int direction(range *x, bk_ref i, bk_ref v) {
    const bk_ins *in = &x->f->ins[v];
    ival step;
    if (v == i) return 2; /* both */
    if (exact_sum(in) && (in->a == i || in->b == i)) {
        step = get(x, in->a == i ? in->b : in->a);
    } else if (exact_difference(in) && in->a == i) {
        ival s = get(x, in->b);
        step = (ival){clip(-(wide)s.hi), clip(-(wide)s.lo)};
    } else if (in->op == BK_PHI && in->block != x->f->ins[i].block) { /* counted on several paths */
        int all = 2;
        for (uint32_t k = 0; k < in->b; k++) {
            bk_ref w = x->f->args[in->a + k];
            int d = x->f->ins[w].op == BK_PHI && w != i ? 0 : direction(x, i, w);
            if (!d || (all != 2 && d != 2 && d != all)) return 0;
            if (d != 2) all = d;
        }
        return all;
    } else return 0;
    return step.lo >= 0 ? 1 : step.hi <= 0 ? -1 : 0;
}

static void header_phi(range *x, bk_blk b, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    const bk_block *bl = &x->f->blocks[b];
    bk_ref start = x->f->args[in->a];
    ival first = get(x, start);
    x->cur[r] = join(first, x->prev[r]);
    int all = 2;
    for (uint32_t k = 1; k < bl->npreds; k++) {
        int d = direction(x, r, x->f->args[in->a + k]);
        if (!d || (all != 2 && d != 2 && d != all)) return;
        if (d != 2) all = d;
    }
    if (all == 1) {
        x->cur[r].lo = first.lo;
        relate(x, start, r, 0);
    } else if (all == -1) {
        x->cur[r].hi = first.hi;
        relate(x, r, start, 0);
    }
}

static void enter_block(range *x, bk_blk b) {
    const bk_block *bl = &x->f->blocks[b];
    if (b && bl->npreds == 1) {
        const bk_block *p = &x->f->blocks[bl->preds[0]];
        bk_ref t = p->ins[p->nins - 1];
        if (x->f->ins[t].op == BK_BR) assume(x, x->f->ins[t].a, p->succ[0] == b);
    }
    bool loop = false;
    for (uint32_t k = 0; k < bl->npreds; k++) loop |= bk_dom(x->cfg, b, bl->preds[k]);
    for (uint32_t i = 0; i < bl->nins && x->f->ins[bl->ins[i]].op == BK_PHI; i++) {
        bk_ref r = bl->ins[i];
        if (x->f->ins[r].type != BK_I) continue;
        if (loop && bl->header) header_phi(x, b, r);
        else x->cur[r] = loop || x->edge[r].lo > x->edge[r].hi ? TOP : x->edge[r];
    }
}

/* what the edges out of b carry into phis, with what the branch itself tells */
static void leave_block(range *x, bk_blk b) {
    const bk_block *bl = &x->f->blocks[b];
    bk_ref t = bl->ins[bl->nins - 1];
    for (uint32_t s = 0; s < bl->nsucc; s++) {
        const bk_block *to = &x->f->blocks[bl->succ[s]];
        if (!to->nins || x->f->ins[to->ins[0]].op != BK_PHI) continue;
        uint32_t mu = x->nundos, mr = x->nrels;
        if (bl->nsucc == 2 && bl->succ[0] != bl->succ[1]) assume(x, x->f->ins[t].a, s == 0);
        bool back = bk_dom(x->cfg, bl->succ[s], b);
        for (uint32_t k = 0; k < to->npreds; k++) {
            if (to->preds[k] != b) continue;
            for (uint32_t i = 0; i < to->nins && x->f->ins[to->ins[i]].op == BK_PHI; i++) {
                bk_ref phi = to->ins[i];
                if (x->f->ins[phi].type != BK_I) continue;
                ival *at = back ? &x->back[phi] : &x->edge[phi];
                *at = join(*at, get(x, x->f->args[x->f->ins[phi].a + k]));
            }
        }
        roll_back(x, mu, mr);
    }
}

static void walk(range *x, bk_blk b) {
    uint32_t mu = x->nundos, mr = x->nrels;
    enter_block(x, b);
    bk_block *bl = &x->f->blocks[b];
    for (uint32_t i = 0; i < bl->nins && !x->f->oom; i++) {
        bk_ref r = bl->ins[i];
        if (r >= x->nins || x->f->ins[r].op == BK_PHI) continue;
        if (x->last || (x->f->ins[r].op >= BK_ADD && x->f->ins[r].op <= BK_MUL)) rewrite(x, r);
        if (b == 0)
            while (bl->ins[i] != r) i++; /* constants were added at the start */
        if (x->f->ins[r].type == BK_I) x->cur[r] = result(x, r);
        if (x->f->ins[r].op == BK_GUARD) assume(x, x->f->ins[r].a, true);
    }
    leave_block(x, b);
    for (bk_blk c = x->cfg->child[b]; c != BK_NONE && !x->f->oom; c = x->cfg->sibling[c]) walk(x, c);
    roll_back(x, mu, mr);
}

static void walks(range *x) {
    size_t n = x->nins * sizeof(ival);
    for (uint32_t r = 0; r < x->nins; r++) x->prev[r] = TOP;
    for (int turn = 0; turn < 3 && !x->f->oom; turn++) {
        x->last = turn == 2;
        for (uint32_t r = 0; r < x->nins; r++) x->cur[r] = TOP, x->edge[r] = x->back[r] = EMPTY;
        walk(x, 0);
        for (uint32_t r = 0; r < x->nins; r++)
            if (x->back[r].lo > x->back[r].hi) x->back[r] = TOP;
        memcpy(x->prev, x->back, n);
    }
}

bool bk_pass_range(bk_opt *o) {
    bk_fn *f = o->f;
    range x = {.o = o, .f = f, .nins = f->nins};
    ival *m = malloc((size_t)f->nins * 4 * sizeof *m);
    uint32_t *heads = calloc((size_t)f->nins * 2, sizeof *heads);
    x.cfg = bk_cfg_new(f);
    bool ok = m && heads && x.cfg;
    if (ok) {
        x.cur = m;
        x.edge = m + f->nins;
        x.back = m + (size_t)2 * f->nins;
        x.prev = m + (size_t)3 * f->nins;
        x.out = heads;
        x.in = heads + f->nins;
        walks(&x);
    }
    bk_cfg_free(x.cfg);
    free(m);
    free(heads);
    free(x.rels);
    free(x.undos);
    return ok && !f->oom;
}
