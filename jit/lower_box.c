/* References, boxes, type guards, and what looks at the interpreter's state. */
#include "lower.h"
#include <stddef.h>

static LLVMValueRef is_null(bk_lw *L, LLVMValueRef p) { return LLVMBuildIsNull(L->b, p, ""); }

/* Opens a part that is skipped when p is NULL; gives the block behind it. */
static LLVMBasicBlockRef skip_null(bk_lw *L, LLVMValueRef p, bool maybe_null) {
    LLVMBasicBlockRef done = bk_lw_block(L, "ref.done");
    if (!maybe_null) return done;
    LLVMBasicBlockRef body = bk_lw_block(L, "ref.some");
    LLVMBuildCondBr(L->b, is_null(L, p), done, body);
    LLVMPositionBuilderAtEnd(L->b, body);
    return done;
}

static void close_part(bk_lw *L, LLVMBasicBlockRef done) {
    LLVMBuildBr(L->b, done);
    LLVMMoveBasicBlockAfter(done, LLVMGetInsertBlock(L->b));
    LLVMPositionBuilderAtEnd(L->b, done);
}

void bk_box_incref(bk_lw *L, const bk_ins *i, bool maybe_null) {
    const bk_layout *y = L->o->layout;
    LLVMValueRef p = bk_lw_val(L, i->a), zero = LLVMConstInt(L->i32, 0, 0);
    LLVMBasicBlockRef done = skip_null(L, p, maybe_null), mortal = bk_lw_block(L, "ref.up");
    LLVMValueRef n = bk_mem_get(L, L->i32, p, y->refcnt, BK_A_REFCNT);
    LLVMValueRef up = LLVMBuildAdd(L->b, n, LLVMConstInt(L->i32, 1, 0), "");
    LLVMValueRef immortal =
        y->immortal ? LLVMBuildICmp(L->b, LLVMIntSLT, n, zero, "") : LLVMBuildICmp(L->b, LLVMIntEQ, up, zero, "");
    LLVMBuildCondBr(L->b, immortal, done, mortal);
    LLVMPositionBuilderAtEnd(L->b, mortal);
    bk_mem_put(L, up, p, y->refcnt, BK_A_REFCNT);
    close_part(L, done);
}

/* Immortal counts are negative as int32 in all versions; 0 frees. */
static void decref(bk_lw *L, const bk_ins *i, bool maybe_null, bk_helper dealloc, unsigned lives) {
    const bk_layout *y = L->o->layout;
    LLVMValueRef p = bk_lw_val(L, i->a), zero = LLVMConstInt(L->i32, 0, 0);
    LLVMBasicBlockRef done = skip_null(L, p, maybe_null), mortal = bk_lw_block(L, "ref.down");
    LLVMBasicBlockRef last = bk_lw_block(L, "ref.free");
    LLVMValueRef n = bk_mem_get(L, L->i32, p, y->refcnt, BK_A_REFCNT);
    LLVMBuildCondBr(L->b, LLVMBuildICmp(L->b, LLVMIntSLT, n, zero, ""), done, mortal);
    LLVMPositionBuilderAtEnd(L->b, mortal);
    LLVMValueRef down = LLVMBuildSub(L->b, n, LLVMConstInt(L->i32, 1, 0), "");
    bk_mem_put(L, down, p, y->refcnt, BK_A_REFCNT);
    LLVMValueRef weights = bk_lw_weights(L, 1, lives);
    bk_lw_branch(L, LLVMBuildICmp(L->b, LLVMIntEQ, down, zero, ""), last, done, weights);
    bk_call_helper(L, dealloc, &p, 1);
    close_part(L, done);
}

void bk_box_decref(bk_lw *L, const bk_ins *i, bool maybe_null, bool number) {
    decref(L, i, maybe_null, number ? BK_H_dealloc_num : BK_H_dealloc, number ? 4 : 32);
}
void bk_box_decref_quiet(bk_lw *L, const bk_ins *i) { decref(L, i, false, BK_H_dealloc_quiet, 2); }

LLVMValueRef bk_box_new(bk_lw *L, bk_ref r, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a);
    LLVMValueRef p = bk_call_helper(L, i->op == BK_BOXF ? BK_H_box_f64 : BK_H_box_i64, &a, 1);
    bk_exit_unless(L, r, LLVMBuildIsNotNull(L->b, p, ""));
    return p;
}

LLVMValueRef bk_box_bool(bk_lw *L, const bk_ins *i) {
    const bk_layout *y = L->o->layout;
    return LLVMBuildSelect(L->b, bk_lw_val(L, i->a), bk_lw_kp(L, y->true_obj), bk_lw_kp(L, y->false_obj), "");
}

LLVMValueRef bk_box_unboxf(bk_lw *L, const bk_ins *i) {
    return bk_mem_get(L, L->f64, bk_lw_val(L, i->a), L->o->layout->float_value, BK_A_FLOAT);
}

/* (1 - (tag & 3)) * digit */
static LLVMValueRef compact_value(bk_lw *L, LLVMValueRef p, LLVMValueRef tag) {
    LLVMValueRef digit = bk_mem_get(L, L->i32, p, L->o->layout->long_digits, BK_A_CONST);
    LLVMValueRef sign = LLVMBuildNSWSub(L->b, bk_lw_ki(L, 1), LLVMBuildAnd(L->b, tag, bk_lw_ki(L, 3), ""), "");
    return LLVMBuildNSWMul(L->b, sign, LLVMBuildZExt(L->b, digit, L->i64, ""), "");
}

LLVMValueRef bk_box_unboxi(bk_lw *L, bk_ref r, const bk_ins *i) {
    const bk_layout *y = L->o->layout;
    LLVMValueRef p = bk_lw_val(L, i->a), v[2];
    LLVMBasicBlockRef from[2], fast = bk_lw_block(L, "int.compact"), slow = bk_lw_block(L, "int.long");
    LLVMBasicBlockRef done = bk_lw_block(L, "int.done");
    LLVMValueRef tag = bk_mem_get(L, L->i64, p, y->long_tag, BK_A_CONST);
    LLVMValueRef small = LLVMBuildICmp(L->b, LLVMIntULT, tag, bk_lw_ki(L, y->long_compact), "");
    bk_lw_branch(L, small, fast, slow, bk_lw_weights(L, 64, 1));
    v[0] = compact_value(L, p, tag);
    from[0] = LLVMGetInsertBlock(L->b);
    LLVMBuildBr(L->b, done);
    LLVMPositionBuilderAtEnd(L->b, slow);
    bk_exit_unless(L, r, bk_call_helper(L, BK_H_unbox_i64_ok, &p, 1));
    v[1] = bk_call_helper(L, BK_H_unbox_i64, &p, 1);
    from[1] = LLVMGetInsertBlock(L->b);
    close_part(L, done);
    LLVMValueRef phi = LLVMBuildPhi(L->b, L->i64, "");
    LLVMAddIncoming(phi, v, from, 2);
    return phi;
}

LLVMValueRef bk_box_refill(bk_lw *L, const bk_ins *i) {
    const bk_layout *y = L->o->layout;
    LLVMValueRef p = bk_lw_val(L, i->a), v = bk_lw_val(L, i->b);
    LLVMBasicBlockRef own = bk_lw_block(L, "refill"), done = bk_lw_block(L, "refill.done");
    LLVMValueRef n = bk_mem_get(L, L->i32, p, y->refcnt, BK_A_REFCNT);
    LLVMValueRef only = LLVMBuildICmp(L->b, LLVMIntEQ, n, LLVMConstInt(L->i32, 1, 0), "");
    bk_lw_branch(L, only, own, done, bk_lw_weights(L, 64, 1));
    bk_mem_put(L, v, p, y->float_value, BK_A_FLOAT);
    close_part(L, done);
    return only;
}

void bk_box_gtype(bk_lw *L, bk_ref r, const bk_ins *i) {
    LLVMValueRef t = bk_mem_get(L, L->ptr, bk_lw_val(L, i->a), L->o->layout->type, BK_A_TYPE);
    LLVMValueRef want = bk_lw_kp(L, (const void *)(intptr_t)i->imm);
    bk_exit_unless(L, r, LLVMBuildICmp(L->b, LLVMIntEQ, t, want, ""));
}

/* a field of the context that does not change while the region runs */
static LLVMValueRef context(bk_lw *L, size_t offset) {
    LLVMValueRef v = bk_mem_get(L, L->ptr, L->ctx, (int64_t)offset, BK_A_CONST);
    LLVMSetMetadata(v, L->md_invariant, L->empty_md);
    return v;
}

/* Others write these words at any time: volatile keeps the test where it is, without ordering other accesses. */
static LLVMValueRef volatile_word(bk_lw *L, LLVMTypeRef t, LLVMValueRef at) {
    LLVMValueRef v = bk_mem_get(L, t, at, 0, BK_A_STATE);
    LLVMSetVolatile(v, 1);
    return v;
}

/* does a poll in this loop stand for a chunk of a strip-mined one? */
static bool of_chunks(const bk_lw *L, uint32_t loop) {
    for (uint32_t h = 0; loop && h < L->fn->nblocks; h++)
        if (L->fn->blocks[h].most && L->parent[h] == loop) return true;
    return false;
}

/* is the poll that of a back edge to the region's head? It may be that of a peeled iteration, or of an inner loop's */
static bool at_head(const bk_lw *L, bk_ref r) {
    const bk_snap *sn = &L->fn->snaps[L->fn->ins[r].snap];
    const bk_sframe *sf = &L->fn->sframes[sn->frame];
    return sn->nframes == 1 && sf->code == 0 && sf->resume == L->root->head;
}

/* The counter is a variable of the stack frame, which LLVM makes a register. */
static void count_pass(bk_lw *L, bk_blk b, bk_ref r) {
    if (!L->passes || !at_head(L, r)) return;
    LLVMValueRef n = LLVMBuildLoad2(L->b, L->i64, L->passes, "");
    n = of_chunks(L, L->loop[b]) ? LLVMBuildOr(L->b, n, bk_lw_ki(L, BK_PASSES_MANY), "")
                                 : LLVMBuildAdd(L->b, n, bk_lw_ki(L, 1), "");
    LLVMBuildStore(L->b, n, L->passes);
}

void bk_box_poll(bk_lw *L, bk_blk b, bk_ref r) {
    count_pass(L, b, r);
    const bk_layout *y = L->o->layout;
    bool low = y->breaker_mask == 0xff; /* one byte of a little-endian word: a compare with memory, no register */
    LLVMTypeRef t = low ? L->i8 : y->breaker_bytes == 4 ? L->i32 : L->i64;
    LLVMValueRef w = volatile_word(L, t, context(L, offsetof(bk_ctx, breaker)));
    if (!low) w = LLVMBuildAnd(L->b, w, LLVMConstInt(t, y->breaker_mask, 0), "");
    bk_exit_unless(L, r, LLVMBuildICmp(L->b, LLVMIntEQ, w, LLVMConstInt(t, 0, 0), ""));
}

void bk_box_gvalid(bk_lw *L, bk_ref r) {
    if (!L->o->valid) bk_lw_fail(L, "guard.valid without a word to test");
    LLVMValueRef w = volatile_word(L, L->i32, bk_lw_kp(L, L->o->valid));
    bk_exit_unless(L, r, LLVMBuildICmp(L->b, LLVMIntNE, w, LLVMConstInt(L->i32, 0, 0), ""));
}

void bk_box_setip(bk_lw *L, const bk_ins *i) {
    LLVMValueRef base = context(L, offsetof(bk_ctx, code_base));
    LLVMValueRef at = bk_mem_at(L, base, i->imm + L->o->layout->ip_add);
    bk_mem_put(L, at, context(L, offsetof(bk_ctx, ip)), 0, BK_A_STATE);
}
