/* Calls: known builtins, and Python functions that are small enough are inlined. */
#include "build.h"

enum { CO_VARARGS = 4, CO_VARKEYWORDS = 8 };

static bool no_inline_here(bk_builder *b) {
    for (uint32_t i = 0; i < b->nnoinline; i++)
        if (b->noinline[i].ctx == TOPF(b)->ctx && b->noinline[i].pc == TOPF(b)->pc) return true;
    return false;
}

const bk_codeinfo *bk_plain_callee(bk_builder *b, bk_obj *func, uint32_t nargs) {
    bk_obj *code = bk_py_func_code(func);
    const bk_codeinfo *ci = bk_py_codeinfo(code);
    if (!ci || ci->generator || ci->module_level || ci->has_cells || ci->kwonly ||
        (ci->flags & (CO_VARARGS | CO_VARKEYWORDS)))
        return NULL;
    if (!b->rq.profile(code) || nargs > ci->argcount) return NULL;
    for (uint32_t i = nargs; i < ci->argcount; i++)
        if (!bk_py_func_default(func, i)) return NULL;
    return bk_assume_function(b->rq.ticket, func) ? ci : NULL;
}

static const bk_codeinfo *inlinable(bk_builder *b, bk_obj *func, uint32_t nargs) {
    const bk_params *p = b->rq.params;
    uint32_t frames = b->body ? b->st.n - 1 : b->st.n;
    if (b->st.n >= BK_MAXDEPTH || (int64_t)frames > p->inline_depth || no_inline_here(b)) return NULL;
    const bk_codeinfo *ci = bk_plain_callee(b, func, nargs);
    if (!ci || ci->ninsns > p->inline_insns) return NULL;
    for (uint32_t i = 0; i < b->st.n; i++)
        if (b->st.f[i].ci == ci) return NULL; /* recursion is called */
    return ci;
}

/* the arguments (self first, if bound) become the locals of a new abstract frame */
static bool inline_call(bk_builder *b, bk_obj *func, uint32_t nstack, bool bound) {
    uint32_t nargs = nstack + bound;
    const bk_codeinfo *ci = inlinable(b, func, nargs);
    if (!ci) return false;
    for (uint32_t k = 1; k <= nargs; k++)
        if (top(b, k)->kind != V_VAL && top(b, k)->kind != V_TUPLE) return false;
    if (b->body) bk_guard_depth(b);
    uint32_t ctx = ctx_inline(b, ci->code);
    uint16_t code = code_number(b, ci);
    bk_bframe *f = &b->st.f[b->st.n];
    *f = (bk_bframe){.ci = ci,
                     .prof = b->rq.profile(ci->code),
                     .func = func,
                     .globals = bk_py_func_globals(func),
                     .builtins = bk_py_func_builtins(func),
                     .flow = b->flows[code],
                     .ctx = ctx,
                     .code = code};
    f->slots = alloc(b, (ci->nlocals + ci->stacksize + 2) * sizeof(bk_val));
    for (uint32_t i = nargs; i-- > 0;) f->slots[i] = pop(b);
    for (uint32_t i = nargs; i < ci->argcount; i++) f->slots[i] = v_konst(b, bk_py_func_default(func, i));
    pop(b);             /* the callable, a constant */
    if (!bound) pop(b); /* NULL */
    b->st.n++;
    f->pc = 0;
    return true;
}

/* ends the block: a call of n arguments without self gave `out` on this path */
void call_result(bk_builder *b, uint32_t n, bk_val out) {
    bool owned = false;
    for (uint32_t i = 1; i <= n; i++) owned |= top(b, i)->own == O_OWNED;
    if (owned) {
        secure(b, &out);
        begin_effect(b);
    }
    for (uint32_t i = 0; i < n + 2; i++) {
        bk_val v = pop(b);
        if (v.kind == V_VAL) release(b, &v);
    }
    push(b, out);
    uint32_t next = insn(b)->next;
    flow_goto(b, next, false);
}

static bool call_builtin(bk_builder *b, bk_obj *callable, uint32_t nstack, bool bound) {
    const char *name = bk_py_builtin_name(callable);
    if (!name) return false;
    uint32_t n = nstack + bound;
    bk_val out, *args = top(b, n);
    if (!build_builtin(b, name, n, n ? args : NULL, &out)) return false;
    if (b->ended) return true; /* by call_result, on every path */
    bool owned = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!b->effects) check_release(b, &args[i]);
        owned |= args[i].own == O_OWNED;
    }
    if (owned && !b->effects) {
        secure(b, &out);
        begin_effect(b);
    }
    for (uint32_t i = 0; i < n + 2 - bound; i++) {
        bk_val v = pop(b);
        if (v.kind == V_VAL) release(b, &v);
    }
    push(b, out);
    flow_continue(b, insn(b)->next);
    return true;
}

bool build_call(bk_builder *b) {
    uint32_t n = (uint32_t)insn(b)->arg;
    bk_val *lo = top(b, n + 2), *hi = top(b, n + 1);
    bool bound = bk_py->null_first ? lo->kind != V_NULL : hi->kind != V_NULL;
    bk_val *callable = bk_py->null_first && !bound ? hi : lo;
    if (!callable->konst || b->kwnames || (prof(b)->flags & BK_PF_GENERIC)) return false;
    if (callable->type == bk_types.t_function)
        return inline_call(b, callable->konst, n, bound) || native_call(b, callable->konst, n, bound);
    return call_builtin(b, callable->konst, n, bound);
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
    if (insn(b)->op == BC_RETURN_CONST) push(b, v_konst(b, insn(b)->value));
    bool owned = top(b, 1)->own == O_VOLATILE;
    for (uint32_t i = 0; i < f->ci->nlocals; i++) {
        check_release(b, &f->slots[i]);
        owned |= f->slots[i].own == O_OWNED || f->slots[i].kind == V_TUPLE;
    }
    if (owned) {
        begin_effect(b);
        for (uint32_t i = 0; i < f->ci->nlocals; i++) release(b, &f->slots[i]);
    }
    bk_val v = pop(b);
    b->st.n--;
    push(b, v);
    if (v.kind == V_VAL && !v.type) b->result_of = prof(b);
    flow_continue(b, insn(b)->next);
}
