/* What recording learns of a code object: per instruction, the types of results, branch counts, callees. */
#ifndef BK_PROFILE_H
#define BK_PROFILE_H
#include "bk_py.h"

enum { BK_NSEEN = 4, BK_NOPND = 3 };

/* A type seen, with what else identifies a fast path. */
typedef struct {
    bk_obj *type; /* strong reference */
    bk_ndkey nd;  /* ndarrays of a plain dtype (nd.ndim 0: not such an array) */
    uint8_t form; /* str: BK_STR_* that all of them were */
    bool wide;    /* an int that does not fit 64 bits */
} bk_seen;

enum {
    BK_PF_NEG_INDEX = 1, /* a negative index was seen */
    BK_PF_POS_INDEX = 2,
    BK_PF_DIES = 4,   /* an object other than a number lost its last reference here, */
    BK_PF_LOUD = 128, /* and its death may run code */
    BK_PF_CALLEE_MANY = 8,
    BK_PF_GENERIC = 16, /* the fast path failed too often: use the boxed lowering */
    BK_PF_LEAVE = 32,   /* raises too often: leave in front of it */
    BK_PF_RESULT_MANY = 64
};

typedef struct {
    uint32_t visits;
    uint32_t taken;                           /* branches: jumped; FOR_ITER: exhausted */
    uint8_t flags, nseen, strikes, struck_in; /* struck_in: the number of the compile whose exit gave the last strike */
    bk_seen seen[BK_NSEEN];                   /* results (STORE_SUBSCR, STORE_ATTR: what was replaced) */
    bk_seen opnd[BK_NOPND]; /* the operand on top and those below (the third: MATCH_CLASS), while always the same */
    bool opnd_many[BK_NOPND];
    bk_obj *others[3];          /* further types of the operand on top (strong) */
    uint8_t nothers;            /* 4: more than that */
    bk_obj *callee;             /* CALL: code object, type or builtin; LOAD_SUPER_ATTR: the class (strong) */
    bk_obj *globals, *builtins; /* of a function that was called as it is, not as a method (strong) */
    int64_t step;               /* FOR_ITER over a range: its step */
} bk_prof;

/* the profile of one code object: one bk_prof per instruction */
bk_prof *bk_profile_new(const bk_codeinfo *ci);
void bk_profile_free(bk_prof *p, const bk_codeinfo *ci);
void bk_prof_see(bk_prof *p, bk_obj *value);
extern uint64_t bk_prof_news; /* counts what was new to any profile: instructions, types */

/* one instruction event while recording; gives BK_KEEP or BK_DISABLE. `callee_code`: set to the code object of a Python
 * function that is about to be called (borrowed), else NULL */
typedef struct {
    const bk_codeinfo *ci;
    bk_prof *prof;
    bk_frame *frame; /* of the pending result */
    int32_t pending; /* instruction whose result the next event shows, -1 none */
    uint32_t visits_max;
} bk_recorder;
int bk_record_insn(bk_recorder *r, bk_frame *f, uint32_t index, bk_obj **callee_code);
#endif
