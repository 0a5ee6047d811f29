/* Native functions ("bodies"): a call that is not inlined, being recursive, too deep or too big, becomes a call of a
 * function of its own in the region's code. It has no interpreter frame: its arguments and all its values are SSA
 * values, as those of an inlined frame, and when it leaves, its caller leaves too (snapshot kind `call`), outwards to
 * the region's main function, so that embed can make all the frames.
 *
 * A body is built for one combination of its arguments' types. The type of its result is what recording saw; a build
 * that proves this wrong is begun again. Code that must see its frame cannot run in a body: it is left there, and if
 * that happens often the body is given up and its calls are residual calls. */
#include "build_native.h"
#include <string.h>

static bool unboxes(bk_obj *type) {
    return type == bk_types.t_int || type == bk_types.t_float || type == bk_types.t_bool;
}

static bk_type type_of(const bk_param *p) {
    if (p->konst) return BK_I; /* nothing is passed; a result's register holds 0 */
    if (!p->num) return BK_P;
    return p->type == bk_types.t_float ? BK_F : p->type == bk_types.t_bool ? BK_1 : BK_I;
}

/* how a value is passed; false: it cannot be */
static bool describe(const bk_val *v, bk_param *p) {
    *p = (bk_param){0};
    if (v->kind == V_TUPLE) p->type = bk_types.t_tuple;
    if (v->kind != V_VAL) return v->kind == V_TUPLE;
    p->type = v->type;
    if (v->konst && (v->type == bk_types.t_none_type || v->type == bk_types.t_function)) p->konst = v->konst;
    else p->num = v->type && unboxes(v->type) && fits(v);
    return true;
}

static void see_result(bk_param *r, bool *first, bk_obj *type, bool num) {
    if (*first) *r = (bk_param){.type = type, .num = num};
    else if (r->type != type) *r = (bk_param){0};
    else r->num &= num;
    *first = false;
}

/* the result that recording saw */
static bk_param seen_result(const bk_codeinfo *ci, const bk_prof *prof) {
    bk_param r = {0};
    bool first = true;
    int64_t i;
    for (uint32_t k = 0; k < ci->ninsns; k++) {
        const bk_insn *in = &ci->insns[k];
        const bk_prof *p = &prof[k];
        if (!p->visits) continue;
        if (in->op == BC_RETURN_CONST) {
            bk_obj *type = bk_py_type(in->value);
            see_result(&r, &first, type, unboxes(type) && (type != bk_types.t_int || bk_py_as_i64(in->value, &i)));
        } else if (in->op == BC_RETURN_VALUE) {
            bk_obj *type = p->opnd_many[0] ? NULL : p->opnd[0].type;
            see_result(&r, &first, type, type && unboxes(type) && !p->opnd[0].wide);
        }
    }
    if (r.type == bk_types.t_none_type) r.konst = bk_types.t_none;
    return r;
}

void bk_body_give_up(bk_builder *b) { bk_abort(b, BK_AB_CALLS); }

void bk_body_check(bk_builder *b) {
    bk_identity id;
    if (bk_learn_identity(b, &id)) bk_body_relearn(b, b->body->result, id);
}

bool bk_calls_python(bk_builder *b) {
    const bk_obj *callee = prof(b)->callee;
    return callee && bk_py_type((bk_obj *)callee) == bk_py_type(TOPF(b)->ci->code);
}

bool bk_is_hot_place(bk_builder *b) { return prof(b)->visits * 4 >= TOPF(b)->prof[0].visits; }

void bk_body_unknown(bk_builder *b) {
    if (bk_is_hot_place(b) || b->nleaves == BK_MAXSITES) bk_body_give_up(b);
    b->leaves[b->nleaves++] = (bk_site){TOPF(b)->ctx, TOPF(b)->pc};
    bk_restart(b);
}

bool bk_leaves_here(const bk_builder *b) {
    for (uint32_t i = 0; i < b->nleaves; i++)
        if (b->leaves[i].ctx == b->st.f[b->st.n - 1].ctx && b->leaves[i].pc == b->st.f[b->st.n - 1].pc) return true;
    return false;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static bk_ref parameter(bk_builder *b, bk_type t, int64_t number) {
    bk_blk at = b->st.blk;
    b->st.blk = 0; /* as old as the activation */
    bk_ref r = Et(b, BK_ARG, t, 0, 0, 0);
    b->fn->ins[r].imm = number;
    b->st.blk = at;
    return r;
}

static bool arguments(bk_builder *b, bk_obj *func, uint32_t nargs, bk_body *want) {
    for (uint32_t i = 0; i < want->nparams; i++) {
        bk_val d;
        const bk_val *v = i < nargs ? top(b, nargs - i) : &d;
        if (i >= nargs) d = v_konst(b, bk_py_func_default(func, i));
        if (!describe(v, &want->param[i])) return false;
    }
    return true;
}

/* how many inlined frames the innermost one is above the one that was really entered */
static int64_t inlined(const bk_builder *b) { return (int64_t)b->st.n - (b->body ? 2 : 1); }

/* RecursionError is raised by the interpreter, in the call itself */
void bk_guard_depth(bk_builder *b) {
    if (b->bodies) guard(b, E(b, BK_GT, parameter(b, BK_I, BK_ARG_LEFT), KI(b, inlined(b))), BK_G_RECURSION);
}

/* What is passed for a parameter: boxed references are the callee's; of numbers `v` stays what it is, to be released
 * when the callee has returned. */
static void pass(bk_builder *b, bk_val *v, const bk_param *p, bool box, bk_ref *args, uint32_t *n) {
    if (p->konst) return;
    args[(*n)++] = p->num ? v->num : take(b, v);
    if (box) args[(*n)++] = bk_argument_box(b, v);
}

static bool passed_twice(const bk_val *args, uint32_t n, uint32_t i) {
    for (uint32_t k = 0; k < n; k++)
        if (k != i && args[k].num && args[k].num == args[i].num) return true;
    return false;
}

/* the arguments as the snapshot shows them: only numbers that are, or may come to be, objects of the caller's */
static void show_passed(bk_builder *b, const bk_body *want, const bk_val *args) {
    bk_val *shown = alloc(b, (want->nparams + 1) * sizeof *shown);
    for (uint32_t i = 0; i < want->nparams; i++)
        if (want->param[i].num &&
            (args[i].box || bk_stands_elsewhere(b, &args[i]) || passed_twice(args, want->nparams, i)))
            shown[i] = args[i];
    b->passed = shown;
    b->npassed = want->nparams;
}

static void check_arguments(bk_builder *b, uint32_t nargs, const bk_body *want) {
    for (uint32_t i = 0; i < nargs && i < want->nparams; i++)
        if (want->param[i].num) unbox(b, top(b, nargs - i));
    /* boxes last: a guard behind them would lose them */
    for (uint32_t i = 0; i < nargs && i < want->nparams; i++)
        if (!want->param[i].num && !want->param[i].konst) boxed(b, top(b, nargs - i));
    for (uint32_t i = 0; i < nargs && i < want->nparams; i++)
        if (want->param[i].num) bk_box_argument(b, &want->id, i, top(b, nargs - i));
}

bool native_call(bk_builder *b, bk_obj *func, uint32_t nstack, bool bound) {
    uint32_t nargs = nstack + bound, n = 0;
    const bk_codeinfo *ci = b->bodies ? bk_plain_callee(b, func, nargs) : NULL;
    if (ci) force_operands(b, nargs);
    bk_body want = {.func = func, .ci = ci, .nparams = ci ? ci->argcount : 0};
    if (!ci || ci->argcount > BK_MAXPARAMS || !arguments(b, func, nargs, &want)) return false;
    want.result = seen_result(ci, b->rq.profile(ci->code));
    want.id = bk_first_identity(ci);
    int number = bk_body_for(b, &want);
    if (number < 0) return false;
    const bk_param result = b->bodies->body[number].result;
    want.id = b->bodies->body[number].id;
    if (result.type) bk_const(b->fn, result.type);
    bk_guard_depth(b);
    guard(b, parameter(b, BK_1, BK_ARG_ROOM), BK_G_RECURSION);
    Eguarded(b, BK_POLL, 0, 0, BK_G_POLL);
    check_arguments(b, nargs, &want);
    begin_effect(b);
    bk_ref args[2 * BK_MAXPARAMS + 1];
    bk_val was[BK_MAXPARAMS + 1];
    args[n++] = E(b, BK_SUB, parameter(b, BK_I, BK_ARG_LEFT), KI(b, inlined(b) + 1));
    for (uint32_t i = 0; i < want.nparams; i++) {
        was[i] = i < nargs ? *top(b, nargs - i) : v_konst(b, bk_py_func_default(func, i));
        pass(b, &was[i], &want.param[i], bk_wants_box(&want.id, &want.param[i], i), args, &n);
    }
    for (uint32_t i = 0; i < nstack + 2; i++) pop(b);
    show_passed(b, &want, was);
    uint32_t snap = snap_now(b, TOPF(b)->pc, BK_SNAP_CALL, BK_G_CALLEE);
    b->npassed = 0;
    bk_ref r = bk_emit_list(b->fn, b->st.blk, BK_NCALL, type_of(&result), args, n, number);
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    b->fn->ins[r].org = b->org;
    b->fn->ins[r].snap = snap;
    bk_val out = result.konst ? v_konst(b, result.konst)
                 : result.num ? bk_call_result(b, r, &result, &want.id, was, want.nparams)
                              : v_owned(result.type, r);
    for (uint32_t i = 0; i < want.nparams; i++)
        if (want.param[i].num) release(b, &was[i]);
    push(b, out);
    flow_continue(b, insn(b)->next);
    return true;
}

/* ---- the body itself --------------------------------------------------------------------------------------------- */

void bk_body_entry(bk_builder *b) {
    static const bk_codeinfo nobody = {0}; /* stands for all frames outside: there are no slots in it */
    const bk_body *x = b->body;
    b->st.n = 1;
    b->st.f[0] = (bk_bframe){.ci = &nobody, .slots = alloc(b, 2 * sizeof(bk_val))};
    b->st.blk = bk_block_new(b->fn);
    uint16_t code = code_number(b, x->ci);
    bk_bframe *f = &b->st.f[b->st.n++];
    *f = (bk_bframe){.ci = x->ci,
                     .prof = b->rq.profile(x->ci->code),
                     .func = x->func,
                     .globals = bk_py_func_globals(x->func),
                     .builtins = bk_py_func_builtins(x->func),
                     .flow = b->flows[code],
                     .ctx = 1,
                     .code = code};
    b->ctxs[1] = (bk_inlinectx){.code = x->ci->code};
    b->nctx = 2;
    f->slots = alloc(b, (x->ci->nlocals + x->ci->stacksize + 2) * sizeof(bk_val));
    for (uint32_t i = 0, n = 1; i < x->nparams; i++) {
        const bk_param *p = &x->param[i];
        if (p->type) bk_const(b->fn, p->type);
        if (p->konst) f->slots[i] = v_konst(b, p->konst);
        else {
            bk_ref arg = parameter(b, type_of(p), n++);
            f->slots[i] = p->num ? v_num(p->type, arg) : v_owned(p->type, arg);
            bool box = bk_wants_box(&x->id, p, i);
            if (p->num) bk_param_identity(b, i, box ? parameter(b, BK_P, n++) : 0, &f->slots[i]);
        }
    }
    bk_const(b->fn, x->func);
    begin_insn(b, 0);
    if (f->flow->merge[0]) flow_goto(b, 0, false);
}

/* gives the value on top the form of the body's result; false: the block has ended */
static bool shape_result(bk_builder *b) {
    bk_val *v = top(b, 1);
    const bk_param *want = &b->body->result;
    bk_obj *type = v->kind == V_TUPLE ? bk_types.t_tuple : v->type;
    if (v->kind != V_VAL && v->kind != V_TUPLE) bk_body_give_up(b);
    if (want->type && type && type != want->type) bk_body_relearn(b, (bk_param){0}, b->body->id);
    if (want->konst && !type) guard(b, E(b, BK_EQ, boxed(b, v), KP(b, want->konst)), BK_G_TYPE);
    else if (want->type && !type) {
        if (!v->box || v->maybe) bk_body_give_up(b);
        guard_type(b, v, want->type);
    }
    if (want->num) unbox(b, v);
    return !b->ended;
}

void bk_body_return(bk_builder *b) {
    bk_bframe *f = TOPF(b);
    const bk_param *want = &b->body->result;
    if (insn(b)->op == BC_RETURN_CONST) push(b, v_konst(b, insn(b)->value));
    else force_operands(b, 1);
    if (!shape_result(b)) return;
    check_releases(b, f->slots, f->ci->nlocals);
    if (!want->num && !want->konst) boxed(b, top(b, 1));
    begin_effect(b);
    for (uint32_t i = 0; i < f->ci->nlocals; i++) release(b, &f->slots[i]);
    bk_val v = pop(b);
    bk_ref r = want->konst ? KI(b, 0) : want->num ? v.num : take(b, &v), word = KP(b, NULL);
    if (want->num) word = bk_result_word(b, &v);
    else if (want->konst) release(b, &v);
    E(b, BK_RET, r, word);
    b->ended = true;
}
