/* What the driver keeps of a code object: made with its first event, freed with it. */
#include "driver.h"
#include "clock.h"
#include "event.h"
#include "profit.h"
#include "rest.h"
#include "worth.h"
#include <stdlib.h>

bk_codestate *bk_codestates;

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
    a->parked = false;
}

void bk_anchor_unlink(bk_anchor *a, bk_region *r) {
    bk_loopstat_add(&a->past, r);
    if (a->relearn_of == r) a->relearn_of = NULL;
    if (a->replaces == r) a->replaces = NULL;
    for (bk_region **p = &a->region; *p; p = &(*p)->other)
        if (*p == r) {
            *p = r->other;
            return;
        }
}

void bk_codestate_drop(bk_codestate *s) {
    for (uint32_t i = 0; i <= s->nanchors; i++) {
        bk_anchor *a = bk_anchor_number(s, i);
        drop_job(a);
        a->state = A_COLD;
        a->count = 0;
        a->relearn = 0;
        while (a->region) {
            bk_region *r = a->region;
            bk_anchor_unlink(a, r);
            bk_region_drop(r);
        }
    }
}

void bk_codestate_free(bk_codestate *s) {
    bk_tell_last(s);
    for (bk_codestate *o = bk_codestates; o; o = o->next)
        if (o->rec_root == s) o->rec_root = NULL;
    bk_codestate_drop(s);
    *s->prev = s->next;
    if (s->next) s->next->prev = s->prev;
    bk_profile_free(s->prof, s->ci);
    bk_arena_free(&s->arena);
    for (uint32_t i = 0; i <= s->nanchors; i++) {
        bk_profit_drop(bk_anchor_number(s, i));
        bk_rest_forget(bk_anchor_number(s, i));
        bk_loopstat_free(&bk_anchor_number(s, i)->past);
    }
    free(s->anchors);
    free(s->left);
    free(s);
}

bk_anchor *bk_anchor_at(bk_codestate *s, uint32_t pc) {
    for (uint32_t i = 0; i < s->nanchors; i++)
        if ((uint32_t)s->anchors[i].header == pc) return &s->anchors[i];
    return NULL;
}

unsigned bk_codestate_wants(const bk_codestate *s) {
    unsigned ev = s->recording ? BK_EV_INSN : 0u;
    if (s->enabled) ev |= BK_EV_JUMP;
    if (s->enabled && !s->no_start && s->start.state != A_BLACKLISTED) ev |= BK_EV_START;
    return ev;
}

int bk_codestate_listen(bk_codestate *s, bool rearm) {
    unsigned ev = bk_codestate_wants(s);
    if (ev == s->events && !rearm) return 0;
    s->events = ev;
    return bk_py_set_events(s->code, ev, rearm);
}

uint64_t bk_now_us(void) {
    if (bk_config.fixed_order) return bk_fixed_clock / BK_FIXED_TICKS_PER_US;
    return bk_clock_us(CLOCK_MONOTONIC);
}

uint64_t bk_run_us(void) { return bk_config.fixed_order ? bk_now_us() : bk_clock_us(CLOCK_THREAD_CPUTIME_ID); }
