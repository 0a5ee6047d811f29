/* Native functions: their signatures and calls, results with a word, and the records by which they leave.
 *
 * A native function gives { result, word }; the word tells which object the result is (jit/build_identity.c), or is
 * BK_WORD_LEFT when the function was left. Then it has put a record on the
 * record stack of the context (bk_ctx.records): the words of its exit columns and a last one that tells its number and
 * the exit's (bk_record_word). Callers leave in turn and put theirs above it. */
#include "lower.h"
#include <stddef.h>
#include <string.h>

static LLVMTypeRef result_type(bk_lw *L, LLVMTypeRef value) {
    LLVMTypeRef parts[2] = {value, L->ptr};
    return LLVMStructTypeInContext(L->cx, parts, 2, 0);
}

static const bk_ins *last_of(const bk_fn *fn, bk_blk b) {
    const bk_block *bl = &fn->blocks[b];
    return bl->nins ? &fn->ins[bl->ins[bl->nins - 1]] : NULL;
}

/* of the values it returns; a function that never does may have any */
static LLVMTypeRef returned(bk_lw *L, const bk_fn *fn) {
    for (bk_blk b = 0; b < fn->nblocks; b++) {
        const bk_ins *i = last_of(fn, b);
        if (i && i->op == BK_RET && i->a < fn->nins) return bk_lw_type(L, (bk_type)fn->ins[i->a].type);
    }
    return NULL;
}

/* what a caller takes the result for, where the function itself never returns */
static LLVMTypeRef expected(bk_lw *L, const bk_fn *fn, uint32_t number) {
    for (uint32_t r = 1; r < fn->nins; r++)
        if (fn->ins[r].op == BK_NCALL && fn->ins[r].imm == number) return bk_lw_type(L, (bk_type)fn->ins[r].type);
    return NULL;
}

/* the types that callers pass: a parameter that the function does not use is passed nevertheless */
static const bk_fn *find_call(const bk_lw *L, uint32_t number, const bk_ins **call) {
    for (uint32_t k = 0; k <= L->root->nbodies; k++) {
        const bk_fn *fn = k ? L->root->bodies[k - 1] : L->root;
        for (bk_blk b = 0; b < fn->nblocks; b++)
            for (uint32_t n = 0; n < fn->blocks[b].nins; n++) {
                const bk_ins *i = &fn->ins[fn->blocks[b].ins[n]];
                if (i->op != BK_NCALL || i->imm != number) continue;
                *call = i;
                return fn;
            }
    }
    return NULL;
}

static void declare(bk_lw *L, uint32_t number) {
    const bk_fn *fn = L->root->bodies[number];
    const bk_ins *call = NULL;
    const bk_fn *caller = find_call(L, number, &call);
    if (!caller) return; /* passes found that its calls are never reached */
    LLVMTypeRef types[32] = {L->ptr, L->i64}, value = returned(L, fn);
    unsigned n = 2;
    char name[32];
    for (uint32_t k = 1; k < call->b && n < 32; k++)
        types[n++] = bk_lw_type(L, (bk_type)caller->ins[caller->args[call->a + k]].type);
    if (!value) value = expected(L, caller, number);
    snprintf(name, sizeof name, "native.%u", number);
    L->native_type[number] = LLVMFunctionType(result_type(L, value ? value : L->i64), types, n, 0);
    LLVMValueRef f = L->native[number] = LLVMAddFunction(L->mod, name, L->native_type[number]);
    LLVMSetLinkage(f, LLVMInternalLinkage);
    LLVMSetFunctionCallConv(f, 8 /* fast */);
    bk_lw_unwindable(L, f);
    bk_lw_attr(L, f, 1, "nonnull", 0);
}

void bk_native_declare(bk_lw *L) {
    uint32_t n = L->root->nbodies;
    if (n == 0) return;
    L->native = bk_lw_alloc(L, n, sizeof *L->native);
    L->native_type = bk_lw_alloc(L, n, sizeof *L->native_type);
    for (uint32_t k = 0; k < n && !L->failed; k++) declare(L, k);
}

bool bk_native_called(const bk_lw *L) { return !L->part || L->native[L->part - 1]; }

void bk_native_begin(bk_lw *L) {
    L->f = L->native[L->part - 1];
    L->ctx = LLVMGetParam(L->f, 0);
    LLVMSetValueName2(L->ctx, "ctx", 3);
    LLVMPositionBuilderAtEnd(L->b, LLVMAppendBasicBlockInContext(L->cx, L->f, "entry"));
}

static LLVMValueRef context_word(bk_lw *L, LLVMTypeRef t, size_t offset) {
    LLVMValueRef v = bk_mem_get(L, t, L->ctx, (int64_t)offset, BK_A_CONST);
    LLVMSetMetadata(v, L->md_invariant, L->empty_md);
    return v;
}

/* The address of a variable of its own tells how deep the C stack is. */
static LLVMValueRef room(bk_lw *L) {
    LLVMBasicBlockRef at = LLVMGetInsertBlock(L->b), entry = LLVMGetEntryBasicBlock(L->f);
    LLVMPositionBuilderBefore(L->b, LLVMGetBasicBlockTerminator(entry));
    LLVMValueRef own = LLVMBuildAlloca(L->b, L->i8, "");
    LLVMPositionBuilderAtEnd(L->b, at);
    LLVMValueRef here = LLVMBuildPtrToInt(L->b, own, L->i64, "");
    return LLVMBuildICmp(L->b, LLVMIntUGT, here, context_word(L, L->i64, offsetof(bk_ctx, stack_limit)), "");
}

LLVMValueRef bk_native_arg(bk_lw *L, const bk_ins *i) {
    if (i->imm == BK_ARG_ROOM) return room(L);
    if (!L->part && i->imm == BK_ARG_LEFT) return context_word(L, L->i64, offsetof(bk_ctx, left));
    unsigned n = (unsigned)i->imm + 1;
    if (L->part && i->imm >= 0 && n < LLVMCountParams(L->f)) {
        LLVMValueRef v = LLVMGetParam(L->f, n);
        if (LLVMTypeOf(v) == bk_lw_type(L, (bk_type)i->type)) return v;
    }
    bk_lw_fail(L, "there is no parameter %lld", (long long)i->imm);
    return LLVMGetPoison(bk_lw_type(L, (bk_type)i->type));
}

static LLVMValueRef left_word(bk_lw *L) { return bk_lw_kp(L, (void *)(intptr_t)BK_WORD_LEFT); }

LLVMValueRef bk_native_call(bk_lw *L, bk_ref r, const bk_ins *i) {
    LLVMValueRef args[32] = {L->ctx};
    unsigned n = 1;
    LLVMTypeRef want = bk_lw_type(L, (bk_type)i->type);
    if (i->imm < 0 || i->imm >= L->root->nbodies || i->b > 31 || (uint64_t)i->a + i->b > L->fn->nargs) {
        bk_lw_fail(L, "a call of native function %lld", (long long)i->imm);
        return LLVMGetPoison(want);
    }
    for (uint32_t k = 0; k < i->b; k++) args[n++] = bk_lw_val(L, L->fn->args[i->a + k]);
    LLVMTypeRef types[32], ft = L->native_type[i->imm];
    bool fits = LLVMCountParamTypes(ft) == n;
    if (fits) LLVMGetParamTypes(ft, types);
    for (unsigned k = 0; fits && k < n; k++) fits = LLVMTypeOf(args[k]) == types[k];
    if (!fits || LLVMStructGetTypeAtIndex(LLVMGetReturnType(ft), 0) != want) {
        bk_lw_fail(L, "a call that does not fit native function %lld", (long long)i->imm);
        return LLVMGetPoison(want);
    }
    LLVMValueRef call = LLVMBuildCall2(L->b, ft, L->native[i->imm], args, n, "");
    LLVMSetInstructionCallConv(call, 8 /* fast */);
    LLVMValueRef word = LLVMBuildExtractValue(L->b, call, 1, "");
    bk_exit_unless(L, r, LLVMBuildICmp(L->b, LLVMIntNE, word, left_word(L), ""));
    return LLVMBuildExtractValue(L->b, call, 0, "");
}

/* the call's result is what bk_native_call took from the pair */
LLVMValueRef bk_native_word(bk_lw *L, const bk_ins *i) {
    LLVMValueRef result = bk_lw_val(L, i->a);
    if (L->fn->ins[i->a].op != BK_NCALL || !LLVMIsAExtractValueInst(result)) {
        bk_lw_fail(L, "a word of no native call");
        return LLVMGetPoison(L->ptr);
    }
    return LLVMBuildExtractValue(L->b, LLVMGetOperand(result, 0), 1, "");
}

void bk_native_return(bk_lw *L, const bk_ins *i) {
    LLVMTypeRef t = LLVMGetReturnType(LLVMGlobalGetValueType(L->f));
    LLVMValueRef v = bk_lw_val(L, i->a), pair = LLVMConstNull(t);
    if (!L->part || LLVMTypeOf(v) != LLVMStructGetTypeAtIndex(t, 0)) {
        bk_lw_fail(L, "a result that does not fit");
        return;
    }
    pair = LLVMBuildInsertValue(L->b, pair, v, 0, "");
    LLVMBuildRet(L->b, LLVMBuildInsertValue(L->b, pair, bk_lw_val(L, i->b), 1, ""));
}

LLVMValueRef bk_native_record(bk_lw *L) {
    return bk_mem_get(L, L->ptr, L->ctx, (int64_t)offsetof(bk_ctx, records), BK_TAG_EXIT);
}

void bk_native_leave(bk_lw *L) {
    int64_t size = (int64_t)L->x.ncols * 8;
    LLVMValueRef number = LLVMBuildZExt(L->b, L->x.number, L->i64, "");
    LLVMValueRef word = LLVMBuildOr(L->b, number, bk_lw_ki(L, (int64_t)(L->part - 1) << 32), "");
    bk_mem_put(L, word, L->buf, size, BK_TAG_EXIT);
    bk_mem_put(L, bk_mem_at(L, L->buf, size + 8), L->ctx, (int64_t)offsetof(bk_ctx, records), BK_TAG_EXIT);
    LLVMTypeRef t = LLVMGetReturnType(LLVMGlobalGetValueType(L->f));
    LLVMBuildRet(L->b, LLVMBuildInsertValue(L->b, LLVMConstNull(t), left_word(L), 1, ""));
}
