/* The recorder: reads operands and results from the frame, one instruction event at a time. */
#include "profile.h"
#include <stdlib.h>
#include <string.h>

uint64_t bk_prof_news;

bk_prof *bk_profile_new(const bk_codeinfo *ci) { return calloc(ci->ninsns ? ci->ninsns : 1, sizeof(bk_prof)); }

void bk_profile_free(bk_prof *p, const bk_codeinfo *ci) {
    if (!p) return;
    for (uint32_t i = 0; i < ci->ninsns; i++) {
        for (int k = 0; k < p[i].nseen; k++) bk_py_decref(p[i].seen[k].type);
        for (int k = 0; k < BK_NOPND; k++)
            if (p[i].opnd[k].type) bk_py_decref(p[i].opnd[k].type);
        for (int k = 0; k < 3; k++)
            if (p[i].others[k]) bk_py_decref(p[i].others[k]);
        if (p[i].callee) bk_py_decref(p[i].callee);
        if (p[i].globals) bk_py_decref(p[i].globals);
        if (p[i].builtins) bk_py_decref(p[i].builtins);
    }
    free(p);
}

static bool same_nd(bk_ndkey a, bk_ndkey b) {
    return a.typenum == b.typenum && a.ndim == b.ndim && a.writeable == b.writeable && a.unit_inner == b.unit_inner;
}

static bk_seen describe(bk_obj *value) {
    bk_seen s = {.type = bk_py_type(value)};
    int64_t v;
    if (s.type == bk_types.t_str) s.form = bk_py_str_form(value);
    else if (s.type == bk_types.t_int) s.wide = !bk_py_as_i64(value, &v);
    else if (!bk_py_ndkey(value, &s.nd)) memset(&s.nd, 0, sizeof s.nd);
    return s;
}

/* a number of the type seen, about which there is no more to know */
static inline bool known(const bk_seen *s, bk_obj *value) {
    const bk_layout *y = &bk_py->layout;
    if (*(bk_obj **)((char *)value + y->type) != s->type) return false;
    if (s->type == bk_types.t_float) return true;
    return s->type == bk_types.t_int && *(uint64_t *)((char *)value + y->long_tag) < y->long_compact && !s->wide;
}

static void see_other(bk_prof *p, bk_obj *type) {
    if (type == p->opnd[0].type || p->nothers > 3) return;
    for (int i = 0; i < p->nothers; i++)
        if (p->others[i] == type) return;
    if (p->nothers < 3) {
        bk_py_incref(type);
        p->others[p->nothers] = type;
    }
    p->nothers++;
    bk_prof_news++;
}

static void see_operand(bk_prof *p, int k, bk_obj *value) {
    if (!value || known(&p->opnd[k], value)) return;
    if (k == 0 && p->opnd[0].type) see_other(p, bk_py_type(value));
    if (p->opnd_many[k]) return;
    bk_seen s = describe(value), *o = &p->opnd[k];
    if (!o->type) {
        bk_py_incref(s.type);
        *o = s;
    } else if (o->type != s.type) {
        p->opnd_many[k] = true;
        bk_prof_news++;
    } else {
        o->wide |= s.wide;
        o->form &= s.form;
        if (!same_nd(o->nd, s.nd)) memset(&o->nd, 0, sizeof o->nd);
    }
}

void bk_prof_see(bk_prof *p, bk_obj *value) {
    if (p->nseen && known(&p->seen[0], value)) return;
    bk_seen s = describe(value);
    for (int k = 0; k < p->nseen; k++)
        if (p->seen[k].type == s.type && p->seen[k].wide == s.wide && same_nd(p->seen[k].nd, s.nd)) {
            p->seen[k].form &= s.form;
            return;
        }
    if (p->nseen == BK_NSEEN) {
        p->flags |= BK_PF_RESULT_MANY;
        return;
    }
    bk_py_incref(s.type);
    p->seen[p->nseen++] = s;
    bk_prof_news++;
}

/* Truth of objects whose test runs no code: 1, 0, or -1 for others. */
static int plain_truth(bk_obj *o) {
    int64_t v;
    if (o == bk_types.t_true) return 1;
    if (o == bk_types.t_false || o == bk_types.t_none) return 0;
    if (bk_py_type(o) == bk_types.t_float) return bk_py_as_f64(o) != 0;
    if (bk_py_as_i64(o, &v)) return v != 0;
    return -1;
}

/* functions of one code may be many: what they have in common */
static void record_function(bk_prof *p, bk_obj *func) {
    if (p->globals) return;
    bk_py_incref(p->globals = bk_py_func_globals(func));
    bk_py_incref(p->builtins = bk_py_func_builtins(func));
}

static void record_one(bk_prof *p, bk_obj *key) {
    if (p->callee == key) return;
    if (p->callee) {
        p->flags |= BK_PF_CALLEE_MANY;
        return;
    }
    bk_py_incref(key);
    p->callee = key;
}

static void record_callee(bk_prof *p, bk_obj *callable, bk_obj **callee_code) {
    bk_obj *key = callable;
    if (bk_py_type(callable) == bk_types.t_function) record_function(p, callable);
    if (bk_py_type(callable) == bk_types.t_method) callable = key = *(bk_obj **)((char *)callable + bk_py->method_func);
    if (bk_py_type(callable) == bk_types.t_function) key = *callee_code = bk_py_func_code(callable);
    else if (bk_py_type(callable) == bk_types.t_type) {
        bk_obj *init = bk_py_type_function(callable, "__init__");
        if (init) *callee_code = bk_py_func_code(init);
    } else if (bk_py_type(callable) != bk_types.t_builtin && bk_py_type(callable) != bk_types.t_method_descriptor &&
               bk_py_type(callable) != bk_types.t_type) {
        key = bk_py_type(callable);
        bk_obj *method = bk_py_special_method(NULL, key, "__call__");
        if (method) *callee_code = bk_py_func_code(method);
    }
    record_one(p, key);
}

/* the special method in Python that the instruction is about to call */
static void record_special(const bk_codeinfo *ci, const bk_insn *in, bk_obj *const *opnd, bk_obj **callee_code) {
    bk_obj *types[3], *func = NULL;
    bk_special s;
    for (int k = 0; k < 3; k++) types[k] = opnd[k] ? bk_py_type(opnd[k]) : NULL;
    if (in->op == BC_LOAD_ATTR) func = types[0] ? bk_py_property(types[0], ci->names[in->arg]) : NULL;
    else if (in->op == BC_CALL) func = bk_py_special_method(NULL, types[0], "__len__");
    else if (bk_py_special(NULL, in, types, &s)) func = s.func;
    if (func) *callee_code = bk_py_func_code(func);
}

static bool is_len(bk_obj *callable) {
    const char *name = bk_py_type(callable) == bk_types.t_builtin ? bk_py_builtin_name(callable) : NULL;
    return name && !strcmp(name, "len");
}

static void record_index(bk_prof *p, bk_obj *key) {
    int64_t v;
    if (bk_py_as_i64(key, &v)) p->flags |= v < 0 ? BK_PF_NEG_INDEX : BK_PF_POS_INDEX;
    else if (bk_py_type(key) == bk_types.t_tuple)
        for (int64_t i = 0; i < bk_py_len(key); i++) record_index(p, bk_py_item(key, i));
}

/* the object loses a reference: notes what happens if it is the last */
static void record_death(bk_prof *p, bk_obj *o) {
    if (!o || *(uint32_t *)((char *)o + bk_py->layout.refcnt) != 1 || bk_py_type_is_simple(bk_py_type(o))) return;
    p->flags |= BK_PF_DIES;
    if (!bk_py_dies_quietly(o)) p->flags |= BK_PF_LOUD;
}

/* the pending instruction's result, now that the next one is about to run */
static void record_result(bk_recorder *r, bk_frame *f, uint32_t index) {
    int32_t pend = r->pending;
    r->pending = -1;
    if (pend < 0 || r->frame != f) return;
    const bk_insn *in = &r->ci->insns[pend];
    bk_prof *p = &r->prof[pend];
    if (in->op == BC_FOR_ITER && (int32_t)index == in->target) {
        p->taken++;
        return;
    }
    if (in->next != index) return;
    int depth = r->ci->insns[index].depth;
    if (in->op == BC_LOAD_ATTR && in->arg2) depth--;
    if (in->op == BC_LOAD_ATTR && in->arg2 && bk_py->null_first) depth++;
    if (depth <= 0) return;
    bk_obj *v = bk_py_home_get(bk_py_frame_home(f), r->ci->nlocals + (uint32_t)depth - 1);
    if (v) bk_prof_see(p, v);
}

int bk_record_insn(bk_recorder *r, bk_frame *f, uint32_t index, bk_obj **callee_code) {
    const bk_codeinfo *ci = r->ci;
    const bk_insn *in = &ci->insns[index];
    bk_prof *p = &r->prof[index];
    record_result(r, f, index);
    bk_prof_news += p->visits++ == 0;
    void **home = bk_py_frame_home(f);
    void **stack = home + ci->nlocals;
    int depth = in->depth, truth;
#define TOP(k) bk_py_home_get(stack, (uint32_t)(depth - (k)))
    bk_obj *opnd[3] = {NULL};
    for (int k = 0; k < 3 && depth > k; k++) opnd[k] = TOP(k + 1);
    for (int k = 0; k < 2; k++) see_operand(p, k, opnd[k]);
    if (in->op != BC_CALL) record_special(ci, in, opnd, callee_code);
    switch (in->op) {
    case BC_MATCH_CLASS: /* what it gives is made of attributes, of any types */
        if (depth > 2) see_operand(p, 2, TOP(3));
        break;
    case BC_POP_JUMP_IF_TRUE:
    case BC_POP_JUMP_IF_FALSE:
        truth = depth > 0 && TOP(1) ? plain_truth(TOP(1)) : -1;
        if (truth >= 0) p->taken += (uint32_t)(truth == (in->op == BC_POP_JUMP_IF_TRUE));
        break;
    case BC_POP_JUMP_IF_NONE:
    case BC_POP_JUMP_IF_NOT_NONE:
        if (depth > 0) p->taken += (uint32_t)((TOP(1) == bk_types.t_none) == (in->op == BC_POP_JUMP_IF_NONE));
        break;
    case BC_BINARY_SUBSCR:
    case BC_DELETE_SUBSCR:
        if (depth > 1 && TOP(1)) record_index(p, TOP(1));
        goto result;
    case BC_STORE_SUBSCR:
        if (depth > 2 && TOP(1) && TOP(2)) {
            record_index(p, TOP(1));
            int64_t k, n;
            bk_obj *list = TOP(2);
            if (bk_py_type(list) == bk_types.t_list && bk_py_as_i64(TOP(1), &k)) {
                n = *(int64_t *)((char *)list + bk_py->var_size);
                if (k < 0) k += n;
                if (k >= 0 && k < n) {
                    bk_obj *old = (*(bk_obj ***)((char *)list + bk_py->list_items))[k];
                    bk_prof_see(p, old);
                    record_death(p, old);
                }
            }
        }
        break;
    case BC_DELETE_FAST:
    case BC_STORE_FAST:
    case BC_STORE_FAST_LOAD_FAST:
    case BC_STORE_FAST_STORE_FAST:
        record_death(p, bk_py_home_get(home, (uint32_t)in->arg));
        if (in->op == BC_STORE_FAST_STORE_FAST) record_death(p, bk_py_home_get(home, in->arg2));
        break;
    case BC_STORE_ATTR:
        if (depth > 0 && TOP(1)) record_death(p, bk_py_peek_attr(TOP(1), ci->names[in->arg]));
        /* fall through */
    case BC_POP_TOP:
        if (depth > 0) record_death(p, TOP(1));
        break;
    case BC_RETURN_VALUE:
    case BC_RETURN_CONST:
        for (uint32_t i = 0; i < ci->nlocals; i++) record_death(p, bk_py_home_get(home, i));
        break;
    case BC_LOAD_ATTR:
    case BC_BINARY_OP:
    case BC_COMPARE_OP:
        for (int k = 1; k <= (in->op == BC_LOAD_ATTR ? 1 : 2) && depth >= k; k++) record_death(p, TOP(k));
        goto result;
    case BC_CALL:
    case BC_CALL_KW: {
        int n = in->arg + (in->op == BC_CALL_KW);
        bk_obj *lo = depth > n + 1 ? TOP(n + 2) : NULL, *hi = depth > n ? TOP(n + 1) : NULL;
        bk_obj *callable = bk_py->null_first ? (lo ? lo : hi) : lo;
        if (callable) record_callee(p, callable, callee_code);
        if (callable && in->op == BC_CALL && n == 1 && is_len(callable)) record_special(ci, in, opnd, callee_code);
        goto result;
    }
    case BC_LOAD_SPECIAL: break; /* a method and its self */
    case BC_LOAD_SUPER_ATTR:
        if (depth > 2 && TOP(2)) record_one(p, TOP(2));
        goto result;
    case BC_FOR_ITER:
        if (depth > 0 && TOP(1) && bk_py_type(TOP(1)) == bk_types.t_range_iterator)
            p->step = *(long *)((char *)TOP(1) + bk_py->rangeiter_step);
        goto result;
    default:
    result:
        r->frame = f;
        r->pending = (int32_t)index;
    }
#undef TOP
    return p->visits >= r->visits_max ? BK_DISABLE : BK_KEEP;
}
