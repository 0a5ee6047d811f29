/* Folding: constants, exact identities, canonical forms, trivial phis, branches on constants.
 *
 * Nothing here looks further than an instruction's operands. Float rules are those that give the same bits for every
 * operand (x + 0.0 is not one: -0.0). Compares come out as LT, LE (never GT, GE), constants as the second operand, so
 * that later passes have fewer forms to know. */
#include "opt.h"
#include <math.h>
#include <string.h>

#define IN(r) (&f->ins[r])

static double kf_value(const bk_fn *f, bk_ref r) {
    double d;
    memcpy(&d, &f->ins[r].imm, sizeof d);
    return d;
}
static float ks_value(const bk_fn *f, bk_ref r) {
    float d;
    uint32_t bits = (uint32_t)f->ins[r].imm;
    memcpy(&d, &bits, sizeof d);
    return d;
}
static bk_ref k_f32(bk_fn *f, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bk_k(f, BK_K_F32, bits);
}
static bool ki_is(const bk_fn *f, bk_ref r, int64_t v) { return bk_is_ki(f, r) && f->ins[r].imm == v; }
static bool kb_is(const bk_fn *f, bk_ref r, bool v) { return f->ins[r].op == BK_K_I1 && f->ins[r].imm == v; }
static bool kf_is(const bk_fn *f, bk_ref r, double v) {
    return f->ins[r].op == BK_K_F64 && memcmp(&f->ins[r].imm, &v, sizeof v) == 0;
}
/* n when r is the constant 2^n */
static int log2_of(const bk_fn *f, bk_ref r) {
    int64_t v = bk_is_ki(f, r) ? f->ins[r].imm : 0;
    return v > 0 && (v & (v - 1)) == 0 ? __builtin_ctzll((uint64_t)v) : -1;
}
static bk_ref become(bk_fn *f, bk_ref r, bk_op op, bk_ref a, bk_ref b) {
    IN(r)->op = (uint8_t)op;
    IN(r)->a = a;
    IN(r)->b = b;
    return r;
}

/* ---- constants ---------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

static bool eval_int(bk_op op, int64_t a, int64_t b, int64_t *out) {
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (op) {
    case BK_ADD: *out = (int64_t)(x + y); return true;
    case BK_SUB: *out = (int64_t)(x - y); return true;
    case BK_MUL: *out = (int64_t)(x * y); return true;
    case BK_ADDOV: return !__builtin_add_overflow(a, b, out);
    case BK_SUBOV: return !__builtin_sub_overflow(a, b, out);
    case BK_MULOV: return !__builtin_mul_overflow(a, b, out);
    case BK_IDIV:
        if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
        *out = floor_div(a, b);
        return true;
    case BK_IMOD:
        if (b == 0 || b == -1) {
            *out = 0;
            return b != 0;
        }
        *out = a - floor_div(a, b) * b;
        return true;
    case BK_UDIV: return y ? (*out = (int64_t)(x / y), true) : false;
    case BK_UREM: return y ? (*out = (int64_t)(x % y), true) : false;
    case BK_AND: *out = a & b; return true;
    case BK_OR: *out = a | b; return true;
    case BK_XOR: *out = a ^ b; return true;
    case BK_SHL: return y < 64 ? (*out = (int64_t)(x << y), true) : false;
    case BK_SHR: return y < 64 ? (*out = (int64_t)(x >> y), true) : false;
    case BK_SAR: return y < 64 ? (*out = a >> y, true) : false;
    default: return false;
    }
}

static int eval_compare(bk_op op, int64_t a, int64_t b) {
    switch (op) {
    case BK_EQ: return a == b;
    case BK_NE: return a != b;
    case BK_LT: return a < b;
    case BK_LE: return a <= b;
    case BK_GT: return a > b;
    case BK_GE: return a >= b;
    case BK_ULT: return (uint64_t)a < (uint64_t)b;
    case BK_ULE: return (uint64_t)a <= (uint64_t)b;
    default: return -1;
    }
}

static int eval_fcompare(bk_op op, double a, double b) {
    switch (op) {
    case BK_FEQ: return a == b;
    case BK_FNE: return a != b;
    case BK_FLT: return a < b;
    case BK_FLE: return a <= b;
    case BK_FGT: return a > b;
    case BK_FGE: return a >= b;
    default: return -1;
    }
}

static bool eval_f64(bk_op op, double a, double b, double *out) {
    switch (op) {
    case BK_FADD: *out = a + b; return true;
    case BK_FSUB: *out = a - b; return true;
    case BK_FMUL: *out = a * b; return true;
    case BK_FDIV: *out = a / b; return true;
    case BK_FCOPYSIGN: *out = copysign(a, b); return true;
    case BK_FNEG: *out = -a; return true;
    case BK_FABS: *out = fabs(a); return true;
    case BK_FSQRT: *out = sqrt(a); return true;
    case BK_FFLOOR: *out = floor(a); return true;
    case BK_FCEIL: *out = ceil(a); return true;
    case BK_FTRUNC: *out = trunc(a); return true;
    default: return false;
    }
}

static int64_t extend(bk_op op, int64_t v, int64_t bits) {
    if (bits >= 64 || bits <= 0) return v;
    uint64_t x = (uint64_t)v << (64 - bits);
    return op == BK_SEXT ? (int64_t)x >> (64 - bits) : (int64_t)(x >> (64 - bits));
}

static bk_ref fold_conversion(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    int64_t v = IN(in.a)->imm;
    switch (in.op) {
    case BK_SEXT:
    case BK_ZEXT: return bk_ki(f, extend((bk_op)in.op, v, in.imm));
    case BK_CTZ: return v ? bk_ki(f, __builtin_ctzll((uint64_t)v)) : 0;
    case BK_CLZ: return v ? bk_ki(f, __builtin_clzll((uint64_t)v)) : 0;
    case BK_POPCNT: return bk_ki(f, __builtin_popcountll((uint64_t)v));
    case BK_I2F: return bk_kf(f, (double)v);
    case BK_U2F: return bk_kf(f, (double)(uint64_t)v);
    case BK_I2S: return k_f32(f, (float)v);
    case BK_BITSF: return bk_k(f, BK_K_F64, v);
    case BK_FBITS: return bk_ki(f, v);
    case BK_B2I: return bk_ki(f, v != 0);
    case BK_NOT: return bk_kb(f, !v);
    case BK_P2I: return bk_ki(f, v);
    case BK_I2P: return bk_k(f, BK_K_PTR, v);
    case BK_F2S: return k_f32(f, (float)kf_value(f, in.a));
    case BK_S2F: return bk_kf(f, (double)ks_value(f, in.a));
    case BK_F2I: {
        double d = kf_value(f, in.a);
        return d > -9.2e18 && d < 9.2e18 ? bk_ki(f, (int64_t)d) : 0;
    }
    case BK_FFINITE: return bk_kb(f, isfinite(IN(in.a)->op == BK_K_F64 ? kf_value(f, in.a) : ks_value(f, in.a)));
    default: return 0;
    }
}

/* all operands are constants */
static bk_ref fold_constants(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    uint8_t n = bk_ops[in.op].nargs;
    if (n < 1 || n > 2 || !bk_is_const(f, in.a) || (n == 2 && !bk_is_const(f, in.b))) return 0;
    uint8_t t = IN(in.a)->type;
    if (t == BK_F || t == BK_S) {
        if (n == 2) {
            double a = t == BK_F ? kf_value(f, in.a) : ks_value(f, in.a);
            double b = t == BK_F ? kf_value(f, in.b) : ks_value(f, in.b);
            int c = eval_fcompare((bk_op)in.op, a, b);
            if (c >= 0) return bk_kb(f, c);
        }
        double d;
        if (t == BK_F && eval_f64((bk_op)in.op, kf_value(f, in.a), n == 2 ? kf_value(f, in.b) : 0, &d))
            return bk_kf(f, d);
        return n == 1 ? fold_conversion(f, r) : 0;
    }
    if (n == 1) return fold_conversion(f, r);
    int64_t v;
    int c = eval_compare((bk_op)in.op, IN(in.a)->imm, IN(in.b)->imm);
    if (c >= 0) return bk_kb(f, c);
    if (in.op == BK_PADD) return bk_k(f, BK_K_PTR, (int64_t)((uint64_t)IN(in.a)->imm + (uint64_t)IN(in.b)->imm));
    if (in.type != BK_I && in.type != BK_1) return 0;
    if (!eval_int((bk_op)in.op, IN(in.a)->imm, IN(in.b)->imm, &v)) return 0;
    return in.type == BK_1 ? bk_kb(f, v) : bk_ki(f, v);
}

/* ---- identities --------------------------------------------------------------------------------------------- */

/* (x + c1) + c2: one addition, still exact when neither step wraps and both go the same way */
static bk_ref fold_add_chain(bk_fn *f, bk_ref r) {
    bk_ins in = *IN(r);
    const bk_ins x = *IN(in.a);
    if (in.op != BK_ADD || x.op != BK_ADD || !bk_is_ki(f, in.b) || !bk_is_ki(f, x.b)) return 0;
    int64_t c1 = IN(x.b)->imm, c2 = IN(in.b)->imm;
    bool nsw = (in.flags & BK_F_NSW) && (x.flags & BK_F_NSW) && ((c1 < 0) == (c2 < 0));
    bk_ref k = bk_ki(f, (int64_t)((uint64_t)c1 + (uint64_t)c2));
    if (!nsw) IN(r)->flags &= (uint8_t)~BK_F_NSW;
    int64_t sum;
    if (__builtin_add_overflow(c1, c2, &sum)) IN(r)->flags &= (uint8_t)~BK_F_NSW;
    return become(f, r, BK_ADD, x.a, k);
}

static bk_ref fold_int(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    int n;
    switch (in.op) {
    case BK_ADD:
    case BK_ADDOV:
        if (ki_is(f, in.b, 0)) return in.a;
        return fold_add_chain(f, r);
    case BK_SUB:
    case BK_SUBOV:
        if (ki_is(f, in.b, 0)) return in.a;
        if (in.a == in.b) return bk_ki(f, 0);
        if (bk_is_ki(f, in.b) && IN(in.b)->imm != INT64_MIN)
            return become(f, r, in.op == BK_SUB ? BK_ADD : BK_ADDOV, in.a, bk_ki(f, -IN(in.b)->imm));
        return 0;
    case BK_MUL:
    case BK_MULOV:
        if (ki_is(f, in.b, 0)) return in.b;
        return ki_is(f, in.b, 1) ? in.a : 0;
    case BK_IDIV:
        if (ki_is(f, in.b, 1)) return in.a;
        return (n = log2_of(f, in.b)) > 0 ? become(f, r, BK_SAR, in.a, bk_ki(f, n)) : 0;
    case BK_IMOD:
        if (ki_is(f, in.b, 1) || ki_is(f, in.b, -1)) return bk_ki(f, 0);
        return log2_of(f, in.b) > 0 ? become(f, r, BK_AND, in.a, bk_ki(f, IN(in.b)->imm - 1)) : 0;
    case BK_UDIV:
        if (ki_is(f, in.b, 1)) return in.a;
        return (n = log2_of(f, in.b)) > 0 ? become(f, r, BK_SHR, in.a, bk_ki(f, n)) : 0;
    case BK_UREM:
        if (ki_is(f, in.b, 1)) return bk_ki(f, 0);
        return log2_of(f, in.b) > 0 ? become(f, r, BK_AND, in.a, bk_ki(f, IN(in.b)->imm - 1)) : 0;
    case BK_SHL:
    case BK_SAR:
    case BK_SHR: return ki_is(f, in.b, 0) ? in.a : 0;
    default: return 0;
    }
}

/* bits that r may have set, as far as its own op tells */
static uint64_t may_bits(const bk_fn *f, bk_ref r) {
    const bk_ins *in = IN(r);
    if (in->op == BK_ZEXT && in->imm < 64) return (UINT64_C(1) << in->imm) - 1;
    if (in->op == BK_B2I) return 1;
    if (in->op == BK_AND && bk_is_ki(f, in->b)) return (uint64_t)IN(in->b)->imm;
    if (in->op == BK_LOAD)
        return in->mt == BK_M_U8 ? 0xff : in->mt == BK_M_U16 ? 0xffff : in->mt == BK_M_U32 ? 0xffffffff : UINT64_MAX;
    return UINT64_MAX;
}

static bk_ref fold_bits(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    bool i1 = in.type == BK_1;
    switch (in.op) {
    case BK_AND:
        if (in.a == in.b) return in.a;
        if (i1 && kb_is(f, in.b, true)) return in.a;
        if (i1 && kb_is(f, in.b, false)) return in.b;
        if (ki_is(f, in.b, 0)) return in.b;
        if (!i1 && bk_is_ki(f, in.b) && (may_bits(f, in.a) & ~(uint64_t)IN(in.b)->imm) == 0) return in.a;
        return 0;
    case BK_OR:
        if (in.a == in.b) return in.a;
        if (i1 && kb_is(f, in.b, false)) return in.a;
        if (i1 && kb_is(f, in.b, true)) return in.b;
        return ki_is(f, in.b, 0) ? in.a : ki_is(f, in.b, -1) ? in.b : 0;
    case BK_XOR:
        if (in.a == in.b) return i1 ? bk_kb(f, false) : bk_ki(f, 0);
        if (i1 && kb_is(f, in.b, true)) return become(f, r, BK_NOT, in.a, 0);
        return ki_is(f, in.b, 0) || (i1 && kb_is(f, in.b, false)) ? in.a : 0;
    case BK_ZEXT:
        if (in.imm < 64 && (may_bits(f, in.a) >> in.imm) == 0) return in.a;
        return 0;
    case BK_SEXT:
        if (in.imm < 64 && (may_bits(f, in.a) >> (in.imm - 1)) == 0) return in.a;
        return 0;
    default: return 0;
    }
}

static bk_ref fold_float(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    const bk_ins a = *IN(in.a);
    switch (in.op) {
    case BK_FMUL: return kf_is(f, in.b, 1.0) ? in.a : 0;
    case BK_FSUB: return kf_is(f, in.b, 0.0) ? in.a : 0;
    case BK_FADD: return kf_is(f, in.b, -0.0) ? in.a : 0;
    case BK_FDIV: {
        if (kf_is(f, in.b, 1.0)) return in.a;
        if (IN(in.b)->op != BK_K_F64) return 0;
        int e;
        double d = kf_value(f, in.b); /* a power of two with a normal inverse: the product rounds the same */
        if (!isnormal(d) || !isnormal(1.0 / d) || fabs(frexp(d, &e)) != 0.5) return 0;
        return become(f, r, BK_FMUL, in.a, bk_kf(f, 1.0 / d));
    }
    case BK_FNEG: return a.op == BK_FNEG ? a.a : 0;
    case BK_FABS:
        if (a.op == BK_FABS) return in.a;
        return a.op == BK_FNEG ? become(f, r, BK_FABS, a.a, 0) : 0;
    case BK_F2S: return a.op == BK_S2F ? a.a : 0;
    case BK_FBITS: return a.op == BK_BITSF ? a.a : 0;
    case BK_BITSF: return a.op == BK_FBITS ? a.a : 0;
    case BK_P2I: return a.op == BK_I2P ? a.a : 0;
    case BK_I2P: return a.op == BK_P2I ? a.a : 0;
    case BK_FFINITE: return a.op == BK_I2F || a.op == BK_U2F ? bk_kb(f, true) : 0;
    default: return 0;
    }
}

static bool never_null(const bk_fn *f, bk_ref r) {
    const bk_ins *in = IN(r);
    return in->op == BK_BOXF || in->op == BK_BOXI || in->op == BK_BOXB || (in->op == BK_K_PTR && in->imm);
}

static bk_ref fold_equal(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    const bk_ins a = *IN(in.a);
    bool eq = in.op == BK_EQ;
    if (in.a == in.b) return bk_kb(f, eq);
    if (a.type == BK_1 && IN(in.b)->op == BK_K_I1)
        return (IN(in.b)->imm != 0) == eq ? in.a : become(f, r, BK_NOT, in.a, 0);
    if (a.type == BK_P && IN(in.b)->op == BK_K_PTR && !IN(in.b)->imm && never_null(f, in.a)) return bk_kb(f, !eq);
    if (a.op == BK_B2I && bk_is_ki(f, in.b)) {
        int64_t k = IN(in.b)->imm;
        if (k != 0 && k != 1) return bk_kb(f, !eq);
        return (k == 1) == eq ? a.a : become(f, r, BK_NOT, a.a, 0);
    }
    if (a.op == BK_ADD && bk_is_ki(f, a.b) && bk_is_ki(f, in.b)) /* x + c1 == c2, right with wrapping too */
        return become(f, r, (bk_op)in.op, a.a, bk_ki(f, (int64_t)((uint64_t)IN(in.b)->imm - (uint64_t)IN(a.b)->imm)));
    return 0;
}

static bk_ref fold_compare(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    switch (in.op) {
    case BK_EQ:
    case BK_NE: return fold_equal(f, r);
    case BK_GT: return become(f, r, BK_LT, in.b, in.a);
    case BK_GE: return become(f, r, BK_LE, in.b, in.a);
    case BK_FGT: return become(f, r, BK_FLT, in.b, in.a);
    case BK_FGE: return become(f, r, BK_FLE, in.b, in.a);
    case BK_LT:
    case BK_ULT:
        if (in.a == in.b || (in.op == BK_ULT && ki_is(f, in.b, 0))) return bk_kb(f, false);
        return 0;
    case BK_LE:
    case BK_ULE: return in.a == in.b || (in.op == BK_ULE && ki_is(f, in.a, 0)) ? bk_kb(f, true) : 0;
    default: return 0;
    }
}

static bk_ref fold_not(bk_fn *f, bk_ref r) {
    const bk_ins a = *IN(IN(r)->a);
    switch (a.op) {
    case BK_NOT: return a.a;
    case BK_EQ: return become(f, r, BK_NE, a.a, a.b);
    case BK_NE: return become(f, r, BK_EQ, a.a, a.b);
    case BK_LT: return become(f, r, BK_LE, a.b, a.a);
    case BK_LE: return become(f, r, BK_LT, a.b, a.a);
    case BK_ULT: return become(f, r, BK_ULE, a.b, a.a);
    case BK_ULE: return become(f, r, BK_ULT, a.b, a.a);
    case BK_FEQ: return become(f, r, BK_FNE, a.a, a.b);
    case BK_FNE: return become(f, r, BK_FEQ, a.a, a.b);
    default: return 0;
    }
}

static bk_ref fold_select(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    if (in.b == in.c) return in.b;
    if (IN(in.a)->op == BK_K_I1) return IN(in.a)->imm ? in.b : in.c;
    if (IN(in.a)->op == BK_NOT) {
        IN(r)->c = in.b;
        return become(f, r, BK_SELECT, IN(in.a)->a, in.c);
    }
    if (in.type == BK_1 && kb_is(f, in.b, true) && kb_is(f, in.c, false)) return in.a;
    if (in.type == BK_1 && kb_is(f, in.b, false) && kb_is(f, in.c, true)) {
        IN(r)->c = 0;
        return become(f, r, BK_NOT, in.a, 0);
    }
    return 0;
}

static bk_ref fold_box(bk_fn *f, bk_ref r) {
    const bk_ins in = *IN(r);
    const bk_ins a = *IN(in.a);
    if (in.op == BK_UNBOXI && a.op == BK_BOXI) return a.a;
    if (in.op == BK_UNBOXI && a.op == BK_BOXB) return become(f, r, BK_B2I, a.a, 0);
    return 0;
}

/* Constant parts of an address go to its offset: addresses are modulo 2^64 whether or not the sums wrap. */
static bk_ref fold_address(bk_fn *f, bk_ref r) {
    bk_ins *in = IN(r);
    uint64_t off = (uint64_t)in->imm;
    const bk_ins *base = IN(in->a), *index = in->b ? IN(in->b) : NULL;
    if (base->op == BK_PADD && bk_is_ki(f, base->b)) {
        in->imm = (int64_t)(off + (uint64_t)IN(base->b)->imm);
        in->a = base->a;
        return r;
    }
    if (!index) return 0;
    if (index->op == BK_K_I64 || in->scale == 0) {
        in->imm = (int64_t)(off + (index->op == BK_K_I64 ? (uint64_t)index->imm * in->scale : 0));
        in->b = 0;
        in->scale = 0;
        return r;
    }
    if ((index->op == BK_ADD || index->op == BK_ADDOV) && bk_is_ki(f, index->b)) {
        int64_t k = IN(index->b)->imm;
        if (k < -(1 << 20) || k > 1 << 20) return 0; /* large ones do not fit the machine's addressing */
        in->imm = (int64_t)(off + (uint64_t)k * in->scale);
        in->b = index->a;
        return r;
    }
    return 0;
}

/* 0: as it was; r: changed in place; else what replaces it */
static bk_ref simplify(bk_fn *f, bk_ref r) {
    bk_ins *in = IN(r);
    if (in->op == BK_LOAD || in->op == BK_STORE) return fold_address(f, r);
    if ((bk_ops[in->op].flags & BK_OF_COMM) && bk_is_const(f, in->a) && !bk_is_const(f, in->b))
        become(f, r, (bk_op)in->op, in->b, in->a);
    bk_ref k = bk_is_const(f, r) ? 0 : fold_constants(f, r);
    if (k) return k;
    in = IN(r);
    switch (in->op) {
    case BK_AND:
    case BK_OR:
    case BK_XOR:
    case BK_SEXT:
    case BK_ZEXT: return fold_bits(f, r);
    case BK_NOT: return fold_not(f, r);
    case BK_SELECT: return fold_select(f, r);
    case BK_PADD: return ki_is(f, in->b, 0) ? in->a : 0;
    case BK_UNBOXI: return fold_box(f, r);
    default: break;
    }
    if (in->op >= BK_ADD && in->op <= BK_SHR) return fold_int(f, r);
    if (in->op >= BK_EQ && in->op <= BK_FGE) return fold_compare(f, r);
    if (in->op >= BK_FADD && in->op <= BK_FFINITE) return fold_float(f, r);
    return 0;
}

/* a phi whose arguments are all one value (or itself) is that value */
static bk_ref fold_phi(bk_opt *o, bk_ref r) {
    bk_fn *f = o->f;
    bk_ref one = 0;
    for (uint32_t i = 0; i < IN(r)->b; i++) {
        bk_ref v = bk_resolve(o, f->args[IN(r)->a + i]);
        if (v == r || v == one) continue;
        if (one) return 0;
        one = v;
    }
    return one;
}

static void fold_ins(bk_opt *o, bk_ref r) {
    bk_fn *f = o->f;
    bk_resolve_operands(o, r);
    if (IN(r)->op == BK_PHI) {
        bk_ref v = fold_phi(o, r);
        if (!v) return;
        bk_replace(o, r, v);
        bk_drop(o, r);
        return;
    }
    for (int turns = 0; turns < 8; turns++) {
        bk_ref v = simplify(f, r);
        if (!v || f->oom) return;
        o->changed = true;
        o->st->folded++;
        if (v == r) {
            if (!(bk_ops[IN(r)->op].flags & BK_OF_GUARD)) IN(r)->snap = 0;
            continue;
        }
        if (bk_ops[IN(r)->op].flags & BK_OF_GUARD) o->st->ov_removed++;
        bk_replace(o, r, v);
        bk_drop(o, r);
        return;
    }
}

/* ---- branches ----------------------------------------------------------------------------------------------- */

static bool same_phi_args(const bk_fn *f, bk_blk from, bk_blk to) {
    const bk_block *t = &f->blocks[to];
    uint32_t k[2], n = 0;
    for (uint32_t i = 0; i < t->npreds && n < 2; i++)
        if (t->preds[i] == from) k[n++] = i;
    for (uint32_t i = 0; n == 2 && i < t->nins && f->ins[t->ins[i]].op == BK_PHI; i++) {
        const bk_ins *phi = &f->ins[t->ins[i]];
        if (f->args[phi->a + k[0]] != f->args[phi->a + k[1]]) return false;
    }
    return true;
}

static bool fold_branch(bk_opt *o, bk_blk n) {
    bk_fn *f = o->f;
    bk_block *b = &f->blocks[n];
    bk_ref r = b->nins ? b->ins[b->nins - 1] : 0;
    if (!r || IN(r)->op != BK_BR) return false;
    while (IN(IN(r)->a)->op == BK_NOT) {
        IN(r)->a = IN(IN(r)->a)->a;
        bk_blk s = b->succ[0];
        uint32_t p = b->prob[0];
        /* two edges to one block keep their order, which is that of the phi arguments */
        if (s == b->succ[1]) break;
        b->succ[0] = b->succ[1];
        b->prob[0] = b->prob[1];
        b->succ[1] = s;
        b->prob[1] = p;
    }
    bool known = IN(IN(r)->a)->op == BK_K_I1;
    if (!known && !(b->succ[0] == b->succ[1] && same_phi_args(f, n, b->succ[0]))) return false;
    bk_edge_remove(f, n, known && !IN(IN(r)->a)->imm ? 0 : 1);
    become(f, r, BK_JMP, 0, 0);
    o->changed = true;
    o->st->folded++;
    return true;
}

static void fold_guards(bk_opt *o, bk_ref r) {
    bk_fn *f = o->f;
    if (IN(r)->op != BK_GUARD || !kb_is(f, IN(r)->a, true)) return;
    bk_drop(o, r);
    o->st->guards_removed++;
}

static bool fold_once(bk_opt *o, const bk_cfg *c) {
    bk_fn *f = o->f;
    bool before = o->changed, edges = false;
    o->changed = false;
    for (uint32_t i = 0; i < c->nrpo; i++) {
        bk_blk n = c->rpo[i];
        for (uint32_t k = 0; k < f->blocks[n].nins; k++) { /* block 0 grows at its start: constants that were seen */
            bk_ref r = f->blocks[n].ins[k];
            if (IN(r)->flags & BK_F_DEAD) continue;
            fold_ins(o, r);
            if (!(IN(r)->flags & BK_F_DEAD)) fold_guards(o, r);
            if (n == 0)
                while (f->blocks[0].ins[k] != r) k++;
        }
        edges |= fold_branch(o, n);
    }
    bk_opt_apply(o);
    if (edges) bk_prune(f);
    bk_sweep(f);
    bool again = o->changed;
    o->changed |= before;
    return again;
}

bool bk_pass_fold(bk_opt *o) {
    for (int round = 0; round < 4; round++) {
        bk_cfg *c = bk_cfg_new(o->f);
        if (!c) return false;
        bool again = fold_once(o, c);
        bk_cfg_free(c);
        if (!again || o->f->oom) break;
    }
    return !o->f->oom;
}
