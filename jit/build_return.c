/* Return of an inlined function: what its frame holds goes, and its caller does with the result what the instruction
 * that waits there does (bk_finish). A result that the instruction would not take as it is leaves native code before
 * the return: embed/finish.c does the rest. */
#include "build.h"

bk_val *waiting(bk_builder *b, uint32_t k) {
    bk_bframe *caller = &b->st.f[b->st.n - 2];
    return &caller->slots[caller->ci->nlocals + caller->sp - k];
}

static const bk_insn *waiting_insn(bk_builder *b) {
    const bk_bframe *caller = &b->st.f[b->st.n - 2];
    return &caller->ci->insns[caller->pc];
}

static bool is_type(bk_builder *b, bk_val *v, bk_obj *type) {
    if (v->kind != V_VAL) return false;
    if (!v->type && v->box && !v->maybe) guard_type(b, v, type);
    return v->type == type;
}

static bool is_none(bk_builder *b, bk_val *v) {
    if (v->kind != V_VAL) return false;
    if (v->konst || v->type || !v->box || v->maybe) return v->konst == bk_types.t_none;
    guard(b, E(b, BK_EQ, v->box, KP(b, bk_types.t_none)), BK_G_VALUE);
    *v = v_konst(b, bk_types.t_none);
    return true;
}

static bool is_implemented(bk_builder *b, bk_val *v) {
    if (v->konst) return v->konst != bk_types.t_not_implemented;
    if (v->kind == V_VAL && v->type == bk_py_type(bk_types.t_not_implemented)) return false;
    if (v->kind != V_VAL || v->type || !v->box || v->maybe) return true;
    guard(b, E(b, BK_NE, v->box, KP(b, bk_types.t_not_implemented)), BK_G_VALUE);
    return true;
}

/* the result is such as the instruction takes it; without effects */
static bool acceptable(bk_builder *b, bk_val *v, bk_finish finish) {
    switch (finish) {
    case BK_FIN_INIT:
    case BK_FIN_NONE: return is_none(b, v);
    case BK_FIN_COMPARE:
        if (waiting_insn(b)->arg2) return is_type(b, v, bk_types.t_bool);
        /* fall through */
    case BK_FIN_BINARY:
    case BK_FIN_REFLECTED:
    case BK_FIN_INPLACE: return is_implemented(b, v);
    case BK_FIN_TRUTH:
    case BK_FIN_BOOL: return is_type(b, v, bk_types.t_bool);
    case BK_FIN_LENGTH:
        if (!is_type(b, v, bk_types.t_int)) return false;
        guard(b, E(b, BK_GE, unbox(b, v), KI(b, 0)), BK_G_VALUE);
        return true;
    default: return true;
    }
}

/* what the instruction makes of the result, which has gone from the callee's stack */
static bk_val made_of(bk_builder *b, bk_val v, bk_finish finish) {
    const bk_insn *in = insn(b);
    bk_ref num;
    switch (finish) {
    case BK_FIN_LENGTH:
        num = unbox(b, &v); /* an int of its own */
        release(b, &v);
        return v_num(bk_types.t_int, renamed(b, num));
    case BK_FIN_TRUTH:
    case BK_FIN_BOOL:
        num = unbox(b, &v);
        release(b, &v);
        if (in->op == BC_UNARY_NOT || (in->op == BC_CONTAINS_OP && in->arg)) num = E(b, BK_NOT, num, 0);
        return v_bool(num);
    default: return v;
    }
}

static void push_result(bk_builder *b, bk_val v, bk_finish finish) {
    const bk_insn *in = insn(b);
    if (finish == BK_FIN_INIT || finish == BK_FIN_NONE) return;
    bool for_call = in->op == BC_LOAD_ATTR && in->arg2;
    v = made_of(b, v, finish);
    if (for_call && bk_py->null_first) push(b, v_null());
    push(b, v);
    if (for_call && !bk_py->null_first) push(b, v_null());
    else if (v.kind == V_VAL && !v.type) b->result_of = prof(b);
}

static bool goes(const bk_val *v) { return v->own == O_OWNED || v->kind == V_TUPLE || v->kind == V_INST; }

/* before effects: all that goes with the frame will run no code; whether anything goes at all */
static bool check_frame(bk_builder *b) {
    bk_bframe *f = TOPF(b);
    uint32_t n = f->ci->nlocals + f->nwait;
    bk_val *going = alloc(b, (n + 1) * sizeof *going);
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        going[i] = i < f->ci->nlocals ? f->slots[i] : *waiting(b, i - f->ci->nlocals + 1);
        any |= goes(&going[i]);
    }
    collect_deaths(b, going, n);
    if (b->ndying && dies_loudly(b)) call_instead(b);
    guard_deaths(b);
    return any;
}

void build_return(bk_builder *b) {
    if (is_outer(b)) {
        leave(b, BK_G_RETURN);
        return;
    }
    if (b->body && b->st.n == 2) {
        bk_body_return(b);
        return;
    }
    bk_bframe *f = TOPF(b);
    bk_finish finish = f->finish;
    if (insn(b)->op == BC_RETURN_CONST) push(b, v_konst(b, insn(b)->value));
    if (!acceptable(b, top(b, 1), finish)) {
        if (!b->ended && finish > BK_FIN_INIT) call_instead(b);
        if (!b->ended) leave(b, BK_G_VALUE);
        return;
    }
    bool released = top(b, 1)->own == O_VOLATILE;
    if (check_frame(b) || released) {
        begin_effect(b);
        for (uint32_t i = 0; i < f->ci->nlocals; i++) release(b, &f->slots[i]);
        for (uint32_t k = 1; k <= f->nwait; k++) release(b, waiting(b, k));
    }
    bk_val v = pop(b);
    b->st.n--;
    for (uint32_t k = 0; k < f->nwait; k++) pop(b);
    push_result(b, v, finish);
    flow_continue(b, insn(b)->next);
}

/* No one sees the exception: FOR_ITER drops it. */
bool build_stop(bk_builder *b) {
    bk_bframe *f = TOPF(b);
    const bk_insn *in = insn(b);
    if (is_outer(b) || f->finish != BK_FIN_NEXT || in->arg != 1 || in->handler >= 0) return false;
    if (top(b, 1)->kind != V_VAL || top(b, 1)->konst != bk_types.t_stop_iteration || f->sp != 1) return false;
    bool mine = !waiting(b, 1)->clean;
    f->nwait = mine;
    bool any = check_frame(b);
    if (any) begin_effect(b);
    for (uint32_t i = 0; i < f->ci->nlocals && any; i++) release(b, &f->slots[i]);
    if (mine && any) release(b, waiting(b, 1));
    f->nwait = 0;
    pop(b);
    b->st.n--;
    pop(b); /* the iterator; one that the real frame holds goes when native code is left */
    uint32_t target = (uint32_t)insn(b)->target;
    TOPF(b)->pc = target;
    bool outside = flow_outside(b, target);
    if (!mine || outside) leave_at(b, target, outside ? BK_G_LOOP_END : BK_G_BRANCH);
    else {
        begin_insn(b, target);
        flow_goto(b, target, false);
    }
    return true;
}
