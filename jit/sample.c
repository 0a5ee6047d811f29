/* The sampler thread, the threads' slots that it reads, and the loops that its ticks go to. */
#include "sample.h"
#include "clock.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* What a thread does. Slots are never freed, so the sampler may look at any of them at any time; the ticks that it
 * leaves there are fetched by the slot's own thread, which knows that the loop is alive. */
typedef struct {
    void *thread;         /* atomic: the thread state; NULL: free */
    uint32_t mode, ticks; /* atomic */
    bk_anchor *a;         /* the own thread's */
} slot;
enum { NSLOTS = 256 };

const char *const bk_tick_names[BK_NTICKS] = {"native", "interpreted", "recording", "waiting", "building"};
bool bk_sampling;
uint64_t bk_ticks_elsewhere, bk_ticks_idle;
static slot slots[NSLOTS];
static _Thread_local slot *mine;
static pthread_key_t at_thread_end;
static pthread_t sampler;
static bool have_key;
static int running;         /* atomic: cleared to end the sampler */
static uint32_t owed;       /* atomic: ticks spent interpreting that no loop was found for yet */
static int asked;           /* atomic: bk_sample_where is on its way */
static int64_t interval_ns; /* atomic */
static uint64_t idle;       /* atomic; added to bk_ticks_idle when sampling ends */

static void give_back(void *p) {
    slot *s = p;
    __atomic_store_n(&s->mode, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&s->thread, NULL, __ATOMIC_RELEASE);
}

static slot *own_slot(void) {
    if (mine) return mine;
    for (int i = 0; i < NSLOTS && !mine; i++) {
        void *none = NULL;
        if (__atomic_compare_exchange_n(&slots[i].thread, &none, bk_py_thread(), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            mine = &slots[i];
    }
    if (mine) (void)pthread_setspecific(at_thread_end, mine);
    return mine;
}

static void fetch_ticks(slot *s) {
    uint32_t n = __atomic_exchange_n(&s->ticks, 0, __ATOMIC_RELAXED);
    if (n && s->a && s->mode) s->a->ticks[s->mode - 1] += n;
}

bk_doing bk_sample_push(bk_anchor *a, bk_tick what) {
    slot *s = own_slot();
    if (!s) return (bk_doing){NULL, 0};
    bk_doing before = {s->a, s->mode};
    fetch_ticks(s);
    s->a = a;
    __atomic_store_n(&s->mode, (uint32_t)what + 1, __ATOMIC_RELAXED);
    return before;
}

void bk_sample_pop(bk_doing before) {
    slot *s = mine;
    if (!s) return;
    fetch_ticks(s);
    s->a = before.a;
    __atomic_store_n(&s->mode, before.mode, __ATOMIC_RELAXED);
}

/* ---- where the interpreter is ---- */
static bk_anchor *innermost(const bk_codestate *s, uint32_t offset) {
    if (offset / 2 >= s->ci->nbytes) return NULL;
    uint16_t pc = s->ci->index[offset / 2];
    for (uint32_t i = s->nanchors; pc != 0xffff && i-- > 0;) /* inner loops begin later */
        if (bk_in_body(s->flow, (uint32_t)s->anchors[i].header, pc)) return &s->anchors[i];
    return NULL;
}

/* a function that is entered at its start stands for what is in none of its loops */
static bk_anchor *around(bk_codestate *s, uint32_t offset) {
    bk_anchor *a = innermost(s, offset);
    return a || !bk_anchor_tried(&s->start) ? a : &s->start;
}

static bool being_compiled(const bk_codestate *s, const bk_anchor *a) {
    if (a->header < 0) return a->job != NULL;
    for (uint32_t i = 0; i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o->job && (o == a || bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header))) return true;
    }
    return false;
}

void bk_sample_where(void) {
    uint32_t offset, n = __atomic_exchange_n(&owed, 0, __ATOMIC_RELAXED);
    void *frame = NULL;
    bk_obj *code;
    __atomic_store_n(&asked, 0, __ATOMIC_RELAXED);
    while ((code = bk_py_walk(&frame, &offset))) {
        bk_codestate *s = bk_py_codestate(code, false);
        bk_anchor *a = s ? around(s, offset) : NULL;
        if (!a) continue;
        bk_tick what = s->recording ? BK_TICK_RECORDING : being_compiled(s, a) ? BK_TICK_WAITING : BK_TICK_INTERPRETED;
        a->ticks[what] += n;
        return;
    }
    bk_ticks_elsewhere += n;
}

/* ---- the sampler ---- */
static void look(uint32_t n) {
    void *holder = bk_py_gil_holder();
    if (!holder) {
        __atomic_fetch_add(&idle, n, __ATOMIC_RELAXED);
        return;
    }
    for (int i = 0; i < NSLOTS; i++) {
        if (__atomic_load_n(&slots[i].thread, __ATOMIC_ACQUIRE) != holder) continue;
        if (!__atomic_load_n(&slots[i].mode, __ATOMIC_RELAXED)) break;
        __atomic_fetch_add(&slots[i].ticks, n, __ATOMIC_RELAXED);
        return;
    }
    __atomic_fetch_add(&owed, n, __ATOMIC_RELAXED);
    if (!__atomic_exchange_n(&asked, 1, __ATOMIC_RELAXED) && !bk_py_ask_where())
        __atomic_store_n(&asked, 0, __ATOMIC_RELAXED);
}

static int64_t now_ns(void) { return (int64_t)bk_clock_ns(CLOCK_MONOTONIC); }

/* a late wake-up counts for all the intervals that have passed */
static void *sample(void *unused) {
    int64_t last = now_ns();
    (void)unused;
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
        int64_t step = __atomic_load_n(&interval_ns, __ATOMIC_RELAXED);
        nanosleep(&(struct timespec){step / 1000000000, step % 1000000000}, NULL);
        int64_t n = (now_ns() - last) / step;
        if (n <= 0) continue;
        last += n * step;
        look((uint32_t)n);
    }
    return NULL;
}

/* signals are the program's: none is delivered to this thread */
static bool start_thread(void) {
    sigset_t all, old;
    sigfillset(&all);
    __atomic_store_n(&running, 1, __ATOMIC_RELEASE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bk_sampling = pthread_create(&sampler, NULL, sample, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return bk_sampling;
}

bool bk_sample_start(double interval_ms) {
    if (!have_key && pthread_key_create(&at_thread_end, give_back) != 0) return false;
    have_key = true;
    __atomic_store_n(&interval_ns, (int64_t)(interval_ms * 1e6), __ATOMIC_RELAXED);
    return bk_sampling || start_thread();
}

static void end_thread(void) {
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    pthread_join(sampler, NULL);
}

/* native code that was entered while sampling finds its slot unchanged when it ends */
void bk_sample_stop(void) {
    if (!bk_sampling) return;
    if (__atomic_load_n(&running, __ATOMIC_RELAXED)) end_thread();
    bk_sampling = false;
    bk_ticks_idle += __atomic_exchange_n(&idle, 0, __ATOMIC_RELAXED);
    bk_ticks_elsewhere += __atomic_exchange_n(&owed, 0, __ATOMIC_RELAXED);
}

/* a process with threads is warned about when it forks: no thread of ours is why */
void bk_sample_before_fork(void) {
    if (bk_sampling && __atomic_load_n(&running, __ATOMIC_RELAXED)) end_thread();
}

void bk_sample_go_on(void) {
    if (bk_sampling && !__atomic_load_n(&running, __ATOMIC_RELAXED)) (void)start_thread();
}

void bk_sample_in_child(void) {
    if (!bk_sampling) return;
    for (int i = 0; i < NSLOTS; i++)
        if (&slots[i] != mine) slots[i] = (slot){0};
        else slots[i].ticks = 0;
    owed = 0;
    asked = 0;
    idle = bk_ticks_idle = bk_ticks_elsewhere = 0;
    bk_sample_go_on();
}
