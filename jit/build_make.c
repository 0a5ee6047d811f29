/* New lists, dicts and sets, and what is added to them while they are built: allocations, not unknown calls. */
#include "build_quiet.h"
#include <string.h>

static bool finish(bk_builder *b, uint32_t n, bk_obj *type, bk_ref p, const bk_temps *t) {
    quiet_guard(b, not_null(b, p), BK_G_MEMORY, t);
    begin_effect(b);
    drop_temps(b, t);
    release_operands(b, n);
    push(b, v_fresh(type, p));
    return true;
}

/* the items' references move into the list, so that unboxed ones are boxed once */
static bool make_list(bk_builder *b, uint32_t n) {
    bk_temps t = {.n = 0};
    if (n > 24) return false;
    for (uint32_t k = 1; k <= n; k++)
        if (!can_box(top(b, k)) || top(b, k)->clean) return false;
    for (uint32_t i = 0; i < n; i++) CALLH(b, BK_H_arg_set, KI(b, i), temp_box(b, top(b, n - i), &t));
    for (uint32_t k = 1; k <= n; k++) check_release(b, top(b, k));
    return finish(b, n, bk_types.t_list, CALLH(b, BK_H_build_plain, KI(b, BK_B_LIST), KI(b, n)), &t);
}

static bool plain_key(const bk_val *v) {
    if (v->kind == V_TUPLE) {
        for (int i = 0; i < v->nkids; i++)
            if (!plain_key(&v->kids[i])) return false;
        return true;
    }
    return v->kind == V_VAL && v->type && simple_type(v->type) && bk_py_np_typenum(v->type) < 0;
}

/* keys: every step-th operand, from the first one on */
static bool make_hashed(bk_builder *b, int what, uint32_t n, uint32_t step, bk_obj *type) {
    bk_temps t = {.n = 0};
    if (n > 24) return false;
    for (uint32_t i = 0; i < n; i++) {
        bk_val *v = top(b, n - i);
        if (!can_box(v) || v->clean || (step && i % step == 0 && !plain_key(v))) return false;
    }
    for (uint32_t i = 0; i < n; i++) CALLH(b, BK_H_arg_set, KI(b, i), temp_box(b, top(b, n - i), &t));
    for (uint32_t k = 1; k <= n; k++) check_release(b, top(b, k));
    return finish(b, n, type, CALLH(b, BK_H_build_plain, KI(b, what), KI(b, n)), &t);
}

/* a tuple of names as the last operand */
static bool make_by_names(bk_builder *b, uint32_t n) {
    const bk_val *names = top(b, 1);
    if (!names->konst || bk_py_type(names->konst) != bk_types.t_tuple) return false;
    for (int64_t i = 0; i < bk_py_len(names->konst); i++)
        if (!simple_type(bk_py_type(bk_py_item(names->konst, i)))) return false;
    return make_hashed(b, BK_B_CONST_KEY_MAP, n, 0, bk_types.t_dict);
}

/* [*a, b]: the list below grows by an exact list or tuple */
static bool extend(bk_builder *b, uint32_t depth) {
    bk_val *v = top(b, 1), *l = top(b, depth + 1);
    learn(b, 1);
    if (!is_type(l, bk_types.t_list) || !l->box || l->maybe || v->clean || !v->box || v->maybe) return false;
    if (!is_type(v, bk_types.t_list) && !is_type(v, bk_types.t_tuple)) return false;
    check_release(b, v);
    secure_now(b);
    guard(b, CALLH(b, BK_H_list_extend_plain, l->box, v->box), BK_G_MEMORY);
    did(b);
    release_operands(b, 1);
    return true;
}

/* comprehensions: {x for ...}, {k: v for ...} */
static bool add_item(bk_builder *b, uint32_t depth, bool map) {
    bk_temps t = {.n = 0};
    uint32_t n = map ? 2 : 1;
    bk_val *o = top(b, depth + n), *key = top(b, n);
    learn(b, 1);
    if (map) learn(b, 2);
    if (!is_type(o, map ? bk_types.t_dict : bk_types.t_set) || !o->box || o->maybe || o->clean) return false;
    for (uint32_t k = 1; k <= n; k++)
        if (!can_box(top(b, k)) || top(b, k)->clean) return false;
    if (key->type && !plain_key(key)) return false;
    for (uint32_t k = 1; k <= n; k++) check_release(b, top(b, k));
    secure_now(b);
    bk_ref k = temp_box(b, key, &t), v = map ? temp_box(b, top(b, 1), &t) : 0;
    bk_ref ok = map ? CALLH(b, BK_H_dict_put, o->box, k, v) : CALLH(b, BK_H_set_put, o->box, k);
    quiet_guard(b, ok, BK_G_VALUE, &t);
    did(b);
    drop_temps(b, &t);
    release_operands(b, n);
    return true;
}

bool build_make(bk_builder *b, const bk_insn *in) {
    uint32_t n = (uint32_t)in->arg;
    bk_temps none = {.n = 0};
    if (prof(b)->flags & BK_PF_GENERIC) return false;
    switch (in->op) {
    case BC_BUILD_LIST: return make_list(b, n);
    case BC_BUILD_MAP:
        return n ? make_hashed(b, BK_B_MAP, 2 * n, 2, bk_types.t_dict)
                 : finish(b, 0, bk_types.t_dict, Ecall(b, BK_H_dict_new, 0, NULL), &none);
    case BC_BUILD_SET: return make_hashed(b, BK_B_SET, n, 1, bk_types.t_set);
    case BC_BUILD_CONST_KEY_MAP: return make_by_names(b, n + 1);
    case BC_LIST_EXTEND: return extend(b, n);
    case BC_SET_ADD: return add_item(b, n, false);
    case BC_MAP_ADD: return add_item(b, n, true);
    default: return false;
    }
}

/* list(), dict(), set(), tuple() without arguments or over an exact sequence */
bool make_empty(bk_builder *b, const bk_call *c, const char *name) {
    bk_temps t = {.n = 0};
    bk_ref p;
    bk_obj *type = !strcmp(name, "list")    ? bk_types.t_list
                   : !strcmp(name, "tuple") ? bk_types.t_tuple
                   : !strcmp(name, "dict")  ? bk_types.t_dict
                                            : bk_types.t_set;
    if (c->n > 1) return false;
    if (c->n == 0) {
        p = type == bk_types.t_list   ? CALLH(b, BK_H_list_new, KI(b, 0))
            : type == bk_types.t_dict ? Ecall(b, BK_H_dict_new, 0, NULL)
            : type == bk_types.t_set  ? Ecall(b, BK_H_set_new, 0, NULL)
                                      : 0;
    } else {
        const bk_val *v = c->args;
        bool over = v->kind == V_VAL && v->type && can_box(v) &&
                    (v->type == bk_types.t_list || v->type == bk_types.t_str || v->type == bk_types.t_bytes ||
                     v->type == bk_types.t_dict || v->type == bk_types.t_set || v->type == bk_types.t_dict_keys ||
                     v->type == bk_types.t_dict_values || v->type == bk_types.t_dict_items ||
                     (v->type == bk_types.t_tuple && type == bk_types.t_list));
        if (!over || (type != bk_types.t_list && type != bk_types.t_tuple)) return false;
        check_release(b, v);
        p = CALLH(b, type == bk_types.t_list ? BK_H_list_of : BK_H_tuple_of, temp_box(b, c->args, &t));
    }
    if (!p) return false;
    quiet_guard(b, not_null(b, p), BK_G_MEMORY, &t);
    drop_temps(b, &t);
    begin_effect(b);
    *c->out = v_fresh(type, p);
    return true;
}
