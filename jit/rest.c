/* Entering native code costs as much as interpreting some dozens of instructions, and so do the events that a loop's
 * back edges make. A loop that is over before that is better left alone: its place is disabled, for a time that doubles
 * while it stays so, because later calls may run longer. Ranges, lists and tuples tell how many iterations they have
 * left; of other loops compiled code counts them. */
#include "rest.h"
#include "iterations.h"
#include "worth.h"

enum { SHORT_INSNS = 70, MANY = 256, FIRST_US = 10000, LONGEST_US = 320000 };

/* Instructions of an iteration, with those of inlined functions; 0: not known, there are loops or native calls in it.
 */
static int64_t iteration(const bk_anchor *a, const bk_region *r) {
    const bk_codestate *s = a->of;
    if (a->header < 0 || r->fn->nbodies || bk_anchor_has_inner(a)) return 0;
    int64_t n = bk_body_size(s->flow, (uint32_t)a->header);
    for (uint32_t i = 0; i < r->fn->ncodes; i++) {
        if (r->fn->codes[i] == s->code) continue;
        const bk_codestate *callee = bk_py_codestate(r->fn->codes[i], false);
        if (!callee || callee->nanchors) return 0;
        n += callee->ci->ninsns;
    }
    return n;
}

int64_t bk_rest_items(const bk_anchor *a, const bk_region *r, void **home) {
    int64_t left = bk_iterations_before(a, r, home).left;
    return left < 0 ? BK_REST_UNKNOWN : left;
}

int64_t bk_rest_left(const bk_anchor *a, const bk_region *r, void **home) {
    int64_t each = iteration(a, r), items = each ? bk_rest_items(a, r, home) : BK_REST_UNKNOWN;
    if (items < 0) return BK_REST_UNKNOWN;
    return items > SHORT_INSNS ? SHORT_INSNS : items * each;
}

int64_t bk_rest_done(const bk_anchor *a, const bk_region *r, uint64_t passes) {
    bool counted = r->fn->count_passes && a->of->ci->insns[a->header].op != BC_FOR_ITER; /* as when nobody profiles */
    int64_t each = counted ? iteration(a, r) : 0;
    if (!each) return BK_REST_UNKNOWN;
    return passes > SHORT_INSNS ? SHORT_INSNS : (int64_t)(passes + 1) * each;
}

void bk_rest_after(bk_anchor *a, int64_t insns, bool quick, uint32_t entries) {
    if (a->of->params.sync || bk_config.fixed_order) return;
    if (insns == BK_REST_UNKNOWN || insns >= SHORT_INSNS || !quick) {
        /* a long run makes up for short ones */
        a->brief -= a->brief < 4 * entries ? a->brief : 4 * entries;
        if (!a->brief) a->rest_us = 0;
        return;
    }
    if ((a->brief += entries) < MANY) return;
    a->brief = 0;
    a->rest_us = !a->rest_us ? FIRST_US : a->rest_us < LONGEST_US ? 2 * a->rest_us : LONGEST_US;
    a->resting = bk_worker_wake_in(a->rest_us);
    a->rests += a->resting;
}

bk_codestate *bk_rest_over(void) {
    for (bk_codestate *s = bk_codestates; s; s = s->next) {
        bool any = false;
        for (uint32_t i = 0; i < s->nanchors; i++) {
            any |= s->anchors[i].resting;
            s->anchors[i].resting = false;
        }
        if (any) return s;
    }
    return NULL;
}
