/* The two halves of hoisting. */
#ifndef BK_OPT_HOIST_H
#define BK_OPT_HOIST_H
#include "opt_loop.h"

/* bounds and overflow guards over an induction variable become guards on its end points in the preheader */
bool bk_predicate(bk_opt *o, bk_loop *l);
/* the same for the overflow check r of a counter that not every iteration counts up */
bool bk_predicate_count(bk_opt *o, bk_loop *l, bk_ref r);
#endif
