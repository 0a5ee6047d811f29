/* Iterations for the profile. Interpreted ones are back edge events; those in native code are told by what the loop's
 * iterator has left before and after, which costs nothing in the code. Where it does not tell (`while`; iterators of
 * lists, which may grow, and of other kinds) code that is compiled while profiling counts its polls. Where neither is
 * so, as inside of other loops' native code, the loop's iterations are not known. */
#include "iterations.h"
#include "bk_backend.h"

static const bk_entrycheck *iterator_check(const bk_anchor *a, const bk_entrycheck *checks, uint32_t n) {
    int32_t slot = bk_iterator_slot(a->of, a->header);
    for (uint32_t i = 0; slot >= 0 && i < n; i++)
        if (checks[i].slot == (uint32_t)slot) return &checks[i];
    return NULL;
}

/* has a number of items that cannot change? */
static bool fixed(bk_obj *type) { return type == bk_types.t_range_iterator || type == bk_types.t_tuple_iterator; }

bool bk_iterations_need_passes(const bk_anchor *a, const bk_entrycheck *checks, uint32_t n) {
    const bk_entrycheck *c = iterator_check(a, checks, n);
    if (!c) return a->header >= 0;
    if (c->kind != EC_WRAPPED) return !fixed(c->type);
    for (int i = 0; i < c->niters; i++)
        if (!fixed(c->iters[i].type)) return true;
    return false;
}

bk_iterations bk_iterations_before(const bk_anchor *a, const bk_region *r, void **home) {
    const bk_entrycheck *c = iterator_check(a, r->checks, r->nchecks);
    return (bk_iterations){c, c ? bk_entry_left(c, home) : -1};
}

typedef enum { AT_HEAD, IN_BODY, ENDED, BROKEN_OFF, GONE } place; /* GONE: left, its iterator is no more there */

/* not the same object: enumerate and zip are made anew */
static bool has_iterator(const bk_entrycheck *c, void **home) {
    bk_obj *o = bk_py_home_get(home, c->slot);
    return o && bk_py_type(o) == c->type;
}

/* where the loop's own frame goes on */
static place place_of(const bk_anchor *a, const bk_region *r, const bk_iterations *it, int64_t exit) {
    const bk_codestate *s = a->of;
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, (uint32_t)exit, &fn);
    const bk_snap *sn = &fn->snaps[x->snap];
    const bk_sframe *sf = &fn->sframes[sn->frame];
    if (fn != r->fn || sn->nframes != 1) return IN_BODY;
    if (sf->resume == bk_anchor_offset(a)) return AT_HEAD;
    uint16_t pc = sf->resume / 2 < s->ci->nbytes ? s->ci->index[sf->resume / 2] : 0xffff;
    if (pc != 0xffff && bk_in_body(s->flow, (uint32_t)a->header, pc)) return IN_BODY;
    if (it->check && it->check->slot < s->ci->nlocals + sf->depth) return BROKEN_OFF;
    return sn->org && fn->origins[sn->org].offset == bk_anchor_offset(a) ? ENDED : GONE;
}

/* back edges by what the iterator has given; -1: not known */
static int64_t given(const bk_iterations *it, place where, void **home) {
    if (it->left < 0 || where == GONE) return -1;
    if (where == ENDED) return it->left;
    int64_t left = has_iterator(it->check, home) ? bk_entry_left(it->check, home) : -1;
    if (left < 0 || left > it->left) return -1;
    int64_t n = it->left - left;
    return where == AT_HEAD || !n ? n : n - 1; /* the last one is not over */
}

void bk_iterations_after(bk_anchor *a, const bk_region *r, void **home, bk_iterations before, int64_t exit,
                         uint64_t passes) {
    if (a->header < 0) return;
    int64_t n = -1;
    if (exit >= 0 && r->fn->count_passes && passes < BK_PASSES_MANY) n = (int64_t)passes;
    else if (exit >= 0) n = given(&before, place_of(a, r, &before, exit), home);
    if (n < 0) a->uncounted = true;
    else a->iterations += (uint64_t)n;
    a->counted_entries++;
}

static void cover(bk_obj *code, const bk_anchor *a) {
    bk_codestate *s = bk_py_codestate(code, false);
    for (uint32_t i = 0; s && i < s->nanchors; i++) {
        bk_anchor *inner = &s->anchors[i];
        bool inside = s != a->of || a->header < 0 || bk_in_body(s->flow, (uint32_t)a->header, (uint32_t)inner->header);
        if (inner != a && inside) inner->uncounted = true;
    }
}

void bk_iterations_cover(const bk_anchor *a, const bk_region *r) {
    for (uint32_t i = 0; i < r->fn->ncodes; i++) cover(r->fn->codes[i], a);
    for (uint32_t k = 0; k < r->fn->nbodies; k++)
        for (uint32_t i = 0; i < r->fn->bodies[k]->ncodes; i++) cover(r->fn->bodies[k]->codes[i], a);
}

int64_t bk_iterations_of(const bk_anchor *a) {
    uint64_t entries = a->past.entries;
    for (const bk_region *r = a->region; r; r = r->other) entries += r->entries;
    if (a->header < 0 || a->uncounted || !a->back_edges || entries != a->counted_entries) return -1;
    return (int64_t)(a->back_edges + a->iterations);
}
