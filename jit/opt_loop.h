/* Loops and how their induction variables count: shared by hoisting, predication, strip-mining and deferral. */
#ifndef BK_OPT_LOOP_H
#define BK_OPT_LOOP_H
#include "opt.h"

typedef struct {
    bk_fn *f;
    const bk_cfg *cfg;
    bk_blk head, pre; /* header, preheader */
    bk_blk *blocks;   /* in reverse postorder, inner loops' blocks too */
    uint32_t nblocks;
    bk_writes writes; /* of the whole body */
} bk_loop;

/* false: no loop that can be worked on (not marked, no preheader), or memory is out (f->oom) */
bool bk_loop_get(bk_loop *l, bk_fn *f, const bk_cfg *cfg, bk_blk head);
void bk_loop_free(bk_loop *l);
/* headers of all loops, inner ones before those around them; NULL: out of memory */
bk_blk *bk_loop_order(const bk_cfg *cfg, uint32_t *n);
/* work(o, header) on each loop in that order, also on what it has become by then; false: work, or memory, failed */
bool bk_each_loop(bk_opt *o, bool (*work)(bk_opt *o, bk_blk head));

static inline bool bk_variant(const bk_loop *l, bk_ref r) { return bk_in_loop(l->cfg, l->head, l->f->ins[r].block); }
static inline bool bk_innermost(const bk_loop *l) {
    for (uint32_t i = 0; i < l->nblocks; i++)
        if (l->cfg->loop[l->blocks[i]] != l->head) return false;
    return true;
}
/* An innermost loop with one back edge whose header ends in a branch out of it (exit) or on into it (body). */
bool bk_tests_at_head(const bk_loop *l, bk_blk *exit, bk_blk *body);
/* is b, outside the loop, a block that only leaves, for one place of the loop? */
bool bk_side_exit(const bk_loop *l, bk_blk b);
/* does each whole iteration pass through b? */
bool bk_every_iteration(const bk_loop *l, bk_blk b);
/* or did recording go there in many of them? Then what is assumed there may be assumed for the loop. */
bool bk_often(const bk_loop *l, bk_blk b);
/* Is guard r a bounds check of a loop variable as it is? Such a check may be assumed to hold in any block: a condition
 * before it is hardly ever there to make it hold. With a[i + 1] it often is. */
bool bk_plain_bounds(const bk_fn *f, bk_ref r);

/* An induction variable: phi(start, phi + step) that cannot wrap, with the bounds that hold at some block of the loop.
 * A bound is an invariant value plus a constant. */
typedef struct {
    bk_ref phi, start, step; /* step: a constant, or an invariant (then its sign is `up` only if it is not negative) */
    bool up, fixed;          /* fixed: the step is a constant */
    bk_ref stop;             /* up: phi < stop there (inclusive: <=); down: phi > stop; 0: nothing is known */
    bool inclusive;
    bk_ref cond;  /* the compare that says so */
    bool rotated; /* the bound is tested at the back edge: it holds from the second iteration on */
} bk_iv;
bool bk_iv_get(const bk_loop *l, bk_ref phi, bk_blk at, bk_iv *iv);
#endif
