/* Calls of NumPy's scalar types, which convert a number, and of its ufuncs on scalars whose result is exact whatever
 * loop computes it. Where NumPy would warn or raise, a guard leaves. */
#include "build_builtin.h"
#include <string.h>

static bool is_number(const bk_val *v) { return v->kind == V_VAL && v->type && fits(v) && np_kind_of(v) != NK_NONE; }

/* np.float32(x) and the like; without an argument: zero */
static bool call_type(bk_builder *b, const bk_call *c, int tn) {
    bk_val zero = v_num(bk_types.t_int, KI(b, 0)), *v = c->n ? c->args : &zero;
    bk_ref re, im;
    if (tn >= NP_FAST || np_dtypes[tn].kind == NK_NONE || c->n > 1 || !is_number(v)) return false;
    if (!np_convert(b, v, tn, &re, &im)) return false;
    *c->out = v_num(bk_types.np_scalar[tn], renamed(b, re));
    c->out->num2 = im;
    return true;
}

/* ---- one operand ------------------------------------------------------------------------------------------------- */

/* The type of a function of reals that has loops for floats only; -1: half precision, or no such number. */
static int float_result(const bk_val *v) {
    int tn = bk_py_np_typenum(v->type);
    np_kind kind = np_kind_of(v);
    if (kind == NK_FLOAT) return tn == NP_FLOAT ? NP_FLOAT : NP_DOUBLE;
    if (kind != NK_INT && kind != NK_UINT) return -1;
    return tn < 0 || np_dtypes[tn].bits >= 32 ? NP_DOUBLE : -1;
}

static bk_ref float_operand(bk_builder *b, bk_val *v, int tn) {
    return tn == NP_FLOAT ? np_single(b, v) : np_double(b, v);
}

static bool give(const bk_call *c, int tn, bk_ref r) { return call_number(c, bk_types.np_scalar[tn], r); }

static bool call_sqrt(bk_builder *b, const bk_call *c) {
    int tn = float_result(c->args);
    if (tn < 0) return false;
    bk_ref x = float_operand(b, c->args, tn), wide = tn == NP_FLOAT ? E(b, BK_S2F, x, 0) : x;
    guard(b, E(b, BK_FGE, wide, KF(b, 0)), BK_G_FPWARN);
    return give(c, tn, E(b, BK_FSQRT, x, 0));
}

/* floor and the like: of floats only, as ints stay ints in some versions */
static bool call_round(bk_builder *b, const bk_call *c, bk_op op) {
    if (np_kind_of(c->args) != NK_FLOAT) return false;
    int tn = float_result(c->args);
    bk_ref x = float_operand(b, c->args, tn);
    if (op != BK_FABS) guard(b, E(b, BK_FEQ, x, x), BK_G_FPWARN); /* what becomes of a NaN is the loop's business */
    return give(c, tn, E(b, op, x, 0));
}
static bool call_floor(bk_builder *b, const bk_call *c) { return call_round(b, c, BK_FFLOOR); }
static bool call_ceil(bk_builder *b, const bk_call *c) { return call_round(b, c, BK_FCEIL); }
static bool call_trunc(bk_builder *b, const bk_call *c) { return call_round(b, c, BK_FTRUNC); }
static bool call_rint(bk_builder *b, const bk_call *c) { return call_round(b, c, BK_FRINT); }

static bool call_fabs(bk_builder *b, const bk_call *c) {
    int tn = float_result(c->args);
    return tn >= 0 && give(c, tn, E(b, BK_FABS, float_operand(b, c->args, tn), 0));
}

static bool call_absolute(bk_builder *b, const bk_call *c) {
    np_kind kind = np_kind_of(c->args);
    int tn = bk_py_np_typenum(c->args->type);
    if (kind == NK_FLOAT) return call_round(b, c, BK_FABS);
    if (kind != NK_INT && kind != NK_UINT) return false;
    if (tn < 0) tn = NP_LONG;
    bk_ref n = np_int(b, c->args);
    if (kind == NK_UINT) return give(c, tn, renamed(b, n));
    guard(b, E(b, BK_NE, n, KI(b, (int64_t)(UINT64_MAX << (np_dtypes[tn].bits - 1)))), BK_G_OVERFLOW);
    return give(c, tn, Et(b, BK_SELECT, BK_I, E(b, BK_LT, n, KI(b, 0)), E(b, BK_SUB, KI(b, 0), n), n));
}

enum { IS_NAN, IS_INF, IS_FINITE };
static bool classify(bk_builder *b, const bk_call *c, int what) {
    if (np_kind_of(c->args) != NK_FLOAT) return false;
    bk_ref x = np_double(b, c->args), r = E(b, BK_FFINITE, x, 0);
    if (what == IS_NAN) r = E(b, BK_FNE, x, x);
    else if (what == IS_INF) r = E(b, BK_AND, E(b, BK_FEQ, x, x), E(b, BK_NOT, r, 0));
    return give(c, NP_BOOL, r);
}
static bool call_isnan(bk_builder *b, const bk_call *c) { return classify(b, c, IS_NAN); }
static bool call_isinf(bk_builder *b, const bk_call *c) { return classify(b, c, IS_INF); }
static bool call_isfinite(bk_builder *b, const bk_call *c) { return classify(b, c, IS_FINITE); }

/* ---- two operands ------------------------------------------------------------------------------------------------ */

/* Of zeros with different signs, and of NaNs, either may come out: the loop's business. */
static bool float_extreme(bk_builder *b, const bk_call *c, int tn, bk_op better) {
    bk_ref x = float_operand(b, &c->args[0], tn), y = float_operand(b, &c->args[1], tn);
    if (!x || !y) return false;
    bk_ref wx = tn == NP_FLOAT ? E(b, BK_S2F, x, 0) : x, wy = tn == NP_FLOAT ? E(b, BK_S2F, y, 0) : y;
    bk_ref differ = E(b, BK_OR, E(b, BK_FLT, x, y), E(b, BK_FLT, y, x));
    guard(b, E(b, BK_OR, differ, E(b, BK_EQ, E(b, BK_FBITS, wx, 0), E(b, BK_FBITS, wy, 0))), BK_G_FPWARN);
    return give(c, tn, Et(b, BK_SELECT, tn == NP_FLOAT ? BK_S : BK_F, E(b, better, x, y), x, y));
}

static bool int_extreme(bk_builder *b, const bk_call *c, int tn, bool most) {
    bk_ref r[2];
    bool big = np_dtypes[tn].kind == NK_UINT && np_dtypes[tn].bits == 64;
    for (int i = 0; i < 2; i++) {
        r[i] = np_int(b, &c->args[i]);
        if (c->args[i].type == bk_types.t_int) guard(b, np_in_range(b, r[i], tn), BK_G_RANGE);
    }
    bk_ref less = E(b, big ? BK_ULT : BK_LT, r[most], r[!most]);
    return give(c, tn, Et(b, BK_SELECT, BK_I, less, r[0], r[1]));
}

static bool extreme(bk_builder *b, const bk_call *c, bool most) {
    bool python[2] = {bk_py_np_typenum(c->args[0].type) < 0, bk_py_np_typenum(c->args[1].type) < 0};
    if (python[0] && python[1]) return false;
    int tn = np_result_type(&c->args[0], &c->args[1]);
    if (tn < 0) return false;
    switch (np_dtypes[tn].kind) {
    case NK_INT:
    case NK_UINT: return int_extreme(b, c, tn, most);
    case NK_FLOAT: return float_extreme(b, c, tn, most ? BK_FGT : BK_FLT);
    default: return false;
    }
}
static bool call_minimum(bk_builder *b, const bk_call *c) { return extreme(b, c, false); }
static bool call_maximum(bk_builder *b, const bk_call *c) { return extreme(b, c, true); }

/* ---- dispatch ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t n;
    bool (*build)(bk_builder *b, const bk_call *c);
} ufuncs[] = {
    {"sqrt", 1, call_sqrt},       {"floor", 1, call_floor},       {"ceil", 1, call_ceil},
    {"trunc", 1, call_trunc},     {"rint", 1, call_rint},         {"fabs", 1, call_fabs},
    {"isnan", 1, call_isnan},     {"absolute", 1, call_absolute}, {"isinf", 1, call_isinf},
    {"minimum", 2, call_minimum}, {"isfinite", 1, call_isfinite}, {"maximum", 2, call_maximum},
};

bool build_np_call(bk_builder *b, const char *name, bk_obj *callable, const bk_call *c) {
    int tn = bk_py_np_typenum(callable);
    if (tn >= 0) return call_type(b, c, tn);
    for (uint32_t i = 0; i < c->n; i++)
        if (!is_number(&c->args[i]) || np_kind_of(&c->args[i]) == NK_COMPLEX) return false;
    for (size_t i = 0; i < sizeof ufuncs / sizeof *ufuncs; i++)
        if (!strcmp(name, ufuncs[i].name) && c->n == ufuncs[i].n) return ufuncs[i].build(b, c);
    return false;
}
