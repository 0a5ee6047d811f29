/* What a with statement asks of its manager's type (3.14 and later; before, BEFORE_WITH does all of it): the method is
 * found without running code, the call of it is an instruction of its own. */
#include "build.h"

/* the manager becomes the method and its self */
static bool push_method(bk_builder *b, bk_val method) {
    bk_val owner = pop(b);
    push(b, method);
    push(b, owner);
    flow_continue(b, insn(b)->next);
    return true;
}

bool build_with(bk_builder *b) {
    int64_t which = insn(b)->arg;
    bk_obj *known = NULL;
    learn(b, 1);
    bk_val *o = top(b, 1);
    if ((o->kind == V_VAL || o->kind == V_INST) && o->type && !o->maybe)
        known = bk_py_with_method(b->rq.ticket, o->type, (int)which);
    if (known) return push_method(b, v_konst(b, known));
    if (!box_operands(b, 1)) return false;
    bk_val m = v_volatile(NULL, CALLH(b, BK_H_with_method, opnd(b, 1), KI(b, which)));
    guard(b, E(b, BK_NE, m.box, KP(b, NULL)), BK_G_VALUE);
    secure(b, &m);
    return push_method(b, m);
}
