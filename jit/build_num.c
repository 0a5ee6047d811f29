/* Arithmetic, comparison and truth of ints, bools, floats and complex numbers.
 *
 * An int result that recording saw exceed 64 bits may still be computed on its low 64 bits, as long as it only meets
 * + - * and then & with a mask that is not negative (hashes, generators): a "modular" value. It cannot be shown to the
 * interpreter, so exits in between go back to where it began; any other use restarts the build without it. */
#include "build.h"
#include <math.h>

enum { ADD, AND, FLOORDIV, LSHIFT, MATMUL, MUL, REM, OR, POW, RSHIFT, SUB, TRUEDIV, XOR, INPLACE };
#define EXACT ((int64_t)1 << 53)

static bool intlike(const bk_val *v) { return v->type == bk_types.t_int || v->type == bk_types.t_bool; }
static bool floaty(const bk_val *v) { return intlike(v) || v->type == bk_types.t_float; }

static bk_ref as_int(bk_builder *b, bk_val *v) {
    bk_ref n = unbox(b, v);
    return v->type == bk_types.t_bool ? E(b, BK_B2I, n, 0) : n;
}

static bk_ref as_float(bk_builder *b, bk_val *v) {
    if (v->type == bk_types.t_float) return unbox(b, v);
    return E(b, BK_I2F, as_int(b, v), 0);
}

static bool konst_int(bk_builder *b, bk_ref r, int64_t *v) {
    const bk_ins *in = &b->fn->ins[r];
    if (in->op != BK_K_I64) return false;
    *v = in->imm;
    return true;
}

/* ---- modular ints ---- */

static _Noreturn void no_modular(bk_builder *b, const bk_val *v) {
    if (b->nnomod == 256) bk_abort(b, BK_AB_TOO_BIG);
    b->nomod[b->nnomod++] = (bk_site){TOPF(b)->ctx, v->mod_pc};
    bk_restart(b);
}

void check_modular(bk_builder *b) {
    bk_bframe *f = TOPF(b);
    const bk_val *m = NULL;
    for (uint32_t k = 0; k < f->sp && !m; k++)
        if (f->slots[f->ci->nlocals + k].modular) m = &f->slots[f->ci->nlocals + k];
    if (!m) return;
    switch (insn(b)->op) {
    case BC_NOP:
    case BC_LOAD_FAST:
    case BC_LOAD_FAST_LOAD_FAST:
    case BC_LOAD_CONST:
    case BC_BINARY_OP:
        if (b->neffects == m->mod_effects) return;
        break;
    default: break;
    }
    no_modular(b, m);
}

void merge_modular(bk_builder *b) {
    const bk_bframe *f = TOPF(b);
    for (uint32_t k = 0; k < f->sp; k++)
        if (f->slots[f->ci->nlocals + k].modular) no_modular(b, &f->slots[f->ci->nlocals + k]);
}

void reject_modular(bk_builder *b) {
    for (uint32_t k = 1; k <= 2; k++)
        if (top(b, k)->modular) no_modular(b, top(b, k));
}

static bool may_be_modular(bk_builder *b) {
    const bk_prof *p = prof(b);
    bool wide = false;
    for (int k = 0; k < p->nseen; k++) wide |= p->seen[k].wide;
    if (!wide) return false;
    for (uint32_t i = 0; i < b->nnomod; i++)
        if (b->nomod[i].ctx == TOPF(b)->ctx && b->nomod[i].pc == TOPF(b)->pc) return false;
    return true;
}

/* x op y on the low 64 bits; true if that was the way to do it */
static bool modular(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    const bk_val *m = x->modular ? x : y->modular ? y : NULL;
    if (op != ADD && op != SUB && op != MUL && op != AND) {
        if (m) no_modular(b, m);
        return false;
    }
    if (!m && (op == AND || !may_be_modular(b))) return false;
    uint32_t snap = m ? m->mod_snap : snap_start(b), pc = m ? m->mod_pc : TOPF(b)->pc;
    bk_ref p = as_int(b, x), q = as_int(b, y);
    if (op == AND) {
        int64_t mask;
        const bk_val *other = x->modular ? y : x;
        if (other->modular || !konst_int(b, x->modular ? q : p, &mask) || mask < 0) no_modular(b, m);
        *out = v_num(bk_types.t_int, E(b, BK_AND, p, q));
        return true;
    }
    *out = v_num(bk_types.t_int, E(b, op == ADD ? BK_ADD : op == SUB ? BK_SUB : BK_MUL, p, q));
    out->modular = true;
    out->mod_snap = snap;
    out->mod_pc = pc;
    out->mod_effects = b->neffects;
    return true;
}

/* ---- ints ---- */

static void guard_divisor(bk_builder *b, bk_ref x, bk_ref y) {
    int64_t k;
    if (konst_int(b, y, &k) && k != 0 && k != -1) return;
    guard(b, E(b, BK_NE, y, KI(b, 0)), BK_G_ZERODIV);
    guard(b, E(b, BK_OR, E(b, BK_NE, x, KI(b, INT64_MIN)), E(b, BK_NE, y, KI(b, -1))), BK_G_OVERFLOW);
}

static bk_ref int_lshift(bk_builder *b, bk_ref x, bk_ref y) {
    guard(b, E(b, BK_ULT, y, KI(b, 63)), BK_G_RANGE);
    bk_ref r = E(b, BK_SHL, x, y);
    guard(b, E(b, BK_EQ, E(b, BK_SAR, r, y), x), BK_G_OVERFLOW);
    return r;
}

static bk_ref int_rshift(bk_builder *b, bk_ref x, bk_ref y) {
    guard(b, E(b, BK_GE, y, KI(b, 0)), BK_G_RANGE);
    bk_ref far = E(b, BK_GT, y, KI(b, 63));
    return E(b, BK_SAR, x, Et(b, BK_SELECT, BK_I, far, KI(b, 63), y));
}

static bk_ref int_pow(bk_builder *b, bk_ref x, bk_ref y) {
    int64_t k;
    if (konst_int(b, y, &k) && k >= 0 && k <= 4) {
        bk_ref r = k == 0 ? KI(b, 1) : k == 1 ? renamed(b, x) : x;
        for (int64_t i = 1; i < k; i++) r = Eguarded(b, BK_MULOV, r, x, BK_G_OVERFLOW);
        return r;
    }
    guard(b, CALLH(b, BK_H_ipow_ok, x, y), BK_G_RANGE);
    return CALLH(b, BK_H_ipow, x, y);
}

/* |x| <= 2**53: exactly a double */
static bk_ref small_int(bk_builder *b, bk_ref x) {
    int64_t k;
    if (konst_int(b, x, &k) && k <= EXACT && k >= -EXACT) return bk_kb(b->fn, true);
    return E(b, BK_ULE, E(b, BK_ADD, x, KI(b, EXACT)), KI(b, 2 * EXACT));
}

static bk_ref int_truediv(bk_builder *b, bk_ref x, bk_ref y) {
    guard(b, E(b, BK_NE, y, KI(b, 0)), BK_G_ZERODIV);
    if (prof(b)->flags & BK_PF_RESULT_MANY) return CALLH(b, BK_H_idiv_true, x, y);
    guard(b, small_int(b, x), BK_G_RANGE);
    guard(b, small_int(b, y), BK_G_RANGE);
    return E(b, BK_FDIV, E(b, BK_I2F, x, 0), E(b, BK_I2F, y, 0));
}

static bool float_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out);

/* recording saw only floats come out here */
static bool gives_float(bk_builder *b) {
    const bk_prof *p = prof(b);
    return p->nseen == 1 && p->seen[0].type == bk_types.t_float && !(p->flags & BK_PF_RESULT_MANY);
}

static bool int_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    bk_obj *type = bk_types.t_int;
    if (x->type == bk_types.t_bool && y->type == bk_types.t_bool && (op == AND || op == OR || op == XOR)) {
        *out = v_bool(E(b, op == AND ? BK_AND : op == OR ? BK_OR : BK_XOR, unbox(b, x), unbox(b, y)));
        return true;
    }
    if (modular(b, op, x, y, out)) return true;
    for (int k = 0; k < prof(b)->nseen; k++)
        if (prof(b)->seen[k].wide) return false; /* big ints: boxed */
    bk_ref p = as_int(b, x), q = as_int(b, y), r;
    switch (op) {
    case ADD: r = Eguarded(b, BK_ADDOV, p, q, BK_G_OVERFLOW); break;
    case SUB: r = Eguarded(b, BK_SUBOV, p, q, BK_G_OVERFLOW); break;
    case MUL: r = Eguarded(b, BK_MULOV, p, q, BK_G_OVERFLOW); break;
    case AND: r = E(b, BK_AND, p, q); break;
    case OR: r = E(b, BK_OR, p, q); break;
    case XOR: r = E(b, BK_XOR, p, q); break;
    case FLOORDIV:
    case REM:
        guard_divisor(b, p, q);
        r = E(b, op == REM ? BK_IMOD : BK_IDIV, p, q);
        break;
    case LSHIFT: r = int_lshift(b, p, q); break;
    case RSHIFT: r = int_rshift(b, p, q); break;
    case POW:
        if (gives_float(b)) { /* a negative exponent: as floats */
            guard(b, E(b, BK_LT, q, KI(b, 0)), BK_G_RANGE);
            return float_binary(b, op, x, y, out);
        }
        r = int_pow(b, p, q);
        break;
    case TRUEDIV:
        r = int_truediv(b, p, q);
        type = bk_types.t_float;
        break;
    default: return false;
    }
    *out = v_num(type, r);
    return true;
}

/* ---- floats ---- */

static bool float_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    bk_ref p = as_float(b, x), q = as_float(b, y), r;
    switch (op) {
    case ADD: r = E(b, BK_FADD, p, q); break;
    case SUB: r = E(b, BK_FSUB, p, q); break;
    case MUL: r = E(b, BK_FMUL, p, q); break;
    case TRUEDIV:
    case FLOORDIV:
    case REM:
        guard(b, E(b, BK_FNE, q, KF(b, 0)), BK_G_ZERODIV);
        r = op == TRUEDIV ? E(b, BK_FDIV, p, q) : CALLH(b, op == REM ? BK_H_fmod_py : BK_H_ffloordiv_py, p, q);
        break;
    case POW:
        guard(b, CALLH(b, BK_H_pow_ok, p, q), BK_G_DOMAIN);
        r = CALLH(b, BK_H_pow_ff, p, q);
        break;
    default: return false;
    }
    *out = v_num(bk_types.t_float, r);
    return true;
}

/* a complex or real operand as two doubles; false for an int that has to be converted with care */
static bool as_complex(bk_builder *b, bk_val *v, bk_ref *re, bk_ref *im) {
    if (v->type == bk_types.t_complex) {
        *re = unbox(b, v);
        *im = v->num2;
        return true;
    }
    if (!floaty(v)) return false;
    *re = as_float(b, v);
    *im = KF(b, 0);
    return true;
}

/* a + ci and d + ei, exactly one of which is real and has no imaginary part at all: signed zeros differ */
static void complex_with_real(bk_builder *b, int op, bool left, const bk_ref p[4], bk_ref *r, bk_ref *i) {
    bk_ref a = p[0], c = p[1], d = p[2], e = p[3];
    if (op == MUL) {
        *r = E(b, BK_FMUL, a, d);
        *i = left ? E(b, BK_FMUL, a, e) : E(b, BK_FMUL, c, d);
    } else if (op == TRUEDIV) {
        *r = left ? CALLH(b, BK_H_rc_quot_re, a, d, e) : E(b, BK_FDIV, a, d);
        *i = left ? CALLH(b, BK_H_rc_quot_im, a, d, e) : E(b, BK_FDIV, c, d);
    } else {
        *r = E(b, op == ADD ? BK_FADD : BK_FSUB, a, d);
        *i = !left ? c : op == ADD ? e : E(b, BK_FNEG, e, 0);
    }
}

static bool complex_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    bk_ref a, c, d, e, r, i;
    bool with_real = bk_py->real_is_real && x->type != y->type && op != POW;
    if (op != ADD && op != SUB && op != MUL && op != TRUEDIV && op != POW) return false;
    if (!as_complex(b, x, &a, &c) || !as_complex(b, y, &d, &e)) return false;
    if (op == TRUEDIV) {
        bk_ref zero = KF(b, 0);
        guard(b, E(b, BK_OR, E(b, BK_FNE, d, zero), E(b, BK_FNE, e, zero)), BK_G_ZERODIV);
    }
    if (with_real) {
        complex_with_real(b, op, x->type != bk_types.t_complex, (bk_ref[]){a, c, d, e}, &r, &i);
    } else if (op == MUL) {
        r = E(b, BK_FSUB, E(b, BK_FMUL, a, d), E(b, BK_FMUL, c, e));
        i = E(b, BK_FADD, E(b, BK_FMUL, a, e), E(b, BK_FMUL, c, d));
    } else if (op == TRUEDIV) {
        r = CALLH(b, BK_H_c_quot_re, a, c, d, e);
        i = CALLH(b, BK_H_c_quot_im, a, c, d, e);
    } else if (op == POW) {
        guard(b, CALLH(b, BK_H_c_pow_ok, a, c, d, e), BK_G_DOMAIN);
        r = CALLH(b, BK_H_c_pow_re, a, c, d, e);
        i = CALLH(b, BK_H_c_pow_im, a, c, d, e);
        guard(b, E(b, BK_AND, E(b, BK_FFINITE, r, 0), E(b, BK_FFINITE, i, 0)), BK_G_DOMAIN);
    } else {
        bk_op o = op == ADD ? BK_FADD : BK_FSUB;
        r = E(b, o, a, d);
        i = E(b, o, c, e);
    }
    /* which NaN comes out depends on how the interpreter's C code was compiled: it computes those itself */
    guard(b, E(b, BK_AND, E(b, BK_FEQ, r, r), E(b, BK_FEQ, i, i)), BK_G_DOMAIN);
    *out = v_num(bk_types.t_complex, r);
    out->num2 = i;
    return true;
}

bool build_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    if (op >= INPLACE) op -= INPLACE;
    if ((x->modular || y->modular) && !(x->type && y->type && intlike(x) && intlike(y)))
        no_modular(b, x->modular ? x : y);
    if (!x->type || !y->type || op > XOR) return false;
    if (bk_py_np_typenum(x->type) >= 0 || bk_py_np_typenum(y->type) >= 0) return np_binary(b, op, x, y, out);
    if (intlike(x) && intlike(y)) return int_binary(b, op, x, y, out);
    if (floaty(x) && floaty(y)) return float_binary(b, op, x, y, out);
    if (x->type == bk_types.t_complex || y->type == bk_types.t_complex) return complex_binary(b, op, x, y, out);
    return false;
}

/* ---- comparison ---- */

static const bk_op int_cmp[] = {BK_LT, BK_LE, BK_EQ, BK_NE, BK_GT, BK_GE};
static const bk_op float_cmp[] = {BK_FLT, BK_FLE, BK_FEQ, BK_FNE, BK_FGT, BK_FGE};

/* equality with another complex number or a float; an int is compared exactly */
static bool complex_compare(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    bk_ref a, c, d, e;
    if (op != 2 && op != 3) return false;
    if (intlike(x)) guard(b, small_int(b, as_int(b, x)), BK_G_RANGE);
    if (intlike(y)) guard(b, small_int(b, as_int(b, y)), BK_G_RANGE);
    if (!as_complex(b, x, &a, &c) || !as_complex(b, y, &d, &e)) return false;
    bk_ref eq = E(b, BK_AND, E(b, BK_FEQ, a, d), E(b, BK_FEQ, c, e));
    *out = v_bool(op == 2 ? eq : E(b, BK_NOT, eq, 0));
    return true;
}

bool build_compare(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    if (!x->type || !y->type) return false;
    if (bk_py_np_typenum(x->type) >= 0 || bk_py_np_typenum(y->type) >= 0) return np_compare(b, op, x, y, out);
    if (intlike(x) && intlike(y)) {
        *out = v_bool(E(b, int_cmp[op], as_int(b, x), as_int(b, y)));
        return true;
    }
    if (floaty(x) && floaty(y)) {
        /* int against float is exact in Python: so only ints that are doubles */
        if (intlike(x)) guard(b, small_int(b, as_int(b, x)), BK_G_RANGE);
        if (intlike(y)) guard(b, small_int(b, as_int(b, y)), BK_G_RANGE);
        *out = v_bool(E(b, float_cmp[op], as_float(b, x), as_float(b, y)));
        return true;
    }
    if (x->type == bk_types.t_complex || y->type == bk_types.t_complex) return complex_compare(b, op, x, y, out);
    if (x->type == bk_types.t_str && y->type == bk_types.t_str) return str_compare(b, int_cmp[op], x, y, out);
    return false;
}

bool build_unary(bk_builder *b, int op, bk_val *x, bk_val *out) {
    if (!x->type || x->type == bk_types.t_str || !is_num(x) || !fits(x)) return false;
    if (bk_py_np_typenum(x->type) >= 0) return np_unary(b, op, x, out);
    if (intlike(x)) {
        bk_ref n = as_int(b, x);
        if (op == 1 && x->type == bk_types.t_bool) return false; /* warns */
        bk_ref r = op == 0 ? Eguarded(b, BK_SUBOV, KI(b, 0), n, BK_G_OVERFLOW) : E(b, BK_XOR, n, KI(b, -1));
        *out = v_num(bk_types.t_int, r);
        return true;
    }
    if (op != 0) return false;
    *out = v_num(x->type, E(b, BK_FNEG, unbox(b, x), 0));
    if (x->type == bk_types.t_complex) out->num2 = E(b, BK_FNEG, x->num2, 0);
    return true;
}

static bool is_complex_type(bk_obj *type) {
    int tn = bk_py_np_typenum(type);
    return type == bk_types.t_complex || tn == 14 || tn == 15;
}

bool build_truth(bk_builder *b, bk_val *x, bk_ref *cond) {
    bk_ref len;
    if (x->kind == V_TUPLE) {
        *cond = bk_kb(b->fn, x->nkids != 0);
        return true;
    }
    if ((x->kind != V_VAL && x->kind != V_INST) || !x->type) return false;
    if (bk_py_always_true(b->rq.ticket, x->type)) *cond = bk_kb(b->fn, true);
    else if (x->kind == V_INST) return false;
    else if (x->type == bk_types.t_none_type) *cond = bk_kb(b->fn, false);
    else if (x->type == bk_types.t_bool) *cond = unbox(b, x);
    else if (x->type == bk_types.t_int) *cond = E(b, BK_NE, unbox(b, x), KI(b, 0));
    else if (x->type == bk_types.t_float) *cond = E(b, BK_FNE, unbox(b, x), KF(b, 0));
    else if (is_complex_type(x->type)) {
        bk_ref re = unbox(b, x), zero = KF(b, 0);
        if (bk_py_np_typenum(x->type) == 14) zero = E(b, BK_F2S, zero, 0);
        *cond = E(b, BK_OR, E(b, BK_FNE, re, zero), E(b, BK_FNE, x->num2, zero));
    } else if (bk_py_np_typenum(x->type) == 0) *cond = unbox(b, x);
    else if (bk_py_np_typenum(x->type) == 11) *cond = E(b, BK_FNE, unbox(b, x), E(b, BK_F2S, KF(b, 0), 0));
    else if (bk_py_np_typenum(x->type) == 12) *cond = E(b, BK_FNE, unbox(b, x), KF(b, 0));
    else if (bk_py_np_typenum(x->type) > 0 && bk_py_np_typenum(x->type) < 11)
        *cond = E(b, BK_NE, unbox(b, x), KI(b, 0));
    else if (x->type != bk_types.t_ndarray && build_len(b, x, &len)) *cond = E(b, BK_NE, len, KI(b, 0));
    else return false;
    return true;
}
