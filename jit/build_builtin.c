/* Calls of builtins that are known by name: numbers, ranges and iterators, math, a few methods. */
#include "build_np.h"
#include <string.h>

enum { DIV = 2, REM = 6, POW = 8, LT = 0, GT = 4 };

typedef struct {
    uint32_t n;
    bk_val *args, *out;
} call;

static bool is_float(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_float; }
static bool is_py_int(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_int; }
static bool is_py_intlike(const bk_val *v) { return is_py_int(v) || (v->kind == V_VAL && v->type == bk_types.t_bool); }

/* a number that float() converts without running code: not complex */
static bool is_real(const bk_val *v) {
    if (v->kind != V_VAL || !v->type || !fits(v)) return false;
    np_kind k = np_kind_of(v);
    return k != NK_NONE && k != NK_COMPLEX;
}

/* what the call gives back is its argument: the reference goes along */
static bool itself(const call *c) {
    *c->out = c->args[0];
    c->args[0].own = c->args[0].own == O_OWNED ? O_NONE : c->args[0].own;
    return true;
}

static bool number(const call *c, bk_obj *type, bk_ref r) {
    *c->out = v_num(type, r);
    return true;
}
static bool float_result(const call *c, bk_ref r) { return number(c, bk_types.t_float, r); }
static bool int_result(const call *c, bk_ref r) { return number(c, bk_types.t_int, r); }

/* an integral double as an int */
static bool int_of_double(bk_builder *b, const call *c, bk_ref d) {
    guard(b, E(b, BK_AND, E(b, BK_FGE, d, KF(b, -0x1p63)), E(b, BK_FLT, d, KF(b, 0x1p63))), BK_G_RANGE);
    return int_result(c, E(b, BK_F2I, d, 0));
}

/* an operand where Python wants an index; 0: none, or it may not fit */
static bk_ref index_operand(bk_builder *b, bk_val *v) {
    if (v->kind != V_VAL || !v->type || !fits(v)) return 0;
    np_kind k = np_kind_of(v);
    if (k != NK_INT && k != NK_UINT && v->type != bk_types.t_bool) return 0;
    bk_ref n = np_int(b, v);
    if (k == NK_UINT) guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_RANGE);
    return n;
}

/* ---- numbers
 * --------------------------------------------------------------------------------------------------------- */

static bool call_len(bk_builder *b, const call *c) {
    bk_ref n;
    return c->n == 1 && build_len(b, &c->args[0], &n) && int_result(c, n);
}

static bk_ref int_magnitude(bk_builder *b, bk_ref n, int bits) {
    guard(b, E(b, BK_NE, n, KI(b, (int64_t)(UINT64_MAX << (bits - 1)))), BK_G_OVERFLOW);
    return Et(b, BK_SELECT, BK_I, E(b, BK_LT, n, KI(b, 0)), E(b, BK_SUB, KI(b, 0), n), n);
}

static bool call_abs(bk_builder *b, const call *c) {
    bk_val *v = c->args;
    if (c->n != 1 || !is_real(v)) return false;
    int tn = bk_py_np_typenum(v->type);
    bool py = tn < 0;
    switch (np_kind_of(v)) {
    case NK_BOOL: return py && int_result(c, np_int(b, v));
    case NK_INT: return number(c, v->type, int_magnitude(b, unbox(b, v), py ? 64 : np_dtypes[tn].bits));
    case NK_UINT: return number(c, v->type, unbox(b, v));
    default: return number(c, v->type, E(b, BK_FABS, unbox(b, v), 0));
    }
}

/* Numbers of one type: the first stays unless a later one compares better, so NaNs and ties come out as in Python. */
static bool extreme(bk_builder *b, const call *c, int op) {
    if (c->n < 2 || c->n > 4 || c->args[0].kind != V_VAL || !c->args[0].type) return false;
    bk_obj *type = c->args[0].type;
    for (uint32_t i = 0; i < c->n; i++)
        if (!is_real(&c->args[i]) || c->args[i].type != type) return false;
    bk_val best = v_num(type, unbox(b, &c->args[0])), better;
    for (uint32_t i = 1; i < c->n; i++) {
        bk_ref n = unbox(b, &c->args[i]);
        bk_val other = v_num(type, n);
        if (!build_compare(b, op, &other, &best, &better)) return false;
        best.num = Et(b, BK_SELECT, (bk_type)b->fn->ins[n].type, better.num, n, best.num);
    }
    *c->out = best;
    return true;
}
static bool call_min(bk_builder *b, const call *c) { return extreme(b, c, LT); }
static bool call_max(bk_builder *b, const call *c) { return extreme(b, c, GT); }

static bool call_round(bk_builder *b, const call *c) {
    if (c->n != 1) return false;
    if (is_py_int(c->args)) return itself(c);
    return is_float(c->args) && int_of_double(b, c, E(b, BK_FRINT, unbox(b, c->args), 0));
}

static bool call_int(bk_builder *b, const call *c) {
    if (c->n == 0) return int_result(c, KI(b, 0));
    if (c->n != 1 || !is_real(c->args)) return false;
    if (is_py_int(c->args)) return itself(c);
    if (np_kind_of(c->args) == NK_FLOAT) return int_of_double(b, c, np_double(b, c->args));
    bk_ref n = np_int(b, c->args);
    if (np_kind_of(c->args) == NK_UINT) guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_RANGE);
    return int_result(c, n);
}

static bool call_float(bk_builder *b, const call *c) {
    if (c->n == 0) return float_result(c, KF(b, 0));
    if (c->n != 1 || !is_real(c->args)) return false;
    return is_float(c->args) ? itself(c) : float_result(c, np_double(b, c->args));
}

static bool call_bool(bk_builder *b, const call *c) {
    bk_ref r;
    if (c->n != 1 || !build_truth(b, c->args, &r)) return false;
    *c->out = v_bool(r);
    return true;
}

static bool call_divmod(bk_builder *b, const call *c) {
    bk_val q, r;
    if (c->n != 2) return false;
    for (int i = 0; i < 2; i++)
        if (!is_py_intlike(&c->args[i]) && !is_float(&c->args[i])) return false;
    if (!build_binary(b, DIV, &c->args[0], &c->args[1], &q) || !build_binary(b, REM, &c->args[0], &c->args[1], &r))
        return false;
    if (q.modular || r.modular) return false;
    *c->out = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = 2, .kids = alloc(b, 2 * sizeof q)};
    c->out->kids[0] = q;
    c->out->kids[1] = r;
    return true;
}

static bool call_pow(bk_builder *b, const call *c) {
    if (c->n != 2 || c->args[0].kind != V_VAL || c->args[1].kind != V_VAL) return false;
    return build_binary(b, POW, &c->args[0], &c->args[1], c->out);
}

static bool call_ord(bk_builder *b, const call *c) {
    bk_val *v = c->args;
    bk_ref len;
    if (c->n != 1 || v->kind != V_VAL || v->type != bk_types.t_str || !v->box || v->maybe || !build_len(b, v, &len))
        return false;
    bk_ref state = Eload(b, BK_M_U32, BK_A_CONST, v->box, bk_py->str_state);
    bk_ref ascii = E(b, BK_EQ, E(b, BK_AND, state, KI(b, bk_py->str_ascii_mask)), KI(b, bk_py->str_ascii_value));
    guard(b, E(b, BK_AND, E(b, BK_EQ, len, KI(b, 1)), ascii), BK_G_RANGE);
    return int_result(c, Eload(b, BK_M_U8, BK_A_CONST, v->box, bk_py->str_ascii_data));
}

/* ---- types
 * --------------------------------------------------------------------------------------------------------------- */

/* built-in types whose instances' __class__ is their type and which inherit from none of the others */
static bool is_plain_builtin(bk_obj *t) {
    bk_obj *const plain[] = {bk_types.t_int,   bk_types.t_float,     bk_types.t_complex,  bk_types.t_str,
                             bk_types.t_bytes, bk_types.t_list,      bk_types.t_tuple,    bk_types.t_dict,
                             bk_types.t_set,   bk_types.t_frozenset, bk_types.t_range,    bk_types.t_slice,
                             bk_types.t_bool,  bk_types.t_bytearray, bk_types.t_none_type};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (t && plain[i] == t) return true;
    return false;
}

/* 1, 0, or -1: not known */
static int is_instance(bk_obj *type, bk_obj *cls) {
    if (bk_py_type(cls) == bk_types.t_tuple) {
        for (int64_t i = 0; i < bk_py_len(cls); i++) {
            int r = is_instance(type, bk_py_item(cls, i));
            if (r) return r;
        }
        return 0;
    }
    if (bk_py_type(cls) != bk_types.t_type) return -1;
    if (type == cls) return 1;
    if (!is_plain_builtin(type) || !is_plain_builtin(cls)) return -1;
    return type == bk_types.t_bool && cls == bk_types.t_int;
}

static bool call_isinstance(bk_builder *b, const call *c) {
    if (c->n != 2 || !c->args[0].type || c->args[0].kind == V_NULL || !c->args[1].konst) return false;
    int r = is_instance(c->args[0].type, c->args[1].konst);
    if (r < 0) return false;
    *c->out = v_bool(bk_kb(b->fn, r));
    return true;
}

static bool call_type(bk_builder *b, const call *c) {
    if (c->n != 1 || c->args[0].kind != V_VAL || !c->args[0].type) return false;
    *c->out = v_konst(b, c->args[0].type);
    return true;
}

/* ---- ranges and iterators
 * ----------------------------------------------------------------------------------------------- */

static bool call_range(bk_builder *b, const call *c) {
    if (c->n < 1 || c->n > 3) return false;
    bk_ref r[3] = {KI(b, 0), 0, KI(b, 1)};
    for (uint32_t i = 0; i < c->n; i++)
        if (!(r[c->n == 1 ? 1 : i] = index_operand(b, &c->args[i]))) return false;
    const bk_ins *step = &b->fn->ins[r[2]];
    if (step->op != BK_K_I64 || !step->imm) return false;
    *c->out = (bk_val){.kind = V_RANGE, .type = bk_types.t_range, .nkids = 3, .kids = alloc(b, 3 * sizeof *c->out)};
    for (int i = 0; i < 3; i++) c->out->kids[i] = v_num(bk_types.t_int, r[i]);
    return true;
}

/* an iterator over the argument that takes its reference; only kinds that the loops' code can step */
static bool iterator(bk_builder *b, bk_val *arg, bk_val *it) {
    bool fresh = arg->kind == V_RANGE || arg->kind == V_VAL;
    if (!fresh || !build_getiter(b, arg, it)) return false;
    return it->kind == V_RANGEIT || it->kind == V_SEQIT;
}

static bool call_enumerate(bk_builder *b, const call *c) {
    bk_ref start = KI(b, 0);
    if (c->n == 2 && !(start = index_operand(b, &c->args[1]))) return false;
    if (c->n < 1 || c->n > 2) return false;
    bk_val *it = alloc(b, sizeof *it);
    if (!iterator(b, &c->args[0], it)) return false;
    if (c->args[0].own == O_OWNED) c->args[0].own = O_NONE;
    *c->out = (bk_val){.kind = V_ENUM, .type = bk_types.t_enumerate, .num = start, .nkids = 1, .kids = it};
    return true;
}

static bool call_zip(bk_builder *b, const call *c) {
    if (c->n < 1 || c->n > 8) return false;
    bk_val *its = alloc(b, c->n * sizeof *its);
    for (uint32_t i = 0; i < c->n; i++)
        if (!iterator(b, &c->args[i], &its[i])) return false;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->args[i].own == O_OWNED) c->args[i].own = O_NONE;
    *c->out = (bk_val){.kind = V_ZIP, .type = bk_types.t_zip, .nkids = (uint8_t)c->n, .kids = its};
    return true;
}

/* reversed(range): another range iterator, as Python's own */
static bool reversed_range(bk_builder *b, const call *c) {
    bk_val it;
    if (!build_getiter(b, &c->args[0], &it) || it.kind != V_RANGEIT) return false;
    int64_t s = it.step;
    if (s == INT64_MIN) return false;
    /* an empty range ends before its start when the step is 1 or -1 */
    bk_ref none = E(b, s > 0 ? BK_GE : BK_LE, it.num, it.num2), end = Et(b, BK_SELECT, BK_I, none, it.num, it.num2);
    bk_ref first = Eguarded(b, BK_SUBOV, end, KI(b, s), BK_G_OVERFLOW),
           stop = Eguarded(b, BK_SUBOV, it.num, KI(b, s), BK_G_OVERFLOW);
    *c->out = (bk_val){.kind = V_RANGEIT, .num = first, .num2 = stop, .step = -s};
    return true;
}

static bool call_reversed(bk_builder *b, const call *c) {
    bk_val *v = c->args;
    bk_ref len;
    if (c->n != 1) return false;
    if (v->kind == V_RANGE) return reversed_range(b, c);
    if (v->kind != V_VAL || v->type != bk_types.t_list || !v->box || v->maybe || !build_len(b, v, &len)) return false;
    *c->out = (bk_val){
        .kind = V_REVERSED, .type = bk_types.t_list_reverseiterator, .box = v->box, .own = v->own, .homes = v->homes};
    c->out->num = E(b, BK_SUB, len, KI(b, 1));
    if (v->own == O_OWNED) v->own = O_NONE;
    return true;
}

/* ---- methods
 * -------------------------------------------------------------------------------------------------------------- */

/* the call has been made and must not be made again */
static void done(bk_builder *b) {
    b->effects = true;
    b->neffects++;
}

static bool is_list(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_list && v->box && !v->maybe; }

static bool list_append(bk_builder *b, const call *c) {
    if (c->n != 2 || !is_list(c->args)) return false;
    bk_val *v = &c->args[1];
    if (v->kind != V_VAL && v->kind != V_TUPLE) return false;
    check_release(b, &c->args[0]);
    bk_ref p = boxed(b, v);
    /* nothing that is borrowed dies by an append; failing, it changed nothing */
    guard(b, CALLH(b, BK_H_list_append, c->args[0].box, p), BK_G_MEMORY);
    done(b);
    release(b, v); /* the list holds it now */
    *c->out = v_konst(b, bk_types.t_none);
    return true;
}

static bool list_pop(bk_builder *b, const call *c) {
    bk_ref len;
    if (c->n != 1 || !is_list(c->args) || !build_len(b, c->args, &len)) return false;
    check_release(b, c->args);
    guard(b, E(b, BK_GT, len, KI(b, 0)), BK_G_SIZE);
    begin_effect(b);
    *c->out = v_owned(NULL, CALLH(b, BK_H_list_pop, c->args[0].box));
    return true;
}

static bool int_bits(bk_builder *b, const call *c, bool count) {
    if (c->n != 1 || !is_py_intlike(c->args)) return false;
    bk_ref n = np_int(b, c->args), m = Et(b, BK_SELECT, BK_I, E(b, BK_LT, n, KI(b, 0)), E(b, BK_SUB, KI(b, 0), n), n);
    return int_result(c, count ? E(b, BK_POPCNT, m, 0) : E(b, BK_SUB, KI(b, 64), E(b, BK_CLZ, m, 0)));
}
static bool int_bit_count(bk_builder *b, const call *c) { return int_bits(b, c, true); }
static bool int_bit_length(bk_builder *b, const call *c) { return int_bits(b, c, false); }

static bool float_is_integer(bk_builder *b, const call *c) {
    if (c->n != 1 || !is_float(c->args)) return false;
    bk_ref x = unbox(b, c->args);
    *c->out = v_bool(E(b, BK_AND, E(b, BK_FEQ, E(b, BK_FFLOOR, x, 0), x), E(b, BK_FFINITE, x, 0)));
    return true;
}

static bool complex_conjugate(bk_builder *b, const call *c) {
    if (c->n != 1 || c->args[0].kind != V_VAL || c->args[0].type != bk_types.t_complex) return false;
    *c->out = v_num(bk_types.t_complex, unbox(b, c->args));
    c->out->num2 = E(b, BK_FNEG, c->args[0].num2, 0);
    return true;
}

/* ---- math
 * ------------------------------------------------------------------------------------------------------------------ */

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

static bool finite_float(bk_builder *b, const call *c, bk_ref r) {
    guard(b, E(b, BK_FFINITE, r, 0), BK_G_DOMAIN);
    return float_result(c, r);
}

static bool math_log(bk_builder *b, const call *c) {
    bk_ref r = CALLH(b, BK_H_m_log, np_double(b, c->args));
    if (c->n == 1) return finite_float(b, c, r);
    guard(b, E(b, BK_FFINITE, r, 0), BK_G_DOMAIN);
    bk_ref base = CALLH(b, BK_H_m_log, np_double(b, &c->args[1]));
    guard(b, E(b, BK_AND, E(b, BK_FFINITE, base, 0), E(b, BK_FNE, base, KF(b, 0))), BK_G_DOMAIN);
    return float_result(c, E(b, BK_FDIV, r, base));
}

/* ints stay; np.float64 inherits float's methods, other NumPy numbers are left alone */
static bool math_round(bk_builder *b, const call *c, bk_op op) {
    if (c->n != 1) return false;
    if (is_py_int(c->args)) return itself(c);
    if (c->args[0].type == bk_types.t_bool) return int_result(c, np_int(b, c->args));
    if (np_kind_of(c->args) != NK_FLOAT || bk_py_np_typenum(c->args[0].type) == NP_FLOAT) return false;
    return int_of_double(b, c, E(b, op, np_double(b, c->args), 0));
}

static bool math_gcd(bk_builder *b, const call *c) {
    bk_ref p, q;
    if (c->n != 2 || !(p = index_operand(b, &c->args[0])) || !(q = index_operand(b, &c->args[1]))) return false;
    bk_ref r = CALLH(b, BK_H_igcd, p, q);
    guard(b, E(b, BK_GE, r, KI(b, 0)), BK_G_OVERFLOW);
    return int_result(c, r);
}

static bool math_isqrt(bk_builder *b, const call *c) {
    bk_ref n;
    if (c->n != 1 || !(n = index_operand(b, c->args))) return false;
    guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_DOMAIN);
    return int_result(c, CALLH(b, BK_H_isqrt, n));
}

static bool math_classify(bk_builder *b, const call *c, const char *name) {
    bk_ref x = np_double(b, c->args), r = E(b, BK_FFINITE, x, 0);
    if (!strcmp(name, "isnan")) r = E(b, BK_FNE, x, x);
    else if (!strcmp(name, "isinf")) r = E(b, BK_AND, E(b, BK_FEQ, x, x), E(b, BK_NOT, r, 0));
    *c->out = v_bool(r);
    return true;
}

static bool math_unary(bk_builder *b, const call *c, const char *name) {
    static const double pi = 3.141592653589793238462643383279502884197;
    if (!strncmp(name, "is", 2)) return math_classify(b, c, name);
    bk_ref x = np_double(b, c->args);
    if (!strcmp(name, "fabs")) return float_result(c, E(b, BK_FABS, x, 0));
    if (!strcmp(name, "degrees")) return float_result(c, E(b, BK_FMUL, x, KF(b, 180.0 / pi)));
    if (!strcmp(name, "radians")) return float_result(c, E(b, BK_FMUL, x, KF(b, pi / 180.0)));
    if (!strcmp(name, "sqrt")) {
        guard(b, E(b, BK_FGE, x, KF(b, 0)), BK_G_DOMAIN);
        return float_result(c, E(b, BK_FSQRT, x, 0));
    }
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (!strcmp(name, unary[i].name)) return finite_float(b, c, CALLH(b, unary[i].h, x));
    return false;
}

static bool math_binary(bk_builder *b, const call *c, const char *name) {
    bk_ref x = np_double(b, &c->args[0]), y = np_double(b, &c->args[1]);
    if (!strcmp(name, "copysign")) return float_result(c, E(b, BK_FCOPYSIGN, x, y));
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
        if (!strcmp(name, binary[i].name)) return finite_float(b, c, CALLH(b, binary[i].h, x, y));
    return false;
}

static bool call_math(bk_builder *b, const call *c, const char *name) {
    for (uint32_t i = 0; i < c->n; i++)
        if (!is_real(&c->args[i])) return false;
    if (!strcmp(name, "floor")) return math_round(b, c, BK_FFLOOR);
    if (!strcmp(name, "ceil")) return math_round(b, c, BK_FCEIL);
    if (!strcmp(name, "trunc")) return math_round(b, c, BK_FTRUNC);
    if (!strcmp(name, "gcd")) return math_gcd(b, c);
    if (!strcmp(name, "isqrt")) return math_isqrt(b, c);
    if (!strcmp(name, "log") && (c->n == 1 || c->n == 2)) return math_log(b, c);
    if (c->n == 1) return math_unary(b, c, name);
    return c->n == 2 && math_binary(b, c, name);
}

/* ---- dispatch
 * ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*build)(bk_builder *b, const call *c);
} known[] = {
    {"len", call_len},
    {"abs", call_abs},
    {"min", call_min},
    {"max", call_max},
    {"round", call_round},
    {"int", call_int},
    {"float", call_float},
    {"bool", call_bool},
    {"divmod", call_divmod},
    {"pow", call_pow},
    {"ord", call_ord},
    {"isinstance", call_isinstance},
    {"type", call_type},
    {"range", call_range},
    {"enumerate", call_enumerate},
    {"zip", call_zip},
    {"reversed", call_reversed},
    {"list.append", list_append},
    {"list.pop", list_pop},
    {"int.bit_count", int_bit_count},
    {"int.bit_length", int_bit_length},
    {"float.is_integer", float_is_integer},
    {"complex.conjugate", complex_conjugate},
};

bool build_builtin(bk_builder *b, const char *name, uint32_t n, bk_val *args, bk_val *out) {
    call c = {n, args, out};
    for (uint32_t i = 0; i < n; i++)
        if (args[i].clean) return false;
    if (!strncmp(name, "math.", 5)) return call_math(b, &c, name + 5);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) return known[i].build(b, &c);
    return false;
}
