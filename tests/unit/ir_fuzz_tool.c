/* Random functions run through the reference interpreter before and after the passes.
 *
 *   ir_fuzz_tool FIRST_SEED COUNT [PASS...]        (no pass: the whole optimiser)
 *
 * The passes may leave earlier than the original, at places where it passed with the same state: a hoisted guard leaves
 * at a preheader's end, a poll at a poll, a deferred check where its chunk began. So the original records its state
 * (resume point, values of the snapshot, memory) at all of these, and the optimised function must leave in a state that
 * the original was in: the final one, or a recorded one if it leaves by such a guard. */
#define _POSIX_C_SOURCE 200809L
#include "bk_backend.h"
#include "eval.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NI = 4, NF = 2, NHOME = 8, NWORDS = 24, MAXSTATES = 20000 };
enum { T_LIST = 0x1000, T_ARRAY = 0x2000, T_OBJ = 0x3000, T_FLOAT = 0x4000 };

static uint64_t rng;
static uint64_t next(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * UINT64_C(0x2545F4914F6CDD1D);
}
static uint32_t below(uint32_t n) { return (uint32_t)((next() >> 33) % n); }
static bool chance(uint32_t percent) { return below(100) < percent; }

/* ---- the world that functions run in ------------------------------------------------------------------------ */

typedef struct {
    int64_t refcnt;
    int64_t type;
    int64_t word[4]; /* list, array: size, items; object: fields; float: payload */
} object;

static struct {
    object obj[NHOME];
    int64_t items[4][NWORDS];
    int64_t input[NI + NF];
    void *home[NHOME];
    uint64_t calls;
} world, start;

static int64_t edge_int(void) {
    static const int64_t values[] = {0, 1, 2, -1, 7, 8, 9, 100, -5, INT64_MAX, INT64_MAX - 2, INT64_MIN, INT64_MIN + 1};
    return chance(60) ? (int64_t)below(chance(15) ? NWORDS : 12) : values[below(sizeof values / sizeof *values)];
}
static int64_t edge_float(void) {
    static const double values[] = {0.0, -0.0, 1.5, -2.0, 1e308, 3.0, 0.1};
    double d = chance(2) ? INFINITY : chance(2) ? NAN : values[below(7)];
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static void make_world(void) {
    memset(&world, 0, sizeof world);
    for (int i = 0; i < NHOME; i++) {
        object *o = &world.obj[i];
        o->refcnt = i < 6 ? 1000 : 1 + chance(50);
        o->type = i < 2 ? T_LIST : i < 4 ? T_ARRAY : i < 6 ? T_OBJ : T_FLOAT;
        if (i < 4) o->word[0] = NWORDS - (int64_t)below(3), o->word[1] = (int64_t)(intptr_t)world.items[i];
        else if (i < 6)
            for (int k = 0; k < 4; k++) o->word[k] = edge_int();
        else o->word[0] = edge_float();
        world.home[i] = &world.obj[chance(20) ? i & ~1 : i]; /* sometimes one object in two slots */
    }
    for (int k = 0; k < NWORDS; k++) {
        world.items[0][k] = edge_int(), world.items[1][k] = edge_int();
        world.items[2][k] = edge_float(), world.items[3][k] = edge_float();
    }
    for (int i = 0; i < NI; i++) world.input[i] = edge_int();
    for (int i = NI; i < NI + NF; i++) world.input[i] = edge_float();
    start = world;
}

/* any code may have run: everything that may change does, the same way in both runs */
static uint64_t clobber(bk_eval *e, bk_ref r) {
    uint64_t keep = rng;
    const bk_ins *in = &e->f->ins[r];
    if (in->op != BK_CALL) return 0; /* counts here are so high that nothing dies */
    rng = UINT64_C(0x9E3779B97F4A7C15) * ++world.calls;
    bool items_only = in->op == BK_CALL && in->imm == BK_H_list_append;
    world.items[below(2)][below(NWORDS)] = edge_int();
    world.obj[below(2)].word[0] = NWORDS - (int64_t)below(4);
    if (!items_only) {
        world.obj[4 + below(2)].word[below(4)] = edge_int();
        world.items[2 + below(2)][below(NWORDS)] = edge_float();
        world.obj[6 + below(2)].word[0] = edge_float();
        uint32_t s = 2 * below(4);
        void *t = world.home[s];
        world.home[s] = world.home[s + 1];
        world.home[s + 1] = t;
    }
    rng = keep;
    return 1;
}

/* ---- generating --------------------------------------------------------------------------------------------- */

static bk_fn *f;
static bk_blk cur;
static bk_ref ints[NI], floats[NF];
static bk_ref the_index; /* of the loop whose body may become vectors; 0: any index */
static bk_ref owned[4];  /* references held, as the operand stack of an interpreter frame would */
static uint32_t nowned;
static uint32_t resume_no;
static int loops_left, stmts_left;

static uint32_t snapshot(int reason) {
    if (f->nslots + 40 > f->scap || f->nsnaps + 2 > f->snapcap || f->nsframes + 2 > f->sfcap) return 1;
    uint32_t first = f->nslots;
    for (int i = 0; i < NI; i++) f->slots[f->nslots++] = (bk_slot){.kind = BK_SK_I64, .a = ints[i]};
    for (int i = 0; i < NF; i++) f->slots[f->nslots++] = (bk_slot){.kind = BK_SK_F64, .a = floats[i]};
    for (uint32_t i = 0; i < NHOME; i++) f->slots[f->nslots++] = (bk_slot){.kind = BK_SK_HOME, .sub = i};
    for (uint32_t i = 0; i < nowned; i++) f->slots[f->nslots++] = (bk_slot){.kind = BK_SK_OWNED, .a = owned[i]};
    f->sframes[f->nsframes++] = (bk_sframe){.resume = ++resume_no, .first = first, .nslots = f->nslots - first};
    f->snaps[f->nsnaps++] = (bk_snap){.frame = f->nsframes - 1, .nframes = 1, .reason = (uint8_t)reason};
    return f->nsnaps - 1;
}

enum { GUARD_BRANCH = 12, GUARD_BOUNDS = 4, GUARD_FP = 7 };

static bk_ref op(bk_op o, bk_ref a, bk_ref b) { return bk_emit(f, cur, o, BK_X, a, b, 0); }
static bk_ref checked(bk_op o, bk_ref a, bk_ref b) {
    bk_ref r = op(o, a, b);
    f->ins[r].snap = snapshot(2);
    return r;
}
static void guard(bk_ref c, int kind, uint32_t snap) {
    bk_ref r = op(BK_GUARD, c, 0);
    f->ins[r].snap = snap;
    f->ins[r].imm = kind;
    if (kind == GUARD_FP) f->ins[r].flags |= BK_F_FPCHECK;
}

static bk_ref int_operand(void) { return chance(35) ? bk_ki(f, (int64_t)below(6) - 1) : ints[below(NI)]; }

static bk_ref condition(void) {
    static const uint8_t ops[] = {BK_EQ, BK_NE, BK_LT, BK_LE, BK_GT, BK_GE, BK_ULT, BK_ULE};
    if (chance(12)) return op(chance(50) ? BK_FLT : BK_FNE, floats[below(NF)], floats[below(NF)]);
    bk_ref c = op((bk_op)ops[below(8)], int_operand(), int_operand());
    if (chance(10)) c = op(BK_NOT, c, 0);
    if (chance(10)) c = op(chance(50) ? BK_AND : BK_OR, c, op(BK_LT, int_operand(), int_operand()));
    return c;
}

static bk_ref int_expr(void) {
    static const uint8_t plain[] = {BK_AND, BK_OR, BK_XOR, BK_ADD, BK_SUB, BK_MUL};
    static const uint8_t over[] = {BK_ADDOV, BK_ADDOV, BK_SUBOV, BK_MULOV};
    static const int64_t divisors[] = {1, 2, 3, 4, 7, 8, -1, -3, 100};
    bk_ref a = int_operand(), b = int_operand();
    switch (below(8)) {
    case 0:
    case 1:
    case 2: return checked((bk_op)over[below(4)], a, b);
    case 3: return op((bk_op)plain[below(6)], a, b);
    case 4: return op(BK_IMOD, a, bk_ki(f, divisors[below(9)]));
    case 5: {
        int64_t d = divisors[below(9)];
        return op(BK_IDIV, a, bk_ki(f, d == -1 ? 5 : d));
    }
    case 6: return op(chance(50) ? BK_SAR : BK_SHR, a, bk_ki(f, below(20)));
    default: {
        if (chance(50)) return bk_emit(f, cur, BK_SELECT, BK_I, op(BK_LT, a, b), a, b);
        if (chance(50)) return op(BK_B2I, condition(), 0);
        bk_ref r = op(chance(50) ? BK_SEXT : BK_ZEXT, a, 0);
        f->ins[r].imm = chance(50) ? 8 : 32;
        return r;
    }
    }
}

static bk_ref object_in(uint32_t slot, int64_t type, uint32_t snap) {
    bk_ref p = op(BK_HLOAD, 0, 0);
    f->ins[p].imm = slot;
    bk_ref g = op(BK_GTYPE, p, 0);
    f->ins[g].imm = type;
    f->ins[g].snap = snap;
    return p;
}

/* an item of a list or array, with the guards a builder would emit; value 0: load */
static void element(uint32_t slot, bk_ref value, uint32_t dst) {
    bool list = slot < 2;
    uint32_t snap = snapshot(4);
    bk_alias head = list ? BK_A_SIZE : BK_A_NDHEAD, data = list ? BK_A_ITEMS : BK_A_DATA;
    bk_memtype mt = list ? BK_M_I64 : BK_M_F64;
    bk_ref p = object_in(slot, list ? T_LIST : T_ARRAY, snap), index = int_operand();
    if (the_index) index = the_index;
    if (chance(40)) {
        index = op(chance(70) ? BK_ADDOV : BK_ADD, index, bk_ki(f, (int64_t)below(4) - 2));
        if (f->ins[index].op == BK_ADDOV) f->ins[index].snap = snap;
    }
    bk_ref len = bk_load(f, cur, BK_M_I64, head, p, 0, 0, 16);
    if (chance(70)) guard(op(BK_ULT, index, len), GUARD_BOUNDS, snap);
    else {
        guard(op(BK_LE, bk_ki(f, 0), index), GUARD_BOUNDS, snap);
        guard(op(BK_LT, index, len), GUARD_BOUNDS, snap);
    }
    bk_ref items = bk_load(f, cur, BK_M_PTR, list ? BK_A_ITEMPTR : BK_A_NDHEAD, p, 0, 0, 24);
    if (value) bk_store(f, cur, mt, data, items, index, 8, 0, value);
    else {
        bk_ref v = bk_load(f, cur, mt, data, items, index, 8, 0);
        *(list ? &ints[dst % NI] : &floats[dst % NF]) = v;
    }
}

static void field(bool store) {
    uint32_t snap = snapshot(1);
    bk_ref p = object_in(4 + below(2), T_OBJ, snap);
    int64_t at = 16 + 8 * (int64_t)below(4);
    if (store) bk_store(f, cur, BK_M_I64, BK_A_INST, p, 0, 0, at, int_operand());
    else ints[below(NI)] = bk_load(f, cur, BK_M_I64, BK_A_INST, p, 0, 0, at);
}

static void float_stmt(void) {
    static const uint8_t ops[] = {BK_FADD, BK_FSUB, BK_FMUL, BK_FDIV};
    uint32_t snap = snapshot(GUARD_FP);
    bk_ref a = floats[below(NF)], b = chance(30) ? bk_kf(f, chance(50) ? 1.0 : 0.5) : floats[below(NF)];
    bk_ref v = chance(15) ? op(BK_I2F, ints[below(NI)], 0) : op((bk_op)ops[below(4)], a, b);
    if (chance(50)) guard(op(BK_FFINITE, v, 0), GUARD_FP, snap);
    floats[below(NF)] = v;
}

static void boxes(void) {
    uint32_t snap = snapshot(1);
    bk_ref p = object_in(6 + below(2), T_FLOAT, snap);
    if (chance(60)) floats[below(NF)] = op(BK_UNBOXF, p, 0);
    else ints[below(NI)] = op(BK_B2I, op(BK_REBOXF, p, floats[below(NF)]), 0);
}

static void calls(void) {
    uint32_t snap = snapshot(1);
    if (chance(50)) {
        bk_ref p = object_in(4, T_OBJ, snap);
        if (chance(50)) op(chance(50) ? BK_DECREF : BK_DECREFN, p, 0);
        else bk_emit_list(f, cur, BK_CALL, BK_V, &p, 1, BK_H_dealloc);
    } else {
        bk_ref p = object_in(0, T_LIST, snap), args[2] = {p, p};
        bk_emit_list(f, cur, BK_CALL, BK_1, args, 2, BK_H_list_append);
    }
}

static void stmts(int depth);

/* a reference is taken, something happens, it is given back */
static void held(int depth) {
    uint32_t snap = snapshot(1), slot = below(NHOME);
    if (nowned == 4) return;
    bk_ref p = object_in(slot, slot < 2 ? T_LIST : slot < 4 ? T_ARRAY : slot < 6 ? T_OBJ : T_FLOAT, snap);
    op(BK_INCREF, p, 0);
    if (chance(30)) {
        bk_ref n = bk_load(f, cur, BK_M_U32, BK_A_REFCNT, p, 0, 0, 0);
        ints[below(NI)] = op(BK_B2I, op(chance(50) ? BK_EQ : BK_NE, n, bk_ki(f, 1)), 0);
    }
    owned[nowned++] = p;
    stmts(depth + 1);
    nowned--;
    op(BK_DECREFN, p, 0);
}

static void home_store(void) {
    bk_ref p = op(BK_HLOAD, 0, 0);
    uint32_t pair = 2 * below(4);
    f->ins[p].imm = pair + below(2);
    bk_ref s = op(BK_HSTORE, p, 0);
    f->ins[s].imm = pair + below(2);
}

static void if_stmt(int depth) {
    bk_ref i0[NI], f0[NF], i1[NI], f1[NF];
    bk_ref c = condition();
    bk_blk a = bk_block_new(f), b = bk_block_new(f), m = bk_block_new(f);
    op(BK_BR, c, 0);
    bk_edge(f, cur, a);
    bk_edge(f, cur, b);
    f->blocks[a].count = below(100);
    f->blocks[b].count = below(100);
    memcpy(i0, ints, sizeof ints), memcpy(f0, floats, sizeof floats);
    cur = a;
    stmts(depth + 1);
    if (chance(8)) {
        bk_ref r = op(BK_EXIT, 0, 0);
        f->ins[r].snap = snapshot(16);
        memcpy(ints, i0, sizeof ints), memcpy(floats, f0, sizeof floats);
        cur = b;
        return;
    }
    op(BK_JMP, 0, 0);
    bk_edge(f, cur, m);
    memcpy(i1, ints, sizeof ints), memcpy(f1, floats, sizeof floats);
    memcpy(ints, i0, sizeof ints), memcpy(floats, f0, sizeof floats);
    cur = b;
    if (chance(60)) stmts(depth + 1);
    op(BK_JMP, 0, 0);
    bk_edge(f, cur, m);
    cur = m;
    for (int i = 0; i < NI; i++) {
        bk_ref other = ints[i];
        if (i1[i] == other) continue;
        ints[i] = bk_phi(f, m, BK_I);
        bk_phi_add(f, ints[i], i1[i]), bk_phi_add(f, ints[i], other);
    }
    for (int i = 0; i < NF; i++) {
        bk_ref other = floats[i];
        if (f1[i] == other) continue;
        floats[i] = bk_phi(f, m, BK_F);
        bk_phi_add(f, floats[i], f1[i]), bk_phi_add(f, floats[i], other);
    }
}

/* loads, float operations and stores of arrays over one index */
static void vector_body(bk_ref i) {
    the_index = i;
    if (chance(30)) { /* as most loops over arrays are */
        for (int n = 1 + (int)below(2); n > 0; n--) {
            element(2 + below(2), 0, below(8));
            if (chance(60)) float_stmt();
            uint32_t snap = snapshot(GUARD_FP);
            guard(op(BK_FFINITE, floats[0], 0), GUARD_FP, snap);
            element(2 + below(2), floats[0], 0);
        }
        the_index = 0;
        return;
    }
    for (int n = 1 + (int)below(5); n > 0; n--) {
        uint32_t k = below(10), slot = 2 + below(2);
        if (k < 3) element(slot, 0, below(8));
        else if (k < 4) element(slot, floats[below(NF)], 0);
        else if (k < 5 && stmts_left > 10) stmts_left -= 5, if_stmt(4);
        else float_stmt();
    }
    the_index = 0;
}

/* as CPython compiles `while`: the condition before the loop and at its end */
static void rotated_loop(int depth) {
    static const int64_t steps[] = {1, 1, 2, 3, -1, -2};
    bk_ref from = int_operand(), stop = chance(50) ? bk_ki(f, (int64_t)below(9)) : int_operand();
    bk_ref i0[NI], f0[NF], hi[NI], hf[NF];
    int64_t step = steps[below(6)];
    bk_ref by = chance(25) ? ints[below(NI)] : bk_ki(f, step);
    if (f->ins[by].op != BK_K_I64) step = 1;
    bk_op less = chance(60) ? (step > 0 ? BK_LT : BK_GT) : (step > 0 ? BK_LE : BK_GE);
    bk_blk pre = bk_block_new(f), head = bk_block_new(f), back = bk_block_new(f), out = bk_block_new(f);
    memcpy(i0, ints, sizeof ints), memcpy(f0, floats, sizeof floats);
    op(BK_BR, op(less, from, stop), 0);
    bk_edge(f, cur, pre);
    bk_edge(f, cur, out);
    cur = pre;
    f->blocks[pre].preheader = true;
    f->blocks[pre].entry_snap = snapshot(23);
    uint32_t place = resume_no;
    op(BK_JMP, 0, 0);
    bk_edge(f, pre, head);
    cur = head;
    f->blocks[head].header = true;
    f->blocks[head].count = 100;
    bk_ref i = bk_phi(f, head, BK_I);
    bk_phi_add(f, i, from);
    for (uint32_t k = 0; k < NI; k++) hi[k] = bk_phi(f, head, BK_I), bk_phi_add(f, hi[k], ints[k]), ints[k] = hi[k];
    for (uint32_t k = 0; k < NF; k++) hf[k] = bk_phi(f, head, BK_F), bk_phi_add(f, hf[k], floats[k]), floats[k] = hf[k];
    if (chance(60)) ints[below(NI)] = i;
    if (chance(30)) vector_body(i);
    else stmts(depth + 1);
    uint32_t snap = snapshot(16);
    bk_ref n = op(BK_ADDOV, i, by);
    f->ins[n].snap = snap;
    op(BK_BR, op(less, n, stop), 0);
    bk_edge(f, cur, back);
    bk_edge(f, cur, out);
    cur = back;
    snap = snapshot(16);
    if (snap > 1) f->sframes[f->snaps[snap].frame].resume = place;
    bk_ref p = op(BK_POLL, 0, 0);
    f->ins[p].snap = snap;
    op(BK_JMP, 0, 0);
    bk_edge(f, back, head);
    bk_phi_add(f, i, n);
    for (uint32_t k = 0; k < NI; k++) bk_phi_add(f, hi[k], ints[k]);
    for (uint32_t k = 0; k < NF; k++) bk_phi_add(f, hf[k], floats[k]);
    cur = out;
    for (uint32_t k = 0; k < NI; k++) {
        bk_ref end = ints[k];
        ints[k] = bk_phi(f, out, BK_I);
        bk_phi_add(f, ints[k], i0[k]), bk_phi_add(f, ints[k], end);
    }
    for (uint32_t k = 0; k < NF; k++) {
        bk_ref end = floats[k];
        floats[k] = bk_phi(f, out, BK_F);
        bk_phi_add(f, floats[k], f0[k]), bk_phi_add(f, floats[k], end);
    }
}

static void loop_stmt(int depth) {
    static const int64_t steps[] = {1, 1, 1, 1, 2, 3, -1, -2};
    bk_ref from = int_operand(), stop = int_operand(), hi[NI], hf[NF];
    if (chance(40)) from = bk_ki(f, below(3));
    if (chance(40)) stop = bk_ki(f, (int64_t)below(chance(15) ? NWORDS : 12));
    if (chance(15)) stop = bk_load(f, cur, BK_M_I64, BK_A_SIZE, object_in(0, T_LIST, snapshot(1)), 0, 0, 16);
    bool variable = chance(8);
    int64_t step = steps[below(8)];
    bk_ref by = variable ? ints[below(NI)] : bk_ki(f, step);
    if (variable) guard(op(BK_LT, bk_ki(f, 0), by), GUARD_BRANCH, snapshot(1)), step = 1;
    bk_blk pre = bk_block_new(f), head = bk_block_new(f), body = bk_block_new(f), out = bk_block_new(f);
    op(BK_JMP, 0, 0);
    bk_edge(f, cur, pre);
    cur = pre;
    f->blocks[pre].preheader = true;
    f->blocks[pre].entry_snap = snapshot(23);
    uint32_t place = resume_no; /* the poll's, too: both stand at the loop's head */
    f->blocks[pre].count = 3;
    op(BK_JMP, 0, 0);
    bk_edge(f, pre, head);
    cur = head;
    f->blocks[head].header = true;
    f->blocks[head].count = f->blocks[body].count = 100;
    uint32_t iv = below(NI + 2); /* the counter is a variable of the program, or hidden */
    bk_ref i = bk_phi(f, head, BK_I);
    bk_phi_add(f, i, from);
    for (uint32_t k = 0; k < NI; k++) hi[k] = bk_phi(f, head, BK_I), bk_phi_add(f, hi[k], ints[k]), ints[k] = hi[k];
    for (uint32_t k = 0; k < NF; k++) hf[k] = bk_phi(f, head, BK_F), bk_phi_add(f, hf[k], floats[k]), floats[k] = hf[k];
    bk_ref c = chance(85) ? op(step > 0 ? BK_LT : BK_GT, i, stop) : op(step > 0 ? BK_LE : BK_GE, i, stop);
    op(BK_BR, c, 0);
    bk_edge(f, head, body);
    bk_edge(f, head, out);
    cur = body;
    if (iv < NI) ints[iv] = i;
    if (chance(30)) vector_body(i);
    else stmts(depth + 1);
    uint32_t snap = snapshot(16);
    if (snap > 1) f->sframes[f->snaps[snap].frame].resume = place;
    bk_ref n = op(chance(70) ? BK_ADD : BK_ADDOV, i, by);
    if (f->ins[n].op == BK_ADDOV) f->ins[n].snap = snap;
    bk_ref p = chance(70) ? op(BK_POLL, 0, 0) : 0;
    if (p) f->ins[p].snap = snap;
    op(BK_JMP, 0, 0);
    bk_edge(f, cur, head);
    bk_phi_add(f, i, n);
    for (uint32_t k = 0; k < NI; k++) bk_phi_add(f, hi[k], ints[k]), ints[k] = hi[k];
    for (uint32_t k = 0; k < NF; k++) bk_phi_add(f, hf[k], floats[k]), floats[k] = hf[k];
    cur = out;
}

static void stmt(int depth) {
    uint32_t k = below(100);
    if (k < 30) ints[below(NI)] = int_expr();
    else if (k < 38) float_stmt();
    else if (k < 48) element(below(4), 0, below(8));
    else if (k < 55) {
        uint32_t slot = below(4);
        element(slot, slot < 2 ? int_operand() : floats[below(NF)], 0);
    } else if (k < 60) field(false);
    else if (k < 64) field(true);
    else if (k < 67) boxes();
    else if (k < 69) calls();
    else if (k < 71) home_store();
    else if (k < 74 && chance(60) && depth < 4) held(depth);
    else if (k < 74) guard(condition(), GUARD_BRANCH, snapshot(12));
    else if (k < 84 && depth < 4) if_stmt(depth);
    else if (depth < 4 && loops_left > 0) loops_left--, chance(35) ? rotated_loop(depth) : loop_stmt(depth);
}

static void stmts(int depth) {
    if (the_index) {
        float_stmt();
        return;
    }
    for (int n = 1 + (int)below(depth ? 5 : 9); n > 0 && stmts_left > 0; n--) stmts_left--, stmt(depth);
}

static bool room(void **p, uint32_t *cap, uint32_t n, size_t size) {
    *p = calloc(n, size);
    *cap = n;
    return *p != NULL;
}

static bk_fn *generate(void) {
    f = bk_fn_new("fuzz");
    if (!f || !room((void **)&f->slots, &f->scap, 20000, sizeof *f->slots)) exit(3);
    free(f->snaps);
    if (!room((void **)&f->snaps, &f->snapcap, 2000, sizeof *f->snaps)) exit(3);
    if (!room((void **)&f->sframes, &f->sfcap, 2000, sizeof *f->sframes)) exit(3);
    if (!room((void **)&f->codes, &f->codecap, 1, sizeof *f->codes)) exit(3);
    f->ncodes = 1;
    f->nhome = NHOME;
    cur = bk_block_new(f);
    resume_no = 0;
    loops_left = 4;
    stmts_left = 45;
    bk_ref in = bk_kp(f, world.input);
    for (int i = 0; i < NI; i++) ints[i] = bk_load(f, cur, BK_M_I64, BK_A_CONST, in, 0, 0, 8 * i);
    for (int i = 0; i < NF; i++) floats[i] = bk_load(f, cur, BK_M_F64, BK_A_CONST, in, 0, 0, 8 * (NI + i));
    stmts(0);
    bk_ref r = op(BK_EXIT, 0, 0);
    f->ins[r].snap = snapshot(15);
    return f;
}

/* ---- running and comparing ---------------------------------------------------------------------------------- */

typedef struct {
    uint64_t values, memory;
} state;
static state states[MAXSTATES];
static uint32_t nstates;
static int polls_until_exit;

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * UINT64_C(0x9E3779B97F4A7C15) + (h >> 29); }

static uint64_t hash_bytes(const void *p, size_t n) {
    uint64_t h = 1, w;
    for (size_t i = 0; i + 8 <= n; i += 8) memcpy(&w, (const char *)p + i, 8), h = mix(h, w);
    return h;
}

static bool is_nan(uint64_t bits) { return (bits & ~(UINT64_C(1) << 63)) > UINT64_C(0x7ff0000000000000); }

/* memory without the items' NaN payloads, which commuted operands may change */
static uint64_t memory_now(void) {
    static int64_t copy[4][NWORDS];
    memcpy(copy, world.items, sizeof copy);
    for (int i = 0; i < 2 * NWORDS; i++)
        if (is_nan((uint64_t)copy[2 + i / NWORDS][i % NWORDS])) copy[2 + i / NWORDS][i % NWORDS] = -1;
    uint64_t h = hash_bytes(copy, sizeof copy);
    for (int i = 0; i < NHOME; i++) {
        object o = world.obj[i];
        if (i >= 6 && is_nan((uint64_t)o.word[0])) o.word[0] = -1;
        h = mix(h, hash_bytes(&o, sizeof o));
    }
    return mix(mix(h, hash_bytes(world.home, sizeof world.home)), world.calls);
}

static state state_at(const bk_eval *e, uint32_t snap) {
    const bk_sframe *fr = &e->f->sframes[e->f->snaps[snap].frame];
    object keep[NHOME];
    memcpy(keep, world.obj, sizeof keep);
    uint64_t h = fr->resume;
    for (uint32_t k = 0; k < fr->nslots; k++) {
        const bk_slot *s = &e->f->slots[fr->first + k];
        uint64_t v = s->kind == BK_SK_HOME ? 0 : e->vals[s->a];
        h = mix(h, s->kind == BK_SK_F64 && is_nan(v) ? 1 : v);
        if (s->kind == BK_SK_BORROWED) ((object *)(uintptr_t)v)->refcnt++; /* the exit takes a reference */
    }
    uint64_t m = memory_now();
    memcpy(world.obj, keep, sizeof keep);
    return (state){h, m};
}

static void record(bk_eval *e, bk_ref r, uint32_t snap) {
    (void)r;
    if (nstates < MAXSTATES) states[nstates++] = state_at(e, snap);
}
static bool poll(bk_eval *e, bk_ref r) {
    (void)e, (void)r;
    return polls_until_exit-- == 0;
}

static bk_ref run(bk_eval *e, const bk_fn *fn, bool recording) {
    world = start;
    *e = (bk_eval){.f = fn, .home = world.home, .steps = 100000, .type_offset = 8, .float_offset = 16, .call = clobber};
    e->vals = calloc(fn->nins + 1, sizeof *e->vals);
    if (!e->vals) exit(3);
    if (recording) e->crossing = record;
    else e->poll = poll;
    return bk_eval_run(e);
}

static bool known_state(state s) {
    for (uint32_t i = 0; i < nstates; i++)
        if (states[i].values == s.values && states[i].memory == s.memory) return true;
    return false;
}

static void complain(uint64_t seed, const char *what, const char *before, const bk_fn *after) {
    printf("seed %lu: %s\n%s\n---- after\n", (unsigned long)seed, what, before);
    bk_print(after, stdout);
    exit(1);
}

typedef struct {
    uint32_t same, earlier, skipped;
    bk_optstats st;
} totals;

static void compare(uint64_t seed, const bk_fn *plain, const bk_fn *opt, const char *text, totals *t) {
    bk_eval a, b;
    nstates = 0;
    bk_ref left = run(&a, plain, true);
    if (!left || nstates == MAXSTATES) {
        t->skipped++;
        free(a.vals);
        return;
    }
    state final = state_at(&a, plain->ins[left].snap);
    if (a.broken) complain(seed, "the original breaks a promise", text, opt);
    for (int turn = 0; turn < 3; turn++) {
        polls_until_exit = turn ? (int)below(6) : -1;
        bk_ref r = run(&b, opt, false);
        if (b.broken) printf("v%u\n", b.broken);
        if (b.broken) complain(seed, "an operation marked nsw wraps", text, opt);
        uint8_t how = plain->ins[left].op;
        bool fp = plain->ins[left].flags & BK_F_FPCHECK;          /* deferred to the end of a loop without polls */
        if (!r && (fp || (how >= BK_ADDOV && how <= BK_MULOV))) { /* as below, and goes on for long */
            t->skipped++;
            free(b.vals);
            continue;
        }
        if (!r) complain(seed, "does not end", text, opt);
        const bk_ins *in = &opt->ins[r];
        state s = state_at(&b, in->snap);
        bool early = (in->flags & (BK_F_HOISTED | BK_F_FPCHECK)) || in->op == BK_POLL;
        if (s.values == final.values && s.memory == final.memory) t->same++;
        else if (early && known_state(s)) t->earlier++;
        else if (how >= BK_ADDOV && how <= BK_MULOV) t->skipped++; /* its result was not used: dropped */
        else {
            printf("original left at v%u, s%u; then v%u, s%u\n", left, plain->ins[left].snap, r, in->snap);
            complain(seed, "leaves in a state that the original was never in", text, opt);
        }
        free(b.vals);
    }
    free(a.vals);
}

static void must_verify(uint64_t seed, const bk_fn *fn, const char *text, const char *when) {
    const char *wrong = bk_verify(fn);
    char what[300];
    if (!wrong) return;
    snprintf(what, sizeof what, "not valid after %s: %s", when, wrong);
    complain(seed, what, text, fn);
}

static uint64_t seed_now;
static const char *text_now;
static void after(void *ctx, const char *pass, const bk_fn *fn) {
    (void)ctx;
    must_verify(seed_now, fn, text_now, pass);
}

static void one(uint64_t seed, char **passes, int npasses, totals *t) {
    rng = seed * UINT64_C(0x9E3779B97F4A7C15) + 12345;
    for (int i = 0; i < 8; i++) next();
    make_world();
    bk_fn *plain = generate();
    char *text = NULL, err[200];
    size_t len = 0;
    FILE *m = open_memstream(&text, &len);
    if (!m) exit(3);
    bk_print(plain, m);
    fclose(m);
    must_verify(seed, plain, text, "generating");
    bk_fn *opt = bk_parse(text, err, sizeof err);
    if (!opt) complain(seed, err, text, plain);
    bk_optparams p = {.strip = 1 + below(5)};
    seed_now = seed;
    text_now = text;
    if (!npasses) bk_optimize(opt, &p, &t->st, after, NULL);
    for (int i = 0; i < npasses; i++) {
        if (bk_run_pass(opt, passes[i], &p, &t->st) == -1) exit(2);
        must_verify(seed, opt, text, passes[i]);
    }
    for (int w = 0; w < 4; w++) { /* other values for the same code */
        compare(seed, plain, opt, text, t);
        make_world();
    }
    bk_fn_free(opt);
    bk_fn_free(plain);
    free(text);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    uint64_t first = strtoull(argv[1], NULL, 10), n = strtoull(argv[2], NULL, 10);
    totals t = {0};
    for (uint64_t s = first; s < first + n; s++) one(s, argv + 3, argc - 3, &t);
    printf("same %u, earlier %u, skipped %u\n", t.same, t.earlier, t.skipped);
    printf("folded %u cse %u guards_removed %u hoisted %u ov_removed %u bounds_hoisted %u dead %u fpdeferred %u staged "
           "%u\n",
           t.st.folded, t.st.cse, t.st.guards_removed, t.st.hoisted, t.st.ov_removed, t.st.bounds_hoisted, t.st.dead,
           t.st.fpdeferred, t.st.staged);
    return 0;
}
