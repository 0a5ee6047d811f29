/* What the IR's own files share: the function as allocated, and its control-flow facts. */
#ifndef BK_IR_PRIV_H
#define BK_IR_PRIV_H
#include "bk_ir.h"

#define BK_NONE UINT32_MAX

/* bk_fn_new allocates this: the constants' hash table must not be seen by users of bk_fn. */
typedef struct {
    bk_fn f;
    bk_ref *khash; /* open addressing; 0 is empty */
    uint32_t kcap, kused;
    uint32_t kpos; /* constants stand at the start of block 0: where the next one goes */
} bk_fn_impl;

/* grows *p (elements of `size` bytes) to hold `need`; false (and f->oom) when memory is out */
bool bk_grow(bk_fn *f, void **p, uint32_t *cap, uint32_t need, size_t size);
/* tells the sharing of constants about one that was made by hand (the parser) */
void bk_const_note(bk_fn *f, bk_ref k);
/* the constant op (BK_K_*) imm, shared */
bk_ref bk_k(bk_fn *f, bk_op op, int64_t imm);
/* a new instruction that stands nowhere yet */
bk_ref bk_ins_new(bk_fn *f, bk_op op, bk_type type, bk_ref a, bk_ref b, bk_ref c);
/* the result type of an op whose table entry says X, from its operands; BK_V when only the builder can tell */
bk_type bk_result_type(const bk_fn *f, bk_op op, bk_ref a, bk_ref b);

/* operands in order: a, b, c or the list; for (uint32_t i = 0; i < bk_nops(f, r); i++) ... *bk_opnd(f, r, i) */
static inline uint32_t bk_nopnds(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    return bk_ops[in->op].nargs == '*' ? in->b : bk_ops[in->op].nargs;
}
static inline bk_ref *bk_opnd(const bk_fn *f, bk_ref r, uint32_t i) {
    bk_ins *in = &f->ins[r];
    if (bk_ops[in->op].nargs == '*') return &f->args[in->a + i];
    return i == 0 ? &in->a : i == 1 ? &in->b : &in->c;
}
static inline bool bk_is_const(const bk_fn *f, bk_ref r) { return f->ins[r].op >= BK_K_I1 && f->ins[r].op <= BK_K_PTR; }
static inline bool bk_is_term(const bk_fn *f, bk_ref r) { return bk_ops[f->ins[r].op].flags & BK_OF_TERM; }
/* does the instruction name a snapshot? */
static inline bool bk_has_snap(const bk_fn *f, bk_ref r) {
    return (bk_ops[f->ins[r].op].flags & BK_OF_GUARD) || f->ins[r].op == BK_EXIT;
}

/* Control-flow facts, computed afresh by bk_cfg_new and right until an edge changes. */
typedef struct {
    uint32_t nblocks, nrpo;
    bk_blk *rpo;             /* reachable blocks in reverse postorder */
    uint32_t *rpo_no;        /* per block: its place there; BK_NONE: unreachable */
    bk_blk *idom;            /* per block; the entry's is itself */
    uint32_t *pre, *post;    /* dominator tree numbering: a dominates b when pre[a] <= pre[b] && post[b] <= post[a] */
    bk_blk *child, *sibling; /* dominator tree, children in reverse postorder; BK_NONE ends */
    bk_blk *loop;            /* per block: header of the innermost natural loop it is in, BK_NONE outside */
    bk_blk *parent;          /* per header: header of the loop around it, BK_NONE */
    uint32_t *depth;         /* per block: number of loops it is in */
} bk_cfg;
bk_cfg *bk_cfg_new(const bk_fn *f);
void bk_cfg_free(bk_cfg *c);
static inline bool bk_dom(const bk_cfg *c, bk_blk a, bk_blk b) {
    return c->pre[a] <= c->pre[b] && c->post[b] <= c->post[a];
}
/* is block b inside the loop of header h? */
bool bk_in_loop(const bk_cfg *c, bk_blk h, bk_blk b);
#endif
