/* Shall Python wait for a compile instead of interpreting meanwhile? See await.c. */
#ifndef BK_AWAIT_H
#define BK_AWAIT_H
#include "codestate.h"

/* Waits for the code of the loop a that frame f is in, if it was just asked for and that is better than to interpret
 * meanwhile; publishes it. Other threads may do anything to a's state. */
void bk_await(bk_anchor *a, bk_frame *f);
/* The loop around a, which has been recorded for rec_us, has not come round twice: will it soon? Then one compile is
 * enough for both. By a's rate and what iterators have left; how soon, `record_wait_us` tells, and how much is left. */
bool bk_round_soon(const bk_anchor *a, bk_frame *f, uint64_t rec_us);
#endif
