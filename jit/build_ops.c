/* The builder's dispatch: one case per canonical bytecode, a call each; what has no fast path takes its boxed
 * lowering. */
#include "build_quiet.h"

static void next(bk_builder *b) { flow_continue(b, insn(b)->next); }

static void load_fast(bk_builder *b, uint32_t slot, bool check) {
    bk_val v = load_local(b, slot);
    if (v.kind == V_NULL) {
        leave(b, BK_G_UNBOUND);
        return;
    }
    if (check && v.box && !v.maybe && !v.num && !v.type) guard(b, E(b, BK_NE, v.box, KP(b, NULL)), BK_G_UNBOUND);
    push(b, v);
}

static void op_load_fast_pair(bk_builder *b, const bk_insn *in) {
    load_fast(b, (uint32_t)in->arg, false);
    if (!b->ended) load_fast(b, in->arg2, false);
    if (!b->ended) next(b);
}

/* a local that always gets numbers or strings: its old value then dies without running code */
static void learn_simple(bk_builder *b, uint32_t k) {
    const bk_prof *p = prof(b);
    if (!p->opnd_many[k - 1] && simple_type(p->opnd[k - 1].type)) learn(b, k);
}

static void op_store_fast(bk_builder *b, const bk_insn *in) {
    uint32_t slot = (uint32_t)in->arg;
    if (is_outer(b) && top(b, 1)->kind == V_TUPLE) force_operands(b, 1);
    learn_simple(b, 1);
    if (store_kills(b, slot)) store_dying(b, slot, pop(b));
    else {
        check_overwrite(b, slot);
        store_local(b, slot, pop(b));
    }
    next(b);
}

static void op_store_load(bk_builder *b, const bk_insn *in) {
    if (is_outer(b) && top(b, 1)->kind == V_TUPLE) force_operands(b, 1);
    if (store_kills(b, (uint32_t)in->arg)) store_dying(b, (uint32_t)in->arg, pop(b));
    else {
        check_overwrite(b, (uint32_t)in->arg);
        store_local(b, (uint32_t)in->arg, pop(b));
    }
    if (b->unknown && TOPF(b)->slots[in->arg2].clean) TOPF(b)->slots[in->arg2].box = 0; /* as it is afterwards */
    bk_val v = load_local(b, in->arg2);
    if (v.kind == V_NULL) bk_abort(b, BK_AB_VERIFY); /* or it would be a LOAD_FAST_CHECK */
    push(b, v);
    next(b);
}

static void op_store_pair(bk_builder *b, const bk_insn *in) {
    uint32_t first = (uint32_t)in->arg, second = in->arg2;
    bool dying = store_kills(b, first) || store_kills(b, second);
    for (uint32_t k = 1; k <= 2 && is_outer(b); k++)
        if (top(b, k)->kind == V_TUPLE) force_operands(b, k);
    learn_simple(b, 1);
    learn_simple(b, 2);
    if (!dying) {
        if (first == second) collect_deaths(b, top(b, 1), 1); /* stored, then overwritten */
        check_overwrites(b, first, second);
    }
    for (uint32_t k = 1; k <= 2; k++)
        if (top(b, k)->kind != V_VAL && top(b, k)->kind != V_INST) force(b, top(b, k));
    if (b->ended || (dying && !box_operands(b, 2))) return; /* the second, too, before the first one's effects */
    bk_val v = pop(b);
    if (dying) store_dying(b, first, v);
    else store_local(b, first, v);
    v = pop(b);
    if (dying) store_dying(b, second, v);
    else store_local(b, second, v);
    next(b);
}

static void op_delete_fast(bk_builder *b, const bk_insn *in) {
    uint32_t slot = (uint32_t)in->arg;
    bk_val v = load_local(b, slot);
    if (v.kind == V_NULL) {
        leave(b, BK_G_UNBOUND);
        return;
    }
    if (v.box && !v.maybe && !v.num && !v.type) guard(b, E(b, BK_NE, v.box, KP(b, NULL)), BK_G_UNBOUND);
    if (store_kills(b, slot)) store_dying(b, slot, v_null());
    else {
        check_overwrite(b, slot);
        store_local(b, slot, v_null());
    }
    next(b);
}

static void op_pop_top(bk_builder *b) {
    bk_val *t = top(b, 1);
    if (t->own == O_OWNED && t->kind == V_VAL && !simple_type(t->type) && dies_loudly(b)) {
        bk_ref p = t->box;
        unknown_begin(b);
        pop(b);
        E(b, BK_XDECREF, p, 0);
    } else {
        check_release(b, t);
        bk_val v = pop(b);
        if (v.own == O_OWNED || v.kind == V_INST || v.nkids) { /* kids: an iterator over iterators, too */
            begin_effect(b);
            release(b, &v);
        }
    }
    next(b);
}

static bool owns_boxes(const bk_val *v) {
    for (int i = 0; i < v->nkids; i++)
        if (owns_boxes(&v->kids[i])) return true;
    return v->own == O_OWNED || v->own == O_VOLATILE;
}

static void op_copy(bk_builder *b, const bk_insn *in) {
    bk_val *src = top(b, (uint32_t)in->arg);
    int then = TOPF(b)->ci->insns[insn(b)->next].op;
    if (src->kind == V_TUPLE && (then == BC_POP_JUMP_IF_NONE || then == BC_POP_JUMP_IF_NOT_NONE)) {
        push(b, v_konst(b, bk_types.t_true)); /* the branch asks only whether it is None */
        next(b);
        return;
    }
    if (src->kind == V_TUPLE) force_operands(b, TOPF(b)->sp);
    if (src->kind == V_TUPLE && owns_boxes(src)) boxed(b, src); /* two owners of one item would be counted once */
    if (src->kind != V_VAL && src->kind != V_NULL && src->kind != V_TUPLE && src->kind != V_INST) {
        leave(b, BK_G_NYI);
        return;
    }
    bk_val v = *src;
    if (v.kind == V_TUPLE) lend_kids(b, &v); /* a box that one of the two gets is not the other's */
    if (v.clean) {
        v.box = Eimm(b, BK_HLOAD, 0, TOPF(b)->ci->nlocals + TOPF(b)->sp - (uint32_t)in->arg);
        v.own = O_VOLATILE;
    }
    if (v.own == O_OWNED) E(b, v.maybe ? BK_XINCREF : BK_INCREF, v.box, 0);
    push(b, v);
    next(b);
}

static void op_swap(bk_builder *b, const bk_insn *in) {
    bk_val *x = top(b, 1), *y = top(b, (uint32_t)in->arg), t = *x;
    if (y->clean) {
        leave(b, BK_G_NYI);
        return;
    }
    *x = *y;
    *y = t;
    next(b);
}

/* a global that is rewritten: looked up in its module's dict each time */
static bool changing_global(bk_builder *b, bk_obj *name, bk_val *v) {
    bk_obj *globals = TOPF(b)->globals;
    if (bk_py_type(globals) != bk_types.t_dict || (prof(b)->flags & BK_PF_GENERIC)) return false;
    bk_const(b->fn, globals);
    bk_const(b->fn, name);
    bk_ref p = CALLH(b, BK_H_dict_get, KP(b, globals), KP(b, name));
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_UNBOUND);
    *v = v_volatile(NULL, p);
    if (!insn(b)->arg2) apply_seen(b, v, prof(b));
    return true;
}

static void op_store_global(bk_builder *b, const bk_insn *in) {
    bk_obj *globals = TOPF(b)->globals, *name = TOPF(b)->ci->names[in->arg];
    bk_val *v = top(b, 1);
    if (bk_py_type(globals) != bk_types.t_dict || v->kind != V_VAL || (prof(b)->flags & BK_PF_GENERIC)) {
        build_generic(b);
        return;
    }
    bk_const(b->fn, globals);
    bk_const(b->fn, name);
    check_release(b, v);
    bk_ref p = boxed(b, v);
    guard(b, CALLH(b, BK_H_dict_can_set, KP(b, globals), KP(b, name)), BK_G_DESTRUCTOR);
    begin_effect(b);
    CALLH(b, BK_H_dict_set, KP(b, globals), KP(b, name), p);
    bk_val gone = pop(b);
    release(b, &gone); /* the dict has its own reference */
    TOPF(b)->pc = in->next;
    guard_valid(b); /* code that relied on the old value may be this */
    flow_continue(b, in->next);
}

static void op_load_global(bk_builder *b, const bk_insn *in) {
    bk_bframe *f = TOPF(b);
    bk_obj *name = f->ci->names[in->arg];
    bk_obj *o = bk_assume_global(b->rq.ticket, f->globals, f->builtins, name);
    bk_val v;
    if (o) v = v_konst(b, o);
    else if (!changing_global(b, name, &v)) {
        build_generic(b);
        return;
    }
    if (in->arg2 && bk_py->null_first) push(b, v_null());
    push(b, v);
    if (in->arg2 && !bk_py->null_first) push(b, v_null());
    next(b);
}

static void op_load_deref(bk_builder *b, const bk_insn *in) {
    bk_val cell = load_local(b, (uint32_t)in->arg);
    if (cell.kind != V_VAL || !cell.box) {
        leave(b, BK_G_UNBOUND);
        return;
    }
    bk_ref p = Eload(b, BK_M_PTR, BK_A_CELL, cell.box, bk_py->cell_value);
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_UNBOUND);
    bk_val v = v_volatile(NULL, p);
    apply_seen(b, &v, prof(b));
    push(b, v);
    next(b);
}

static void op_store_deref(bk_builder *b, const bk_insn *in) {
    force_operands(b, 1);
    bk_val cell = load_local(b, (uint32_t)in->arg), *v = top(b, 1);
    if (cell.kind != V_VAL || !cell.box || v->kind != V_VAL) {
        leave(b, BK_G_NYI);
        return;
    }
    bk_ref old = Eload(b, BK_M_PTR, BK_A_CELL, cell.box, bk_py->cell_value);
    guard(b, E(b, BK_NE, old, KP(b, NULL)), BK_G_UNBOUND);
    bk_val oldv = v_volatile(NULL, old);
    if (simple_type(v->type)) guard_type(b, &oldv, v->type);
    else { check_death(b, old); }
    boxed(b, v);
    begin_effect(b);
    bk_ref p = take(b, v);
    pop(b);
    Estore(b, BK_M_PTR, BK_A_CELL, cell.box, 0, 0, bk_py->cell_value, p);
    E(b, simple_type(oldv.type) ? BK_DECREFN : BK_DECREFQ, old, 0);
    next(b);
}

/* Operands that a fast path has used go. Where recording or an exit saw the last reference to one of them die, that may
 * run any code. */
void push_released(bk_builder *b, uint32_t n, bk_val out) {
    bool owned = false, dying = false;
    for (uint32_t k = 1; k <= n; k++) {
        const bk_val *v = top(b, k);
        owned |= v->own == O_OWNED || v->kind == V_TUPLE || v->kind == V_INST;
        dying |= v->kind == V_VAL && v->own == O_OWNED && !simple_type(v->type) && !v->konst;
    }
    dying = dying && dies_loudly(b);
    if (!dying && !b->effects) check_releases(b, top(b, n), n);
    if (out.kind == V_VAL && out.own == O_HOMES && dying) {
        E(b, out.maybe ? BK_XINCREF : BK_INCREF, out.box, 0);
        out.own = O_OWNED;
    }
    if (owned) secure(b, &out);
    if (dying) unknown_begin(b);
    else if (owned) begin_effect(b);
    bk_val went[8];
    for (uint32_t k = 0; k < n; k++) went[k] = pop(b);
    push(b, out);
    for (uint32_t k = 0; k < n; k++) {
        bk_val *v = &went[k];
        if (!dying || v->kind != V_VAL || v->own != O_OWNED || simple_type(v->type)) continue;
        E(b, BK_XDECREF, v->box, 0);
        v->own = O_NONE;
    }
    release_all(b, went, n);
}

/* inlined comprehensions: the local is put aside on the stack */
static void op_load_and_clear(bk_builder *b, const bk_insn *in) {
    uint32_t slot = (uint32_t)in->arg;
    bk_val v = load_local(b, slot), *l = &TOPF(b)->slots[slot];
    if (is_outer(b) && v.kind != V_NULL) {
        if (v.maybe && v.box) { /* the slot may hold another, stale number: only its own box could move */
            leave(b, BK_G_NYI);
            return;
        }
        begin_effect(b);
        settle_boxes(b, home_bit(slot));
        bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
        Eimm(b, BK_HSTORE, KP(b, NULL), slot);
        if (v.box && v.own == O_HOMES) v.own = O_OWNED; /* the slot's reference moves to the stack */
        else E(b, BK_XDECREFN, old, 0);
    } else if (l->own == O_OWNED) v.own = O_OWNED;
    *l = (bk_val){.kind = V_NULL, .clean = is_outer(b)};
    push(b, v);
    next(b);
}

static void op_kw_names(bk_builder *b, const bk_insn *in) {
    b->kwnames = TOPF(b)->ci->consts[in->arg];
    bk_const(b->fn, b->kwnames);
    TOPF(b)->pc = in->next;
    if (!build_call(b) && !b->ended) build_generic(b);
    b->kwnames = NULL;
}

static void op_binary(bk_builder *b, int op) {
    bk_val *y = top(b, 1), *x = top(b, 2), out;
    learn(b, 2);
    learn(b, 1);
    bool quick = !(prof(b)->flags & BK_PF_GENERIC) && x->kind == V_VAL && !x->clean && !y->clean;
    if (quick && (str_append_local(b) || text_append(b, op))) return;
    if (build_special(b)) return;
    if (quick && ((y->kind == V_VAL && build_binary(b, op, x, y, &out)) || text_binary(b, op, x, y, &out))) {
        bk_val cy = pop(b), cx = pop(b);
        if (cx.own == O_OWNED || cy.own == O_OWNED || cy.kind == V_TUPLE) {
            begin_effect(b);
            release(b, &cx);
            release(b, &cy);
        }
        push(b, out);
        next(b);
    } else if (!b->ended) {
        reject_modular(b);
        build_generic(b);
    }
}

static void op_compare(bk_builder *b, const bk_insn *in) {
    bk_val *y = top(b, 1), *x = top(b, 2), out;
    learn(b, 2);
    learn(b, 1);
    if (build_special(b)) return;
    if (!(prof(b)->flags & BK_PF_GENERIC) && x->kind == V_VAL && y->kind == V_VAL &&
        build_compare(b, in->arg, x, y, &out)) {
        bk_val cy = pop(b), cx = pop(b);
        if (cx.own == O_OWNED || cy.own == O_OWNED) {
            begin_effect(b);
            release(b, &cx);
            release(b, &cy);
        }
        push(b, out);
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void op_unary(bk_builder *b, const bk_insn *in) {
    bk_val *x = top(b, 1), out;
    bk_ref c;
    bool done = false;
    learn(b, 1);
    if (build_special(b)) return;
    if ((x->kind == V_VAL && !x->clean) || x->kind == V_INST) {
        if (x->kind != V_VAL && in->op != BC_UNARY_NOT && in->op != BC_TO_BOOL) done = false;
        else if (in->op == BC_UNARY_NEGATIVE) done = build_unary(b, 0, x, &out);
        else if (in->op == BC_UNARY_INVERT) done = build_unary(b, 1, x, &out);
        else if (build_truth(b, x, &c)) {
            out = v_bool(in->op == BC_UNARY_NOT ? E(b, BK_NOT, c, 0) : c);
            done = true;
        }
    }
    if (b->ended) return;
    if (!done) {
        build_generic(b);
        return;
    }
    push_released(b, 1, out);
    next(b);
}

static void op_branch(bk_builder *b, const bk_insn *in) {
    bk_val *x = top(b, 1);
    bk_ref c;
    bk_prof *p = prof(b);
    learn(b, 1);
    uint32_t taken = p->taken, fell = p->visits > p->taken ? p->visits - p->taken : 0;
    bool none = in->op == BC_POP_JUMP_IF_NONE || in->op == BC_POP_JUMP_IF_NOT_NONE;
    if (none) {
        if (x->kind == V_VAL && (x->type || (x->num && !x->box)) && x->type != bk_types.t_none_type)
            c = bk_kb(b->fn, false);
        else if (x->kind == V_VAL && x->konst) c = bk_kb(b->fn, x->konst == bk_types.t_none);
        else if (x->kind == V_VAL && x->box && !x->maybe) c = E(b, BK_EQ, x->box, KP(b, bk_types.t_none));
        else if (x->kind == V_TUPLE || x->kind == V_INST) c = bk_kb(b->fn, false);
        else {
            leave(b, BK_G_NYI);
            return;
        }
        check_release(b, x);
    } else {
        if (!build_truth(b, x, &c)) {
            if (!b->ended) build_generic(b);
            return;
        }
        check_release(b, x);
    }
    bk_val v = pop(b);
    if (v.own == O_OWNED || v.kind == V_INST) {
        begin_effect(b);
        release(b, &v);
    }
    bool jump_if = in->op == BC_POP_JUMP_IF_TRUE || in->op == BC_POP_JUMP_IF_NONE;
    uint32_t yes = jump_if ? (uint32_t)in->target : in->next, no = jump_if ? in->next : (uint32_t)in->target;
    flow_branch(b, c, yes, no, jump_if ? taken : fell, jump_if ? fell : taken);
}

static void op_back(bk_builder *b, const bk_insn *in) {
    begin_insn(b, (uint32_t)in->target);
    Eguarded(b, BK_POLL, 0, 0, BK_G_POLL);
    flow_goto(b, (uint32_t)in->target, true);
}

/* an unboxed value that is always the same object */
static bool has_one_box(const bk_val *v) {
    return v->type == bk_types.t_bool || (v->type == bk_types.t_str && v->num && !v->box);
}

static void op_is(bk_builder *b, const bk_insn *in) {
    bk_val *y = top(b, 1), *x = top(b, 2);
    bk_ref c = 0;
    bool xn = x->kind == V_VAL && x->konst == bk_types.t_none, yn = y->kind == V_VAL && y->konst == bk_types.t_none;
    bk_val *o = xn ? y : x;
    if (x->kind == V_INST || y->kind == V_INST) c = bk_kb(b->fn, x->kind == y->kind && x->vid == y->vid);
    else if ((xn || yn) && o->kind == V_VAL && o->type && o->type != bk_types.t_none_type) c = bk_kb(b->fn, false);
    else if ((xn || yn) && o->kind == V_VAL && o->num && !o->box) c = bk_kb(b->fn, false);
    else {
        if (x->kind != V_VAL || y->kind != V_VAL) {
            leave(b, BK_G_NYI);
            return;
        }
        /* two unboxed numbers: whether they are one object cannot be told here */
        bool bx = x->box && !x->maybe, by = y->box && !y->maybe;
        if ((!bx && !has_one_box(x)) || (!by && !has_one_box(y))) {
            leave(b, BK_G_NYI);
            return;
        }
        c = E(b, BK_EQ, boxed(b, x), boxed(b, y));
    }
    check_releases(b, x, 2);
    bk_val went[2];
    for (int k = 0; k < 2; k++) went[k] = pop(b);
    if (went[0].own == O_OWNED || went[1].own == O_OWNED || went[0].kind == V_INST || went[1].kind == V_INST) {
        begin_effect(b);
        release_all(b, went, 2);
    }
    push(b, v_bool(in->arg ? E(b, BK_NOT, c, 0) : c));
    next(b);
}

static void op_subscr(bk_builder *b) {
    bk_val *key = top(b, 1), *o = top(b, 2), out;
    learn(b, 2);
    learn(b, 1);
    if (build_special(b)) return;
    if (!(prof(b)->flags & BK_PF_GENERIC) && o->kind != V_NULL && build_subscr(b, o, key, &out)) {
        push_released(b, 2, out);
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void op_store_subscr(bk_builder *b) {
    bk_val *key = top(b, 1), *o = top(b, 2), *v = top(b, 3);
    learn(b, 2);
    learn(b, 1);
    if (build_special(b)) return;
    force_operands(b, 1);
    if (!is_array_view(top(b, 2))) force_operands(b, 2);
    if (top(b, 3)->kind != V_VAL) force_operands(b, 3);
    if (!(prof(b)->flags & BK_PF_GENERIC) && build_store_subscr(b, o, key, v)) {
        bk_val ck = pop(b), co = pop(b);
        pop(b); /* the value was taken */
        release(b, &ck);
        release(b, &co);
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void op_load_attr(bk_builder *b, const bk_insn *in) {
    bk_val *o = top(b, 1), out, self;
    bk_obj *name = TOPF(b)->ci->names[in->arg];
    learn(b, 1);
    flow_by_type(b);
    if (build_property(b, name)) return;
    if (!(prof(b)->flags & BK_PF_GENERIC) && build_attr(b, o, name, in->arg2, &out, &self)) {
        if (in->arg2) { /* function and self, or attribute and NULL */
            bool bound = self.kind != V_NULL;
            if (!bound) check_release(b, o);
            bk_val owner = pop(b);
            if (bound) self = owner;
            else {
                secure(b, &out);
                if (owner.own == O_OWNED || owner.kind == V_INST) {
                    begin_effect(b);
                    release(b, &owner);
                }
            }
            if (bk_py->null_first && !bound) push(b, v_null());
            push(b, out);
            if (bound) push(b, self);
            else if (!bk_py->null_first) push(b, v_null());
        } else {
            push_released(b, 1, out);
        }
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void store_inst_attr(bk_builder *b, const bk_insn *in) {
    bk_val *o = top(b, 1), *v = top(b, 2);
    int64_t where;
    /* an instance that goes with this instruction takes along what was stored in it */
    if (inst_copies(b, o->vid) == 1 || !inst_can_store(b, o, TOPF(b)->ci->names[in->arg], v, &where)) {
        build_generic(b);
        return;
    }
    inst_check_store(b, o, where);
    begin_effect(b);
    view_own(b, v);
    bk_val owner = pop(b), value = pop(b);
    inst_store(b, &owner, where, value);
    release(b, &owner);
    next(b);
}

static void op_store_attr(bk_builder *b, const bk_insn *in) {
    bk_val *o = top(b, 1), *v = top(b, 2);
    learn(b, 1);
    flow_by_type(b);
    if (o->kind == V_INST && !is_array_view(o)) {
        store_inst_attr(b, in);
        return;
    }
    force_operands(b, 2);
    if (!(prof(b)->flags & BK_PF_GENERIC) && build_store_attr(b, o, TOPF(b)->ci->names[in->arg], v)) {
        bk_val owner = pop(b);
        pop(b);
        release(b, &owner);
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void op_import_from(bk_builder *b, const bk_insn *in) {
    bk_val *m = top(b, 1);
    if (m->kind != V_VAL) {
        leave(b, BK_G_NYI);
        return;
    }
    bk_ref p = CALLH(b, BK_H_import_from, boxed(b, m), KP(b, TOPF(b)->ci->names[in->arg]));
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_UNBOUND);
    bk_val v = v_volatile(NULL, p);
    apply_seen(b, &v, prof(b));
    push(b, v);
    next(b);
}

/* an int in a range, or among constant ints */
static bool int_in(bk_builder *b, bk_val *x, bk_val *o, bk_ref *in) {
    int64_t k;
    if (x->kind != V_VAL || (x->type != bk_types.t_int && x->type != bk_types.t_bool) || !x->num) return false;
    bk_ref n = x->type == bk_types.t_bool ? E(b, BK_B2I, x->num, 0) : x->num;
    if (o->kind == V_RANGE) {
        const bk_ins *step = &b->fn->ins[o->kids[2].num];
        if (step->op != BK_K_I64 || (step->imm != 1 && step->imm != -1)) return false;
        bk_ref from = o->kids[0].num, to = o->kids[1].num;
        if (step->imm > 0) *in = E(b, BK_AND, E(b, BK_GE, n, from), E(b, BK_LT, n, to));
        else *in = E(b, BK_AND, E(b, BK_LE, n, from), E(b, BK_GT, n, to));
        return true;
    }
    if (o->kind != V_VAL || !o->konst || o->type != bk_types.t_tuple || bk_py_len(o->konst) > 16) return false;
    *in = bk_kb(b->fn, false);
    for (int64_t i = 0; i < bk_py_len(o->konst); i++) {
        bk_obj *item = bk_py_item(o->konst, i);
        if (bk_py_type(item) != bk_types.t_int || !bk_py_as_i64(item, &k)) return false;
        *in = E(b, BK_OR, *in, E(b, BK_EQ, n, KI(b, k)));
    }
    return true;
}

static void op_contains(bk_builder *b, const bk_insn *in) {
    bk_ref c;
    learn(b, 2);
    if (prof(b)->opnd[0].type && bk_py_is_heap_type(prof(b)->opnd[0].type)) learn(b, 1);
    if (build_special(b)) return;
    if ((prof(b)->flags & BK_PF_GENERIC) || !int_in(b, top(b, 2), top(b, 1), &c)) {
        if (b->ended) return;
        if (build_contains(b, in->arg)) next(b);
        else if (!b->ended) build_generic(b);
        return;
    }
    bk_val o = pop(b), x = pop(b);
    if (x.own == O_OWNED || o.own == O_OWNED) {
        begin_effect(b);
        release(b, &x);
        release(b, &o);
    }
    push(b, v_bool(in->arg ? E(b, BK_NOT, c, 0) : c));
    next(b);
}

static void op_get_iter(bk_builder *b) {
    bk_val *o = top(b, 1), out;
    learn(b, 1);
    if (build_getiter(b, o, &out)) {
        pop(b);
        push(b, out);
        next(b);
    } else if (!b->ended) build_generic(b);
}

static void op_build_tuple(bk_builder *b, const bk_insn *in) {
    if (in->arg > 8 || in->arg == 0) {
        build_generic(b);
        return;
    }
    bk_val t = {.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)in->arg, .vid = ++b->nvid};
    t.kids = alloc(b, (size_t)in->arg * sizeof *t.kids);
    for (uint32_t i = 1; i <= (uint32_t)in->arg; i++) {
        const bk_val *v = top(b, i);
        if (v->kind == V_VAL || v->kind == V_TUPLE || v->kind == V_INST) continue;
        leave(b, BK_G_NYI);
        return;
    }
    for (uint32_t i = 1; i <= (uint32_t)in->arg; i++) view_own(b, top(b, i));
    for (int i = in->arg; i-- > 0;) t.kids[i] = pop(b);
    push(b, t);
    next(b);
}

void build_insn(bk_builder *b) {
    const bk_insn *in = insn(b);
    if ((prof(b)->flags & BK_PF_LEAVE) || bk_leaves_here(b)) {
        leave(b, prof(b)->visits ? BK_G_NYI : BK_G_BRANCH);
        return;
    }
    check_modular(b);
    switch (in->op) {
    case BC_NOP: next(b); break;
    case BC_PROLOGUE:
        if (is_outer(b) || TOPF(b)->ci->makes_cells) leave(b, BK_G_NYI);
        else next(b);
        break;
    case BC_STORE_DEREF: op_store_deref(b, in); break;
    case BC_DELETE_FAST: op_delete_fast(b, in); break;
    case BC_IMPORT_FROM: op_import_from(b, in); break;
    case BC_LOAD_SPECIAL:
        if (!build_with(b) && !b->ended) leave(b, BK_G_NYI);
        break;
    case BC_GET_LEN:
    case BC_MATCH_SEQUENCE:
    case BC_MATCH_MAPPING:
    case BC_MATCH_KEYS:
    case BC_MATCH_CLASS:
        if (!build_match(b) && !b->ended) leave(b, BK_G_NYI);
        break;
    case BC_LOAD_FAST_AND_CLEAR: op_load_and_clear(b, in); break;
    case BC_KW_NAMES: op_kw_names(b, in); break;
    case BC_POP_TOP: op_pop_top(b); break;
    case BC_PUSH_NULL:
        push(b, v_null());
        next(b);
        break;
    case BC_COPY: op_copy(b, in); break;
    case BC_SWAP: op_swap(b, in); break;
    case BC_LOAD_FAST:
    case BC_LOAD_FAST_CHECK:
        load_fast(b, (uint32_t)in->arg, in->op == BC_LOAD_FAST_CHECK);
        if (!b->ended) next(b);
        break;
    case BC_LOAD_FAST_LOAD_FAST: op_load_fast_pair(b, in); break;
    case BC_STORE_FAST: op_store_fast(b, in); break;
    case BC_STORE_FAST_LOAD_FAST: op_store_load(b, in); break;
    case BC_STORE_FAST_STORE_FAST: op_store_pair(b, in); break;
    case BC_LOAD_CONST:
        push(b, v_konst(b, in->value));
        next(b);
        break;
    case BC_LOAD_GLOBAL: op_load_global(b, in); break;
    case BC_STORE_GLOBAL: op_store_global(b, in); break;
    case BC_LOAD_DEREF: op_load_deref(b, in); break;
    case BC_UNARY_NEGATIVE:
    case BC_UNARY_INVERT:
    case BC_UNARY_NOT:
    case BC_TO_BOOL: op_unary(b, in); break;
    case BC_BINARY_OP: op_binary(b, in->arg); break;
    case BC_COMPARE_OP: op_compare(b, in); break;
    case BC_IS_OP: op_is(b, in); break;
    case BC_BINARY_SUBSCR: op_subscr(b); break;
    case BC_STORE_SUBSCR: op_store_subscr(b); break;
    case BC_JUMP: flow_continue(b, (uint32_t)in->target); break;
    case BC_JUMP_BACKWARD: op_back(b, in); break;
    case BC_POP_JUMP_IF_TRUE:
    case BC_POP_JUMP_IF_FALSE:
    case BC_POP_JUMP_IF_NONE:
    case BC_POP_JUMP_IF_NOT_NONE: op_branch(b, in); break;
    case BC_CONTAINS_OP: op_contains(b, in); break;
    case BC_GET_ITER: op_get_iter(b); break;
    case BC_FOR_ITER:
        if (!build_foriter(b) && !b->ended && !build_special(b)) build_generic(b);
        break;
    case BC_LOAD_ATTR: op_load_attr(b, in); break;
    case BC_STORE_ATTR: op_store_attr(b, in); break;
    case BC_CALL:
        if (!build_call(b) && !b->ended) build_generic(b);
        break;
    case BC_CALL_KW:
        if (!build_call_kw(b) && !b->ended) build_generic(b);
        break;
    case BC_RAISE_VARARGS:
        if (!build_stop(b) && !b->ended) leave(b, BK_G_NYI);
        break;
    case BC_RETURN_VALUE:
    case BC_RETURN_CONST: build_return(b); break;
    case BC_BUILD_TUPLE: op_build_tuple(b, in); break;
    case BC_DELETE_SUBSCR:
        if (dict_delete(b)) next(b);
        else if (!b->ended) build_generic(b);
        break;
    case BC_BINARY_SLICE:
        if (build_slice(b)) next(b);
        else if (!b->ended) build_generic(b);
        break;
    case BC_BUILD_STRING:
    case BC_FORMAT_SIMPLE:
    case BC_FORMAT_WITH_SPEC:
    case BC_FORMAT_VALUE:
    case BC_CONVERT_VALUE:
        if (build_format(b, in)) next(b);
        else if (!b->ended) build_generic(b);
        break;
    case BC_BUILD_LIST:
    case BC_BUILD_MAP:
    case BC_BUILD_SET:
    case BC_BUILD_CONST_KEY_MAP:
    case BC_LIST_EXTEND:
    case BC_SET_ADD:
    case BC_MAP_ADD:
        if (build_make(b, in)) next(b);
        else if (!b->ended) build_generic(b);
        break;
    case BC_UNPACK_SEQUENCE:
        if (build_unpack(b, (uint32_t)in->arg)) next(b);
        else if (!b->ended) build_generic(b);
        break;
    default: build_generic(b);
    }
}
