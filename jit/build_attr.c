/* Attributes: modules, instances (inline values, slots), methods. */
#include "build.h"

/* the instance keeps its values inline now; gives the base address for value loads */
static bk_ref values_of(bk_builder *b, const bk_val *o, const bk_attr *at) {
    if (!at->indirect) {
        bk_ref valid = Eload(b, BK_M_U8, BK_A_KEYS, o->box, at->valid_off);
        guard(b, E(b, BK_EQ, valid, KI(b, 1)), BK_G_LAYOUT);
        return o->box;
    }
    bk_ref w = Eload(b, BK_M_I64, BK_A_KEYS, o->box, at->valid_off);
    guard(b, E(b, BK_EQ, E(b, BK_AND, w, KI(b, 1)), KI(b, 1)), BK_G_LAYOUT);
    bk_ref p = E(b, BK_SUB, w, KI(b, 1));
    guard(b, E(b, BK_NE, p, KI(b, 0)), BK_G_LAYOUT);
    return E(b, BK_I2P, p, 0);
}

/* a class attribute is not shadowed by the instance */
static void guard_unshadowed(bk_builder *b, const bk_val *o, const bk_attr *at) {
    if (at->inst_values) values_of(b, o, at);
    if (!at->keys_addr) return;
    bk_ref n = Eload(b, at->keys_bytes == 4 ? BK_M_I32 : BK_M_I64, BK_A_KEYS, KP(b, at->keys_addr), 0);
    guard(b, E(b, BK_EQ, n, KI(b, at->keys_value)), BK_G_LAYOUT);
}

static bk_val load_value(bk_builder *b, bk_ref base, int64_t off) {
    bk_ref p = Eload(b, BK_M_PTR, BK_A_INST, base, off);
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_UNBOUND);
    bk_val v = v_volatile(NULL, p);
    apply_seen(b, &v, prof(b));
    return v;
}

/* methods of numbers, boxed or not; parts of ints, floats and complex numbers */
static bool number_attr(bk_builder *b, bk_val *o, bk_obj *name, bool method, bk_val *out, bk_val *self) {
    bk_attr at;
    if (bk_py_np_typenum(o->type) >= 0 || !fits(o)) return false;
    if (method) {
        bk_py_attr(b->rq.ticket, o->type, name, false, &at);
        if (at.kind != BK_AT_BUILTIN_METHOD) return false;
        *out = v_konst(b, at.value);
        self->kind = V_VAL;
        return true;
    }
    bool real = bk_py_str_is(name, "real"), imag = bk_py_str_is(name, "imag");
    bool exact_int = o->type == bk_types.t_int, integer = exact_int || o->type == bk_types.t_bool;
    if (o->type == bk_types.t_complex && (real || imag)) {
        bk_ref re = unbox(b, o);
        *out = v_num(bk_types.t_float, renamed(b, real ? re : o->num2));
    } else if ((o->type == bk_types.t_float && real) || (exact_int && (real || bk_py_str_is(name, "numerator")))) {
        *out = *o; /* the object itself */
        if (o->own == O_OWNED) o->own = O_NONE;
    } else if (o->type == bk_types.t_float && imag) *out = v_num(bk_types.t_float, KF(b, 0));
    else if (integer && imag) *out = v_num(bk_types.t_int, KI(b, 0));
    else if (integer && bk_py_str_is(name, "denominator")) *out = v_num(bk_types.t_int, KI(b, 1));
    else return false;
    return true;
}

/* self: V_NULL, or anything else when `out` is a function to be called with the owner as its first argument */
bool build_attr(bk_builder *b, bk_val *o, bk_obj *name, bool method, bk_val *out, bk_val *self) {
    *self = v_null();
    if (is_array_view(o)) return !method && np_attr(b, o, name, out);
    if (o->kind == V_INST) return inst_load(b, o, name, method, out, self);
    if (o->kind != V_VAL) return false;
    if (o->konst && o->type == bk_types.t_module) {
        bk_obj *v = bk_assume_module_attr(b->rq.ticket, o->konst, name);
        if (!v) return false;
        *out = v_konst(b, v);
        return true;
    }
    if (is_num(o) && number_attr(b, o, name, method, out, self)) return true;
    if (!o->type || !o->box || o->maybe || o->clean) return false;
    if (o->type == bk_types.t_ndarray && !method && np_attr(b, o, name, out)) return true;
    bk_attr at;
    bk_py_attr(b->rq.ticket, o->type, name, false, &at);
    switch (at.kind) {
    case BK_AT_INLINE: *out = load_value(b, values_of(b, o, &at), at.values_off + 8 * (int64_t)at.index); return true;
    case BK_AT_SLOT: *out = load_value(b, o->box, at.offset); return true;
    case BK_AT_CLASSVAR:
        guard_unshadowed(b, o, &at);
        *out = v_konst(b, at.value);
        return true;
    case BK_AT_METHOD:
    case BK_AT_BUILTIN_METHOD:
        if (!method) return false;
        guard_unshadowed(b, o, &at);
        *out = v_konst(b, at.value);
        self->kind = V_VAL;
        return true;
    default: return false;
    }
}

bool build_store_attr(bk_builder *b, bk_val *o, bk_obj *name, bk_val *v) {
    if (o->kind != V_VAL || !o->type || !o->box || o->maybe || v->kind != V_VAL) return false;
    if (dies_loudly(b)) return false;
    bk_attr at;
    bk_py_attr(b->rq.ticket, o->type, name, true, &at);
    bk_ref base;
    int64_t off;
    if (at.kind == BK_AT_INLINE) {
        base = values_of(b, o, &at);
        off = at.values_off + 8 * (int64_t)at.index;
    } else if (at.kind == BK_AT_SLOT) {
        base = o->box;
        off = at.offset;
    } else return false;
    bk_ref old = Eload(b, BK_M_PTR, BK_A_INST, base, off);
    guard(b, E(b, BK_NE, old, KP(b, NULL)), BK_G_UNBOUND);
    bk_val oldv = v_volatile(NULL, old);
    /* what is replaced is likely of the same type as what is stored */
    if (simple_type(v->type)) guard_type(b, &oldv, v->type);
    else check_death(b, old);
    check_survives(b, o);
    if (v->type == bk_types.t_float && v->num && !v->box) {
        store_float_box(b, old, v, BK_A_INST, base, 0, 0, off);
        return true;
    }
    boxed(b, v);
    begin_effect(b);
    bk_ref p = take(b, v);
    Estore(b, BK_M_PTR, BK_A_INST, base, 0, 0, off, p);
    E(b, simple_type(oldv.type) ? BK_DECREFN : BK_DECREFQ, old, 0);
    return true;
}
