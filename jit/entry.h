/* What must hold of the frame for a region to be entered: tested here in C, so that compiled code need not. */
#ifndef BK_ENTRY_H
#define BK_ENTRY_H
#include "bk_py.h"

typedef enum {
    EC_NULL,    /* the slot is empty */
    EC_HELD,    /* it is not */
    EC_SIMPLE,  /* empty, or an object whose death runs no code */
    EC_TYPE,    /* exactly of `type` */
    EC_INT,     /* an int that fits 64 bits */
    EC_ND,      /* exactly of `type`, with the array facts `nd` */
    EC_RANGEIT, /* a range iterator with step `step`, its end within 64 bits, owned by the frame alone */
    EC_SEQIT, /* an iterator over a sequence (`type`, bk_entry_seqkind) that is not exhausted, owned by the frame alone
               */
    EC_WRAPPED,  /* enumerate and zip around `iters`, and these, nobody else's */
    EC_REVERSED, /* a reversed list's iterator that is not exhausted, owned by the frame alone */
    EC_UNDERFLOW /* no slot: NumPy is set to ignore underflow (step 1) or not (0) */
} bk_entrykind;

enum { BK_ENTRY_ITERS = 4, BK_WRAP_ENUM = 1, BK_WRAP_ZIP = 2 };
typedef struct {
    bk_obj *type; /* as in an EC_RANGEIT or EC_SEQIT */
    int64_t step;
    bk_ndkey nd; /* of the array that is iterated over */
} bk_entryiter;

typedef struct {
    uint32_t slot;
    uint8_t kind;
    uint8_t wrap, niters; /* EC_WRAPPED: BK_WRAP_*: enumerate(zip(...)) has both */
    bk_entryiter iters[BK_ENTRY_ITERS];
    bk_ndkey nd;  /* EC_SEQIT: of the array that is iterated over */
    bk_obj *type; /* borrowed: the region's constants keep it */
    int64_t step;
} bk_entrycheck;

/* the check that the object now in the slot passes; true: it is an iterator that native code can move on itself */
bool bk_entry_describe(bk_obj *o, bool local, bool live, uint32_t slot, bk_entrycheck *c);
bool np_has_elements(const bk_ndkey *k); /* build_np.c: its elements have a fast path */
int bk_entry_seqkind(bk_obj *type);      /* bk_seqkind of an iterator type; -1: another */
/* how many items an iterator of that type has left; -1: not known */
int64_t bk_entry_items(bk_obj *it, bk_obj *type);
/* how many items the iterator that the check is of has left; -1: not known */
int64_t bk_entry_left(const bk_entrycheck *c, void **home);
bool bk_entry_holds(const bk_entrycheck *c, uint32_t n, void **home);
#endif
