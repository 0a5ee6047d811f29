/* Shall Python wait for a compile instead of interpreting meanwhile? See await.c. */
#ifndef BK_AWAIT_H
#define BK_AWAIT_H
#include "codestate.h"

/* Waits for the code of the loop a that frame f is in, if it was just asked for and that is better than to interpret
 * meanwhile; publishes it. Other threads may do anything to a's state. */
void bk_await(bk_anchor *a, bk_frame *f);
#endif
