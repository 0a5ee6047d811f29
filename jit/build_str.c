/* Strings: one-character strings as their code, comparison, elements, and the methods that ask about one character.
 *
 * An exact string of one Latin-1 character is unboxed like a number: `num` is its code. Its box is one of 256 immortal
 * objects, unless it came with another. */
#include "build_builtin.h"

/* the condition that a string has only ASCII characters */
bk_ref str_is_ascii(bk_builder *b, const bk_val *s) {
    bk_ref state = Eload(b, BK_M_U32, BK_A_CONST, s->box, bk_py->str_state);
    return E(b, BK_EQ, E(b, BK_AND, state, KI(b, bk_py->str_ascii_mask)), KI(b, bk_py->str_ascii_value));
}

void char_unbox(bk_builder *b, bk_val *v, bool ascii) {
    if (v->num) return;
    if (!ascii) {
        bk_ref code = CALLH(b, BK_H_str_chr, v->box);
        guard(b, E(b, BK_GE, code, KI(b, 0)), BK_G_RANGE);
        v->num = code;
        return;
    }
    bk_ref one = E(b, BK_EQ, Eload(b, BK_M_I64, BK_A_CONST, v->box, bk_py->str_length), KI(b, 1));
    guard(b, E(b, BK_AND, one, str_is_ascii(b, v)), BK_G_RANGE);
    v->num = Eload(b, BK_M_U8, BK_A_CONST, v->box, bk_py->str_ascii_data);
}

bool str_compare(bk_builder *b, bk_op cmp, bk_val *x, bk_val *y, bk_val *out) {
    if (x->num && y->num) {
        *out = v_bool(E(b, cmp, x->num, y->num));
        return true;
    }
    bk_ref p = boxed(b, x), q = boxed(b, y);
    if (cmp == BK_EQ) *out = v_bool(CALLH(b, BK_H_str_eq, p, q));
    else if (cmp == BK_NE) *out = v_bool(E(b, BK_NOT, CALLH(b, BK_H_str_eq, p, q), 0));
    else *out = v_bool(E(b, cmp, CALLH(b, BK_H_str_cmp, p, q), KI(b, 0)));
    return true;
}

bool str_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out) {
    const bk_prof *p = prof(b);
    bk_ref len;
    build_len(b, o, &len);
    bk_ref n = unbox(b, key);
    bk_ref i = checked_index(b, key->type == bk_types.t_bool ? E(b, BK_B2I, n, 0) : n, len);
    if (!p->opnd_many[1] && p->opnd[1].type == bk_types.t_str && (p->opnd[1].form & BK_STR_ASCII)) {
        guard(b, str_is_ascii(b, o), BK_G_RANGE);
        *out = v_num(bk_types.t_str, Eloadx(b, BK_M_U8, BK_A_CONST, o->box, i, 1, bk_py->str_ascii_data));
        return true;
    }
    bk_ref s = CALLH(b, BK_H_str_index, o->box, i);
    guard(b, E(b, BK_NE, s, KP(b, NULL)), BK_G_MEMORY);
    *out = v_owned(bk_types.t_str, s);
    return true;
}

/* the local whose object x is, if x + y goes right back to it: `s += y`; -1 none */
static int64_t grown_local(bk_builder *b, const bk_val *x) {
    const bk_bframe *f = TOPF(b);
    const bk_insn *in = insn(b), *store = &f->ci->insns[in->next];
    if (!is_outer(b) || (in->arg != 0 && in->arg != 13) || f->flow->merge[in->next]) return -1;
    if (store->op != BC_STORE_FAST || !x->box || x->maybe || x->num || x->own == O_OWNED) return -1;
    const bk_val *l = &f->slots[store->arg];
    return l->kind == V_VAL && l->clean && l->box == x->box ? store->arg : -1;
}

/* As the interpreter does it: a string that only the local refers to grows in place. The store is done with it. */
bool str_append_local(bk_builder *b) {
    bk_val *y = top(b, 1), *x = top(b, 2);
    if (x->kind != V_VAL || y->kind != V_VAL || x->type != bk_types.t_str || y->type != bk_types.t_str) return false;
    int64_t slot = grown_local(b, x);
    if (slot < 0) return false;
    boxed(b, y);
    x->own = O_NONE; /* or it would get a reference of its own now, and the string a second one */
    begin_effect(b);
    settle_boxes(b, home_bit((uint32_t)slot));
    secure_borrowers(b, home_bit((uint32_t)slot));
    bk_ref done = CALLH(b, BK_H_str_append, KI(b, slot), y->box);
    exit_unless(b, done, snap_now(b, TOPF(b)->pc, BK_SNAP_RESUME, BK_G_MEMORY)); /* the interpreter tries again */
    bk_val right = pop(b);
    pop(b);
    release(b, &right);
    TOPF(b)->slots[slot] = (bk_val){.kind = V_VAL, .clean = true, .type = bk_types.t_str};
    flow_continue(b, TOPF(b)->ci->insns[insn(b)->next].next);
    return true;
}

/* ---- methods of one character ------------------------------------------------------------------------------------ */

bool str_is(bk_builder *b, const bk_call *c, int flag) {
    bk_val *v = c->args;
    if (c->n != 1 || v->kind != V_VAL || v->type != bk_types.t_str || !v->num) return false;
    bk_ref all = Eloadx(b, BK_M_U8, BK_A_CONST, KP(b, bk_py->chr_flags), v->num, 1, 0);
    *c->out = v_bool(E(b, BK_NE, E(b, BK_AND, all, KI(b, flag)), KI(b, 0)));
    return true;
}

bool str_mapped(bk_builder *b, const bk_call *c, const int16_t *codes) {
    bk_val *v = c->args;
    if (c->n != 1 || v->kind != V_VAL || v->type != bk_types.t_str || !v->num) return false;
    bk_ref code = Eloadx(b, BK_M_I16, BK_A_CONST, KP(b, codes), v->num, 2, 0);
    guard(b, E(b, BK_GE, code, KI(b, 0)), BK_G_RANGE);
    *c->out = v_num(bk_types.t_str, code);
    return true;
}

bool str_ord(bk_builder *b, const bk_call *c) {
    bk_val *v = c->args;
    if (c->n != 1 || v->kind != V_VAL || v->type != bk_types.t_str) return false;
    if (v->num) return call_int(c, v->num);
    if (!v->box || v->maybe) return false;
    bk_ref code = CALLH(b, BK_H_str_ord, v->box);
    guard(b, E(b, BK_GE, code, KI(b, 0)), BK_G_RANGE);
    return call_int(c, code);
}

bool str_chr(bk_builder *b, const bk_call *c) {
    const bk_prof *p = prof(b);
    bk_ref n = c->n == 1 ? call_index(b, c->args) : 0;
    if (!n) return false;
    if (p->nseen == 1 && (p->seen[0].form & BK_STR_CHAR)) {
        guard(b, E(b, BK_ULT, n, KI(b, 256)), BK_G_RANGE);
        *c->out = v_num(bk_types.t_str, n);
        return true;
    }
    bk_ref s = CALLH(b, BK_H_chr, n);
    guard(b, E(b, BK_NE, s, KP(b, NULL)), BK_G_RANGE);
    *c->out = v_owned(bk_types.t_str, s);
    return true;
}
