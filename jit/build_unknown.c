/* Code that may do anything: what is written to the frame before it, and looked at after it. */
#include "build.h"
#include "ir_priv.h"
#include <string.h>

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

bool bk_one_local(bk_builder *b, const bk_val *v, const bk_val *o) {
    if (v->clean || v->kind != V_VAL || !v->num || is_constant(b, v->num)) return false;
    if (o->clean || o->kind != V_VAL || o->type != v->type) return false;
    return (o->num == v->num && o->box == v->box) || bk_is_twin(b, v, o);
}

void bk_sync_shared(bk_builder *b, uint32_t slot) {
    bk_bframe *f = &b->st.f[0];
    bk_val was = f->slots[slot];
    bk_sync_slot(b, slot, &f->slots[slot]);
    for (uint32_t k = 0; k < f->ci->nlocals; k++) {
        bk_val *o = &f->slots[k];
        if (!bk_one_local(b, &was, o)) continue;
        bk_ref box = Eimm(b, BK_HLOAD, 0, slot);
        o->box = o->num == was.num ? box : bk_twin_box(b, o, box);
        o->maybe = false;
    }
}

static void sync_locals(bk_builder *b) {
    for (uint32_t i = 0; i < b->st.f[0].ci->nlocals; i++) {
        share_box(b, i);
        bk_sync_shared(b, i);
    }
}

/* unknown code may count references: the stack has its own, as in the interpreter */
static void hold(bk_builder *b, bk_val *v) {
    if (v->clean || v->kind == V_RANGEIT) return; /* of its step, only the number matters */
    for (int i = 0; i < v->nkids && v->kind != V_INST; i++) hold(b, &v->kids[i]);
    if (v->own != O_HOMES || !v->box) return;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
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
    for (uint32_t k = 0; k < f->sp && !bk_py->lends_locals; k++) hold(b, &f->slots[f->ci->nlocals + k]);
    for (uint32_t i = 0; i < f->ci->nlocals; i++)
        if (!f->slots[i].clean && f->slots[i].kind != V_NULL) dropped |= home_bit(i);
    if (dropped) { /* what is lent as the interpreter lends it */
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

static void still(bk_builder *b, bk_ref cond, bk_guardkind kind, uint32_t snap) {
    bk_ref r = E(b, BK_GUARD, cond, 0);
    b->fn->ins[r].imm = kind;
    guard_by(b, r, snap);
}

void unknown_end(bk_builder *b) {
    each_val(b, forget, 0);
    uint32_t pc = TOPF(b)->pc;
    uint32_t snap = snap_now(b, pc, BK_SNAP_RESUME, BK_G_INVALID);
    guard_by(b, E(b, BK_GVALID, 0, 0), snap);
    if (b->bodies->underflow == BK_UNDERFLOW_IGNORED) {
        bk_ref ignores = Ecall(b, BK_H_np_ignores_underflow, 0, NULL);
        still(b, ignores, BK_G_FPWARN, snap);
    }
    if (bk_py->locals_writable) {
        bk_ref seen = Ecall(b, BK_H_frame_seen, 0, NULL);
        still(b, E(b, BK_NOT, seen, 0), BK_G_LOCALS, snap);
    }
}

void guard_valid(bk_builder *b) {
    guard_by(b, E(b, BK_GVALID, 0, 0), snap_now(b, TOPF(b)->pc, BK_SNAP_RESUME, BK_G_INVALID));
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
