/* Special methods written in Python, called by an instruction itself (a + b, o[k], len(o), o.property, o(...)): inlined
 * as calls are. Operands that the instruction still needs if the method returns NotImplemented wait on the caller's
 * stack; the others become the method's locals. */
#include "build.h"

static bk_obj *type_of(const bk_val *v) { return v->clean && v->kind != V_VAL ? NULL : v->type; }

/* FOR_ITER leaves its iterator where it is */
static void know_iterator(bk_builder *b) {
    bk_val *it = top(b, 1);
    const bk_prof *p = prof(b);
    if (it->kind != V_VAL || it->type || p->opnd_many[0] || !p->opnd[0].type) return;
    if (!bk_py_is_heap_type(p->opnd[0].type) || (p->flags & BK_PF_GENERIC)) return;
    if (it->clean && !it->box) {
        uint32_t slot = (uint32_t)(it - b->st.f[0].slots);
        bk_val v = {.kind = V_VAL, .box = Eimm(b, BK_HLOAD, 0, slot), .own = O_HOMES, .homes = home_bit(slot)};
        guard_type(b, &v, p->opnd[0].type);
        it->type = v.type;
    } else guard_type(b, it, p->opnd[0].type);
}

/* the operand as an argument; `stays`: on the caller's stack, too */
static bk_val lend(bk_builder *b, uint32_t k, bool stays) {
    bk_val *v = top(b, k);
    bk_val arg = *v;
    if (v->clean) {
        uint32_t slot = (uint32_t)(v - b->st.f[0].slots);
        arg.box = Eimm(b, BK_HLOAD, 0, slot);
        arg.own = O_HOMES;
        arg.homes = home_bit(slot);
        arg.clean = false;
    }
    if (stays && arg.own == O_OWNED) arg.own = O_VOLATILE;
    return arg;
}

bool build_special(bk_builder *b) {
    const bk_insn *in = insn(b);
    bk_obj *types[3] = {NULL};
    bk_special s;
    if (in->op == BC_FOR_ITER) {
        know_iterator(b);
        if (b->ended) return false;
    }
    for (uint32_t k = 1; k <= 3 && k <= TOPF(b)->sp; k++) types[k - 1] = type_of(top(b, k));
    if (prof(b)->flags & BK_PF_GENERIC) return false;
    if (!bk_py_special(b->rq.ticket, in, types, &s)) return false;
    for (uint32_t k = 1; k <= s.nops; k++) {
        const bk_val *v = top(b, k);
        if (v->kind != V_VAL && v->kind != V_INST && v->kind != V_TUPLE) return false;
        if ((v->clean && s.finish != BK_FIN_NEXT) || (v->kind == V_TUPLE && s.waits)) return false;
    }
    bk_val args[3];
    bool stays = s.waits || s.finish == BK_FIN_NEXT;
    for (uint32_t i = 0; i < s.nargs; i++) args[i] = lend(b, s.arg[i], stays);
    return inline_method(b, s.func, args, s.nargs, stays ? 0 : s.nops, s.waits ? s.nops : 0, s.finish);
}

bool build_property(bk_builder *b, bk_obj *name) {
    bk_val arg = *top(b, 1);
    bk_attr at;
    if (!arg.type || arg.clean || (arg.kind != V_VAL && arg.kind != V_INST)) return false;
    if ((prof(b)->flags & BK_PF_GENERIC) || !bk_py_property(arg.type, name)) return false;
    bk_py_attr(b->rq.ticket, arg.type, name, false, &at);
    return at.kind == BK_AT_PROPERTY && inline_method(b, at.value, &arg, 1, 1, 0, BK_FIN_RESULT);
}
