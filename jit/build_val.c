/* The builder's values: making them, unboxing and boxing, what recording saw of them. */
#include "build.h"
#include "ir_priv.h"
#include <string.h>

/* ---- making values -------------------------------------------------------------------------------------------- */

bk_val v_null(void) { return (bk_val){.kind = V_NULL}; }
bk_val v_num(bk_obj *type, bk_ref num) { return (bk_val){.kind = V_VAL, .type = type, .num = num}; }
bk_val v_owned(bk_obj *type, bk_ref box) { return (bk_val){.kind = V_VAL, .own = O_OWNED, .type = type, .box = box}; }
bk_val v_volatile(bk_obj *type, bk_ref box) {
    return (bk_val){.kind = V_VAL, .own = O_VOLATILE, .type = type, .box = box};
}
bk_val v_bool(bk_ref cond) { return v_num(bk_types.t_bool, cond); }

bk_val v_konst(bk_builder *b, bk_obj *o) {
    bk_val v = {.kind = V_VAL, .own = O_CONST, .type = bk_py_type(o), .konst = o, .box = KP(b, o)};
    int64_t i;
    bk_const(b->fn, o);
    if (v.type == bk_types.t_float) v.num = KF(b, bk_py_as_f64(o));
    else if (v.type == bk_types.t_str && bk_py_chr_code(o) >= 0) v.num = KI(b, bk_py_chr_code(o));
    else if (v.type == bk_types.t_bool) v.num = placed(b, bk_kb(b->fn, o == bk_types.t_true));
    else if (v.type == bk_types.t_int && bk_py_as_i64(o, &i)) v.num = KI(b, i);
    else if (v.type == bk_types.t_complex) {
        v.num = KF(b, *(double *)((char *)o + bk_py->complex_real));
        v.num2 = KF(b, *(double *)((char *)o + bk_py->complex_imag));
    }
    return v;
}

bk_prof *prof(bk_builder *b) { return &TOPF(b)->prof[TOPF(b)->pc]; }
const bk_insn *insn(bk_builder *b) { return &TOPF(b)->ci->insns[TOPF(b)->pc]; }
bool is_outer(const bk_builder *b) { return b->st.n == 1; }
uint64_t home_bit(uint32_t slot) { return 1ull << (slot < 63 ? slot : 63); }

bk_val *copy_kids(bk_builder *b, const bk_val *v, uint32_t room) {
    bk_val *kids = alloc(b, (room + 1u) * sizeof *kids);
    if (v->nkids) memcpy(kids, v->kids, v->nkids * sizeof *kids);
    return kids;
}

void push(bk_builder *b, bk_val v) {
    bk_bframe *f = TOPF(b);
    v.clean = false;
    f->slots[f->ci->nlocals + f->sp++] = v;
}

bk_val pop(bk_builder *b) {
    bk_bframe *f = TOPF(b);
    bk_val *v = &f->slots[f->ci->nlocals + --f->sp];
    /* an entry iterator that stands in the frame's own stack slot stays known by its home */
    bk_val r = *v;
    r.clean = false;
    return r;
}

bk_val *top(bk_builder *b, uint32_t k) {
    bk_bframe *f = TOPF(b);
    return &f->slots[f->ci->nlocals + f->sp - k];
}

bool simple_type(bk_obj *t) { return t && bk_py_type_is_simple(t); }

bool is_num(const bk_val *v) {
    if (v->kind != V_VAL || !v->type) return false;
    return v->type == bk_types.t_int || v->type == bk_types.t_float || v->type == bk_types.t_bool ||
           v->type == bk_types.t_complex || (v->type == bk_types.t_str && v->num) || bk_py_np_typenum(v->type) >= 0;
}

/* ---- unboxing and boxing ---------------------------------------------------------------------------------------- */

static bk_ref unbox_np(bk_builder *b, bk_val *v, int tn) {
    static const uint8_t mem[] = {BK_M_BOOL, BK_M_I8,  BK_M_U8,  BK_M_I16, BK_M_U16, BK_M_I32, BK_M_U32,
                                  BK_M_I64,  BK_M_I64, BK_M_I64, BK_M_I64, BK_M_F32, BK_M_F64};
    if (tn == 14 || tn == 15) {
        bk_memtype mt = tn == 14 ? BK_M_F32 : BK_M_F64;
        v->num2 = Eload(b, mt, BK_A_CONST, v->box, (int64_t)bk_py->np_value + (tn == 14 ? 4 : 8));
        return Eload(b, mt, BK_A_CONST, v->box, bk_py->np_value);
    }
    return tn < 13 ? Eload(b, mem[tn], BK_A_CONST, v->box, bk_py->np_value) : 0;
}

bool fits(const bk_val *v) {
    if (!is_num(v)) return false;
    if (v->num) return true;
    int tn = bk_py_np_typenum(v->type);
    return tn < 0 || tn < 13 || tn == 14 || tn == 15;
}

/* what was found out about an object holds for the locals that it was loaded from, too */
static void share(bk_builder *b, const bk_val *v) {
    const bk_bframe *f = TOPF(b);
    for (uint32_t i = 0; i < f->ci->nlocals; i++) {
        bk_val *l = &f->slots[i];
        if (l == v || l->kind != V_VAL || l->maybe || !l->box || l->box != v->box) continue;
        if (l->type && l->type != v->type) continue;
        l->type = v->type;
        l->num = v->num;
        l->num2 = v->num2;
    }
}

bk_ref unbox(bk_builder *b, bk_val *v) {
    if (v->num) return v->num;
    if (v->type == bk_types.t_float) v->num = E(b, BK_UNBOXF, v->box, 0);
    else if (v->type == bk_types.t_int) v->num = Eguarded(b, BK_UNBOXI, v->box, 0, BK_G_OVERFLOW);
    else if (v->type == bk_types.t_bool) v->num = E(b, BK_EQ, v->box, KP(b, bk_types.t_true));
    else if (v->type == bk_types.t_complex) {
        v->num = Eload(b, BK_M_F64, BK_A_CONST, v->box, bk_py->complex_real);
        v->num2 = Eload(b, BK_M_F64, BK_A_CONST, v->box, bk_py->complex_imag);
    } else v->num = unbox_np(b, v, bk_py_np_typenum(v->type));
    if (v->num && !v->maybe) share(b, v);
    return v->num;
}

/* the immortal string of one character */
static bk_ref char_object(bk_builder *b, bk_ref code) {
    return Eloadx(b, BK_M_PTR, BK_A_CONST, KP(b, bk_py->chr_objects), code, 8, 0);
}

static bk_ref make_box(bk_builder *b, bk_val *v) {
    int tn;
    if (v->type == bk_types.t_float) return Eguarded(b, BK_BOXF, v->num, 0, BK_G_MEMORY);
    if (v->type == bk_types.t_int) return Eguarded(b, BK_BOXI, v->num, 0, BK_G_MEMORY);
    bk_ref p;
    if (v->type == bk_types.t_str) return char_object(b, v->num);
    if (v->type == bk_types.t_complex) p = CALLH(b, BK_H_box_complex, v->num, v->num2);
    else if ((tn = bk_py_np_typenum(v->type)) == 14 || tn == 15) {
        bk_ref re = tn == 14 ? E(b, BK_S2F, v->num, 0) : v->num, im = tn == 14 ? E(b, BK_S2F, v->num2, 0) : v->num2;
        p = CALLH(b, BK_H_box_np_c, KI(b, tn), re, im);
    } else if (tn == 11 || tn == 12 || tn == 23)
        p = CALLH(b, BK_H_box_np_f, KI(b, tn), tn == 11 ? E(b, BK_S2F, v->num, 0) : v->num);
    else p = CALLH(b, BK_H_box_np_i, KI(b, tn), tn == 0 ? E(b, BK_B2I, v->num, 0) : v->num);
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_MEMORY);
    return p;
}

/* box (maybe NULL) or a new box of num, as an owned reference; a diamond */
static bk_ref box_or_new(bk_builder *b, bk_val *v) {
    bk_need_object(b, v->box);
    bk_ref have = E(b, BK_NE, v->box, KP(b, NULL));
    bk_blk other = flow_split(b, have, false), join = bk_block_new(b->fn);
    if (v->own != O_OWNED) E(b, BK_INCREF, v->box, 0);
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, b->st.blk, join);
    b->st.blk = other;
    bk_ref made = make_box(b, v);
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, b->st.blk, join);
    b->st.blk = join;
    bk_ref phi = placed(b, bk_phi(b->fn, join, BK_P));
    bk_phi_add(b->fn, phi, v->box);
    bk_phi_add(b->fn, phi, made);
    return phi;
}

bk_ref boxed(bk_builder *b, bk_val *v) {
    if (v->kind == V_NULL) return KP(b, NULL);
    if (v->kind != V_VAL) force(b, v);
    if (v->box && !v->maybe) return v->box;
    if (v->clean && !v->num) { /* what a slot of the real frame holds */
        uint32_t slot = (uint32_t)(v - b->st.f[0].slots);
        v->box = Eimm(b, BK_HLOAD, 0, slot);
        v->own = O_HOMES;
        v->homes = home_bit(slot);
        return v->box;
    }
    if (v->type == bk_types.t_bool) {
        v->box = E(b, BK_BOXB, v->num, 0);
        v->own = O_CONST;
    } else if (v->type == bk_types.t_str && !v->maybe) {
        v->box = char_object(b, v->num);
        v->own = O_CONST;
    } else if (!bk_reuse_box(b, v)) {
        bk_val was = *v;
        v->box = v->maybe ? box_or_new(b, v) : make_box(b, v);
        v->own = O_OWNED;
        v->maybe = false;
        bk_note_box(b, &was, v->box);
    }
    v->maybe = false;
    return v->box;
}

/* an iterator that nobody has stepped as an object yet; others are left to the interpreter */
static bool force_iterator(bk_builder *b, bk_val *v) {
    if (v->obj || v->clean) return false;
    if (v->kind == V_RANGEIT) {
        bk_ref step = v->nkids ? v->kids[0].num : KI(b, v->step);
        *v = v_owned(bk_types.t_range_iterator, CALLH(b, BK_H_new_rangeiter, v->num, v->num2, step));
        return true;
    }
    if (v->kind == V_SEQIT && is_const(b, v->num, BK_K_I64) && b->fn->ins[v->num].imm == 0) {
        bk_ref it = CALLH(b, BK_H_new_seqiter, v->box);
        release(b, v);
        *v = v_owned(NULL, it);
        return true;
    }
    if (v->kind != V_ENUM || !force_iterator(b, &v->kids[0])) return false;
    bk_ref it = CALLH(b, BK_H_new_enumerate, v->kids[0].box, v->num);
    release(b, &v->kids[0]);
    *v = v_owned(bk_types.t_enumerate, it);
    return true;
}

/* a slot's tuple was made before a guard of the same instruction: from now on the guards hand over that one */
static void replace_saved(bk_builder *b, const bk_val *v, const bk_val *made) {
    const bk_bframe *f = TOPF(b);
    for (uint32_t i = 0; i < f->ci->nlocals + b->saved_sp; i++)
        if (v == &f->slots[i] && b->saved[i].kind == V_TUPLE && b->saved[i].kids == v->kids) {
            b->saved[i] = *made;
            b->snap_start = 0;
        }
}

static void force_plain_range(bk_builder *b, bk_val *v) {
    bk_ref p[3];
    for (int i = 0; i < 3; i++) p[i] = boxed(b, &v->kids[i]);
    bk_ref r = CALLH(b, BK_H_new_range, p[0], p[1], p[2]);
    for (int i = 0; i < 3; i++) release(b, &v->kids[i]);
    *v = v_owned(bk_types.t_range, r);
}

void force(bk_builder *b, bk_val *v) {
    if (v->kind == V_VAL || v->kind == V_NULL) return;
    if (v->kind == V_RANGE) {
        force_plain_range(b, v);
        return;
    }
    if (v->kind == V_INST) {
        inst_force(b, v);
        return;
    }
    if (v->kind != V_TUPLE) {
        if (force_iterator(b, v)) return;
        leave(b, BK_G_NYI);
        *v = v_owned(NULL, KP(b, NULL));
        return;
    }
    inst_force_all(b, v);
    /* a tuple: its items owned first, then moved in */
    bk_ref items[256];
    for (int i = 0; i < v->nkids; i++) {
        bk_val *k = &v->kids[i];
        for (int e = 0; e < i; e++) /* one value is one object */
            if (k->kind == V_VAL && !k->box && k->num && k->num == v->kids[e].num && k->type == v->kids[e].type) {
                k->box = items[e];
                k->own = O_VOLATILE;
            }
        boxed(b, k);
        secure(b, k);
        items[i] = k->box;
        if (k->own != O_OWNED) E(b, BK_INCREF, k->box, 0);
    }
    bk_ref t = CALLH(b, BK_H_tuple_new, KI(b, v->nkids));
    /* out of memory here would lose the items' references: treated as fatal by the helper */
    for (int i = 0; i < v->nkids; i++)
        Estore(b, BK_M_PTR, BK_A_ITEMS, t, 0, 0, (int64_t)bk_py->tuple_items + 8 * i, items[i]);
    bk_val made = v_owned(bk_types.t_tuple, t);
    replace_saved(b, v, &made);
    *v = made;
}

/* ---- what recording saw ------------------------------------------------------------------------------------------ */

static void assume_seen(bk_builder *b, bk_val *v, const bk_seen *s) {
    if (s->type == bk_types.t_none_type) {
        guard(b, E(b, BK_EQ, v->box, KP(b, bk_types.t_none)), BK_G_TYPE);
        v->type = s->type;
        v->konst = bk_types.t_none;
        return;
    }
    guard_type(b, v, s->type);
    if (v->type == bk_types.t_float || v->type == bk_types.t_bool || (v->type == bk_types.t_int && !s->wide))
        unbox(b, v);
    if (v->type == bk_types.t_str && (s->form & BK_STR_CHAR)) char_unbox(b, v, s->form & BK_STR_ASCII);
    if (v->type == bk_types.t_ndarray && s->nd.ndim) np_guard(b, v, &s->nd);
    else v->nd = s->nd;
}

/* what was found out about one copy of an object holds for the others */
static void share_type(bk_builder *b, bk_val *v, uint64_t index) {
    const bk_val *known = top(b, (uint32_t)index);
    if (v->kind != V_VAL || v->box != known->box || v->type || v->maybe) return;
    v->type = known->type;
    v->konst = known->konst;
    v->num = known->num;
    v->nd = known->nd;
    v->nd_ok = known->nd_ok;
}

void learn(bk_builder *b, uint32_t k) {
    bk_val *v = top(b, k);
    const bk_prof *p = prof(b);
    if (v->kind != V_VAL || v->type || !v->box || v->maybe || v->clean || (p->flags & BK_PF_GENERIC)) return;
    uint32_t seen = k - 1 + (insn(b)->op == BC_CALL_KW && b->kwnames); /* the names were on top */
    if (seen >= BK_NOPND || p->opnd_many[seen] || !p->opnd[seen].type) return;
    assume_seen(b, v, &p->opnd[seen]);
    each_val(b, share_type, k);
}

void apply_seen(bk_builder *b, bk_val *v, const bk_prof *p) {
    if (p->nseen == 0 || (p->flags & (BK_PF_RESULT_MANY | BK_PF_GENERIC)) || v->type) return;
    const bk_seen *s = &p->seen[0];
    for (int k = 1; k < p->nseen; k++)
        if (p->seen[k].type != s->type) return; /* several types: it stays boxed and unknown */
    if (!v->box || v->maybe) return;
    assume_seen(b, v, s);
}
