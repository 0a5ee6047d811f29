/* One number is one object: when an unboxed number is given a box, the other places that hold the number get it too.
 *
 * Boxes are made before the guards of an instruction are all through, so that places get them at its first effect, when
 * the box is still alive. Locals that are dead by then are left alone. */
#include "build.h"

static bool has_identity(const bk_val *v) {
    return v->kind == V_VAL && v->num && v->type != bk_types.t_bool && v->type != bk_types.t_str && !v->modular;
}

/* a copy of the number that has no definite box either */
static bool same_number(const bk_val *v, const bk_val *w) {
    return has_identity(w) && w->num == v->num && w->num2 == v->num2 && w->type == v->type && !w->clean &&
           w->box == v->box && (!w->box || w->maybe);
}

static bool gives_nothing(int op) {
    return op == BC_STORE_SUBSCR || op == BC_STORE_ATTR || op == BC_LIST_APPEND || op == BC_SET_ADD || op == BC_MAP_ADD;
}

/* The instruction's own operands are its business: they are released as what they were. */
static bool live_after(const bk_builder *b, uint32_t frame, uint32_t slot) {
    const bk_bframe *f = &b->st.f[frame];
    bool innermost = frame + 1 == b->st.n;
    const bk_insn *in = &f->ci->insns[f->pc];
    uint32_t next = innermost ? in->next : f->pc;
    if (slot < f->ci->nlocals) return next < f->ci->ninsns && bk_live(f->flow, next, slot);
    if (!innermost || b->share_operands) return true;
    int depth = next < f->ci->ninsns ? f->ci->insns[next].depth : -1;
    return (int)(slot - f->ci->nlocals) < depth - !gives_nothing(in->op);
}

static bool copied_in(const bk_val *v, const bk_val *in) {
    if (in != v && same_number(v, in)) return true;
    for (int i = 0; i < in->nkids; i++)
        if (copied_in(v, &in->kids[i])) return true;
    return false;
}

static bool has_copy(bk_builder *b, const bk_val *v, bool dead) {
    if (!has_identity(v) || is_constant(b, v->num)) return false;
    for (uint32_t i = 0; i < b->st.n; i++) {
        const bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++)
            if ((dead || live_after(b, i, k)) && (copied_in(v, &f->slots[k]) || bk_is_twin(b, v, &f->slots[k])))
                return true;
    }
    return false;
}

bool bk_has_copy(bk_builder *b, const bk_val *v) { return has_copy(b, v, false); }
bool bk_stands_elsewhere(bk_builder *b, const bk_val *v) { return has_copy(b, v, true); }

bool bk_reuse_box(bk_builder *b, bk_val *v) {
    for (uint32_t i = 0; i < b->nmade; i++) {
        bool same = same_number(&b->made[i].was, v);
        if (!same && (!has_identity(v) || !bk_is_twin(b, &b->made[i].was, v))) continue;
        v->box = same ? b->made[i].box : bk_twin_box(b, v, b->made[i].box);
        v->own = O_VOLATILE;
        v->maybe = false;
        return true;
    }
    return false;
}

void bk_note_box(bk_builder *b, const bk_val *was, bk_ref box) {
    if (!has_identity(was) || is_constant(b, was->num) || b->nmade == BK_MOSTMADE) return;
    b->made[b->nmade].was = *was;
    b->made[b->nmade++].box = box;
    if (b->effects) bk_share_boxes(b);
}

static void give_box(bk_builder *b, uint32_t frame, uint32_t slot, bk_val *v, bk_ref box) {
    bool home = frame == 0 && slot < b->st.f[0].ci->nlocals;
    E(b, BK_INCREF, box, 0);
    if (v->own == O_OWNED && v->box) E(b, BK_XDECREFN, v->box, 0);
    v->own = O_NONE;
    if (home) put_home(b, slot, box);
    v->box = box;
    v->maybe = false;
    v->clean = home;
    v->own = home ? O_HOMES : O_OWNED;
    v->homes = home ? home_bit(slot) : 0;
}

static void share_in(bk_builder *b, uint32_t frame, uint32_t slot, bk_val *v, const bk_val *was, bk_ref box) {
    if (same_number(was, v)) give_box(b, frame, slot, v, box);
    else if (has_identity(v) && bk_is_twin(b, was, v)) give_box(b, frame, slot, v, bk_twin_box(b, v, box));
    else if ((v->kind == V_TUPLE || v->kind == V_SLICE) && copied_in(was, v)) {
        v->kids = copy_kids(b, v, v->nkids);
        for (int i = 0; i < v->nkids; i++) share_in(b, UINT32_MAX, 0, &v->kids[i], was, box);
    } else if (v->kind == V_INST && copied_in(was, v)) inst_share_box(b, v, was, box);
}

void bk_share_boxes(bk_builder *b) {
    uint32_t n = b->nmade;
    b->nmade = 0; /* home slots that are written make no boxes, but begin effects */
    for (uint32_t m = 0; m < n; m++)
        for (uint32_t i = 0; i < b->st.n; i++) {
            bk_bframe *f = &b->st.f[i];
            for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++)
                if (live_after(b, i, k)) share_in(b, i, k, &f->slots[k], &b->made[m].was, b->made[m].box);
        }
}
