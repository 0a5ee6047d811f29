/* Branches that recording saw go both ways become selections where a side only counts or computes a little. LLVM does
 * so itself, unless an overflow check stands in the side; so those are made fit here:
 *
 *   P: br c -> A, J;  A: v = add.ov x, k -> s        P: d = select c, k, 0;  v = add.ov x, d -> s
 *   J: r = phi v, x                                  r is v: it can overflow only where c holds
 *
 *   P: br c -> A, B;  B: v = mul.ov x, 3 -> s        P: guard (x in the range where neither overflows, or c) -> s
 *      w = add.ov v, 1                                  w = x * 3 + 1
 *   J: r = phi a, w                                  r = select c, a, w
 *
 * The second way is also right for what stays where it is: one test for a chain of operations with constants. */
#include "opt.h"

typedef __int128 wide;

enum { MAX_SIDE = 6, MAX_PHIS = 4 };

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_blk p, side[2], join; /* side: a block between the two, or the join itself */
    bk_ref cond;
} diamond;

/* ---- ranges where chains do not overflow ------------------------------------------------------------------------- */

typedef struct {
    bk_ref x;    /* what the chain starts from */
    wide m, k;   /* its value so far: m * x + k */
    wide lo, hi; /* for x in here nothing has overflowed */
} chain;

static wide floor_div(wide a, wide b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
static wide ceil_div(wide a, wide b) { return -floor_div(-a, b); }

static bool is_overflowing(uint8_t op) { return op >= BK_ADDOV && op <= BK_MULOV; }

/* one more operation of the chain; false: not one of these, or numbers grow too large to reason about */
static bool chain_step(const bk_fn *f, chain *c, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (!is_overflowing(in->op) || !bk_is_ki(f, in->b)) return false;
    wide n = f->ins[in->b].imm, far = (wide)1 << 62;
    if (in->op == BK_MULOV) c->m *= n, c->k *= n;
    else c->k += in->op == BK_ADDOV ? n : -n;
    if (!c->m || c->m > far || c->m < -far || c->k > far || c->k < -far) return false;
    wide low = INT64_MIN - c->k, high = INT64_MAX - c->k;
    wide lo = c->m > 0 ? ceil_div(low, c->m) : ceil_div(high, c->m);
    wide hi = c->m > 0 ? floor_div(high, c->m) : floor_div(low, c->m);
    if (lo > c->lo) c->lo = lo;
    if (hi < c->hi) c->hi = hi;
    return c->lo <= c->hi;
}

static bk_ref emit(bk_fn *f, bk_blk b, bk_op op, bk_ref a, bk_ref c) { return bk_emit(f, b, op, BK_X, a, c, 0); }

/* at the end of block b: x is in the chain's range */
static bk_ref in_range(bk_fn *f, bk_blk b, const chain *c) {
    int64_t lo = (int64_t)c->lo, hi = (int64_t)c->hi;
    if (lo == INT64_MIN) return emit(f, b, BK_LE, c->x, bk_ki(f, hi));
    if (hi == INT64_MAX) return emit(f, b, BK_LE, bk_ki(f, lo), c->x);
    bk_ref way = emit(f, b, BK_SUB, c->x, bk_ki(f, lo));
    return emit(f, b, BK_ULE, way, bk_ki(f, (int64_t)((uint64_t)hi - (uint64_t)lo)));
}

static void unchecked(bk_fn *f, bk_ref r) {
    bk_ins *in = &f->ins[r];
    in->op = (uint8_t)(in->op - BK_ADDOV + BK_ADD);
    in->snap = 0;
    in->imm = 0;
}

/* ---- the sides --------------------------------------------------------------------------------------------------- */

static uint32_t side_ins(const diamond *d, int s) {
    return d->side[s] == d->join ? 0 : d->f->blocks[d->side[s]].nins - 1;
}

static bool cheap(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (in->type == BK_P || in->op == BK_PHI) return false;
    if (in->op >= BK_ADD && in->op <= BK_MUL) return true;
    if (in->op >= BK_AND && in->op <= BK_ZEXT) return bk_speculatable(f, r);
    return (in->op >= BK_EQ && in->op <= BK_ULE) || in->op == BK_NOT || in->op == BK_SELECT || in->op == BK_B2I;
}

/* the chain of checked operations on a side: all of them, each on the last one's result. false: it has others */
static bool side_chain(const diamond *d, int s, chain *c, bk_ref *first, uint32_t *n) {
    const bk_fn *f = d->f;
    bk_ref last = 0;
    *n = 0;
    *first = 0;
    for (uint32_t i = 0, all = side_ins(d, s); i < all; i++) {
        bk_ref r = f->blocks[d->side[s]].ins[i];
        if (cheap(f, r)) continue;
        if (!is_overflowing(f->ins[r].op)) return false;
        if (last && f->ins[r].a != last) return false;
        if (!last) {
            *first = r;
            *c = (chain){.x = f->ins[r].a, .m = 1, .lo = INT64_MIN, .hi = INT64_MAX};
        }
        last = r;
        if (++*n == 1 && !bk_is_ki(f, f->ins[r].b)) continue; /* may still be a count, but begins no chain */
        if (!bk_is_ki(f, f->ins[*first].b)) return false;
        if (!chain_step(f, c, r)) return false;
    }
    return true;
}

static int pred_no(const bk_fn *f, bk_blk b, bk_blk from) {
    for (uint32_t k = 0; k < f->blocks[b].npreds; k++)
        if (f->blocks[b].preds[k] == from) return (int)k;
    return -1;
}

static bk_ref arrives(const diamond *d, bk_ref phi, int s) {
    bk_blk from = d->side[s] == d->join ? d->p : d->side[s];
    return d->f->args[d->f->ins[phi].a + (uint32_t)pred_no(d->f, d->join, from)];
}

/* `acc op= v` on side s, and acc as it was on the other: the phi where they meet. 0: it is not that */
static bk_ref count_phi(const diamond *d, int s, bk_ref r) {
    const bk_fn *f = d->f;
    const bk_block *j = &f->blocks[d->join];
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_MULOV) return 0;
    for (uint32_t i = 0; i < j->nins && f->ins[j->ins[i]].op == BK_PHI; i++) {
        bk_ref mine = arrives(d, j->ins[i], s), other = arrives(d, j->ins[i], !s);
        if (mine == r && (other == in->a || (other == in->b && in->op == BK_ADDOV))) return j->ins[i];
    }
    return 0;
}

/* ---- the conversion ---------------------------------------------------------------------------------------------- */

static bk_ref holds_on(diamond *d, int s) { return s ? emit(d->f, d->p, BK_NOT, d->cond, 0) : d->cond; }

/* acc op= v becomes acc op= (v or 0), before the branch */
static bool move_count(diamond *d, int s, bk_ref r, bk_ref phi) {
    bk_fn *f = d->f;
    bk_ref acc = arrives(d, phi, !s), v = f->ins[r].a == acc ? f->ins[r].b : f->ins[r].a, zero = bk_ki(f, 0);
    bk_ref part = bk_emit(f, d->p, BK_SELECT, BK_I, d->cond, s ? zero : v, s ? v : zero);
    if (f->oom) return false;
    f->ins[r].a = acc;
    f->ins[r].b = part;
    f->ins[r].flags |= BK_F_ONESIDED;
    return bk_put_last(f, d->p, r);
}

/* the side's instructions go before the branch */
static bool move_side(diamond *d, int s, bk_ref count, bk_ref phi, const chain *c, bk_ref first) {
    bk_fn *f = d->f;
    uint32_t n = side_ins(d, s);
    bk_ref moved[MAX_SIDE];
    for (uint32_t i = 0; i < n; i++) moved[i] = f->blocks[d->side[s]].ins[i];
    for (uint32_t i = 0; i < n; i++) bk_unlink(f, moved[i]);
    for (uint32_t i = 0; i < n && !f->oom; i++) {
        bk_ref r = moved[i];
        if (r == count) {
            if (!move_count(d, s, r, phi)) return false;
            continue;
        }
        if (r == first) {
            bk_ref fits = in_range(f, d->p, c), other = holds_on(d, !s);
            bk_ref ok = bk_emit(f, d->p, BK_SELECT, BK_1, fits, bk_kb(f, true), other); /* as (fits or other) */
            bk_ref g = bk_emit(f, d->p, BK_GUARD, BK_X, ok, 0, 0);
            if (f->oom) return false;
            f->ins[g].snap = f->ins[r].snap;
            f->ins[g].imm = f->ins[r].imm;
            f->ins[g].org = f->ins[r].org;
            f->ins[g].flags |= BK_F_ONESIDED;
        }
        if (is_overflowing(f->ins[r].op)) unchecked(f, r);
        f->ins[r].flags &= (uint8_t)~BK_F_NSW; /* proven where the side is taken */
        if (!bk_put_last(f, d->p, r)) return false;
    }
    return !f->oom;
}

/* may all of the join's phis be selects? */
static bool check_phis(const diamond *d, uint32_t *n) {
    const bk_fn *f = d->f;
    const bk_block *j = &f->blocks[d->join];
    *n = 0;
    for (uint32_t i = 0; i < j->nins && f->ins[j->ins[i]].op == BK_PHI; i++)
        if (arrives(d, j->ins[i], 0) != arrives(d, j->ins[i], 1)) ++*n;
    return *n <= MAX_PHIS;
}

/* P goes straight on to the join; its phis' two arguments become one */
static bool straighten(diamond *d, const bk_ref count[2], const bk_ref phi[2]) {
    bk_fn *f = d->f;
    bk_block *j = &f->blocks[d->join];
    bk_ref one[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->nins && f->ins[j->ins[i]].op == BK_PHI && n < 64; i++, n++) {
        bk_ref r = j->ins[i], a = arrives(d, r, 0), b = arrives(d, r, 1);
        one[n] = a;
        if (a == b) continue;
        if (phi[0] == r || phi[1] == r) one[n] = phi[0] == r ? count[0] : count[1];
        else one[n] = bk_emit(f, d->p, BK_SELECT, (bk_type)f->ins[r].type, d->cond, a, b);
    }
    if (f->oom) return false;
    bk_blk from = d->side[0] == d->join ? d->p : d->side[0];
    int k = pred_no(f, d->join, from);
    for (uint32_t i = 0; i < n; i++) f->args[f->ins[j->ins[i]].a + (uint32_t)k] = one[i];
    /* the edge that is kept comes from P now; the other one goes */
    for (int s = 1; s >= 0; s--) {
        if (s == 1) bk_edge_remove(f, d->side[1] == d->join ? d->p : d->side[1], d->side[1] == d->join);
        if (d->side[s] == d->join) continue;
        bk_block *side = &f->blocks[d->side[s]];
        side->nins = side->npreds = side->nsucc = 0;
    }
    f->blocks[d->join].preds[pred_no(f, d->join, from)] = d->p;
    bk_block *p = &f->blocks[d->p];
    bk_ins *br = &f->ins[p->ins[p->nins - 1]];
    br->op = BK_JMP;
    br->a = 0;
    p->succ[0] = d->join;
    p->nsucc = 1;
    return true;
}

static bool is_side(const bk_fn *f, bk_blk b, bk_blk p) {
    const bk_block *s = &f->blocks[b];
    return s->npreds == 1 && s->preds[0] == p && s->nsucc == 1 && !s->preheader && !s->header &&
           s->nins - 1 <= MAX_SIDE;
}

/* seen to go both ways, neither rarely: as often as one in `rare` */
static bool both_ways(const bk_block *p, uint32_t rare) {
    uint64_t a = p->prob[0], b = p->prob[1];
    return a * rare >= a + b && b * rare >= a + b;
}

static bool find(diamond *d, bk_blk p) {
    const bk_fn *f = d->f;
    const bk_block *b = &f->blocks[p];
    if (b->nsucc != 2 || b->succ[0] == b->succ[1] || b->succ[0] == p || b->succ[1] == p) return false;
    d->p = p;
    d->cond = f->ins[b->ins[b->nins - 1]].a;
    bool s0 = is_side(f, b->succ[0], p), s1 = is_side(f, b->succ[1], p);
    if (s0 && s1 && f->blocks[b->succ[0]].succ[0] == f->blocks[b->succ[1]].succ[0]) {
        d->join = f->blocks[b->succ[0]].succ[0];
    } else if (s0 && f->blocks[b->succ[0]].succ[0] == b->succ[1]) d->join = b->succ[1];
    else if (s1 && f->blocks[b->succ[1]].succ[0] == b->succ[0]) d->join = b->succ[0];
    else return false;
    d->side[0] = b->succ[0];
    d->side[1] = b->succ[1];
    return !f->blocks[d->join].header && d->join != p;
}

static bool convert(bk_opt *o, bk_blk p, bool *done) {
    diamond d = {.o = o, .f = o->f};
    chain c[2];
    bk_ref first[2], count[2] = {0, 0}, phi[2] = {0, 0};
    uint32_t n[2], nphis;
    *done = false;
    if (!find(&d, p) || !check_phis(&d, &nphis)) return true;
    for (int s = 0; s < 2; s++) {
        if (!side_chain(&d, s, &c[s], &first[s], &n[s])) return true;
        if (n[s] != 1) continue;
        phi[s] = count_phi(&d, s, first[s]);
        if (phi[s]) count[s] = first[s];
        else if (!bk_is_ki(d.f, d.f->ins[first[s]].b)) return true;
    }
    if (!n[0] && !n[1]) return true; /* LLVM sees to it */
    if (phi[0] && phi[0] == phi[1]) return true;
    if (!both_ways(&d.f->blocks[p], (count[0] || !n[0]) && (count[1] || !n[1]) ? 8 : 6)) return true;
    for (int s = 0; s < 2; s++)
        if (!move_side(&d, s, count[s], phi[s], &c[s], count[s] ? 0 : first[s])) return false;
    if (!straighten(&d, count, phi)) return false;
    *done = o->changed = true;
    return true;
}

/* ---- chains that stay where they are ---- */

static bool only_guards_between(const bk_fn *f, const bk_block *b, uint32_t from, uint32_t to) {
    for (uint32_t i = from + 1; i < to; i++)
        if (bk_ops[f->ins[b->ins[i]].op].flags & BK_OF_EFFECT) return false;
    return true;
}

/* x * a + b: one test of x instead of two of the results, and nothing of it on the way from x to the sum */
static bool join_tests(bk_opt *o, bk_blk n) {
    bk_fn *f = o->f;
    for (uint32_t i = 0; i < f->blocks[n].nins; i++) {
        bk_block *b = &f->blocks[n];
        bk_ref r = b->ins[i], last = r;
        if (f->ins[r].op != BK_MULOV || (f->ins[r].flags & BK_F_HOISTED)) continue;
        chain c = {.x = f->ins[r].a, .m = 1, .lo = INT64_MIN, .hi = INT64_MAX};
        if (!chain_step(f, &c, r)) continue;
        bk_ref second = 0;
        for (uint32_t k = i + 1; k < b->nins && !second; k++) {
            bk_ref q = b->ins[k];
            if (is_overflowing(f->ins[q].op) && f->ins[q].a == last && only_guards_between(f, b, i, k)) second = q;
        }
        if (!second || (f->ins[second].flags & BK_F_HOISTED) || !chain_step(f, &c, second)) continue;
        bk_ref ok = in_range(f, n, &c), g = bk_emit(f, n, BK_GUARD, BK_X, ok, 0, 0);
        if (f->oom) return false;
        f->ins[g].snap = f->ins[r].snap;
        f->ins[g].imm = f->ins[r].imm;
        f->ins[g].org = f->ins[r].org;
        /* they were made at the end of the block: to where the chain begins */
        bk_ref way = f->ins[ok].op == BK_ULE ? f->ins[ok].a : 0, made[3] = {way, ok, g};
        for (int k = 0; k < 3; k++) {
            uint32_t at = 0;
            if (!made[k]) continue;
            bk_unlink(f, made[k]);
            while (f->blocks[n].ins[at] != r) at++;
            if (!bk_insert(f, n, at, made[k])) return false;
        }
        unchecked(f, r);
        unchecked(f, second);
        f->ins[r].flags |= BK_F_NSW;
        f->ins[second].flags |= BK_F_NSW;
        o->changed = true;
        while (f->blocks[n].ins[i] != r) i++;
    }
    return !f->oom;
}

bool bk_pass_ifconv(bk_opt *o) {
    for (bk_blk n = 0; n < o->f->nblocks; n++) {
        bool done = true;
        while (done && o->f->blocks[n].nins)
            if (!convert(o, n, &done)) return false;
        if (!join_tests(o, n)) return false;
    }
    return !o->f->oom;
}
