/* A reference interpreter for the IR: slow, simple, and the judge of what passes may do. */
#ifndef BK_EVAL_H
#define BK_EVAL_H
#include "bk_ir.h"

typedef struct bk_eval {
    const bk_fn *f;
    void **home;    /* home slots, virtual ones after the real */
    uint64_t *vals; /* per instruction, as bits (f.nins words, given by the caller) */
    uint64_t steps; /* instructions left; 0: gives up */
    bk_ref broken;  /* an operation marked NSW that wrapped, 0 none */
    uint32_t type_offset, float_offset, refcnt_offset; /* in objects, bytes */
    void *ctx;
    /* a call, or a reference given up that may run any code (op DECREF, XDECREF): the result's bits */
    uint64_t (*call)(struct bk_eval *e, bk_ref r);
    bool (*poll)(struct bk_eval *e, bk_ref r); /* true: leave */
    void (*crossing)(struct bk_eval *e, bk_ref r,
                     uint32_t snap);                          /* a preheader's end (r: its JMP) or a POLL, before it */
    void *(*box)(struct bk_eval *e, bk_ref r, uint64_t bits); /* BOXF, BOXI, BOXB; NULL: out of memory */
    bool (*unbox_int)(struct bk_eval *e, const void *p, int64_t *out); /* false: does not fit 64 bits */
} bk_eval;

/* runs to an exit: the guard or EXIT that left; 0: gave up or came to what it does not know */
bk_ref bk_eval_run(bk_eval *e);
/* the IEEE, Python and C rules of one pure operation (operands as bits); false: not a pure op */
bool bk_eval_pure(const bk_fn *f, bk_ref r, uint64_t a, uint64_t b, uint64_t c, uint64_t *out);
#endif
