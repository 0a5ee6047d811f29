/* The builder's values: emission, ownership of references, unboxing and boxing, snapshots of the abstract state. */
#include "build.h"
#include "ir_priv.h"
#include <string.h>

/* ---- emission ----------------------------------------------------------------------------------------------- */

static bk_ref put(bk_builder *b, bk_ref r) {
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    if (r) b->fn->ins[r].org = b->org;
    return r;
}

bk_ref Et(bk_builder *b, bk_op op, bk_type t, bk_ref x, bk_ref y, bk_ref z) {
    return put(b, bk_emit(b->fn, b->st.blk, op, t, x, y, z));
}

bk_ref E(bk_builder *b, bk_op op, bk_ref x, bk_ref y) { return Et(b, op, BK_X, x, y, 0); }

bk_ref Eimm(bk_builder *b, bk_op op, bk_ref x, int64_t imm) {
    bk_ref r = E(b, op, x, 0);
    b->fn->ins[r].imm = imm;
    return r;
}

static bk_ref set_guard(bk_builder *b, bk_ref r, uint32_t snap) {
    b->fn->ins[r].snap = snap;
    if (++b->guards > (uint32_t)b->rq.params->region_guards) bk_abort(b, BK_AB_TOO_BIG);
    return r;
}

bk_ref Eguarded(bk_builder *b, bk_op op, bk_ref x, bk_ref y, bk_guardkind kind) {
    uint32_t snap = snap_start(b);
    bk_ref r = E(b, op, x, y);
    b->fn->ins[r].imm = kind;
    return set_guard(b, r, snap);
}

bk_ref Eloadx(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off) {
    return put(b, bk_load(b->fn, b->st.blk, mt, al, base, idx, (uint8_t)scale, off));
}

bk_ref Eload(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, int64_t off) {
    return Eloadx(b, mt, al, base, 0, 0, off);
}

void Estore(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off, bk_ref v) {
    put(b, bk_store(b->fn, b->st.blk, mt, al, base, idx, (uint8_t)scale, off, v));
}

bk_ref Ecall(bk_builder *b, bk_helper h, uint32_t n, const bk_ref *args) {
    static const char letters[] = "V1IFSP";
    bk_type t = (bk_type)(strchr(letters, bk_helpers[h].result) - letters);
    return put(b, bk_emit_list(b->fn, b->st.blk, BK_CALL, t, args, n, h));
}

bk_ref KI(bk_builder *b, int64_t v) { return put(b, bk_ki(b->fn, v)); }
bk_ref KF(bk_builder *b, double v) { return put(b, bk_kf(b->fn, v)); }
bk_ref KP(bk_builder *b, const void *p) { return put(b, bk_kp(b->fn, p)); }

static bool is_const(bk_builder *b, bk_ref r, bk_op op) { return r && b->fn->ins[r].op == op; }

void guard(bk_builder *b, bk_ref cond, bk_guardkind kind) {
    if (is_const(b, cond, BK_K_I1)) {
        if (b->fn->ins[cond].imm) return;
    }
    Eguarded(b, BK_GUARD, cond, 0, kind);
}

void guard_type(bk_builder *b, bk_val *v, bk_obj *type) {
    if (v->type == type) return;
    uint32_t snap = snap_start(b);
    bk_ref r = E(b, BK_GTYPE, v->box, 0);
    b->fn->ins[r].imm = (int64_t)(intptr_t)type;
    bk_const(b->fn, type); /* its address stays its own */
    set_guard(b, r, snap);
    v->type = type;
}

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
    else if (v.type == bk_types.t_bool) v.num = put(b, bk_kb(b->fn, o == bk_types.t_true));
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
    bk_ref phi = put(b, bk_phi(b->fn, join, BK_P));
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

/* ---- ownership -------------------------------------------------------------------------------------------------- */

void secure(bk_builder *b, bk_val *v) {
    if (v->kind == V_TUPLE || v->kind == V_SLICE || v->kind == V_ZIP || v->kind == V_ENUM) {
        for (int i = 0; i < v->nkids; i++) secure(b, &v->kids[i]);
        return;
    }
    view_secure(b, v);
    if (v->own != O_VOLATILE || !v->box) return;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
}

static void each_val(bk_builder *b, void (*fn)(bk_builder *, bk_val *, uint64_t), uint64_t arg) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) fn(b, &f->slots[k], arg);
    }
}

static void secure_volatile(bk_builder *b, bk_val *v, uint64_t unused) {
    (void)unused;
    secure(b, v);
}

/* the real frame's locals borrow from their own home slots only: stacks and inlined frames are left to look at */
static void each_borrower(bk_builder *b, void (*fn)(bk_builder *, bk_val *, uint64_t), uint64_t arg) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = i ? 0 : f->ci->nlocals; k < f->ci->nlocals + f->sp; k++) fn(b, &f->slots[k], arg);
    }
}

/* home slot(s) in mask are about to change: whoever borrows from there takes a reference */
static void secure_homes(bk_builder *b, bk_val *v, uint64_t mask) {
    view_secure_homes(b, v, mask);
    for (int i = 0; i < v->nkids && v->kind != V_INST; i++) secure_homes(b, &v->kids[i], mask);
    if (v->own != O_HOMES || v->clean || !v->box || !(v->homes & mask)) return;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
}

void secure_borrowers(bk_builder *b, uint64_t mask) { each_borrower(b, secure_homes, mask); }

void begin_effect(bk_builder *b) {
    each_val(b, secure_volatile, 0);
    b->effects = true;
    if (b->nmade) bk_share_boxes(b);
    b->neffects++;
}

/* an object that is never counted: no reference to it needs to be taken */
static bool immortal(const bk_val *v) {
    return v->type == bk_types.t_bool || v->type == bk_types.t_none_type || (v->konst && bk_py_is_immortal(v->konst));
}

bk_ref take(bk_builder *b, bk_val *v) {
    bk_ref p = boxed(b, v);
    if (v->own != O_OWNED && !immortal(v)) E(b, BK_INCREF, p, 0);
    v->own = O_NONE;
    return p;
}

/* Does the instance go here for the first time? Several of the values that go may hold it. */
static bool goes_first(bk_builder *b, uint32_t vid) {
    for (uint32_t i = 0; i < b->ngone; i++)
        if (b->gone[i] == vid) return false;
    if (b->ngone == BK_MOSTDYING) bk_abort(b, BK_AB_TOO_BIG);
    b->gone[b->ngone++] = vid;
    return true;
}

static void collect(bk_builder *b, const bk_val *v, const bk_val *going, uint32_t n) {
    if (v->kind == V_INST) { /* its attributes go with its last copy */
        uint32_t copies = 0;
        for (uint32_t i = 0; i < n; i++) copies += inst_count(&going[i], v->vid);
        if (inst_copies(b, v->vid) > copies || !goes_first(b, v->vid)) return;
    }
    for (int i = 0; i < v->nkids; i++) collect(b, &v->kids[i], going, n);
    if ((v->kind != V_VAL && v->kind != V_SEQIT && v->kind != V_REVERSED) || v->own != O_OWNED ||
        simple_type(v->type) || v->konst)
        return;
    b->fresh_dies |= v->fresh;
    collect_object(b, v->box);
}

void collect_object(bk_builder *b, bk_ref p) {
    if (b->ndying == BK_MOSTDYING) bk_abort(b, BK_AB_TOO_BIG);
    b->dying[b->ndying++] = p;
}

void collect_deaths(bk_builder *b, const bk_val *going, uint32_t n) {
    b->ngone = 0;
    for (uint32_t i = 0; i < n; i++) collect(b, &going[i], going, n);
}

void collect_copies(bk_builder *b, const bk_val *v, uint32_t n) {
    bk_val *going = alloc(b, (n + 1) * sizeof *going);
    for (uint32_t i = 0; i < n; i++) going[i] = *v;
    b->ngone = 0;
    collect(b, v, going, n);
}

/* every object has more references than go; few are compared, of many each may be all the same one */
static void guard_survival(bk_builder *b, const bk_ref *d, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        bk_ref count = Eload(b, BK_M_U32, BK_A_REFCNT, d[i], bk_py->layout.refcnt);
        bk_ref go = KI(b, n <= 3 ? 1 : n);
        for (uint32_t k = 0; k < n && n <= 3; k++)
            if (k != i) go = E(b, BK_ADD, go, d[k] == d[i] ? KI(b, 1) : E(b, BK_B2I, E(b, BK_EQ, d[k], d[i]), 0));
        guard(b, n == 1 ? E(b, BK_NE, count, go) : E(b, BK_GT, count, go), BK_G_LAST_REF);
    }
}

void guard_deaths(bk_builder *b) {
    uint32_t n = b->ndying;
    bool dies = (prof(b)->flags & BK_PF_DIES) || b->fresh_dies;
    b->ndying = 0;
    b->fresh_dies = false;
    if (!dies || n > 8) {
        guard_survival(b, b->dying, n);
        return;
    }
    bk_ref d[8], ok = 0;
    for (uint32_t i = 0; i < 8; i++) d[i] = i < n ? b->dying[i] : KP(b, NULL);
    if (n == 1) ok = CALLH(b, BK_H_quiet_death, d[0]);
    else if (n == 2) ok = CALLH(b, BK_H_quiet_deaths2, d[0], d[1]);
    else if (n <= 4) ok = CALLH(b, BK_H_quiet_deaths4, d[0], d[1], d[2], d[3]);
    else if (n) ok = CALLH(b, BK_H_quiet_deaths8, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
    if (n) guard(b, ok, BK_G_DESTRUCTOR);
}

void check_releases(bk_builder *b, const bk_val *going, uint32_t n) {
    collect_deaths(b, going, n);
    guard_deaths(b);
}

void check_death(bk_builder *b, bk_ref p) {
    collect_object(b, p);
    guard_deaths(b);
}

void check_release(bk_builder *b, const bk_val *v) { check_releases(b, v, 1); }

void check_survives(bk_builder *b, const bk_val *v) {
    if (v->own == O_OWNED && !simple_type(v->type)) guard_survival(b, &v->box, 1);
}

static void release_one(bk_builder *b, bk_val *v);

static void release_inst(bk_builder *b, bk_val *v) {
    bk_val gone = *v;
    *v = v_null();
    if (inst_copies(b, gone.vid) || !goes_first(b, gone.vid)) return;
    for (int i = 0; i < gone.nkids; i++) {
        bk_val kid = gone.kids[i];
        release_one(b, &kid);
    }
}

static void release_one(bk_builder *b, bk_val *v) {
    if (v->kind == V_INST) {
        release_inst(b, v);
        return;
    }
    for (int i = 0; i < v->nkids; i++) release_one(b, &v->kids[i]);
    if (v->own != O_OWNED || !v->box) return;
    bool simple = simple_type(v->type) || v->konst || v->maybe;
    E(b, v->maybe ? BK_XDECREFN : simple ? BK_DECREFN : BK_DECREFQ, v->box, 0);
    v->own = O_NONE;
}

void release_all(bk_builder *b, bk_val *v, uint32_t n) {
    b->ngone = 0;
    for (uint32_t i = 0; i < n; i++) release_one(b, &v[i]);
}

void release(bk_builder *b, bk_val *v) { release_all(b, v, 1); }

/* ---- locals ------------------------------------------------------------------------------------------------------ */

void lend_kids(bk_builder *b, bk_val *v) {
    bk_val *kids = alloc(b, (v->nkids + 1u) * sizeof *kids);
    for (int i = 0; i < v->nkids; i++) {
        kids[i] = v->kids[i];
        if (kids[i].own == O_OWNED) kids[i].own = O_VOLATILE;
        if (kids[i].kind == V_TUPLE || kids[i].kind == V_SLICE) lend_kids(b, &kids[i]);
    }
    v->kids = kids;
}

bk_val load_local(bk_builder *b, uint32_t slot) {
    bk_val *l = &TOPF(b)->slots[slot];
    if (l->kind == V_NULL) return *l;
    if (is_outer(b) && l->clean && !l->box && l->kind == V_VAL) {
        l->box = Eimm(b, BK_HLOAD, 0, slot);
        l->own = O_HOMES;
        l->homes = home_bit(slot);
        l->maybe = false;
    }
    bk_val v = *l;
    v.clean = false;
    /* what a local of an inlined frame owns is lent to its copies: they take their own reference at an effect */
    if (v.own == O_OWNED) v.own = O_VOLATILE;
    if (v.kind == V_TUPLE || v.kind == V_SLICE) lend_kids(b, &v);
    return v;
}

/* the old content of a home slot that is overwritten or dropped, known to be simple or not the last reference */
static void drop_home(bk_builder *b, bk_ref old) { E(b, BK_XDECREFN, old, 0); }

static bool cross_borrows(bk_builder *b, uint32_t slot) {
    const bk_val *l = &b->st.f[0].slots[slot];
    return l->kind == V_VAL && !l->clean && l->box && l->own == O_HOMES && (l->homes & ~home_bit(slot));
}

/* Locals of the real frame whose boxes may stand in other locals' home slots get them into their own: those slots are
 * about to change. All references are taken before the first slot is written, for the borrowing may go in circles. */
void settle_boxes(bk_builder *b, uint64_t mask) {
    const bk_codeinfo *ci = b->st.f[0].ci;
    bool any = false;
    for (uint32_t i = 0; i < ci->nlocals; i++) any |= cross_borrows(b, i) && (b->st.f[0].slots[i].homes & mask);
    if (!any) return;
    bk_ref *boxes = alloc(b, ci->nlocals * sizeof *boxes);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (cross_borrows(b, i)) CALLH(b, BK_H_box_ref, boxes[i] = b->st.f[0].slots[i].box);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (boxes[i]) bk_sync_slot(b, i, &b->st.f[0].slots[i]);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (boxes[i]) CALLH(b, BK_H_box_unref, boxes[i]);
}

void vacate_homes(bk_builder *b, uint64_t mask) {
    settle_boxes(b, mask);
    each_borrower(b, secure_homes, mask);
}

/* does a value borrow from the slot, but those of the locals slot and other? then its object outlives the slot */
static bool is_lent(bk_builder *b, uint64_t bit, uint32_t slot, uint32_t other) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) {
            const bk_val *v = &f->slots[k];
            if (!(i == 0 && (k == slot || k == other)) && v->own == O_HOMES && v->homes == bit && slot < 63 && v->box &&
                !v->maybe)
                return true;
        }
    }
    return false;
}

static bool holds_object(bk_builder *b, uint32_t slot, uint32_t other) {
    const bk_val *l = &TOPF(b)->slots[slot];
    return is_outer(b) && l->clean && l->kind != V_NULL && !l->simple && !simple_type(l->type) &&
           !is_lent(b, home_bit(slot), slot, other);
}

bool dies_loudly(bk_builder *b) { return (prof(b)->flags & (BK_PF_DIES | BK_PF_LOUD)) == (BK_PF_DIES | BK_PF_LOUD); }

bool store_kills(bk_builder *b, uint32_t slot) { return dies_loudly(b) && holds_object(b, slot, slot); }

void check_overwrite(bk_builder *b, uint32_t slot) { check_overwrites(b, slot, slot); }

void check_overwrites(bk_builder *b, uint32_t first, uint32_t second) {
    bk_val went[2] = {TOPF(b)->slots[first], TOPF(b)->slots[second]};
    uint32_t n = 0;
    for (uint32_t k = 0; k < (first == second ? 1 : 2); k++) {
        uint32_t slot = k ? second : first;
        if (holds_object(b, slot, k ? first : second)) {
            bk_ref old = load_local(b, slot).box;
            guard(b, E(b, BK_NE, old, KP(b, NULL)), BK_G_UNBOUND); /* a merge may have made it unbound or bound */
            collect_object(b, old);
        }
        if (!is_outer(b) || went[k].kind == V_INST) went[n++] = went[k];
    }
    collect_deaths(b, went, n);
    guard_deaths(b);
}

void store_dying(bk_builder *b, uint32_t slot, bk_val v) {
    uint32_t at = TOPF(b)->sp++; /* on the stack while the frame is synced */
    bk_val *t = &TOPF(b)->slots[TOPF(b)->ci->nlocals + at];
    *t = v;
    if (v.kind != V_NULL) boxed(b, t);
    unknown_begin(b);
    each_borrower(b, secure_homes, home_bit(slot)); /* the old object may die: others that borrow it, and v itself */
    v = *t;
    TOPF(b)->sp--;
    bk_ref p = v.kind == V_NULL ? KP(b, NULL) : v.box;
    if (v.kind != V_NULL && v.own != O_OWNED) E(b, BK_INCREF, p, 0);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    E(b, BK_XDECREF, old, 0);
    v.own = v.konst ? O_CONST : O_HOMES;
    v.homes = home_bit(slot);
    v.clean = true;
    TOPF(b)->slots[slot] = v;
}

void put_home(bk_builder *b, uint32_t slot, bk_ref p) {
    uint64_t bit = home_bit(slot);
    settle_boxes(b, bit);
    each_borrower(b, secure_homes, bit);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    drop_home(b, old);
}

static void store_outer(bk_builder *b, uint32_t slot, bk_val v) {
    bk_bframe *f = TOPF(b);
    bk_val *l = &f->slots[slot];
    uint64_t bit = home_bit(slot);
    bool object = l->clean && l->kind != V_NULL && !l->simple && !simple_type(l->type);
    bool keep_unboxed = (v.kind == V_VAL && v.num && (!v.box || v.own == O_CONST || v.maybe)) || v.kind == V_INST;
    if (!keep_unboxed && v.kind != V_NULL) boxed(b, &v);
    if (keep_unboxed) {
        if (object || v.own == O_OWNED) {
            begin_effect(b);
            settle_boxes(b, bit);
            each_borrower(b, secure_homes, bit);
        }
        if (object) {
            bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
            Eimm(b, BK_HSTORE, KP(b, NULL), slot);
            E(b, BK_DECREFQ, old, 0);
        }
        if (v.own == O_OWNED && v.box) { /* owned but perhaps NULL: the slot holds it, or nothing */
            bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
            Eimm(b, BK_HSTORE, v.box, slot);
            drop_home(b, old);
            v.own = O_HOMES;
            v.homes = bit;
        }
        v.clean = false;
        *l = v;
        return;
    }
    begin_effect(b);
    settle_boxes(b, bit);
    each_borrower(b, secure_homes, bit);
    if (v.own == O_HOMES && (v.homes & bit)) v.own = O_VOLATILE;
    bk_ref p = v.kind == V_NULL ? KP(b, NULL) : v.box;
    if (v.kind != V_NULL && v.own != O_OWNED) E(b, BK_INCREF, p, 0);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    if (object) E(b, BK_DECREFQ, old, 0);
    else if (!(l->clean && l->kind == V_NULL)) drop_home(b, old);
    v.own = v.konst ? O_CONST : O_HOMES;
    v.homes = bit;
    v.clean = true;
    *l = v;
}

static bool owns(const bk_val *v) {
    if (v->own == O_OWNED) return true;
    for (int i = 0; i < v->nkids; i++)
        if (owns(&v->kids[i])) return true;
    return false;
}

void store_local(bk_builder *b, uint32_t slot, bk_val v) {
    bk_val *l = &TOPF(b)->slots[slot], was = *l;
    if (is_outer(b)) view_own(b, &v);
    if (was.kind == V_INST) { /* the new value first: it may be the same instance */
        begin_effect(b);
        secure(b, &v);
        if (is_outer(b)) *l = (bk_val){.kind = V_NULL};
    }
    if (is_outer(b)) store_outer(b, slot, v);
    else {
        if (was.kind != V_INST && owns(&was)) {
            begin_effect(b);
            secure(b, &v);
            release(b, &was);
        }
        *l = v;
    }
    if (was.kind == V_INST) release(b, &was);
}

/* ---- unknown code
 * ---------------------------------------------------------------------------------------------------- */

/* the frame slot gets the box of an unboxed local */
void bk_sync_slot(bk_builder *b, uint32_t slot, bk_val *l) { /* nobody borrows from the slot */
    if (l->clean || l->kind == V_NULL) return;
    bk_ref p = l->box ? l->box : KP(b, NULL);
    if (l->type == bk_types.t_float) CALLH(b, BK_H_sync_f, KI(b, slot), l->num, p);
    else if (l->type == bk_types.t_int) CALLH(b, BK_H_sync_i, KI(b, slot), l->num, p);
    else if (l->type == bk_types.t_bool) CALLH(b, BK_H_sync_b, KI(b, slot), E(b, BK_B2I, l->num, 0), p);
    else if (l->type == bk_types.t_str) CALLH(b, BK_H_sync_chr, KI(b, slot), l->num, p);
    else if (l->type == bk_types.t_complex) CALLH(b, BK_H_sync_c, KI(b, slot), KI(b, -1), l->num, l->num2, p);
    else {
        int tn = bk_py_np_typenum(l->type);
        if (tn == 14) {
            CALLH(b, BK_H_sync_c, KI(b, slot), KI(b, tn), E(b, BK_S2F, l->num, 0), E(b, BK_S2F, l->num2, 0), p);
        } else if (tn == 15) CALLH(b, BK_H_sync_c, KI(b, slot), KI(b, tn), l->num, l->num2, p);
        else if (tn == 11 || tn == 12)
            CALLH(b, BK_H_sync_npf, KI(b, slot), KI(b, tn), tn == 11 ? E(b, BK_S2F, l->num, 0) : l->num, p);
        else CALLH(b, BK_H_sync_npi, KI(b, slot), KI(b, tn), tn == 0 ? E(b, BK_B2I, l->num, 0) : l->num, p);
    }
    l->clean = true;
    l->box = 0;
    l->maybe = false;
    l->own = O_NONE;
}

_Noreturn void call_instead(bk_builder *b) {
    bk_bframe *caller = &b->st.f[b->st.n - 2];
    if (!prof(b)->visits && b->nleaves < BK_MAXSITES) { /* a side never recorded is no reason to give up the rest */
        b->leaves[b->nleaves++] = (bk_site){TOPF(b)->ctx, TOPF(b)->pc};
        bk_restart(b);
    }
    if (b->nnoinline == 256) bk_abort(b, BK_AB_TOO_BIG);
    b->noinline[b->nnoinline++] = (bk_site){caller->ctx, caller->pc};
    bk_restart(b);
}

static bool is_constant(const bk_builder *b, bk_ref r) {
    bk_op op = (bk_op)b->fn->ins[r].op;
    return op == BK_K_I64 || op == BK_K_F64 || op == BK_K_I1 || op == BK_K_F32;
}

/* One value in two places is one object: a local that has no box yet takes the one that an operand was given, or an
 * earlier local. */
static void share_box(bk_builder *b, uint32_t slot) {
    bk_bframe *f = &b->st.f[0];
    bk_val *l = &f->slots[slot];
    if (l->clean || l->kind != V_VAL || !l->num || (l->box && !l->maybe) || is_constant(b, l->num)) return;
    for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) {
        const bk_val *v = &f->slots[k];
        if (v == l || v->kind != V_VAL || v->num != l->num || v->type != l->type || v->clean) continue;
        if (!v->box || v->maybe) continue;
        l->box = v->box;
        l->maybe = false;
        return;
    }
}

static void sync_locals(bk_builder *b) {
    bk_bframe *f = &b->st.f[0];
    for (uint32_t i = 0; i < f->ci->nlocals; i++) {
        bk_val *l = &f->slots[i], was = *l;
        share_box(b, i);
        bk_sync_slot(b, i, l);
        if (was.clean || was.kind != V_VAL || !was.num || is_constant(b, was.num)) continue;
        for (uint32_t k = i + 1; k < f->ci->nlocals; k++) { /* the same number without a box: this one's */
            bk_val *o = &f->slots[k];
            if (o->clean || o->kind != V_VAL || o->num != was.num || o->type != was.type || o->box != was.box) continue;
            o->box = Eimm(b, BK_HLOAD, 0, i);
            o->maybe = false;
        }
    }
}

void unknown_begin(bk_builder *b) {
    if (b->body && b->st.n == 2) bk_body_unknown(b);
    if (!is_outer(b)) call_instead(b); /* an inlined frame does not exist for whoever looks */
    force_outer_locals(b);
    force_views(b);
    begin_effect(b);
    bk_bframe *f = TOPF(b);
    uint64_t dropped = 0;
    settle_boxes(b, UINT64_MAX);
    for (uint32_t i = 0; i < f->ci->nlocals; i++)
        if (!f->slots[i].clean && f->slots[i].kind != V_NULL) dropped |= home_bit(i);
    if (dropped) {
        for (uint32_t k = 0; k < f->sp; k++) secure_homes(b, &f->slots[f->ci->nlocals + k], dropped);
    }
    sync_locals(b);
    Eimm(b, BK_SETIP, 0, insn(b)->last);
    b->raise_snap = snap_now(b, f->pc, BK_SNAP_RAISE, BK_G_RAISE);
    b->unknown = true;
}

static void forget(bk_builder *b, bk_val *v, uint64_t unused) {
    (void)b;
    (void)unused;
    v->nd_ok = false;
    if (v->type && v->kind == V_VAL && !v->konst && bk_py_is_heap_type(v->type)) v->type = NULL;
    for (int i = 0; i < v->nkids; i++) forget(b, &v->kids[i], 0);
}

void unknown_end(bk_builder *b) {
    each_val(b, forget, 0);
    uint32_t pc = TOPF(b)->pc;
    uint32_t snap = snap_now(b, pc, BK_SNAP_RESUME, BK_G_INVALID);
    set_guard(b, E(b, BK_GVALID, 0, 0), snap);
    if (b->bodies->underflow == BK_UNDERFLOW_IGNORED) {
        bk_ref r = E(b, BK_GUARD, Ecall(b, BK_H_np_ignores_underflow, 0, NULL), 0);
        b->fn->ins[r].imm = BK_G_FPWARN;
        set_guard(b, r, snap);
    }
    if (bk_py->locals_writable) {
        bk_ref seen = Ecall(b, BK_H_frame_seen, 0, NULL);
        bk_ref r = E(b, BK_GUARD, E(b, BK_NOT, seen, 0), 0);
        b->fn->ins[r].imm = BK_G_LOCALS;
        set_guard(b, r, snap);
    }
}

void guard_valid(bk_builder *b) {
    set_guard(b, E(b, BK_GVALID, 0, 0), snap_now(b, TOPF(b)->pc, BK_SNAP_RESUME, BK_G_INVALID));
}

void exit_unless(bk_builder *b, bk_ref good, uint32_t snap) {
    bk_blk bad = flow_split(b, good, true), on = b->st.blk;
    b->st.blk = bad;
    bk_ref x = E(b, BK_EXIT, 0, 0);
    b->fn->ins[x].snap = snap;
    b->fn->ins[x].imm = b->fn->snaps[snap].reason;
    b->st.blk = on;
}

void raise_unless(bk_builder *b, bk_ref good) { exit_unless(b, good, b->raise_snap); }
void raise_if_null(bk_builder *b, bk_ref p) { raise_unless(b, E(b, BK_NE, p, KP(b, NULL))); }
void raise_if_neg(bk_builder *b, bk_ref i) { raise_unless(b, E(b, BK_GE, i, KI(b, 0))); }

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

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

#define GROW_FN(arr, cap, need)                                                                                        \
    if (!bk_grow(b->fn, (void **)&b->fn->arr, &b->fn->cap, (need), sizeof *b->fn->arr)) bk_abort(b, BK_AB_MEMORY)

static void add_slot(bk_builder *b, bk_slot s) {
    GROW_FN(slots, scap, b->fn->nslots + 1);
    b->fn->slots[b->fn->nslots++] = s;
}

static void snap_val(bk_builder *b, const bk_val *v, uint32_t home) {
    bk_slot s = {.kind = BK_SK_NULL};
    if (v->clean) {
        s.kind = BK_SK_HOME;
        s.sub = home;
        if (v->kind != V_RANGEIT && v->kind != V_SEQIT) {
            add_slot(b, s);
            return;
        }
    }
    switch (v->kind) {
    case V_NULL: break;
    case V_RANGEIT:
        s = (bk_slot){.kind = BK_SK_RANGE, .sub = v->obj, .a = v->num, .b = v->num2};
        s.c = v->nkids ? v->kids[0].num : KI(b, v->step);
        break;
    case V_SEQIT:
        s = (bk_slot){.kind = BK_SK_SEQITER,
                      .aux = (uint8_t)((v->own == O_OWNED) << 1 | v->seq << 2),
                      .sub = v->obj,
                      .a = v->box,
                      .b = v->num};
        break;
    case V_TUPLE:
    case V_SLICE:
        add_slot(b, (bk_slot){.kind = v->kind == V_TUPLE ? BK_SK_TUPLE : BK_SK_SLICE, .nkids = v->nkids});
        for (int i = 0; i < v->nkids; i++) snap_val(b, &v->kids[i], 0);
        return;
    case V_INST: {
        if (is_array_view(v)) {
            add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_VIEW, .nkids = v->nkids, .sub = v->vid});
            for (int i = 0; i < v->nkids; i++) snap_val(b, &v->kids[i], 0);
            return;
        }
        add_slot(
            b, (bk_slot){
                   .kind = BK_SK_VIRTUAL, .aux = BK_VO_INSTANCE, .nkids = (uint16_t)(1 + 2 * v->nkids), .sub = v->vid});
        add_slot(b, (bk_slot){.kind = BK_SK_CONST, .sub = bk_const(b->fn, v->type)});
        for (int i = 0; i < v->nkids; i++) {
            add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = KI(b, v->where[i])});
            snap_val(b, &v->kids[i], 0);
        }
        return;
    }
    case V_ENUM:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_ENUMERATE, .nkids = 2, .sub = v->obj});
        snap_val(b, &v->kids[0], 0);
        add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = v->num});
        return;
    case V_ZIP:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_ZIP, .nkids = v->nkids, .sub = v->obj});
        for (int i = 0; i < v->nkids; i++) snap_val(b, &v->kids[i], 0);
        return;
    case V_RANGE:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_RANGE, .nkids = 3});
        for (int i = 0; i < 3; i++) snap_val(b, &v->kids[i], 0);
        return;
    case V_REVERSED:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_REVERSED, .nkids = 2, .sub = v->obj});
        add_slot(b, (bk_slot){.kind = v->own == O_OWNED ? BK_SK_OWNED : BK_SK_BORROWED, .a = v->box});
        add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = v->num});
        return;
    default:
        if (v->box && !v->maybe) {
            if (v->own == O_CONST && v->konst) s = (bk_slot){.kind = BK_SK_CONST, .sub = bk_const(b->fn, v->konst)};
            else s = (bk_slot){.kind = v->own == O_OWNED ? BK_SK_OWNED : BK_SK_BORROWED, .a = v->box};
            break;
        }
        s = (bk_slot){.a = v->num, .b = v->box, .kind = BK_SK_I64};
        if (v->type == bk_types.t_float) s.kind = BK_SK_F64;
        else if (v->type == bk_types.t_bool) s.kind = BK_SK_BOOL;
        else if (v->type == bk_types.t_str) s.kind = BK_SK_CHR;
        else if (v->type == bk_types.t_complex)
            s = (bk_slot){.kind = BK_SK_COMPLEX, .a = v->num, .b = v->num2, .c = v->box};
        else if (v->type != bk_types.t_int)
            s = (bk_slot){
                .kind = BK_SK_NP, .sub = (uint32_t)bk_py_np_typenum(v->type), .a = v->num, .b = v->num2, .c = v->box};
        s.aux = v->own == O_OWNED; /* box, where there is one, is owned by the value */
    }
    add_slot(b, s);
}

static uint32_t snap_frames(bk_builder *b, const bk_val *inner, uint32_t inner_sp, uint32_t resume, int kind,
                            int reason) {
    uint32_t first = b->fn->nsframes, skip = b->body ? 1 : 0, n = b->st.n - skip;
    GROW_FN(sframes, sfcap, first + n);
    b->fn->nsframes += n;
    for (uint32_t i = 0; i < n; i++) {
        const bk_bframe *f = &b->st.f[i + skip];
        bool last = i + 1 == n;
        const bk_val *slots = last ? inner : f->slots;
        uint32_t sp = last ? inner_sp : f->sp;
        bk_sframe sf = {.code = f->code,
                        .depth = (uint16_t)sp,
                        .first = b->fn->nslots,
                        .resume = last ? resume : f->ci->insns[f->pc].offset};
        if (f->func) sf.func = bk_const(b->fn, f->func);
        sf.on_stack = f->on_stack;
        sf.finish = f->finish;
        for (uint32_t k = 0; k < f->ci->nlocals + sp; k++) snap_val(b, &slots[k], i + skip == 0 ? k : 0);
        if (last)
            for (uint32_t k = 0; k < b->npassed; k++) snap_val(b, &b->passed[k], 0);
        sf.nslots = b->fn->nslots - sf.first;
        b->fn->sframes[first + i] = sf;
    }
    GROW_FN(snaps, snapcap, b->fn->nsnaps + 1);
    b->fn->snaps[b->fn->nsnaps] =
        (bk_snap){.frame = first, .nframes = n, .kind = (uint8_t)kind, .reason = (uint8_t)reason, .org = b->org};
    return b->fn->nsnaps++;
}

/* a CALL behind KW_NAMES is one instruction with it: the names are not kept in the frame */
static uint32_t f_resume(bk_builder *b) {
    const bk_bframe *f = TOPF(b);
    uint32_t pc = b->kwnames && f->pc > 0 && f->ci->insns[f->pc - 1].op == BC_KW_NAMES ? f->pc - 1 : f->pc;
    return f->ci->insns[pc].offset;
}

/* a modular int cannot be made whole again: leave to where its computation began */
static uint32_t modular_snap(bk_builder *b) {
    const bk_bframe *f = TOPF(b);
    for (uint32_t k = 0; k < b->saved_sp; k++) {
        const bk_val *v = &b->saved[f->ci->nlocals + k];
        if (v->modular) return v->mod_snap;
    }
    return 0;
}

uint32_t snap_start(bk_builder *b) {
    if (!b->snap_start && !b->effects) b->snap_start = modular_snap(b);
    if (!b->snap_start) {
        if (b->effects) bk_abort(b, BK_AB_VERIFY); /* a guard behind an effect: an error of the builder */
        b->snap_start = snap_frames(b, b->saved, b->saved_sp, f_resume(b), BK_SNAP_RESUME, BK_G_NONE);
    }
    return b->snap_start;
}

uint32_t snap_now(bk_builder *b, uint32_t pc, int kind, int reason) {
    bk_bframe *f = TOPF(b);
    return snap_frames(b, f->slots, f->sp, f->ci->insns[pc].offset, kind, reason);
}

void leave_at(bk_builder *b, uint32_t pc, bk_guardkind reason) {
    uint32_t snap = snap_now(b, pc, BK_SNAP_RESUME, reason);
    bk_ref r = E(b, BK_EXIT, 0, 0);
    b->fn->ins[r].snap = snap;
    b->fn->ins[r].imm = reason;
    b->ended = true;
}

void leave(bk_builder *b, bk_guardkind reason) {
    if (b->body && reason == BK_G_NYI && !bk_leaves_here(b) && bk_is_hot_place(b)) bk_body_give_up(b);
    bk_ref r = E(b, BK_EXIT, 0, 0);
    b->fn->ins[r].snap = snap_start(b);
    b->fn->ins[r].imm = reason;
    b->ended = true;
}
