/* super().method and super(C, self).method where the class is always the same: the function is a constant. */
#include "build.h"

/* the class that stands below self, seen as always the same while recording */
static bk_obj *known_class(bk_builder *b, const bk_val *cls) {
    const bk_prof *p = prof(b);
    if (cls->kind != V_VAL || cls->own == O_OWNED || cls->maybe || !cls->box) return NULL;
    if (cls->konst) return cls->konst;
    return p->flags & BK_PF_CALLEE_MANY ? NULL : p->callee;
}

bool build_super(bk_builder *b) {
    const bk_insn *in = insn(b);
    if (!(in->arg2 & 1) || (prof(b)->flags & BK_PF_GENERIC) || top(b, 3)->konst != bk_types.t_super) return false;
    bk_obj *cls = known_class(b, top(b, 2));
    if (!cls) return false;
    learn(b, 1);
    bk_val *self = top(b, 1);
    if ((self->kind != V_VAL && self->kind != V_INST) || !self->type || self->maybe) return false;
    bk_obj *method = bk_py_super_method(b->rq.ticket, cls, self->type, TOPF(b)->ci->names[in->arg]);
    if (!method) return false;
    bk_const(b->fn, cls);
    if (!top(b, 2)->konst) guard(b, E(b, BK_EQ, top(b, 2)->box, KP(b, cls)), BK_G_VALUE);
    bk_val owner = pop(b);
    pop(b); /* the class and super, both borrowed */
    pop(b);
    push(b, v_konst(b, method));
    push(b, owner);
    flow_continue(b, in->next);
    return true;
}
