/* What the core asks of the code generator, a shared object of its own that is loaded at the first compile
 * (jit/lower.c and jit/engine.c over LLVM). It touches no Python object and may run on any thread, one call at a time.
 */
#ifndef BK_BACKEND_H
#define BK_BACKEND_H
#include "bk_ir.h"

/* What compiled code reads of its surroundings. Fields up to `args` are written by whoever enters. */
typedef struct bk_ctx {
    void *breaker;   /* the interpreter's eval breaker word (layout.breaker_bytes wide, masked) */
    void **ip;       /* the frame's instruction pointer field, for SETIP */
    char *code_base; /* address of bytecode offset 0 */
    void *tstate;
    void *frame;
    void *self_or_null; /* second result of the getmethod helper */
    void *args[64];     /* arguments and results of helpers that take or give many */
    /* regions with native functions: */
    int64_t left;          /* how many more Python calls may be nested */
    uintptr_t stack_limit; /* the lowest address of a variable on the C stack from which more may be called */
    uint64_t *records;     /* top of the record stack, which grows upwards */
    uint64_t passes;       /* written on leaving: back edges of the outermost loop (fn.count_passes) */
} bk_ctx;

/* A native function that is left puts a record on the record stack: its buf_words words, then one that tells which
 * exit (low half) of which of the region's native functions (high half) it took. Innermost first. */
static inline uint32_t bk_record_exit(uint64_t word) { return (uint32_t)word; }
static inline uint32_t bk_record_body(uint64_t word) { return (uint32_t)(word >> 32); }

/* Compiled code: runs until an exit, whose number it returns. home: the frame's slots, locals first.
 * buf: buf_words words; the first nxhome are the virtual home slots and must be 0; the rest holds exit values. */
typedef uint32_t (*bk_entry)(void **home, uint64_t *buf, bk_ctx *ctx);

/* Object layouts, in bytes, as lowering needs them. */
typedef struct {
    uint32_t refcnt;   /* 32-bit reference count field */
    uint32_t immortal; /* 0: count + 1 wraps to 0 (3.12, 3.13); 1: count is negative as int32 (3.14+) */
    uint32_t type;     /* type pointer */
    uint32_t float_value;
    uint32_t frame_obj;             /* of a frame: its frame object, NULL while nobody has asked for one */
    uint32_t long_tag, long_digits; /* lv_tag (word), first 30-bit digit (uint32) */
    uint32_t long_compact;          /* tags below this hold one digit: value (1 - (tag & 3)) * digit */
    uint32_t breaker_bytes;         /* 4 or 8 */
    uint64_t breaker_mask;
    uint32_t home_tag; /* bits to clear in a home slot to get the pointer, and an empty slot (0 before 3.14) */
    int32_t ip_add;    /* SETIP stores code_base + offset + ip_add */
    void *true_obj, *false_obj;
} bk_layout;

typedef struct {
    const char *name;
    void *address;
    char result;
    const char *args;
    uint8_t effect;
} bk_helperinfo;
enum { BK_E_PURE, BK_E_READ, BK_E_ALLOC, BK_E_REFS, BK_E_ITEMS, BK_E_UNKNOWN };
typedef enum {
#define BK_HELPER(name, res, args, effect) BK_H_##name,
#include "bk_helpers.def"
#undef BK_HELPER
    BK_NHELPERS
} bk_helper;
/* names, signatures and effects (jit/helpers.c); addresses are filled in by embed */
extern bk_helperinfo bk_helpers[BK_NHELPERS];

/* Where an exit finds a value: >= 0 word of buf; < 0 entry -1-loc of `consts`. */
typedef int32_t bk_loc;
typedef struct {
    uint32_t snap; /* in fn.snaps */
    uint32_t ins;  /* the guard (index in fn.ins), 0 none */
    uint32_t locs; /* first of 3 locs (a, b, c) per entry of the snapshot's slots, all frames in order */
} bk_exit;

/* A row of a line table: from the byte at `at` behind the entry on, up to the next row, code belongs to a value of the
 * IR of one of the region's functions. */
typedef struct {
    uint32_t at;
    uint32_t line; /* 0: not known */
    bk_ref ref;    /* 0: not known */
    uint32_t part; /* 0: the region's main function, else number of the native function + 1 */
} bk_line;

/* where a function of a region is, in bytes behind the entry */
typedef struct {
    uint32_t at, size;
} bk_extent;

typedef struct bk_code {
    bk_entry entry; /* native functions have none: only other code of the region calls them */
    void *handle;   /* for release */
    size_t code_bytes;
    uint32_t buf_words;
    bk_exit *exits;
    uint32_t nexits;
    bk_loc *locs;
    uint32_t nlocs;
    uint64_t *consts;
    uint32_t nconsts;
    struct bk_code *bodies; /* tables of the native functions (fn.bodies) */
    uint32_t nbodies;
    uint32_t record_words; /* the longest record of one */
    uint32_t first_exit;   /* native functions: the region's exits are numbered through */
    double opt_ms, emit_ms, lower_ms;
    bk_line *lines; /* in order of addresses, when asked for */
    uint32_t nlines;
    const void *frames;         /* .eh_frame of all of it, in the code's pages, behind the code; NULL: it has none */
    bk_extent *parts;           /* with the lines: the main function, then the native functions */
    char *llvm_text, *asm_text; /* malloc'ed, when asked for */
} bk_code;

/* what a code object is called */
typedef struct {
    const char *name, *file;
    uint32_t line;
} bk_source;

typedef struct {
    const bk_layout *layout;
    const bk_helperinfo *helpers;
    const int32_t *valid; /* GVALID tests *valid != 0 */
    void *undo_log;       /* BK_UNDO_BYTES for UNDOLOG; all code may share it: nothing else runs while it is in use */
    int level;            /* 0 fast compile, 1 normal, 2 hot */
    bool frame_pointers;  /* for unwinders that have no tables of the code */
    bool want_llvm, want_asm;
    bool want_lines;  /* debug information in the object, and bk_code.lines; the code is the same */
    bool check_lines; /* compile without them too, and fail if the code is not the same */
    bool want_gdb;    /* tell gdb when the code is published; needs want_lines */
    const bk_source
        *sources;         /* for want_lines: of the codes of the function, then of those of its bodies; may be NULL */
    uint64_t stress_seed; /* 0 off; else guards fail on purpose, pseudo-randomly (about 1 in stress_one_in) */
    uint32_t stress_one_in;
    uint64_t *stress_state; /* the generator's state word, shared by all code */
} bk_compile_opts;

typedef struct bk_backend {
    const char *version; /* "LLVM 19.1.x" */
    /* 0, or -1 with a message in err. out is filled; on failure it is zeroed. */
    int (*compile)(const bk_fn *fn, const bk_compile_opts *o, bk_code *out, char *err, size_t errlen);
    /* the code may be run from now on: tells unwinders and debuggers. On the Python thread, as `release`. */
    void (*publish)(bk_code *code);
    void (*release)(bk_code *code); /* frees code and tables */
} bk_backend;

/* the one symbol of the shared object: NULL with a message if LLVM cannot be set up */
const bk_backend *bk_backend_open(char *err, size_t errlen);
#endif
