/* Calls of the math module's functions. */
#include "build_builtin.h"
#include <string.h>

/* Functions that raise exactly when a result is not finite although the argument is; a result that is not finite
 * leaves in any case. */
static const struct {
    const char *name;
    bk_helper h;
} unary[] = {
    {"sin", BK_H_m_sin},     {"cos", BK_H_m_cos},     {"tan", BK_H_m_tan},     {"asin", BK_H_m_asin},
    {"acos", BK_H_m_acos},   {"atan", BK_H_m_atan},   {"sinh", BK_H_m_sinh},   {"cosh", BK_H_m_cosh},
    {"tanh", BK_H_m_tanh},   {"asinh", BK_H_m_asinh}, {"acosh", BK_H_m_acosh}, {"atanh", BK_H_m_atanh},
    {"exp", BK_H_m_exp},     {"exp2", BK_H_m_exp2},   {"expm1", BK_H_m_expm1}, {"log2", BK_H_m_log2},
    {"log10", BK_H_m_log10}, {"log1p", BK_H_m_log1p}, {"cbrt", BK_H_m_cbrt},   {"erf", BK_H_m_erf},
    {"erfc", BK_H_m_erfc},
};
static const struct {
    const char *name;
    bk_helper h;
} binary[] = {
    {"atan2", BK_H_m_atan2},
    {"fmod", BK_H_m_fmod},
    {"pow", BK_H_m_pow},
    {"hypot", BK_H_m_hypot},
};

static bool finite_float(bk_builder *b, const bk_call *c, bk_ref r) {
    guard(b, E(b, BK_FFINITE, r, 0), BK_G_DOMAIN);
    return call_float(c, r);
}

static bool math_log(bk_builder *b, const bk_call *c) {
    bk_ref r = CALLH(b, BK_H_m_log, np_double(b, c->args));
    if (c->n == 1) return finite_float(b, c, r);
    guard(b, E(b, BK_FFINITE, r, 0), BK_G_DOMAIN);
    bk_ref base = CALLH(b, BK_H_m_log, np_double(b, &c->args[1]));
    guard(b, E(b, BK_AND, E(b, BK_FFINITE, base, 0), E(b, BK_FNE, base, KF(b, 0))), BK_G_DOMAIN);
    return call_float(c, E(b, BK_FDIV, r, base));
}

/* Ints stay. np.float64 inherits float's methods; floor and ceil convert other NumPy numbers to double, trunc refuses.
 */
static bool math_round(bk_builder *b, const bk_call *c, bk_op op) {
    if (c->n != 1) return false;
    if (is_exact_int(c->args)) return call_itself(c);
    if (c->args[0].type == bk_types.t_bool) return call_int(c, np_int(b, c->args));
    bool has_method = is_exact_float(c->args) || bk_py_np_typenum(c->args[0].type) == NP_DOUBLE;
    if (op == BK_FTRUNC && !has_method) return false;
    return call_int_of_double(b, c, E(b, op, np_double(b, c->args), 0));
}

static bool math_gcd(bk_builder *b, const bk_call *c) {
    bk_ref p, q;
    if (c->n != 2 || !(p = call_index(b, &c->args[0])) || !(q = call_index(b, &c->args[1]))) return false;
    bk_ref r = CALLH(b, BK_H_igcd, p, q);
    guard(b, E(b, BK_GE, r, KI(b, 0)), BK_G_OVERFLOW);
    return call_int(c, r);
}

static bool math_isqrt(bk_builder *b, const bk_call *c) {
    bk_ref n;
    if (c->n != 1 || !(n = call_index(b, c->args))) return false;
    guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_DOMAIN);
    return call_int(c, CALLH(b, BK_H_isqrt, n));
}

static bool math_classify(bk_builder *b, const bk_call *c, const char *name) {
    bk_ref x = np_double(b, c->args), r = E(b, BK_FFINITE, x, 0);
    if (!strcmp(name, "isnan")) r = E(b, BK_FNE, x, x);
    else if (!strcmp(name, "isinf")) r = E(b, BK_AND, E(b, BK_FEQ, x, x), E(b, BK_NOT, r, 0));
    *c->out = v_bool(r);
    return true;
}

static bool math_unary(bk_builder *b, const bk_call *c, const char *name) {
    static const double pi = 3.141592653589793238462643383279502884197;
    if (!strncmp(name, "is", 2)) return math_classify(b, c, name);
    bk_ref x = np_double(b, c->args);
    if (!strcmp(name, "fabs")) return call_float(c, E(b, BK_FABS, x, 0));
    if (!strcmp(name, "degrees")) return call_float(c, E(b, BK_FMUL, x, KF(b, 180.0 / pi)));
    if (!strcmp(name, "radians")) return call_float(c, E(b, BK_FMUL, x, KF(b, pi / 180.0)));
    if (!strcmp(name, "sqrt")) {
        guard(b, E(b, BK_FGE, x, KF(b, 0)), BK_G_DOMAIN);
        return call_float(c, E(b, BK_FSQRT, x, 0));
    }
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (!strcmp(name, unary[i].name)) return finite_float(b, c, CALLH(b, unary[i].h, x));
    return false;
}

static bool math_binary(bk_builder *b, const bk_call *c, const char *name) {
    bk_ref x = np_double(b, &c->args[0]), y = np_double(b, &c->args[1]);
    if (!strcmp(name, "copysign")) return call_float(c, E(b, BK_FCOPYSIGN, x, y));
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
        if (!strcmp(name, binary[i].name)) return finite_float(b, c, CALLH(b, binary[i].h, x, y));
    return false;
}

bool build_math(bk_builder *b, const bk_call *c, const char *name) {
    for (uint32_t i = 0; i < c->n; i++)
        if (!call_real(&c->args[i])) return false;
    if (!strcmp(name, "floor")) return math_round(b, c, BK_FFLOOR);
    if (!strcmp(name, "ceil")) return math_round(b, c, BK_FCEIL);
    if (!strcmp(name, "trunc")) return math_round(b, c, BK_FTRUNC);
    if (!strcmp(name, "gcd")) return math_gcd(b, c);
    if (!strcmp(name, "isqrt")) return math_isqrt(b, c);
    if (!strcmp(name, "log") && (c->n == 1 || c->n == 2)) return math_log(b, c);
    if (c->n == 1) return math_unary(b, c, name);
    return c->n == 2 && math_binary(b, c, name);
}
