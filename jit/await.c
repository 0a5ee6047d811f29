/* Shall Python wait for a compile instead of interpreting meanwhile? A loop that will run natively for long afterwards
 * gains next to nothing by what is interpreted until then: a compile's time divided by what native code is faster. But
 * interpreting costs as much CPU time as the compile itself, and takes it from the compiler where cores are few. So
 * Python waits, without the GIL, where the loop's iterator, or that of a loop around it, tells that interpreting the
 * rest would take many times longer. If native code then gains nothing, a small part of that has been lost. */
#include "await.h"
#include "budget.h"
#include "driver.h"
#include "profit.h"

enum { ROUNDS = 2 };                   /* that are waited for */
enum { FEW = 8, MANY = 50, LONG = 4 }; /* items left of the loop that comes round; per round, to wait for longer */
enum { PART = 10 };                    /* of the time left that is waited at most */
enum { LEAST_US = 10000, MOST_US = 100000 }; /* a usual compile; the longest wait */
enum { MOST_ADDED_US = 1000000 };            /* estimates are rough */

/* can the loop end before its iterator does, but by an exception in an instruction of its own? */
static bool breaks(const bk_codestate *s, uint32_t header) {
    for (uint32_t i = 0; i < s->ci->ninsns; i++) {
        uint32_t succ[2];
        if (i == header || !bk_in_body(s->flow, header, i)) continue;
        int n = bk_bc_succ(s->ci, i, succ);
        for (int k = 0; k < n; k++)
            if (!bk_in_body(s->flow, header, succ[k])) return true;
    }
    return false;
}

/* 0: none, or not known */
static int64_t items_left(const bk_codestate *s, int32_t header, bk_frame *f) {
    int32_t slot = bk_iterator_slot(s, header);
    bk_obj *it = slot >= 0 ? bk_py_home_get(bk_py_frame_home(f), (uint32_t)slot) : NULL;
    int64_t left = it ? bk_entry_items(it, bk_py_type(it)) : 0;
    return left > 0 ? left : 0;
}

/* the next larger loop around a, from bodies of more than `size` instructions; NULL: none */
static const bk_anchor *around(const bk_anchor *a, uint32_t size) {
    const bk_codestate *s = a->of;
    const bk_anchor *found = NULL;
    for (uint32_t i = 0; i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o != a && !bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header)) continue;
        uint32_t n = bk_body_size(s->flow, (uint32_t)o->header);
        if (n > size && (!found || n < bk_body_size(s->flow, (uint32_t)found->header))) found = o;
    }
    return found;
}

/* How long interpreting the rest of the nest may take, as far as it has no code, by how long iterations took while
 * recording, a small part of which recording costs itself. A loop that was not seen to iterate takes as long each time
 * as the one inside: for what is left of it, or what was seen of it. */
static double left_us(const bk_anchor *a, bk_frame *f, uint64_t rec_us) {
    double us = 0, inside = 0;
    uint32_t size = 0;
    for (const bk_anchor *o; (o = around(a, size)); size = bk_body_size(o->of->flow, (uint32_t)o->header)) {
        if (o != a && o->region) break;
        double each = o->rec_visits < 2 ? inside : (double)rec_us / o->rec_visits;
        double left = (double)items_left(o->of, o->header, f), all = each * left;
        if (all > us && !breaks(o->of, (uint32_t)o->header)) us = all;
        inside = each * (left > o->rec_visits ? left : o->rec_visits);
    }
    return us;
}

bool bk_round_soon(const bk_anchor *a, bk_frame *f, uint64_t rec_us) {
    const bk_anchor *o = around(a, bk_body_size(a->of->flow, (uint32_t)a->header));
    if (!o || o->rec_visits >= ROUNDS || o->region || o->job) return false;
    int64_t items = items_left(o->of, o->header, f), rounds = ROUNDS - o->rec_visits;
    double most = 2 * (double)a->of->params.record_wait_us * bk_body_size(a->of->flow, (uint32_t)o->header);
    double left = (double)items_left(a->of, a->header, f), seen = (double)a->rec_visits / (o->rec_visits + 1);
    double round_us = (double)a->rec_gap_us * (left > seen ? left : seen); /* the first ones took longer */
    double us = (double)rec_us + round_us * (double)rounds;
    return items >= FEW && (us < most || (us < LONG * most && items > MANY * rounds));
}

void bk_await(bk_anchor *a, bk_frame *f) {
    if (!a->job || a->header < 0 || a->region || __atomic_load_n(&a->job->done, __ATOMIC_ACQUIRE)) return;
    bool doubtful = a->of->asked ? a->job->doubtful : a->job->part < 1;
    if (a->of->params.sync || doubtful || (a->parked && !bk_budget_affords_main(a, a->job))) return;
    double rest = left_us(a, f, bk_recorded_us(a->of)), us = rest / PART;
    if (us < LEAST_US) return;
    /* what is left to run pays for this compile, and for others as if it had been interpreted */
    if (a->compiles == 1) bk_budget_add((rest > MOST_ADDED_US ? MOST_ADDED_US : rest) / 1e3);
    bk_compile_parked(a, true);
    void *released = bk_py_release_gil();
    bk_worker_wait_for(us > MOST_US ? MOST_US : (uint32_t)us);
    bk_py_take_gil(released);
    if (a->job && __atomic_load_n(&a->job->done, __ATOMIC_ACQUIRE)) bk_publish(a);
}
