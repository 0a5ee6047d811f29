/* The IR: typed SSA in flat arrays, instructions named by index. It knows neither Python nor LLVM. */
#ifndef BK_IR_H
#define BK_IR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint32_t bk_ref; /* an instruction; 0 is none */
typedef uint32_t bk_blk; /* a block; 0 is the entry block */

typedef enum { BK_V, BK_1, BK_I, BK_F, BK_S, BK_P, BK_X } bk_type;

typedef enum {
#define BK_OP(name, text, type, nargs, flags) BK_##name,
#include "bk_ir_ops.def"
#undef BK_OP
    BK_NOPS
} bk_op;

enum {
    BK_OF_PURE = 1,
    BK_OF_COMM = 2,
    BK_OF_LOAD = 4,
    BK_OF_STORE = 8,
    BK_OF_GUARD = 16,
    BK_OF_EFFECT = 32,
    BK_OF_TERM = 64
};

typedef struct {
    const char *name;
    uint8_t type;  /* bk_type; BK_X: stated by the instruction */
    uint8_t nargs; /* 0-3, or '*' */
    uint8_t flags; /* BK_OF_* */
} bk_opinfo;
extern const bk_opinfo bk_ops[BK_NOPS];

/* C types in memory; loads widen to I (integers, bool), F (f64), S (f32), P */
#define BK_MEMTYPES(X)                                                                                                 \
    X(I8, 1) X(U8, 1) X(I16, 2) X(U16, 2) X(I32, 4) X(U32, 4) X(I64, 8) X(F32, 4) X(F64, 8) X(PTR, 8) X(BOOL, 1)
typedef enum {
#define X(n, size) BK_M_##n,
    BK_MEMTYPES(X)
#undef X
} bk_memtype; /* BOOL loads as i1 (byte != 0) and stores an i1 */

/* Alias classes: accesses of different classes never touch the same bytes. BK_A_DATA is one class for all
 * buffer contents (views alias across dtypes and objects). An unknown call writes every class but CONST. */
/* clang-format off */
#define BK_ALIASES(X)                                                                                                  \
    X(CONST, "immutable")                                                                                              \
    X(REFCNT, "refcount")                                                                                              \
    X(TYPE, "type") X(SIZE, "size") X(ITEMPTR, "itemptr") X(ITEMS, "items") X(FLOAT, "float") X(INST, "instance")      \
        X(NDHEAD, "ndhead") X(DATA, "data") X(KEYS, "keys") X(HOME, "home") X(ITER, "iter") X(CELL, "cell")            \
            X(BUFHEAD, "bufhead") X(STATE, "state") X(UNDO, "undo")
/* clang-format on */
typedef enum {
#define X(n, text) BK_A_##n,
    BK_ALIASES(X)
#undef X
        BK_NALIAS
} bk_alias;

enum { BK_UNDO_BYTES = 8192 };                 /* of the undo log (UNDOLOG) */
enum { BK_STAGE_BYTES = 128, BK_STAGES = 64 }; /* of a stage (STAGE), and how many a function may have */

enum {
    BK_F_NSW = 1,
    BK_F_DEAD = 2,
    BK_F_HOISTED = 4,
    BK_F_FPCHECK = 8,
    BK_F_ONESIDED = 16
}; /* FPCHECK: a NumPy warning test (of FFINITE, or that an int fits its type). ONESIDED: its snapshot is right only
      where it fails by itself */

typedef struct {
    uint8_t op;     /* bk_op */
    uint8_t type;   /* bk_type of the result */
    uint8_t flags;  /* BK_F_* */
    uint8_t mt;     /* LOAD, STORE: bk_memtype */
    uint8_t alias;  /* LOAD, STORE: bk_alias */
    uint8_t scale;  /* LOAD, STORE: bytes per unit of b (any value 0-255) */
    uint16_t org;   /* origin: index in fn.origins, 0 none */
    bk_ref a, b, c; /* operands; '*': a is the first in fn.args, b how many */
    uint32_t snap;  /* GUARD ops, EXIT: index in fn.snaps */
    bk_blk block;   /* where it stands */
    int64_t imm;
} bk_ins;

/* Where an instruction comes from: bytecode offset of a code object (index in fn.codes), inline depth, and the origin
 * of the call that it was inlined for (0: none). */
typedef struct {
    uint16_t code;
    uint16_t depth;
    uint32_t offset;
    uint32_t line;
    uint16_t caller;
} bk_origin;

typedef struct {
    bk_ref *ins;
    uint32_t nins, cap; /* in order; phis first, a TERM last */
    bk_blk *preds;
    uint32_t npreds, pcap; /* order matches the phis' arguments */
    bk_blk succ[2];
    uint8_t nsucc;       /* BR: [0] when true, [1] when false */
    bool header;         /* a loop header: preds[0] is its preheader, all others are back edges */
    bool lanes;          /* header and latch of a loop that runs exactly `most` times: the lanes of a vector */
    bool rare;           /* header of a loop that runs in rare cases only: not worth vectors */
    uint32_t most;       /* header: passes through the body at most, each time the loop is entered; 0: not known */
    bool preheader;      /* ends in JMP to a header; entry_snap is the state on that edge */
    uint32_t entry_snap; /* preheader: leaving by this snapshot is always right at its end */
    uint32_t count;      /* how often recording saw it, for weights */
    uint32_t prob[2];    /* BR: recorded counts per side */
} bk_block;

/* ---- snapshots: interpreter state as IR values ------------------------------------------------------------- */
/* kind, then what ref a, b, c mean */
#define BK_SLOTKINDS(X)                                                                                                \
    X(NULL, "null")   /* empty slot */                                                                                 \
    X(HOME, "home")   /* what home slot `sub` holds (real frame: left as it is; virtual: moved) */                     \
    X(I64, "int")     /* box a; b (may be 0): a pointer that, unless NULL, is the box (aux 0: borrowed, 1: moved) */   \
    X(F64, "float")   /* the same; b may also be BK_BOX_UNBOUND / BK_BOX_KEEP (see below) */                           \
    X(BOOL, "bool")   /* a is i1 */                                                                                    \
    X(OWNED, "owned") /* pointer a, its reference is moved to the slot (NULL allowed) */                               \
    X(BORROWED, "borrowed") /* pointer a, a new reference is taken (NULL allowed) */                                   \
    X(CONST, "const")       /* constant number `sub` of the function */                                                \
    X(RANGE, "range") /* range iterator: a next value, b its end (whole steps away), c step; `sub`+1 is the home slot  \
                         of the iterator object to update, 0: make a new one */                                        \
    X(CHR, "chr")     /* one-character string of code a (below 256), b as in I64 */                                    \
    X(SEQITER, "seqiter") /* iterator over a (borrowed) at index b; `sub` as RANGE, `aux` bit 1: a moved, from bit 2   \
                             on: which (bk_seqkind) */                                                                 \
    X(TUPLE, "tuple")     /* virtual tuple of the `nkids` slots that follow */                                         \
    X(NP, "np")           /* NumPy scalar of type number `sub`, value a (and b: imaginary part), c box as b above */   \
    X(COMPLEX, "complex") /* Python complex a + b j, c box as above */                                                 \
    X(SLICE, "slice")     /* virtual slice of the 3 slots that follow */                                               \
    X(VIRTUAL, "virtual") /* object made by embed from `nkids` slots; `aux` tells which (bk_virtual) */
typedef enum {
#define X(n, text) BK_SK_##n,
    BK_SLOTKINDS(X)
#undef X
        BK_NSLOTKINDS
} bk_slotkind;

/* sequences whose iterators native code steps itself */
typedef enum {
    BK_SEQ_LIST,
    BK_SEQ_TUPLE,
    BK_SEQ_ASCII, /* a string of ASCII characters only */
    BK_SEQ_STR,   /* any other */
    BK_SEQ_BYTES,
    BK_SEQ_BYTEARRAY,
    BK_SEQ_ND, /* an array: plain sequence iteration over its first dimension */
    BK_NSEQ
} bk_seqkind;

/* virtual objects beyond tuples and slices: which one, for BK_SK_VIRTUAL's aux; kids in the order given */
typedef enum {
    BK_VO_ENUMERATE /* iterator, index */,
    BK_VO_ZIP /* iterators... */,
    BK_VO_REVERSED /* list, index */,
    BK_VO_METHOD /* function, self */,
    BK_VO_RANGE /* start, stop, step */,
    BK_VO_VIEW /* array, indices: what indexing gives; equal `sub`: the same view */,
    BK_VO_INSTANCE /* class, then per attribute its place and value; equal `sub`: the same instance */
} bk_virtual;

/* values of b for I64/F64/BOOL slots besides NULL and a real box */
#define BK_BOX_UNBOUND ((int64_t)1) /* the slot is empty after all */
#define BK_BOX_KEEP ((int64_t)2)    /* leave what the home slot holds */
/* in native functions also tokens (jit/build_identity.c): the object of a parameter, by its number; in the word that is
 * returned beside a result the callee's constants, too */
enum { BK_BOX_PARAM = 16, BK_BOX_CONST = 32, BK_BOX_TOKENS = 64 };
enum { BK_WORD_LEFT = 1 }; /* that word: the function was left */

typedef struct {
    uint8_t kind; /* bk_slotkind */
    uint8_t aux;
    uint16_t nkids; /* slots that follow and belong to this one */
    uint32_t sub;
    bk_ref a, b, c;
    uint32_t who; /* numbers, tuples: slots of equal ones hold one object, where they have no box, others two, even
                     where the value is one after merging; 0: not known, the values tell. Not in the text form */
} bk_slot;

/* the operand that is a value's box, where there is one */
static inline bool bk_box_in_b(const bk_slot *s) {
    return s->kind == BK_SK_I64 || s->kind == BK_SK_F64 || s->kind == BK_SK_BOOL || s->kind == BK_SK_CHR;
}
static inline bool bk_box_in_c(const bk_slot *s) { return s->kind == BK_SK_NP || s->kind == BK_SK_COMPLEX; }

/* What becomes of the result of an inlined function: name, how the text form of IR says it. What the instruction that
 * waits in the caller does beyond that with its result (drops it, negates it) it does by itself. */
#define BK_FINISHES(X)                                                                                                 \
    X(RESULT, "")       /* it is the instruction's */                                                                  \
    X(INIT, "init")     /* __init__: None; the instance waits on top of the caller's stack */                          \
    X(NONE, "none")     /* __setitem__: nobody looks at it */                                                          \
    X(BINARY, "binary") /* __add__; from here to COMPARE the operands wait, for NotImplemented goes on with them */    \
    X(REFLECTED, "reflected") /* __radd__ of the right one, to which the left one's type does not know what to do */   \
    X(INPLACE, "inplace")     /* __iadd__ */                                                                           \
    X(COMPARE, "compare")     /* __lt__ */                                                                             \
    X(LENGTH, "length")       /* __len__: an int, not negative */                                                      \
    X(TRUTH, "truth")         /* __contains__: its truth */                                                            \
    X(BOOL, "bool")           /* __bool__: a bool */                                                                   \
    X(NEXT, "next")           /* __next__: StopIteration ends the loop */
typedef enum {
#define X(name, text) BK_FIN_##name,
    BK_FINISHES(X)
#undef X
        BK_NFINISHES
} bk_finish;

/* One interpreter frame of a snapshot. The outermost is first. */
typedef struct {
    uint16_t code;   /* index in fn.codes */
    uint16_t depth;  /* operand stack depth */
    uint32_t resume; /* bytecode offset to go on at; inner frames' callers: the offset of their CALL */
    uint32_t first;  /* slots: nlocals of the code, then depth stack slots (top-level slots only counted) */
    uint32_t nslots; /* entries in fn.slots, kids included; that waits for a native function: more than those slots
                        take, a slot for each parameter follows (null: the caller has no object of it) */
    uint32_t func;   /* inner frames: index in fn.consts of the function object */
    uint32_t home;   /* first home slot number of this frame (0 for the outermost) */
    bool on_stack;   /* the function is no constant: it waits on top of the caller's stack */
    uint8_t finish;  /* bk_finish: what its caller does with its result */
} bk_sframe;

enum {
    BK_SNAP_RESUME, /* go on at resume */
    BK_SNAP_RAISE,  /* an exception is pending: raise it at resume */
    BK_SNAP_RETURN, /* function region: stack slot 0 of the only frame is the result */
    BK_SNAP_CALL    /* the innermost frame waits at resume for a native function that was left */
};

/* parameters (ARG's imm) that every function has; those of native functions are numbered from 1 */
enum {
    BK_ARG_LEFT = 0,  /* how many more Python calls may be nested */
    BK_ARG_ROOM = 255 /* i1: there is room on the C stack for one more native function */
};

/* why a guard fails or an exit is taken */
typedef enum {
#define BK_GUARD(name, text, sentence) BK_G_##name,
#include "bk_guards.def"
#undef BK_GUARD
    BK_NGUARDS
} bk_guardkind;

typedef struct {
    uint32_t frame, nframes; /* in fn.sframes */
    uint8_t kind;            /* BK_SNAP_* */
    uint8_t reason;          /* bk_guardkind, for people */
    uint16_t org;
} bk_snap;

typedef struct bk_fn {
    bk_ins *ins;
    uint32_t nins, inscap; /* ins[0] unused */
    bk_block *blocks;
    uint32_t nblocks, bcap;
    bk_ref *args;
    uint32_t nargs, acap;
    bk_slot *slots;
    uint32_t nslots, scap;
    bk_sframe *sframes;
    uint32_t nsframes, sfcap;
    bk_snap *snaps;
    uint32_t nsnaps, snapcap; /* snaps[0] unused */
    bk_origin *origins;
    uint32_t norigins, ocap; /* origins[0] unused */
    void **consts;
    uint32_t nconsts, ccap; /* Python objects: opaque here, references held by the region */
    void **codes;
    uint32_t ncodes, codecap; /* code objects (opaque) of the region and its inlined callees */
    struct bk_fn **bodies;    /* main function of a region: the native functions that it and they call; owned */
    uint32_t nbodies;
    uint32_t nhome;    /* home slots of the real frame: locals, then operand stack */
    uint32_t nxhome;   /* virtual home slots (inlined frames), numbered from nhome; NULL at entry */
    bool count_passes; /* the back edges to `head`, in outermost loops, are counted, for bk_ctx.passes */
    uint32_t head;     /* bytecode offset */
    int oom;           /* an allocation failed: the function must not be used */
    char name[120];
} bk_fn;

/* bk_ctx.passes of a strip-mined loop is at least that: its chunks tell no number */
#define BK_PASSES_MANY (UINT64_C(1) << 62)

/* ---- building (jit/ir.c). All functions may set fn->oom; indices returned then are 0. ---------------------- */
bk_fn *bk_fn_new(const char *name);
void bk_fn_free(bk_fn *f);
bk_blk bk_block_new(bk_fn *f);
/* append an instruction; type BK_X takes the op's own type. Constants are shared per function and stand in block 0. */
bk_ref bk_emit(bk_fn *f, bk_blk b, bk_op op, bk_type type, bk_ref a, bk_ref bb, bk_ref c);
bk_ref bk_emit_list(bk_fn *f, bk_blk b, bk_op op, bk_type type, const bk_ref *args, uint32_t n, int64_t imm);
bk_ref bk_load(bk_fn *f, bk_blk b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref index, uint8_t scale, int64_t off);
bk_ref bk_store(bk_fn *f, bk_blk b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref index, uint8_t scale, int64_t off,
                bk_ref v);
bk_ref bk_ki(bk_fn *f, int64_t v);
bk_ref bk_kf(bk_fn *f, double v);
bk_ref bk_kb(bk_fn *f, bool v);
bk_ref bk_kp(bk_fn *f, const void *p);
bk_ref bk_phi(bk_fn *f, bk_blk b, bk_type type);             /* empty; arguments by bk_phi_add */
int bk_phi_add(bk_fn *f, bk_ref phi, bk_ref v);              /* the next predecessor's value */
void bk_edge(bk_fn *f, bk_blk from, bk_blk to);              /* appends to succ and preds */
uint32_t bk_const(bk_fn *f, void *obj);                      /* index in consts (shared) */
uint16_t bk_origin_new(bk_fn *f, bk_origin o);               /* index in origins; 0 when they are used up */
bool bk_code_add(bk_fn *f, void *code);                      /* appends to codes */
uint32_t bk_args_new(bk_fn *f, const bk_ref *v, uint32_t n); /* index in args */
bool bk_insert(bk_fn *f, bk_blk b, uint32_t at, bk_ref r);   /* r stands at position `at` of block b */
bk_type bk_mem_result(bk_memtype mt);

/* checks structure, dominance, types, snapshots; NULL if right, else a message (static buffer, per thread) */
const char *bk_verify(const bk_fn *f);

/* text form (jit/ir_text.c): printed and parsed */
void bk_print(const bk_fn *f, FILE *out);
bk_fn *bk_parse(const char *text, char *err, size_t errlen);

/* ---- passes (jit/opt*.c) ----------------------------------------------------------------------------------- */
typedef struct {
    uint32_t strip;
    bool no_hoist;
    uint32_t disabled; /* bit per pass */
} bk_optparams;
typedef struct {
    uint32_t folded, cse, guards_removed, hoisted, ov_removed, bounds_hoisted, dead, fpdeferred, staged;
} bk_optstats;
#define BK_PASSES(X)                                                                                                   \
    X(latch) X(fold) X(cse) X(range) X(hoist) X(fpdefer) X(stage) X(strip) X(ifconv) X(last) X(dce) X(refs) X(sink)
int bk_optimize(bk_fn *f, const bk_optparams *p, bk_optstats *st,
                void (*after)(void *ctx, const char *pass, const bk_fn *f), void *ctx);
/* one pass by name, for tests and bisecting; -1: no such pass */
int bk_run_pass(bk_fn *f, const char *name, const bk_optparams *p, bk_optstats *st);
#endif
