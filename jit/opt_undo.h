/* An undo log for the stores of an innermost loop: what they overwrite is kept, so that it can be put back. */
#ifndef BK_OPT_UNDO_H
#define BK_OPT_UNDO_H
#include "opt_loop.h"

enum { BK_UNDO_STORES = 8 };

typedef struct {
    bk_ref store;
    bool always;      /* in every iteration */
    int64_t log, did; /* offsets in the undo log: what was overwritten; a byte per iteration, 1: it was */
} bk_undo_store;

typedef struct {
    bk_fn *f;
    bk_loop *l;
    bk_blk body; /* the header's successor inside */
    bk_undo_store s[BK_UNDO_STORES];
    uint32_t n;
    bk_ref count; /* header phi: whole iterations */
} bk_undo;

/* bytes of the log that an iteration of a loop with these blocks needs, at most; 0: it stores nothing */
uint32_t bk_undo_bytes(const bk_fn *f, const bk_blk *blocks, uint32_t n);
/* can the stores be taken back? Nothing is changed. */
bool bk_undo_plan(bk_undo *u, bk_loop *l, bk_blk body);
/* writes the log in the loop */
void bk_undo_record(bk_undo *u);
/* fills block b, reached from the header: puts everything back, last store first, and leaves by snap */
void bk_undo_rollback(bk_undo *u, bk_blk b, uint32_t snap, int64_t kind);
#endif
