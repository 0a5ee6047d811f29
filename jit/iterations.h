/* How often a loop went back to its head, counted while profiling: see iterations.c. */
#ifndef BK_ITERATIONS_H
#define BK_ITERATIONS_H
#include "codestate.h"

typedef struct {
    const bk_entrycheck *check; /* of the loop's iterator; NULL: of no known kind */
    int64_t left;               /* items; -1: not known */
} bk_iterations;

/* must a region of this place count passes to be profiled? Its iterator does not tell */
bool bk_iterations_need_passes(const bk_anchor *a, const bk_entrycheck *checks, uint32_t n);
/* around an entry; exit: as bk_py_enter gave it. The region is alive. */
bk_iterations bk_iterations_before(const bk_anchor *a, const bk_region *r, void **home);
void bk_iterations_after(bk_anchor *a, const bk_region *r, void **home, bk_iterations before, int64_t exit,
                         uint64_t passes);
/* r was published: loops that it runs inside of a's iterations have no counts of their own any more */
void bk_iterations_cover(const bk_anchor *a, const bk_region *r);
/* -1: not known */
int64_t bk_iterations_of(const bk_anchor *a);
#endif
