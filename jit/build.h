/* The graph builder's own structures: abstract values, frames, versions of places. See build.c for how it works. */
#ifndef BK_BUILD_H
#define BK_BUILD_H
#include "arena.h"
#include "bcflow.h"
#include "bk_driver.h"
#include "entry.h"
#include "profile.h"
#include <setjmp.h>

/* ---- abstract values ------------------------------------------------------------------------------------------ */
typedef enum {
    V_NULL,     /* an empty slot */
    V_VAL,      /* a Python object, boxed (box), unboxed (num), or both */
    V_RANGEIT,  /* range iterator: num next value, num2 its end, step constant */
    V_SEQIT,    /* list, tuple, string or bytes iterator: box the sequence, num the index */
    V_TUPLE,    /* virtual tuple of kids */
    V_SLICE,    /* virtual slice of 3 kids */
    V_ENUM,     /* enumerate: kids[0] its iterator, num the next index */
    V_ZIP,      /* zip of iterators in kids */
    V_REVERSED, /* reversed list: box the list, num the index */
    V_RANGE,    /* range object: kids start, stop, step */
    V_INST /* instance of a Python class that is not made yet: kids its attributes (build_inst.c); view of an array:
              kids the array and indices (build_view.c) */
} bk_vkind;

/* who holds the reference to `box` */
typedef enum {
    O_NONE,
    O_OWNED,    /* this value does */
    O_VOLATILE, /* a container: until the next effect, then it must be secured */
    O_CONST,    /* the function's constants */
    O_HOMES     /* home slots of the real frame, one of `homes` */
} bk_own;

typedef struct bk_val {
    uint8_t kind, own;
    bool maybe;   /* box may be NULL (or BK_BOX_KEEP): then num is the value */
    bool clean;   /* real frame's slots: the home slot holds just this value */
    bool simple;  /* home slots: holds a number or string, of whatever type */
    bool nd_ok;   /* nd facts hold */
    bool fresh;   /* likely the only reference */
    bool modular; /* an int of which num is only the low 64 bits (build_num.c) */
    uint8_t seq;  /* V_SEQIT: bk_seqkind */
    uint8_t nkids;
    bk_ndkey nd;
    bk_obj *type;     /* exact type; NULL unknown */
    bk_obj *konst;    /* the object itself, where known */
    bk_ref num, num2; /* unboxed value; imaginary part */
    bk_ref box;
    uint64_t homes; /* O_HOMES: bit per slot, bit 63 for all above */
    int64_t step;   /* V_RANGEIT */
    uint32_t obj;   /* iterators: home slot + 1 of the iterator object, 0 none exists */
    struct bk_val *kids;
    const uint16_t *where; /* V_INST: each attribute's place: number of the inline value, or offset of the slot */
    uint32_t vid;          /* V_INST: its identity; V_TUPLE: the same, 0 where states met since it was made */
    uint32_t mod_snap, mod_effects, mod_pc; /* modular: the state before, effects by then, where it began */
} bk_val;

/* One frame of the abstract state: locals, then operand stack. */
typedef struct {
    const bk_codeinfo *ci;
    bk_prof *prof;
    bk_obj *func; /* inlined callees: the function */
    bk_obj *globals, *builtins;
    const bk_bcflow *flow;
    uint32_t pc; /* instruction; callers: their CALL */
    uint32_t sp;
    uint32_t ctx;   /* inline context number */
    uint16_t code;  /* index in fn.codes */
    uint16_t call;  /* origin of the call that it was inlined for */
    uint8_t finish; /* bk_finish: what the caller does with its result */
    uint8_t nwait;  /* operands that wait on the caller's stack for it to return */
    bool on_stack;  /* func is not known: it is the value on top of the caller's stack */
    bk_val *slots;
} bk_bframe;

enum { BK_MAXDEPTH = 12, BK_MOSTDYING = 64, BK_MOSTMADE = 24 };
typedef struct {
    bk_bframe f[BK_MAXDEPTH];
    uint32_t n; /* frames; f[n-1] is the innermost */
    bk_blk blk;
    uint32_t loops[32], nloops; /* versions of loop headers that we are inside of */
    uint32_t weight;
} bk_state;

/* ---- versions of a place ---------------------------------------------------------------------------------------- */
typedef enum { R_NULL, R_HOME, R_NUM, R_PTR, R_KONST, R_VIRT } bk_repr;
typedef struct bk_vslot {
    uint8_t repr, vkind, nkids, own;
    uint8_t seq;
    bool dead, nd_ok, simple;
    bool unboxes; /* R_NUM of an int: takes boxed ones too, leaving where one does not fit 64 bits */
    bk_ndkey nd;
    bk_obj *type, *konst;
    uint64_t homes;
    int64_t step;
    uint32_t obj;
    /* phis of num, num2 and box; [0] in the block, [1] in its preheader */
    bk_ref num[2], num2[2], box[2];
    const uint16_t *where;
    struct bk_vslot *kids;
} bk_vslot;

typedef struct {
    uint32_t ctx, pc;
    bool header, generic;
    bk_blk blk, pre; /* pre: preheader of a header */
    bool exact;      /* no merge: the state is taken as it is */
    uint32_t no;     /* its number */
    bk_vslot *slots; /* all frames' slots in order */
    uint32_t nslots;
    bk_state *start; /* the state at the block's beginning */
} bk_version;

typedef struct {
    uint32_t ctx, pc, slot;
    bk_obj *type;
    uint64_t homes;
} bk_pref;
typedef struct {
    uint32_t parent, pc;
    bk_obj *code;
    bool on_stack;
    uint8_t finish;
} bk_inlinectx;
typedef struct {
    uint32_t ctx, pc;
} bk_site;

typedef struct {
    const bk_codeinfo *ci; /* the region's root code */
    bk_frame *frame;       /* at the entry place, now */
    int32_t header;        /* instruction of the loop header; -1: a function from its start */
    bk_ticket *ticket;
    const bk_params *params;
    /* the recorded profile of a code object, NULL if it was never recorded */
    bk_prof *(*profile)(bk_obj *code);
    bk_entrycheck *entry; /* filled in: what must hold to enter; room for every slot of the frame */
    uint32_t *nentry;
} bk_request;

/* What numbers' objects a native function needs and gives (build_identity.c); a bit per parameter */
enum { BK_MAXRESULTCONSTS = 8 };
typedef struct {
    uint32_t wants;   /* their boxes, where there are any, are passed too */
    uint32_t returns; /* may be the result */
    bool boxes;       /* the result may come with a reference to its box */
    uint32_t nconsts; /* that it may return */
    bk_obj *consts[BK_MAXRESULTCONSTS];
} bk_identity;

/* A native function of the region (build_native.c). */
typedef struct {
    bk_obj *type;  /* exact type; NULL unknown */
    bk_obj *konst; /* always this object: nothing is passed */
    bool num;      /* passed unboxed */
} bk_param;
enum { BK_MAXPARAMS = 12, BK_MAXBODIES = 16, BK_MAXVERDICTS = 32, BK_MAXSITES = 256 };
typedef struct {
    bk_obj *func;
    const bk_codeinfo *ci;
    uint32_t nparams;
    bk_param param[BK_MAXPARAMS], result;
    bk_identity id;
    bool failed; /* verdicts: there can be no such body; else result and id are what it must have */
    bk_fn *fn;   /* NULL while it is built */
} bk_body;
typedef struct bk_knownflow {
    bk_obj *code;
    bk_bcflow *flow;
    struct bk_knownflow *next;
} bk_knownflow;
/* what the functions of a region share while they are built */
typedef struct {
    bk_body body[BK_MAXBODIES]; /* built, or being built: each with those that it asked for behind it */
    uint32_t n;
    bk_body verdict[BK_MAXVERDICTS]; /* what was found out */
    uint32_t nverdicts;
    bool again;     /* all functions have to be begun again */
    uint64_t built; /* instructions, in all attempts that are over */
    bk_arena arena; /* of the flows */
    bk_knownflow *flows;
    enum { BK_NO_UNDERFLOW, BK_UNDERFLOW_IGNORED, BK_UNDERFLOW_TOLD } underflow; /* by NumPy; NO: nothing to tell */
} bk_bodies;

typedef struct bk_twins bk_twins;

typedef struct bk_builder {
    bk_request rq;
    bk_bodies *bodies;
    bk_body *body; /* that is built; NULL: the region's main function */
    bk_arena arena;
    bk_fn *fn;
    bk_state st;        /* the current state */
    bk_val *saved;      /* the innermost frame's slots at the start of the instruction */
    uint32_t saved_cap; /* room there; 0: it is not to be written to */
    uint32_t saved_sp, snap_start;
    uint32_t raise_snap; /* set by unknown_begin: raise at this instruction */
    bool unknown;        /* unknown_end is due when the instruction is complete */
    bool effects;        /* something was done: the start of the instruction is no place to go back to */
    bool ended;          /* the block has ended */
    uint16_t org;
    bk_bcflow **flows; /* per fn.codes entry */
    bk_version **versions;
    uint32_t nversions, vcap;
    uint32_t queue; /* next version to build */
    bk_inlinectx *ctxs;
    uint32_t nctx;
    bk_pref *prefs;
    uint32_t nprefs; /* kept over restarts */
    bk_site *noinline;
    uint32_t nnoinline; /* kept over restarts */
    bk_site *nomod;
    uint32_t nnomod; /* kept over restarts: no modular ints here */
    bk_site *leaves;
    uint32_t nleaves; /* kept over restarts: a body, or an inlined call, is left here */
    uint32_t neffects;
    bk_ref param_box[BK_MAXPARAMS]; /* a body's: passed beside the number, 0 none */
    bk_ref needed[BK_MAXSITES], words[BK_MAXSITES];
    uint32_t nneeded, nwords; /* a body's: boxes of which the object is needed; words that are returned */
    bk_obj *returned[BK_MAXRESULTCONSTS];
    uint32_t nreturned;
    const bk_val *passed; /* while the snapshot of a native call is made: its arguments */
    uint32_t npassed;
    bk_obj *kwnames;          /* of the KW_NAMES just before this CALL */
    const bk_prof *result_of; /* the value just pushed has the type recorded here */
    uint32_t nvid;            /* identities of virtual instances */
    bk_val *in_hand;          /* off the stack and not stored yet */
    struct {
        bk_val was;
        bk_ref box;
    } made[BK_MOSTMADE]; /* numbers that this instruction made boxes of, before an effect */
    uint32_t nmade;
    bk_twins *twins;
    bool share_operands; /* the operands of the instruction take boxes, too */
    bk_ref dying[BK_MOSTDYING];
    uint32_t ndying; /* collected: objects that lose a reference in this instruction */
    bool fresh_dies; /* one of them was just made */
    uint32_t gone[BK_MOSTDYING];
    uint32_t ngone;     /* virtual instances that go with the values that are looked at */
    bool check_targets; /* a branch that ran unknown code: test at both ends */
    uint32_t restarts;
    uint32_t guards;
    jmp_buf out; /* abort or restart: nothing is held but the arena and fn */
    int abort;   /* bk_abort, when left by it */
    uint32_t abort_pc;
    uint16_t abort_code;
} bk_builder;

typedef enum {
#define BK_ABORT(name, text) BK_AB_##name,
#include "bk_aborts.def"
#undef BK_ABORT
    BK_NABORTS
} bk_abortreason;

/* Builds the IR of a region, with its native functions (fn->bodies). NULL: *abort says why, *where the instruction. The
 * constants in fn->consts are borrowed. */
bk_fn *bk_build_region(const bk_request *rq, int *abort, bk_where *where);
/* the main function (body NULL), or one of its bodies; NULL: aborted */
bk_fn *bk_build_one(const bk_request *rq, bk_bodies *all, bk_body *body, int *abort, bk_where *where);

/* ---- shared by the builder's files -------------------------------------------------------------------------- */
_Noreturn void bk_abort(bk_builder *b, bk_abortreason why);
_Noreturn void bk_restart(bk_builder *b);
_Noreturn void bk_begin_all_again(bk_builder *b); /* build_bodies.c: something was learned that all have to know */
_Noreturn void call_instead(bk_builder *b);       /* build again without inlining the innermost frame's function */
#define TOPF(b) (&(b)->st.f[(b)->st.n - 1])

/* build_emit.c: emission, guards, snapshots */
bk_ref placed(bk_builder *b, bk_ref r);                  /* r, new, belongs to the current instruction */
bk_ref guard_by(bk_builder *b, bk_ref r, uint32_t snap); /* r leaves by this snapshot */
bool is_const(const bk_builder *b, bk_ref r, bk_op op);  /* op: which kind of constant */
bool is_constant(const bk_builder *b, bk_ref r);         /* of a number */
bk_ref renamed(bk_builder *b, bk_ref num);               /* the same value, as a new object */
bk_ref E(bk_builder *b, bk_op op, bk_ref x, bk_ref y);
bk_ref Et(bk_builder *b, bk_op op, bk_type t, bk_ref x, bk_ref y, bk_ref z);
bk_ref Eimm(bk_builder *b, bk_op op, bk_ref x, int64_t imm);
bk_ref Eguarded(bk_builder *b, bk_op op, bk_ref x, bk_ref y, bk_guardkind kind);
bk_ref Eload(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, int64_t off);
bk_ref Eloadx(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off);
void Estore(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off, bk_ref v);
bk_ref Ecall(bk_builder *b, bk_helper h, uint32_t n, const bk_ref *args);
#define CALLH(b, h, ...) Ecall(b, h, sizeof((bk_ref[]){__VA_ARGS__}) / sizeof(bk_ref), (bk_ref[]){__VA_ARGS__})
bk_ref KI(bk_builder *b, int64_t v);
bk_ref KF(bk_builder *b, double v);
bk_ref KP(bk_builder *b, const void *p);
void guard(bk_builder *b, bk_ref cond, bk_guardkind kind);
void guard_type(bk_builder *b, bk_val *v, bk_obj *type);
uint32_t snap_start(bk_builder *b);                                  /* the state at the start of the instruction */
uint32_t snap_now(bk_builder *b, uint32_t pc, int kind, int reason); /* the current state, going on at pc */
void leave(bk_builder *b, bk_guardkind reason); /* end the block: leave at the start of the instruction */
void leave_at(bk_builder *b, uint32_t pc, bk_guardkind reason); /* end the block with the current state, at pc */

/* build_val.c, build_own.c, build_unknown.c: values, their ownership, code that may do anything */
bk_val v_num(bk_obj *type, bk_ref num);
bk_val v_konst(bk_builder *b, bk_obj *o);
bk_val v_owned(bk_obj *type, bk_ref box);
bk_val v_volatile(bk_obj *type, bk_ref box);
bk_val v_bool(bk_ref cond);
bk_val v_null(void);
void push(bk_builder *b, bk_val v);
bk_val pop(bk_builder *b);
bk_val *top(bk_builder *b, uint32_t k); /* k = 1: the top */
bool is_num(const bk_val *v);           /* exact int, float, bool, complex or NumPy scalar */
bool fits(const bk_val *v);             /* has, or may be given, an unboxed value */
bk_ref unbox(bk_builder *b, bk_val *v); /* its unboxed value (guards that an int fits) */
bk_ref boxed(bk_builder *b, bk_val *v); /* a definite pointer to it, making (owned) one if need be */
/* the parts of a virtual value, with room for some: other states and copies share those that it has */
bk_val *copy_kids(bk_builder *b, const bk_val *v, uint32_t room);
void lend_kids(bk_builder *b, bk_val *v); /* for a copy of a virtual: items of its own, lent as the whole is */
void force(bk_builder *b, bk_val *v);     /* makes the object of a virtual */
void each_val(bk_builder *b, void (*fn)(bk_builder *, bk_val *, uint64_t), uint64_t arg); /* all slots of all frames */
/* home slot(s) in mask are about to change: v, if it borrows from there, takes a reference */
void secure_homes(bk_builder *b, bk_val *v, uint64_t mask);
void secure(bk_builder *b, bk_val *v);              /* a volatile value becomes owned */
void begin_effect(bk_builder *b);                   /* secures all volatile values: something will be written */
bk_ref take(bk_builder *b, bk_val *v);              /* a new reference to it (moved if owned); after begin_effect */
bool dies_loudly(bk_builder *b);                    /* recording saw a death here that may run code */
void check_death(bk_builder *b, bk_ref p);          /* before effects: dropping a reference to p runs no code */
void check_release(bk_builder *b, const bk_val *v); /* before effects: releasing v will not run code */
void release(bk_builder *b, bk_val *v);
void collect_deaths(bk_builder *b, const bk_val *going, uint32_t n); /* what goes when all these are released */
void collect_copies(bk_builder *b, const bk_val *v, uint32_t n);     /* when n copies of v are */
void collect_object(bk_builder *b, bk_ref p);
void guard_deaths(bk_builder *b); /* before effects: what was collected will die quietly, if at all, all at once */
void check_releases(bk_builder *b, const bk_val *going, uint32_t n); /* both; they may hold the same objects */
void check_survives(bk_builder *b, const bk_val *v); /* others hold it, too: what is stored in it lives on */
void release_all(bk_builder *b, bk_val *v, uint32_t n);
void check_overwrite(bk_builder *b, uint32_t slot); /* before effects: what the local holds will not die */
void check_overwrites(bk_builder *b, uint32_t first, uint32_t second); /* nor what both hold */
void store_local(bk_builder *b, uint32_t slot, bk_val v);              /* checks are the caller's */
bool store_kills(bk_builder *b, uint32_t slot);                        /* recording saw the slot's object die here */
void store_dying(bk_builder *b, uint32_t slot, bk_val v); /* the old object's destructor may run any code */
bk_val load_local(bk_builder *b, uint32_t slot);
bool simple_type(bk_obj *type);
bool is_outer(const bk_builder *b); /* the innermost frame is the real one */
uint64_t home_bit(uint32_t slot);
void bk_sync_slot(bk_builder *b, uint32_t slot, bk_val *l); /* the frame slot gets an unboxed local's box */
void secure_borrowers(bk_builder *b, uint64_t mask); /* whoever borrows from home slots of mask takes a reference */
void settle_boxes(bk_builder *b, uint64_t mask);     /* before home slots of mask change: no local borrows there */
void vacate_homes(bk_builder *b, uint64_t mask);     /* the same, and neither do the stack and inlined frames */
void unknown_begin(bk_builder *b);                   /* any code may run: frame synced, values secured */
void unknown_end(bk_builder *b);                     /* afterwards: state must be the one behind the instruction */
void guard_valid(bk_builder *b); /* behind an effect that may break an assumption: the state now must be whole */
void exit_unless(bk_builder *b, bk_ref good, uint32_t snap);
void raise_unless(bk_builder *b, bk_ref good);
void raise_if_null(bk_builder *b, bk_ref p); /* leaves raising at this instruction when p is NULL */
void raise_if_neg(bk_builder *b, bk_ref i);
/* gives the k-th operand from the top (1, 2) the type that recording saw there, if it was always one */
void learn(bk_builder *b, uint32_t k);
/* gives a loaded value the type that recording saw (guarding it), and its unboxed value */
void apply_seen(bk_builder *b, bk_val *v, const bk_prof *p);
bk_prof *prof(bk_builder *b);
const bk_insn *insn(bk_builder *b);

void bk_settle_identity(bk_builder *b); /* build_who.c: the function is built; which slots are one number */
/* build_unknown.c */
bool bk_one_local(bk_builder *b, const bk_val *v, const bk_val *o); /* locals of the real frame: one number */
void bk_sync_shared(bk_builder *b, uint32_t slot); /* as bk_sync_slot; locals that are the same number get the box */
/* build_twins.c: two phis that are one number, where neither has a box */
bk_twins *bk_twins_new(void);
void bk_twins_reset(bk_twins *t); /* for another attempt */
bool bk_is_twin(bk_builder *b, const bk_val *v, const bk_val *w);
bk_ref bk_twin_box(bk_builder *b, const bk_val *w,
                   bk_ref box);                         /* the box of v's twin w when v got this one: borrowed */
void bk_note_twins(bk_builder *b, const bk_version *v); /* a new version */
/* the function is built; begins again if something was learned. one: are these numbers with these boxes one? */
void bk_learn_twins(bk_builder *b, bool (*one)(const void *who, const bk_ref *num, const bk_ref *box), const void *who);
/* build_share.c: one number is one object */
bool bk_has_copy(bk_builder *b, const bk_val *v); /* the number stands in another place that is looked at again */
bool bk_stands_elsewhere(bk_builder *b, const bk_val *v); /* in any place */
bool bk_reuse_box(bk_builder *b, bk_val *v);              /* this instruction made a box of it already: borrowed */
void bk_note_box(bk_builder *b, const bk_val *was, bk_ref box); /* a box was made of it */
void bk_share_boxes(bk_builder *b); /* at an effect: other copies of the numbers take their boxes */

/* build_side.c: is the side of a branch at pc, where recording has never been, arithmetic of known types? */
bool side_needs_no_profile(bk_builder *b, uint32_t pc);

/* build_flow.c: versions, merges, branches */
void flow_goto(bk_builder *b, uint32_t pc, bool back); /* ends the block: go on at pc */
void flow_branch(bk_builder *b, bk_ref cond, uint32_t pc_true, uint32_t pc_false, uint32_t n_true, uint32_t n_false);
bk_blk flow_split(bk_builder *b, bk_ref cond,
                  bool cold_else); /* BR: current block goes on when true; gives the else block */
bk_state *state_copy(bk_builder *b, const bk_state *s);
/* One side of a branch waits, with the state that is now, while the other is built. */
typedef struct {
    bk_state *st;
    bk_val *saved;
    uint32_t saved_sp;
    uint16_t org;
} bk_aside;
bk_aside flow_aside(bk_builder *b, bk_blk now, bk_blk later); /* goes on in now */
void flow_back(bk_builder *b, const bk_aside *a);             /* goes on where `later` was set aside */
bool flow_outside(const bk_builder *b, uint32_t pc); /* is pc, of the outermost frame, outside the region's loop? */
void flow_reset(bk_builder *b);
void flow_continue(bk_builder *b, uint32_t pc); /* the instruction is done: pc is next, perhaps a merge */
void flow_by_type(bk_builder *b); /* the operand on top, of unknown type: a way for each type that was recorded */
bool flow_next(bk_builder *b);    /* takes up the next version to build */
void begin_insn(bk_builder *b, uint32_t pc); /* the state now is the one an exit of pc goes back to */
/* inline context of a call at the current instruction */
uint32_t ctx_inline(bk_builder *b, bk_obj *code, bool on_stack, uint8_t finish);
uint16_t code_number(bk_builder *b, const bk_codeinfo *ci);
void *alloc(bk_builder *b, size_t size); /* zeroed, from the arena */

/* build_ops.c and the families; each handles the current instruction and advances pc or ends the block */
void build_insn(bk_builder *b);
void build_generic(bk_builder *b);             /* build_generic.c: the boxed lowering of the instruction */
bool box_operands(bk_builder *b, uint32_t n);  /* boxes the n on top; false: one cannot be, leave to the interpreter */
bk_ref opnd(bk_builder *b, uint32_t k);        /* the k-th from the top, boxed before; NULL for an empty one */
void drop_operands(bk_builder *b, uint32_t n); /* pops n operands after unknown_begin, with their references */
void finish_operands(bk_builder *b, uint32_t n,
                     bk_ref result); /* drop_operands, then push the result if there is one */
bool build_super(bk_builder *b);     /* build_super.c: LOAD_SUPER_ATTR; false: it has no fast path */
bool build_with(bk_builder *b);      /* build_with.c: LOAD_SPECIAL; false: left to the interpreter */
bool build_match(bk_builder *b);     /* build_match.c: MATCH_*, GET_LEN; false: left to the interpreter */
enum { BK_MOSTPARAMS = 24 };
/* build_bind.c: does a call with nargs arguments (b->kwnames: the last ones' names) bind? and the callee's locals then
 */
bool bk_binds(bk_builder *b, bk_obj *func, const bk_codeinfo *ci, uint32_t nargs);
/* func NULL: only its code is known, `now` is the function */
void bk_bind(bk_builder *b, bk_obj *func, const bk_val *now, const bk_codeinfo *ci, const bk_val *args, uint32_t nargs,
             bk_val *slots);
bool build_plain_call(bk_builder *b, const char *name, bk_obj *callable, uint32_t nstack,
                      bool bound);                         /* build_plain.c */
void push_released(bk_builder *b, uint32_t n, bk_val out); /* n operands go, `out` made of them comes */
void reject_modular(bk_builder *b);                        /* build_num.c: neither of the two operands may be modular */
void check_modular(bk_builder *b); /* build_num.c: modular ints must not reach this instruction */
void merge_modular(bk_builder *b); /* nor a place where states merge, which would forget it */
bool build_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out); /* build_num.c; false: no fast path */
bool build_compare(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out);
bool build_unary(bk_builder *b, int op, bk_val *x, bk_val *out);
bool build_truth(bk_builder *b, bk_val *x, bk_ref *cond);
bool np_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out); /* build_np.c */
bool np_compare(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out);
bool np_unary(bk_builder *b, int op, bk_val *x, bk_val *out);
void np_guard(bk_builder *b, bk_val *v, const bk_ndkey *k); /* establishes the nd facts */
bool np_getitem(bk_builder *b, bk_val *a, bk_val *key, bk_val *out);
bool np_setitem(bk_builder *b, bk_val *a, bk_val *key, bk_val *v);
bool np_attr(bk_builder *b, bk_val *o, bk_obj *name, bk_val *out);
bool np_len(bk_builder *b, const bk_val *view, bk_ref *len);
bool build_subscr(bk_builder *b, bk_val *o, bk_val *key, bk_val *out); /* build_seq.c */
bool build_store_subscr(bk_builder *b, bk_val *o, bk_val *key, bk_val *v);
bk_ref checked_index(bk_builder *b, bk_ref i, bk_ref len);
void store_float_box(bk_builder *b, bk_ref old, bk_val *v, bk_alias al, bk_ref base, bk_ref idx, int scale,
                     int64_t off);
void char_unbox(bk_builder *b, bk_val *v, bool ascii); /* build_str.c: guards that a str is one (ASCII) character */
bool str_append_local(bk_builder *b); /* BINARY_OP and the STORE_FAST behind it, if that is what they do */
bool str_compare(bk_builder *b, bk_op cmp, bk_val *x, bk_val *y, bk_val *out); /* cmp: BK_LT.. on ints */
bool str_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out);
bk_ref str_is_ascii(bk_builder *b, const bk_val *s);
bool buffer_getitem(bk_builder *b, bk_val *o, bk_ref i, bk_val *out); /* build_buf.c */
bool buffer_setitem(bk_builder *b, bk_val *o, bk_ref i, bk_val *v);
bk_ref bk_buffer_live(bk_builder *b, bk_val *o);
bool build_len(bk_builder *b, bk_val *o, bk_ref *len);
bool build_getiter(bk_builder *b, bk_val *o, bk_val *out);
bool build_foriter(bk_builder *b); /* ends or continues the block itself */
bool build_unpack(bk_builder *b, uint32_t n);
bool build_attr(bk_builder *b, bk_val *o, bk_obj *name, bool method, bk_val *out, bk_val *self); /* build_attr.c */
bool build_store_attr(bk_builder *b, bk_val *o, bk_obj *name, bk_val *v);
bool build_call(bk_builder *b); /* build_call.c; handles the whole CALL */
bool build_call_kw(bk_builder *b);
/* a function that takes nargs positional arguments and no more than a frame; NULL: it is another */
const bk_codeinfo *bk_plain_callee(bk_builder *b, bk_obj *func, uint32_t nargs);
/* build_return.c; build_stop: `raise StopIteration` in the __next__ of a loop's iterator; false: not that */
void build_return(bk_builder *b);
bool build_stop(bk_builder *b);
bk_val *waiting(bk_builder *b, uint32_t k); /* the k-th operand from the top that waits for the innermost frame */
/* build_call.c: a method with these arguments, of which npop operands are taken off the stack, and nwait wait there for
 * it to return; false: it is not inlined, and nothing was done */
bool inline_method(bk_builder *b, bk_obj *func, const bk_val *args, uint32_t nargs, uint32_t npop, uint32_t nwait,
                   bk_finish finish);
/* build_special.c: the instruction calls a special method that is written in Python; false: it is not inlined */
bool build_special(bk_builder *b);
bool build_property(bk_builder *b, bk_obj *name); /* the same for the attribute of that name */
/* build_native.c */
bool native_call(bk_builder *b, bk_obj *func, uint32_t nstack, bool bound);
void bk_guard_depth(bk_builder *b); /* one more Python call may be nested */
void bk_body_entry(bk_builder *b);
void bk_body_return(bk_builder *b);
void bk_body_check(bk_builder *b);              /* the body is built: as its callers take it? */
void bk_need_object(bk_builder *b, bk_ref box); /* in a body: a token will not do for the box */
_Noreturn void bk_body_give_up(bk_builder *b);
_Noreturn void bk_body_unknown(bk_builder *b); /* the instruction must see the body's frame */
bool bk_calls_python(bk_builder *b);           /* recording saw this call run a Python function */
bool bk_leaves_here(const bk_builder *b);
bool bk_is_hot_place(bk_builder *b); /* the instruction is run about as often as its function */
/* build_inst.c */
bk_val inst_new(bk_builder *b, bk_obj *type);
uint32_t inst_copies(bk_builder *b, uint32_t vid);
uint32_t inst_count(const bk_val *v, uint32_t vid); /* how often it is in the value */
bool holds_inst(const bk_val *v);                   /* is one, or has one in it */
bool inst_load(bk_builder *b, const bk_val *o, bk_obj *name, bool method, bk_val *out, bk_val *self);
bool inst_can_store(bk_builder *b, const bk_val *o, bk_obj *name, const bk_val *v, int64_t *where);
void inst_check_store(bk_builder *b, const bk_val *o, int64_t where);
void inst_store(bk_builder *b, bk_val *o, int64_t where, bk_val v);
void inst_replace(bk_builder *b, uint32_t vid, const bk_val *to); /* every copy in the state becomes `to` */
void inst_share_box(bk_builder *b, const bk_val *v, const bk_val *was, bk_ref box); /* v's attributes that are it */
void inst_force(bk_builder *b, bk_val *v);      /* makes the object; v stands in the state, no effects yet */
void inst_force_all(bk_builder *b, bk_val *v);  /* those in a value, which is a slot of the state */
void force_operands(bk_builder *b, uint32_t n); /* the n operands on top hold no virtual instance any more */
void force_outer_locals(bk_builder *b);         /* nor do the real frame's locals */
void force_shared(bk_builder *b);               /* nor are there two copies of one */
void put_home(bk_builder *b, uint32_t slot,
              bk_ref p); /* the local's home slot, which holds nothing that counts, gets p */
/* build_view.c: views of arrays that are not made */
bool is_array_view(const bk_val *v);
void view_own(bk_builder *b, bk_val *v);    /* a view among others takes a reference to its array; an effect */
void view_secure(bk_builder *b, bk_val *v); /* the same only where it borrows from a container... */
void view_secure_homes(bk_builder *b, bk_val *v, uint64_t mask); /* ...or from home slots of the mask */
void view_check_make(bk_builder *b, const bk_val *v);            /* before effects: it can be made */
bk_ref view_make(bk_builder *b, const bk_val *v);
void force_views(bk_builder *b); /* no virtual view is left in the state */
bool build_builtin(bk_builder *b, const char *name, bk_obj *callable, uint32_t n, bk_val *args,
                   bk_val *out); /* build_builtin.c */
#endif
