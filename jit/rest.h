/* Loops that are over after a few iterations rest: see rest.c. */
#ifndef BK_REST_H
#define BK_REST_H
#include "codestate.h"

enum { BK_REST_UNKNOWN = -1 };
/* items that the iterator of a loop that is about to be entered has left; BK_REST_UNKNOWN */
int64_t bk_rest_items(const bk_anchor *a, const bk_region *r, void **home);
/* bytecode instructions left to be run of a loop that is about to be entered; BK_REST_UNKNOWN */
int64_t bk_rest_left(const bk_anchor *a, const bk_region *r, void **home);
/* the same of one that was left after so many back edges */
int64_t bk_rest_done(const bk_anchor *a, const bk_region *r, uint64_t passes);
/* The loop ran for `insns` instructions in native code (`quick`: in about the time that entering takes), standing for
 * `entries` entries. If that is too few too often, the place rests: it is to be disabled until bk_rest_over says so. */
void bk_rest_after(bk_anchor *a, int64_t insns, bool quick, uint32_t entries);
/* A back edge's event led to nothing. True: the place rests from here on, its events are to be disabled. */
bool bk_rest_idle(bk_anchor *a);
/* native code of the place is entered */
static inline void bk_rest_used(bk_anchor *a) { a->idle = a->idle_us = 0; }
/* Code with a place whose rest is over, now (microseconds): its events are to be armed again. NULL: there is no more;
 * *next is then the time when the first of the others is over, if that is before. */
bk_codestate *bk_rest_over(uint64_t now, uint64_t *next);
/* the place is about to be freed */
void bk_rest_forget(bk_anchor *a);
#endif
