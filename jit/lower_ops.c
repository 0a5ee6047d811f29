/* Arithmetic, comparisons and conversions. */
#include "lower.h"

static LLVMValueRef icmp(bk_lw *L, LLVMIntPredicate p, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildICmp(L->b, p, a, b, "");
}

static LLVMValueRef overflowing(bk_lw *L, bk_ref r, const bk_ins *i, const char *name) {
    LLVMValueRef args[2] = {bk_lw_val(L, i->a), bk_lw_val(L, i->b)};
    LLVMValueRef both = bk_lw_intrinsic(L, name, L->i64, args, 2);
    LLVMValueRef v = LLVMBuildExtractValue(L->b, both, 0, "");
    bk_exit_unless(L, r, LLVMBuildNot(L->b, LLVMBuildExtractValue(L->b, both, 1, ""), ""));
    return v;
}

static LLVMValueRef wrapping(bk_lw *L, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a), b = bk_lw_val(L, i->b);
    LLVMValueRef v = i->op == BK_ADD   ? LLVMBuildAdd(L->b, a, b, "")
                     : i->op == BK_SUB ? LLVMBuildSub(L->b, a, b, "")
                                       : LLVMBuildMul(L->b, a, b, "");
    if ((i->flags & BK_F_NSW) && LLVMIsAInstruction(v)) LLVMSetNSW(v, 1);
    return v;
}

/* the exponent if b is a constant power of two, else -1 */
static int power_of_two(bk_lw *L, bk_ref b) {
    const bk_ins *i = bk_lw_ins(L, b);
    if (!i || i->op != BK_K_I64 || i->imm <= 0 || (i->imm & (i->imm - 1))) return -1;
    return __builtin_ctzll((unsigned long long)i->imm);
}

static bool const_divisor(bk_lw *L, bk_ref b) {
    const bk_ins *i = bk_lw_ins(L, b);
    return i && i->op == BK_K_I64 && i->imm != 0 && i->imm != -1;
}

/* Python's // and %: C's quotient and remainder, corrected when the remainder has not the divisor's sign. A divisor of
 * 0 or -1 is divided by 1 instead: then the operation can't trap, wherever a pass moves it (the result for 0 is
 * unused). */
static LLVMValueRef floor_divide(bk_lw *L, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a), b = bk_lw_val(L, i->b), d = b, zero = bk_lw_ki(L, 0), one = bk_lw_ki(L, 1);
    int k = power_of_two(L, i->b);
    if (k >= 0) {
        if (i->op == BK_IDIV) return LLVMBuildAShr(L->b, a, bk_lw_ki(L, k), "");
        return LLVMBuildAnd(L->b, a, bk_lw_ki(L, (int64_t)((UINT64_C(1) << k) - 1)), "");
    }
    bool safe = const_divisor(L, i->b);
    if (!safe) d = LLVMBuildSelect(L->b, icmp(L, LLVMIntULE, LLVMBuildAdd(L->b, b, one, ""), one), one, b, "");
    LLVMValueRef q = LLVMBuildSDiv(L->b, a, d, "");
    LLVMValueRef r = LLVMBuildSub(L->b, a, LLVMBuildMul(L->b, q, d, ""), "");
    LLVMValueRef differ = icmp(L, LLVMIntSLT, LLVMBuildXor(L->b, r, d, ""), zero);
    LLVMValueRef fix = LLVMBuildAnd(L->b, differ, icmp(L, LLVMIntNE, r, zero), "");
    if (i->op == BK_IMOD) return LLVMBuildAdd(L->b, r, LLVMBuildSelect(L->b, fix, d, zero, ""), "");
    q = LLVMBuildSub(L->b, q, LLVMBuildZExt(L->b, fix, L->i64, ""), "");
    if (safe) return q;
    return LLVMBuildSelect(L->b, icmp(L, LLVMIntEQ, b, bk_lw_ki(L, -1)), LLVMBuildNeg(L->b, a, ""), q, "");
}

static LLVMValueRef unsigned_divide(bk_lw *L, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a), b = bk_lw_val(L, i->b);
    LLVMValueRef d = LLVMBuildSelect(L->b, icmp(L, LLVMIntEQ, b, bk_lw_ki(L, 0)), bk_lw_ki(L, 1), b, "");
    return i->op == BK_UDIV ? LLVMBuildUDiv(L->b, a, d, "") : LLVMBuildURem(L->b, a, d, "");
}

/* the count is masked: free on x86, and a shift moved above its check is then still defined */
static LLVMValueRef shift(bk_lw *L, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a), n = LLVMBuildAnd(L->b, bk_lw_val(L, i->b), bk_lw_ki(L, 63), "");
    if (i->op == BK_SHL) return LLVMBuildShl(L->b, a, n, "");
    return i->op == BK_SAR ? LLVMBuildAShr(L->b, a, n, "") : LLVMBuildLShr(L->b, a, n, "");
}

static LLVMValueRef extend(bk_lw *L, const bk_ins *i) {
    LLVMTypeRef t = i->imm == 8 ? L->i8 : i->imm == 16 ? L->i16 : i->imm == 32 ? L->i32 : NULL;
    if (!t) {
        bk_lw_fail(L, "extension of %lld bits", (long long)i->imm);
        return NULL;
    }
    LLVMValueRef low = LLVMBuildTrunc(L->b, bk_lw_val(L, i->a), t, "");
    return i->op == BK_SEXT ? LLVMBuildSExt(L->b, low, L->i64, "") : LLVMBuildZExt(L->b, low, L->i64, "");
}

static LLVMValueRef bit_count(bk_lw *L, const bk_ins *i) {
    LLVMValueRef args[2] = {bk_lw_val(L, i->a), LLVMConstInt(L->i1, 0, 0)};
    if (i->op == BK_POPCNT) return bk_lw_intrinsic(L, "llvm.ctpop", L->i64, args, 1);
    return bk_lw_intrinsic(L, i->op == BK_CTZ ? "llvm.cttz" : "llvm.ctlz", L->i64, args, 2);
}

static LLVMValueRef integer(bk_lw *L, bk_ref r, const bk_ins *i) {
    switch (i->op) {
    case BK_ADD:
    case BK_SUB:
    case BK_MUL: return wrapping(L, i);
    case BK_ADDOV: return overflowing(L, r, i, "llvm.sadd.with.overflow");
    case BK_SUBOV: return overflowing(L, r, i, "llvm.ssub.with.overflow");
    case BK_MULOV: return overflowing(L, r, i, "llvm.smul.with.overflow");
    case BK_IDIV:
    case BK_IMOD: return floor_divide(L, i);
    case BK_UDIV:
    case BK_UREM: return unsigned_divide(L, i);
    case BK_AND: return LLVMBuildAnd(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    case BK_OR: return LLVMBuildOr(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    case BK_XOR: return LLVMBuildXor(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    case BK_SHL:
    case BK_SAR:
    case BK_SHR: return shift(L, i);
    case BK_SEXT:
    case BK_ZEXT: return extend(L, i);
    case BK_CTZ:
    case BK_CLZ:
    case BK_POPCNT: return bit_count(L, i);
    default: return NULL;
    }
}

static LLVMValueRef unary_float(bk_lw *L, const bk_ins *i, const char *name) {
    LLVMValueRef a = bk_lw_val(L, i->a);
    return bk_lw_intrinsic(L, name, LLVMTypeOf(a), &a, 1);
}

/* LLVM takes the sign of a NaN for unspecified and moves negations through products; Python shows it (copysign,
 * struct). It does not look through a fence. */
static LLVMValueRef fence(bk_lw *L, LLVMValueRef v) {
    return bk_lw_intrinsic(L, "llvm.arithmetic.fence", LLVMTypeOf(v), &v, 1);
}

/* a factor or divisor; by -1.0 is no negation either */
static LLVMValueRef factor(bk_lw *L, bk_ref r) {
    const bk_ins *k = &L->fn->ins[r];
    LLVMValueRef v = bk_lw_val(L, r);
    return k->op == BK_K_F64 && (uint64_t)k->imm == 0xbff0000000000000u ? fence(L, v) : v;
}

static LLVMValueRef floating(bk_lw *L, const bk_ins *i) {
    switch (i->op) {
    case BK_FADD: return LLVMBuildFAdd(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    case BK_FSUB: return LLVMBuildFSub(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    case BK_FMUL: return LLVMBuildFMul(L->b, factor(L, i->a), factor(L, i->b), "");
    case BK_FDIV: return LLVMBuildFDiv(L->b, factor(L, i->a), factor(L, i->b), "");
    case BK_FNEG: return fence(L, LLVMBuildFNeg(L->b, fence(L, bk_lw_val(L, i->a)), ""));
    case BK_FABS: return unary_float(L, i, "llvm.fabs");
    case BK_FSQRT: return unary_float(L, i, "llvm.sqrt");
    case BK_FFLOOR: return unary_float(L, i, "llvm.floor");
    case BK_FCEIL: return unary_float(L, i, "llvm.ceil");
    case BK_FTRUNC: return unary_float(L, i, "llvm.trunc");
    case BK_FRINT: return unary_float(L, i, "llvm.roundeven");
    case BK_FCOPYSIGN: {
        LLVMValueRef args[2] = {bk_lw_val(L, i->a), bk_lw_val(L, i->b)};
        return bk_lw_intrinsic(L, "llvm.copysign", LLVMTypeOf(args[0]), args, 2);
    }
    default: return NULL;
    }
}

static LLVMValueRef conversion(bk_lw *L, const bk_ins *i) {
    switch (i->op) {
    case BK_I2F: return LLVMBuildSIToFP(L->b, bk_lw_val(L, i->a), L->f64, "");
    case BK_U2F: return LLVMBuildUIToFP(L->b, bk_lw_val(L, i->a), L->f64, "");
    case BK_I2S: return LLVMBuildSIToFP(L->b, bk_lw_val(L, i->a), L->f32, "");
    case BK_F2I: return LLVMBuildFPToSI(L->b, bk_lw_val(L, i->a), L->i64, "");
    case BK_F2S: return LLVMBuildFPTrunc(L->b, bk_lw_val(L, i->a), L->f32, "");
    case BK_S2F: return LLVMBuildFPExt(L->b, bk_lw_val(L, i->a), L->f64, "");
    case BK_B2I: return LLVMBuildZExt(L->b, bk_lw_val(L, i->a), L->i64, "");
    case BK_FBITS: return LLVMBuildBitCast(L->b, bk_lw_val(L, i->a), L->i64, "");
    case BK_BITSF: return LLVMBuildBitCast(L->b, bk_lw_val(L, i->a), L->f64, "");
    case BK_P2I: return LLVMBuildPtrToInt(L->b, bk_lw_val(L, i->a), L->i64, "");
    case BK_I2P: return LLVMBuildIntToPtr(L->b, bk_lw_val(L, i->a), L->ptr, "");
    default: return NULL;
    }
}

static LLVMValueRef is_finite(bk_lw *L, const bk_ins *i) {
    LLVMValueRef a = bk_lw_val(L, i->a);
    LLVMValueRef mag = bk_lw_intrinsic(L, "llvm.fabs", LLVMTypeOf(a), &a, 1);
    LLVMValueRef inf = LLVMConstReal(LLVMTypeOf(a), __builtin_inf());
    return LLVMBuildFCmp(L->b, LLVMRealOLT, mag, inf, "");
}

static LLVMValueRef comparison(bk_lw *L, const bk_ins *i) {
    static const LLVMIntPredicate ints[] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntSLT, LLVMIntSLE,
                                            LLVMIntSGT, LLVMIntSGE, LLVMIntULT, LLVMIntULE};
    static const LLVMRealPredicate reals[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT,
                                              LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    if (i->op >= BK_EQ && i->op <= BK_ULE) return icmp(L, ints[i->op - BK_EQ], bk_lw_val(L, i->a), bk_lw_val(L, i->b));
    if (i->op >= BK_FEQ && i->op <= BK_FGE)
        return LLVMBuildFCmp(L->b, reals[i->op - BK_FEQ], bk_lw_val(L, i->a), bk_lw_val(L, i->b), "");
    switch (i->op) {
    case BK_FFINITE: return is_finite(L, i);
    case BK_NOT: return LLVMBuildNot(L->b, bk_lw_val(L, i->a), "");
    case BK_SELECT: return LLVMBuildSelect(L->b, bk_lw_val(L, i->a), bk_lw_val(L, i->b), bk_lw_val(L, i->c), "");
    default: return NULL;
    }
}
_Static_assert(BK_ULE - BK_EQ == 7 && BK_FGE - BK_FEQ == 5,
               "the tables in comparison() follow the order of the operations");

static LLVMValueRef pointer_add(bk_lw *L, const bk_ins *i) {
    LLVMValueRef n = bk_lw_val(L, i->b);
    return LLVMBuildGEP2(L->b, L->i8, bk_lw_val(L, i->a), &n, 1, "");
}

/* a variable of the stack frame, or registers if all that is done to it has become vectors */
static LLVMValueRef stage(bk_lw *L) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(L->b), entry = LLVMGetEntryBasicBlock(L->f);
    LLVMPositionBuilderBefore(L->b, LLVMGetFirstInstruction(entry));
    LLVMValueRef v = LLVMBuildAlloca(L->b, LLVMArrayType2(L->i8, BK_STAGE_BYTES), "");
    LLVMSetAlignment(v, 64);
    LLVMPositionBuilderAtEnd(L->b, here);
    return v;
}

LLVMValueRef bk_lower_op(bk_lw *L, bk_ref r, const bk_ins *i) {
    LLVMValueRef v = integer(L, r, i);
    if (!v) v = floating(L, i);
    if (!v) v = conversion(L, i);
    if (!v) v = comparison(L, i);
    if (!v && i->op == BK_PADD) v = pointer_add(L, i);
    if (!v && i->op == BK_UNDOLOG) v = bk_lw_kp(L, (const char *)L->o->undo_log + i->imm);
    if (!v && i->op == BK_STAGE) v = stage(L);
    if (!v) bk_lw_fail(L, "%%%u (%s) is not supported", r, bk_ops[i->op].name);
    return v;
}
