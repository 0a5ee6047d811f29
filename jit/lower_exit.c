/* Side exits: all of a region share one block with a phi for the exit number and one per column. A block of stores per
 * exit makes LLVM many times slower. */
#include "lower.h"
#include <stdlib.h>

static LLVMTypeRef column_type(bk_lw *L, bk_colclass c) {
    switch (c) {
    case BK_COL_PTR: return L->ptr;
    case BK_COL_F64: return L->f64;
    case BK_COL_F32: return L->f32;
    case BK_COL_I1: return L->i1;
    case BK_COL_I64: break;
    }
    return L->i64;
}

static void add_exit(bk_lw *L, bk_ref r) {
    bk_exits *x = &L->x;
    uint32_t snap = L->fn->ins[r].snap;
    if (snap == 0 || snap >= L->fn->nsnaps) {
        bk_lw_fail(L, "%%%u leaves by no snapshot", r);
        return;
    }
    if (x->snap_locs[snap] == BK_NONE) bk_cols_place(L, snap);
    if (!bk_lw_grow(L, (void **)&x->exits, x->nexits, &x->exitcap, sizeof *x->exits)) return;
    x->exit_of[r] = x->nexits;
    x->exits[x->nexits++] = (bk_exit){.snap = snap, .ins = r, .locs = x->snap_locs[snap]};
}

static void number_exits(bk_lw *L) {
    for (uint32_t k = 0; k < L->nrpo; k++) {
        const bk_block *bl = &L->fn->blocks[L->rpo[k]];
        for (uint32_t n = 0; n < bl->nins && !L->failed; n++) {
            const bk_ins *i = bk_lw_ins(L, bl->ins[n]);
            if (!i || i->op >= BK_NOPS || (i->flags & BK_F_DEAD)) continue;
            if (i->op == BK_EXIT || (bk_ops[i->op].flags & BK_OF_GUARD)) add_exit(L, bl->ins[n]);
        }
    }
}

static void make_exit_block(bk_lw *L) {
    bk_exits *x = &L->x;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(L->b);
    x->block = bk_lw_block(L, "exit");
    LLVMPositionBuilderAtEnd(L->b, x->block);
    x->number = LLVMBuildPhi(L->b, L->i32, L->named ? "exit.number" : "");
    for (uint32_t c = 0; c < x->ncols; c++)
        x->cols[c].phi = LLVMBuildPhi(L->b, column_type(L, x->cols[c].cls), L->named ? "col" : "");
    LLVMPositionBuilderAtEnd(L->b, here);
}

void bk_exits_plan(bk_lw *L) {
    bk_exits *x = &L->x;
    x->snap_locs = bk_lw_alloc(L, L->fn->nsnaps, sizeof *x->snap_locs);
    x->snap_values = bk_lw_alloc(L, L->fn->nsnaps, sizeof *x->snap_values);
    x->snap_nvalues = bk_lw_alloc(L, L->fn->nsnaps, sizeof *x->snap_nvalues);
    x->exit_of = bk_lw_alloc(L, L->fn->nins, sizeof *x->exit_of);
    x->placed_at = bk_lw_alloc(L, L->fn->nins, sizeof *x->placed_at);
    x->placed_col = bk_lw_alloc(L, L->fn->nins, sizeof *x->placed_col);
    if (L->failed) return;
    for (uint32_t k = 0; k < L->fn->nsnaps; k++) x->snap_locs[k] = BK_NONE;
    number_exits(L);
    if (!L->failed) make_exit_block(L);
}

static void add_edge(bk_lw *L, bk_ref r) {
    bk_exits *x = &L->x;
    if (bk_lw_grow(L, (void **)&x->edges, x->nedges, &x->edgecap, sizeof *x->edges))
        x->edges[x->nedges++] = (bk_exitedge){LLVMGetInsertBlock(L->b), x->exit_of[r]};
}

void bk_exit_unless(bk_lw *L, bk_ref r, LLVMValueRef ok) {
    add_edge(L, r);
    bk_lw_branch(L, ok, bk_lw_block(L, "ok"), L->x.block, L->weights_exit);
}

/* A guard on (a ? true : b), a being a range test of what is mostly in range: two branches, of which the first is well
 * predicted. One on both conditions would make each of them a value. */
void bk_exit_guard(bk_lw *L, bk_ref r, const bk_ins *i) {
    const bk_ins *c = &L->fn->ins[i->a];
    if (!(i->flags & BK_F_ONESIDED) || c->op != BK_SELECT || L->fn->ins[c->b].op != BK_K_I1) {
        bk_exit_unless(L, r, bk_lw_val(L, i->a));
        return;
    }
    LLVMBasicBlockRef rare = bk_lw_block(L, "rare"), on = bk_lw_block(L, "ok");
    LLVMValueRef other = bk_lw_val(L, c->c);
    bk_lw_branch(L, bk_lw_val(L, c->a), on, rare, L->weights_exit);
    LLVMPositionBuilderAtEnd(L->b, rare);
    bk_exit_unless(L, r, other);
    LLVMBuildBr(L->b, on);
    LLVMPositionBuilderAtEnd(L->b, on);
}

void bk_exit_jump(bk_lw *L, bk_ref r) {
    add_edge(L, r);
    LLVMBuildBr(L->b, L->x.block);
}

/* Does the condition come from a call that did something? Then failing on purpose would leave with that done, while the
 * snapshot says that it was not. */
static bool tests_effect(bk_lw *L, bk_ref r, int depth) {
    const bk_ins *i = r && r < L->fn->nins ? &L->fn->ins[r] : NULL;
    if (!i || !depth) return i != NULL;
    if (i->op == BK_REBOXF) return true;
    if (i->op == BK_CALL) {
        uint8_t e = i->imm >= 0 && i->imm < BK_NHELPERS ? L->o->helpers[i->imm].effect : (uint8_t)BK_E_UNKNOWN;
        return e != BK_E_PURE && e != BK_E_READ;
    }
    unsigned n = bk_ops[i->op].nargs;
    if (n == '*' || !(bk_ops[i->op].flags & BK_OF_PURE)) return false;
    return (n > 0 && tests_effect(L, i->a, depth - 1)) || (n > 1 && tests_effect(L, i->b, depth - 1)) ||
           (n > 2 && tests_effect(L, i->c, depth - 1));
}

static bool may_stress(bk_lw *L, bk_ref r) {
    const bk_ins *i = &L->fn->ins[r];
    if (L->fn->snaps[i->snap].kind == BK_SNAP_RAISE) return false;
    if (i->flags & BK_F_ONESIDED) return false;
    /* of several boxes made for one instruction the first are lost where there is no memory for the last */
    if ((i->op == BK_BOXI || i->op == BK_BOXF || i->op == BK_GUARD) && i->imm == BK_G_MEMORY) return false;
    if (i->op == BK_POLL || i->op == BK_GVALID || i->op == BK_NCALL) return false;
    return !(i->op == BK_GUARD && tests_effect(L, i->a, 4));
}

/* xorshift64 on the shared state */
static LLVMValueRef next_random(bk_lw *L) {
    static const struct {
        int by;
        bool left;
    } steps[3] = {{13, true}, {7, false}, {17, true}};
    LLVMValueRef p = bk_lw_kp(L, L->o->stress_state), s = LLVMBuildLoad2(L->b, L->i64, p, "");
    for (int k = 0; k < 3; k++) {
        LLVMValueRef n = bk_lw_ki(L, steps[k].by);
        s = LLVMBuildXor(L->b, s, steps[k].left ? LLVMBuildShl(L->b, s, n, "") : LLVMBuildLShr(L->b, s, n, ""), "");
    }
    LLVMBuildStore(L->b, s, p);
    return s;
}

void bk_exit_stress(bk_lw *L, bk_ref r) {
    if (!may_stress(L, r) || !L->o->stress_state) return;
    uint32_t n = L->o->stress_one_in ? L->o->stress_one_in : 1;
    LLVMValueRef high = LLVMBuildLShr(L->b, next_random(L), bk_lw_ki(L, 32), "");
    LLVMValueRef pick = LLVMBuildURem(L->b, high, bk_lw_ki(L, n), "");
    bk_exit_unless(L, r, LLVMBuildICmp(L->b, LLVMIntNE, pick, bk_lw_ki(L, 0), ""));
}

/* The one value a column has at all edges, or 0. */
static bk_ref same_everywhere(const bk_exits *x, const bk_ref *refs, uint32_t c) {
    bk_ref r = x->nedges ? refs[(size_t)x->exits[x->edges[0].exit].snap * x->ncols + c] : 0;
    for (uint32_t e = 1; e < x->nedges && r; e++)
        if (refs[(size_t)x->exits[x->edges[e].exit].snap * x->ncols + c] != r) return 0;
    return r;
}

static LLVMValueRef as_word(bk_lw *L, LLVMValueRef v, bk_colclass c) {
    if (c == BK_COL_I1) return LLVMBuildZExt(L->b, v, L->i64, "");
    if (c == BK_COL_F32) return LLVMBuildFPExt(L->b, v, L->f64, "");
    return v;
}

typedef struct {
    bk_ref *refs;     /* by snapshot and column */
    LLVMValueRef *in; /* by edge */
    LLVMBasicBlockRef *from;
    LLVMValueRef *store; /* by column: what to store */
} finish_tables;

static void fill_column(bk_lw *L, finish_tables *t, uint32_t c) {
    bk_exits *x = &L->x;
    bk_ref same = same_everywhere(x, t->refs, c);
    if (same) {
        t->store[c] = bk_lw_val(L, same);
        LLVMInstructionEraseFromParent(x->cols[c].phi);
        return;
    }
    LLVMValueRef none = LLVMGetPoison(column_type(L, x->cols[c].cls));
    for (uint32_t e = 0; e < x->nedges; e++) {
        bk_ref r = t->refs[(size_t)x->exits[x->edges[e].exit].snap * x->ncols + c];
        t->in[e] = r ? bk_lw_val(L, r) : none;
    }
    LLVMAddIncoming(x->cols[c].phi, t->in, t->from, x->nedges);
    t->store[c] = x->cols[c].phi;
}

static void fill_exit_block(bk_lw *L, finish_tables *t) {
    bk_exits *x = &L->x;
    for (uint32_t e = 0; e < x->nedges; e++) {
        t->in[e] = LLVMConstInt(L->i32, x->edges[e].exit, 0);
        t->from[e] = x->edges[e].from;
    }
    if (x->nedges) LLVMAddIncoming(x->number, t->in, t->from, x->nedges);
    for (uint32_t s = 0; s < L->fn->nsnaps; s++)
        for (uint32_t k = 0; k < x->snap_nvalues[s]; k++) {
            const bk_colvalue *v = &x->values[x->snap_values[s] + k];
            t->refs[(size_t)s * x->ncols + v->column] = v->ref;
        }
    for (uint32_t c = 0; c < x->ncols; c++) fill_column(L, t, c);
    LLVMPositionBuilderAtEnd(L->b, x->block);
    if (L->part) L->buf = bk_native_record(L);
    for (uint32_t c = 0; c < x->ncols; c++)
        bk_mem_put(L, as_word(L, t->store[c], x->cols[c].cls), L->buf, ((int64_t)L->fn->nxhome + c) * 8, BK_TAG_EXIT);
    if (L->part) bk_native_leave(L);
    else {
        if (L->passes)
            bk_mem_put(L, LLVMBuildLoad2(L->b, L->i64, L->passes, ""), L->ctx, offsetof(bk_ctx, passes), BK_TAG_EXIT);
        LLVMBuildRet(L->b, x->number);
    }
}

void bk_exits_finish(bk_lw *L) {
    bk_exits *x = &L->x;
    if (L->failed) return;
    if (!x->nedges && L->part) { /* a native function without a guard */
        LLVMDeleteBasicBlock(x->block);
        return;
    }
    if (!x->nedges) { /* a loop that is never left: nothing leads to the exit block */
        bk_lw_fail(L, "the function has no exit");
        return;
    }
    finish_tables t = {
        .refs = bk_lw_alloc(L, (size_t)L->fn->nsnaps * x->ncols, sizeof *t.refs),
        .in = bk_lw_alloc(L, x->nedges, sizeof *t.in),
        .from = bk_lw_alloc(L, x->nedges, sizeof *t.from),
        .store = bk_lw_alloc(L, x->ncols, sizeof *t.store),
    };
    if (!L->failed) fill_exit_block(L, &t);
    free(t.refs);
    free(t.in);
    free(t.from);
    free(t.store);
}

void bk_exits_free(bk_exits *x) {
    free(x->cols);
    free(x->snap_locs);
    free(x->snap_values);
    free(x->snap_nvalues);
    free(x->values);
    free(x->exits);
    free(x->exit_of);
    free(x->locs);
    free(x->consts);
    free(x->edges);
    free(x->colkeys.keys);
    free(x->colkeys.vals);
    free(x->constkeys.keys);
    free(x->constkeys.vals);
    free(x->placed_at);
    free(x->placed_col);
}
