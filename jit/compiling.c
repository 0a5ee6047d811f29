/* From a recording to published code: build here, compile on the worker or here, publish; within the limits. */
#include "budget.h"
#include "clock.h"
#include "driver.h"
#include "event.h"
#include "iterations.h"
#include "perfmap.h"
#include "profit.h"
#include "sample.h"
#include "select.h"
#include "worth.h"
#include <stdlib.h>
#include <string.h>

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
    bk_start_failures += a->header < 0 && !a->of->asked;
    if (++a->penalties >= (a->header < 0 && !a->of->asked ? bk_start_tries() : 4)) {
        a->state = A_BLACKLISTED;
        bk_count.blacklisted++;
    }
    bk_tell(a->state == A_BLACKLISTED ? BK_EVT_BLACKLISTED : BK_EVT_ABORTED, a, NULL, 0);
}

void bk_refuse(bk_anchor *a, int why) { failed(a, why, bk_anchor_head(a), NULL); }

static void submit(bk_anchor *a) {
    bool here = bk_on_this_thread(a->of);
    double before = bk_worker_cpu_ms;
    a->parked = false;
    bk_worker_submit(a->job, here);
    if (here) bk_budget_apart(bk_worker_cpu_ms - before + a->job->build_ms);
    if (a->job->done) bk_publish(a);
}

void bk_compile_parked(bk_anchor *a, bool anyway) {
    if (a->parked && (anyway || bk_budget_affords(a, a->job))) submit(a);
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
    uint32_t all;
    if (a->header < 0 && !fn->nbodies && (s->recursive || (!s->asked && bk_profit_calls(fn, &all)))) {
        /* then it would be entered at each call; or leave before it has paid for that */
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
    r->part = bk_profit_part(a, fn);
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
