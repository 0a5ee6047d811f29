/* Calls of builtins that are known by name: numbers, types, ranges and iterators, a few methods. */
#include "build_quiet.h"
#include <string.h>

enum { DIV = 2, REM = 6, POW = 8, LT = 0, GT = 4 };

/* ---- operands and results ---------------------------------------------------------------------------------------- */

bool call_real(const bk_val *v) {
    if (v->kind != V_VAL || !v->type || !fits(v)) return false;
    np_kind k = np_kind_of(v);
    return k != NK_NONE && k != NK_COMPLEX;
}

static bool call_one_of_them(const bk_call *c, bk_val *v) {
    *c->out = *v;
    v->own = v->own == O_OWNED ? O_NONE : v->own;
    return true;
}

bool call_itself(const bk_call *c) { return call_one_of_them(c, &c->args[0]); }

bool call_number(const bk_call *c, bk_obj *type, bk_ref r) {
    *c->out = v_num(type, r);
    return true;
}
bool call_float(const bk_call *c, bk_ref r) { return call_number(c, bk_types.t_float, r); }
bool call_int(const bk_call *c, bk_ref r) { return call_number(c, bk_types.t_int, r); }

bool call_int_of_double(bk_builder *b, const bk_call *c, bk_ref d) {
    guard(b, E(b, BK_AND, E(b, BK_FGE, d, KF(b, -0x1p63)), E(b, BK_FLT, d, KF(b, 0x1p63))), BK_G_RANGE);
    return call_int(c, E(b, BK_F2I, d, 0));
}

bk_ref call_index(bk_builder *b, bk_val *v) {
    if (v->kind != V_VAL || !v->type || !fits(v)) return 0;
    np_kind k = np_kind_of(v);
    if (k != NK_INT && k != NK_UINT && v->type != bk_types.t_bool) return 0;
    bk_ref n = np_int(b, v);
    if (k == NK_UINT) guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_RANGE);
    return n;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool builtin_len(bk_builder *b, const bk_call *c) {
    bk_ref n;
    return c->n == 1 && build_len(b, &c->args[0], &n) && call_int(c, n);
}

static bk_ref int_magnitude(bk_builder *b, bk_ref n, int bits) {
    guard(b, E(b, BK_NE, n, KI(b, (int64_t)(UINT64_MAX << (bits - 1)))), BK_G_OVERFLOW);
    return Et(b, BK_SELECT, BK_I, E(b, BK_LT, n, KI(b, 0)), E(b, BK_SUB, KI(b, 0), n), n);
}

static bool complex_abs(bk_builder *b, const bk_call *c) {
    bk_ref re = unbox(b, c->args), r = CALLH(b, BK_H_c_abs, re, c->args[0].num2);
    guard(b, E(b, BK_FFINITE, r, 0), BK_G_DOMAIN);
    return call_float(c, r);
}

static bool is_python_real(const bk_val *v) {
    return v->kind == V_VAL && (is_intlike(v) || v->type == bk_types.t_float) && fits(v);
}

/* of exact Python numbers; a complex real part takes the general way */
static bool builtin_complex(bk_builder *b, const bk_call *c) {
    if (c->n == 1 && c->args[0].kind == V_VAL && c->args[0].type == bk_types.t_complex) return call_itself(c);
    if (c->n == 0 || c->n > 2) return false;
    for (uint32_t i = 0; i < c->n; i++)
        if (!is_python_real(&c->args[i])) return false;
    *c->out = v_num(bk_types.t_complex, renamed(b, np_double(b, &c->args[0])));
    c->out->num2 = c->n == 2 ? np_double(b, &c->args[1]) : KF(b, 0);
    return true;
}

static bool builtin_abs(bk_builder *b, const bk_call *c) {
    bk_val *v = c->args;
    if (c->n == 1 && v->kind == V_VAL && v->type == bk_types.t_complex) return complex_abs(b, c);
    if (c->n != 1 || !call_real(v)) return false;
    int tn = bk_py_np_typenum(v->type);
    bool py = tn < 0;
    switch (np_kind_of(v)) {
    case NK_BOOL: return py && call_int(c, np_int(b, v));
    case NK_INT: return call_number(c, v->type, int_magnitude(b, unbox(b, v), py ? 64 : np_dtypes[tn].bits));
    case NK_UINT: return call_number(c, v->type, renamed(b, unbox(b, v)));
    default: return call_number(c, v->type, E(b, BK_FABS, unbox(b, v), 0));
    }
}

/* Two numbers of different types: the one of the type that every result had while recording, as long as it wins. */
static bool extreme_mixed(bk_builder *b, const bk_call *c, int op) {
    const bk_prof *p = prof(b);
    bk_val better, *x = &c->args[0], *y = &c->args[1];
    if (p->nseen != 1 || (p->flags & BK_PF_RESULT_MANY) || p->seen[0].wide) return false;
    bk_obj *type = p->seen[0].type;
    if ((type != x->type && type != y->type) || !build_compare(b, op, y, x, &better)) return false;
    guard(b, type == y->type ? better.num : E(b, BK_NOT, better.num, 0), BK_G_TYPE);
    bk_val *best = type == y->type ? y : x;
    unbox(b, best);
    return call_one_of_them(c, best);
}

/* An object that was seen is the result itself, whoever compares it by identity: a path for each. `best` and `next` are
 * numbers of arguments. */
static void extreme_object(bk_builder *b, uint32_t n, int op, uint32_t best, uint32_t next) {
    bk_val better, *args = top(b, n);
    if (next == n) {
        bk_val out = args[best];
        args[best].own = O_NONE;
        call_result(b, n, out);
        return;
    }
    bk_val x = v_num(args[best].type, args[best].num), y = v_num(args[next].type, args[next].num);
    build_compare(b, op, &y, &x, &better);
    bk_blk no = flow_split(b, better.num, false);
    bk_aside other = flow_aside(b, b->st.blk, no);
    bool effects = b->effects;
    extreme_object(b, n, op, next, next + 1);
    flow_back(b, &other);
    b->effects = effects;
    extreme_object(b, n, op, best, next + 1);
}

/* Has an object that is not every number of its value. Ints in variables seldom have one where they may: a path for
 * each would keep sums and extremes of them from becoming vectors. */
static bool has_object(const bk_val *v) {
    int64_t n;
    if (!v->box || (v->type != bk_types.t_float && (v->type != bk_types.t_int || v->maybe))) return false;
    return !(v->konst && bk_py_as_i64(v->konst, &n) && n >= -5 && n <= 256);
}

static bool any_object(const bk_call *c) {
    for (uint32_t i = 0; i < c->n; i++)
        if (has_object(&c->args[i])) return true;
    return false;
}

/* Numbers of one type: the first stays unless a later one compares better, so NaNs and ties come out as in Python. */
static bool extreme(bk_builder *b, const bk_call *c, int op) {
    if (c->n < 2 || c->n > 4) return false;
    bool same = true;
    for (uint32_t i = 0; i < c->n; i++) {
        if (!call_real(&c->args[i])) return false;
        same &= c->args[i].type == c->args[0].type;
    }
    if (!same && c->n == 2 && extreme_mixed(b, c, op)) return true;
    if (!same)
        for (uint32_t i = 0; i < c->n; i++)
            if (!is_python_real(&c->args[i])) return false;
    if (!same || any_object(c)) {
        for (uint32_t i = 0; i < c->n; i++) unbox(b, &c->args[i]);
        extreme_object(b, c->n, op, 0, 1);
        return true;
    }
    bk_obj *type = c->args[0].type;
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
static bool builtin_min(bk_builder *b, const bk_call *c) { return extreme(b, c, LT); }
static bool builtin_max(bk_builder *b, const bk_call *c) { return extreme(b, c, GT); }

static bool builtin_round(bk_builder *b, const bk_call *c) {
    if (c->n != 1) return false;
    if (is_exact_int(c->args)) return call_itself(c);
    if (!call_real(c->args) || np_kind_of(c->args) != NK_FLOAT) return false;
    return call_int_of_double(b, c, E(b, BK_FRINT, np_double(b, c->args), 0));
}

static bool builtin_int(bk_builder *b, const bk_call *c) {
    if (c->n == 1 && is_type(c->args, bk_types.t_str)) return text_int(b, c);
    if (c->n == 0) return call_int(c, KI(b, 0));
    if (c->n != 1 || !call_real(c->args)) return false;
    if (is_exact_int(c->args)) return call_itself(c);
    if (np_kind_of(c->args) == NK_FLOAT) return call_int_of_double(b, c, np_double(b, c->args));
    bk_ref n = np_int(b, c->args);
    if (np_kind_of(c->args) == NK_UINT) guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_RANGE);
    return call_int(c, n);
}

static bool builtin_float(bk_builder *b, const bk_call *c) {
    if (c->n == 1 && is_type(c->args, bk_types.t_str)) return text_float(b, c);
    if (c->n == 0) return call_float(c, KF(b, 0));
    if (c->n != 1 || !call_real(c->args)) return false;
    return is_exact_float(c->args) ? call_itself(c) : call_float(c, np_double(b, c->args));
}

static bool builtin_bool(bk_builder *b, const bk_call *c) {
    bk_ref r;
    if (c->n != 1 || !build_truth(b, c->args, &r)) return false;
    *c->out = v_bool(r);
    return true;
}

static bool builtin_divmod(bk_builder *b, const bk_call *c) {
    bk_val q, r;
    if (c->n != 2) return false;
    for (int i = 0; i < 2; i++)
        if (!is_intlike(&c->args[i]) && !is_exact_float(&c->args[i])) return false;
    if (!build_binary(b, DIV, &c->args[0], &c->args[1], &q) || !build_binary(b, REM, &c->args[0], &c->args[1], &r))
        return false;
    if (q.modular || r.modular) return false;
    *c->out = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = 2, .kids = alloc(b, 2 * sizeof q)};
    c->out->kids[0] = q;
    c->out->kids[1] = r;
    return true;
}

static bool builtin_pow(bk_builder *b, const bk_call *c) {
    if (c->n != 2 || c->args[0].kind != V_VAL || c->args[1].kind != V_VAL) return false;
    return build_binary(b, POW, &c->args[0], &c->args[1], c->out);
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

/* cls: a type, or a tuple of them, as a constant or made just now */
static int is_instance(bk_builder *b, bk_obj *type, const bk_val *cls) {
    bk_ticket *t = b->rq.ticket;
    int r = 0;
    if (cls->kind == V_TUPLE) {
        for (int i = 0; i < cls->nkids && !r; i++) r = is_instance(b, type, &cls->kids[i]);
        return r;
    }
    if (cls->kind != V_VAL || !cls->konst) return -1;
    if (bk_py_type(cls->konst) != bk_types.t_tuple) return bk_py_isinstance(t, type, cls->konst);
    for (int64_t i = 0; i < bk_py_len(cls->konst) && !r; i++) r = bk_py_isinstance(t, type, bk_py_item(cls->konst, i));
    return r;
}

/* of an object of unknown type: an I1, or 0 if it cannot be told */
static bk_ref tested_instance(bk_builder *b, bk_ref o, const bk_val *cls) {
    if (cls->kind != V_VAL || !cls->konst || !bk_py_is_plain_class(cls->konst)) return 0;
    bk_const(b->fn, cls->konst);
    bk_ref r = CALLH(b, BK_H_is_instance, o, KP(b, cls->konst));
    guard(b, E(b, BK_GE, r, KI(b, 0)), BK_G_TYPE);
    return E(b, BK_NE, r, KI(b, 0));
}

static bool builtin_isinstance(bk_builder *b, const bk_call *c) {
    if (c->n != 2 || c->args[0].kind == V_NULL) return false;
    if (!c->args[0].type) {
        const bk_val *o = &c->args[0];
        bk_ref r = o->kind == V_VAL && o->box && !o->maybe ? tested_instance(b, o->box, &c->args[1]) : 0;
        if (r) *c->out = v_bool(r);
        return r != 0;
    }
    int r = is_instance(b, c->args[0].type, &c->args[1]);
    if (r < 0) return false;
    *c->out = v_bool(bk_kb(b->fn, r));
    return true;
}

static bool builtin_type(bk_builder *b, const bk_call *c) {
    const bk_val *x = &c->args[0];
    if (c->n != 1 || x->kind != V_VAL) return false;
    if (x->type) *c->out = v_konst(b, x->type);
    else if (x->box && !x->maybe) *c->out = v_volatile(NULL, Eload(b, BK_M_PTR, BK_A_TYPE, x->box, bk_py->layout.type));
    return x->type || (x->box && !x->maybe);
}

/* ---- ranges and iterators ---------------------------------------------------------------------------------------- */

static bool builtin_range(bk_builder *b, const bk_call *c) {
    if (c->n < 1 || c->n > 3) return false;
    bk_ref r[3] = {KI(b, 0), 0, KI(b, 1)};
    for (uint32_t i = 0; i < c->n; i++)
        if (!(r[c->n == 1 ? 1 : i] = call_index(b, &c->args[i]))) return false;
    const bk_ins *step = &b->fn->ins[r[2]];
    if (step->op == BK_K_I64 && !step->imm) return false;
    if (step->op != BK_K_I64) guard(b, E(b, BK_NE, r[2], KI(b, 0)), BK_G_ZERODIV);
    *c->out = (bk_val){.kind = V_RANGE, .type = bk_types.t_range, .nkids = 3, .kids = alloc(b, 3 * sizeof *c->out)};
    for (int i = 0; i < 3; i++) c->out->kids[i] = v_num(bk_types.t_int, r[i]);
    return true;
}

/* an iterator over the argument that takes its reference; only kinds that the loops' code can step */
static bool iterator(bk_builder *b, bk_val *arg, bk_val *it) {
    if (arg->kind == V_NULL || arg->kind == V_TUPLE || arg->obj || !build_getiter(b, arg, it)) return false;
    if (arg->kind != V_VAL) arg->own = O_NONE; /* what a virtual one held goes along */
    return true;
}

static bool builtin_enumerate(bk_builder *b, const bk_call *c) {
    bk_ref start = KI(b, 0);
    if (c->n == 2 && !(start = call_index(b, &c->args[1]))) return false;
    if (c->n < 1 || c->n > 2) return false;
    bk_val *it = alloc(b, sizeof *it);
    if (!iterator(b, &c->args[0], it)) return false;
    if (c->args[0].own == O_OWNED) c->args[0].own = O_NONE;
    *c->out = (bk_val){.kind = V_ENUM, .type = bk_types.t_enumerate, .num = renamed(b, start), .nkids = 1, .kids = it};
    return true;
}

static bool builtin_zip(bk_builder *b, const bk_call *c) {
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
static bool reversed_range(bk_builder *b, const bk_call *c) {
    bk_val it;
    if (!build_getiter(b, &c->args[0], &it) || it.kind != V_RANGEIT || it.nkids) return false;
    int64_t s = it.step;
    if (s == INT64_MIN) return false;
    /* an empty range ends before its start when the step is 1 or -1 */
    bk_ref none = E(b, s > 0 ? BK_GE : BK_LE, it.num, it.num2), end = Et(b, BK_SELECT, BK_I, none, it.num, it.num2);
    bk_ref first = Eguarded(b, BK_SUBOV, end, KI(b, s), BK_G_OVERFLOW),
           stop = Eguarded(b, BK_SUBOV, it.num, KI(b, s), BK_G_OVERFLOW);
    *c->out = (bk_val){.kind = V_RANGEIT, .num = first, .num2 = stop, .step = -s};
    return true;
}

static bool builtin_reversed(bk_builder *b, const bk_call *c) {
    bk_val *v = c->args;
    bk_ref len;
    if (c->n != 1) return false;
    if (v->kind == V_RANGE) return reversed_range(b, c);
    bool tuple = v->type == bk_types.t_tuple;
    if (v->kind != V_VAL || (v->type != bk_types.t_list && !tuple) || !v->box || v->maybe || !build_len(b, v, &len))
        return false;
    *c->out = (bk_val){.kind = V_REVERSED,
                       .type = tuple ? bk_types.t_reversed : bk_types.t_list_reverseiterator,
                       .box = v->box,
                       .own = v->own,
                       .homes = v->homes};
    c->out->seq = tuple ? BK_SEQ_TUPLE : BK_SEQ_LIST;
    c->out->num = E(b, BK_SUB, len, KI(b, 1));
    if (v->own == O_OWNED) v->own = O_NONE;
    return true;
}

/* ---- methods ----------------------------------------------------------------------------------------------------- */

/* the call has been made and must not be made again */
static void done(bk_builder *b) {
    b->effects = true;
    b->neffects++;
    bk_share_boxes(b);
}

static bool is_list(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_list && v->box && !v->maybe; }

static bool list_append(bk_builder *b, const bk_call *c) {
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

static bool list_pop(bk_builder *b, const bk_call *c) {
    bk_ref len;
    if (c->n != 1 || !is_list(c->args) || !build_len(b, c->args, &len)) return false;
    check_release(b, c->args);
    guard(b, E(b, BK_GT, len, KI(b, 0)), BK_G_SIZE);
    begin_effect(b);
    *c->out = v_owned(NULL, CALLH(b, BK_H_list_pop, c->args[0].box));
    return true;
}

static bool int_bits(bk_builder *b, const bk_call *c, bool count) {
    if (c->n != 1 || !is_intlike(c->args)) return false;
    bk_ref n = np_int(b, c->args), m = Et(b, BK_SELECT, BK_I, E(b, BK_LT, n, KI(b, 0)), E(b, BK_SUB, KI(b, 0), n), n);
    return call_int(c, count ? E(b, BK_POPCNT, m, 0) : E(b, BK_SUB, KI(b, 64), E(b, BK_CLZ, m, 0)));
}
static bool int_bit_count(bk_builder *b, const bk_call *c) { return int_bits(b, c, true); }
static bool int_bit_length(bk_builder *b, const bk_call *c) { return int_bits(b, c, false); }

static bool float_is_integer(bk_builder *b, const bk_call *c) {
    if (c->n != 1 || !is_exact_float(c->args)) return false;
    bk_ref x = unbox(b, c->args);
    *c->out = v_bool(E(b, BK_AND, E(b, BK_FEQ, E(b, BK_FFLOOR, x, 0), x), E(b, BK_FFINITE, x, 0)));
    return true;
}

static bool int_is_integer(bk_builder *b, const bk_call *c) {
    if (c->n != 1 || !is_intlike(c->args)) return false;
    *c->out = v_bool(bk_kb(b->fn, true));
    return true;
}

/* the number itself; a bool gives an int */
static bool real_conjugate(bk_builder *b, const bk_call *c) {
    if (c->n != 1) return false;
    if (is_exact_int(c->args) || is_exact_float(c->args)) return call_itself(c);
    return is_intlike(c->args) && call_int(c, np_int(b, c->args));
}

static bool complex_conjugate(bk_builder *b, const bk_call *c) {
    if (c->n != 1 || c->args[0].kind != V_VAL || c->args[0].type != bk_types.t_complex) return false;
    *c->out = v_num(bk_types.t_complex, renamed(b, unbox(b, c->args)));
    c->out->num2 = E(b, BK_FNEG, c->args[0].num2, 0);
    return true;
}

static bool str_isalnum(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_ALNUM); }
static bool str_isalpha(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_ALPHA); }
static bool str_isdigit(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_DIGIT); }
static bool str_isspace(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_SPACE); }
static bool str_isupper(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_UPPER); }
static bool str_islower(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_LOWER); }
static bool str_isdecimal(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_DECIMAL); }
static bool str_isnumeric(bk_builder *b, const bk_call *c) { return str_is(b, c, BK_CHR_NUMERIC); }
static bool str_lower(bk_builder *b, const bk_call *c) { return str_mapped(b, c, bk_py->chr_lower); }
static bool str_upper(bk_builder *b, const bk_call *c) { return str_mapped(b, c, bk_py->chr_upper); }

/* ---- dispatch ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    bool (*build)(bk_builder *b, const bk_call *c);
    uint32_t learn; /* so many operands, from the last, have to have a known type */
} function;

static const function known[] = {
    {"len", builtin_len, 1},
    {"abs", builtin_abs, 1},
    {"complex", builtin_complex, 2},
    {"min", builtin_min, 2},
    {"max", builtin_max, 2},
    {"round", builtin_round, 1},
    {"int", builtin_int, 1},
    {"float", builtin_float, 1},
    {"bool", builtin_bool, 1},
    {"divmod", builtin_divmod, 2},
    {"pow", builtin_pow, 2},
    {"ord", str_ord, 1},
    {"chr", str_chr, 1},
    {"str.isalnum", str_isalnum, 1},
    {"str.isalpha", str_isalpha, 1},
    {"str.isdigit", str_isdigit, 1},
    {"str.isspace", str_isspace, 1},
    {"str.isupper", str_isupper, 1},
    {"str.islower", str_islower, 1},
    {"str.isdecimal", str_isdecimal, 1},
    {"str.isnumeric", str_isnumeric, 1},
    {"str.lower", str_lower, 1},
    {"str.upper", str_upper, 1},
    {"isinstance", builtin_isinstance, 2},
    {"type", builtin_type, 1},
    {"range", builtin_range, 2},
    {"enumerate", builtin_enumerate, 2},
    {"zip", builtin_zip, 2},
    {"reversed", builtin_reversed, 1},
    {"str", text_str, 1},
    {"dict.get", dict_get, 2},
    {"dict.setdefault", dict_setdefault, 2},
    {"dict.pop", dict_pop, 2},
    {"set.add", set_add, 1},
    {"set.discard", set_discard, 1},
    {"set.remove", set_remove, 1},
    {"list.append", list_append, 0},
    {"list.pop", list_pop, 1},
    {"int.bit_count", int_bit_count, 1},
    {"int.bit_length", int_bit_length, 1},
    {"float.is_integer", float_is_integer, 1},
    {"int.is_integer", int_is_integer, 1},
    {"int.conjugate", real_conjugate, 1},
    {"float.conjugate", real_conjugate, 1},
    {"complex.conjugate", complex_conjugate, 1},
};

static void learn_operands(bk_builder *b, const bk_call *c, uint32_t n) {
    for (uint32_t k = 1; k <= n && k <= c->n; k++) learn(b, k);
}

bool build_builtin(bk_builder *b, const char *name, bk_obj *callable, uint32_t n, bk_val *args, bk_val *out) {
    bk_call c = {n, args, out};
    for (uint32_t i = 0; i < n; i++)
        if (args[i].clean) return false;
    if (!strncmp(name, "math.", 5)) {
        learn_operands(b, &c, 2);
        return build_math(b, &c, name + 5);
    }
    if (!strncmp(name, "numpy.", 6)) {
        learn_operands(b, &c, 2);
        return build_np_call(b, name + 6, callable, &c);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name)) continue;
        learn_operands(b, &c, known[i].learn);
        if (known[i].build(b, &c)) return true;
        break;
    }
    if (b->ended) return false;
    if (!strcmp(name, "list") || !strcmp(name, "tuple") || !strcmp(name, "dict") || !strcmp(name, "set")) {
        learn_operands(b, &c, 1);
        return make_empty(b, &c, name);
    }
    return build_direct(b, name, callable, &c);
}
