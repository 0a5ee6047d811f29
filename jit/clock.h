/* The system's clocks, as numbers. */
#ifndef BK_CLOCK_H
#define BK_CLOCK_H
#include <stdint.h>
#include <time.h>

static inline uint64_t bk_clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static inline uint64_t bk_clock_us(clockid_t id) { return bk_clock_ns(id) / 1000; }
static inline double bk_clock_ms(clockid_t id) { return (double)bk_clock_ns(id) * 1e-6; }
/* what this thread has used: not disturbed by what else runs */
static inline double bk_thread_ms(void) { return bk_clock_ms(CLOCK_THREAD_CPUTIME_ID); }
#endif
