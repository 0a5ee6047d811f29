/* What the passes share: replacing values, moving and dropping instructions, editing edges, effects on memory. */
#ifndef BK_OPT_H
#define BK_OPT_H
#include "ir_priv.h"

/* One run of a pass. Passes return false only when memory is out (f->oom is set then). */
typedef struct {
    bk_fn *f;
    const bk_optparams *p;
    bk_optstats *st;
    bk_ref *fwd; /* per instruction: what replaces it, 0 itself; only while the pass runs */
    uint32_t nfwd;
    bool replaced, changed;
} bk_opt;

/* r's uses become uses of `by` when the pass ends (bk_opt_apply). Snapshots are shared, so `by` must be right wherever
 * r is: never a value that holds on one path only. */
void bk_replace(bk_opt *o, bk_ref r, bk_ref by);
bk_ref bk_resolve(bk_opt *o, bk_ref r);
/* rewrites the operands of one instruction to what they are replaced by */
void bk_resolve_operands(bk_opt *o, bk_ref r);
void bk_opt_apply(bk_opt *o);
/* r leaves its block at the next bk_sweep */
static inline void bk_drop(bk_opt *o, bk_ref r) {
    o->f->ins[r].flags |= BK_F_DEAD;
    o->changed = true;
}
void bk_sweep(bk_fn *f);

/* removes one edge with the phi arguments of its target; succ: which successor of `from` */
void bk_edge_remove(bk_fn *f, bk_blk from, uint32_t succ);
/* empties the blocks that the entry does not reach; true if there were any */
bool bk_prune(bk_fn *f);
/* takes r out of its block (order kept) */
void bk_unlink(bk_fn *f, bk_ref r);
/* puts r before the terminator of block b */
bool bk_put_last(bk_fn *f, bk_blk b, bk_ref r);
/* emits before the terminator of b an instruction with the snapshot `snap` (0: none) */
bk_ref bk_emit_guard(bk_fn *f, bk_blk b, bk_op op, bk_ref a, bk_ref c, uint32_t snap, int64_t kind);

/* ---- effects ------------------------------------------------------------------------------------------------ */
#define BK_ALIAS_ALL ((1u << BK_NALIAS) - 1 - (1u << BK_A_CONST))
enum { BK_HOME_REST = 63 }; /* bit of all home slots from 63 on */

/* what an instruction may write: alias classes, and if HOME is not among them, which home slots */
typedef struct {
    uint32_t classes;
    uint64_t home;
} bk_writes;
bk_writes bk_writes_of(const bk_fn *f, bk_ref r);
/* what helper h does (BK_E_*) */
uint8_t bk_call_effect(const bk_ins *in);
static inline uint64_t bk_home_bit(int64_t slot) {
    return UINT64_C(1) << (slot >= 0 && slot < BK_HOME_REST ? slot : BK_HOME_REST);
}
/* the alias class that an instruction reads, BK_NALIAS if none; UNBOXF reads FLOAT whatever its flags say (REBOXF) */
uint8_t bk_reads_of(const bk_ins *in);
uint32_t bk_mem_size(const bk_ins *in);
/* do a STORE and another access of the same class touch disjoint bytes for certain? */
bool bk_disjoint(const bk_fn *f, const bk_ins *a, const bk_ins *b);

/* no effect and may be dropped when its value is not used */
bool bk_droppable(const bk_fn *f, bk_ref r);
/* may be computed where the original would not have been: cannot trap, reads no memory */
bool bk_speculatable(const bk_fn *f, bk_ref r);

/* Slot i of that frame where all these snapshots, of one shape, become one: two slots are one number if they are in
 * each of them. */
#define BK_WHO_MERGED (UINT32_C(1) << 31) /* beside its place: none of the builder's */
uint32_t bk_merged_who(const bk_fn *f, const uint32_t *snaps, uint32_t n, uint32_t frame, uint32_t i);

static inline bool bk_is_ki(const bk_fn *f, bk_ref r) { return f->ins[r].op == BK_K_I64; }

/* ---- passes, one file each ------------------------------------------------------------------------------------ */
bool bk_pass_latch(bk_opt *o);
bool bk_pass_fold(bk_opt *o);
bool bk_pass_cse(bk_opt *o);
bool bk_pass_range(bk_opt *o);
bool bk_pass_hoist(bk_opt *o);
bool bk_pass_fpdefer(bk_opt *o);
bool bk_pass_stage(bk_opt *o);
bool bk_pass_strip(bk_opt *o);
bool bk_pass_ifconv(bk_opt *o);
bool bk_pass_last(bk_opt *o);
bool bk_pass_dce(bk_opt *o);
bool bk_pass_refs(bk_opt *o);
bool bk_pass_sink(bk_opt *o);
#endif
