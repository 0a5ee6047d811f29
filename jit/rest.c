/* Entering native code costs as much as interpreting some dozens of instructions, and so do the events that a loop's
 * back edges make. A loop that is over before that is better left alone: its place is disabled, for a time that doubles
 * while it stays so, because later calls may run longer. Ranges, lists and tuples tell how many iterations they have
 * left; of other loops compiled code counts them.
 * Events that lead to nothing are idle: code is on its way, the compile budget is spent, or what is there fits other
 * types. They cost more than most iterations, so after some of them the place rests too. */
#include "rest.h"
#include "driver.h"
#include "iterations.h"
#include "worth.h"

enum {
    SHORT_INSNS = 70,
    MANY = 256,
    IDLE = 128,
    IDLE_AGAIN = 32,
    FIRST_US = 10000,
    LONGEST_US = 320000,
    WAKING_US = 200
};

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

static uint32_t longer(uint32_t us) { return !us ? FIRST_US : us < LONGEST_US ? 2 * us : LONGEST_US; }

static bk_anchor *all; /* places that rest */

/* Rests end together, every so often: waking costs more than what is then done for one place. */
static bool rest(bk_anchor *a, uint32_t us) {
    uint64_t now = bk_now_us(), until = (now + us + FIRST_US - 1) / FIRST_US * FIRST_US;
    if (a->resting || !bk_worker_wake_in((uint32_t)(until - now))) return a->resting;
    a->resting = true;
    a->rest_until = until;
    a->next_resting = all;
    all = a;
    return true;
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
    a->rest_us = longer(a->rest_us);
    a->rests += rest(a, a->rest_us);
}

/* What is lost for lack of code is measured while the place is awake: in a rest no more a microsecond than before it,
 * nor than after it. */
static void lost_in_rest(bk_anchor *a, uint64_t now) {
    double before = a->lost_rate;
    a->lost_rate = now > a->seen_at ? (a->lost - a->lost_before) / (double)(now - a->seen_at) : 0;
    double rested = a->idle_us ? (double)(a->woke_at - a->slept_at) : 0;
    bk_worth_lose(a, (before < a->lost_rate ? before : a->lost_rate) * rested);
    a->passed_at = 0;
}

bool bk_rest_idle(bk_anchor *a) {
    if (a->of->params.sync || bk_config.fixed_order || a->of->recording) return false;
    if (!a->idle++) {
        a->lost_before = a->lost;
        uint64_t now = bk_clock();
        if (!a->idle_us || (double)(now - a->woke_at) < WAKING_US * bk_ticks_per_us()) a->seen_at = now;
        else a->seen_at = a->woke_at;
    }
    if (a->idle < (a->idle_us ? IDLE_AGAIN : IDLE)) return false;
    lost_in_rest(a, bk_clock());
    a->idle = 0;
    a->idle_us = a->job && !a->parked ? FIRST_US : longer(a->idle_us);
    a->slept_at = a->woke_at = bk_clock();
    return rest(a, a->idle_us);
}

void bk_rest_forget(bk_anchor *a) {
    bk_anchor **p = &all;
    while (*p && *p != a) p = &(*p)->next_resting;
    if (*p) *p = a->next_resting;
    a->resting = false;
}

/* more of the same code may be over too: one change of its events will do */
static void end_rests_of(const bk_codestate *s, uint64_t now) {
    for (bk_anchor **p = &all; *p;) {
        bk_anchor *a = *p;
        if (a->of == s && a->rest_until <= now) {
            a->resting = false;
            a->woke_at = bk_clock();
            *p = a->next_resting;
        } else p = &a->next_resting;
    }
}

bk_codestate *bk_rest_over(uint64_t now, uint64_t *next) {
    for (bk_anchor *a = all; a; a = a->next_resting) {
        if (a->rest_until <= now) {
            bk_codestate *s = a->of;
            end_rests_of(s, now);
            return s;
        }
        if (a->rest_until < *next) *next = a->rest_until;
    }
    return NULL;
}
