/* The state machine of a loop: its back edges and calls are counted, then recorded, its native code is entered. */
#include "await.h"
#include "budget.h"
#include "driver.h"
#include "event.h"
#include "iterations.h"
#include "profit.h"
#include "sample.h"
#include "rest.h"
#include "worth.h"
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>

bk_counters bk_count;
unsigned bk_keep_stages;
bool bk_gdb_wanted;
uint64_t bk_stress_seed;
uint32_t bk_stress_one_in = 64;
bk_stress bk_stress_with;
bool bk_paused;
uint64_t bk_events_seen;
static bool stopped;

int bk_driver_enable(bk_obj *code, const bk_params *params, bool asked) {
    if (stopped) return 0;
    bk_codestate *s = bk_py_codestate(code, true);
    if (!s) return 0; /* out of memory: it stays interpreted */
    bk_budget_begin();
    s->asked = s->asked || asked;
    if (params) s->params = *params;
    if (s->params.off || s->ci->generator || s->ci->module_level) {
        for (uint32_t i = 0; i < s->nanchors; i++)
            s->anchors[i].abort = s->ci->generator      ? BK_AB_GENERATOR
                                  : s->ci->module_level ? BK_AB_EXPRESSION
                                                        : BK_AB_NONE;
        return 0;
    }
    for (uint32_t i = 0; i < s->nanchors; i++) s->anchors[i].threshold = s->params.threshold;
    s->start.threshold = s->params.call_threshold;
    s->no_start = !bk_start_possible(s->ci);
    s->enabled = true;
    return bk_codestate_listen(s, false);
}

int bk_driver_disable(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s) return 0;
    s->enabled = s->recording = false;
    int rc = bk_codestate_listen(s, false);
    bk_codestate_drop(s);
    return rc;
}

bool bk_driver_enabled(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    return s && s->enabled;
}

enum { FIRST = 64 };         /* entries that are all timed */
enum { QUICK_TICKS = 1200 }; /* an entry that does not pay */
enum { PARKED = 32 };        /* events per question whether a compile can be afforded now */

/* ---- running ---- */

int bk_on_wake(void) {
    uint64_t now = bk_now_us(), next = UINT64_MAX;
    bk_profit_wake();
    for (bk_codestate *s; (s = bk_rest_over(now, &next));)
        if (s->enabled && !bk_paused && bk_codestate_listen(s, true) < 0) return -1;
    if (next != UINT64_MAX) bk_worker_wake_in((uint32_t)(next - now));
    return 0;
}

/* a back edge's event that led to nothing */
static int idle(bk_anchor *a) { return bk_rest_idle(a) ? BK_DISABLE : BK_KEEP; }

/* the frame's types fit no region: after some such visits one more is made for them */
static int missed(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    enum { MAX_REGIONS = 4 };
    uint32_t n = 0;
    for (bk_region *r = a->region; r; r = r->other) n++;
    if (++a->misses % (uint32_t)(s->params.hot_exit < 8 ? s->params.hot_exit : 8) == 0 && n < MAX_REGIONS && !a->job &&
        !a->relearn && a->compiles <= s->params.recompiles + MAX_REGIONS)
        bk_compile(s, a, f, NULL);
    return a->header >= 0 ? idle(a) : BK_KEEP;
}

/* what is measured of an entry into native code */
typedef struct {
    bool sample; /* reading the clock costs a tenth of an entry: after the first ones, one in BK_TIMED_EVERY is timed
                    and stands for all */
    bool trial;  /* of whether native code pays */
    bool timed, profiled, early;
    int64_t insns, items;
    uint64_t began, spent, passes;
    bk_iterations run;
} measured;

static measured before_entry(bk_anchor *a, bk_region *r, void **home) {
    measured m = {.sample = r->entries % BK_TIMED_EVERY == 0, .trial = bk_profit_timed(a), .profiled = bk_sampling};
    m.insns = m.sample ? bk_rest_left(a, r, home) : BK_REST_UNKNOWN;
    m.items = m.trial && !r->fn->count_passes ? bk_rest_items(a, r, home) : BK_REST_UNKNOWN;
    m.timed = m.sample || m.trial || r->entries < FIRST;
    if (m.trial) bk_profit_enter(a);
    if (m.timed) m.began = bk_clock();
    if (__builtin_expect(m.profiled, 0)) m.run = bk_iterations_before(a, r, home);
    return m;
}

/* r may have become invalid meanwhile; exit < 0: an exception waits */
static bk_leaving after_entry(measured *m, bk_codestate *s, bk_anchor *a, bk_region *r, void **home, int64_t exit) {
    if (__builtin_expect(m->profiled, 0)) bk_iterations_after(a, r, home, m->run, exit, m->passes);
    bk_fixed_clock += BK_NATIVE_TICKS;
    if (m->timed) m->spent = bk_clock() - m->began;
    m->early = m->sample && m->spent < QUICK_TICKS;
    m->trial = m->trial && r->valid && exit >= 0;
    bk_leaving how = m->trial ? bk_leaves(s, a, r, (uint32_t)exit) : BK_LEAVES_LOOP;
    if (m->trial && !r->fn->count_passes)
        m->passes = (uint64_t)bk_profit_passes(how, m->items, how == BK_LEAVES_LOOP ? 0 : bk_rest_items(a, r, home));
    if (m->sample && r->valid) {
        if (m->insns == BK_REST_UNKNOWN) m->insns = bk_rest_done(a, r, m->passes);
        bk_rest_after(a, m->insns, m->early, BK_TIMED_EVERY);
    }
    if (a->header < 0 && m->sample && !m->early) { /* a long call makes up for short ones */
        uint64_t credit = m->spent / QUICK_TICKS * BK_TIMED_EVERY;
        a->early -= credit < a->early ? (uint32_t)credit : a->early;
    }
    uint64_t ticks = r->entries < FIRST ? m->spent : m->sample ? m->spent * BK_TIMED_EVERY : 0;
    s->native += ticks;
    bk_budget_saved(ticks, a->trial.gain);
    return how;
}

static int run_native(bk_codestate *s, bk_anchor *a, bk_region *r, bk_frame *f, void **home) {
    uint32_t words = r->code.buf_words;
    uint64_t *buf = words <= 4096 ? alloca(words * sizeof *buf + 8) : malloc(words * sizeof *buf);
    if (!buf) return BK_KEEP;
    uint64_t event = a->trial.now;
    r->inside++;
    r->entries++;
    bk_count.entries++;
    bk_rest_used(a);
    bk_worth_back(a);
    measured m = before_entry(a, r, home);
    bk_doing before = bk_do(a, BK_TICK_NATIVE);
    int64_t exit = bk_py_enter(f, r->fn, &r->code, buf, &m.passes);
    bk_done(before);
    bk_leaving how = after_entry(&m, s, a, r, home, exit);
    r->inside--;
    if (words > 4096) free(buf);
    if (exit < 0) return -1;
    bk_region *alive = a->region; /* running code may have dropped it */
    while (alive && alive != r) alive = alive->other;
    bk_count.exits++;
    if (!alive) bk_region_sweep();
    else if (r->valid) bk_after_exit(s, a, r, (uint32_t)exit, m.early);
    else r->exit_counts[exit]++; /* its end is at the next event */
    /* all of the event that led here counts: without native code there is none */
    if (m.trial && bk_profit_timed(a)) bk_profit_left(a, bk_clock() - event, m.passes, how);
    return BK_KEEP;
}

static int enter(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    bk_region *r = a->region;
    void **home = bk_py_frame_home(f);
    while (r && !bk_entry_holds(r->checks, r->nchecks, home)) r = r->other;
    if (!r) return missed(s, a, f);
    bool turn = a->trial.phase == BK_TRIAL_INTERPRETED && !s->recording && (!a->job || a->parked);
    if (turn && bk_profit_pass(a, r, home) == BK_TRIAL_INTERPRETED) return BK_KEEP;
    if (a->trial.phase == BK_TRIAL_LOST) return bk_give_up(a);
    a->trial.at = 0; /* what follows is no interpreted pass */
    return run_native(s, a, r, f, home);
}

static void invalidated(bk_anchor *a, bk_region *r) {
    bk_tell(BK_EVT_INVALIDATED, a, r, 0);
    bk_anchor_unlink(a, r);
    if (!a->region) a->state = A_RECORDING;
    a->abort = BK_AB_INVALIDATED;
    const char *by = bk_ticket_broken_by(r->ticket);
    snprintf(a->error, sizeof a->error, "%s", by ? by : "");
    bk_count.invalidations++;
    bk_region_drop(r);
}

/* what has happened to the place's code since its last event */
static void settle(bk_anchor *a) {
    a->back_edges++;
    if (a->job && __atomic_load_n(&a->job->done, __ATOMIC_ACQUIRE)) bk_publish(a);
    for (bk_region *r = a->region, *next; r; r = next) {
        next = r->other;
        if (!r->valid) invalidated(a, r);
    }
}

static bool starts_wait;

/* Functions that wait for the compile budget have no events, which would cost too much: any other event looks. */
static void wake_starts(void) {
    enum { OFTEN = 1024 };
    static unsigned events;
    if (!starts_wait || ++events % OFTEN != 0) return;
    starts_wait = false;
    for (bk_codestate *s = bk_codestates; s; s = s->next) {
        if (!s->start_waits) continue;
        if (starts_wait || !bk_budget_left(s, &s->start)) {
            starts_wait = true; /* one that has a larger share waits with the others: asking costs a system call */
            continue;
        }
        s->start_waits = s->no_start = false;
        if (bk_codestate_listen(s, true) < 0) return;
    }
}

/* what code that is left often has missed was recorded */
static void relearned(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    a->relearn = 0;
    bk_record_stop(s);
    if (a->relearn_of) bk_compile(s, a, f, a->relearn_of);
}

int bk_on_jump(bk_obj *code, bk_frame *f, uint32_t from, uint32_t to) {
    bk_events_seen++;
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->enabled || to > from || to / 2 >= s->ci->nbytes) return BK_DISABLE;
    if (bk_paused || bk_config.off) return BK_KEEP;
    wake_starts();
    uint16_t pc = s->ci->index[to / 2];
    bk_anchor *a = pc == 0xffff ? NULL : bk_anchor_at(s, pc);
    if (!a) return BK_DISABLE;
    if (a->state == A_BLACKLISTED || a->resting) {
        a->uncounted = true;
        return BK_DISABLE;
    }
    if (a->trial.phase) a->trial.now = bk_clock();
    if (a->trial.phase == BK_TRIAL_EVENTS) {
        bk_profit_event(a);
        return BK_KEEP;
    }
    settle(a);
    if (s->nanchors > 1 && !a->region && !s->recording && bk_profit_around(s, a)) return BK_KEEP;
    if (a->relearn && (--a->relearn == 0 || (a->rec_visits >= 2 && bk_recording_waited(s, a)))) {
        bool news = s->recording && a->rec_visits < 2 * a->rec_new && a->rec_visits < 64 && !bk_recording_waited(s, a);
        if (news) a->relearn = 1;
        else relearned(s, a, f);
    }
    if (a->region) {
        if (a->parked && a->back_edges % PARKED == 0) bk_compile_parked(a, false);
        if (s->recording) bk_recording_back_edge(s, a, f);
        return bk_py_may_enter(f) && a->region ? enter(s, a, f) : idle(a);
    }
    bk_worth_pass(s, a);
    if (a->parked && a->idle % PARKED == 0) bk_compile_parked(a, false);
    if (a->job) return idle(a);
    if (s->recording) {
        bk_recording_back_edge(s, a, f);
        bk_await(a, f);
        return a->region && bk_py_may_enter(f) ? enter(s, a, f) : BK_KEEP;
    }
    if (a->state == A_RECORDING && s->prof) { /* recorded before, its code is gone */
        if (bk_worth_compile(s, a)) bk_compile(s, a, f, NULL);
        bk_await(a, f);
        if (!a->region) return idle(a);
        return bk_py_may_enter(f) ? enter(s, a, f) : BK_KEEP;
    }
    if (++a->count < a->threshold || !bk_worth_record(s, a)) return BK_KEEP;
    if (!bk_worth_compile(s, a) || !bk_budget_left(s, a)) return idle(a);
    if (s->params.worth && bk_profit_none(a, f)) bk_refuse(a, BK_AB_OVER_GENERATOR);
    else {
        a->state = A_RECORDING;
        bk_record_start(s, s, a);
    }
    return BK_KEEP;
}

static int wait_for_budget(bk_codestate *s) {
    s->start_waits = s->no_start = starts_wait = true;
    return BK_DISABLE;
}

static int start_counted(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    s->recursive = s->recursive || bk_py_frame_nested(f);
    if (a->state == A_RECORDING && s->prof) {
        if (!bk_budget_left(s, a))
            return wait_for_budget(s); /* recorded before, its code is gone or the budget was spent */
        bk_compile(s, a, f, NULL);
        return BK_KEEP;
    }
    if (++a->count < bk_start_threshold(a)) return BK_KEEP;
    if (!bk_start_pays(s)) {
        s->no_start = true;
        return BK_DISABLE;
    }
    if (!bk_worth_start(s, a)) return BK_KEEP;
    if (!bk_budget_left(s, a)) return wait_for_budget(s);
    a->state = A_RECORDING;
    bk_record_start(s, s, a);
    return BK_KEEP;
}

int bk_on_start(bk_obj *code, bk_frame *f) {
    bk_events_seen++;
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->enabled || s->no_start || s->start.state == A_BLACKLISTED) return BK_DISABLE;
    if (bk_paused || bk_config.off) return BK_KEEP;
    s->calls++;
    wake_starts();
    bk_anchor *a = &s->start;
    settle(a);
    if (a->relearn && --a->relearn == 0) relearned(s, a, f);
    if (!a->region && !a->job) {
        if (!s->recording) return start_counted(s, a, f);
        bk_recording_call(s, a, f);
    }
    return a->region && bk_py_may_enter(f) ? enter(s, a, f) : BK_KEEP;
}

/* ---- the process ---- */

bool bk_driver_calibrate(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, true);
    if (!s || !s->nanchors) return false;
    s->enabled = true;
    bk_profit_calibrate(&s->anchors[0]);
    return true;
}

double bk_driver_calibrated(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->nanchors) return 0;
    s->enabled = false;
    bk_trial *t = &s->anchors[0].trial;
    t->phase = BK_TRIAL_OFF;
    return t->least;
}

void bk_driver_drain(void) {
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i <= s->nanchors; i++) bk_compile_parked(bk_anchor_number(s, i), true);
    bk_worker_wait();
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i <= s->nanchors; i++) {
            bk_anchor *a = bk_anchor_number(s, i);
            if (a->job && a->job->done) bk_publish(a);
        }
}

void bk_driver_stop(void) {
    stopped = bk_paused = true;
    bk_worker_stop();
}

void bk_driver_before_fork(void) { bk_worker_before_fork(); }
void bk_driver_after_fork(bool child) { bk_worker_after_fork(child); }

/* code that is running now leaves at its next test: a tool wants to see what follows */
static void stop_running(bk_codestate *s) {
    for (uint32_t i = 0; i <= s->nanchors; i++)
        for (bk_region *r = bk_anchor_number(s, i)->region; r; r = r->other)
            if (r->inside) r->valid = 0;
}

void bk_driver_pause(bool pause) {
    if (pause == bk_paused || stopped) return;
    bk_paused = pause;
    for (bk_codestate *s = bk_codestates; s; s = s->next) {
        if (pause && s->recording) s->recording = false;
        if (pause) stop_running(s);
        for (uint32_t i = 0; i < s->nanchors; i++) s->anchors[i].uncounted = true; /* it has no events now */
        unsigned ev = pause ? 0 : bk_codestate_wants(s);
        if (ev == s->events) continue;
        s->events = ev;
        if (bk_py_set_events(s->code, ev, false) < 0) return;
    }
}

bool bk_driver_paused(void) { return bk_paused && !stopped; }

void bk_driver_each(void (*fn)(void *ctx, bk_obj *code), void *ctx) {
    for (bk_codestate *s = bk_codestates; s; s = s->next) fn(ctx, s->code);
}
