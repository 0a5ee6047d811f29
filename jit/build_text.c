/* Concatenation and repetition of strings and lists, appending in place, slices, formatting, conversion from and to
 * text. */
#include "build_quiet.h"

enum { ADD = 0, MUL = 5, REM = 6, INPLACE = 13 };

static bool known_int(const bk_val *v) { return is_intlike(v) && fits(v); }

static bk_ref int_of(bk_builder *b, bk_val *v) {
    bk_ref n = unbox(b, v);
    return v->type == bk_types.t_bool ? E(b, BK_B2I, n, 0) : n;
}

static bool result(bk_builder *b, bk_val *out, bk_obj *type, bk_ref p, const bk_temps *t) {
    quiet_guard(b, not_null(b, p), BK_G_VALUE, t);
    drop_temps(b, t);
    *out = v_fresh(type, p);
    return true;
}

/* values whose conversion to text runs no Python code */
static bool formats_quietly(const bk_val *v) {
    if (v->kind == V_TUPLE) {
        for (int i = 0; i < v->nkids; i++)
            if (!formats_quietly(&v->kids[i])) return false;
        return v->nkids <= 8;
    }
    return known_int(v) || is_type(v, bk_types.t_float) || is_type(v, bk_types.t_str);
}

/* unboxed ints are small enough that no big-int code in Python is used */
static void prepare(bk_builder *b, bk_val *v) {
    for (int i = 0; i < v->nkids; i++) prepare(b, &v->kids[i]);
    if (v->kind == V_VAL && v->type == bk_types.t_int) unbox(b, v);
}

/* ---- operators --------------------------------------------------------------------------------------------------- */

static bool repeat(bk_builder *b, bk_val *s, bk_val *n, bk_val *out, const bk_temps *t) {
    if (!known_int(n)) return false;
    if (is_type(s, bk_types.t_str)) {
        bk_ref k = int_of(b, n);
        return result(b, out, bk_types.t_str, CALLH(b, BK_H_str_repeat, boxed(b, s), k), t);
    }
    return false;
}

bool text_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out) {
    bk_temps t = {.n = 0};
    if (op >= INPLACE) op -= INPLACE;
    if (op == MUL) return is_type(x, bk_types.t_str) ? repeat(b, x, y, out, &t) : repeat(b, y, x, out, &t);
    if (!is_type(x, bk_types.t_str)) return false;
    if (op == ADD && is_type(y, bk_types.t_str)) {
        bk_ref p = temp_box(b, x, &t), q = temp_box(b, y, &t);
        return result(b, out, bk_types.t_str, CALLH(b, BK_H_str_concat, p, q), &t);
    }
    if (op != REM || !formats_quietly(y)) return false;
    prepare(b, y);
    bk_ref p = temp_box(b, x, &t), q = temp_box(b, y, &t);
    return result(b, out, bk_types.t_str, CALLH(b, BK_H_str_mod, p, q), &t);
}

/* the local that the next instruction stores to, -1 none; a string appended to itself there grows in place */
static int stored_next(bk_builder *b, const bk_insn **store) {
    uint32_t at = insn(b)->next;
    const bk_insn *in = &TOPF(b)->ci->insns[at];
    *store = in;
    if (TOPF(b)->flow->merge[at]) return -1;
    return in->op == BC_STORE_FAST || in->op == BC_STORE_FAST_LOAD_FAST ? in->arg : -1;
}

/* the left operand is the local's own value: borrowed from it, or perhaps (a reference of the stack's) the same object
 */
static bool left_is_local(bk_builder *b, const bk_val *x, const bk_val *l, uint32_t slot) {
    if (l->kind != V_VAL || l->num || l->konst || !x->box || x->maybe || x->konst || x->num) return false;
    if (!is_outer(b))
        return is_type(l, bk_types.t_str) && l->own == O_OWNED && l->box && !l->maybe &&
               (x->box == l->box || x->own == O_OWNED);
    if (!l->clean || slot >= 63 || !(l->simple || simple_type(l->type))) return false; /* dead locals lose their type */
    return x->own == O_OWNED || (x->own == O_HOMES && x->homes == home_bit(slot));
}

static void append_outer(bk_builder *b, uint32_t slot, bk_val *l, bk_ref x, bk_val *y) {
    vacate_homes(b, home_bit(slot));
    bool same = y->own == O_HOMES && (y->homes & home_bit(slot));
    if (same) E(b, BK_INCREF, y->box, 0);
    bk_ref r = CALLH(b, BK_H_local_append, KI(b, slot), x, y->box);
    *l = (bk_val){.kind = V_VAL, .type = bk_types.t_str, .clean = true}; /* or nothing, when it failed */
    push(b, v_konst(b, bk_types.t_none));
    push(b, *y);
    if (same) top(b, 1)->own = O_OWNED;
    b->raise_snap = snap_now(b, TOPF(b)->pc, BK_SNAP_RAISE, BK_G_RAISE);
    pop(b);
    pop(b);
    raise_if_null(b, r);
    *l = (bk_val){.kind = V_VAL, .type = bk_types.t_str, .box = r, .own = O_HOMES, .homes = home_bit(slot)};
    l->clean = true;
    if (same) E(b, BK_DECREFN, y->box, 0);
}

/* s += t, s = s + t with s a local: done together with the store, so that s has no other reference meanwhile */
bool text_append(bk_builder *b, int op) {
    const bk_insn *store;
    bk_val *y = top(b, 1), *x = top(b, 2);
    if ((op != ADD && op != ADD + INPLACE) || !is_type(x, bk_types.t_str) || !is_type(y, bk_types.t_str)) return false;
    int slot = stored_next(b, &store);
    bk_val *l = slot >= 0 ? &TOPF(b)->slots[slot] : NULL;
    if (!l || !left_is_local(b, x, l, (uint32_t)slot)) return false;
    boxed(b, y);
    bk_val right;
    if (is_outer(b)) {
        right = pop(b);
        bk_val left = pop(b);
        begin_effect(b);
        secure(b, &right);
        append_outer(b, (uint32_t)slot, l, left.own == O_OWNED ? left.box : KP(b, NULL), &right);
    } else {
        if (x->own == O_VOLATILE) x->own = O_NONE; /* the local's: a reference of its own would keep it from growing */
        begin_effect(b);
        bk_ref r = CALLH(b, BK_H_str_grow, l->box, x->own == O_OWNED ? x->box : KP(b, NULL), y->box);
        bk_ref good = E(b, BK_NE, r, KP(b, NULL));
        exit_unless(b, good, snap_now(b, TOPF(b)->pc, BK_SNAP_RESUME, BK_G_MEMORY)); /* the interpreter tries again */
        right = pop(b);
        pop(b);
        *l = v_owned(bk_types.t_str, r);
    }
    release(b, &right);
    if (store->op == BC_STORE_FAST_LOAD_FAST) {
        bk_val v = load_local(b, store->arg2);
        if (v.kind == V_NULL) bk_abort(b, BK_AB_VERIFY);
        push(b, v);
    }
    flow_continue(b, store->next);
    return true;
}

/* ---- slices ------------------------------------------------------------------------------------------------------ */

static bool bound(const bk_val *v) { return v->konst == bk_types.t_none || known_int(v); }

static bk_ref bound_of(bk_builder *b, bk_val *v, int64_t none) {
    return v->konst == bk_types.t_none ? KI(b, none) : int_of(b, v);
}

/* container[start:stop] */
bool build_slice(bk_builder *b) {
    bk_val *stop = top(b, 1), *start = top(b, 2), *o = top(b, 3), out;
    bk_temps t = {.n = 0};
    learn(b, 2);
    learn(b, 1);
    const bk_prof *p = prof(b);
    if ((p->flags & BK_PF_GENERIC) || o->kind != V_VAL || !o->type || o->clean || !bound(start) || !bound(stop))
        return false;
    bk_helper h = o->type == bk_types.t_str     ? BK_H_str_slice
                  : o->type == bk_types.t_list  ? BK_H_list_slice
                  : o->type == bk_types.t_tuple ? BK_H_tuple_slice
                  : o->type == bk_types.t_bytes ? BK_H_bytes_slice
                                                : BK_NHELPERS;
    if (h == BK_NHELPERS) return false;
    for (uint32_t k = 1; k <= 3; k++) check_release(b, top(b, k));
    bk_ref i = bound_of(b, start, 0), k = bound_of(b, stop, INT64_MAX);
    result(b, &out, o->type, CALLH(b, h, temp_box(b, o, &t), i, k), &t);
    begin_effect(b);
    release_operands(b, 3);
    push(b, out);
    return true;
}

/* ---- text of values ---------------------------------------------------------------------------------------------- */

/* str(v), new or v itself; 0: not here */
static bk_ref text_of(bk_builder *b, bk_val *v, bk_temps *t) {
    if (known_int(v) && v->type == bk_types.t_int) return CALLH(b, BK_H_str_of_int, unbox(b, v));
    if (is_intlike(v) || is_type(v, bk_types.t_float) || is_type(v, bk_types.t_none_type) || is_type(v, bk_types.t_str))
        return CALLH(b, BK_H_str_plain, temp_box(b, v, t));
    return 0;
}

static bool with_spec(bk_builder *b) {
    bk_val *spec = top(b, 1), *v = top(b, 2), out;
    bk_temps t = {.n = 0};
    if (!is_type(spec, bk_types.t_str) || !formats_quietly(v) || v->kind != V_VAL) return false;
    prepare(b, v);
    bk_ref p = temp_box(b, v, &t), s = temp_box(b, spec, &t);
    result(b, &out, bk_types.t_str, CALLH(b, BK_H_format_plain, p, s), &t);
    begin_effect(b);
    release_operands(b, 2);
    push(b, out);
    return true;
}

static bool simple_text(bk_builder *b) {
    bk_val *v = top(b, 1), out;
    bk_temps t = {.n = 0};
    if (v->kind != V_VAL || v->clean) return false;
    if (is_type(v, bk_types.t_str)) return true; /* exact strings are themselves */
    bk_ref p = text_of(b, v, &t);
    if (!p) return false;
    result(b, &out, bk_types.t_str, p, &t);
    begin_effect(b);
    release_operands(b, 1);
    push(b, out);
    return true;
}

/* !s, !r and !a of numbers and None are the same */
static bool converts_simply(bk_builder *b, int64_t how) {
    return (how == 1 || !is_type(top(b, 1), bk_types.t_str)) && simple_text(b);
}

static bool join(bk_builder *b, uint32_t n) {
    bk_val out;
    bk_temps t = {.n = 0};
    if (n > 16) return false;
    for (uint32_t k = 1; k <= n; k++)
        if (!is_type(top(b, k), bk_types.t_str) || top(b, k)->clean) return false;
    for (uint32_t i = 0; i < n; i++) CALLH(b, BK_H_arg_set, KI(b, i), temp_box(b, top(b, n - i), &t));
    result(b, &out, bk_types.t_str, CALLH(b, BK_H_str_join_args, KI(b, n)), &t);
    begin_effect(b);
    release_operands(b, n);
    push(b, out);
    return true;
}

bool build_format(bk_builder *b, const bk_insn *in) {
    if (prof(b)->flags & BK_PF_GENERIC) return false;
    learn(b, 1);
    switch (in->op) {
    case BC_BUILD_STRING: return join(b, (uint32_t)in->arg);
    case BC_FORMAT_SIMPLE: return simple_text(b);
    case BC_FORMAT_WITH_SPEC: learn(b, 2); return with_spec(b);
    case BC_FORMAT_VALUE:
        if (in->arg2) learn(b, 2);
        if (in->arg) return !in->arg2 && converts_simply(b, in->arg);
        return in->arg2 ? with_spec(b) : simple_text(b);
    case BC_CONVERT_VALUE: return converts_simply(b, in->arg);
    default: return false;
    }
}

bool text_str(bk_builder *b, const bk_call *c) {
    bk_temps t = {.n = 0};
    if (c->n != 1) return false;
    if (is_type(c->args, bk_types.t_str)) return call_itself(c);
    bk_ref p = c->args[0].kind == V_VAL ? text_of(b, c->args, &t) : 0;
    return p && result(b, c->out, bk_types.t_str, p, &t);
}

static bool parse(bk_builder *b, const bk_call *c, bk_helper h, bk_obj *type) {
    bk_temps t = {.n = 0};
    if (c->n != 1 || !is_type(c->args, bk_types.t_str)) return false;
    return result(b, c->out, type, CALLH(b, h, temp_box(b, c->args, &t)), &t);
}

bool text_int(bk_builder *b, const bk_call *c) {
    bk_temps t = {.n = 0};
    if (c->n != 1 || !is_type(c->args, bk_types.t_str) || (prof(b)->nseen && prof(b)->seen[0].wide)) return false;
    bk_ref n = CALLH(b, BK_H_parse_int, temp_box(b, c->args, &t));
    guard(b, E(b, BK_NE, n, KI(b, INT64_MIN)), BK_G_VALUE); /* a string is never a new box */
    return call_int(c, n);
}

bool text_float(bk_builder *b, const bk_call *c) { return parse(b, c, BK_H_float_of_str, bk_types.t_float); }
