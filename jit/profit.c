/* Whether native code pays, measured. A loop that does most of its work in calls of unknown code gains nothing from
 * running natively, and loses what native code does around such calls (locals are written back, boxes made). No table
 * of costs tells which loops these are. So, in turns, an iteration is timed natively and as interpreted, between the
 * events of its back edges and less what an event costs (embed/calibrate.c). The turns are short and the median of
 * their ratios counts, because what else the machine does changes both. Native code that gains nothing twice is given
 * up. */
#include "profit.h"
#include "rest.h"
#include "worth.h"
#include <time.h>

enum {
    TURN_US = 200,
    LEAST = 16,  /* passes a turn */
    WARM = 1000, /* passes for the interpreter to specialise its instructions */
    SETTLE = 4,  /* the same in later turns */
    LOSSES = 2,
    LONGEST_US = 20000, /* interpreted without an end of the trial: native code stays */
    MOST_DISTURBED = 200,
    EVENTS = 32 /* in a window of calibration */
};
static const double gain = 0.99; /* of the interpreter's time */

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
    if (!a->trial.asked && bk_worker_wake_in(TURN_US)) a->trial.asked = TURN_US;
}

/* Python code that the loop calls may have seen to the request instead of the loop: again, less and less often. */
void bk_profit_wake(void) {
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i < s->nanchors; i++) {
            bk_trial *t = &s->anchors[i].trial;
            if (t->phase == BK_TRIAL_NATIVE && t->asked && t->asked < LONGEST_US) bk_worker_wake_in(t->asked *= 2);
        }
}

static uint64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void begin_turn(bk_trial *t, bk_trialphase phase, uint32_t skip) {
    t->phase = phase;
    t->skip = skip;
    t->ticks = t->passes = t->left = 0;
    t->began = t->at = bk_clock();
    t->began_us = cpu_us();
    t->items = BK_REST_UNKNOWN;
}

static bool turn_ends(const bk_trial *t) {
    return t->passes + t->left >= LEAST && (double)t->ticks >= TURN_US * bk_ticks_per_us();
}

/* Other processes had the processor. A loop that waits itself is not slower for being native. */
static bool disturbed(bk_trial *t) {
    if (bk_stress_with == BK_STRESS_LOSS) return false;
    double wall = (double)(bk_clock() - t->began) / bk_ticks_per_us(), cpu = (double)(cpu_us() - t->began_us);
    return wall > 1.1 * cpu + 5 && ++t->disturbed;
}

void bk_profit_left(bk_anchor *a, uint64_t ticks, uint64_t passes, bool inside) {
    bk_trial *t = &a->trial;
    t->asked = 0;
    if (!t->began_us) begin_turn(t, BK_TRIAL_NATIVE, 0);
    else {
        t->ticks += ticks + (uint64_t)t->event; /* that led to the entry */
        t->passes += passes;
        t->left += inside;
    }
    if (!turn_ends(t)) return;
    t->native_ticks = (double)t->ticks;
    t->native_passes = (double)t->passes;
    t->native_left = (double)t->left;
    bool again = disturbed(t);
    if (t->disturbed > MOST_DISTURBED) t->phase = BK_TRIAL_OFF;
    else if (again) begin_turn(t, BK_TRIAL_NATIVE, 0);
    else begin_turn(t, BK_TRIAL_INTERPRETED, t->turns || t->losses ? SETTLE : WARM);
}

static double median(double *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j && v[j - 1] > v[j]; j--) {
            double swap = v[j];
            v[j] = v[j - 1];
            v[j - 1] = swap;
        }
    return v[n / 2];
}

/* of native to interpreted time; a pass in which native code is left is interpreted too */
static double ratio(const bk_trial *t, double interpreted) {
    double native = t->native_ticks + t->native_left * interpreted;
    return native / (t->native_passes + t->native_left) / interpreted;
}

static bk_trialphase turn_over(bk_trial *t) {
    double gap = (double)t->ticks / (double)t->passes;
    bool again = disturbed(t);
    begin_turn(t, BK_TRIAL_NATIVE, 0);
    if (t->disturbed > MOST_DISTURBED) return t->phase = BK_TRIAL_OFF;
    if (again) return t->phase;
    t->event = bk_py_event_ticks();
    t->ratios[t->turns++] = ratio(t, gap - t->event);
    if (t->turns < BK_TRIAL_TURNS) return t->phase;
    t->turns = 0;
    double m = bk_stress_with == BK_STRESS_LOSS ? 1 : median(t->ratios, BK_TRIAL_TURNS);
    if (m >= 0 && m < gain) return t->phase = BK_TRIAL_OFF;
    return t->phase = ++t->losses == LOSSES ? BK_TRIAL_LOST : BK_TRIAL_NATIVE;
}

/* the clock is asked first, because it is cheap; it also counts the time of other processes */
static bool too_long(const bk_trial *t, uint64_t now) {
    return (double)(now - t->began) > LONGEST_US * bk_ticks_per_us() && cpu_us() - t->began_us > LONGEST_US;
}

void bk_profit_calibrate(bk_anchor *a) {
    a->trial = (bk_trial){.phase = BK_TRIAL_EVENTS, .skip = EVENTS, .at = bk_clock()};
}

void bk_profit_event(bk_anchor *a) {
    bk_trial *t = &a->trial;
    t->ticks += t->now - t->at;
    if (t->skip) {
        t->skip--;
        t->ticks = 0;
    } else if (++t->passes == EVENTS) {
        double each = (double)t->ticks / EVENTS;
        if (!t->least || each < t->least) t->least = each;
        t->ticks = t->passes = 0;
        t->skip = EVENTS; /* in which the next run may begin */
    }
    t->at = bk_clock();
}

bk_trialphase bk_profit_pass(bk_anchor *a, const bk_region *r, void **home) {
    bk_trial *t = &a->trial;
    uint64_t gap = t->now - t->at;
    int64_t before = t->items;
    t->items = bk_rest_items(a, r, home);
    if (too_long(t, t->now)) return t->phase = BK_TRIAL_OFF;
    bool same = t->items == BK_REST_UNKNOWN || t->items == before - 1; /* of one run of the loop */
    if (t->skip) {
        if (!--t->skip) begin_turn(t, BK_TRIAL_INTERPRETED, 0);
    } else if (same) {
        t->ticks += gap;
        t->passes++;
        if (turn_ends(t)) return turn_over(t);
    }
    t->at = bk_clock();
    return BK_TRIAL_INTERPRETED;
}
