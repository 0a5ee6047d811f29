/* Staging: the stores of a loop that keeps an undo log are made in blocks of iterations whose results were tested
 * before, so that these need no log.
 *
 *   C: poll; limit -> H: undo log -> T: all fine? -> E: more? -> C, -> X
 * becomes
 *   C: poll; many left? -> L: `most` iterations, results to a stage -> T': all fine? -> M: the stage to where it goes
 *      -> E;  else -> C4: the same with fewer iterations;  else -> D: limit -> H as before
 *
 * A block that is not fine has stored nothing yet: it leaves at C's state. L and M run a constant number of iterations
 * and become single vector operations, and the stage their registers. H is left with a few iterations at the end, or
 * with all where the arrays overlap in such a way that a block would load what it has yet to store (opt_apart.c). */
#include "opt_apart.h"
#include <stdlib.h>
#include <string.h>

enum {
    MAX_STORES = 4,
    MAX_TESTS = 12,
    MAX_NEEDED = 64,
    MAX_LASTS = 16,
    SIZES = 2,
    BLOCK_BYTES = BK_STAGE_BYTES,
    REST_BYTES = 32
};

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_loop *l;
    bk_blk chunk, test, check, undone; /* C, T, E, and where T leaves when the log has been taken back */
    bk_apart apart;
    bk_iv iv;
    bk_ref bad; /* header phi: what is not 0 when an iteration was not fine */
    bk_ref stores[MAX_STORES];
    uint32_t nstores;
    bool *needed; /* per instruction: results depend on it */
    uint32_t nneeded, ntests, size;
    bk_ref fine; /* blocks may run: tested before C */
    bk_blk ends[SIZES];
    uint32_t nends;
    bk_ref lasts[MAX_LASTS]; /* header phis that become what an iteration computes, and what that is after each block */
    bk_ref last_values[SIZES][MAX_LASTS];
    uint32_t nlasts;
} stage;

static const bk_ins *last_of(const bk_fn *f, bk_blk b) { return &f->ins[f->blocks[b].ins[f->blocks[b].nins - 1]]; }

/* ---- is it such a loop? ----------------------------------------------------------------------------------------- */

/* T: bad == 0 -> E, -> taken back -> undone */
static bool find_test(stage *x) {
    const bk_fn *f = x->f;
    const bk_block *t = &f->blocks[x->test];
    const bk_ins *br = last_of(f, x->test), *c = &f->ins[br->a];
    if (br->op != BK_BR || c->op != BK_EQ || !bk_is_ki(f, c->b) || f->ins[c->b].imm != 0) return false;
    x->bad = c->a;
    if (f->ins[x->bad].op != BK_PHI || f->ins[x->bad].block != x->l->head) return false;
    x->check = t->succ[0];
    const bk_block *back = &f->blocks[t->succ[1]];
    x->undone = back->nsucc == 2 ? back->succ[1] : 0;
    return x->undone && f->blocks[x->undone].nsucc == 0 && last_of(f, x->undone)->op == BK_EXIT &&
           f->blocks[x->undone].nins == 1 && last_of(f, x->undone)->snap == f->blocks[x->chunk].entry_snap;
}

/* C begins with the poll whose snapshot is the state at its end, and the induction variable steps by one */
static bool find_chunk(stage *x) {
    const bk_fn *f = x->f;
    const bk_block *c = &f->blocks[x->chunk];
    uint32_t at = 0;
    if (!c->header || c->npreds != 2 || c->preds[1] != x->check || !f->blocks[c->preds[0]].preheader) return false;
    while (f->ins[c->ins[at]].op == BK_PHI) at++;
    return f->ins[c->ins[at]].op == BK_POLL && f->ins[c->ins[at]].snap == c->entry_snap;
}

static bk_ref twin_of(const stage *x, bk_ref phi) {
    const bk_ins *in = &x->f->ins[x->f->args[x->f->ins[phi].a]];
    return in->op == BK_PHI && in->block == x->chunk ? x->f->args[x->f->ins[phi].a] : 0;
}

/* E: i < stop -> C, -> X */
static bool find_check(stage *x) {
    bk_fn *f = x->f;
    const bk_block *e = &f->blocks[x->check];
    const bk_ins *br = last_of(f, x->check), *c = &f->ins[br->a];
    if (e->npreds != 1 || f->ins[e->ins[0]].op == BK_PHI || br->op != BK_BR || e->succ[0] != x->chunk) return false;
    if (c->op != BK_LT && c->op != BK_LE) return false;
    for (int k = 0; k < 2; k++) {
        bk_ref i = k ? c->b : c->a, stop = k ? c->a : c->b;
        if (!bk_iv_get(x->l, i, x->apart.body, &x->iv) || !x->iv.fixed || x->iv.up != !k || !twin_of(x, i)) continue;
        x->iv.inclusive = c->op == BK_LE;
        x->apart.start = f->args[f->ins[twin_of(x, i)].a];
        x->apart.stop = stop;
        x->apart.up = !k;
        int64_t step = f->ins[x->iv.step].imm;
        return (step == 1 || step == -1) && !bk_in_loop(x->l->cfg, x->chunk, f->ins[stop].block);
    }
    return false;
}

/* by which constant header phi p grows in each iteration; 0: it does not */
static bk_ref step_of(const stage *x, bk_ref p) {
    const bk_ins *in = &x->f->ins[p];
    if (in->op != BK_PHI || in->block != x->l->head) return 0;
    const bk_ins *next = &x->f->ins[x->f->args[in->a + 1]];
    if (next->op != BK_ADD || !(next->flags & BK_F_NSW) || next->a != p || !bk_is_ki(x->f, next->b)) return 0;
    return next->b;
}

/* ---- what a block of iterations needs ---------------------------------------------------------------------------- */

static bool need(stage *x, bk_ref v) {
    const bk_fn *f = x->f;
    const bk_ins *in = &f->ins[v];
    if (!v || !bk_variant(x->l, v) || x->needed[v]) return true;
    if (++x->nneeded > MAX_NEEDED) return false;
    x->needed[v] = true;
    if (in->op == BK_PHI) return v == x->bad || (twin_of(x, v) && step_of(x, v));
    if (in->op != BK_LOAD && !(bk_ops[in->op].flags & BK_OF_PURE)) return false;
    for (uint32_t i = 0, n = bk_nopnds(f, v); i < n; i++)
        if (!need(x, *bk_opnd(f, v, i))) return false;
    return true;
}

/* can it be told what header phi p is after n iterations from C on, without computing them? */
static bool foreseen(const stage *x, bk_ref phi) {
    bk_ref next = x->f->args[x->f->ins[phi].a + 1];
    return next == phi || !bk_variant(x->l, next) || step_of(x, phi) || (step_of(x, next) && twin_of(x, next));
}

static bool check_phis(stage *x) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->l->head];
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        bk_ref p = h->ins[i], next = f->args[f->ins[p].a + 1];
        if (!twin_of(x, p) || foreseen(x, p)) continue;
        if (x->nlasts == MAX_LASTS || f->ins[next].op == BK_PHI || !need(x, next)) return false;
        x->lasts[x->nlasts++] = p;
    }
    return true;
}

/* a store of 4 or 8 bytes side by side, all of one size: so they are one vector */
static bool take_store(stage *x, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    int64_t by;
    uint32_t size = bk_mem_size(in);
    if (x->nstores == MAX_STORES || in->alias != BK_A_DATA || size < 4 || (x->size && size != x->size)) return false;
    if (!bk_growth(&x->apart, in->b, &by) || (by != 1 && by != -1) || in->scale != size) return false;
    x->size = size;
    x->stores[x->nstores++] = r;
    return need(x, in->a) && need(x, in->b) && need(x, in->c);
}

static bool check_body(stage *x) {
    const bk_fn *f = x->f;
    const bk_block *b = &f->blocks[x->apart.body];
    bool logged = false;
    for (uint32_t i = 0; i < b->nins; i++) {
        const bk_ins *in = &f->ins[b->ins[i]];
        if (bk_has_snap(f, b->ins[i])) return false;
        if (in->op == BK_STORE && in->alias == BK_A_UNDO) logged = true;
        else if (in->op == BK_STORE && !take_store(x, b->ins[i])) return false;
        else if (in->op != BK_STORE && in->op != BK_JMP && (bk_ops[in->op].flags & BK_OF_EFFECT)) return false;
    }
    return logged && x->nstores && need(x, f->args[f->ins[x->bad].a + 1]);
}

/* elements side by side, or one element: vectors of anything else cost more than they save */
static bool plain_load(const stage *x, const bk_ins *in) {
    int64_t by;
    if (in->alias != BK_A_DATA) return !(x->l->writes.classes >> in->alias & 1);
    if (bk_variant(x->l, in->a) || !bk_growth(&x->apart, in->b, &by)) return false;
    return by == 0 || ((by == 1 || by == -1) && in->scale == bk_mem_size(in));
}

/* calls what(x, access, store, the access stands behind the store) for each pair that may meet; false: one said no */
static bool each_pair(stage *x, bool (*what)(stage *, bk_ref, bk_ref, bool)) {
    bk_fn *f = x->f;
    bool done[MAX_STORES] = {false};
    for (uint32_t i = 0; i < f->blocks[x->apart.body].nins; i++) {
        bk_ref r = f->blocks[x->apart.body].ins[i];
        uint8_t op = f->ins[r].op;
        bool store = op == BK_STORE && f->ins[r].alias == BK_A_DATA;
        if (op == BK_LOAD && x->needed[r] && !plain_load(x, &f->ins[r])) return false;
        bool load = op == BK_LOAD && x->needed[r] && f->ins[r].alias == BK_A_DATA;
        for (uint32_t k = 0; k < x->nstores; k++) {
            if (x->stores[k] == r) done[k] = true;
            if ((load || (store && !done[k])) && !what(x, r, x->stores[k], done[k])) return false;
        }
    }
    return true;
}

/* do load r and an earlier one of the body differ by a constant only, a[i, j - 1] and a[i, j + 1]? */
static bool like(const stage *x, bk_ref r, bk_ref other) {
    const bk_ins *a = &x->f->ins[r], *b = &x->f->ins[other];
    return b->op == BK_LOAD && x->needed[other] && a->op == BK_LOAD && a->a == b->a && a->b == b->b &&
           a->scale == b->scale && a->mt == b->mt;
}

/* The loads like r on its side of the store: the lowest, and how many bytes higher the highest is. One test is made of
 * them all: what lies between them is as near to the store as they are. 0: r is not the first. */
static bk_ref group_of(const stage *x, bk_ref r, bk_ref store, bool after, int64_t *span) {
    const bk_fn *f = x->f;
    const bk_block *b = &f->blocks[x->apart.body];
    bk_ref low = r, high = r, first = 0;
    bool behind = false;
    for (uint32_t i = 0; i < b->nins; i++) {
        bk_ref o = b->ins[i];
        behind |= o == store;
        if (o != r && (behind != after || !like(x, r, o))) continue;
        if (!first) first = o;
        if (f->ins[o].imm < f->ins[low].imm) low = o;
        if (f->ins[o].imm > f->ins[high].imm) high = o;
    }
    *span = f->ins[high].imm - f->ins[low].imm;
    return first == r ? low : 0;
}

static bool plan_pair(stage *x, bk_ref other, bk_ref store, bool after) {
    int64_t span;
    bk_apart_kind kind = bk_apart_plan(&x->apart, other, store, after);
    x->ntests += kind == BK_APART_TEST && group_of(x, other, store, after, &span);
    return kind != BK_APART_NEVER && x->ntests <= MAX_TESTS;
}

/* the stages that are taken, by the highest number */
static uint32_t stages_used(const bk_fn *f) {
    int64_t n = 0;
    for (bk_blk b = 0; b < f->nblocks; b++)
        for (uint32_t i = 0; i < f->blocks[b].nins; i++) {
            const bk_ins *in = &f->ins[f->blocks[b].ins[i]];
            if (in->op == BK_STAGE && in->imm >= n) n = in->imm + 1;
        }
    return (uint32_t)n;
}

static bool fits(stage *x) {
    bk_loop *l = x->l;
    bk_blk body;
    if (!bk_tests_at_head(l, &x->test, &body) || l->nblocks != 2 || !x->f->blocks[l->head].most) return false;
    x->chunk = l->pre;
    x->apart = (bk_apart){.l = l, .body = body};
    if (!find_test(x) || !find_chunk(x) || !find_check(x) || !check_body(x) || !check_phis(x)) return false;
    x->apart.most = BLOCK_BYTES / x->size;
    x->apart.at = x->f->blocks[x->chunk].preds[0];
    return each_pair(x, plan_pair) && stages_used(x->f) + SIZES * x->nstores <= BK_STAGES;
}

/* ---- copies of the body ------------------------------------------------------------------------------------------ */

typedef struct {
    stage *x;
    bk_blk b;
    bk_ref *map; /* per instruction of the loop: its copy */
    uint32_t nmap;
    bk_ref phis[MAX_NEEDED];
    uint32_t nphis;
} copier;

static bk_ref copy(copier *c, bk_ref v) {
    stage *x = c->x;
    bk_fn *f = x->f;
    if (!v || !bk_variant(x->l, v) || f->oom) return v;
    if (c->map[v]) return c->map[v];
    bk_ins in = f->ins[v];
    bk_ref r;
    if (in.op == BK_PHI) {
        r = bk_phi(f, c->b, (bk_type)in.type);
        bk_phi_add(f, r, f->args[in.a]);
        c->phis[c->nphis++] = v;
    } else {
        in.a = copy(c, in.a), in.b = copy(c, in.b), in.c = copy(c, in.c);
        in.block = c->b;
        r = bk_ins_new(f, (bk_op)in.op, (bk_type)in.type, 0, 0, 0);
        if (!r) return 0;
        f->ins[r] = in;
        bk_insert(f, c->b, f->blocks[c->b].nins, r);
    }
    return c->map[v] = r;
}

/* the phis' values of the next iteration */
static void close_phis(copier *c) {
    bk_fn *f = c->x->f;
    for (uint32_t i = 0; i < c->nphis && !f->oom; i++) {
        bk_ref p = c->phis[i], next;
        if (p == c->x->bad) next = copy(c, f->args[f->ins[p].a + 1]);
        else {
            next = bk_emit(f, c->b, BK_ADD, BK_I, c->map[p], step_of(c->x, p), 0);
            f->ins[next].flags |= BK_F_NSW;
        }
        bk_phi_add(f, c->map[p], next);
    }
}

static void jump(bk_fn *f, bk_blk from, bk_blk to) {
    bk_emit(f, from, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(f, from, to);
}

/* A loop of n lanes, entered from a preheader *pre that nothing leads to yet; its body is still to be filled. */
static bk_blk lanes_begin(stage *x, bk_blk *pre, uint32_t n) {
    bk_fn *f = x->f;
    bk_blk b;
    *pre = bk_block_new(f), b = bk_block_new(f);
    if (f->oom) return 0;
    f->blocks[*pre].preheader = f->blocks[b].header = f->blocks[b].lanes = true;
    f->blocks[*pre].entry_snap = f->blocks[x->chunk].entry_snap;
    f->blocks[b].most = n;
    f->blocks[*pre].count = f->blocks[b].count = f->blocks[x->l->head].count;
    jump(f, *pre, b);
    return b;
}

static bk_ref lane_number(bk_fn *f, bk_blk b) {
    bk_ref t = bk_phi(f, b, BK_I);
    bk_phi_add(f, t, bk_ki(f, 0));
    return t;
}

/* goes round, then on to block `to` */
static void lanes_end(bk_fn *f, bk_blk b, bk_ref t, bk_blk to) {
    bk_ref next = bk_emit(f, b, BK_ADD, BK_I, t, bk_ki(f, 1), 0);
    f->ins[next].flags |= BK_F_NSW;
    bk_phi_add(f, t, next);
    bk_emit(f, b, BK_BR, BK_V, bk_emit(f, b, BK_LT, BK_1, next, bk_ki(f, f->blocks[b].most), 0), 0, 0);
    bk_edge(f, b, b);
    bk_edge(f, b, to);
}

static void copier_begin(copier *c, bk_blk b) {
    c->b = b;
    c->nphis = 0;
    memset(c->map, 0, c->nmap * sizeof *c->map);
}

/* ---- the blocks -------------------------------------------------------------------------------------------------- */

/* L and T': all results to the stage, then on if they are fine; returns L's preheader, *on: where to go on */
static bk_blk results(stage *x, copier *c, uint32_t n, const bk_ref *to, bk_blk *on) {
    bk_fn *f = x->f;
    bk_blk pre, b = lanes_begin(x, &pre, n), test = bk_block_new(f);
    *on = bk_block_new(f);
    if (f->oom) return 0;
    copier_begin(c, b);
    bk_ref t = lane_number(f, b);
    for (uint32_t k = 0; k < x->nstores; k++) {
        bk_ins s = f->ins[x->stores[k]];
        bk_store(f, b, (bk_memtype)s.mt, BK_A_UNDO, to[k], t, s.scale, 0, copy(c, s.c));
    }
    bk_ref bad = copy(c, f->args[f->ins[x->bad].a + 1]);
    for (uint32_t k = 0; k < x->nlasts; k++) x->last_values[x->nends][k] = copy(c, f->args[f->ins[x->lasts[k]].a + 1]);
    close_phis(c);
    lanes_end(f, b, t, test);
    bk_emit(f, test, BK_BR, BK_V, bk_emit(f, test, BK_EQ, BK_1, bad, bk_ki(f, 0), 0), 0, 0);
    bk_edge(f, test, *on);
    bk_edge(f, test, x->undone);
    if (f->oom) return 0;
    f->blocks[test].prob[0] = 2000;
    f->blocks[test].prob[1] = 1;
    f->blocks[test].count = f->blocks[*on].count = f->blocks[b].count;
    return pre;
}

/* M: one stage to where it goes, from block `from`, which has no end yet; returns a block without one */
static bk_blk put(stage *x, copier *c, uint32_t n, bk_ref stage, bk_ref store, bk_blk from) {
    bk_fn *f = x->f;
    bk_ins s = f->ins[store];
    bk_blk pre, b = lanes_begin(x, &pre, n), next = bk_block_new(f);
    if (f->oom) return 0;
    f->blocks[next].count = f->blocks[b].count;
    jump(f, from, pre);
    copier_begin(c, b);
    bk_ref t = lane_number(f, b);
    bk_ref v = bk_load(f, b, (bk_memtype)s.mt, BK_A_UNDO, stage, t, s.scale, 0);
    bk_ref base = copy(c, s.a), index = copy(c, s.b);
    bk_store(f, b, (bk_memtype)s.mt, BK_A_DATA, base, index, s.scale, s.imm, v);
    close_phis(c);
    lanes_end(f, b, t, next);
    return next;
}

/* what header phi p is after the k-th block, of n iterations */
static bk_ref after(stage *x, bk_ref phi, uint32_t k, uint32_t n) {
    bk_fn *f = x->f;
    bk_ref next = f->args[f->ins[phi].a + 1], of = phi;
    for (uint32_t i = 0; i < x->nlasts; i++)
        if (x->lasts[i] == phi) return x->last_values[k][i];
    if (next == phi) return twin_of(x, phi);
    if (!bk_variant(x->l, next)) return next;
    if (!step_of(x, phi)) { /* what next was in the iteration before */
        of = next;
        n--;
    }
    int64_t way = (int64_t)n * f->ins[step_of(x, of)].imm;
    bk_ref r = bk_emit(f, x->ends[k], BK_ADD, BK_I, twin_of(x, of), bk_ki(f, way), 0);
    f->ins[r].flags |= BK_F_NSW;
    return r;
}

/* n iterations as a block: returns where it begins; it ends in x->ends, going on to E */
static bk_blk block_of(stage *x, copier *c, uint32_t n) {
    bk_fn *f = x->f;
    bk_ref to[MAX_STORES] = {0};
    bk_blk on;
    uint32_t first = stages_used(f);
    for (uint32_t k = 0; k < x->nstores; k++) {
        to[k] = bk_emit(f, x->apart.at, BK_STAGE, BK_P, 0, 0, 0);
        f->ins[to[k]].imm = first + k;
    }
    bk_blk pre = results(x, c, n, to, &on);
    for (uint32_t k = 0; k < x->nstores && !f->oom; k++) on = put(x, c, n, to[k], x->stores[k], on);
    if (f->oom) return 0;
    x->ends[x->nends++] = on;
    return pre;
}

/* ---- putting it together ----------------------------------------------------------------------------------------- */

static bool test_pair(stage *x, bk_ref other, bk_ref store, bool after) {
    int64_t span;
    if (bk_apart_plan(&x->apart, other, store, after) != BK_APART_TEST) return true;
    bk_ref low = group_of(x, other, store, after, &span);
    if (!low) return true;
    bk_ref apart = bk_apart_test(&x->apart, low, span, store, after);
    x->fine = bk_emit(x->f, x->apart.at, BK_AND, BK_1, x->fine, apart, 0);
    return true;
}

/* C keeps its phis and the poll; all else moves to D, the new preheader of H */
static bk_blk split_chunk(stage *x) {
    bk_fn *f = x->f;
    bk_blk d = bk_block_new(f);
    if (f->oom) return 0;
    bk_block *c = &f->blocks[x->chunk];
    uint32_t at = 0;
    while (f->ins[c->ins[at]].op != BK_POLL) at++;
    for (uint32_t i = at + 1; i < c->nins; i++) {
        f->ins[c->ins[i]].block = d;
        bk_insert(f, d, f->blocks[d].nins, c->ins[i]);
        c = &f->blocks[x->chunk];
    }
    c->nins = at + 1;
    c->nsucc = 0;
    c->preheader = false;
    bk_block *b = &f->blocks[d];
    b->preheader = true;
    b->entry_snap = c->entry_snap;
    b->count = c->count;
    b->succ[0] = x->l->head;
    b->nsucc = 1;
    f->blocks[x->l->head].preds[0] = d;
    return d;
}

/* b, which has no end yet, goes to `block` if at least n iterations are left, else to `rest` */
static void choose(stage *x, bk_blk b, bk_ref left, uint32_t n, bk_blk block, bk_blk rest) {
    bk_fn *f = x->f;
    bk_ref many = bk_emit(f, b, BK_ULT, BK_1, bk_ki(f, (int64_t)n - 1), left, 0);
    bk_emit(f, b, BK_BR, BK_V, bk_emit(f, b, BK_AND, BK_1, x->fine, many, 0), 0, 0);
    bk_edge(f, b, block);
    bk_edge(f, b, rest);
}

/* what E and all behind it have of header phi p is p or, after a block, what it would be then */
static void merge(stage *x, bk_ref p, const uint32_t *sizes) {
    bk_fn *f = x->f;
    bk_ref m = bk_phi(f, x->check, (bk_type)f->ins[p].type);
    bk_phi_add(f, m, p);
    for (uint32_t k = 0; k < x->nends; k++) bk_phi_add(f, m, after(x, p, k, sizes[k]));
    if (f->oom) return;
    const bk_cfg *cfg = x->l->cfg;
    for (uint32_t i = 0; i < cfg->nrpo; i++) {
        bk_blk b = cfg->rpo[i];
        for (uint32_t k = 0; k < f->blocks[b].nins; k++) {
            bk_ref r = f->blocks[b].ins[k];
            bool phi = f->ins[r].op == BK_PHI;
            if (r == m || (!phi && !bk_dom(cfg, x->check, b))) continue;
            for (uint32_t n = 0, all = bk_nopnds(f, r); n < all; n++)
                if (*bk_opnd(f, r, n) == p &&
                    (!phi || (f->blocks[b].preds[n] < cfg->nblocks && bk_dom(cfg, x->check, f->blocks[b].preds[n]))))
                    *bk_opnd(f, r, n) = m;
        }
    }
    for (uint32_t i = 0; i < f->nslots; i++) { /* of snapshots behind the loop: inside nothing leaves */
        bk_slot *s = &f->slots[i];
        if (s->a == p) s->a = m;
        if (s->b == p) s->b = m;
        if (s->c == p) s->c = m;
    }
}

static void merge_all(stage *x, const uint32_t *sizes) {
    bk_fn *f = x->f;
    for (uint32_t k = 0; k < x->nends; k++) jump(f, x->ends[k], x->check);
    for (uint32_t i = 0; i < f->blocks[x->l->head].nins && !f->oom; i++) {
        bk_ref p = f->blocks[x->l->head].ins[i];
        if (f->ins[p].op != BK_PHI) break;
        if (twin_of(x, p)) merge(x, p, sizes);
    }
}

static void transform(stage *x, copier *c) {
    bk_fn *f = x->f;
    const uint32_t sizes[SIZES] = {BLOCK_BYTES / x->size, REST_BYTES / x->size};
    bk_blk starts[SIZES], rest = bk_block_new(f), d;
    const bk_apart *a = &x->apart;
    x->fine = bk_emit(f, a->at, x->iv.inclusive ? BK_LE : BK_LT, BK_1, a->up ? a->start : a->stop,
                      a->up ? a->stop : a->start, 0);
    each_pair(x, test_pair);
    for (uint32_t k = 0; k < SIZES; k++) starts[k] = block_of(x, c, sizes[k]);
    if (f->oom || !(d = split_chunk(x))) return;
    bk_ref i = twin_of(x, x->iv.phi);
    bk_ref left = bk_emit(f, x->chunk, BK_SUB, BK_I, a->up ? a->stop : i, a->up ? i : a->stop, 0);
    f->blocks[rest].count = f->blocks[x->chunk].count;
    choose(x, x->chunk, left, sizes[0], starts[0], rest);
    choose(x, rest, left, sizes[1], starts[1], d);
    merge_all(x, sizes);
    f->blocks[x->l->head].rare = true; /* a few iterations, or such as do not become vectors */
    x->o->changed = true;
    x->o->st->staged++;
}

static bool stage_loop(bk_opt *o, bk_blk head) {
    bk_fn *f = o->f;
    bk_cfg *cfg = bk_cfg_new(f);
    bk_loop l = {0};
    stage x = {.o = o, .f = f, .l = &l, .needed = calloc(f->nins, sizeof *x.needed)};
    copier c = {.x = &x, .map = calloc(f->nins, sizeof *c.map), .nmap = f->nins};
    bool ok = cfg && x.needed && c.map;
    if (ok && bk_loop_get(&l, f, cfg, head) && fits(&x)) transform(&x, &c);
    bk_loop_free(&l);
    bk_cfg_free(cfg);
    free(x.needed);
    free(c.map);
    return ok && !f->oom;
}

bool bk_pass_stage(bk_opt *o) { return bk_each_loop(o, stage_loop); }
