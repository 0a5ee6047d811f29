/* The state machine of a loop: count, record, build, compile, publish, enter; and what follows from its exits. */
#include "event.h"
#include "iterations.h"
#include "perfmap.h"
#include "profit.h"
#include "sample.h"
#include "select.h"
#include "rest.h"
#include "worth.h"
#include <alloca.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bk_codestate *bk_codestates;
bk_counters bk_count;
unsigned bk_keep_stages;
bool bk_gdb_wanted;
uint64_t bk_stress_seed;
uint32_t bk_stress_one_in = 64;
bk_stress bk_stress_with;
static bool paused, stopped;
static double start_ms;

static uint64_t now_us(void) {
    if (bk_config.fixed_order) return bk_fixed_clock / BK_FIXED_TICKS_PER_US;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static double thread_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---- code states ---- */

bk_codestate *bk_codestate_new(bk_obj *code) {
    bk_codestate *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->code = code;
    s->ci = bk_py_codeinfo(code);
    if (!s->ci || !(s->flow = bk_bcflow_new(s->ci, &s->arena))) goto fail;
    for (uint32_t i = 0; i < s->ci->ninsns; i++) s->nanchors += s->flow->header[i];
    s->anchors = calloc(s->nanchors + 1, sizeof *s->anchors);
    s->left = calloc(s->ci->ninsns + 1, sizeof *s->left);
    if (!s->anchors || !s->left) goto fail;
    for (uint32_t i = 0, n = 0; i < s->ci->ninsns; i++)
        if (s->flow->header[i]) s->anchors[n++] = (bk_anchor){.of = s, .header = (int32_t)i};
    s->start = (bk_anchor){.of = s, .header = -1};
    s->params = bk_config;
    s->next = bk_codestates;
    s->prev = &bk_codestates;
    if (s->next) s->next->prev = &s->next;
    bk_codestates = s;
    return s;
fail:
    bk_arena_free(&s->arena);
    free(s->anchors);
    free(s->left);
    free(s);
    return NULL;
}

static void drop_job(bk_anchor *a) {
    if (!a->job) return;
    if (!__atomic_load_n(&a->job->done, __ATOMIC_ACQUIRE)) bk_worker_wait();
    bk_region_drop(a->job);
    a->job = NULL;
}

/* takes r out of the anchor's list, keeping its counts; the caller drops it */
static void unlink_region(bk_anchor *a, bk_region *r) {
    bk_loopstat_add(&a->past, r);
    if (a->relearn_of == r) a->relearn_of = NULL;
    if (a->replaces == r) a->replaces = NULL;
    for (bk_region **p = &a->region; *p; p = &(*p)->other)
        if (*p == r) {
            *p = r->other;
            return;
        }
}

static void drop_code(bk_codestate *s) {
    for (uint32_t i = 0; i <= s->nanchors; i++) {
        bk_anchor *a = bk_anchor_number(s, i);
        drop_job(a);
        a->state = A_COLD;
        a->count = 0;
        a->relearn = 0;
        while (a->region) {
            bk_region *r = a->region;
            unlink_region(a, r);
            bk_region_drop(r);
        }
    }
}

static void forget_recording(bk_codestate *s) {
    for (bk_codestate *o = bk_codestates; o; o = o->next)
        for (bk_codestate **p = &o->rec_next; *p;) {
            if (*p == s) *p = s->rec_next;
            else p = &(*p)->rec_next;
        }
    s->rec_next = NULL;
}

void bk_codestate_free(bk_codestate *s) {
    bk_tell_last(s);
    forget_recording(s);
    for (bk_codestate *o = bk_codestates; o; o = o->next)
        if (o->rec_root == s) o->rec_root = NULL;
    drop_code(s);
    *s->prev = s->next;
    if (s->next) s->next->prev = s->prev;
    bk_profile_free(s->prof, s->ci);
    bk_arena_free(&s->arena);
    for (uint32_t i = 0; i <= s->nanchors; i++) bk_loopstat_free(&bk_anchor_number(s, i)->past);
    free(s->anchors);
    free(s->left);
    free(s);
}

bk_anchor *bk_anchor_at(bk_codestate *s, uint32_t pc) {
    for (uint32_t i = 0; i < s->nanchors; i++)
        if ((uint32_t)s->anchors[i].header == pc) return &s->anchors[i];
    return NULL;
}

static unsigned wanted_events(const bk_codestate *s) {
    unsigned ev = s->recording ? BK_EV_INSN : 0u;
    if (s->enabled) ev |= BK_EV_JUMP;
    if (s->enabled && !s->no_start && s->start.state != A_BLACKLISTED) ev |= BK_EV_START;
    return ev;
}

static int set_events(bk_codestate *s, bool rearm) {
    unsigned ev = wanted_events(s);
    if (ev == s->events && !rearm) return 0;
    s->events = ev;
    return bk_py_set_events(s->code, ev, rearm);
}

int bk_driver_enable(bk_obj *code, const bk_params *params) {
    if (stopped) return 0;
    bk_codestate *s = bk_py_codestate(code, true);
    if (!s) return 0; /* out of memory: it stays interpreted */
    if (!start_ms) start_ms = (double)now_us() / 1e3;
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
    return set_events(s, false);
}

int bk_driver_disable(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s) return 0;
    s->enabled = s->recording = false;
    int rc = set_events(s, false);
    drop_code(s);
    return rc;
}

bool bk_driver_enabled(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    return s && s->enabled;
}

/* ---- recording ---- */

static bool prepare_profile(bk_codestate *s) {
    if (!s->prof && !(s->prof = bk_profile_new(s->ci))) return false;
    for (uint32_t i = 0; i < s->ci->ninsns; i++) s->left[i] = (uint16_t)s->params.record_visits;
    s->rec = (bk_recorder){.ci = s->ci, .prof = s->prof, .pending = -1};
    return true;
}

static uint64_t sessions;

/* for_: the loop that got hot; NULL: s is called by what is being recorded for root */
static void record_start(bk_codestate *s, bk_codestate *root, bk_anchor *for_) {
    if (s->recording || !prepare_profile(s)) return;
    s->recording = true;
    s->rec_root = root;
    s->rec_session = root == s ? ++sessions : root->rec_session;
    if (root != s) {
        s->rec_next = root->rec_next;
        root->rec_next = s;
    } else {
        bk_py_refresh_known();
        s->rec_start_us = now_us();
        s->rec_events = 0;
        s->rec_for = for_;
        bk_tell(BK_EVT_RECORDING, for_, NULL, 0);
        bk_count.recordings++;
        for (uint32_t i = 0; i < s->nanchors; i++) s->anchors[i].rec_visits = s->anchors[i].rec_new = 0;
        s->start.rec_visits = s->start.rec_new = 0;
    }
    set_events(s, true);
}

static void record_stop(bk_codestate *root) {
    bk_codestate *s = root;
    if (root->recording) bk_tell(BK_EVT_RECORDED, root->rec_for, NULL, 0);
    while (s) {
        bk_codestate *n = s->rec_next;
        s->rec_next = NULL;
        if (s->recording) {
            s->recording = false;
            set_events(s, false);
        }
        s = n;
    }
}

int bk_on_insn(bk_obj *code, bk_frame *f, uint32_t offset) {
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->recording || paused || offset / 2 >= s->ci->nbytes) return BK_DISABLE;
    uint16_t i = s->ci->index[offset / 2];
    if (i == 0xffff) return BK_DISABLE;
    bk_obj *callee = NULL;
    bk_record_insn(&s->rec, f, i, &callee);
    bk_count.record_events++;
    bk_codestate *root = s->rec_root ? s->rec_root : s;
    if (++root->rec_events > (uint64_t)s->params.record_limit) {
        record_stop(root);
        return BK_KEEP;
    }
    if (callee && callee != code) {
        bk_codestate *c = bk_py_codestate(callee, true);
        if (c && !c->recording && c->rec_session != root->rec_session && !c->ci->generator &&
            c->ci->ninsns <= s->params.inline_insns)
            record_start(c, root, NULL);
    }
    return s->left[i] == 0 || --s->left[i] == 0 ? BK_DISABLE : BK_KEEP;
}

/* ---- compiling ---- */

static bk_prof *profile_of(bk_obj *code) {
    bk_codestate *s = bk_py_codestate(code, false);
    return s ? s->prof : NULL;
}

static const bk_where nowhere;

static bk_where head_of(const bk_anchor *a) { return (bk_where){bk_anchor_line(a), 0}; }

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

static bool on_this_thread(const bk_codestate *s) { return s->params.sync || bk_config.fixed_order; }

static bool budget_left(const bk_codestate *s) {
    if (on_this_thread(s)) return true;
    double spent = bk_worker_cpu_ms + bk_count.build_ms, elapsed = (double)now_us() / 1e3 - start_ms;
    return spent <= 25 + elapsed * (double)s->params.compile_percent / 100;
}

static void publish(bk_anchor *a) {
    bk_region *r = a->job, *old = a->replaces;
    a->job = a->replaces = NULL;
    bk_count.opt_ms += r->opt_ms;
    bk_count.lower_ms += r->code.lower_ms;
    bk_count.llvm_ms += r->code.opt_ms;
    bk_count.emit_ms += r->code.emit_ms;
    const double ms[] = {r->build_ms, r->opt_ms, r->code.lower_ms, r->code.opt_ms, r->code.emit_ms};
    for (int i = 0; i < 5; i++) a->ms[i] += ms[i];
    if (r->failed) {
        failed(a, r->failed, head_of(a), r->error);
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
    if (old) unlink_region(a, old);
    r->other = a->region;
    a->region = r;
    a->misses = 0;
    a->state = A_COMPILED;
    a->abort = BK_AB_NONE;
    a->early = 0;
    a->lost = 0;
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
    double began = thread_ms();
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
    double spent = thread_ms() - began;
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
        failed(a, BK_AB_CALLS, head_of(a), NULL);
        return;
    }
    bool is_while = a->header >= 0 && s->ci->insns[a->header].op != BC_FOR_ITER;
    bool tried = a->header >= 0 && bk_profit_doubtful(fn);
    fn->count_passes = is_while || tried || (bk_sampling && bk_iterations_need_passes(a, checks, nchecks));
    fn->head = bk_anchor_offset(a);
    bk_region *r = bk_region_new(fn, t, checks, nchecks);
    if (!r) {
        failed(a, BK_AB_MEMORY, nowhere, NULL);
        return;
    }
    r->build_ms = spent;
    r->level = (int)s->params.level;
    r->opt = (bk_optparams){
        .strip = (uint32_t)s->params.strip, .no_hoist = a->no_hoist, .disabled = (uint32_t)s->params.passes_off};
    a->job = r;
    a->replaces = replaces;
    a->compiles++;
    if (!a->region) a->state = A_COMPILING;
    bk_count.compiles++;
    bk_tell(BK_EVT_COMPILING, a, r, 0);
    bk_worker_submit(r, on_this_thread(s));
    if (r->done) publish(a);
}

static void compile(bk_codestate *s, bk_anchor *a, bk_frame *f, bk_region *replaces) {
    if (a->job || !budget_left(s)) return;
    if (bk_selecting && !bk_selected(a)) {
        a->penalties = 4;
        failed(a, BK_AB_NOT_CHOSEN, nowhere, NULL);
        return;
    }
    bk_doing before = bk_do(a, BK_TICK_BUILDING);
    build_and_submit(s, a, f, replaces);
    bk_done(before);
}

/* is there a visited loop around this one that will be compiled instead? */
static bk_anchor *larger(bk_codestate *s, bk_anchor *a, bool visited) {
    for (uint32_t i = 0; i < s->nanchors; i++) {
        bk_anchor *o = &s->anchors[i];
        if (o == a || !bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header)) continue;
        if (o->state == A_BLACKLISTED || o->state == A_FAILED) continue;
        if (!visited || o->rec_visits >= 2) return o;
    }
    return NULL;
}

/* Have the paths of the loop been seen? Yes if twice the iterations that led to the last news have passed. */
static bool covered(bk_anchor *a) {
    enum { ENOUGH = 128 };
    if (a->rec_news != bk_prof_news || !a->rec_new) a->rec_new = a->rec_visits;
    a->rec_news = bk_prof_news;
    return a->rec_visits >= 2 * a->rec_new || a->rec_visits >= ENOUGH;
}

/* Has the recording waited for the loop around a for about as long as compiling a takes? */
static bool waited(const bk_codestate *s, const bk_anchor *a) {
    uint64_t most = (uint64_t)s->params.record_wait_us * bk_body_size(s->flow, (uint32_t)a->header);
    return s->recording && now_us() - s->rec_start_us >= most;
}

static void recording_back_edge(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    a->rec_visits++;
    bool enough = covered(a);
    if (a->rec_visits < 2 || a->job) return;
    bool late = waited(s, a);
    bool outermost = !larger(s, a, false);
    if (a->region && !a->relearn) return;
    if (!enough && !late) return;
    if (!outermost && (!late || larger(s, a, true))) return;
    if (!a->region && !bk_worth_compile(s, a)) return;
    if (!budget_left(s)) { /* what was recorded is kept; events cost too much to wait with them on */
        record_stop(s);
        if (!a->region) a->state = A_RECORDING;
        return;
    }
    compile(s, a, f, a->region);
    if ((outermost || !bk_worth_compile(s, larger(s, a, false))) && a->state != A_COLD) record_stop(s);
}

enum { EVERY = 8, FIRST = 64 }; /* entries per one that is timed; entries that are all timed */
enum { FEW = 3 };               /* an exit taken less often is no reason to compile again, whatever it cost */

/* ---- running ---- */

/* the profile entry an exit belongs to */
static bk_prof *exit_profile(const bk_fn *fn, const bk_snap *sn, const bk_insn **in) {
    const bk_origin *o = &fn->origins[sn->org];
    if (!sn->org || o->code >= fn->ncodes) return NULL;
    bk_codestate *s = bk_py_codestate(fn->codes[o->code], false);
    if (!s || !s->prof || o->offset / 2 >= s->ci->nbytes) return NULL;
    uint16_t i = s->ci->index[o->offset / 2];
    if (i == 0xffff) return NULL;
    *in = &s->ci->insns[i];
    return &s->prof[i];
}

static bool worth_learning(bk_anchor *a, const bk_fn *fn, const bk_exit *x, int kind) {
    const bk_snap *sn = &fn->snaps[x->snap];
    const bk_insn *in = NULL;
    bk_prof *p = exit_profile(fn, sn, &in);
    if (!bk_exit_learns(kind)) return false;
    if (x->ins && (fn->ins[x->ins].flags & BK_F_HOISTED)) {
        a->no_hoist = true;
        return true;
    }
    if (!p) return false;
    if (kind == BK_G_BRANCH) return true; /* its side is noted: there is nothing that a boxed form would cure */
    if (p->struck_in != (uint8_t)a->compiles) p->strikes++; /* once for the same code: better code may be on its way */
    p->struck_in = (uint8_t)a->compiles;
    if (kind == BK_G_RAISE) p->flags |= BK_PF_LEAVE;
    else if (kind == BK_G_LAST_REF) p->flags |= BK_PF_DIES;
    else if (kind == BK_G_DESTRUCTOR) p->flags |= p->strikes > 2 ? BK_PF_LOUD | BK_PF_GENERIC : BK_PF_LOUD;
    else if (kind == BK_G_FPWARN || p->strikes > 2) p->flags |= BK_PF_GENERIC;
    return true;
}

/* an exit to the side of a branch that was never seen: now it was */
static void note_branch(const bk_fn *fn, const bk_exit *x) {
    const bk_snap *sn = &fn->snaps[x->snap];
    const bk_insn *in = NULL;
    bk_prof *p = exit_profile(fn, sn, &in);
    if (!p || in->target < 0) return;
    const bk_sframe *sf = &fn->sframes[sn->frame + sn->nframes - 1];
    const bk_codeinfo *ci = bk_py_codeinfo(fn->codes[sf->code]);
    p->visits++;
    if (ci && in->target >= 0 && ci->insns[in->target].offset == sf->resume) p->taken++;
}

/* does the exit go on outside the loop? Then a region that has seen that would leave there too */
static bool leaves_loop(const bk_codestate *s, const bk_anchor *a, const bk_fn *fn, const bk_exit *x) {
    const bk_snap *sn = &fn->snaps[x->snap];
    uint32_t resume = fn->sframes[sn->frame].resume / 2;
    if (a->header < 0 || sn->nframes != 1 || fn->codes[fn->sframes[sn->frame].code] != s->code ||
        resume >= s->ci->nbytes || s->ci->index[resume] == 0xffff)
        return false;
    return !bk_in_body(s->flow, (uint32_t)a->header, s->ci->index[resume]);
}

/* records again, in all code of the region, to build it anew with what is seen */
static void relearn(bk_codestate *s, bk_anchor *a, const bk_region *r) {
    a->relearn = a->header >= 0 && bk_anchor_has_inner(a) ? 2 : 8;
    a->relearn_of = (bk_region *)r;
    bk_count.recompiles++;
    record_start(s, s, a);
    for (uint32_t i = 0; s->recording && i < r->fn->ncodes; i++) {
        bk_codestate *c = bk_py_codestate(r->fn->codes[i], false);
        if (c && c != s && c->prof && !c->recording) record_start(c, s, NULL);
    }
}

static bk_where exit_place(const bk_fn *fn, const bk_exit *x) {
    const bk_origin *o = &fn->origins[fn->snaps[x->snap].org];
    return fn->snaps[x->snap].org && o->code < fn->ncodes ? bk_py_place(fn->codes[o->code], o->offset)
                                                          : (bk_where){o->line, 0};
}

static void penalise(bk_anchor *a, bk_region *r, bk_where at) {
    a->penalties += 2;
    a->abort = BK_AB_LEAVES_EARLY;
    a->abort_at = at;
    a->state = a->penalties >= 4 ? A_BLACKLISTED : A_FAILED;
    a->early = 0;
    a->count = 0;
    a->threshold *= 16;
    bk_tell(a->state == A_BLACKLISTED ? BK_EVT_BLACKLISTED : BK_EVT_ABORTED, a, r, 0);
    unlink_region(a, r);
    bk_region_drop(r);
}

/* native code was slower than the interpreter */
static int give_up(bk_anchor *a) {
    a->state = A_BLACKLISTED;
    a->abort = BK_AB_NO_GAIN;
    a->abort_at = head_of(a);
    a->relearn = 0;
    bk_count.blacklisted++;
    bk_tell(BK_EVT_BLACKLISTED, a, a->region, 0);
    for (bk_region *r; (r = a->region);) {
        unlink_region(a, r);
        bk_region_drop(r);
    }
    a->uncounted = true;
    return BK_DISABLE;
}

static void after_exit(bk_codestate *s, bk_anchor *a, bk_region *r, uint32_t exit, bool early) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    int kind = bk_exit_kind(r, exit);
    uint32_t n = ++r->exit_counts[exit];
    if (kind == BK_G_BRANCH && n <= 32) note_branch(fn, x);
    if (kind == BK_G_BRANCH && leaves_loop(s, a, fn, x)) kind = BK_G_LOOP_END;
    if (early && kind != BK_G_LOOP_END && kind != BK_G_POLL) {
        bk_count.early_leaves += EVERY;
        a->early += EVERY;
    }
    if (a->job || a->relearn) return;
    /* where Python raises it leaves in any case: only stays too short to pay are a reason for other code */
    bool raises = kind == BK_G_RAISE || kind == BK_G_ZERODIV;
    bool often = a->early >= (uint32_t)s->params.early_leaves, hot = n % (uint32_t)s->params.hot_exit == 0;
    bool known = a->compiles <= s->params.recompiles && bk_exit_learns(kind) && !raises;
    bool costly = known && n >= FEW && bk_worth_again(s, a, r);
    if (known) bk_worth_left(a, bk_clock());
    if (!often && (!hot || raises) && !costly) return;
    if (known) a->lost = 0;
    bk_count.hot_exits++;
    if ((costly || n == (uint32_t)s->params.hot_exit) && kind != BK_G_LOOP_END && kind != BK_G_POLL)
        bk_tell(BK_EVT_HOT_EXIT, a, r, exit);
    if (!raises && a->compiles <= s->params.recompiles && worth_learning(a, fn, x, kind)) {
        a->early = 0;
        relearn(s, a, r);
    } else if (often) penalise(a, r, exit_place(fn, x));
}

int bk_on_wake(void) {
    bk_codestate *s;
    bk_profit_wake();
    while ((s = bk_rest_over()))
        if (s->enabled && !paused && set_events(s, true) < 0) return -1;
    return 0;
}

/* the frame's types fit no region: after some such visits one more is made for them */
static int missed(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    enum { MAX_REGIONS = 4 };
    uint32_t n = 0;
    for (bk_region *r = a->region; r; r = r->other) n++;
    if (++a->misses % (uint32_t)(s->params.hot_exit < 8 ? s->params.hot_exit : 8) == 0 && n < MAX_REGIONS && !a->job &&
        !a->relearn && a->compiles <= s->params.recompiles + MAX_REGIONS)
        compile(s, a, f, NULL);
    return BK_KEEP;
}

/* is the exit one in the middle of the loop? */
static bool leaves_inside(const bk_codestate *s, const bk_anchor *a, const bk_region *r, uint32_t exit) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    int kind = bk_exit_kind(r, exit);
    return kind != BK_G_LOOP_END && kind != BK_G_POLL && !(kind == BK_G_BRANCH && leaves_loop(s, a, fn, x));
}

static int enter(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    bk_region *r = a->region;
    void **home = bk_py_frame_home(f);
    while (r && !bk_entry_holds(r->checks, r->nchecks, home)) r = r->other;
    if (!r) return missed(s, a, f);
    if (a->trial.phase == BK_TRIAL_INTERPRETED && !s->recording && !a->job) {
        bk_trialphase phase = bk_profit_pass(a, r, home);
        if (phase == BK_TRIAL_LOST) return give_up(a);
        if (phase == BK_TRIAL_INTERPRETED) return BK_KEEP;
    }
    uint32_t words = r->code.buf_words;
    uint64_t *buf = words <= 4096 ? alloca(words * sizeof *buf + 8) : malloc(words * sizeof *buf);
    if (!buf) return BK_KEEP;
    r->inside++;
    r->entries++;
    bk_count.entries++;
    bk_worth_back(a);
    /* reading the clock costs a tenth of an entry: after the first ones, one in EVERY is timed and stands for all */
    bool sample = r->entries % EVERY == 0, trial = bk_profit_timed(a), timed = sample || trial || r->entries < FIRST;
    int64_t insns = sample ? bk_rest_left(a, r, home) : BK_REST_UNKNOWN;
    if (trial) bk_profit_enter(a);
    uint64_t passes, t = timed ? bk_clock() : 0;
    bool profiled = __builtin_expect(bk_sampling, 0);
    bk_iterations run = profiled ? bk_iterations_before(a, r, home) : (bk_iterations){0};
    bk_doing before = bk_do(a, BK_TICK_NATIVE);
    int64_t exit = bk_py_enter(f, r->fn, &r->code, buf, &passes);
    bk_done(before);
    if (profiled) bk_iterations_after(a, r, home, run, exit, passes);
    bk_fixed_clock += BK_NATIVE_TICKS;
    uint64_t spent = timed ? bk_clock() - t : 0;
    bool early = sample && spent < 1200;
    if (trial && r->valid && r->fn->count_passes && exit >= 0)
        bk_profit_left(a, spent, passes, leaves_inside(s, a, r, (uint32_t)exit));
    if (sample && r->valid) {
        if (insns == BK_REST_UNKNOWN) insns = bk_rest_done(a, r, passes);
        bk_rest_after(a, insns, early, EVERY);
    }
    if (a->header < 0 && sample && !early) { /* a long call makes up for short ones */
        uint64_t credit = spent / 1200 * EVERY;
        a->early -= credit < a->early ? (uint32_t)credit : a->early;
    }
    if (r->entries < FIRST) s->native += spent;
    else if (sample) s->native += spent * EVERY;
    r->inside--;
    if (words > 4096) free(buf);
    if (exit < 0) return -1;
    bk_region *alive = a->region; /* running code may have dropped it */
    while (alive && alive != r) alive = alive->other;
    bk_count.exits++;
    if (!alive) bk_region_sweep();
    else if (r->valid) after_exit(s, a, r, (uint32_t)exit, early);
    else r->exit_counts[exit]++; /* its end is at the next event */
    return BK_KEEP;
}

static void invalidated(bk_anchor *a, bk_region *r) {
    bk_tell(BK_EVT_INVALIDATED, a, r, 0);
    unlink_region(a, r);
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
    if (a->job && __atomic_load_n(&a->job->done, __ATOMIC_ACQUIRE)) publish(a);
    for (bk_region *r = a->region, *next; r; r = next) {
        next = r->other;
        if (!r->valid) invalidated(a, r);
    }
}

static bool starts_wait;

/* Functions that wait for the compile budget have no events, which would cost too much: any other event looks. */
static void wake_starts(void) {
    enum { OFTEN = 256 };
    static unsigned events;
    if (!starts_wait || ++events % OFTEN != 0) return;
    starts_wait = false;
    for (bk_codestate *s = bk_codestates; s; s = s->next) {
        if (!s->start_waits) continue;
        if (!budget_left(s)) {
            starts_wait = true;
            continue;
        }
        s->start_waits = s->no_start = false;
        if (set_events(s, true) < 0) return;
    }
}

int bk_on_jump(bk_obj *code, bk_frame *f, uint32_t from, uint32_t to) {
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->enabled || to > from || to / 2 >= s->ci->nbytes) return BK_DISABLE;
    if (paused || bk_config.off) return BK_KEEP;
    wake_starts();
    uint16_t pc = s->ci->index[to / 2];
    bk_anchor *a = pc == 0xffff ? NULL : bk_anchor_at(s, pc);
    if (!a) return BK_DISABLE;
    if (a->state == A_BLACKLISTED || a->resting) {
        a->uncounted = true;
        return BK_DISABLE;
    }
    if (a->trial.phase >= BK_TRIAL_INTERPRETED) {
        a->trial.now = bk_clock();
        if (a->trial.phase == BK_TRIAL_EVENTS) {
            bk_profit_event(a);
            return BK_KEEP;
        }
    }
    settle(a);
    if (a->relearn && (--a->relearn == 0 || (a->rec_visits >= 2 && waited(s, a)))) {
        bool news = s->recording && a->rec_visits < 2 * a->rec_new && a->rec_visits < 64 && !waited(s, a);
        if (news) a->relearn = 1;
        else {
            a->relearn = 0;
            record_stop(s);
            if (a->relearn_of) compile(s, a, f, a->relearn_of);
        }
    }
    if (a->region) {
        if (s->recording) recording_back_edge(s, a, f);
        return bk_py_may_enter(f) && a->region ? enter(s, a, f) : BK_KEEP;
    }
    if (a->job) return BK_KEEP;
    if (s->native) bk_worth_pass(s, a);
    if (s->recording) {
        recording_back_edge(s, a, f);
        return a->region && bk_py_may_enter(f) ? enter(s, a, f) : BK_KEEP;
    }
    if (a->state == A_RECORDING && s->prof) { /* recorded before, its code is gone */
        if (bk_worth_compile(s, a)) compile(s, a, f, NULL);
        return BK_KEEP;
    }
    if (++a->count < a->threshold || !bk_worth_compile(s, a)) return BK_KEEP;
    a->state = A_RECORDING;
    record_start(s, s, a);
    return BK_KEEP;
}

/* Is it time to compile what recording saw of the function? All its paths and a return should have been seen. */
static void recording_start(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    enum { LEAST = 8, MOST = 4096 };
    a->rec_visits++;
    bool enough = covered(a) && a->rec_visits >= LEAST && bk_start_recorded(s);
    if (a->state != A_RECORDING || s->rec_root != s || (!enough && a->rec_visits < MOST)) return;
    if (budget_left(s)) compile(s, a, f, NULL);
    record_stop(s);
}

static int wait_for_budget(bk_codestate *s) {
    s->start_waits = s->no_start = starts_wait = true;
    return BK_DISABLE;
}

static int start_counted(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    s->recursive = s->recursive || bk_py_frame_nested(f);
    if (a->state == A_RECORDING && s->prof) {
        if (!budget_left(s)) return wait_for_budget(s); /* recorded before, its code is gone or the budget was spent */
        compile(s, a, f, NULL);
        return BK_KEEP;
    }
    if (++a->count < a->threshold) return BK_KEEP;
    if (!bk_start_pays(s)) {
        s->no_start = true;
        return BK_DISABLE;
    }
    if (!budget_left(s)) return wait_for_budget(s);
    a->state = A_RECORDING;
    record_start(s, s, a);
    return BK_KEEP;
}

int bk_on_start(bk_obj *code, bk_frame *f) {
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->enabled || s->no_start || s->start.state == A_BLACKLISTED) return BK_DISABLE;
    if (paused || bk_config.off) return BK_KEEP;
    wake_starts();
    bk_anchor *a = &s->start;
    settle(a);
    if (a->relearn && --a->relearn == 0) {
        record_stop(s);
        if (a->relearn_of) compile(s, a, f, a->relearn_of);
    }
    if (!a->region && !a->job) {
        if (!s->recording) return start_counted(s, a, f);
        recording_start(s, a, f);
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
    bk_worker_wait();
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i <= s->nanchors; i++) {
            bk_anchor *a = bk_anchor_number(s, i);
            if (a->job && a->job->done) publish(a);
        }
}

void bk_driver_stop(void) {
    stopped = paused = true;
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
    if (pause == paused || stopped) return;
    paused = pause;
    for (bk_codestate *s = bk_codestates; s; s = s->next) {
        if (pause && s->recording) s->recording = false;
        if (pause) stop_running(s);
        for (uint32_t i = 0; i < s->nanchors; i++) s->anchors[i].uncounted = true; /* it has no events now */
        unsigned ev = pause ? 0 : wanted_events(s);
        if (ev == s->events) continue;
        s->events = ev;
        if (bk_py_set_events(s->code, ev, false) < 0) return;
    }
}

bool bk_driver_paused(void) { return paused && !stopped; }

void bk_driver_each(void (*fn)(void *ctx, bk_obj *code), void *ctx) {
    for (bk_codestate *s = bk_codestates; s; s = s->next) fn(ctx, s->code);
}
