/* Last values: what a header phi holds only for the time after the loop is computed there, and the phi goes.
 *
 * In `for i in range(n)` the local i is, at the header, the iterator's previous value: phi [what i was, next]. In each
 * iteration that is one more value to carry, and a recurrence that LLVM's vectoriser makes no epilogue for. After the
 * loop it is next - step, or what it was if there was no iteration. The same holds for a phi that is a constant from
 * the second iteration on (the box that an unboxed value once had). The box of a counter that only some iterations
 * count up is the one it had, unless the counter is another number now. */
#include "opt_loop.h"
#include <stdlib.h>

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_loop *l;
    bk_blk exit, body;
    bk_iv count; /* an induction variable: it left its start if there was an iteration */
    bk_ref ran;  /* i1, in the exit block: there was one */
    uint32_t at; /* where the next value goes in the exit block */
} last;

/* left only from its header, to a block of its own; no exits that could want the phis */
static bool check_shape(last *x) {
    const bk_fn *f = x->f;
    const bk_loop *l = x->l;
    if (!bk_tests_at_head(l, &x->exit, &x->body) || f->blocks[x->exit].npreds != 1) return false;
    for (uint32_t i = 0; i < l->nblocks; i++) {
        const bk_block *b = &f->blocks[l->blocks[i]];
        for (uint32_t s = 0; s < b->nsucc; s++)
            if (l->blocks[i] != l->head && !bk_in_loop(l->cfg, l->head, b->succ[s])) return false;
        for (uint32_t k = 0; k < b->nins; k++)
            if (bk_has_snap(f, b->ins[k])) return false;
    }
    return true;
}

/* by others than `but` (0: none) */
static bool used_inside(const last *x, bk_ref phi, bk_ref but) {
    const bk_fn *f = x->f;
    for (uint32_t i = 0; i < x->l->nblocks; i++) {
        const bk_block *b = &f->blocks[x->l->blocks[i]];
        for (uint32_t k = 0; k < b->nins; k++)
            for (uint32_t p = 0, n = bk_nopnds(f, b->ins[k]); p < n; p++)
                if (*bk_opnd(f, b->ins[k], p) == phi && b->ins[k] != but) return true;
    }
    return false;
}

static bk_ref emit(last *x, bk_op op, bk_type type, bk_ref a, bk_ref b, bk_ref c) {
    bk_ref r = bk_ins_new(x->f, op, type, a, b, c);
    return r && bk_insert(x->f, x->exit, x->at, r) ? x->at++, r : 0;
}

static bool find_count(last *x) {
    const bk_block *h = &x->f->blocks[x->l->head];
    for (uint32_t i = 0; i < h->nins && x->f->ins[h->ins[i]].op == BK_PHI; i++)
        if (bk_iv_get(x->l, h->ins[i], x->body, &x->count) && x->count.fixed) return true;
    return false;
}

/* what the phi is after at least one iteration, 0: something else */
static bk_ref after_some(last *x, bk_ref phi) {
    bk_fn *f = x->f;
    bk_ref next = f->args[f->ins[phi].a + 1];
    bk_iv iv;
    if (!bk_variant(x->l, next)) return next;
    if (f->ins[next].op != BK_PHI || !bk_iv_get(x->l, next, x->body, &iv) || !iv.fixed) return 0;
    return emit(x, BK_SUB, BK_I, next, iv.step, 0);
}

/* v is n + k, k > 0, without wrapping */
static bool counted_up(const bk_fn *f, bk_ref v, bk_ref n) {
    const bk_ins *in = &f->ins[v];
    return in->op == BK_ADD && (in->flags & BK_F_NSW) && in->a == n && bk_is_ki(f, in->b) && f->ins[in->b].imm > 0;
}

/* do the phis that n and box become go together: as they were, or counted up and `none`? */
static bool go_together(const bk_fn *f, bk_ref n, bk_ref n2, bk_ref box, bk_ref box2, bk_ref *none) {
    const bk_ins *a = &f->ins[n2], *b = &f->ins[box2];
    if (a->op != BK_PHI || a->block != b->block || a->b != b->b) return false;
    for (uint32_t k = 0; k < a->b; k++) {
        bk_ref v = f->args[a->a + k], w = f->args[b->a + k];
        if (v == n && w == box) continue;
        if (!counted_up(f, v, n) || f->ins[w].op != BK_K_PTR || (*none && *none != w)) return false;
        *none = w;
    }
    return *none != 0;
}

/* the box of a counter */
static bool replace_box(last *x, bk_ref box) {
    bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->l->head];
    bk_ref next = f->args[f->ins[box].a + 1];
    if (f->ins[next].op != BK_PHI || f->ins[next].block == x->l->head || f->ins[box].type != BK_P) return false;
    if (used_inside(x, box, next) || used_inside(x, next, box)) return false;
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        bk_ref n = h->ins[i], start = f->args[f->ins[n].a], none = 0;
        if (f->ins[n].type != BK_I || !go_together(f, n, f->args[f->ins[n].a + 1], box, next, &none)) continue;
        bk_ref same = emit(x, BK_EQ, BK_1, n, start, 0);
        bk_ref r = emit(x, BK_SELECT, BK_P, same, f->args[f->ins[box].a], none);
        if (!r) return false;
        /* nothing in the loop needs either phi any more; what replaces them does not dominate them */
        f->args[f->ins[box].a + 1] = none;
        bk_drop(x->o, next);
        bk_replace(x->o, box, r);
        return true;
    }
    return false;
}

static void replace_phi(last *x, bk_ref phi) {
    bk_fn *f = x->f;
    if (replace_box(x, phi) || used_inside(x, phi, 0)) return;
    bk_ref value = after_some(x, phi), before = f->args[f->ins[phi].a];
    if (!value || value == phi) return;
    if (!x->ran) x->ran = emit(x, BK_NE, BK_1, x->count.phi, x->count.start, 0);
    bk_ref r = emit(x, BK_SELECT, (bk_type)f->ins[phi].type, x->ran, value, before);
    if (r) bk_replace(x->o, phi, r);
}

static bool last_values(bk_opt *o, bk_blk head) {
    bk_fn *f = o->f;
    bk_cfg *cfg = bk_cfg_new(f);
    if (!cfg) return false;
    bk_loop l;
    if (bk_loop_get(&l, f, cfg, head)) {
        last x = {.o = o, .f = f, .l = &l};
        const bk_block *h = &f->blocks[head];
        if (check_shape(&x) && f->ins[f->blocks[x.exit].ins[0]].op != BK_PHI && find_count(&x))
            for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI && !f->oom; i++)
                replace_phi(&x, h->ins[i]);
    }
    bk_opt_apply(o);
    bk_loop_free(&l);
    bk_cfg_free(cfg);
    return !f->oom;
}

bool bk_pass_last(bk_opt *o) { return bk_each_loop(o, last_values); }
