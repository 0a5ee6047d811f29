/* The driver's side of sampling: what a thread does is told around it. */
#ifndef BK_JIT_SAMPLE_H
#define BK_JIT_SAMPLE_H
#include "bk_sample.h"
#include "codestate.h"

extern bool bk_sampling;
typedef struct {
    bk_anchor *a;
    uint32_t mode; /* 0: none, else bk_tick + 1 */
} bk_doing;

bk_doing bk_sample_push(bk_anchor *a, bk_tick what);
void bk_sample_pop(bk_doing before);

/* this thread does `what` for loop a from now on; gives what it did before, for bk_done */
static inline bk_doing bk_do(bk_anchor *a, bk_tick what) {
    return __builtin_expect(bk_sampling, 0) ? bk_sample_push(a, what) : (bk_doing){NULL, 0};
}
static inline void bk_done(bk_doing before) {
    if (__builtin_expect(bk_sampling, 0)) bk_sample_pop(before);
}
#endif
