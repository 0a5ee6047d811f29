/* The compile thread: takes regions from a queue. It touches no Python object and never needs the GIL. */
#include "clock.h"
#include "region.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>

double bk_worker_cpu_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER, idle = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static bool started, stopping, busy, unusable;
static bool leaving; /* the thread ends before a fork, and is started again when there is work */
static bool forking; /* nothing is begun until the fork was made; Python code may run meanwhile (other hooks) */
static bk_region *first, **last = &first;
enum { LOADING_MS = 8 };             /* the code generator, which the first compile does */
enum { BASE_INS = 200 };             /* a compile takes as long as so many instructions, and those that it has */
static const double GUESS_MS = 0.03; /* each, before any was compiled */
static double regions_ms;            /* of all compiles, without loading the code generator */
static uint64_t compiled_ins, compiles;
static uint32_t busy_ins;            /* those of the one that is being compiled */
static uint64_t submitted, finished; /* how many */
static struct timespec wake_at;      /* tv_sec 0: never */

static void compile_one(bk_region *r) {
    double t = bk_thread_ms();
    uint32_t n = r->fn->nins + BASE_INS; /* before the optimiser */
    bk_region_compile(r);
    bk_worker_cpu_ms += bk_thread_ms() - t;
    regions_ms += r->opt_ms + r->code.lower_ms + r->code.opt_ms + r->code.emit_ms;
    compiled_ins += n;
    compiles++;
}

static double each_ms(void) { return compiled_ins ? regions_ms / (double)compiled_ins : GUESS_MS; }

double bk_worker_waiting_ms(void) {
    pthread_mutex_lock(&lock);
    uint64_t n = busy ? busy_ins : 0;
    for (const bk_region *r = first; r; r = r->next) n += r->fn->nins + BASE_INS;
    pthread_mutex_unlock(&lock);
    return (double)n * each_ms();
}

double bk_worker_usual_ms(void) {
    enum { USUAL_MS = 12 };
    return compiles ? regions_ms / (double)compiles : USUAL_MS + LOADING_MS;
}

double bk_worker_likely_ms(const bk_region *r) {
    return (double)(r->fn->nins + BASE_INS) * each_ms() + (compiles ? 0 : LOADING_MS);
}

/* lock held, the queue is not empty */
static bk_region *take_first(void) {
    bk_region *r = first;
    first = r->next;
    if (!first) last = &first;
    r->next = NULL;
    return r;
}

/* lock held, if there is a thread */
static void finish(bk_region *r) {
    finished++;
    __atomic_store_n(&r->done, 1, __ATOMIC_RELEASE);
}

static bool before(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static struct timespec time_in(uint32_t us) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += us / 1000000;
    t.tv_nsec += (long)(us % 1000000) * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* nothing is to be compiled */
static void sleep_on(void) {
    enum { AGAIN_US = 10000 };
    if (!wake_at.tv_sec) pthread_cond_wait(&wake, &lock);
    else if (pthread_cond_timedwait(&wake, &lock, &wake_at) == ETIMEDOUT)
        wake_at = bk_py_wake_soon() ? (struct timespec){0} : time_in(AGAIN_US);
}

static bool start(void);

bool bk_worker_wake_in(uint32_t us) {
    pthread_mutex_lock(&lock);
    bool can = !unusable && !stopping && (started || forking || start());
    struct timespec at = time_in(us);
    if (can && (!wake_at.tv_sec || before(&at, &wake_at))) {
        wake_at = at;
        pthread_cond_signal(&wake);
    }
    pthread_mutex_unlock(&lock);
    return can;
}

static void *work(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!stopping && !leaving) {
        if (!first || forking) {
            pthread_cond_broadcast(&idle);
            sleep_on();
            continue;
        }
        bk_region *r = take_first();
        busy = true;
        busy_ins = r->fn->nins + BASE_INS;
        pthread_mutex_unlock(&lock);
        compile_one(r);
        pthread_mutex_lock(&lock);
        busy = false;
        finish(r);
        if (first) pthread_cond_broadcast(&idle); /* bk_worker_wait_for */
    }
    pthread_cond_broadcast(&idle);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* signals are the program's: none is delivered to this thread */
static bool start(void) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    started = pthread_create(&thread, NULL, work, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

static void unusable_for(bk_region *r) {
    r->failed = 1;
    snprintf(r->error, sizeof r->error, "the compiler is not usable in this process");
}

void bk_worker_submit(bk_region *r, bool sync) {
    pthread_mutex_lock(&lock);
    submitted++;
    bool here = sync || unusable || stopping || (!started && !forking && !start());
    if (!here) {
        r->next = NULL;
        *last = r;
        last = &r->next;
        pthread_cond_signal(&wake);
    }
    while (here && !unusable && (busy || (first && !forking))) pthread_cond_wait(&idle, &lock);
    pthread_mutex_unlock(&lock);
    if (!here) return;
    if (unusable || stopping) unusable_for(r);
    else compile_one(r);
    pthread_mutex_lock(&lock);
    finish(r);
    pthread_mutex_unlock(&lock);
}

/* lock held: CPU time of the thread; 0: not known */
static double spent_us(void) {
    clockid_t clock;
    struct timespec t;
    if (!started || pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &t)) return 0;
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

void bk_worker_wait_for(uint32_t us) {
    enum { TIMES = 3 }; /* where other processes take half of the compiler's time or more, and would take ours too */
    pthread_mutex_lock(&lock);
    struct timespec until = time_in(us);
    double before = spent_us();
    int times = 1;
    for (uint64_t all = submitted; finished < all && started && !stopping;) {
        if (pthread_cond_timedwait(&idle, &lock, &until) != ETIMEDOUT) continue;
        if (times == TIMES || (spent_us() - before) * 2 > (double)us * times) break;
        times++;
        until = time_in(us);
    }
    pthread_mutex_unlock(&lock);
}

/* lock held, there is a region and no thread that would take it */
static void compile_first_here(void) {
    bk_region *r = take_first();
    pthread_mutex_unlock(&lock);
    if (unusable) unusable_for(r);
    else compile_one(r);
    pthread_mutex_lock(&lock);
    finish(r);
}

void bk_worker_wait(void) {
    pthread_mutex_lock(&lock);
    while (!stopping && (busy || first)) {
        if (busy || (started && !forking)) pthread_cond_wait(&idle, &lock);
        else compile_first_here();
    }
    pthread_mutex_unlock(&lock);
}

void bk_worker_stop(void) {
    pthread_mutex_lock(&lock);
    stopping = true;
    while (first) {
        bk_region *r = take_first();
        r->failed = 1;
        finish(r);
    }
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
    if (started) pthread_join(thread, NULL);
    started = false;
}

/* the parent waits briefly for a running compile: LLVM's locks must not be held across the fork */
void bk_worker_before_fork(void) {
    struct timespec until = time_in(20000);
    pthread_mutex_lock(&lock);
    forking = true;
    while (started && busy)
        if (pthread_cond_timedwait(&idle, &lock, &until) == ETIMEDOUT) break;
    if (started && !busy) { /* a process with threads is warned about when it forks: no thread of ours is why */
        leaving = true;
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&lock);
        pthread_join(thread, NULL);
        pthread_mutex_lock(&lock);
        leaving = started = false;
    }
    pthread_mutex_unlock(&lock);
}

void bk_worker_after_fork(bool child) {
    if (child) {
        pthread_mutex_init(&lock, NULL);
        pthread_cond_init(&wake, NULL);
        pthread_cond_init(&idle, NULL);
        unusable = unusable || busy; /* the child has what is compiled, and compiles nothing */
        started = busy = false;
    }
    pthread_mutex_lock(&lock);
    forking = false;
    if ((first || wake_at.tv_sec) && !started && !unusable) start();
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
}
