/* Deferring NumPy's floating-point warnings: the tests of results in an innermost loop are ORed into one value, which
 * is tested when the loop ends. If a result was not finite, the loop (a strip of it) is run again by the interpreter
 * from its preheader's entry snapshot, and NumPy warns at the right place. It pays when no other guard is left inside,
 * for then the loop may become vectors.
 *
 * Running again must give the same: the loop may write only buffer data, and none that it reads. Of the addresses it
 * reads and writes only base, induction variable and scale are known, so guards before the loop compare the extents
 * that all accesses together span; a loop that stores through a base it also loads from is left alone. */
#include "opt_loop.h"
#include <stdlib.h>

enum { MAX_ACCESS = 24 };
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
} defer;

/* the induction phi that v follows through sums and products with invariants; 0 none, or nothing bounds it */
static bk_ref follows(defer *x, bk_ref v) {
    for (int depth = 0; depth < 8; depth++) {
        const bk_ins *in = &x->f->ins[v];
        if (in->op == BK_PHI) return bk_iv_get(x->l, v, x->body, &x->iv) && x->iv.stop && x->iv.fixed ? v : 0;
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
    }
    return x->nguards > 0 && !(x->stores && stores_what_it_loads(x));
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

static void collect(defer *x, bk_blk b, bk_ref bad) {
    bk_fn *f = x->f;
    for (uint32_t i = 0; i < f->blocks[b].nins && !f->oom; i++) {
        bk_ref r = f->blocks[b].ins[i];
        if (f->ins[r].op != BK_GUARD) continue;
        bk_ref no = put(x, b, &i, BK_NOT, f->ins[r].a, 0);
        bad = put(x, b, &i, BK_OR, bad, put(x, b, &i, BK_B2I, no, 0));
        bk_drop(x->o, r);
        x->o->st->fpdeferred++;
    }
    x->out[b] = bad;
}

static bool transform(defer *x) {
    bk_fn *f = x->f;
    bk_loop *l = x->l;
    x->snap = f->blocks[l->pre].entry_snap;
    x->out = calloc(f->nblocks, sizeof *x->out);
    if (!x->out) return false;
    if (x->stores) guard_disjoint(x);
    bk_ref zero = bk_ki(f, 0), phi = bk_phi(f, l->head, BK_I);
    bk_phi_add(f, phi, zero);
    collect(x, l->head, phi);
    for (uint32_t i = 1; i < l->nblocks && !f->oom; i++) collect(x, l->blocks[i], value_in(x, l->blocks[i]));
    bk_phi_add(f, phi, x->out[f->blocks[l->head].preds[1]]);
    uint32_t at = 0;
    const bk_block *e = &f->blocks[x->exit];
    while (at < e->nins && f->ins[e->ins[at]].op == BK_PHI) at++;
    bk_ref fine = put(x, x->exit, &at, BK_EQ, x->out[l->head], zero);
    bk_ref g = put(x, x->exit, &at, BK_GUARD, fine, 0);
    if (g) {
        f->ins[g].snap = x->snap;
        f->ins[g].imm = KIND_FPWARN;
        f->ins[g].flags |= BK_F_HOISTED | BK_F_FPCHECK;
    }
    free(x->out);
    return !f->oom;
}

bool bk_pass_fpdefer(bk_opt *o) {
    uint32_t n = 0;
    bk_cfg *cfg = bk_cfg_new(o->f);
    bk_blk *order = cfg ? bk_loop_order(o->f, cfg, &n) : NULL;
    defer *x = malloc(sizeof *x);
    bool ok = order && x;
    for (uint32_t i = 0; ok && i < n && !o->p->no_hoist; i++) { /* no edge changes: the facts stay right */
        bk_loop l;
        if (bk_loop_get(&l, o->f, cfg, order[i])) {
            *x = (defer){.o = o, .f = o->f, .l = &l};
            if (check_shape(x)) ok = transform(x);
        }
        bk_loop_free(&l);
        ok = ok && !o->f->oom;
    }
    free(x);
    free(order);
    bk_cfg_free(cfg);
    return ok;
}
