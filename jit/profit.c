/* Whether native code pays, measured. A loop that does most of its work in calls of unknown code gains nothing from
 * running natively, and loses what native code does around such calls (locals are written back, boxes made); one that
 * is left often loses by entering again. No table of costs tells which loops these are. So, in turns, an iteration is
 * timed natively and as interpreted, between the events of its back edges and less what events cost (embed/calibrate.c;
 * also those of loops inside). The turns are short and the median of their ratios counts, because what else the machine
 * does changes both. Native code that gains nothing twice is given up. */
#include "profit.h"
#include "rest.h"
#include "worth.h"
#include <stdlib.h>

enum {
    TURN_US = 200,
    LEAST = 16,     /* passes a turn */
    WARM = 1000,    /* passes for the interpreter to specialise its instructions */
    WARM_US = 5000, /* passes of nests are long: at most so many microseconds */
    GAPS = 128,     /* passes an interpreted turn, of loops that do not tell where a run begins */
    SETTLE = 4,     /* the same in later turns */
    LOSSES = 2,
    BRIEF_TICKS = 1500, /* of a run: what entering takes, and some instructions */
    BRIEFS = 16,        /* turns of such runs */
    SURE_US = 20,       /* an entry of a region that calls nothing unknown */
    LONGEST_US = 20000, /* interpreted without an end of the trial: native code stays */
    MOST_US = 1000000,  /* between two requests to leave the same run */
    MOST_DISTURBED = 200,
    EVENTS = 32 /* in a window of calibration */
};
static const double gain = 0.99;                   /* of the interpreter's time */
static const double SURE_GAIN = 1, MOST_GAIN = 20; /* that the compile budget counts on */

bool bk_profit_doubtful(const bk_fn *f) {
    for (uint32_t i = 1; i < f->nins; i++) {
        const bk_ins *in = &f->ins[i];
        if (in->op != BK_CALL || (in->flags & BK_F_DEAD) || in->imm < 0 || in->imm >= BK_NHELPERS) continue;
        bool sync = in->imm >= BK_H_sync_i && in->imm <= BK_H_sync_npi; /* where an object dies, too: rarely */
        if (bk_helpers[in->imm].effect >= BK_E_ITEMS && !sync) return true;
    }
    return false;
}

/* runs for long, compared with what native code does around the call */
static bool is_call(int64_t helper) {
    switch (helper) {
    case BK_H_sync_i:
    case BK_H_sync_b:
    case BK_H_sync_chr:
    case BK_H_sync_f:
    case BK_H_sync_c:
    case BK_H_sync_npf:
    case BK_H_sync_npi:
    case BK_H_str_append:
    case BK_H_local_append:
    case BK_H_dealloc: return false;
    default: return bk_helpers[helper].effect == BK_E_UNKNOWN;
    }
}

uint32_t bk_profit_calls(const bk_fn *f, uint32_t *all) {
    uint32_t calls = 0;
    *all = 0;
    for (uint32_t i = 1; i < f->nins; i++) {
        const bk_ins *in = &f->ins[i];
        if (in->flags & BK_F_DEAD) continue;
        ++*all;
        calls += in->op == BK_CALL && in->imm >= 0 && in->imm < BK_NHELPERS && is_call(in->imm);
    }
    return calls;
}

/* own: clock ticks that a pass takes without calls */
static double part_of_pass(const bk_anchor *a, double own) { return a->pass > own ? own / a->pass : 1; }

/* the least of the loops inside of which it can be told */
static double part_inside(const bk_anchor *a, const bk_fn *f) {
    enum { BYTECODE_NS = 40 };
    const bk_codestate *s = a->of;
    double least = 1;
    for (uint32_t i = 0; f->ncodes < 2 && i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o == a || bk_anchor_has_inner(o) || !bk_in_body(s->flow, (uint32_t)a->header, (uint32_t)o->header))
            continue;
        double bytecodes = bk_body_size(s->flow, (uint32_t)o->header);
        double part = part_of_pass(o, BYTECODE_NS * 1e-3 * bytecodes * bk_ticks_per_us());
        if (part < least) least = part;
    }
    return least;
}

static bool calls_loops(const bk_anchor *a, const bk_fn *f) {
    for (uint32_t i = 0; i < f->ncodes; i++) {
        const bk_codestate *callee = f->codes[i] == a->of->code ? NULL : bk_py_codestate(f->codes[i], false);
        if (callee && callee->nanchors) return true;
    }
    return false;
}

/* Loops of pickle, ast.unparse and email that gained nothing had a call in some 20 to 30 instructions, or passes that
 * took far longer than their own instructions can. */
double bk_profit_part(const bk_anchor *a, const bk_fn *f) {
    enum { EACH = 60, INS_NS = 20 };
    uint32_t all, calls = bk_profit_calls(f, &all);
    if (!calls) return 1;
    double most = calls * EACH <= all ? 1 : 0.5, part;
    if (bk_anchor_has_inner(a)) part = part_inside(a, f);
    else part = calls_loops(a, f) ? 1 : part_of_pass(a, INS_NS * 1e-3 * all * bk_ticks_per_us());
    return part < most ? part : most;
}

bool bk_profit_counts(const bk_anchor *a, const bk_fn *f) {
    if (a->header < 0) return false;
    bool is_while = a->of->ci->insns[a->header].op != BC_FOR_ITER;
    return is_while || bk_anchor_has_inner(a) || bk_profit_doubtful(f);
}

bool bk_profit_none(const bk_anchor *a, bk_frame *f) {
    enum { FEW = 8 }; /* with 6 instructions native code took 1.08 times as long, with 15 it took 0.6 */
    const bk_codestate *s = a->of;
    int32_t slot = bk_iterator_slot(s, a->header);
    if (slot < 0 || bk_body_size(s->flow, (uint32_t)a->header) > FEW) return false;
    bk_obj *it = bk_py_home_get(bk_py_frame_home(f), (uint32_t)slot);
    return it && bk_py_type(it) == bk_types.t_generator;
}

static bk_anchor *asked; /* places whose trial waits for a wake */

static void forget(const bk_anchor *a) {
    bk_anchor **p = &asked;
    while (*p && *p != a) p = &(*p)->trial.next_asked;
    if (*p) *p = a->trial.next_asked;
}

void bk_profit_drop(bk_anchor *a) {
    forget(a);
    free(a->trial.gaps);
    a->trial = (bk_trial){.phase = BK_TRIAL_OFF};
}

void bk_profit_begin(bk_anchor *a, const bk_region *r) {
    bool timed = !a->of->params.sync && !bk_config.fixed_order && a->header >= 0;
    bk_profit_drop(a);
    if (timed) a->trial = (bk_trial){.phase = BK_TRIAL_NATIVE, .doubtful = bk_profit_doubtful(r->fn)};
}

/* A run may last as long as the program: a poll ends it, and it goes on at once. Waking costs some microseconds: after
 * a short run the next is taken to be short too, and asked later. */
void bk_profit_enter(bk_anchor *a) {
    uint32_t us = a->trial.brief ? LONGEST_US : TURN_US;
    if (a->trial.asked || !bk_worker_wake_in(us)) return;
    a->trial.asked = us;
    a->trial.next_asked = asked;
    asked = a;
}

static bool inside(const bk_anchor *a) {
    for (const bk_region *r = a->region; r; r = r->other)
        if (r->inside) return true;
    return false;
}

/* Python code that the loop calls may have seen to the request instead of the loop: again, less and less often. */
void bk_profit_wake(void) {
    for (bk_anchor *a = asked, *next; a; a = next) {
        bk_trial *t = &a->trial;
        next = t->next_asked;
        bool again = t->phase == BK_TRIAL_NATIVE && inside(a) && t->asked < MOST_US;
        t->asked = again && bk_worker_wake_in(2 * t->asked) ? 2 * t->asked : 0;
        if (!t->asked) forget(a);
    }
}

static void begin_turn(bk_trial *t, bk_trialphase phase, uint32_t skip) {
    t->phase = phase;
    t->skip = skip;
    t->passes = t->left = t->ends = t->entries = 0;
    t->ticks = 0;
    t->began = t->at = bk_clock();
    t->began_us = bk_run_us();
    t->seen_at = bk_events_seen;
    t->items = BK_REST_UNKNOWN;
}

static bool enough(const bk_trial *t, uint64_t n) { return n >= LEAST && t->ticks >= TURN_US * bk_ticks_per_us(); }

/* Other processes had the processor. A loop that waits itself is not slower for being native. */
static bool disturbed(bk_trial *t) {
    if (bk_stress_with == BK_STRESS_LOSS) return false;
    double wall = (double)(bk_clock() - t->began) / bk_ticks_per_us(), cpu = (double)(bk_run_us() - t->began_us);
    return wall > 1.1 * cpu + 5 && ++t->disturbed;
}

int64_t bk_profit_passes(bk_leaving how, int64_t before, int64_t after) {
    return before == BK_REST_UNKNOWN ? 0 : how == BK_LEAVES_LOOP ? before : before - after;
}

/* runs that are long and end where the loop does */
static bool pays_surely(const bk_trial *t) {
    return !t->doubtful && !t->left && t->ticks > bk_ticks_per_us() * SURE_US * (double)t->entries;
}

static void native_turn_over(bk_trial *t) {
    t->event = bk_py_event_ticks();
    t->native_ticks = t->ticks + (double)t->entries * t->event; /* that led to the entries */
    t->native_passes = (double)t->passes + (double)t->ends / 2; /* the last pass of a run is not a whole one */
    t->native_left = (double)t->left;
    t->native_runs = (double)(t->entries - t->left);
    if (t->native_runs > t->native_passes && t->native_ticks < BRIEF_TICKS * (double)t->entries) {
        /* hardly a pass a run: there is nothing between back edges that the interpreter's time could be seen by */
        if (++t->briefs == BRIEFS) t->phase = BK_TRIAL_LOST;
        else begin_turn(t, BK_TRIAL_NATIVE, 0);
        return;
    }
    bool again = disturbed(t), sure = pays_surely(t), off = t->disturbed > MOST_DISTURBED || sure;
    if (sure) t->gain = SURE_GAIN;
    if (off) t->phase = BK_TRIAL_OFF;
    else if (again) begin_turn(t, BK_TRIAL_NATIVE, 0);
    else begin_turn(t, BK_TRIAL_INTERPRETED, t->turns || t->losses ? SETTLE : WARM);
}

void bk_profit_left(bk_anchor *a, uint64_t ticks, uint64_t passes, bk_leaving how) {
    bk_trial *t = &a->trial;
    t->brief = (double)ticks < bk_ticks_per_us() * TURN_US / 4;
    if (!t->began_us) {
        begin_turn(t, BK_TRIAL_NATIVE, 0);
        return;
    }
    t->ticks += (double)ticks;
    t->passes += passes;
    t->left += how == BK_LEAVES_INSIDE;
    t->ends += how == BK_LEAVES_LOOP;
    t->entries++;
    if (enough(t, t->passes + t->entries)) native_turn_over(t);
}

/* of native to interpreted time; a pass in which native code is left is interpreted too */
static double ratio(const bk_trial *t, double interpreted) {
    double native = t->native_ticks + t->native_left * interpreted;
    return native / (t->native_passes + t->native_left) / interpreted;
}

static int upwards(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double median(float *v, uint32_t n) {
    qsort(v, n, sizeof *v, upwards);
    return (double)v[n / 2];
}

/* Of a loop that does not tell where a run begins, a gap is either a pass or lies between two runs. Those are the
 * longest, and as many as native code had runs. */
static double pass_ticks(bk_trial *t) {
    if (!t->gaps) return t->ticks / (double)t->passes;
    double all = t->native_passes + t->native_left, sum = 0;
    uint64_t kept = (uint64_t)((double)t->passes * all / (all + t->native_runs));
    kept += !kept;
    qsort(t->gaps, t->passes, sizeof *t->gaps, upwards);
    for (uint64_t i = 0; i < kept; i++) sum += (double)t->gaps[i];
    return sum / (double)kept;
}

static bk_trialphase turn_over(bk_trial *t) {
    double gap = pass_ticks(t);
    bool again = disturbed(t);
    free(t->gaps);
    t->gaps = NULL;
    begin_turn(t, BK_TRIAL_NATIVE, 0);
    if (t->disturbed > MOST_DISTURBED) return t->phase = BK_TRIAL_OFF;
    if (again) return t->phase;
    t->event = bk_py_event_ticks();
    t->ratios[t->turns++] = (float)ratio(t, gap - t->event);
    if (t->turns < BK_TRIAL_TURNS) return t->phase;
    t->turns = 0;
    double m = bk_stress_with == BK_STRESS_LOSS ? 1 : median(t->ratios, BK_TRIAL_TURNS);
    if (m >= 0 && m < gain) {
        t->gain = m > 1 / MOST_GAIN ? 1 / m - 1 : MOST_GAIN;
        return t->phase = BK_TRIAL_OFF;
    }
    return t->phase = ++t->losses == LOSSES ? BK_TRIAL_LOST : BK_TRIAL_NATIVE;
}

/* The clock is asked first, because it is cheap; it also counts the time of other processes. */
static bool longer(const bk_trial *t, uint64_t now, uint64_t us) {
    return (double)(now - t->began) > (double)us * bk_ticks_per_us() && bk_run_us() - t->began_us > us;
}

void bk_profit_calibrate(bk_anchor *a) {
    a->trial = (bk_trial){.phase = BK_TRIAL_EVENTS, .skip = EVENTS, .at = bk_clock()};
}

void bk_profit_event(bk_anchor *a) {
    bk_trial *t = &a->trial;
    t->ticks += (double)(t->now - t->at);
    if (t->skip) {
        t->skip--;
        t->ticks = 0;
    } else if (++t->passes == EVENTS) {
        double each = t->ticks / EVENTS;
        if (!t->least || each < t->least) t->least = each;
        t->passes = 0;
        t->ticks = 0;
        t->skip = EVENTS; /* in which the next run may begin */
    }
    t->at = bk_clock();
}

bool bk_profit_around(const bk_codestate *s, const bk_anchor *a) {
    for (uint32_t i = 0; i < s->nanchors; i++) {
        bk_anchor *o = &s->anchors[i];
        if (o == a || o->trial.phase != BK_TRIAL_INTERPRETED ||
            !bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header))
            continue;
        if (!longer(&o->trial, bk_clock(), MOST_US / 10)) return true;
        o->trial.phase = BK_TRIAL_OFF;
    }
    return false;
}

static bk_trialphase add_gap(bk_trial *t, double gap) {
    if (t->items == BK_REST_UNKNOWN && !t->gaps && !(t->gaps = malloc(GAPS * sizeof *t->gaps)))
        return t->phase = BK_TRIAL_OFF;
    if (t->gaps) t->gaps[t->passes] = (float)gap;
    t->ticks += gap;
    t->passes++;
    return (t->gaps ? t->passes == GAPS : enough(t, t->passes)) ? turn_over(t) : BK_TRIAL_INTERPRETED;
}

bk_trialphase bk_profit_pass(bk_anchor *a, const bk_region *r, void **home) {
    bk_trial *t = &a->trial;
    double gap = (double)(t->now - t->at) - (double)(bk_events_seen - t->seen_at - 1) * t->event; /* others' events */
    bk_trialphase phase = BK_TRIAL_INTERPRETED;
    int64_t before = t->items;
    t->items = bk_rest_items(a, r, home);
    bool run = t->items == BK_REST_UNKNOWN || t->items == before - 1; /* the same one */
    if (t->at && run && gap > LONGEST_US * bk_ticks_per_us()) return t->phase = BK_TRIAL_OFF;
    if (longer(t, t->now, MOST_US)) return t->phase = BK_TRIAL_OFF;
    if (t->skip) {
        if (!--t->skip || (t->skip % LEAST == 0 && longer(t, t->now, WARM_US))) begin_turn(t, BK_TRIAL_INTERPRETED, 0);
    } else if (run && t->at) phase = add_gap(t, gap);
    t->seen_at = bk_events_seen;
    t->at = bk_clock();
    return phase;
}
