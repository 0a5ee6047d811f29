/* Has a recording seen enough of a loop? See cover.c. */
#ifndef BK_COVER_H
#define BK_COVER_H
#include "codestate.h"

/* at a back edge while recording, which has gone on for so many microseconds */
bool bk_covered(bk_anchor *a, uint64_t us);
#endif
