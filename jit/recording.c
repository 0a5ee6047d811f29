/* Recording: which code has instruction events, for how long, and when what was seen is enough to compile. */
#include "await.h"
#include "budget.h"
#include "cover.h"
#include "driver.h"
#include "event.h"
#include "worth.h"

static bool prepare_profile(bk_codestate *s) {
    if (!s->prof && !(s->prof = bk_profile_new(s->ci))) return false;
    for (uint32_t i = 0; i < s->ci->ninsns; i++) s->left[i] = (uint16_t)s->params.record_visits;
    s->rec = (bk_recorder){.ci = s->ci, .prof = s->prof, .pending = -1};
    return true;
}

/* The thread's CPU time. Asking for it is a system call, which takes longer than interpreting an iteration of most
 * loops: between two that are not long apart, the processor's clock is as good. */
static uint64_t run_us(void) {
    enum { OFTEN_US = 50 };
    static _Thread_local uint64_t asked, us;
    if (bk_config.fixed_order) return bk_run_us();
    uint64_t now = bk_clock();
    double since = (double)(now - asked) / bk_ticks_per_us();
    if (asked && since < OFTEN_US) return us + (uint64_t)since;
    asked = now;
    return us = bk_run_us();
}

static uint64_t sessions;

void bk_record_start(bk_codestate *s, bk_codestate *root, bk_anchor *for_) {
    if (s->recording || !prepare_profile(s)) return;
    s->recording = true;
    s->rec_root = root;
    s->rec_session = root == s ? ++sessions : root->rec_session;
    if (root == s) {
        bk_py_refresh_known();
        s->rec_start_us = run_us();
        s->rec_events = 0;
        s->rec_for = for_;
        bk_tell(BK_EVT_RECORDING, for_, NULL, 0);
        bk_count.recordings++;
        for (uint32_t i = 0; i < s->nanchors; i++)
            s->anchors[i].rec_visits = s->anchors[i].rec_new = 0, s->anchors[i].rec_at_us = 0;
        s->start.rec_visits = s->start.rec_new = 0;
    }
    bk_codestate_listen(s, true);
}

uint64_t bk_recorded_us(const bk_codestate *s) {
    if (!s->recording) return s->rec_us;
    uint64_t now = run_us(); /* of another thread, perhaps */
    return now > s->rec_start_us ? now - s->rec_start_us : 0;
}

void bk_record_stop(bk_codestate *s) {
    if (s->recording && s->rec_root == s) bk_tell(BK_EVT_RECORDED, s->rec_for, NULL, 0);
    if (s->recording) s->rec_us = bk_recorded_us(s);
    for (bk_codestate *o = bk_codestates; o; o = o->next) {
        if (!o->recording || (o != s && o->rec_root != s)) continue;
        o->recording = false;
        bk_codestate_listen(o, false);
    }
}

int bk_on_insn(bk_obj *code, bk_frame *f, uint32_t offset) {
    bk_fixed_clock += BK_EVENT_TICKS;
    bk_codestate *s = bk_py_codestate(code, false);
    if (!s || !s->recording || bk_paused || offset / 2 >= s->ci->nbytes) return BK_DISABLE;
    uint16_t i = s->ci->index[offset / 2];
    if (i == 0xffff) return BK_DISABLE;
    bk_obj *callee = NULL;
    bk_record_insn(&s->rec, f, i, &callee);
    bk_count.record_events++;
    bk_codestate *root = s->rec_root ? s->rec_root : s;
    if (++root->rec_events > (uint64_t)s->params.record_limit) {
        bk_record_stop(root);
        return BK_KEEP;
    }
    if (callee && callee != code) {
        bk_codestate *c = bk_py_codestate(callee, true);
        if (c && !c->recording && c->rec_session != root->rec_session && !c->ci->generator &&
            c->ci->ninsns <= s->params.inline_insns)
            bk_record_start(c, root, NULL);
    }
    return s->left[i] == 0 || --s->left[i] == 0 ? BK_DISABLE : BK_KEEP;
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

bool bk_recording_waited(const bk_codestate *s, const bk_anchor *a) {
    uint64_t most = (uint64_t)s->params.record_wait_us * bk_body_size(s->flow, (uint32_t)a->header);
    return s->recording && bk_recorded_us(s) >= most;
}

/* A recording that waits for a loop which does not come round costs events: what was seen is kept. */
static bool overdue(const bk_codestate *s, uint64_t us) {
    enum { LEAST_US = 100000, TIMES = 4 }; /* as long as the longest loop is waited for */
    return us > LEAST_US + (uint64_t)s->params.record_wait_us * s->ci->ninsns * TIMES;
}

void bk_recording_back_edge(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    a->rec_visits++;
    bk_codestate *root = s->rec_root ? s->rec_root : s;
    uint64_t us = bk_recorded_us(root);
    a->rec_gap_us = us - a->rec_at_us;
    a->rec_at_us = us;
    bool enough = bk_covered(a, us);
    if (overdue(root, us)) {
        bk_record_stop(root);
        if (!a->region && !a->job) a->state = A_RECORDING;
    }
    if (a->rec_visits < 2 || a->job) return;
    bool late = bk_recording_waited(s, a);
    bool outermost = !larger(s, a, false);
    if (a->region && !a->relearn) return;
    if (!enough && !late) return;
    if (!outermost && (!late || larger(s, a, true) || bk_round_soon(a, f, us))) return;
    if (!a->region && !bk_worth_compile(s, a)) return;
    if (!bk_budget_left(s, a)) { /* what was recorded is kept; events cost too much to wait with them on */
        bk_record_stop(s);
        if (!a->region) a->state = A_RECORDING;
        return;
    }
    bk_compile(s, a, f, a->region);
    bk_anchor *outer = larger(s, a, false); /* recorded for its sake too, unless it is being compiled */
    if ((!outer || outer->job || !bk_worth_compile(s, outer)) && a->state != A_COLD) bk_record_stop(s);
}

/* Is it time to compile what recording saw of the function? All its paths and a return should have been seen. */
void bk_recording_call(bk_codestate *s, bk_anchor *a, bk_frame *f) {
    enum { LEAST = 8, MOST = 4096 };
    a->rec_visits++;
    bool enough = bk_covered(a, 0) && a->rec_visits >= LEAST && bk_start_recorded(s);
    if (a->state != A_RECORDING || s->rec_root != s || (!enough && a->rec_visits < MOST)) return;
    if (bk_budget_left(s, a)) bk_compile(s, a, f, NULL);
    bk_record_stop(s);
}
