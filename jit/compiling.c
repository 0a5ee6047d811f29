/* From a recording to published code: build here, compile on the worker or here, publish; within the limits. */
#include "driver.h"
#include "clock.h"
#include "event.h"
#include "iterations.h"
#include "perfmap.h"
#include "profit.h"
#include "sample.h"
#include "select.h"
#include "worth.h"
#include <stdlib.h>
#include <string.h>

enum { FREE_MS = 25, SURE = 8, USUAL_MS = 10 }; /* what compiles may take in any case; what one takes */

static bk_prof *profile_of(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    return s ? s->prof : NULL;
}

static const bk_where nowhere;

bk_where bk_anchor_head(const bk_anchor *a) { return (bk_where){bk_anchor_line(a), 0}; }

static void failed(bk_anchor *a, int why, bk_where at, const char *text) {
    a->state = A_FAILED;
    a->abort = why;
    a->abort_at = at;
    snprintf(a->error, sizeof a->error, "%s", text ? text : "");
    a->count = 0;
    a->threshold = a->threshold * 4 + 1;
    bk_count.failures++;
    if (++a->penalties >= 4) {
        a->state = A_BLACKLISTED;
        bk_count.blacklisted++;
    }
    bk_tell(a->state == A_BLACKLISTED ? BK_EVT_BLACKLISTED : BK_EVT_ABORTED, a, NULL, 0);
}

void bk_refuse(bk_anchor *a, int why) { failed(a, why, bk_anchor_head(a), NULL); }

static bool on_this_thread(const bk_codestate *s) { return s->params.sync || bk_config.fixed_order; }

/* CPU time of all but compiles: on a busy machine a program gets less than the time that passes */
static double program_ms(void) {
    enum { OFTEN = 2000000 }; /* clock ticks: asking is a system call */
    static uint64_t asked;
    static double ms;
    uint64_t now = bk_clock();
    if (!asked || now - asked > OFTEN) {
        ms = bk_clock_ms(CLOCK_PROCESS_CPUTIME_ID) - bk_worker_cpu_ms;
        asked = now;
    }
    return ms;
}

static double start_ms; /* when the first code was watched */
static double saved_ms; /* that native code was expected to save */
static double asked_ms; /* of compiles that were to be made in any case (on_this_thread) */

void bk_budget_begin(void) {
    if (!start_ms) start_ms = program_ms();
}

void bk_budget_add(double ms) { saved_ms += ms; }

/* milliseconds that compiles may take now; `sure` ones have twice the share */
static double budget_ms(const bk_codestate *s, bool sure) {
    double spent = bk_worker_cpu_ms + bk_worker_waiting_ms() + bk_count.build_ms - asked_ms;
    double time = program_ms() - start_ms + saved_ms;
    return FREE_MS + time * (double)s->params.compile_percent / 100 * (sure ? 2 : 1) - spent;
}

bool bk_budget_left(const bk_codestate *s, const bk_anchor *a) {
    return on_this_thread(s) || budget_ms(s, bk_worth_lost(a, SURE * USUAL_MS)) >= 0;
}

/* A compile that takes more than there is waits. There is more for one for lack of which interpreting has cost several
 * times as much: half of what is compiled turns out to gain little, most of all what calls unknown code. Of functions
 * it is not known. */
static bool affordable(const bk_anchor *a, const bk_region *r) {
    const bk_codestate *s = a->of;
    if (on_this_thread(s) || !s->params.worth || a->header < 0) return true;
    double ms = bk_worker_likely_ms(r);
    bool sure = !r->doubtful && bk_worth_lost(a, a->replaces ? ms : SURE * ms);
    return ms <= budget_ms(s, sure);
}

static void submit(bk_anchor *a) {
    bool here = on_this_thread(a->of);
    double before = bk_worker_cpu_ms;
    a->parked = false;
    bk_worker_submit(a->job, here);
    if (here) asked_ms += bk_worker_cpu_ms - before + a->job->build_ms;
    if (a->job->done) bk_publish(a);
}

void bk_compile_parked(bk_anchor *a, bool anyway) {
    if (a->parked && (anyway || affordable(a, a->job))) submit(a);
}

void bk_publish(bk_anchor *a) {
    bk_region *r = a->job, *old = a->replaces;
    a->job = a->replaces = NULL;
    bk_count.opt_ms += r->opt_ms;
    bk_count.lower_ms += r->code.lower_ms;
    bk_count.llvm_ms += r->code.opt_ms;
    bk_count.emit_ms += r->code.emit_ms;
    const double ms[] = {r->build_ms, r->opt_ms, r->code.lower_ms, r->code.opt_ms, r->code.emit_ms};
    for (int i = 0; i < 5; i++) a->ms[i] += ms[i];
    if (r->failed) {
        failed(a, r->failed, bk_anchor_head(a), r->error);
        bk_region_drop(r);
        return;
    }
    if (!r->valid) {
        bk_count.dropped++;
        failed(a, BK_AB_INVALIDATED, nowhere, bk_ticket_broken_by(r->ticket));
        bk_region_drop(r);
        return;
    }
    r->counted = true;
    bk_code_bytes += r->code.code_bytes;
    if (old) bk_anchor_unlink(a, old);
    r->other = a->region;
    a->region = r;
    a->misses = 0;
    a->state = A_COMPILED;
    a->abort = BK_AB_NONE;
    a->early = 0;
    a->lost = 0;
    bk_worth_covers(a);
    bk_profit_begin(a, r);
    bk_count.published++;
    bk_tell(BK_EVT_COMPILED, a, r, 0);
    bk_region_publish(r);
    bk_iterations_cover(a, r);
    bk_perf_told(a, r);
    if (old) bk_region_drop(old);
}

static void build_and_submit(bk_codestate *s, bk_anchor *a, bk_frame *f, bk_region *replaces) {
    if (bk_code_bytes > (uint64_t)s->params.code_kib * 1024) {
        failed(a, BK_AB_CODE_MEMORY, nowhere, NULL);
        return;
    }
    bk_ticket *t = bk_ticket_new();
    int why = BK_AB_MEMORY;
    bk_where at = nowhere;
    double began = bk_thread_ms();
    uint32_t nchecks = 0;
    bk_entrycheck *checks = calloc(s->ci->nlocals + s->ci->stacksize + 1, sizeof *checks);
    bk_request rq = {.ci = s->ci,
                     .frame = f,
                     .header = a->header,
                     .ticket = t,
                     .params = &s->params,
                     .profile = profile_of,
                     .entry = checks,
                     .nentry = &nchecks};
    bk_fn *fn = t && checks ? bk_build_region(&rq, &why, &at) : NULL;
    double spent = bk_thread_ms() - began;
    bk_count.builds++;
    bk_count.build_ms += spent;
    if (!fn) {
        a->ms[0] += spent;
        if (t) bk_ticket_free(t);
        free(checks);
        failed(a, why, at, NULL);
        return;
    }
    if (a->header < 0 && s->recursive && !fn->nbodies) { /* then it would be entered at each call */
        bk_fn_free(fn);
        bk_ticket_free(t);
        free(checks);
        failed(a, BK_AB_CALLS, bk_anchor_head(a), NULL);
        return;
    }
    fn->count_passes = bk_profit_counts(a, fn) || bk_iterations_need_passes(a, checks, nchecks);
    fn->head = bk_anchor_offset(a);
    bk_region *r = bk_region_new(fn, t, checks, nchecks);
    if (!r) {
        failed(a, BK_AB_MEMORY, nowhere, NULL);
        return;
    }
    r->build_ms = spent;
    r->doubtful = bk_profit_doubtful(fn);
    r->level = (int)s->params.level;
    r->frame_pointers = s->params.frame_pointers != 0;
    r->most_values = s->params.region_values;
    r->opt = (bk_optparams){
        .strip = (uint32_t)s->params.strip, .no_hoist = a->no_hoist, .disabled = (uint32_t)s->params.passes_off};
    a->job = r;
    a->replaces = replaces;
    a->compiles++;
    if (!a->region) a->state = A_COMPILING;
    bk_count.compiles++;
    bk_tell(BK_EVT_COMPILING, a, r, 0);
    a->parked = true;
    bk_compile_parked(a, false);
}

void bk_compile(bk_codestate *s, bk_anchor *a, bk_frame *f, bk_region *replaces) {
    if (a->job || (!replaces && !bk_budget_left(s, a))) return; /* what replaces code may be built, and waits then */
    if (bk_selecting && !bk_selected(a)) {
        a->penalties = 4;
        failed(a, BK_AB_NOT_CHOSEN, nowhere, NULL);
        return;
    }
    bk_doing before = bk_do(a, BK_TICK_BUILDING);
    build_and_submit(s, a, f, replaces);
    bk_done(before);
}
