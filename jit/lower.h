/* Lowering: one bk_fn becomes one LLVM function. This state is shared by jit/lower*.c; with jit/engine.c and
 * jit/disasm.c they are the only files that see LLVM.
 *
 * The exit buffer: fn.nxhome words of virtual home slots, then one word per exit column. Integers and pointers are
 * stored as they are, i1 as 0 or 1, doubles as their bits, and single floats as the bits of the same value as a double
 * (so whoever reads the buffer treats both float types as double). Constants in the table are encoded the same way;
 * an operand that is absent (reference 0) reads as the constant 0. */
#ifndef BK_LOWER_H
#define BK_LOWER_H
#include "bk_backend.h"
#include <llvm-c/Core.h>

#define BK_NONE UINT32_MAX

/* how an exit column is kept until the exit block stores it */
typedef enum { BK_COL_I64, BK_COL_PTR, BK_COL_F64, BK_COL_F32, BK_COL_I1 } bk_colclass;

typedef struct {
    bk_colclass cls;
    LLVMValueRef phi;
} bk_column;
typedef struct {
    uint32_t column;
    bk_ref ref;
} bk_colvalue;
typedef struct {
    LLVMBasicBlockRef from;
    uint32_t exit;
} bk_exitedge;
typedef struct {
    uint64_t *keys;
    uint32_t *vals;
    uint32_t cap, n;
} bk_u64map;

/* what the exits of a function need: columns, tables, and the edges made so far */
typedef struct {
    bk_column *cols;
    uint32_t ncols, colcap;
    uint32_t *snap_locs;   /* per snapshot: its first loc, BK_NONE when no exit uses it */
    uint32_t *snap_values; /* per snapshot: its first entry in values, and how many */
    uint32_t *snap_nvalues;
    bk_colvalue *values;
    uint32_t nvalues, valcap;
    bk_exit *exits;
    uint32_t nexits, exitcap;
    uint32_t *exit_of; /* per instruction: its exit number */
    bk_loc *locs;
    uint32_t nlocs, loccap;
    uint64_t *consts;
    uint32_t nconsts, constcap;
    bk_exitedge *edges;
    uint32_t nedges, edgecap;
    bk_u64map colkeys, constkeys;
    uint32_t *placed_at, *placed_col; /* per instruction: snapshot that placed it last, and where */
    LLVMBasicBlockRef block;
    LLVMValueRef number;
} bk_exits;

/* debug information (lower_lines.c); di is NULL when it is not asked for */
typedef struct {
    struct LLVMOpaqueDIBuilder *di;
    uint32_t nsources;
    LLVMMetadataRef *inlined; /* per source: the function, as a scope of inlined code */
    LLVMMetadataRef own;      /* the function of the part */
    LLVMMetadataRef *calls;   /* per origin of the part: where the call is that inlined code stands for */
} bk_linesinfo;

/* what remains of a function's exits when it is lowered */
typedef struct {
    bk_exit *exits;
    uint32_t nexits;
    bk_loc *locs;
    uint32_t nlocs;
    uint64_t *consts;
    uint32_t nconsts, buf_words;
} bk_tables;

typedef struct bk_lw {
    const bk_fn *root;    /* the region's main function */
    const bk_fn *fn;      /* that is being lowered: root, or one of its bodies */
    uint32_t part;        /* 0: root; else number of the body + 1 */
    bk_tables *tables;    /* per part */
    LLVMValueRef *native; /* per body */
    LLVMTypeRef *native_type;
    const bk_compile_opts *o;
    LLVMContextRef cx;
    LLVMModuleRef mod;
    LLVMBuilderRef b;
    LLVMValueRef f, home, buf, ctx, passes; /* passes: where back edges are counted, NULL: they are not */
    LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr, vd;
    LLVMValueRef *val;                       /* per instruction */
    LLVMBasicBlockRef *first, *last, *tramp; /* per IR block: where it starts and ends; the second edge to one target */
    uint32_t *rpo, nrpo;                     /* reachable blocks, reverse postorder */
    uint32_t *loop, *parent;                 /* per block: innermost loop header + 1; per header: the loop around it */
    bool staged;                             /* there are loops of lanes, between which stages hold results */
    bool vectorize;                          /* some innermost loop has neither guards nor calls */
    LLVMValueRef tbaa[BK_NALIAS + 2];        /* access tags; the last two: virtual home slots, exit columns */
    LLVMValueRef helper[BK_NHELPERS];        /* declarations made so far */
    LLVMTypeRef helper_type[BK_NHELPERS];
    unsigned md_tbaa, md_prof, md_invariant;
    LLVMValueRef weights_exit, weights_cold, empty_md;
    bk_exits x;
    bk_linesinfo lines;
    bool named; /* values get names, for dumps */
    bool failed;
    char *err;
    size_t errlen;
} bk_lw;

enum { BK_TAG_VHOME = BK_NALIAS, BK_TAG_EXIT = BK_NALIAS + 1 };

/* lower.c: builds the function `name` in a new module of cx. NULL with a message in err; L's tables stay valid (and are
 * the caller's to free by bk_lower_free) either way. */
LLVMModuleRef bk_lower(bk_lw *L, const bk_fn *fn, const bk_compile_opts *o, LLVMContextRef cx, const char *name,
                       char *err, size_t errlen);
void bk_lower_free(bk_lw *L);
void bk_lw_fail(bk_lw *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* memory for n items of size, zeroed and never NULL unless the lowering has failed */
void *bk_lw_alloc(bk_lw *L, size_t n, size_t size);
/* makes room for one more item in *p (n used of *cap) */
bool bk_lw_grow(bk_lw *L, void **p, uint32_t n, uint32_t *cap, size_t size);
LLVMTypeRef bk_lw_type(bk_lw *L, bk_type t);
/* the value of instruction r (constants are made on demand); never NULL */
LLVMValueRef bk_lw_val(bk_lw *L, bk_ref r);
LLVMBasicBlockRef bk_lw_block(bk_lw *L, const char *name);
LLVMValueRef bk_lw_ki(bk_lw *L, int64_t v);
LLVMValueRef bk_lw_kp(bk_lw *L, const void *p);
void bk_lw_attr(bk_lw *L, LLVMValueRef f, unsigned where, const char *name, uint64_t value);
/* f raises nothing through C frames, and unwinders get through it */
void bk_lw_unwindable(bk_lw *L, LLVMValueRef f);
LLVMValueRef bk_lw_intrinsic(bk_lw *L, const char *name, LLVMTypeRef over, LLVMValueRef *args, unsigned n);
/* a conditional branch with weights (NULL: none); the builder goes on at `then` */
void bk_lw_branch(bk_lw *L, LLVMValueRef cond, LLVMBasicBlockRef then, LLVMBasicBlockRef other, LLVMValueRef weights);
LLVMValueRef bk_lw_weights(bk_lw *L, uint32_t a, uint32_t b);
/* is bk_op/operand sane: the instruction, or NULL after bk_lw_fail */
const bk_ins *bk_lw_ins(bk_lw *L, bk_ref r);

/* lower_flow.c: reachable blocks in order, loops, phis, branches */
void bk_flow_order(bk_lw *L);
void bk_flow_loops(bk_lw *L);
void bk_flow_phi(bk_lw *L, bk_ref r);
void bk_flow_finish_phis(bk_lw *L);
void bk_flow_jump(bk_lw *L, bk_blk b);
void bk_flow_branch(bk_lw *L, bk_blk b, const bk_ins *i);

/* lower_exit.c and lower_cols.c: exits */
void bk_exits_plan(bk_lw *L);                             /* numbers, columns, tables, the exit block's phis */
void bk_exit_unless(bk_lw *L, bk_ref r, LLVMValueRef ok); /* the builder goes on where ok held */
void bk_exit_guard(bk_lw *L, bk_ref r, const bk_ins *i);
void bk_exit_jump(bk_lw *L, bk_ref r);
void bk_exit_stress(bk_lw *L, bk_ref r); /* before the instruction does anything */
void bk_exits_finish(bk_lw *L);          /* fills phis, stores columns, returns the number */
void bk_exits_free(bk_exits *x);
void bk_cols_place(bk_lw *L, uint32_t snap); /* columns and locs of one snapshot */
bk_colclass bk_cols_class(bk_type t);

/* lower_ops.c: arithmetic, comparisons, conversions; NULL: not an operation of this file */
LLVMValueRef bk_lower_op(bk_lw *L, bk_ref r, const bk_ins *i);
/* lower_mem.c: loads, stores, home slots */
void bk_mem_init(bk_lw *L);
LLVMValueRef bk_mem_load(bk_lw *L, const bk_ins *i);
void bk_mem_store(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_mem_hload(bk_lw *L, const bk_ins *i);
void bk_mem_hstore(bk_lw *L, const bk_ins *i);
/* a field at base + offset; tag is a bk_alias or BK_TAG_* */
LLVMValueRef bk_mem_get(bk_lw *L, LLVMTypeRef t, LLVMValueRef base, int64_t offset, int tag);
void bk_mem_put(bk_lw *L, LLVMValueRef v, LLVMValueRef base, int64_t offset, int tag);
LLVMValueRef bk_mem_at(bk_lw *L, LLVMValueRef base, int64_t offset);
/* lower_box.c: references, boxes, type guards, polls */
void bk_box_incref(bk_lw *L, const bk_ins *i, bool maybe_null);
void bk_box_decref(bk_lw *L, const bk_ins *i, bool maybe_null, bool number);
void bk_box_decref_quiet(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_box_new(bk_lw *L, bk_ref r, const bk_ins *i);
LLVMValueRef bk_box_bool(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_box_unboxf(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_box_unboxi(bk_lw *L, bk_ref r, const bk_ins *i);
LLVMValueRef bk_box_refill(bk_lw *L, const bk_ins *i);
void bk_box_gtype(bk_lw *L, bk_ref r, const bk_ins *i);
void bk_box_poll(bk_lw *L, bk_blk b, bk_ref r);
void bk_box_gvalid(bk_lw *L, bk_ref r);
void bk_box_setip(bk_lw *L, const bk_ins *i);
/* lower_native.c: native functions and their calls */
void bk_native_declare(bk_lw *L);
bool bk_native_called(const bk_lw *L); /* the function of L->part: is it called anywhere? */
void bk_native_begin(bk_lw *L);        /* the function of L->part */
LLVMValueRef bk_native_arg(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_native_word(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_native_call(bk_lw *L, bk_ref r, const bk_ins *i);
void bk_native_return(bk_lw *L, const bk_ins *i);
LLVMValueRef bk_native_record(bk_lw *L); /* where the exit's columns go */
void bk_native_leave(bk_lw *L);          /* the end of the exit block */
/* lower_call.c: runtime helpers */
LLVMValueRef bk_call_helper(bk_lw *L, uint32_t id, const LLVMValueRef *args, uint32_t n);
LLVMValueRef bk_call_ins(bk_lw *L, const bk_ins *i);

/* lower_lines.c: debug information; all of it does nothing unless it is asked for */
void bk_lines_begin(bk_lw *L);        /* the module */
void bk_lines_part(bk_lw *L);         /* the function of L->part, which is made */
void bk_lines_at(bk_lw *L, bk_ref r); /* what is built from now on belongs to value r */
void bk_lines_none(bk_lw *L);         /* or to none */
void bk_lines_end(bk_lw *L);

/* disasm.c: malloc'ed text of the code, or NULL. symbol names an address (or gives NULL). With a line table each
 * instruction ends with ` @O vR`, origin and value of its function's IR; functions are headed by their names. */
typedef const char *(*bk_symbolizer)(void *arg, uint64_t address);
char *bk_disassemble(const char *triple, const char *cpu, const char *features, const bk_fn *fn, const bk_code *code,
                     bk_symbolizer symbol, void *arg);
#endif
