/* The boxed lowering of every bytecode: a residual call of the C function that the interpreter itself would call. */
#include "build.h"

/* boxes the n operands on top; false: one of them cannot be (the instruction is left to the interpreter) */
bool box_operands(bk_builder *b, uint32_t n) {
    force_operands(b, n);
    for (uint32_t k = n; k > 0; k--) {
        bk_val *v = top(b, k);
        if (v->kind != V_VAL && v->kind != V_NULL && v->kind != V_TUPLE && v->kind != V_RANGE && v->kind != V_RANGEIT &&
            v->kind != V_SEQIT && v->kind != V_ENUM)
            return false;
        bk_ref num = v->num;
        bool fresh = v->kind == V_VAL && num && !v->box && b->fn->ins[num].op > BK_K_PTR;
        if (v->kind != V_NULL) boxed(b, v);
        for (uint32_t i = 1; fresh && i < k; i++) { /* one number in two operands is one object */
            bk_val *o = top(b, i);
            if (o->kind != V_VAL || o->box || o->num != num || o->type != v->type || o->num2 != v->num2) continue;
            o->box = v->box;
            o->own = O_VOLATILE;
        }
    }
    return !b->ended;
}

bk_ref opnd(bk_builder *b, uint32_t k) {
    bk_val *v = top(b, k);
    return v->kind == V_NULL ? KP(b, NULL) : v->box;
}

/* pops n operands and drops their references, the lowest first, as the interpreter does */
void drop_operands(bk_builder *b, uint32_t n) {
    for (uint32_t k = n; k > 0; k--) {
        const bk_val *v = top(b, k);
        if (v->own != O_OWNED || !v->box) continue;
        if (simple_type(v->type)) E(b, v->maybe ? BK_XDECREFN : BK_DECREFN, v->box, 0);
        else E(b, BK_XDECREF, v->box, 0);
    }
    for (uint32_t k = 0; k < n; k++) pop(b);
}

void finish_operands(bk_builder *b, uint32_t n, bk_ref result) {
    drop_operands(b, n);
    if (result) push(b, v_owned(NULL, result));
    b->result_of = result ? prof(b) : NULL;
    flow_continue(b, insn(b)->next);
}

/* The n operands on top are boxed and any code may run now; false: the instruction is left to the interpreter. */
static bool residual_begin(bk_builder *b, uint32_t n) {
    if (box_operands(b, n)) unknown_begin(b);
    else if (!b->ended) leave(b, BK_G_NYI);
    return !b->ended;
}

/* a helper with the n operands on top as its arguments; it gives a new reference */
static void gives(bk_builder *b, bk_helper h, uint32_t n, bool has_imm, int64_t imm) {
    bk_ref a[8];
    uint32_t k = 0;
    if (!residual_begin(b, n)) return;
    for (uint32_t i = n; i > 0; i--) a[k++] = opnd(b, i);
    if (has_imm) a[k++] = KI(b, imm);
    bk_ref r = Ecall(b, h, k, a);
    raise_if_null(b, r);
    finish_operands(b, n, r);
}

/* the same for helpers that give a status; `order` says which operand (from the top) each argument is */
static void does(bk_builder *b, bk_helper h, uint32_t n, const uint8_t *order, bk_obj *name) {
    bk_ref a[8];
    uint32_t k = 0;
    if (!residual_begin(b, n)) return;
    for (; order[k]; k++) a[k] = order[k] == 9 ? KP(b, name) : opnd(b, order[k]);
    raise_if_neg(b, Ecall(b, h, k, a));
    finish_operands(b, n, 0);
}

/* adds the popped value to the container that is `depth` below it */
static void adds(bk_builder *b, bk_helper h, uint32_t depth, uint32_t n) {
    if (!box_operands(b, n) || top(b, depth + n)->kind != V_VAL) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    boxed(b, top(b, depth + n));
    unknown_begin(b);
    bk_ref a[3] = {top(b, depth + n)->box, opnd(b, n), n > 1 ? opnd(b, 1) : 0};
    raise_if_neg(b, Ecall(b, h, n + 1, a));
    finish_operands(b, n, 0);
}

static void list_append(bk_builder *b, uint32_t depth) {
    bk_val *list = top(b, depth + 1);
    if (list->kind != V_VAL || list->type != bk_types.t_list || !box_operands(b, 1)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    bk_ref into = boxed(b, list);
    begin_effect(b);
    bk_ref ok = CALLH(b, BK_H_list_append, into, opnd(b, 1));
    exit_unless(b, ok, snap_now(b, TOPF(b)->pc, BK_SNAP_RESUME, BK_G_MEMORY)); /* the interpreter tries again */
    bk_val v = pop(b);
    release(b, &v);
    flow_continue(b, insn(b)->next);
}

/* A Python function consumes its arguments: what the helper left in the argument's word is the operand now. */
static void take_back(bk_builder *b, bk_val *v, uint32_t word) {
    if (v->kind != V_VAL || v->own != O_OWNED) return;
    v->box = CALLH(b, BK_H_arg_get, KI(b, word));
    v->type = v->konst = NULL;
    v->num = v->num2 = 0;
}

static void generic_call(bk_builder *b, uint32_t n, uint32_t kw) {
    uint32_t total = n;
    if (n + 1 > 60 || !box_operands(b, n + 2 + kw)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    bk_val *lo = top(b, n + 2 + kw), *hi = top(b, n + 1 + kw);
    bool bound = bk_py->null_first ? lo->kind != V_NULL : hi->kind != V_NULL;
    if (b->rq.header < 0 && bk_is_hot_place(b) && bk_calls_python(b)) bk_abort(b, BK_AB_CALLS);
    unknown_begin(b);
    bk_val *func = bk_py->null_first && !bound ? hi : lo;
    uint64_t owned = 0;
    if (bound) {
        CALLH(b, BK_H_arg_set, KI(b, 1), hi->box);
        if (hi->own == O_OWNED) owned |= 2;
        total++;
    }
    for (uint32_t i = 0; i < n; i++) {
        CALLH(b, BK_H_arg_set, KI(b, (int64_t)i + 1 + bound), opnd(b, n - i + kw));
        if (top(b, n - i + kw)->own == O_OWNED) owned |= UINT64_C(1) << (i + 1 + bound);
    }
    if (func->own == O_OWNED) { /* a bound method goes before its function runs */
        CALLH(b, BK_H_arg_set, KI(b, total + 1), func->box);
        owned |= UINT64_C(1) << (total + 1);
    }
    /* word 0 is scratch for the callee */
    bk_ref names = kw ? opnd(b, 1) : b->kwnames ? KP(b, b->kwnames) : KP(b, NULL);
    bk_ref r = CALLH(b, BK_H_call, func->box, names, KI(b, (int64_t)owned), KI(b, total));
    if (owned) {
        take_back(b, func, total + 1);
        if (bound) take_back(b, hi, 1);
        for (uint32_t i = 0; i < n; i++) take_back(b, top(b, n - i + kw), i + 1 + bound);
        b->raise_snap = snap_now(b, TOPF(b)->pc, BK_SNAP_RAISE, BK_G_RAISE);
    }
    raise_if_null(b, r);
    finish_operands(b, n + 2 + kw, r);
}

/* a list of the operands: making one runs no code */
static void build_list(bk_builder *b, uint32_t n) {
    if (n > 60 || !box_operands(b, n)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    bk_ref list = CALLH(b, BK_H_list_new, KI(b, n));
    guard(b, E(b, BK_NE, list, KP(b, NULL)), BK_G_MEMORY);
    begin_effect(b);
    bk_ref items = n ? Eload(b, BK_M_PTR, BK_A_ITEMPTR, list, bk_py->list_items) : 0;
    for (uint32_t i = 0; i < n; i++)
        Estore(b, BK_M_PTR, BK_A_ITEMS, items, 0, 0, 8 * (int64_t)i, take(b, top(b, n - i)));
    for (uint32_t i = 0; i < n; i++) pop(b);
    push(b, v_owned(bk_types.t_list, list));
    flow_continue(b, insn(b)->next);
}

static void build_container(bk_builder *b, int what, uint32_t n) {
    if (n > 60 || !box_operands(b, n)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    unknown_begin(b);
    for (uint32_t i = 0; i < n; i++) CALLH(b, BK_H_arg_set, KI(b, i), opnd(b, n - i));
    bk_ref r = CALLH(b, BK_H_build, KI(b, what), KI(b, 0), KI(b, n));
    raise_if_null(b, r);
    drop_operands(b, n);
    bk_obj *types[] = {bk_types.t_tuple, bk_types.t_list, bk_types.t_set,   bk_types.t_dict,
                       bk_types.t_dict,  bk_types.t_str,  bk_types.t_slice, bk_types.t_slice};
    push(b, v_owned(types[what], r));
    flow_continue(b, insn(b)->next);
}

static void generic_branch(bk_builder *b) {
    const bk_insn *in = insn(b);
    if (!box_operands(b, 1)) return;
    unknown_begin(b);
    bk_ref t = CALLH(b, BK_H_truth, opnd(b, 1));
    raise_if_neg(b, t);
    /* the test is repeated by nobody: from here on the truth value is on the stack in the object's place */
    bk_ref c = E(b, BK_NE, t, KI(b, 0));
    drop_operands(b, 1);
    bk_prof *p = prof(b);
    uint32_t taken = p->taken, fell = p->visits > p->taken ? p->visits - p->taken : 0;
    bool jump_if = in->op == BC_POP_JUMP_IF_TRUE;
    if (in->op != BC_POP_JUMP_IF_TRUE && in->op != BC_POP_JUMP_IF_FALSE) {
        push(b, v_bool(in->op == BC_UNARY_NOT ? E(b, BK_NOT, c, 0) : c));
        flow_continue(b, in->next);
        return;
    }
    /* both ways are places of their own: what must hold after unknown code is tested there */
    uint32_t yes = jump_if ? (uint32_t)in->target : in->next, no = jump_if ? in->next : (uint32_t)in->target;
    b->unknown = false;
    b->check_targets = true;
    flow_branch(b, c, yes, no, jump_if ? taken : fell, jump_if ? fell : taken);
    b->check_targets = false;
}

static void generic_foriter(bk_builder *b) {
    const bk_insn *in = insn(b);
    uint32_t target = (uint32_t)in->target;
    if (!residual_begin(b, 1)) return;
    bk_ref r = CALLH(b, BK_H_iternext, opnd(b, 1));
    bk_blk none = flow_split(b, E(b, BK_NE, r, KP(b, NULL)), false), go = b->st.blk;
    bk_aside body = flow_aside(b, none, go);
    /* exhausted (it must not be asked again, so behind the loop), or an exception */
    raise_unless(b, E(b, BK_NOT, Ecall(b, BK_H_has_error, 0, NULL), 0));
    bool outside = flow_outside(b, target);
    bool mine = !top(b, 1)->clean, seen = prof(b)->taken || TOPF(b)->prof[target].visits;
    if (mine) drop_operands(b, 1);
    else pop(b);
    TOPF(b)->pc = target;
    b->unknown = false;
    if (!mine || outside || !seen) leave_at(b, target, outside ? BK_G_LOOP_END : BK_G_BRANCH);
    else {
        unknown_end(b);
        begin_insn(b, target);
        flow_goto(b, target, false);
    }
    flow_back(b, &body);
    b->unknown = true;
    b->effects = true;
    push(b, v_owned(NULL, r));
    b->result_of = prof(b);
    flow_continue(b, in->next);
}

/* the instruction's result; for a call, without a self */
static void push_attribute(bk_builder *b, bk_ref r, bool for_call) {
    if (for_call && bk_py->null_first) push(b, v_null());
    push(b, v_owned(NULL, r));
    if (for_call && !bk_py->null_first) push(b, v_null());
    b->result_of = for_call ? NULL : prof(b);
    flow_continue(b, insn(b)->next);
}

static void load_global(bk_builder *b, const bk_insn *in) {
    unknown_begin(b);
    bk_ref r = CALLH(b, BK_H_load_global, KP(b, TOPF(b)->ci->names[in->arg]));
    raise_if_null(b, r);
    push_attribute(b, r, in->arg2);
}

static void load_attr(bk_builder *b, const bk_insn *in) {
    bk_obj *name = TOPF(b)->ci->names[in->arg];
    if (!residual_begin(b, 1)) return;
    /* for a call, too, the bound attribute: the same but for a bound method that nobody sees */
    bk_ref r = CALLH(b, BK_H_getattr, opnd(b, 1), KP(b, name));
    raise_if_null(b, r);
    drop_operands(b, 1);
    push_attribute(b, r, in->arg2);
}

static void unpack(bk_builder *b, uint32_t n) {
    if (n > 60 || !box_operands(b, 1)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    unknown_begin(b);
    raise_if_neg(b, CALLH(b, BK_H_unpack, opnd(b, 1), KI(b, n)));
    bk_ref items[64];
    for (uint32_t i = 0; i < n; i++) items[i] = CALLH(b, BK_H_arg_get, KI(b, i));
    drop_operands(b, 1);
    for (uint32_t i = n; i-- > 0;) push(b, v_owned(NULL, items[i]));
    flow_continue(b, insn(b)->next);
}

static void contains(bk_builder *b, const bk_insn *in) {
    if (!residual_begin(b, 2)) return;
    bk_ref r = CALLH(b, BK_H_contains, opnd(b, 1), opnd(b, 2));
    raise_if_neg(b, r);
    drop_operands(b, 2);
    push(b, v_bool(in->arg ? E(b, BK_EQ, r, KI(b, 0)) : E(b, BK_NE, r, KI(b, 0))));
    flow_continue(b, in->next);
}

static void compare_bool(bk_builder *b, const bk_insn *in) {
    if (!residual_begin(b, 2)) return;
    bk_ref r = CALLH(b, BK_H_compare_bool, opnd(b, 2), opnd(b, 1), KI(b, in->arg));
    raise_if_neg(b, r);
    drop_operands(b, 2);
    push(b, v_bool(E(b, BK_NE, r, KI(b, 0))));
    flow_continue(b, in->next);
}

static void format_simple(bk_builder *b) {
    if (!residual_begin(b, 1)) return;
    bk_ref r = CALLH(b, BK_H_format, opnd(b, 1), KP(b, NULL));
    raise_if_null(b, r);
    finish_operands(b, 1, r);
}

static void convert_simple(bk_builder *b, int64_t how) {
    if (!residual_begin(b, 1)) return;
    bk_ref r = CALLH(b, BK_H_convert_format, opnd(b, 1), KP(b, NULL), KI(b, how));
    raise_if_null(b, r);
    finish_operands(b, 1, r);
}

/* 3.12's: with a conversion it is one call, for there is one place to raise from */
static void format_value(bk_builder *b, const bk_insn *in) {
    uint32_t n = in->arg2 ? 2 : 1;
    if (!in->arg && n == 2) gives(b, BK_H_format, 2, false, 0);
    else if (!in->arg) format_simple(b);
    else if (n == 2) gives(b, BK_H_convert_format, 2, true, in->arg);
    else convert_simple(b, in->arg);
}

static void call_ex(bk_builder *b, const bk_insn *in) {
    uint32_t kw = (uint32_t)in->arg & 1;
    if (!residual_begin(b, 3 + kw)) return;
    bk_ref callable = opnd(b, bk_py->null_first ? 2 + kw : 3 + kw);
    bk_ref r = CALLH(b, BK_H_call_ex, callable, opnd(b, 1 + kw), kw ? opnd(b, 1) : KP(b, NULL));
    raise_if_null(b, r);
    finish_operands(b, 3 + kw, r);
}

static void import_name(bk_builder *b, const bk_insn *in) {
    if (!residual_begin(b, 2)) return;
    bk_ref r = CALLH(b, BK_H_import_name, KP(b, TOPF(b)->ci->names[in->arg]), opnd(b, 1), opnd(b, 2));
    raise_if_null(b, r);
    finish_operands(b, 2, r);
}

static void super_attr(bk_builder *b, const bk_insn *in) {
    if (!residual_begin(b, 3)) return;
    bk_ref r = CALLH(b, BK_H_super_attr, opnd(b, 3), opnd(b, 2), opnd(b, 1), KP(b, TOPF(b)->ci->names[in->arg]),
                     KI(b, (in->arg2 & 2) != 0));
    raise_if_null(b, r);
    drop_operands(b, 3);
    push_attribute(b, r, in->arg2 & 1);
}

static void before_with(bk_builder *b) {
    if (!residual_begin(b, 1)) return;
    bk_ref r = CALLH(b, BK_H_before_with, opnd(b, 1));
    raise_if_null(b, r);
    bk_ref leaves = CALLH(b, BK_H_arg_get, KI(b, 0));
    drop_operands(b, 1);
    push(b, v_owned(NULL, leaves));
    push(b, v_owned(NULL, r));
    b->result_of = prof(b);
    flow_continue(b, insn(b)->next);
}

static void unpack_ex(bk_builder *b, const bk_insn *in) {
    uint32_t before = (uint32_t)in->arg & 255, after = (uint32_t)in->arg >> 8, n = before + 1 + after;
    if (n > 60 || !box_operands(b, 1)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    unknown_begin(b);
    raise_if_neg(b, CALLH(b, BK_H_unpack_ex, opnd(b, 1), KI(b, before), KI(b, after)));
    bk_ref items[64];
    for (uint32_t i = 0; i < n; i++) items[i] = CALLH(b, BK_H_arg_get, KI(b, i));
    drop_operands(b, 1);
    for (uint32_t i = n; i-- > 0;) push(b, v_owned(i == before ? bk_types.t_list : NULL, items[i]));
    flow_continue(b, insn(b)->next);
}

/* the function is new: what it is given here is seen by nobody else */
static void make_function(bk_builder *b, const bk_insn *in) {
    uint32_t n = 1 + (uint32_t)__builtin_popcount((unsigned)in->arg);
    if (!residual_begin(b, n)) return;
    bk_ref f = CALLH(b, BK_H_make_function, opnd(b, 1));
    raise_if_null(b, f);
    for (uint32_t bit = 8, k = 2; bit; bit >>= 1)
        if ((uint32_t)in->arg & bit) CALLH(b, BK_H_set_function_attribute, f, opnd(b, k++), KI(b, bit));
    drop_operands(b, n);
    push(b, v_owned(bk_types.t_function, f));
    flow_continue(b, in->next);
}

static void set_function_attribute(bk_builder *b, const bk_insn *in) {
    bk_val *f = top(b, 1);
    if (f->kind != V_VAL || !f->box || f->maybe || f->own != O_OWNED || !box_operands(b, 2)) {
        if (!b->ended) leave(b, BK_G_NYI);
        return;
    }
    begin_effect(b);
    CALLH(b, BK_H_set_function_attribute, top(b, 1)->box, opnd(b, 2), KI(b, in->arg));
    bk_val func = pop(b), value = pop(b);
    release(b, &value); /* the function has its own reference */
    push(b, func);
    flow_continue(b, in->next);
}

void build_generic(bk_builder *b) {
    static const uint8_t set_item[] = {2, 1, 3, 0}, del_item[] = {2, 1, 0}, set_slice[] = {3, 2, 1, 4, 0},
                         set_attr[] = {1, 9, 2, 0}, del_attr[] = {1, 9, 0}, set_global[] = {9, 1, 0};
    const bk_insn *in = insn(b);
    bk_obj *const *names = TOPF(b)->ci->names;
    switch (in->op) {
    case BC_BINARY_OP: gives(b, BK_H_binary_op, 2, true, in->arg); break;
    case BC_BINARY_SUBSCR: gives(b, BK_H_getitem, 2, false, 0); break;
    case BC_BINARY_SLICE: gives(b, BK_H_getslice, 3, false, 0); break;
    case BC_COMPARE_OP:
        if (in->arg2) compare_bool(b, in);
        else gives(b, BK_H_compare, 2, true, in->arg);
        break;
    case BC_CONTAINS_OP: contains(b, in); break;
    case BC_UNARY_NEGATIVE: gives(b, BK_H_unary_op, 1, true, 0); break;
    case BC_UNARY_INVERT: gives(b, BK_H_unary_op, 1, true, 1); break;
    case BC_UNARY_NOT:
    case BC_TO_BOOL:
    case BC_POP_JUMP_IF_TRUE:
    case BC_POP_JUMP_IF_FALSE: generic_branch(b); break;
    case BC_STORE_SUBSCR: does(b, BK_H_setitem, 3, set_item, NULL); break;
    case BC_DELETE_SUBSCR: does(b, BK_H_delitem, 2, del_item, NULL); break;
    case BC_STORE_SLICE: does(b, BK_H_setslice, 4, set_slice, NULL); break;
    case BC_STORE_ATTR: does(b, BK_H_setattr, 2, set_attr, names[in->arg]); break;
    case BC_DELETE_ATTR: does(b, BK_H_delattr, 1, del_attr, names[in->arg]); break;
    case BC_STORE_GLOBAL: does(b, BK_H_store_global, 1, set_global, names[in->arg]); break;
    case BC_LOAD_GLOBAL: load_global(b, in); break;
    case BC_LOAD_ATTR: load_attr(b, in); break;
    case BC_GET_ITER: gives(b, BK_H_getiter, 1, false, 0); break;
    case BC_FOR_ITER: generic_foriter(b); break;
    case BC_CALL: generic_call(b, (uint32_t)in->arg, 0); break;
    case BC_CALL_FUNCTION_EX: call_ex(b, in); break;
    case BC_CALL_KW: generic_call(b, (uint32_t)in->arg, 1); break;
    case BC_CALL_INTRINSIC_1: gives(b, BK_H_intrinsic1, 1, true, in->arg); break;
    case BC_BUILD_TUPLE: build_container(b, BK_B_TUPLE, (uint32_t)in->arg); break;
    case BC_BUILD_LIST: build_list(b, (uint32_t)in->arg); break;
    case BC_BUILD_SET: build_container(b, BK_B_SET, (uint32_t)in->arg); break;
    case BC_BUILD_MAP: build_container(b, BK_B_MAP, 2 * (uint32_t)in->arg); break;
    case BC_BUILD_CONST_KEY_MAP: build_container(b, BK_B_CONST_KEY_MAP, (uint32_t)in->arg + 1); break;
    case BC_BUILD_STRING: build_container(b, BK_B_STRING, (uint32_t)in->arg); break;
    case BC_BUILD_SLICE: build_container(b, in->arg == 3 ? BK_B_SLICE3 : BK_B_SLICE2, (uint32_t)in->arg); break;
    case BC_LIST_APPEND: list_append(b, (uint32_t)in->arg); break;
    case BC_LIST_EXTEND: adds(b, BK_H_list_extend, (uint32_t)in->arg, 1); break;
    case BC_SET_ADD: adds(b, BK_H_set_add, (uint32_t)in->arg, 1); break;
    case BC_SET_UPDATE: adds(b, BK_H_set_update, (uint32_t)in->arg, 1); break;
    case BC_MAP_ADD: adds(b, BK_H_map_add, (uint32_t)in->arg, 2); break;
    case BC_DICT_UPDATE: adds(b, BK_H_dict_update, (uint32_t)in->arg, 1); break;
    case BC_UNPACK_SEQUENCE: unpack(b, (uint32_t)in->arg); break;
    case BC_FORMAT_VALUE: format_value(b, in); break;
    case BC_FORMAT_SIMPLE: format_simple(b); break;
    case BC_FORMAT_WITH_SPEC: gives(b, BK_H_format, 2, false, 0); break;
    case BC_CONVERT_VALUE: gives(b, BK_H_convert, 1, true, in->arg); break;
    case BC_IMPORT_NAME: import_name(b, in); break;
    case BC_LOAD_SUPER_ATTR:
        if (!build_super(b) && !b->ended) super_attr(b, in);
        break;
    case BC_BEFORE_WITH: before_with(b); break;
    case BC_UNPACK_EX: unpack_ex(b, in); break;
    case BC_MAKE_FUNCTION: make_function(b, in); break;
    case BC_SET_FUNCTION_ATTRIBUTE: set_function_attribute(b, in); break;
    default: leave(b, BK_G_NYI); /* must not run natively, or has no fast path yet */
    }
}
