/* Does native code of a loop that calls unknown code pay? It is measured: see profit.c. */
#ifndef BK_PROFIT_H
#define BK_PROFIT_H
#include "driver.h"

/* does the region call what the interpreter would call in the same time? */
bool bk_profit_doubtful(const bk_fn *f);
/* how many such calls it has; *all: instructions */
uint32_t bk_profit_calls(const bk_fn *f, uint32_t *all);
/* The part of the loop's time that can be saved: what is not spent in such calls. Below 1: it is doubtful that native
 * code gains anything. */
double bk_profit_part(const bk_anchor *a, const bk_fn *f);
/* may the place's native code have to be timed? Then it counts its passes */
bool bk_profit_counts(const bk_anchor *a, const bk_fn *f);
/* its native code is gone */
void bk_profit_drop(bk_anchor *a);
/* A loop that is known to gain nothing: over a generator, which the interpreter resumes without a C call, and with
 * hardly an instruction besides. f is at its back edge. */
bool bk_profit_none(const bk_anchor *a, bk_frame *f);
/* a region of the place was published */
void bk_profit_begin(bk_anchor *a, const bk_region *r);
/* is the place's native code being timed? */
static inline bool bk_profit_timed(const bk_anchor *a) { return a->trial.phase == BK_TRIAL_NATIVE; }
/* native code is entered, and was left after `ticks` and so many back edges */
void bk_profit_enter(bk_anchor *a);
/* a request that native code be left was seen to */
void bk_profit_wake(void);
void bk_profit_left(bk_anchor *a, uint64_t ticks, uint64_t passes, bk_leaving how);
/* back edges of a run by the items that its iterator had before and has after it */
int64_t bk_profit_passes(bk_leaving how, int64_t before, int64_t after);
/* Is a loop around a being timed as interpreted? Nothing is done about a meanwhile. */
bool bk_profit_around(const bk_codestate *s, const bk_anchor *a);
/* Back edge of a place in BK_TRIAL_INTERPRETED, where r could be entered; what to do: go on interpreting while that is
 * the phase, give native code up at BK_TRIAL_LOST, else enter it. */
bk_trialphase bk_profit_pass(bk_anchor *a, const bk_region *r, void **home);
/* the events of a place that is timed to know what they cost: trial.least is the least time between them */
void bk_profit_calibrate(bk_anchor *a);
void bk_profit_event(bk_anchor *a);
#endif
