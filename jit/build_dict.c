/* Dicts and sets with plain keys, `in`, and iteration over them: helpers that run no Python code. What they cannot do
 * leaves to the interpreter; if that happens often, the instruction becomes a residual call. */
#include "build_quiet.h"

static bool is_dict(const bk_val *v) { return is_type(v, bk_types.t_dict) && v->box && !v->maybe; }
static bool is_set(const bk_val *v) { return is_type(v, bk_types.t_set) && v->box && !v->maybe; }

/* its type, if known, does not rule it out as a plain key */
static bool may_be_plain(const bk_val *k) {
    if (!can_box(k)) return false;
    if (k->kind == V_TUPLE) {
        for (int i = 0; i < k->nkids; i++)
            if (!may_be_plain(&k->kids[i])) return false;
        return true;
    }
    bk_obj *t = k->type;
    return !t || t == bk_types.t_str || t == bk_types.t_int || t == bk_types.t_float || t == bk_types.t_bool ||
           t == bk_types.t_bytes || t == bk_types.t_complex || t == bk_types.t_none_type || t == bk_types.t_tuple;
}

/* neither NULL nor "cannot" */
static bk_ref is_object(bk_builder *b, bk_ref p) { return E(b, BK_ULT, KI(b, 1), E(b, BK_P2I, p, 0)); }
static bk_ref is_known(bk_builder *b, bk_ref p) { return E(b, BK_NE, p, KP(b, (void *)1)); }

/* ---- lookups ----------------------------------------------------------------------------------------------------- */

bool dict_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out) {
    bk_temps t = {.n = 0};
    if (!may_be_plain(key)) return false;
    bk_ref p = CALLH(b, BK_H_dict_find, o->box, temp_box(b, key, &t));
    quiet_guard(b, is_object(b, p), BK_G_BOUNDS, &t);
    drop_temps(b, &t);
    *out = v_volatile(NULL, p);
    apply_seen(b, out, prof(b));
    return true;
}

static bk_ref char_in(bk_builder *b, bk_val *item, bk_val *str) {
    if (!str->konst || !(bk_py_str_form(str->konst) & BK_STR_ASCII))
        return CALLH(b, BK_H_str_has_chr, boxed(b, str), item->num);
    uint64_t mask[2] = {0, 0};
    const char *s = bk_py_text(str->konst); /* may have NULs in it */
    for (int64_t i = 0, n = bk_py_len(str->konst); i < n; i++) mask[s[i] >> 6 & 1] |= UINT64_C(1) << (s[i] & 63);
    bk_ref low = E(b, BK_ULT, item->num, KI(b, 64)),
           m = Et(b, BK_SELECT, BK_I, low, KI(b, (int64_t)mask[0]), KI(b, (int64_t)mask[1]));
    bk_ref bit = E(b, BK_AND, E(b, BK_SHR, m, E(b, BK_AND, item->num, KI(b, 63))), KI(b, 1));
    return E(b, BK_AND, E(b, BK_NE, bit, KI(b, 0)), E(b, BK_ULT, item->num, KI(b, 128)));
}

/* the condition, or 0: no fast path */
static bk_ref contains(bk_builder *b, bk_val *item, bk_val *in, bk_temps *t) {
    bk_ref r;
    if (in->kind != V_VAL || !in->type) return 0;
    if (in->type == bk_types.t_str) {
        if (!is_type(item, bk_types.t_str)) return 0;
        if (item->num && !(in->konst && bk_py_len(in->konst) == 0)) return char_in(b, item, in);
        r = CALLH(b, BK_H_str_has, boxed(b, in), boxed(b, item));
    } else {
        if (!in->box || in->maybe || !may_be_plain(item)) return 0;
        bk_helper h = in->type == bk_types.t_dict                                      ? BK_H_dict_find
                      : in->type == bk_types.t_set || in->type == bk_types.t_frozenset ? BK_H_set_has
                      : in->type == bk_types.t_list || in->type == bk_types.t_tuple    ? BK_H_seq_has
                                                                                       : BK_NHELPERS;
        if (h == BK_NHELPERS) return 0;
        r = CALLH(b, h, in->box, temp_box(b, item, t));
        if (h == BK_H_dict_find) {
            quiet_guard(b, is_known(b, r), BK_G_VALUE, t);
            return not_null(b, r);
        }
    }
    quiet_guard(b, E(b, BK_GE, r, KI(b, 0)), BK_G_VALUE, t);
    return E(b, BK_NE, r, KI(b, 0));
}

bool build_contains(bk_builder *b, bool invert) {
    bk_temps t = {.n = 0};
    learn(b, 2);
    learn(b, 1);
    if ((prof(b)->flags & BK_PF_GENERIC) || top(b, 1)->clean || top(b, 2)->clean) return false;
    bk_ref c = contains(b, top(b, 2), top(b, 1), &t);
    if (!c) return false;
    drop_temps(b, &t);
    check_release(b, top(b, 1));
    check_release(b, top(b, 2));
    release_operands(b, 2);
    push(b, v_bool(invert ? E(b, BK_NOT, c, 0) : c));
    return true;
}

/* found or default: what a volatile result borrows from is kept by the caller */
static bk_val one_of(bk_builder *b, bk_ref found, bk_ref p, bk_val *other, bk_temps *t) {
    uint32_t before = t->n;
    bk_ref d = temp_box(b, other, t), r = Et(b, BK_SELECT, BK_P, found, p, d);
    if (t->n == before) return v_volatile(NULL, r);
    E(b, BK_INCREF, r, 0);
    return v_owned(NULL, r);
}

bool dict_get(bk_builder *b, const bk_call *c) {
    bk_temps t = {.n = 0};
    if (c->n < 2 || c->n > 3 || !is_dict(c->args) || !may_be_plain(&c->args[1])) return false;
    if (c->n == 3 && !can_box(&c->args[2])) return false;
    for (uint32_t i = 0; i < c->n; i++) check_release(b, &c->args[i]);
    bk_val none = v_konst(b, bk_types.t_none);
    bk_ref p = CALLH(b, BK_H_dict_find, c->args[0].box, temp_box(b, &c->args[1], &t));
    quiet_guard(b, is_known(b, p), BK_G_VALUE, &t);
    *c->out = one_of(b, not_null(b, p), p, c->n == 3 ? &c->args[2] : &none, &t);
    drop_temps(b, &t);
    if (c->out->own == O_VOLATILE) apply_seen(b, c->out, prof(b));
    return true;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

bool dict_store(bk_builder *b, bk_val *o, bk_val *key, bk_val *v) {
    bk_temps t = {.n = 0};
    if (!is_dict(o) || !may_be_plain(key) || !can_box(v)) return false;
    check_release(b, key);
    check_release(b, o);
    check_release(b, v);
    secure_now(b);
    bk_ref k = temp_box(b, key, &t), p = temp_box(b, v, &t);
    quiet_guard(b, CALLH(b, BK_H_dict_put, o->box, k, p), BK_G_VALUE, &t);
    did(b);
    drop_temps(b, &t);
    release(b, v);
    return true;
}

bool dict_delete(bk_builder *b) {
    bk_temps t = {.n = 0};
    bk_val *key = top(b, 1), *o = top(b, 2);
    learn(b, 2);
    learn(b, 1);
    if ((prof(b)->flags & BK_PF_GENERIC) || key->clean || !is_dict(o) || !may_be_plain(key)) return false;
    check_release(b, key);
    check_release(b, o);
    secure_now(b);
    bk_ref k = temp_box(b, key, &t);
    quiet_guard(b, CALLH(b, BK_H_dict_del, o->box, k), BK_G_VALUE, &t);
    did(b);
    drop_temps(b, &t);
    release_operands(b, 2);
    return true;
}

/* the arguments' checks; then the state from which a failing helper leaves */
static bool begin_change(bk_builder *b, const bk_call *c, uint32_t min, uint32_t max) {
    if (c->n < min || c->n > max || !may_be_plain(&c->args[1])) return false;
    for (uint32_t i = 2; i < c->n; i++)
        if (!can_box(&c->args[i])) return false;
    for (uint32_t i = 0; i < c->n; i++) check_release(b, &c->args[i]);
    secure_now(b);
    return true;
}

bool dict_setdefault(bk_builder *b, const bk_call *c) {
    bk_temps t = {.n = 0};
    if (!is_dict(c->args) || !begin_change(b, c, 2, 3)) return false;
    bk_val none = v_konst(b, bk_types.t_none);
    bk_ref k = temp_box(b, &c->args[1], &t), v = temp_box(b, c->n == 3 ? &c->args[2] : &none, &t);
    bk_ref p = CALLH(b, BK_H_dict_setdefault, c->args[0].box, k, v);
    quiet_guard(b, not_null(b, p), BK_G_VALUE, &t);
    did(b);
    E(b, BK_INCREF, p, 0); /* the dict may be the argument's only other owner */
    drop_temps(b, &t);
    *c->out = v_owned(NULL, p);
    return true;
}

bool dict_pop(bk_builder *b, const bk_call *c) {
    bk_temps t = {.n = 0};
    if (!is_dict(c->args) || !begin_change(b, c, 2, 3)) return false;
    bk_ref k = temp_box(b, &c->args[1], &t), d = c->n == 3 ? temp_box(b, &c->args[2], &t) : 0;
    bk_ref p = CALLH(b, BK_H_dict_pop, c->args[0].box, k);
    quiet_guard(b, d ? is_known(b, p) : is_object(b, p), BK_G_VALUE, &t);
    did(b);
    if (d) { /* the popped reference, or one to the default */
        bk_ref found = not_null(b, p);
        bk_blk none = flow_split(b, found, false), join = bk_block_new(b->fn);
        E(b, BK_JMP, 0, 0);
        bk_edge(b->fn, b->st.blk, join);
        b->st.blk = none;
        E(b, BK_INCREF, d, 0);
        E(b, BK_JMP, 0, 0);
        bk_edge(b->fn, b->st.blk, join);
        b->st.blk = join;
        p = Et(b, BK_SELECT, BK_P, found, p, d);
    }
    drop_temps(b, &t);
    *c->out = v_owned(NULL, p);
    return true;
}

static bool change_set(bk_builder *b, const bk_call *c, bool put, bool must) {
    bk_temps t = {.n = 0};
    if (!is_set(c->args) || !begin_change(b, c, 2, 2)) return false;
    bk_ref k = temp_box(b, &c->args[1], &t), r = CALLH(b, put ? BK_H_set_put : BK_H_set_discard, c->args[0].box, k);
    quiet_guard(b, put ? r : E(b, BK_GE, r, KI(b, must)), BK_G_VALUE, &t);
    did(b);
    drop_temps(b, &t);
    *c->out = v_konst(b, bk_types.t_none);
    return true;
}
bool set_add(bk_builder *b, const bk_call *c) { return change_set(b, c, true, false); }
bool set_discard(bk_builder *b, const bk_call *c) { return change_set(b, c, false, false); }
bool set_remove(bk_builder *b, const bk_call *c) { return change_set(b, c, false, true); }

/* ---- iteration --------------------------------------------------------------------------------------------------- */

static bool is_view(bk_obj *t) {
    return t == bk_types.t_dict_keys || t == bk_types.t_dict_values || t == bk_types.t_dict_items;
}

/* the operand's reference is dropped; views do nothing when they die, and what they view has the iterator */
bool quiet_getiter(bk_builder *b, bk_val *o, bk_val *out) {
    bk_obj *t = o->type, *type = t == bk_types.t_dict || t == bk_types.t_dict_keys ? bk_types.t_dict_keyiterator
                                 : t == bk_types.t_dict_values                     ? bk_types.t_dict_valueiterator
                                 : t == bk_types.t_dict_items                      ? bk_types.t_dict_itemiterator
                                 : t && (t == bk_types.t_set || t == bk_types.t_frozenset) ? bk_types.t_set_iterator
                                                                                           : NULL;
    if (o->kind != V_VAL || !type || !o->box || o->maybe || o->clean) return false;
    bk_ref it = CALLH(b, BK_H_iter_new, o->box);
    guard(b, not_null(b, it), BK_G_MEMORY);
    *out = v_owned(type, it);
    if (o->own != O_OWNED) return true;
    begin_effect(b);
    E(b, is_view(t) ? BK_DECREF : BK_DECREFN, o->box, 0); /* the iterator holds the others */
    return true;
}

static bool is_quiet_iterator(const bk_val *v) {
    bk_obj *t = v->type;
    return v->kind == V_VAL && t &&
           (t == bk_types.t_dict_keyiterator || t == bk_types.t_dict_valueiterator ||
            t == bk_types.t_dict_itemiterator || t == bk_types.t_set_iterator);
}

static bk_val pair(bk_builder *b) {
    bk_val v = {.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = 2, .kids = alloc(b, 2 * sizeof v)};
    for (int i = 0; i < 2; i++) v.kids[i] = v_owned(NULL, CALLH(b, BK_H_arg_get, KI(b, i)));
    return v;
}

/* An exhausted iterator gives nothing again, so the interpreter may ask once more. */
static void exhausted(bk_builder *b, bool mine, uint32_t target) {
    const bk_insn *in = insn(b);
    bool outside = flow_outside(b, target);
    bool seen = prof(b)->taken || TOPF(b)->prof[in->target].visits;
    if (!mine || outside || !seen) {
        leave(b, outside || !mine ? BK_G_LOOP_END : BK_G_BRANCH);
        return;
    }
    bk_val it = pop(b);
    E(b, BK_DECREF, it.box, 0);
    TOPF(b)->pc = target;
    begin_insn(b, target);
    flow_goto(b, target, false);
}

bool quiet_foriter(bk_builder *b) {
    bk_val *it = top(b, 1);
    const bk_insn *in = insn(b);
    const bk_prof *p = prof(b);
    learn(b, 1);
    if (!is_quiet_iterator(it) || (p->flags & BK_PF_GENERIC)) return false;
    bool items = it->type == bk_types.t_dict_itemiterator, mine = !it->clean && it->own == O_OWNED;
    if (it->maybe) return false;
    boxed(b, it);
    secure_now(b);
    it = top(b, 1);
    bk_ref r = CALLH(b, items ? BK_H_iter_pair : BK_H_iter_step, it->box);
    guard(b, items ? E(b, BK_GE, r, KI(b, 0)) : is_known(b, r), BK_G_SIZE);
    bk_blk at = b->st.blk, none = flow_split(b, items ? E(b, BK_NE, r, KI(b, 0)) : not_null(b, r), false),
           go = b->st.blk;
    b->fn->blocks[at].prob[0] = p->visits - p->taken + 1;
    b->fn->blocks[at].prob[1] = p->taken + 1;
    bk_aside body = flow_aside(b, none, go);
    exhausted(b, mine, (uint32_t)in->target);
    flow_back(b, &body);
    did(b);
    push(b, items ? pair(b) : v_owned(NULL, r));
    b->result_of = items ? NULL : prof(b);
    flow_continue(b, in->next);
    return true;
}
