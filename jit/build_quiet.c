/* What operations that run no Python code have in common: temporary boxes, leaving without them, operands. */
#include "build_quiet.h"

bool is_type(const bk_val *v, bk_obj *type) { return v->kind == V_VAL && v->type == type; }

bk_val v_fresh(bk_obj *type, bk_ref box) {
    bk_val v = v_owned(type, box);
    v.fresh = true;
    return v;
}

bk_ref not_null(bk_builder *b, bk_ref p) { return E(b, BK_NE, p, KP(b, NULL)); }

bool can_box(const bk_val *v) {
    if (v->kind == V_TUPLE) {
        for (int i = 0; i < v->nkids; i++)
            if (!can_box(&v->kids[i])) return false;
        return v->nkids <= 8;
    }
    return v->kind == V_VAL && !v->modular;
}

static void note(bk_temps *t, bk_ref box, bool tuple) {
    if (t->n == sizeof t->t / sizeof *t->t) return; /* never: can_box allows far fewer at once */
    t->t[t->n].box = box;
    t->t[t->n++].tuple = tuple;
}

static bk_ref temp_tuple(bk_builder *b, bk_val *v, bk_temps *t) {
    bk_ref items[8], made = CALLH(b, BK_H_tuple_new, KI(b, v->nkids));
    uint32_t before = t->n;
    quiet_guard(b, not_null(b, made), BK_G_MEMORY, t);
    for (int i = 0; i < v->nkids; i++) items[i] = temp_box(b, &v->kids[i], t);
    for (int i = 0; i < v->nkids; i++) { /* the tuple takes what was made for it */
        bool moved = false;
        for (uint32_t k = before; k < t->n && !moved; k++)
            if ((moved = t->t[k].box == items[i])) t->t[k] = t->t[--t->n];
        if (!moved) E(b, BK_INCREF, items[i], 0);
        Estore(b, BK_M_PTR, BK_A_ITEMS, made, 0, 0, (int64_t)bk_py->tuple_items + 8 * i, items[i]);
    }
    note(t, made, true);
    return made;
}

bk_ref temp_box(bk_builder *b, bk_val *v, bk_temps *t) {
    snap_start(b);
    if (v->kind == V_TUPLE) return temp_tuple(b, v, t);
    if (v->box && !v->maybe) return v->box;
    if (v->clean) return boxed(b, v);
    bk_val c = *v;
    if (c.maybe) c.own = O_VOLATILE;
    bk_ref p = boxed(b, &c);
    if (c.own == O_OWNED) note(t, p, false);
    return p;
}

void drop_temps(bk_builder *b, const bk_temps *t) {
    b->nmade = 0; /* what was not stored is gone now */
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->t[i].tuple) CALLH(b, BK_H_drop_plain, t->t[i].box);
        else E(b, BK_DECREFN, t->t[i].box, 0);
    }
}

void quiet_guard(bk_builder *b, bk_ref ok, bk_guardkind kind, const bk_temps *t) {
    if (!t->n) {
        guard(b, ok, kind);
        return;
    }
    uint32_t snap = snap_start(b);
    bk_blk bad = flow_split(b, ok, true), on = b->st.blk;
    b->st.blk = bad;
    uint32_t made = b->nmade;
    drop_temps(b, t);
    b->nmade = made;
    bk_ref x = E(b, BK_EXIT, 0, 0);
    b->fn->ins[x].snap = snap;
    b->fn->ins[x].imm = kind;
    b->st.blk = on;
}

void secure_now(bk_builder *b) {
    begin_effect(b);
    begin_insn(b, TOPF(b)->pc);
    snap_start(b);
}

void did(bk_builder *b) {
    b->effects = true;
    if (b->nmade) bk_share_boxes(b);
    b->neffects++;
}

void release_operands(bk_builder *b, uint32_t n) {
    bool owned = false;
    for (uint32_t k = 1; k <= n; k++) owned |= top(b, k)->own == O_OWNED || top(b, k)->kind == V_TUPLE;
    if (owned && !b->effects) begin_effect(b);
    for (uint32_t k = 0; k < n; k++) {
        bk_val v = pop(b);
        release(b, &v);
    }
}
