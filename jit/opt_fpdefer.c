/* Deferring NumPy's floating-point warnings: the tests of results in an innermost loop are ORed into one value, which
 * is tested once. It pays when no other guard is left inside, for then the loop may become vectors.
 *
 * A loop that stores nothing (a reduction) is tested when it ends; if a result was not finite, the interpreter runs it
 * (a strip of it) again from the preheader's entry snapshot, and NumPy warns at the right place.
 *
 * A loop that stores is run twice: first a copy without the stores and with the tests, then, if all was finite, the
 * loop itself without tests. So nothing was stored when a test fails, and code that a warning runs or an error that it
 * becomes sees the arrays as they should be. Both runs must compute the same: the loop may write only buffer data, and
 * none that it reads. Guards before the loop compare the extents that the accesses span; a loop that stores through a
 * base it also loads from is left alone. */
#include "opt_loop.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ACCESS = 24, MAX_SUMS = 8 };
enum {
#define BK_GUARD(name, text, sentence) KIND_##name,
#include "bk_guards.def"
#undef BK_GUARD
};

/* accesses of one base, index and scale */
typedef struct {
    bk_ref base, index; /* base: invariant, or varying (then `root` + `way`); index: 0, invariant or linear */
    bk_ref root, way;   /* base = padd root, way */
    uint8_t scale;
    int64_t lo, hi; /* offsets: first byte, one past the last */
    bool store;
    bk_ref from, to; /* extent, as integers, once computed */
} access;

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_loop *l;
    access acc[MAX_ACCESS];
    uint32_t nacc, nguards;
    bool stores;
    bk_blk exit, body;
    bk_iv iv; /* of the access being computed */
    uint32_t snap;
    bk_ref *out; /* per block: the OR at its end */
    bk_blk sum_head;
    bk_ref sums[MAX_SUMS]; /* header phis to be tested at the end */
    uint32_t nsums;
} defer;

/* the induction phi that v follows through sums and products with invariants; 0 none, or nothing bounds it */
static bk_ref follows(defer *x, bk_ref v) {
    for (int depth = 0; depth < 8; depth++) {
        const bk_ins *in = &x->f->ins[v];
        if (in->op == BK_PHI)
            return bk_iv_get(x->l, v, x->body, &x->iv) && x->iv.stop && x->iv.fixed && !x->iv.rotated ? v : 0;
        if (in->op != BK_ADD && in->op != BK_SUB && in->op != BK_MUL) return 0;
        bool a = bk_variant(x->l, in->a), b = bk_variant(x->l, in->b);
        if (a == b) return 0;
        v = a ? in->a : in->b;
    }
    return 0;
}

static bool split_address(defer *x, const bk_ins *in, access *a) {
    const bk_ins *base = &x->f->ins[in->a];
    int64_t size = bk_mem_size(in);
    *a = (access){.base = in->a, .index = in->b, .scale = in->scale, .lo = in->imm, .hi = in->imm + size};
    a->store = in->op == BK_STORE;
    bool moving = a->index && bk_variant(x->l, a->index);
    if (moving && !follows(x, a->index)) return false;
    if (!bk_variant(x->l, a->base)) return true;
    if (moving || base->op != BK_PADD || bk_variant(x->l, base->a)) return false;
    a->root = base->a;
    a->way = base->b;
    return follows(x, a->way) != 0;
}

static bool add_access(defer *x, const bk_ins *in) {
    access a;
    if (!split_address(x, in, &a)) return false;
    x->stores |= a.store;
    for (uint32_t i = 0; i < x->nacc; i++) {
        access *b = &x->acc[i];
        if (b->base != a.base || b->index != a.index || b->scale != a.scale || b->store != a.store) continue;
        if (a.lo < b->lo) b->lo = a.lo;
        if (a.hi > b->hi) b->hi = a.hi;
        return true;
    }
    if (x->nacc == MAX_ACCESS) return false;
    x->acc[x->nacc++] = a;
    return true;
}

static bool check_ins(defer *x, bk_ref r) {
    const bk_ins *in = &x->f->ins[r];
    switch (in->op) {
    case BK_GUARD:
        if (!(in->flags & BK_F_FPCHECK)) return false;
        x->nguards++;
        return true;
    case BK_STORE: return in->alias == BK_A_DATA && add_access(x, in);
    case BK_LOAD: return in->alias != BK_A_DATA || add_access(x, in);
    case BK_JMP:
    case BK_BR:
    case BK_PHI: return true;
    case BK_CALL: return bk_droppable(x->f, r);
    default: return !(bk_ops[in->op].flags & (BK_OF_GUARD | BK_OF_EFFECT));
    }
}

/* A load and a store through one base are most likely of one place: re-running is not the same. */
static bool stores_what_it_loads(const defer *x) {
    for (uint32_t i = 0; i < x->nacc; i++)
        for (uint32_t k = 0; k < x->nacc; k++) {
            const access *s = &x->acc[i], *t = &x->acc[k];
            if (!s->store || t->store) continue;
            if (s->base == t->base || (s->root && s->root == t->root)) return true;
        }
    return false;
}

/* A loop that will not become vectors costs more when it is run twice: unit steps only, no calls. */
static bool twice_pays(const defer *x) {
    const bk_fn *f = x->f;
    for (uint32_t i = 0; i < x->nacc; i++) {
        bk_ref v = x->acc[i].index;
        if (x->acc[i].root) return false;
        while (v && bk_variant(x->l, v) && f->ins[v].op != BK_PHI) {
            if (f->ins[v].op == BK_MUL) return false;
            v = bk_variant(x->l, f->ins[v].a) ? f->ins[v].a : f->ins[v].b;
        }
    }
    for (uint32_t i = 0; i < x->l->nblocks; i++)
        for (uint32_t k = 0; k < f->blocks[x->l->blocks[i]].nins; k++)
            if (f->ins[f->blocks[x->l->blocks[i]].ins[k]].op == BK_CALL) return false;
    return true;
}

/* one back edge, left only from its header */
static bool check_shape(defer *x) {
    const bk_fn *f = x->f;
    bk_loop *l = x->l;
    const bk_block *h = &f->blocks[l->head];
    if (h->npreds != 2 || h->nsucc != 2 || !bk_innermost(l)) return false;
    bool first_out = !bk_in_loop(l->cfg, l->head, h->succ[0]);
    x->exit = h->succ[!first_out];
    x->body = h->succ[first_out];
    if (bk_in_loop(l->cfg, l->head, x->exit) || f->blocks[x->exit].npreds != 1) return false;
    for (uint32_t i = 0; i < l->nblocks; i++) {
        const bk_block *b = &f->blocks[l->blocks[i]];
        for (uint32_t s = 0; s < b->nsucc; s++)
            if (l->blocks[i] != l->head && !bk_in_loop(l->cfg, l->head, b->succ[s])) return false;
        for (uint32_t k = 0; k < b->nins; k++)
            if (!check_ins(x, b->ins[k])) return false;
        /* a header that does the work and leaves after it: its phis are not the last values */
        if (i == 0 && (x->nguards || x->stores)) return false;
    }
    return x->nguards > 0 && (!x->stores || (!stores_what_it_loads(x) && twice_pays(x)));
}

/* ---- extents ------------------------------------------------------------------------------------------------ */

static bk_ref pre(defer *x, bk_op op, bk_ref a, bk_ref b) { return bk_emit(x->f, x->l->pre, op, BK_X, a, b, 0); }

static bk_ref at_value(defer *x, bk_ref v, bk_ref i) {
    if (v == x->iv.phi) return i;
    if (!bk_variant(x->l, v)) return v;
    const bk_ins in = x->f->ins[v];
    bk_ref a = at_value(x, in.a, i), b = at_value(x, in.b, i);
    return pre(x, (bk_op)in.op, a, b);
}

/* the address of access a, without its offsets, with the induction variable at i */
static bk_ref address_at(defer *x, const access *a, bk_ref i) {
    bk_fn *f = x->f;
    bk_ref p = pre(x, BK_P2I, a->root ? a->root : a->base, 0);
    if (a->root) p = pre(x, BK_ADD, p, at_value(x, a->way, i));
    if (!a->index) return p;
    bk_ref n = bk_variant(x->l, a->index) ? at_value(x, a->index, i) : a->index;
    return pre(x, BK_ADD, p, pre(x, BK_MUL, n, bk_ki(f, a->scale)));
}

static void extent(defer *x, access *a) {
    bk_fn *f = x->f;
    bk_ref v = a->root ? a->way : a->index && bk_variant(x->l, a->index) ? a->index : 0;
    bk_ref first, last;
    if (!v) {
        first = last = address_at(x, a, 0);
    } else {
        follows(x, v); /* sets x->iv */
        bk_ref end = x->iv.inclusive ? x->iv.stop : pre(x, BK_ADD, x->iv.stop, bk_ki(f, x->iv.up ? -1 : 1));
        first = address_at(x, a, x->iv.start);
        last = address_at(x, a, end);
    }
    bk_ref up = pre(x, BK_LE, first, last);
    bk_ref lo = bk_emit(f, x->l->pre, BK_SELECT, BK_I, up, first, last);
    bk_ref hi = bk_emit(f, x->l->pre, BK_SELECT, BK_I, up, last, first);
    a->from = pre(x, BK_ADD, lo, bk_ki(f, a->lo));
    a->to = pre(x, BK_ADD, hi, bk_ki(f, a->hi));
}

static void guard_disjoint(defer *x) {
    for (uint32_t i = 0; i < x->nacc; i++) extent(x, &x->acc[i]);
    bk_ref all = 0;
    for (uint32_t i = 0; i < x->nacc; i++)
        for (uint32_t k = 0; k < x->nacc && !x->f->oom; k++) {
            const access *s = &x->acc[i], *t = &x->acc[k];
            if (!s->store || t->store) continue;
            bk_ref one = pre(x, BK_OR, pre(x, BK_LE, s->to, t->from), pre(x, BK_LE, t->to, s->from));
            all = all ? pre(x, BK_AND, all, one) : one;
        }
    if (all) bk_emit_guard(x->f, x->l->pre, BK_GUARD, all, 0, x->snap, KIND_HOISTED);
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

/* v is what a header phi becomes by v = op(phi, ..): once not finite it stays so, and one test at the end is enough */
static bool sums_up(defer *x, bk_ref v) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->sum_head];
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        bk_ref phi = h->ins[i];
        if (f->ins[phi].b != 2 || f->args[f->ins[phi].a + 1] != v || !carries_on(f, phi, v)) continue;
        for (uint32_t k = 0; k < x->nsums; k++)
            if (x->sums[k] == phi) return true;
        if (x->nsums == MAX_SUMS) return false;
        x->sums[x->nsums++] = phi;
        return true;
    }
    return false;
}

static void collect(defer *x, bk_blk b, bk_ref bad) {
    bk_fn *f = x->f;
    for (uint32_t i = 0; i < f->blocks[b].nins && !f->oom; i++) {
        bk_ref r = f->blocks[b].ins[i];
        if (f->ins[r].op != BK_GUARD) continue;
        bk_drop(x->o, r);
        x->o->st->fpdeferred++;
        bk_ref v = tested(f, r);
        if (v && (covered(f, b, i, v) || sums_up(x, v))) continue;
        bk_ref no = put(x, b, &i, BK_NOT, f->ins[r].a, 0);
        bad = put(x, b, &i, BK_OR, bad, put(x, b, &i, BK_B2I, no, 0));
    }
    x->out[b] = bad;
}

static void drop_guards(defer *x) {
    bk_fn *f = x->f;
    for (uint32_t n = 0; n < x->l->nblocks; n++)
        for (uint32_t i = 0; i < f->blocks[x->l->blocks[n]].nins; i++) {
            bk_ref r = f->blocks[x->l->blocks[n]].ins[i];
            if (f->ins[r].op == BK_GUARD) bk_drop(x->o, r);
        }
}

/* blocks in reverse postorder, the header first: their tests become one value, which is returned as it is when the
 * header is left */
static bk_ref collect_all(defer *x, const bk_blk *blocks, uint32_t n) {
    bk_fn *f = x->f;
    x->sum_head = blocks[0];
    bk_ref phi = bk_phi(f, blocks[0], BK_I);
    bk_phi_add(f, phi, bk_ki(f, 0));
    collect(x, blocks[0], phi);
    for (uint32_t i = 1; i < n && !f->oom; i++) collect(x, blocks[i], value_in(x, blocks[i]));
    if (!f->oom) bk_phi_add(f, phi, x->out[f->blocks[blocks[0]].preds[1]]);
    return x->out[blocks[0]];
}

static void test(defer *x, bk_blk b, uint32_t at, bk_ref bad) {
    bk_fn *f = x->f;
    bk_ref fine = put(x, b, &at, BK_EQ, bad, bk_ki(f, 0));
    for (uint32_t k = 0; k < x->nsums; k++)
        fine = put(x, b, &at, BK_AND, fine, put(x, b, &at, BK_FFINITE, x->sums[k], 0));
    bk_ref g = put(x, b, &at, BK_GUARD, fine, 0);
    if (!g) return;
    f->ins[g].snap = x->snap;
    f->ins[g].imm = KIND_FPWARN;
    f->ins[g].flags |= BK_F_HOISTED | BK_F_FPCHECK;
}

/* ---- the copy without stores -------------------------------------------------------------------------------- */

static bk_ref mapped(const bk_ref *map, uint32_t n, bk_ref r) { return r < n && map[r] ? map[r] : r; }

static void copy_ins(defer *x, bk_ref r, bk_blk to, bk_ref *map) {
    bk_fn *f = x->f;
    bk_ins in = f->ins[r];
    if (in.op == BK_STORE) return;
    bk_ref c = bk_ins_new(f, (bk_op)in.op, (bk_type)in.type, 0, 0, 0);
    if (!c) return;
    if (bk_ops[in.op].nargs == '*') {
        uint32_t n = in.b;
        bk_ref *list = malloc((n + 1) * sizeof *list);
        if (!list) {
            f->oom = 1;
            return;
        }
        memcpy(list, f->args + in.a, n * sizeof *list);
        in.a = bk_args_new(f, list, n);
        free(list);
    }
    f->ins[c] = in;
    bk_insert(f, to, f->blocks[to].nins, c);
    map[r] = c;
}

static void copy_edges(defer *x, const bk_blk *bmap, bk_blk from, bk_blk after) {
    bk_fn *f = x->f;
    const bk_block *b = &f->blocks[from];
    bk_block *c = &f->blocks[bmap[from]];
    if (!bk_grow(f, (void **)&c->preds, &c->pcap, b->npreds, sizeof *c->preds)) return;
    for (uint32_t k = 0; k < b->npreds; k++) c->preds[k] = b->preds[k] == x->l->pre ? x->l->pre : bmap[b->preds[k]];
    for (uint32_t k = 0; k < b->nsucc; k++) c->succ[k] = b->succ[k] == x->exit ? after : bmap[b->succ[k]];
    c->npreds = b->npreds;
    c->nsucc = b->nsucc;
    c->header = b->header;
    c->count = b->count;
    memcpy(c->prob, b->prob, sizeof c->prob);
}

/* copies the loop to bmap[]; `after` is where the copy ends */
static void copy_loop(defer *x, bk_blk *bmap, bk_ref *map, uint32_t nins, bk_blk after) {
    bk_fn *f = x->f;
    const bk_loop *l = x->l;
    for (uint32_t i = 0; i < l->nblocks && !f->oom; i++) {
        bk_blk b = l->blocks[i];
        for (uint32_t k = 0; k < f->blocks[b].nins && !f->oom; k++) copy_ins(x, f->blocks[b].ins[k], bmap[b], map);
        copy_edges(x, bmap, b, after);
    }
    for (uint32_t i = 0; i < l->nblocks && !f->oom; i++) {
        const bk_block *c = &f->blocks[bmap[l->blocks[i]]];
        for (uint32_t k = 0; k < c->nins; k++)
            for (uint32_t p = 0, n = bk_nopnds(f, c->ins[k]); p < n; p++) {
                bk_ref *v = bk_opnd(f, c->ins[k], p);
                *v = mapped(map, nins, *v);
            }
    }
}

/* pre -> copy -> after (the test, now the preheader) -> the loop */
static void insert_copy(defer *x, bk_blk *bmap, bk_ref *map, uint32_t nins) {
    bk_fn *f = x->f;
    bk_loop *l = x->l;
    bk_blk after = bk_block_new(f), *order = malloc(l->nblocks * sizeof *order);
    for (uint32_t i = 0; order && i < l->nblocks; i++) order[i] = bmap[l->blocks[i]] = bk_block_new(f);
    free(x->out);
    x->out = calloc(f->nblocks, sizeof *x->out);
    if (!order || !x->out) f->oom = 1;
    if (!f->oom) copy_loop(x, bmap, map, nins, after);
    if (!f->oom) {
        bk_block *a = &f->blocks[after];
        bk_ref bad = collect_all(x, order, l->nblocks);
        bk_emit(f, after, BK_JMP, BK_V, 0, 0, 0);
        test(x, after, 0, bad);
        bk_grow(f, (void **)&a->preds, &a->pcap, 1, sizeof *a->preds);
        if (!f->oom) a->preds[a->npreds++] = order[0];
        a->succ[a->nsucc++] = l->head;
        a->preheader = true;
        a->entry_snap = x->snap;
        a->count = f->blocks[l->pre].count;
        f->blocks[l->pre].succ[0] = order[0];
        f->blocks[l->head].preds[0] = after;
    }
    free(order);
}

static bool run_twice(defer *x) {
    bk_fn *f = x->f;
    guard_disjoint(x);
    uint32_t nins = f->nins;
    bk_ref *map = calloc(nins, sizeof *map);
    bk_blk *bmap = calloc(f->nblocks, sizeof *bmap);
    if (map && bmap) insert_copy(x, bmap, map, nins);
    else f->oom = 1;
    free(map);
    free(bmap);
    if (!f->oom) drop_guards(x);
    return !f->oom;
}

static bool test_at_end(defer *x) {
    bk_fn *f = x->f;
    x->out = calloc(f->nblocks, sizeof *x->out);
    if (!x->out) return false;
    bk_ref bad = collect_all(x, x->l->blocks, x->l->nblocks);
    uint32_t at = 0;
    const bk_block *e = &f->blocks[x->exit];
    while (at < e->nins && f->ins[e->ins[at]].op == BK_PHI) at++;
    test(x, x->exit, at, bad);
    return !f->oom;
}

/* Where tests stay: one is needless if a later one covers it and leaves to the same state, with nothing between them
 * that could be seen. */
static void drop_covered(bk_opt *o, bk_blk b) {
    bk_fn *f = o->f;
    const bk_block *bl = &f->blocks[b];
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref v = tested(f, bl->ins[i]);
        if (!v) continue;
        for (uint32_t k = i + 1; k < bl->nins; k++) {
            bk_ref r = bl->ins[k], w = tested(f, r);
            bool guard = bk_ops[f->ins[r].op].flags & BK_OF_GUARD;
            if (guard ? f->ins[r].snap != f->ins[bl->ins[i]].snap : !bk_droppable(f, r)) break;
            if (!w || w == v || !carries_on(f, v, w)) continue;
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
            ok = x->stores ? run_twice(x) : test_at_end(x);
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
    uint32_t n = 0;
    if (o->p->no_hoist) return true;
    bk_cfg *cfg = bk_cfg_new(o->f);
    bk_blk *order = cfg ? bk_loop_order(o->f, cfg, &n) : NULL;
    bool ok = order != NULL;
    bk_cfg_free(cfg);
    for (uint32_t i = 0; ok && i < n; i++) ok = defer_loop(o, order[i]);
    free(order);
    for (bk_blk b = 0; ok && b < o->f->nblocks; b++) drop_covered(o, b);
    return ok;
}
