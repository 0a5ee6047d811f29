/* Whether native code pays, measured. A loop that does most of its work in calls of unknown code gains nothing from
 * running natively, and loses what native code does around such calls (locals are written back, boxes made). No table
 * of costs tells which loops these are. So an iteration is timed natively, then some are left to the interpreter and
 * timed between the events of their back edges, less what an event costs. Of each the fastest of some windows counts:
 * other processes and rare iterations disturb both. Native code that loses twice is given up. */
#include "profit.h"
#include "rest.h"
#include "worth.h"
#include <time.h>

enum {
    WINDOWS = 3,
    NATIVE_PASSES = 64, /* a window's, unless it takes longer than NATIVE_US */
    NATIVE_US = 2000,
    WARM = 1000, /* iterations for the interpreter to specialise its instructions */
    PASSES = 32,
    LOSSES = 2,
    LONGEST_US = 20000 /* interpreted without an end of the trial: native code stays */
};

bool bk_profit_doubtful(const bk_fn *f) {
    for (uint32_t i = 1; i < f->nins; i++) {
        const bk_ins *in = &f->ins[i];
        if (in->op != BK_CALL || (in->flags & BK_F_DEAD) || in->imm < 0 || in->imm >= BK_NHELPERS) continue;
        if (bk_helpers[in->imm].effect >= BK_E_ITEMS) return true;
    }
    return false;
}

void bk_profit_begin(bk_anchor *a, const bk_region *r) {
    bool timed = !a->of->params.sync && !bk_config.fixed_order && a->header >= 0 && r->fn->count_passes;
    bool doubtful = timed && !bk_anchor_has_inner(a) && bk_profit_doubtful(r->fn);
    a->trial = (bk_trial){.phase = doubtful ? BK_TRIAL_NATIVE : BK_TRIAL_OFF};
}

/* A run may last as long as the program: a poll ends it, and it goes on at once. */
void bk_profit_enter(bk_anchor *a) {
    if (!a->trial.asked) a->trial.asked = bk_worker_wake_in(NATIVE_US);
}

static uint64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void close_window(bk_trial *t, double *least) {
    double each = (double)t->ticks / t->passes;
    if (!t->windows || each < *least) *least = each;
    t->windows++;
    t->ticks = t->passes = 0;
}

void bk_profit_left(bk_anchor *a, uint64_t ticks, uint64_t passes) {
    bk_trial *t = &a->trial;
    t->asked = false;
    t->ticks += ticks;
    t->passes += passes + 1;
    if (t->passes < NATIVE_PASSES && t->ticks < NATIVE_US * bk_ticks_per_us()) return;
    close_window(t, &t->native);
    if (t->windows < WINDOWS) return;
    t->phase = BK_TRIAL_INTERPRETED;
    t->windows = 0;
    t->skip = WARM;
    t->began = t->at = bk_clock();
    t->began_us = cpu_us();
    t->items = BK_REST_UNKNOWN;
}

static bk_trialphase verdict(bk_trial *t) {
    double interpreted = t->interpreted - bk_py_event_ticks();
    if (t->native <= interpreted) return BK_TRIAL_OFF;
    if (++t->losses == LOSSES) return BK_TRIAL_LOST;
    t->windows = 0;
    return BK_TRIAL_NATIVE;
}

/* the clock is asked first, because it is cheap; it also counts the time of other processes */
static bool too_long(bk_trial *t, uint64_t now) {
    if ((double)(now - t->began) < LONGEST_US * bk_ticks_per_us()) return false;
    t->began = now;
    return cpu_us() - t->began_us > LONGEST_US;
}

bk_trialphase bk_profit_pass(bk_anchor *a, const bk_region *r, void **home) {
    bk_trial *t = &a->trial;
    uint64_t now = bk_clock(), gap = now - t->at;
    int64_t before = t->items;
    t->items = bk_rest_items(a, r, home);
    if (too_long(t, now)) return t->phase = BK_TRIAL_OFF;
    bool same = t->items == BK_REST_UNKNOWN || t->items == before - 1; /* of one run of the loop */
    if (t->skip) t->skip--;
    else if (same) {
        t->ticks += gap;
        if (++t->passes == PASSES) close_window(t, &t->interpreted);
        if (t->windows == WINDOWS) return t->phase = verdict(t);
    }
    t->at = bk_clock();
    return BK_TRIAL_INTERPRETED;
}
