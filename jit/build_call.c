/* Calls: known builtins, and Python functions that are small enough are inlined. */
#include "build.h"
#include <string.h>

enum { CO_VARARGS = 4, CO_VARKEYWORDS = 8 };

static bool no_inline_here(bk_builder *b) {
    for (uint32_t i = 0; i < b->nnoinline; i++)
        if (b->noinline[i].ctx == TOPF(b)->ctx && b->noinline[i].pc == TOPF(b)->pc) return true;
    return false;
}

const bk_codeinfo *bk_plain_callee(bk_builder *b, bk_obj *func, uint32_t nargs) {
    bk_obj *code = bk_py_func_code(func);
    const bk_codeinfo *ci = bk_py_codeinfo(code);
    if (!ci || ci->generator || ci->module_level || ci->makes_cells || ci->nfree || ci->kwonly ||
        (ci->flags & (CO_VARARGS | CO_VARKEYWORDS)))
        return NULL;
    if (!b->rq.profile(code) || nargs > ci->argcount || b->kwnames) return NULL;
    for (uint32_t i = nargs; i < ci->argcount; i++)
        if (!bk_py_func_default(func, i)) return NULL;
    return bk_assume_function(b->rq.ticket, func) ? ci : NULL;
}

static bool room_for_frame(bk_builder *b) {
    uint32_t frames = b->body ? b->st.n - 1 : b->st.n;
    return b->st.n < BK_MAXDEPTH && (int64_t)frames <= b->rq.params->inline_depth && !no_inline_here(b);
}

/* func may be unknown (NULL) */
static const bk_codeinfo *inlinable(bk_builder *b, bk_obj *code, bk_obj *func, uint32_t nargs) {
    const bk_codeinfo *ci = room_for_frame(b) ? bk_py_codeinfo(code) : NULL;
    if (!ci || ci->generator || ci->module_level || ci->makes_cells || (ci->flags & CO_VARKEYWORDS)) return NULL;
    if (ci->ninsns > b->rq.params->inline_insns || !b->rq.profile(code) || !bk_binds(b, func, ci, nargs)) return NULL;
    for (uint32_t i = 0; i < b->st.n; i++)
        if (b->st.f[i].ci == ci) return NULL; /* recursion is called */
    return !func || bk_assume_function(b->rq.ticket, func) ? ci : NULL;
}

static bool passable(bk_builder *b, uint32_t n) {
    for (uint32_t k = 1; k <= n; k++)
        if (top(b, k)->kind != V_VAL && top(b, k)->kind != V_TUPLE && top(b, k)->kind != V_INST) return false;
    return true;
}

/* a new abstract frame for the function (NULL: it is on the stack), whose locals and names are still to be filled in;
 * it is not the innermost yet */
static bk_bframe *frame_of(bk_builder *b, bk_obj *func, const bk_codeinfo *ci, bk_finish finish) {
    uint32_t ctx = ctx_inline(b, ci->code, !func, (uint8_t)finish);
    uint16_t code = code_number(b, ci);
    bk_bframe *f = &b->st.f[b->st.n];
    *f = (bk_bframe){.ci = ci,
                     .call = b->org,
                     .prof = b->rq.profile(ci->code),
                     .func = func,
                     .on_stack = !func,
                     .flow = b->flows[code],
                     .ctx = ctx,
                     .code = code,
                     .nwait = !func,
                     .finish = (uint8_t)finish};
    while (f->pc + 1 < ci->ninsns && ci->insns[f->pc].op == BC_PROLOGUE) f->pc++; /* done here */
    f->slots = alloc(b, (ci->nlocals + ci->stacksize + 2) * sizeof(bk_val));
    return f;
}

static bk_bframe *new_frame(bk_builder *b, bk_obj *func, const bk_codeinfo *ci, bk_finish finish) {
    bk_bframe *f = frame_of(b, func, ci, finish);
    f->globals = bk_py_func_globals(func);
    f->builtins = bk_py_func_builtins(func);
    for (uint32_t i = 0; i < ci->nfree; i++)
        f->slots[ci->nlocals - ci->nfree + i] = v_konst(b, bk_py_item(bk_py_func_closure(func), i));
    return f;
}

/* the arguments (self first, if bound) become the locals of a new abstract frame */
static bool inline_call(bk_builder *b, bk_obj *func, uint32_t nstack, bool bound) {
    uint32_t nargs = nstack + bound;
    const bk_codeinfo *ci = inlinable(b, bk_py_func_code(func), func, nargs);
    if (!ci || !passable(b, nargs)) return false;
    if (b->body) bk_guard_depth(b);
    bk_bframe *f = new_frame(b, func, ci, BK_FIN_RESULT);
    bk_bind(b, func, NULL, ci, nargs ? top(b, nargs) : NULL, nargs, f->slots);
    for (uint32_t i = 0; i < nargs; i++) pop(b);
    pop(b);             /* the callable, a constant */
    if (!bound) pop(b); /* NULL */
    b->st.n++;
    return true;
}

/* ---- functions made while running: each is another object, but their code is the same ---- */
static bk_ref func_field(bk_builder *b, const bk_val *func, uint32_t offset) {
    return Eload(b, BK_M_PTR, BK_A_TYPE, func->box, offset); /* written by unknown code only, as types are */
}

static void guard_field(bk_builder *b, const bk_val *func, uint32_t offset, const void *want) {
    guard(b, E(b, BK_EQ, func_field(b, func, offset), KP(b, want)), BK_G_VALUE);
}

/* the function keeps its cells, and is kept on the stack */
static void load_free_vars(bk_builder *b, const bk_val *func, const bk_codeinfo *ci, bk_val *locals) {
    if (!ci->nfree) return;
    bk_ref t = func_field(b, func, bk_py->func_closure);
    for (uint32_t i = 0; i < ci->nfree; i++)
        locals[ci->nlocals - ci->nfree + i] =
            (bk_val){.kind = V_VAL,
                     .own = O_HOMES,
                     .type = bk_types.t_cell,
                     .box = Eload(b, BK_M_PTR, BK_A_CONST, t, (int64_t)bk_py->tuple_items + 8 * (int64_t)i)};
}

/* true if recording saw functions of one code, called as they are */
static const bk_codeinfo *seen_callee(bk_builder *b, uint32_t nargs) {
    const bk_prof *p = prof(b);
    if (!bk_calls_python(b) || !p->globals || (p->flags & BK_PF_CALLEE_MANY)) return NULL;
    return bk_py_plain_vectorcall() ? inlinable(b, p->callee, NULL, nargs) : NULL;
}

static bool inline_unknown(bk_builder *b, bk_val *func, uint32_t nargs) {
    const bk_prof *p = prof(b);
    const bk_codeinfo *ci = seen_callee(b, nargs);
    if (!ci || func->kind != V_VAL || func->maybe || !passable(b, nargs)) return false;
    boxed(b, func);
    if (func->type && func->type != bk_types.t_function) return false;
    if (b->body) bk_guard_depth(b);
    guard_type(b, func, bk_types.t_function);
    bk_const(b->fn, ci->code);
    bk_const(b->fn, p->globals);
    bk_const(b->fn, p->builtins);
    guard_field(b, func, bk_py->func_code, ci->code);
    guard_field(b, func, bk_py->func_globals, p->globals);
    guard_field(b, func, bk_py->func_builtins, p->builtins);
    guard_field(b, func, bk_py->func_vectorcall, bk_py_plain_vectorcall());
    bk_bframe *f = frame_of(b, NULL, ci, BK_FIN_RESULT);
    f->globals = p->globals;
    f->builtins = p->builtins;
    bk_bind(b, NULL, func, ci, nargs ? top(b, nargs) : NULL, nargs, f->slots);
    load_free_vars(b, func, ci, f->slots);
    for (uint32_t i = 0; i < nargs; i++) pop(b);
    bk_val x = pop(b), y = pop(b); /* the function and NULL, in either order */
    push(b, x.kind == V_NULL ? y : x);
    b->st.n++;
    return true;
}

bool inline_method(bk_builder *b, bk_obj *func, const bk_val *args, uint32_t nargs, uint32_t npop, uint32_t nwait,
                   bk_finish finish) {
    const bk_codeinfo *ci = inlinable(b, bk_py_func_code(func), func, nargs);
    if (!ci) return false;
    if (b->body) bk_guard_depth(b);
    bk_bframe *f = new_frame(b, func, ci, finish);
    f->nwait = (uint8_t)nwait;
    bk_bind(b, func, NULL, ci, args, nargs, f->slots);
    for (uint32_t i = 0; i < npop; i++) pop(b);
    b->st.n++;
    return true;
}

/* ends the block: a call of n arguments without self gave `out` on this path */
void call_result(bk_builder *b, uint32_t n, bk_val out) {
    bool owned = false;
    for (uint32_t i = 1; i <= n; i++) owned |= top(b, i)->own == O_OWNED || top(b, i)->kind == V_INST;
    if (owned) {
        secure(b, &out);
        begin_effect(b);
    }
    for (uint32_t i = 0; i < n + 2; i++) {
        bk_val v = pop(b);
        if (v.kind == V_VAL || v.kind == V_INST) release(b, &v);
    }
    push(b, out);
    uint32_t next = insn(b)->next;
    flow_goto(b, next, false);
}

/* A class is called: the instance waits, not made yet, on the caller's stack for __init__ to end. */
static bool call_class(bk_builder *b, bk_obj *type, uint32_t n) {
    bk_obj *init;
    if (!bk_py_class(b->rq.ticket, type, &init) || !passable(b, n) || (!init && n)) return false;
    const bk_codeinfo *ci = init ? inlinable(b, bk_py_func_code(init), init, n + 1) : NULL;
    if (init && !ci) return false;
    if (init && b->body) bk_guard_depth(b);
    bk_bframe *f = init ? new_frame(b, init, ci, BK_FIN_INIT) : NULL;
    bk_val self = inst_new(b, type);
    bk_val *args = alloc(b, (n + 1) * sizeof *args);
    args[0] = self;
    for (uint32_t i = n; i-- > 0;) args[i + 1] = pop(b);
    if (init) bk_bind(b, init, NULL, ci, args, n + 1, f->slots);
    pop(b); /* the class and NULL */
    pop(b);
    push(b, self);
    if (!init) {
        flow_continue(b, insn(b)->next);
        return true;
    }
    b->st.n++;
    return true;
}

/* len of an instance whose class has __len__ */
static bool call_length(bk_builder *b, uint32_t npop) {
    learn(b, 1);
    const bk_val arg = *top(b, 1);
    if (!arg.type || arg.clean || (arg.kind != V_VAL && arg.kind != V_INST)) return false;
    bk_obj *f = bk_py_special_method(b->rq.ticket, arg.type, "__len__");
    return f && inline_method(b, f, &arg, 1, npop, 0, BK_FIN_LENGTH);
}

/* an instance is called whose class has __call__ */
static bool call_instance(bk_builder *b, bk_val *callable, uint32_t n) {
    const bk_prof *p = prof(b);
    bk_obj *type = callable->type ? callable->type : p->flags & BK_PF_CALLEE_MANY ? NULL : p->callee;
    if (!type || callable->clean || !passable(b, n)) return false;
    if (callable->kind != V_INST && (callable->kind != V_VAL || !callable->box || callable->maybe)) return false;
    bk_obj *f = bk_py_special_method(b->rq.ticket, type, "__call__");
    if (!f || !inlinable(b, bk_py_func_code(f), f, n + 1)) return false;
    if (!callable->type) guard_type(b, callable, type);
    bk_val *args = alloc(b, (n + 1) * sizeof *args);
    args[0] = *callable;
    for (uint32_t i = 0; i < n; i++) args[i + 1] = *top(b, n - i);
    return inline_method(b, f, args, n + 1, n + 2, 0, BK_FIN_RESULT);
}

static bool call_builtin(bk_builder *b, bk_obj *callable, uint32_t nstack, bool bound) {
    const char *name = bk_py_builtin_name(callable);
    if (!name) return false;
    uint32_t n = nstack + bound;
    if (!strcmp(name, "len") && n == 1 && !b->kwnames && call_length(b, nstack + 2)) return true;
    bool len_of_view = n == 1 && is_array_view(top(b, 1)) && !strcmp(name, "len");
    if (strcmp(name, "isinstance") != 0 && strcmp(name, "type") != 0 && !len_of_view) force_operands(b, n);
    bk_val out, *args = top(b, n);
    if (b->kwnames || dies_loudly(b) || !build_builtin(b, name, callable, n, n ? args : NULL, &out))
        return !b->ended && !b->effects && build_plain_call(b, name, callable, nstack, bound);
    if (b->ended) return true; /* by call_result, on every path */
    bool owned = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!b->effects) check_release(b, &args[i]);
        owned |= args[i].own == O_OWNED || args[i].kind == V_INST;
    }
    if (owned && !b->effects) {
        secure(b, &out);
        begin_effect(b);
    }
    for (uint32_t i = 0; i < n + 2 - bound; i++) {
        bk_val v = pop(b);
        if (v.kind == V_VAL || v.kind == V_INST) release(b, &v);
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
    if (prof(b)->flags & BK_PF_GENERIC) return false;
    if (!bound && call_instance(b, callable, n)) return true;
    if (!callable->konst) return !bound && inline_unknown(b, callable, n);
    if (callable->type == bk_types.t_function)
        return inline_call(b, callable->konst, n, bound) || native_call(b, callable->konst, n, bound);
    if (callable->type == bk_types.t_type && !bound && call_class(b, callable->konst, n)) return true;
    return call_builtin(b, callable->konst, n, bound);
}

/* CALL_KW: the names on top are set aside */
bool build_call_kw(bk_builder *b) {
    if (!top(b, 1)->konst || top(b, 1)->type != bk_types.t_tuple) return false;
    bk_val names = pop(b);
    b->kwnames = names.konst;
    bool done = build_call(b);
    b->kwnames = NULL;
    if (!done && !b->ended) push(b, names);
    return done;
}
