/* Do the accesses of several iterations that run as one block stay apart? */
#ifndef BK_OPT_APART_H
#define BK_OPT_APART_H
#include "opt_loop.h"

/* a loop whose blocks of `most` iterations first load all, then store all */
typedef struct {
    bk_loop *l;
    bk_blk body;        /* of its only block besides the header; tests stand before the loop around it, in `at` */
    bk_blk at;          /* the preheader of l->pre, which is a loop's header itself */
    bk_ref start, stop; /* of the induction variable, there */
    bool up;            /* its step is 1, else -1 */
    int64_t most;
} bk_apart;

typedef enum { BK_APART_ALWAYS, BK_APART_TEST, BK_APART_NEVER } bk_apart_kind;

/* by how much an address part grows with each iteration; false: not known */
bool bk_growth(const bk_apart *x, bk_ref v, int64_t *by);
/* may access `other` (a load, or a store that is made before `store`) run ahead of the store by up to most iterations?
 * `after`: the load stands behind the store in the body */
bk_apart_kind bk_apart_plan(const bk_apart *x, bk_ref other, bk_ref store, bool after);
/* emits the test for that in x->at, for accesses like `other` up to `span` bytes higher, too: i1 */
bk_ref bk_apart_test(const bk_apart *x, bk_ref other, int64_t span, bk_ref store, bool after);
#endif
