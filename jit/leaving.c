/* What follows from the exits of native code: it is built again with what is seen there, or given up. */
#include "budget.h"
#include "driver.h"
#include "event.h"
#include "worth.h"
#include <stdio.h>

enum { FEW = 3 }; /* an exit taken less often is no reason to compile again, whatever it cost */

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
    bk_record_start(s, s, a);
    for (uint32_t i = 0; s->recording && i < r->fn->ncodes; i++) {
        bk_codestate *c = bk_py_codestate(r->fn->codes[i], false);
        if (c && c != s && c->prof && !c->recording) bk_record_start(c, s, NULL);
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
    a->early = a->unreturned = 0;
    a->count = 0;
    a->threshold *= 16;
    bk_tell(a->state == A_BLACKLISTED ? BK_EVT_BLACKLISTED : BK_EVT_ABORTED, a, r, 0);
    bk_anchor_unlink(a, r);
    bk_region_drop(r);
}

int bk_give_up(bk_anchor *a) {
    a->state = A_BLACKLISTED;
    a->abort = BK_AB_NO_GAIN;
    bk_budget_lost(a->of);
    a->abort_at = bk_anchor_head(a);
    a->relearn = 0;
    bk_count.blacklisted++;
    bk_tell(BK_EVT_BLACKLISTED, a, a->region, 0);
    for (bk_region *r; (r = a->region);) {
        bk_anchor_unlink(a, r);
        bk_region_drop(r);
    }
    a->uncounted = true;
    return BK_DISABLE;
}

/* Native code of a function is entered at each call: it is of no use if it is left in the middle of most of them, again
 * and again after what that taught. */
static bool returns(bk_anchor *a, int kind) {
    enum { MOST = 1024 };
    if (kind == BK_G_RETURN || kind == BK_G_POLL) a->unreturned -= a->unreturned > 0;
    else a->unreturned++;
    return a->unreturned < MOST;
}

void bk_after_exit(bk_codestate *s, bk_anchor *a, bk_region *r, uint32_t exit, bool early) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    int kind = bk_exit_kind(r, exit);
    uint32_t n = ++r->exit_counts[exit];
    if (kind == BK_G_BRANCH && n <= 32) note_branch(fn, x);
    if (kind == BK_G_BRANCH && leaves_loop(s, a, fn, x)) kind = BK_G_LOOP_END;
    if (a->covers && kind == BK_G_LOOP_END) bk_worth_ended(a);
    if (early && kind != BK_G_LOOP_END && kind != BK_G_POLL) {
        bk_count.early_leaves += BK_TIMED_EVERY;
        a->early += BK_TIMED_EVERY;
    }
    if (a->header < 0 && !returns(a, kind)) {
        penalise(a, r, exit_place(fn, x));
        return;
    }
    if (a->parked && bk_exit_learns(kind)) bk_worth_left(a, bk_clock());
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

bk_leaving bk_leaves(const bk_codestate *s, const bk_anchor *a, const bk_region *r, uint32_t exit) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    int kind = bk_exit_kind(r, exit);
    if (kind == BK_G_POLL) return BK_LEAVES_POLL;
    bool end = kind == BK_G_LOOP_END || (kind == BK_G_BRANCH && leaves_loop(s, a, fn, x));
    return end ? BK_LEAVES_LOOP : BK_LEAVES_INSIDE;
}
