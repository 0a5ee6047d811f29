/* Match statements: sequence and mapping patterns by the flags of the subject's type, class patterns on subjects of
 * known type; otherwise the helpers that match as the interpreter does. */
#include "build.h"

static bool type_flag(bk_builder *b, int64_t flag) {
    bk_val *v = top(b, 1);
    if (v->kind == V_TUPLE) {
        push(b, v_bool(bk_kb(b->fn, flag == bk_py->flag_sequence)));
        return true;
    }
    if (v->kind != V_VAL) return false;
    /* registering with an ABC changes the flags of heap types */
    bk_ref type = v->type ? KP(b, v->type) : Eload(b, BK_M_PTR, BK_A_TYPE, boxed(b, v), bk_py->layout.type);
    bk_ref flags = Eload(b, BK_M_I64, BK_A_KEYS, type, bk_py->type_flags);
    if (v->type) bk_const(b->fn, v->type);
    push(b, v_bool(E(b, BK_NE, E(b, BK_AND, flags, KI(b, flag)), KI(b, 0))));
    return true;
}

static bool get_len(bk_builder *b) {
    bk_ref n;
    learn(b, 1);
    if (build_len(b, top(b, 1), &n)) {
        push(b, v_num(bk_types.t_int, n));
        return true;
    }
    if (top(b, 1)->kind != V_VAL || !box_operands(b, 1)) return false;
    unknown_begin(b);
    n = CALLH(b, BK_H_length, opnd(b, 1));
    raise_if_neg(b, n);
    push(b, v_num(bk_types.t_int, n));
    return true;
}

/* constant strings asked of a dict, whose death ends nothing: the subject stays where it is */
static bool known_keys(bk_builder *b, bk_val *out) {
    enum { MOST = 8 };
    bk_val *keys = top(b, 1), *map = top(b, 2);
    if (!keys->konst || keys->type != bk_types.t_tuple || (prof(b)->flags & BK_PF_GENERIC)) return false;
    int64_t n = bk_py_len(keys->konst);
    for (int64_t i = 0; i < n; i++)
        if (bk_py_type(bk_py_item(keys->konst, i)) != bk_types.t_str) return false;
    learn(b, 2);
    if (n < 1 || n > MOST || map->kind != V_VAL || map->type != bk_types.t_dict) return false;
    boxed(b, map);
    *out = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)n};
    out->kids = alloc(b, (size_t)n * sizeof *out->kids);
    for (int64_t i = 0; i < n; i++)
        out->kids[i] = v_volatile(NULL, CALLH(b, BK_H_dict_get, map->box, KP(b, bk_py_item(keys->konst, i))));
    return true;
}

static bool seen_none(const bk_prof *p) {
    for (int i = 0; i < p->nseen; i++)
        if (p->seen[i].type == bk_types.t_none_type) return true;
    return false;
}

/* all keys are there; otherwise leaves, or goes on with None if recording saw that */
static void all_there(bk_builder *b, const bk_val *values) {
    uint32_t next = insn(b)->next;
    for (int i = 0; i < values->nkids; i++) {
        bk_ref have = E(b, BK_NE, values->kids[i].box, KP(b, NULL));
        if (!seen_none(prof(b))) {
            guard(b, have, BK_G_BRANCH);
            continue;
        }
        bk_blk none = flow_split(b, have, false), go = b->st.blk;
        bk_aside rest = flow_aside(b, none, go);
        guard(b, CALLH(b, BK_H_dict_lacks, top(b, 2)->box, KP(b, bk_py_item(top(b, 1)->konst, i))), BK_G_VALUE);
        push(b, v_konst(b, bk_types.t_none));
        flow_goto(b, next, false);
        flow_back(b, &rest);
    }
}

/* the mapping and its keys stay below the result */
static bool match_keys(bk_builder *b) {
    bk_val values;
    if (known_keys(b, &values)) {
        all_there(b, &values);
        push(b, values);
        return true;
    }
    if (!box_operands(b, 2)) return false;
    unknown_begin(b);
    bk_ref r = CALLH(b, BK_H_match_keys, opnd(b, 2), opnd(b, 1));
    raise_if_null(b, r);
    push(b, v_owned(NULL, r));
    b->result_of = prof(b);
    return true;
}

/* ---- class patterns ---- */

/* the attributes that the patterns ask for; NULL entries of names: the subject itself */
static bool attributes(bk_builder *b, bk_val *subject, bk_obj *const *names, uint32_t n, bk_val *out) {
    bk_val self;
    *out = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)n, .kids = alloc(b, n * sizeof *out)};
    for (uint32_t i = 0; i < n; i++)
        if (names[i] && !build_attr(b, subject, names[i], false, &out->kids[i], &self)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (names[i]) continue;
        out->kids[i] = *subject;
        if (subject->own == O_OWNED) subject->own = O_NONE; /* its reference moves into the tuple */
    }
    return true;
}

static bool known_class(bk_builder *b, bk_val *out) {
    enum { MOST = 8 };
    bk_val *names = top(b, 1), *cls = top(b, 2), *subject = top(b, 3);
    uint32_t npos = (uint32_t)insn(b)->arg;
    bk_obj *want[MOST];
    if (subject->kind != V_VAL || !subject->type || !cls->konst || !names->konst) return false;
    int is = bk_py_isinstance(b->rq.ticket, subject->type, cls->konst);
    if (is == 0) *out = v_konst(b, bk_types.t_none);
    if (is <= 0) return is == 0;
    int64_t nkw = bk_py_len(names->konst);
    if (nkw + npos > MOST || !bk_py_match_args(b->rq.ticket, cls->konst, npos, want)) return false;
    for (int64_t i = 0; i < nkw; i++) want[npos + i] = bk_py_item(names->konst, i);
    uint32_t n = npos + (uint32_t)nkw;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (want[i] == want[k]) return false; /* an error */
    if (n) return attributes(b, subject, want, n, out);
    *out = *names; /* the empty tuple */
    return true;
}

static bool match_class(bk_builder *b) {
    bk_val out;
    learn(b, 3);
    if (!(prof(b)->flags & BK_PF_GENERIC) && known_class(b, &out)) {
        push_released(b, 3, out);
        return true;
    }
    if (b->ended || !box_operands(b, 3)) return false;
    unknown_begin(b);
    bk_ref r = CALLH(b, BK_H_match_class, opnd(b, 3), opnd(b, 2), KI(b, insn(b)->arg), opnd(b, 1));
    raise_if_null(b, r);
    drop_operands(b, 3);
    push(b, v_owned(NULL, r));
    return true;
}

bool build_match(bk_builder *b) {
    bool ok = false;
    switch (insn(b)->op) {
    case BC_GET_LEN: ok = get_len(b); break;
    case BC_MATCH_SEQUENCE: ok = type_flag(b, bk_py->flag_sequence); break;
    case BC_MATCH_MAPPING: ok = type_flag(b, bk_py->flag_mapping); break;
    case BC_MATCH_KEYS: ok = match_keys(b); break;
    case BC_MATCH_CLASS: ok = match_class(b); break;
    default: break;
    }
    if (ok) flow_continue(b, insn(b)->next);
    return ok;
}
