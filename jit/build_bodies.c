/* The functions of a region: the main one and its native functions ("bodies").
 *
 * A body is built as soon as a call asks for it, within the build of its caller, so that the caller knows what it is
 * like and whether there is one at all. Only those that are being built, further out in a recursion, are taken for
 * what is known of them. If that turns out wrong, the body is begun again without those that were begun since
 * (bk_body_relearn): they may rely on it. */
#include "build_native.h"
#include <stdlib.h>

static void drop_from(bk_bodies *all, uint32_t first) {
    while (all->n > first) {
        bk_fn_free(all->body[--all->n].fn);
        all->body[all->n].fn = NULL;
    }
}

static bool same_params(const bk_body *x, const bk_body *y) {
    if (x->func != y->func || x->nparams != y->nparams) return false;
    for (uint32_t i = 0; i < x->nparams; i++)
        if (x->param[i].type != y->param[i].type || x->param[i].konst != y->param[i].konst ||
            x->param[i].num != y->param[i].num)
            return false;
    return true;
}

static bk_body *verdict_of(bk_bodies *all, const bk_body *x) {
    for (uint32_t i = 0; i < all->nverdicts; i++)
        if (same_params(&all->verdict[i], x)) return &all->verdict[i];
    return NULL;
}

/* whoever asks for such a body from now on gets one with its result and id, or none if it failed */
static void note_verdict(bk_bodies *all, const bk_body *x, bool failed) {
    bk_body *v = verdict_of(all, x);
    if (!v && all->nverdicts < BK_MAXVERDICTS) v = &all->verdict[all->nverdicts++];
    if (!v) return;
    *v = *x;
    v->fn = NULL;
    v->failed = failed;
}

int bk_body_for(bk_builder *b, bk_body *want) {
    bk_bodies *all = b->bodies;
    const bk_body *known = verdict_of(all, want);
    int abort;
    bk_where at;
    uint32_t i;
    if (known && known->failed) return -1;
    for (i = 0; i < all->n; i++)
        if (same_params(&all->body[i], want)) return (int)i;
    if (i == BK_MAXBODIES || all->nverdicts == BK_MAXVERDICTS) return -1;
    if (known) want->result = known->result, want->id = known->id;
    bk_body *x = &all->body[all->n++];
    *x = *want;
    if ((x->fn = bk_build_one(&b->rq, all, x, &abort, &at))) return (int)i;
    if (all->again) bk_begin_all_again(b);
    note_verdict(all, x, true);
    drop_from(all, i);
    return -1;
}

/* outwards to the main function, through all that are being built */
void bk_begin_all_again(bk_builder *b) {
    b->bodies->again = b->body;
    if (b->body) bk_abort(b, BK_AB_CALLS);
    drop_from(b->bodies, 0);
    bk_restart(b);
}

void bk_body_relearn(bk_builder *b, bk_param result, bk_identity id) {
    b->body->result = result;
    b->body->id = id;
    note_verdict(b->bodies, b->body, false);
    drop_from(b->bodies, (uint32_t)(b->body - b->bodies->body) + 1);
    bk_restart(b);
}

/* ---- the region -------------------------------------------------------------------------------------------------- */

static void mark_called(const bk_bodies *all, const bk_fn *fn, bool *called) {
    for (uint32_t r = 1; r < fn->nins; r++) {
        const bk_ins *in = &fn->ins[r];
        if (in->op != BK_NCALL || called[in->imm]) continue;
        called[in->imm] = true;
        mark_called(all, all->body[in->imm].fn, called);
    }
}

static void renumber(bk_fn *fn, const int64_t *number) {
    for (uint32_t r = 1; r < fn->nins; r++)
        if (fn->ins[r].op == BK_NCALL) fn->ins[r].imm = number[fn->ins[r].imm];
}

/* gives fn the bodies that it calls; attempts that are over may have asked for others */
static bool take_bodies(bk_fn *fn, bk_bodies *all) {
    bool called[BK_MAXBODIES] = {0};
    int64_t number[BK_MAXBODIES];
    if (!all->n) return true;
    mark_called(all, fn, called);
    if (!(fn->bodies = calloc(all->n, sizeof *fn->bodies))) return false;
    for (uint32_t i = 0; i < all->n; i++) {
        if (!called[i]) continue;
        number[i] = fn->nbodies;
        fn->bodies[fn->nbodies++] = all->body[i].fn;
        all->body[i].fn = NULL;
    }
    renumber(fn, number);
    for (uint32_t i = 0; i < fn->nbodies; i++) renumber(fn->bodies[i], number);
    return true;
}

bk_fn *bk_build_region(const bk_request *rq, int *abort, bk_where *where) {
    bk_bodies *all = calloc(1, sizeof *all);
    bk_fn *fn = NULL;
    *abort = BK_AB_MEMORY;
    *where = (bk_where){0};
    if (!all) return NULL;
    fn = bk_build_one(rq, all, NULL, abort, where);
    if (fn && !take_bodies(fn, all)) {
        bk_fn_free(fn);
        fn = NULL;
        *abort = BK_AB_MEMORY;
    }
    if (fn && all->underflow)
        rq->entry[(*rq->nentry)++] =
            (bk_entrycheck){.kind = EC_UNDERFLOW, .step = all->underflow == BK_UNDERFLOW_IGNORED};
    drop_from(all, 0);
    bk_arena_free(&all->arena);
    free(all);
    return fn;
}
