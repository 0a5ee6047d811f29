/* NumPy scalars: arithmetic and comparison as NumPy 2's scalarmath does them, with its promotion rules.
 *
 * Where NumPy would warn (an int that overflows, a float result that is not finite) a guard leaves, so that NumPy
 * itself computes and warns. Python numbers are weak operands: they take the NumPy operand's type. */
#include "build_np.h"
#include <string.h>

enum { ADD, AND, FLOORDIV, LSHIFT, MATMUL, MUL, REM, OR, POW, RSHIFT, SUB, TRUEDIV, XOR };

const np_dtype np_dtypes[NP_FAST] = {
    {NK_BOOL, 8, BK_M_BOOL, 1},      {NK_INT, 8, BK_M_I8, 1},    {NK_UINT, 8, BK_M_U8, 1},
    {NK_INT, 16, BK_M_I16, 2},       {NK_UINT, 16, BK_M_U16, 2}, {NK_INT, 32, BK_M_I32, 4},
    {NK_UINT, 32, BK_M_U32, 4},      {NK_INT, 64, BK_M_I64, 8},  {NK_UINT, 64, BK_M_I64, 8},
    {NK_INT, 64, BK_M_I64, 8},       {NK_UINT, 64, BK_M_I64, 8}, {NK_FLOAT, 32, BK_M_F32, 4},
    {NK_FLOAT, 64, BK_M_F64, 8},     {NK_NONE, 0, 0, 0},         {NK_COMPLEX, 64, BK_M_F32, 8},
    {NK_COMPLEX, 128, BK_M_F64, 16},
};

/* ---- operands ---------------------------------------------------------------------------------------------------- */

np_kind np_kind_of(const bk_val *v) {
    if (v->type == bk_types.t_bool) return NK_BOOL;
    if (v->type == bk_types.t_int) return NK_INT;
    if (v->type == bk_types.t_float) return NK_FLOAT;
    if (v->type == bk_types.t_complex) return NK_COMPLEX;
    int tn = bk_py_np_typenum(v->type);
    return tn >= 0 && tn < NP_FAST ? np_dtypes[tn].kind : NK_NONE;
}

bool np_is_2(void) {
    return bk_types.np_scalar[NP_BOOL] && !strcmp(bk_py_type_name(bk_types.np_scalar[NP_BOOL]), "numpy.bool");
}

static bool is_u64(const bk_val *v) {
    int tn = bk_py_np_typenum(v->type);
    return tn >= 0 && tn < NP_FAST && np_dtypes[tn].kind == NK_UINT && np_dtypes[tn].bits == 64;
}

bk_ref np_int(bk_builder *b, bk_val *v) {
    bk_ref n = unbox(b, v);
    return np_kind_of(v) == NK_BOOL ? E(b, BK_B2I, n, 0) : n;
}

bk_ref np_double(bk_builder *b, bk_val *v) {
    if (np_kind_of(v) != NK_FLOAT) return E(b, is_u64(v) ? BK_U2F : BK_I2F, np_int(b, v), 0);
    bk_ref n = unbox(b, v);
    return bk_py_np_typenum(v->type) == NP_FLOAT ? E(b, BK_S2F, n, 0) : n;
}

bk_ref np_narrow(bk_builder *b, bk_ref d) {
    bk_ref s = E(b, BK_F2S, d, 0);
    guard(b, E(b, BK_OR, E(b, BK_FFINITE, s, 0), E(b, BK_NOT, E(b, BK_FFINITE, d, 0), 0)), BK_G_FPWARN);
    return s;
}

bk_ref np_single(bk_builder *b, bk_val *v) {
    int tn = bk_py_np_typenum(v->type);
    if (tn == NP_FLOAT) return unbox(b, v);
    if (np_kind_of(v) == NK_FLOAT) return np_narrow(b, np_double(b, v));
    if (tn < 0) return E(b, BK_F2S, np_double(b, v), 0); /* Python ints by way of double, and never too large */
    return is_u64(v) ? 0 : E(b, BK_I2S, np_int(b, v), 0);
}

bk_ref np_in_range(bk_builder *b, bk_ref n, int tn) {
    const np_dtype *d = &np_dtypes[tn];
    if (d->bits == 64) return d->kind == NK_UINT ? E(b, BK_GE, n, KI(b, 0)) : bk_kb(b->fn, true);
    return E(b, BK_EQ, Eimm(b, d->kind == NK_UINT ? BK_ZEXT : BK_SEXT, n, d->bits), n);
}

bool np_parts(bk_builder *b, bk_val *v, int tn, bk_ref *re, bk_ref *im) {
    bool single = tn == NP_CFLOAT;
    if (np_kind_of(v) != NK_COMPLEX) {
        if (single && is_u64(v)) return false;
        *re = single ? np_single(b, v) : np_double(b, v);
        *im = single ? E(b, BK_F2S, KF(b, 0), 0) : KF(b, 0);
        return true;
    }
    *re = unbox(b, v);
    *im = v->num2;
    bool from_single = bk_py_np_typenum(v->type) == NP_CFLOAT;
    if (single == from_single) return true;
    *re = single ? np_narrow(b, *re) : E(b, BK_S2F, *re, 0);
    *im = single ? np_narrow(b, *im) : E(b, BK_S2F, *im, 0);
    return true;
}

/* ---- promotion --------------------------------------------------------------------------------------------------- */

static int promote_ints(int a, int c) {
    const np_dtype *p = &np_dtypes[a], *q = &np_dtypes[c];
    if (p->kind == q->kind) return p->bits > q->bits ? a : c;
    int s = p->kind == NK_INT ? a : c, u = s == a ? c : a;
    if (np_dtypes[s].bits > np_dtypes[u].bits) return s;
    return np_dtypes[u].bits == 64 ? NP_DOUBLE : u + 1; /* the next larger signed type follows */
}

/* np.result_type of two NumPy scalar types; -1: no fast path */
static int promote(int a, int c) {
    if (a == c) return a;
    if (a == NP_LONGLONG || a == NP_ULONGLONG || c == NP_LONGLONG || c == NP_ULONGLONG) return -1;
    if (a == NP_BOOL || c == NP_BOOL) return a + c;
    if (a > c) return promote(c, a);
    const np_dtype *p = &np_dtypes[a], *q = &np_dtypes[c];
    if (q->kind == NK_INT || q->kind == NK_UINT) return promote_ints(a, c);
    bool small = p->kind == NK_FLOAT ? p->bits == 32 : p->bits <= 16;
    if (q->kind == NK_COMPLEX) return p->kind == NK_COMPLEX || !small ? NP_CDOUBLE : c;
    return p->kind == NK_FLOAT || !small ? NP_DOUBLE : c;
}

/* of a NumPy scalar type and a Python number */
static int promote_weak(int a, const bk_val *py) {
    np_kind mine = np_dtypes[a].kind, other = np_kind_of(py);
    if (!np_is_2()) { /* value-based: only where the value can't matter */
        bool same = (a == NP_DOUBLE && other != NK_COMPLEX) || (a == NP_LONG && other <= NK_INT) ||
                    (a == NP_BOOL && other == NK_BOOL);
        if (!same && a != NP_CDOUBLE) return -1;
    }
    switch (other) {
    case NK_BOOL: return a;
    case NK_INT: return a == NP_BOOL ? NP_LONG : a;
    case NK_FLOAT: return mine < NK_FLOAT ? NP_DOUBLE : a;
    /* complex + np.float64 is Python's business, and a Python complex then */
    case NK_COMPLEX: return mine == NK_COMPLEX ? a : -1;
    default: return -1;
    }
}

int np_result_type(const bk_val *x, const bk_val *y) {
    int tx = bk_py_np_typenum(x->type), ty = bk_py_np_typenum(y->type);
    if (tx < 0) return promote_weak(ty, x);
    return ty < 0 ? promote_weak(tx, y) : promote(tx, ty);
}

/* ---- ints -------------------------------------------------------------------------------------------------------- */

static bool konst_int(bk_builder *b, bk_ref r, int64_t *v) {
    if (b->fn->ins[r].op != BK_K_I64) return false;
    *v = b->fn->ins[r].imm;
    return true;
}

/* an operand as a value of the integer type tn; a Python int that is out of its bounds leaves (NumPy raises) */
static bk_ref int_operand(bk_builder *b, bk_val *v, int tn) {
    bk_ref n = np_int(b, v);
    if (v->type == bk_types.t_int) guard(b, np_in_range(b, n, tn), BK_G_RANGE);
    return n;
}

/* the low bits of r as a value of tn: what C's conversion to that type gives */
static bk_ref wrapped(bk_builder *b, bk_ref r, int tn) {
    const np_dtype *d = &np_dtypes[tn];
    return d->bits == 64 ? r : Eimm(b, d->kind == NK_UINT ? BK_ZEXT : BK_SEXT, r, d->bits);
}

static bk_ref u64_arith(bk_builder *b, int op, bk_ref p, bk_ref q) {
    bk_ref r = E(b, op == ADD ? BK_ADD : op == SUB ? BK_SUB : BK_MUL, p, q), good;
    if (op == ADD) good = E(b, BK_ULE, p, r);
    else if (op == SUB) good = E(b, BK_ULE, q, p);
    else {
        bk_ref none = E(b, BK_EQ, p, KI(b, 0)), d = Et(b, BK_SELECT, BK_I, none, KI(b, 1), p);
        good = E(b, BK_OR, none, E(b, BK_EQ, E(b, BK_UDIV, r, d), q));
    }
    guard(b, good, BK_G_OVERFLOW);
    return r;
}

static bk_ref int_arith(bk_builder *b, int op, bk_ref p, bk_ref q, int tn) {
    const np_dtype *d = &np_dtypes[tn];
    if (d->bits == 64 && d->kind == NK_UINT) return u64_arith(b, op, p, q);
    if (d->bits == 64) return Eguarded(b, op == ADD ? BK_ADDOV : op == SUB ? BK_SUBOV : BK_MULOV, p, q, BK_G_OVERFLOW);
    bk_ref r = E(b, op == ADD ? BK_ADD : op == SUB ? BK_SUB : BK_MUL, p, q);
    bk_ref g = Eguarded(b, BK_GUARD, np_in_range(b, r, tn), 0, BK_G_OVERFLOW);
    b->fn->ins[g].flags |= BK_F_FPCHECK; /* NumPy would warn */
    return r;
}

static bk_ref int_divide(bk_builder *b, int op, bk_ref p, bk_ref q, int tn) {
    const np_dtype *d = &np_dtypes[tn];
    int64_t k;
    bool konst = konst_int(b, q, &k);
    if (!konst || k == 0) guard(b, E(b, BK_NE, q, KI(b, 0)), BK_G_ZERODIV);
    if (d->kind == NK_UINT) return E(b, op == REM ? BK_UREM : BK_UDIV, p, q);
    if (!konst || k == -1) {
        bk_ref least = KI(b, (int64_t)(UINT64_MAX << (d->bits - 1)));
        guard(b, E(b, BK_OR, E(b, BK_NE, p, least), E(b, BK_NE, q, KI(b, -1))), BK_G_OVERFLOW);
    }
    return E(b, op == REM ? BK_IMOD : BK_IDIV, p, q);
}

static bk_ref int_shift(bk_builder *b, int op, bk_ref p, bk_ref q, int tn) {
    const np_dtype *d = &np_dtypes[tn];
    guard(b, E(b, BK_ULT, q, KI(b, d->bits)), BK_G_RANGE);
    if (op == LSHIFT) return wrapped(b, E(b, BK_SHL, p, q), tn);
    return E(b, d->kind == NK_UINT ? BK_SHR : BK_SAR, p, q);
}

/* NumPy's integer power wraps without a warning */
static bk_ref int_power(bk_builder *b, bk_ref p, bk_ref q, int tn) {
    int64_t k;
    if (konst_int(b, q, &k) && k >= 0 && k <= 4) {
        bk_ref r = k == 0 ? KI(b, 1) : k == 1 ? renamed(b, p) : p;
        for (int64_t i = 1; i < k; i++) r = E(b, BK_MUL, r, p);
        return wrapped(b, r, tn);
    }
    if (np_dtypes[tn].kind == NK_INT) guard(b, E(b, BK_GE, q, KI(b, 0)), BK_G_DOMAIN);
    return wrapped(b, CALLH(b, BK_H_ipow, p, q), tn);
}

static bool int_binary(bk_builder *b, int op, bk_val *x, bk_val *y, int tn, bk_val *out) {
    if (op == MATMUL) return false;
    bk_ref p = int_operand(b, x, tn), q = int_operand(b, y, tn), r;
    switch (op) {
    case AND: r = E(b, BK_AND, p, q); break;
    case OR: r = E(b, BK_OR, p, q); break;
    case XOR: r = E(b, BK_XOR, p, q); break;
    case FLOORDIV:
    case REM: r = int_divide(b, op, p, q, tn); break;
    case LSHIFT:
    case RSHIFT: r = int_shift(b, op, p, q, tn); break;
    case POW: r = int_power(b, p, q, tn); break;
    default: r = int_arith(b, op, p, q, tn);
    }
    *out = v_num(bk_types.np_scalar[tn], r);
    return true;
}

static bool bool_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    if (op != AND && op != OR && op != XOR) return false;
    *out = v_num(bk_types.np_scalar[NP_BOOL], E(b,
                                                op == AND  ? BK_AND
                                                : op == OR ? BK_OR
                                                           : BK_XOR,
                                                unbox(b, x), unbox(b, y)));
    return true;
}

/* ---- floats ------------------------------------------------------------------------------------------------------ */

/* leaves when NumPy's floating-point status may ask for a warning: exactly the results that are not finite */
static void warn_check(bk_builder *b, bk_ref r) {
    bk_ref g = Eguarded(b, BK_GUARD, E(b, BK_FFINITE, r, 0), 0, BK_G_FPWARN);
    b->fn->ins[g].flags |= BK_F_FPCHECK;
}

/* Results are not tested for underflow, of which NumPy says nothing unless the program sets it to: the region is
 * entered, and goes on behind unknown code, only as long as that stays so. */
bool np_may_underflow(bk_builder *b) {
    bool ignored = bk_py_np_ignores_underflow();
    if (b->bodies->underflow) return ignored;
    b->bodies->underflow = ignored ? BK_UNDERFLOW_IGNORED : BK_UNDERFLOW_TOLD;
    bk_begin_all_again(b);
}

static bool float_binary(bk_builder *b, int op, bk_val *x, bk_val *y, int tn, bool direct, bk_val *out) {
    bk_ref r;
    bool exact = tn == NP_DOUBLE && direct; /* what only scalarmath on doubles is known to compute as we do */
    if (op != ADD && op != SUB && op != MUL && op != TRUEDIV && !(exact && (op == FLOORDIV || op == REM || op == POW)))
        return false;
    if (op != ADD && op != SUB && !np_may_underflow(b)) return false;
    bk_ref p = tn == NP_FLOAT ? np_single(b, x) : np_double(b, x),
           q = tn == NP_FLOAT ? np_single(b, y) : np_double(b, y);
    switch (op) {
    case ADD: r = E(b, BK_FADD, p, q); break;
    case SUB: r = E(b, BK_FSUB, p, q); break;
    case MUL: r = E(b, BK_FMUL, p, q); break;
    case TRUEDIV: r = E(b, BK_FDIV, p, q); break;
    case POW: r = CALLH(b, BK_H_m_pow, p, q); break;
    default:
        /* a finite quotient: the divisor is not zero, and neither (a - mod) / b nor its floor overflows */
        guard(b, E(b, BK_FFINITE, E(b, BK_FDIV, p, q), 0), BK_G_FPWARN);
        r = CALLH(b, op == REM ? BK_H_fmod_py : BK_H_ffloordiv_py, p, q);
    }
    if (op != FLOORDIV && op != REM) warn_check(b, r);
    *out = v_num(bk_types.np_scalar[tn], r);
    return true;
}

static bool int_true_divide(bk_builder *b, bk_val *x, bk_val *y, bk_val *out) {
    bk_ref r = E(b, BK_FDIV, np_double(b, x), np_double(b, y));
    warn_check(b, r);
    *out = v_num(bk_types.np_scalar[NP_DOUBLE], r);
    return true;
}

/* `direct`: by scalarmath; NumPy's array loops may use fused multiply-add for products */
static bool complex_binary(bk_builder *b, int op, bk_val *x, bk_val *y, int tn, bool direct, bk_val *out) {
    bk_ref a, c, d, e, r, i;
    if (op != ADD && op != SUB && !(op == MUL && direct && np_may_underflow(b))) return false;
    if (!np_parts(b, x, tn, &a, &c) || !np_parts(b, y, tn, &d, &e)) return false;
    if (op == MUL) {
        r = E(b, BK_FSUB, E(b, BK_FMUL, a, d), E(b, BK_FMUL, c, e));
        i = E(b, BK_FADD, E(b, BK_FMUL, a, e), E(b, BK_FMUL, c, d));
    } else {
        bk_op o = op == ADD ? BK_FADD : BK_FSUB;
        r = E(b, o, a, d);
        i = E(b, o, c, e);
    }
    warn_check(b, r);
    warn_check(b, i);
    *out = v_num(bk_types.np_scalar[tn], r);
    out->num2 = i;
    return true;
}

bool np_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    if (!fits(x) || !fits(y)) return false;
    int tn = np_result_type(x, y), tx = bk_py_np_typenum(x->type), ty = bk_py_np_typenum(y->type);
    if (tn < 0) return false;
    bool direct = tn == tx || tn == ty;
    switch (np_dtypes[tn].kind) {
    case NK_BOOL: return bool_binary(b, op, x, y, out);
    case NK_INT:
    case NK_UINT: return op == TRUEDIV ? int_true_divide(b, x, y, out) : int_binary(b, op, x, y, tn, out);
    case NK_FLOAT: return float_binary(b, op, x, y, tn, direct, out);
    case NK_COMPLEX: return complex_binary(b, op, x, y, tn, direct, out);
    default: return false;
    }
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

enum { LT, LE, EQ, NE, GT, GE };

static bk_ref compare_unsigned(bk_builder *b, int op, bk_ref p, bk_ref q) {
    switch (op) {
    case LT: return E(b, BK_ULT, p, q);
    case LE: return E(b, BK_ULE, p, q);
    case GT: return E(b, BK_ULT, q, p);
    case GE: return E(b, BK_ULE, q, p);
    default: return E(b, op == EQ ? BK_EQ : BK_NE, p, q);
    }
}

/* ints are compared by value, whatever their types */
static bk_ref compare_ints(bk_builder *b, int op, bk_val *x, bk_val *y) {
    static const bk_op signed_op[] = {BK_LT, BK_LE, BK_EQ, BK_NE, BK_GT, BK_GE};
    static const uint8_t swapped[] = {GT, GE, EQ, NE, LT, LE};
    bk_ref p = np_int(b, x), q = np_int(b, y);
    if (!is_u64(x) && !is_u64(y)) return E(b, signed_op[op], p, q);
    if (is_u64(x) && is_u64(y)) return compare_unsigned(b, op, p, q);
    if (is_u64(y)) {
        bk_ref t = p;
        p = q;
        q = t;
        op = swapped[op];
    }
    bk_ref above = bk_kb(b->fn, op == GT || op == GE || op == NE);
    return Et(b, BK_SELECT, BK_1, E(b, BK_LT, q, KI(b, 0)), above, compare_unsigned(b, op, p, q));
}

static bool compare_complex(bk_builder *b, int op, bk_val *x, bk_val *y, int tn, bk_ref *c) {
    bk_ref a, d, e, f;
    if ((op != EQ && op != NE) || !np_parts(b, x, tn, &a, &d) || !np_parts(b, y, tn, &e, &f)) return false;
    bk_ref re = E(b, BK_FEQ, a, e), im = E(b, BK_FEQ, d, f), both = E(b, BK_AND, re, im);
    *c = op == EQ ? both : E(b, BK_NOT, both, 0);
    return true;
}

bool np_compare(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    static const bk_op float_op[] = {BK_FLT, BK_FLE, BK_FEQ, BK_FNE, BK_FGT, BK_FGE};
    if (!fits(x) || !fits(y)) return false;
    bk_ref c;
    if (np_kind_of(x) < NK_FLOAT && np_kind_of(y) < NK_FLOAT) {
        if (!np_is_2() && is_u64(x) != is_u64(y)) return false; /* compared as doubles there */
        c = compare_ints(b, op, x, y);
    } else {
        int tn = np_result_type(x, y);
        if (tn < 0) return false;
        if (np_dtypes[tn].kind == NK_COMPLEX) {
            if (!compare_complex(b, op, x, y, tn, &c)) return false;
        } else if (tn == NP_FLOAT) c = E(b, float_op[op], np_single(b, x), np_single(b, y));
        else c = E(b, float_op[op], np_double(b, x), np_double(b, y));
    }
    *out = v_num(bk_types.np_scalar[NP_BOOL], c);
    return true;
}

/* ---- unary ------------------------------------------------------------------------------------------------------- */

bool np_unary(bk_builder *b, int op, bk_val *x, bk_val *out) {
    int tn = bk_py_np_typenum(x->type);
    if (!fits(x) || tn >= NP_FAST) return false;
    np_kind kind = np_dtypes[tn].kind;
    bool invertible = kind == NK_BOOL || kind == NK_INT || kind == NK_UINT;
    if (op == 0 ? kind == NK_BOOL || kind == NK_UINT : !invertible) return false; /* an error, or a warning */
    bk_ref n = unbox(b, x);
    if (op == 1) {
        *out = v_num(x->type, kind == NK_BOOL ? E(b, BK_NOT, n, 0) : wrapped(b, E(b, BK_XOR, n, KI(b, -1)), tn));
    } else if (kind == NK_INT) {
        guard(b, E(b, BK_NE, n, KI(b, (int64_t)(UINT64_MAX << (np_dtypes[tn].bits - 1)))), BK_G_OVERFLOW);
        *out = v_num(x->type, E(b, BK_SUB, KI(b, 0), n));
    } else {
        *out = v_num(x->type, E(b, BK_FNEG, n, 0));
        if (kind == NK_COMPLEX) out->num2 = E(b, BK_FNEG, x->num2, 0);
    }
    return true;
}
