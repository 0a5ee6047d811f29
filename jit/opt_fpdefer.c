/* Deferring NumPy's floating-point warnings: the tests of results in an innermost loop are ORed into one value, which
 * is tested once. It pays when no other guard is left inside, for then the loop may become vectors.
 *
 * The test stands where the loop (a strip of it) ends; if a result was not finite, the interpreter runs it again from
 * the preheader's entry snapshot, and NumPy warns at the right place. A loop that stores keeps an undo log and first
 * takes its stores back, so that code that a warning runs, or an error that it becomes, sees the arrays as they should
 * be.
 *
 * Where nothing else keeps a loop from becoming vectors, overflow checks of sums and differences are deferred, too. */
#include "opt_undo.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_SUMS = 8, MAX_SIDES = 8, MAX_NARROW_BLOCKS = 16 };

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_loop *l;
    uint32_t nguards;
    bool stores;
    bk_blk exit, body;
    uint32_t snap;
    bk_ref *out; /* per block: the OR at its end */
    bk_blk sum_head;
    bk_ref sums[MAX_SUMS]; /* header phis to be tested at the end */
    uint32_t nsums;
    bk_ref isums[MAX_SUMS]; /* header phis that are sums of ints */
    uint32_t nisums;
    bool ints;               /* there are overflow checks */
    bool narrow;             /* there are tests that an int fits a type of fewer bits */
    bk_blk sides[MAX_SIDES]; /* blocks outside that leave from inside the body */
    uint32_t nsides;
} defer;

static bool check_ins(defer *x, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    switch (in->op) {
    case BK_GUARD:
        if (!(in->flags & BK_F_FPCHECK)) return false;
        x->nguards++;
        if (in->imm == BK_G_OVERFLOW) x->ints = x->narrow = true;
        return true;
    case BK_ADDOV:
    case BK_SUBOV:
        x->nguards++;
        x->ints = true;
        return true;
    case BK_STORE: x->stores = true; return in->alias == BK_A_DATA;
    case BK_JMP:
    case BK_BR:
    case BK_PHI: return true;
    case BK_CALL: return bk_droppable(x->f, r);
    default: return !(bk_ops[in->op].flags & (BK_OF_GUARD | BK_OF_EFFECT));
    }
}

/* Does the index or base v move by whole elements only? */
static bool unit_step(const defer *x, bk_ref v) {
    const bk_fn *f = x->f;
    while (v && bk_variant(x->l, v) && f->ins[v].op != BK_PHI) {
        if (f->ins[v].op != BK_ADD && f->ins[v].op != BK_SUB) return false;
        v = bk_variant(x->l, f->ins[v].a) ? f->ins[v].a : f->ins[v].b;
    }
    return true;
}

/* A log costs more than tests in a loop that will not become vectors: unit steps only, no calls. */
static bool log_pays(const defer *x) {
    const bk_fn *f = x->f;
    for (uint32_t i = 0; i < x->l->nblocks; i++)
        for (uint32_t k = 0; k < f->blocks[x->l->blocks[i]].nins; k++) {
            const bk_ins *in = &f->ins[f->blocks[x->l->blocks[i]].ins[k]];
            bool data = (in->op == BK_LOAD || in->op == BK_STORE) && in->alias == BK_A_DATA;
            if (in->op == BK_CALL || (data && (bk_variant(x->l, in->a) || !unit_step(x, in->b)))) return false;
        }
    return true;
}

static uint32_t uses_inside(const defer *x, bk_ref v) {
    const bk_fn *f = x->f;
    uint32_t uses = 0;
    for (uint32_t i = 0; i < x->l->nblocks; i++)
        for (uint32_t k = 0; k < f->blocks[x->l->blocks[i]].nins; k++) {
            bk_ref r = f->blocks[x->l->blocks[i]].ins[k];
            for (uint32_t p = 0, n = bk_nopnds(f, r); p < n; p++) uses += *bk_opnd(f, r, p) == v;
        }
    return uses;
}

/* phi = phi + something, and neither is used for anything else */
static bool sums_ints(const defer *x, bk_ref phi) {
    const bk_fn *f = x->f;
    bk_ref next = f->args[f->ins[phi].a + 1];
    const bk_ins *in = &f->ins[next];
    return in->op == BK_ADDOV && (in->a == phi) != (in->b == phi) && uses_inside(x, phi) == 1 &&
           uses_inside(x, next) == 1;
}

/* Until its test is made, an int that should fit fewer bits may be anything: not a divisor, nor a distance of shifts
 * that was proven good by that test. Addresses are of unit steps (log_pays). */
static bool survives_anything(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    switch (in->op) {
    case BK_IDIV:
    case BK_IMOD:
    case BK_UDIV:
    case BK_UREM:
    case BK_SHL:
    case BK_SAR:
    case BK_SHR: return bk_is_ki(f, in->b) && f->ins[in->b].imm > 0;
    case BK_F2I:
    case BK_CTZ:
    case BK_CLZ: return false;
    default: return true;
    }
}

static bool all_survive(const defer *x) {
    const bk_fn *f = x->f;
    for (uint32_t i = 0; i < x->l->nblocks; i++)
        for (uint32_t k = 0; k < f->blocks[x->l->blocks[i]].nins; k++)
            if (!survives_anything(f, f->blocks[x->l->blocks[i]].ins[k])) return false;
    return true;
}

/* Deferred overflow checks cost more than they save in a loop that stays scalar. */
static bool vectors_likely(const defer *x) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->l->head];
    if (x->nsides || !log_pays(x) || !h->most || h->most > 1024) return false;
    if (x->narrow ? x->l->nblocks > MAX_NARROW_BLOCKS || !all_survive(x) : x->l->nblocks > 2) return false;
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        bk_ref phi = h->ins[i], next = f->args[f->ins[phi].a + 1];
        bk_iv iv;
        if (!bk_variant(x->l, next) || f->ins[next].block == x->l->head || !uses_inside(x, phi)) continue;
        if (!(bk_iv_get(x->l, phi, x->body, &iv) && iv.fixed && f->ins[next].op == BK_ADD) && !sums_ints(x, phi))
            return false;
    }
    return true;
}

static bool check_successors(defer *x, bk_blk b) {
    const bk_block *bl = &x->f->blocks[b];
    for (uint32_t s = 0; s < bl->nsucc; s++) {
        if (b == x->l->head || bk_in_loop(x->l->cfg, x->l->head, bl->succ[s])) continue;
        if (!bk_side_exit(x->l, bl->succ[s]) || x->nsides == MAX_SIDES) return false;
        x->sides[x->nsides++] = bl->succ[s];
    }
    return true;
}

/* one back edge, left from its header, or by side exits if it stores nothing */
static bool check_shape(defer *x) {
    const bk_fn *f = x->f;
    bk_loop *l = x->l;
    if (!bk_tests_at_head(l, &x->exit, &x->body) || f->blocks[x->exit].npreds != 1) return false;
    for (uint32_t i = 0; i < l->nblocks; i++) {
        const bk_block *b = &f->blocks[l->blocks[i]];
        if (!check_successors(x, l->blocks[i])) return false;
        for (uint32_t k = 0; k < b->nins; k++)
            if (!check_ins(x, b->ins[k])) return false;
        /* a header that does the work and leaves after it: its phis are not the last values */
        if (i == 0 && (x->nguards || x->stores)) return false;
    }
    if (x->ints && !vectors_likely(x)) return false;
    return x->nguards > 0 && (!x->stores || (!x->nsides && log_pays(x)));
}

/* ---- the OR ------------------------------------------------------------------------------------------------- */

static bk_ref put(defer *x, bk_blk b, uint32_t *at, bk_op op, bk_ref a, bk_ref c) {
    bk_ref r = bk_ins_new(x->f, op, (bk_type)bk_result_type(x->f, op, a, c), a, c, 0);
    if (r && bk_insert(x->f, b, *at, r)) ++*at;
    return r;
}

/* the value at the start of block b; all its predecessors inside the loop were done */
static bk_ref value_in(defer *x, bk_blk b) {
    bk_fn *f = x->f;
    bk_ref one = x->out[f->blocks[b].preds[0]];
    bool same = true;
    for (uint32_t k = 1; k < f->blocks[b].npreds; k++) same &= x->out[f->blocks[b].preds[k]] == one;
    if (same) return one;
    bk_ref phi = bk_phi(f, b, BK_I);
    for (uint32_t k = 0; phi && k < f->blocks[b].npreds; k++) bk_phi_add(f, phi, x->out[f->blocks[b].preds[k]]);
    return phi;
}

/* ---- tests that others make needless ------------------------------------------------------------------------ */

/* x is not finite, so y = op(.., x, ..) is not */
static bool carries_on(const bk_fn *f, bk_ref x, bk_ref y) {
    const bk_ins *in = &f->ins[y];
    switch (in->op) {
    case BK_FADD:
    case BK_FSUB:
    case BK_FMUL: return in->a == x || in->b == x;
    case BK_FDIV:
    case BK_FNEG:
    case BK_FABS:
    case BK_FSQRT: return in->a == x;
    default: return false;
    }
}

/* the value whose finiteness guard r tests, 0 if it is no such guard */
static bk_ref tested(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (in->op != BK_GUARD || !(in->flags & BK_F_FPCHECK) || f->ins[in->a].op != BK_FFINITE) return 0;
    return f->ins[in->a].a;
}

/* is the test of x in block b, at `at`, made by a later one of the same block? */
static bool covered(const bk_fn *f, bk_blk b, uint32_t at, bk_ref v) {
    const bk_block *bl = &f->blocks[b];
    for (uint32_t i = at + 1; i < bl->nins; i++) {
        bk_ref w = tested(f, bl->ins[i]);
        if (w && w != v && carries_on(f, v, w)) return true;
    }
    return false;
}

/* at each side exit it must be known whether the sum v was computed yet in this iteration */
static bool known_at_sides(const defer *x, bk_ref v) {
    bk_blk b = x->f->ins[v].block;
    for (uint32_t k = 0; k < x->nsides; k++) {
        bk_blk from = x->f->blocks[x->sides[k]].preds[0];
        if (!bk_dom(x->l->cfg, b, from) && !bk_dom(x->l->cfg, from, b)) return false;
    }
    return true;
}

/* v is what a header phi becomes by v = op(phi, ..): once not finite it stays so, and one test at the end is enough */
static bool sums_up(defer *x, bk_ref v) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->sum_head];
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        bk_ref phi = h->ins[i];
        if (f->ins[phi].b != 2 || f->args[f->ins[phi].a + 1] != v || !carries_on(f, phi, v)) continue;
        for (uint32_t k = 0; k < x->nsums; k++)
            if (x->sums[k] == phi) return true;
        if (x->nsums == MAX_SUMS || !known_at_sides(x, v)) return false;
        x->sums[x->nsums++] = phi;
        return true;
    }
    return false;
}

/* not 0 unless value v (0: not known) is finite, and condition c holds. v - v is +0.0 for a finite v, else NaN: vectors
 * need two operations for that, and four for the condition. */
static bk_ref sign_of_bad(defer *x, bk_blk b, uint32_t *at, bk_ref v, bk_ref c) {
    if (v && x->f->ins[v].type == BK_F) return put(x, b, at, BK_FBITS, put(x, b, at, BK_FSUB, v, v), 0);
    return put(x, b, at, BK_B2I, put(x, b, at, BK_NOT, c, 0), 0);
}

/* the int sum that r adds to, 0: none */
static bk_ref int_sum(const defer *x, bk_ref r) {
    const bk_block *h = &x->f->blocks[x->l->head];
    for (uint32_t i = 0; i < h->nins && x->f->ins[h->ins[i]].op == BK_PHI; i++)
        if (x->f->args[x->f->ins[h->ins[i]].a + 1] == r && sums_ints(x, h->ins[i])) return h->ins[i];
    return 0;
}

/* The checked sum or difference r becomes a wrapping one; returns what is not 0 if it may have overflowed. At most 1024
 * terms of less than 2^52 added to less than 2^62 do not; the terms of a running sum are tested for that, as a
 * reduction may not look at the sum itself. */
static bk_ref uncheck(defer *x, bk_blk b, uint32_t *at, bk_ref r) {
    bk_fn *f = x->f;
    bk_ref sum = x->nisums < MAX_SUMS ? int_sum(x, r) : 0;
    bk_ins *in = &f->ins[r];
    bool add = in->op == BK_ADDOV;
    bk_ref p = in->a, q = in->b;
    in->op = add ? BK_ADD : BK_SUB;
    in->snap = 0;
    in->imm = 0;
    if (sum) {
        bk_ref v = p == sum ? q : p;
        x->isums[x->nisums++] = sum;
        return put(x, b, at, BK_SHR, put(x, b, at, BK_XOR, v, put(x, b, at, BK_SAR, v, bk_ki(f, 63))), bk_ki(f, 52));
    }
    bk_ref one = put(x, b, at, BK_XOR, p, r), two = put(x, b, at, BK_XOR, add ? q : p, add ? r : q);
    return put(x, b, at, BK_SHR, put(x, b, at, BK_AND, one, two), bk_ki(f, 63));
}

/* the value that guard r tests to fit an unsigned type of `bits` bits, 0 if it is no such guard */
static bk_ref fits_unsigned(const bk_fn *f, bk_ref r, int64_t *bits) {
    const bk_ins *in = &f->ins[r], *c = &f->ins[in->a];
    if (in->op != BK_GUARD || !(in->flags & BK_F_FPCHECK) || c->op != BK_EQ) return 0;
    for (int k = 0; k < 2; k++) {
        const bk_ins *low = &f->ins[k ? c->a : c->b];
        bk_ref v = k ? c->b : c->a;
        if (low->op == BK_ZEXT && low->a == v) {
            *bits = low->imm;
            return v;
        }
    }
    return 0;
}

static bool unsigned_load(const bk_ins *in) {
    return in->op == BK_LOAD && (in->mt == BK_M_U8 || in->mt == BK_M_U16 || in->mt == BK_M_U32);
}

/* does a later guard of the block test v plus something that is not negative for the same bits? */
static bool adds_up(const bk_fn *f, bk_blk b, uint32_t at, bk_ref v, int64_t bits) {
    const bk_block *bl = &f->blocks[b];
    for (uint32_t i = at + 1; i < bl->nins; i++) {
        int64_t too;
        bk_ref w = fits_unsigned(f, bl->ins[i], &too);
        const bk_ins *in = &f->ins[w];
        if (!w || too != bits || in->op != BK_ADD) continue;
        if ((in->a == v && unsigned_load(&f->ins[in->b])) || (in->b == v && unsigned_load(&f->ins[in->a]))) return true;
    }
    return false;
}

/* what is not 0 if guard r fails, computed where it stands; 0: nothing, as a later guard fails too */
static bk_ref narrow_bad(defer *x, bk_blk b, uint32_t *at, bk_ref r) {
    bk_fn *f = x->f;
    int64_t bits;
    bk_ref v = fits_unsigned(f, r, &bits);
    if (!v) return sign_of_bad(x, b, at, 0, f->ins[r].a);
    return adds_up(f, b, *at, v, bits) ? 0 : put(x, b, at, BK_SHR, v, bk_ki(f, bits));
}

/* What was proven not to wrap may do so before the tests are made; the loop's own counters do not depend on them. */
static void drop_proofs(defer *x) {
    bk_fn *f = x->f;
    bk_iv iv;
    for (uint32_t i = 0; i < x->l->nblocks; i++)
        for (uint32_t k = 0; k < f->blocks[x->l->blocks[i]].nins; k++) {
            bk_ins *in = &f->ins[f->blocks[x->l->blocks[i]].ins[k]];
            bool counter =
                (f->ins[in->a].op == BK_PHI && bk_iv_get(x->l, in->a, x->body, &iv) && iv.fixed && bk_is_ki(f, in->b));
            if (!counter) in->flags &= (uint8_t)~BK_F_NSW;
        }
}

static void collect(defer *x, bk_blk b, bk_ref bad) {
    bk_fn *f = x->f;
    for (uint32_t i = 0; i < f->blocks[b].nins && !f->oom; i++) {
        bk_ref r = f->blocks[b].ins[i];
        if (f->ins[r].op == BK_ADDOV || f->ins[r].op == BK_SUBOV) {
            i++;
            bk_ref over = uncheck(x, b, &i, r);
            bad = put(x, b, &i, BK_OR, bad, over);
            i--;
        }
        if (f->ins[r].op != BK_GUARD) continue;
        bk_drop(x->o, r);
        x->o->st->fpdeferred++;
        if (f->ins[r].imm == BK_G_OVERFLOW) {
            bk_ref over = narrow_bad(x, b, &i, r);
            if (over) bad = put(x, b, &i, BK_OR, bad, over);
            continue;
        }
        bk_ref v = tested(f, r);
        if (v && (covered(f, b, i, v) || sums_up(x, v))) continue;
        bad = put(x, b, &i, BK_OR, bad, sign_of_bad(x, b, &i, v, f->ins[r].a));
    }
    x->out[b] = bad;
}

/* blocks in reverse postorder, the header first: their tests become one value, x->out[] */
static void collect_all(defer *x, const bk_blk *blocks, uint32_t n) {
    bk_fn *f = x->f;
    x->sum_head = blocks[0];
    bk_ref phi = bk_phi(f, blocks[0], BK_I);
    bk_phi_add(f, phi, bk_ki(f, 0));
    collect(x, blocks[0], phi);
    for (uint32_t i = 1; i < n && !f->oom; i++) collect(x, blocks[i], value_in(x, blocks[i]));
    if (!f->oom) bk_phi_add(f, phi, x->out[f->blocks[blocks[0]].preds[1]]);
}

/* the sum at the end of block `from` of the loop */
static bk_ref sum_at(const defer *x, bk_ref phi, bk_blk from) {
    bk_ref v = x->f->args[x->f->ins[phi].a + 1];
    return from != x->l->head && bk_dom(x->l->cfg, x->f->ins[v].block, from) ? v : phi;
}

static bk_ref all_finite(defer *x, bk_blk b, uint32_t *at, bk_blk from) {
    bk_ref fine = put(x, b, at, BK_EQ, x->out[from], bk_ki(x->f, 0));
    for (uint32_t k = 0; k < x->nsums; k++)
        fine = put(x, b, at, BK_AND, fine, put(x, b, at, BK_FFINITE, sum_at(x, x->sums[k], from), 0));
    for (uint32_t k = 0; k < x->nisums; k++) {
        bk_ref start = x->f->args[x->f->ins[x->isums[k]].a];
        bk_ref small = put(x, b, at, BK_ADD, start, bk_ki(x->f, INT64_C(1) << 62));
        fine = put(x, b, at, BK_AND, fine, put(x, b, at, BK_ULT, small, bk_ki(x->f, INT64_MIN)));
    }
    return fine;
}

/* tests at the start of block b, outside, what was computed up to the end of block `from` */
static void test_at(defer *x, bk_blk b, bk_blk from) {
    bk_fn *f = x->f;
    uint32_t at = 0;
    while (at < f->blocks[b].nins && f->ins[f->blocks[b].ins[at]].op == BK_PHI) at++;
    bk_ref g = put(x, b, &at, BK_GUARD, all_finite(x, b, &at, from), 0);
    if (!g) return;
    f->ins[g].snap = x->snap;
    f->ins[g].imm = x->ints ? BK_G_OVERFLOW : BK_G_FPWARN;
    f->ins[g].flags |= BK_F_HOISTED | BK_F_FPCHECK;
}

static void test_at_ends(defer *x) {
    test_at(x, x->exit, x->l->head);
    for (uint32_t k = 0; k < x->nsides && !x->f->oom; k++) test_at(x, x->sides[k], x->f->blocks[x->sides[k]].preds[0]);
}

/* head -> test -> exit, or -> roll back and leave */
static void test_or_undo(defer *x, bk_undo *u) {
    bk_fn *f = x->f;
    bk_blk test = bk_block_new(f), back = bk_block_new(f);
    uint32_t at = 0;
    bk_undo_record(u);
    if (f->oom) return;
    bk_block *h = &f->blocks[x->l->head];
    h->succ[h->succ[0] != x->exit] = test;
    bk_grow(f, (void **)&f->blocks[test].preds, &f->blocks[test].pcap, 1, sizeof(bk_blk));
    if (f->oom) return;
    f->blocks[test].preds[f->blocks[test].npreds++] = x->l->head;
    f->blocks[x->exit].preds[0] = test;
    bk_ref fine = all_finite(x, test, &at, x->l->head);
    bk_emit(f, test, BK_BR, BK_V, fine, 0, 0);
    f->blocks[test].succ[f->blocks[test].nsucc++] = x->exit;
    f->blocks[test].prob[0] = 2000;
    f->blocks[test].prob[1] = 1;
    f->blocks[test].count = f->blocks[x->exit].count;
    bk_edge(f, test, back);
    bk_undo_rollback(u, back, x->snap, x->ints ? BK_G_OVERFLOW : BK_G_FPWARN);
}

static bool defer_tests(defer *x) {
    bk_undo u;
    if (x->stores && !bk_undo_plan(&u, x->l, x->body)) return true;
    x->out = calloc(x->f->nblocks, sizeof *x->out);
    if (!x->out) return false;
    if (x->narrow) drop_proofs(x);
    collect_all(x, x->l->blocks, x->l->nblocks);
    if (x->f->oom) return false;
    if (x->stores) test_or_undo(x, &u);
    else test_at_ends(x);
    return !x->f->oom;
}

/* Where tests stay: one is needless if a later one covers it, with nothing but such tests between them that could be
 * seen. These then leave to where it would have left: what was computed since is computed again. */
static void drop_covered(bk_opt *o, bk_blk b) {
    bk_fn *f = o->f;
    const bk_block *bl = &f->blocks[b];
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref v = tested(f, bl->ins[i]);
        if (!v) continue;
        for (uint32_t k = i + 1; k < bl->nins; k++) {
            bk_ref r = bl->ins[k], w = tested(f, r);
            if (!w && !bk_droppable(f, r)) break;
            if (!w || w == v || !carries_on(f, v, w)) continue;
            for (uint32_t j = i + 1; j <= k; j++)
                if (tested(f, bl->ins[j])) f->ins[bl->ins[j]].snap = f->ins[bl->ins[i]].snap;
            bk_drop(o, bl->ins[i]);
            o->st->guards_removed++;
            break;
        }
    }
}

static bool defer_loop(bk_opt *o, bk_blk head) {
    bk_cfg *cfg = bk_cfg_new(o->f);
    defer *x = calloc(1, sizeof *x);
    bk_loop l = {0};
    bool ok = cfg && x;
    if (ok && bk_loop_get(&l, o->f, cfg, head)) {
        *x = (defer){.o = o, .f = o->f, .l = &l, .snap = o->f->blocks[l.pre].entry_snap};
        if (check_shape(x)) {
            ok = defer_tests(x);
            bk_sweep(o->f);
        }
        free(x->out);
    }
    bk_loop_free(&l);
    bk_cfg_free(cfg);
    free(x);
    return ok && !o->f->oom;
}

bool bk_pass_fpdefer(bk_opt *o) {
    if (o->p->no_hoist) return true;
    bool ok = bk_each_loop(o, defer_loop);
    for (bk_blk b = 0; ok && b < o->f->nblocks; b++) drop_covered(o, b);
    return ok;
}
