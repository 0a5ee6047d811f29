/* Calls of C functions that run no Python code on the arguments at hand: exact built-in numbers and strings, or lists,
 * tuples and ranges of them. They need no synchronised frame; the arguments are boxed, and the result is unboxed. */
#include "build.h"
#include <string.h>

/* of builtins; those of math and cmath are all such functions */
static const char *const names[] = {
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "chr",
    "complex",
    "divmod",
    "float",
    "hash",
    "hex",
    "int",
    "len",
    "max",
    "min",
    "oct",
    "ord",
    "pow",
    "repr",
    "round",
    "str",
    "sum",
    "int.as_integer_ratio",
    "float.as_integer_ratio",
    "float.hex",
};

static bool is_plain_function(const char *name) {
    if (!strncmp(name, "math.", 5) || !strncmp(name, "cmath.", 6)) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static bool is_plain(const bk_val *v) {
    bk_obj *t = v->type;
    return v->kind == V_VAL && t &&
           (t == bk_types.t_int || t == bk_types.t_float || t == bk_types.t_bool || t == bk_types.t_complex ||
            t == bk_types.t_str || t == bk_types.t_bytes || t == bk_types.t_none_type);
}

static bool is_sequence(const bk_val *v) {
    if (v->kind == V_RANGE) return true;
    if (v->kind == V_TUPLE) {
        for (int i = 0; i < v->nkids; i++)
            if (!is_plain(&v->kids[i])) return false;
        return true;
    }
    return v->kind == V_VAL && (v->type == bk_types.t_list || v->type == bk_types.t_tuple) && v->box && !v->maybe;
}

static bool all_plain(bk_builder *b, uint32_t n) {
    for (uint32_t k = 1; k <= n && k <= 2; k++) learn(b, k);
    for (uint32_t k = 1; k <= n; k++)
        if (!is_plain(top(b, k)) && !is_sequence(top(b, k))) return false;
    return true;
}

/* the arguments as objects; the items of sequences are looked at */
static bool make_arguments(bk_builder *b, uint32_t n) {
    for (uint32_t k = n; k > 0; k--) {
        bk_val *v = top(b, k);
        if (v->kind == V_VAL && is_sequence(v)) guard(b, CALLH(b, BK_H_plain_items, v->box), BK_G_TYPE);
        check_release(b, v);
    }
    return box_operands(b, n);
}

bool build_plain_call(bk_builder *b, const char *name, bk_obj *callable, uint32_t nstack, bool bound) {
    uint32_t n = nstack + bound;
    if (!is_plain_function(name) || n > 8 || !n || !all_plain(b, n) || !make_arguments(b, n)) return false;
    begin_effect(b);
    b->raise_snap = snap_now(b, TOPF(b)->pc, BK_SNAP_RAISE, BK_G_RAISE);
    for (uint32_t i = 0; i < n; i++) CALLH(b, BK_H_arg_set, KI(b, (int64_t)i + 1), top(b, n - i)->box);
    bk_ref names_of = KP(b, b->kwnames);
    bk_ref r = CALLH(b, BK_H_call_plain, KP(b, callable), names_of, KI(b, 1), KI(b, n));
    raise_if_null(b, r);
    for (uint32_t i = 0; i < n; i++) {
        bk_val v = pop(b);
        release(b, &v);
    }
    pop(b); /* the callable, a constant */
    if (!bound) pop(b);
    push(b, v_owned(NULL, r));
    b->result_of = prof(b);
    flow_continue(b, insn(b)->next);
    return true;
}
