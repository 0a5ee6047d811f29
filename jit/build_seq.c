/* Lists, tuples, strings, byte arrays: elements, lengths, iteration, unpacking. */
#include "build_np.h"
#include "build_quiet.h"

/* an index in [0, len): the sign it had while recording decides which check is made */
bk_ref checked_index(bk_builder *b, bk_ref i, bk_ref len) {
    uint8_t f = prof(b)->flags;
    if ((f & BK_PF_NEG_INDEX) && !(f & BK_PF_POS_INDEX)) {
        guard(b, E(b, BK_LT, i, KI(b, 0)), BK_G_BOUNDS);
        i = E(b, BK_ADD, i, len);
        guard(b, E(b, BK_GE, i, KI(b, 0)), BK_G_BOUNDS);
        return i;
    }
    if (f & BK_PF_NEG_INDEX) i = Et(b, BK_SELECT, BK_I, E(b, BK_LT, i, KI(b, 0)), E(b, BK_ADD, i, len), i);
    guard(b, E(b, BK_ULT, i, len), BK_G_BOUNDS);
    return i;
}

static bk_ref index_of(bk_builder *b, bk_val *key) {
    bk_ref n = unbox(b, key);
    return key->type == bk_types.t_bool ? E(b, BK_B2I, n, 0) : n;
}

static bool int_key(const bk_val *k) {
    if (k->kind != V_VAL || !k->type) return false;
    int tn = bk_py_np_typenum(k->type);
    return k->type == bk_types.t_int || k->type == bk_types.t_bool || (tn > 0 && tn < 8);
}

bool build_len(bk_builder *b, bk_val *o, bk_ref *len) {
    if (o->kind == V_TUPLE) {
        *len = KI(b, o->nkids);
        return true;
    }
    if (o->kind == V_VAL && o->type == bk_types.t_str && o->num) {
        *len = KI(b, 1);
        return true;
    }
    if (is_array_view(o)) return np_len(b, o, len);
    if (o->kind != V_VAL || !o->type || !o->box || o->maybe) return false;
    if (o->type == bk_types.t_list || o->type == bk_types.t_bytearray)
        *len = Eload(b, BK_M_I64, BK_A_SIZE, o->box, bk_py->var_size);
    else if (o->type == bk_types.t_tuple || o->type == bk_types.t_bytes)
        *len = Eload(b, BK_M_I64, BK_A_CONST, o->box, bk_py->var_size);
    else if (o->type == bk_types.t_str) *len = Eload(b, BK_M_I64, BK_A_CONST, o->box, bk_py->str_length);
    else if (o->type == bk_types.t_dict) *len = Eload(b, BK_M_I64, BK_A_SIZE, o->box, bk_py->dict_used);
    else if (o->type == bk_types.t_set || o->type == bk_types.t_frozenset)
        *len = Eload(b, BK_M_I64, BK_A_SIZE, o->box, bk_py->set_used);
    else if (bk_types.t_array_array && o->type == bk_types.t_array_array)
        *len = Eload(b, BK_M_I64, BK_A_BUFHEAD, o->box, bk_py->var_size);
    else if (o->type == bk_types.t_ndarray && o->nd_ok && o->nd.ndim)
        *len = Eload(b, BK_M_I64, BK_A_NDHEAD, Eload(b, BK_M_PTR, BK_A_NDHEAD, o->box, bk_py->nd_dims), 0);
    else return false;
    return true;
}

/* ---- elements ---- */

static bool byte_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out) {
    bk_ref len, i;
    if (!build_len(b, o, &len)) return false;
    i = checked_index(b, index_of(b, key), len);
    if (o->type == bk_types.t_bytes)
        *out = v_num(bk_types.t_int, Eloadx(b, BK_M_U8, BK_A_CONST, o->box, i, 1, bk_py->bytes_data));
    else {
        bk_ref p = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->bytearray_start);
        *out = v_num(bk_types.t_int, Eloadx(b, BK_M_U8, BK_A_DATA, p, i, 1, 0));
    }
    return true;
}

static bool seq_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out) {
    bk_ref len, items, p;
    build_len(b, o, &len);
    bk_ref i = checked_index(b, index_of(b, key), len);
    if (o->type == bk_types.t_list) {
        items = Eload(b, BK_M_PTR, BK_A_ITEMPTR, o->box, bk_py->list_items);
        p = Eloadx(b, BK_M_PTR, BK_A_ITEMS, items, i, 8, 0);
    } else p = Eloadx(b, BK_M_PTR, BK_A_CONST, o->box, i, 8, bk_py->tuple_items);
    *out = v_volatile(NULL, p);
    apply_seen(b, out, prof(b));
    return true;
}

bool build_subscr(bk_builder *b, bk_val *o, bk_val *key, bk_val *out) {
    int64_t k;
    if (o->kind == V_TUPLE) {
        if (!key->konst || !bk_py_as_i64(key->konst, &k) || k < 0 || k >= o->nkids) return false;
        *out = o->kids[k];
        if (out->own == O_OWNED) out->own = O_VOLATILE;
        return true;
    }
    if (is_array_view(o)) return np_getitem(b, o, key, out);
    if (o->kind != V_VAL || !o->type || !o->box || o->maybe) return false;
    if (o->type == bk_types.t_ndarray) return np_getitem(b, o, key, out);
    if (o->type == bk_types.t_dict) return dict_item(b, o, key, out);
    if (!int_key(key)) return false;
    if (o->type == bk_types.t_list || o->type == bk_types.t_tuple) return seq_item(b, o, key, out);
    if (o->type == bk_types.t_str) return str_item(b, o, key, out);
    if (o->type == bk_types.t_bytes || o->type == bk_types.t_bytearray) return byte_item(b, o, key, out);
    return buffer_getitem(b, o, index_of(b, key), out);
}

/* ---- stores ---- */

/* may a float box in a container be refilled with v? v is freshly computed and its only escape is this store */
static bool fresh_float(const bk_val *v) {
    return v->kind == V_VAL && v->type == bk_types.t_float && v->num && !v->box;
}

/* stores a float into the slot at base + index * scale + off, in the old float's box where that has no other owner */
void store_float_box(bk_builder *b, bk_ref old, bk_val *v, bk_alias al, bk_ref base, bk_ref idx, int scale,
                     int64_t off) {
    bool copied = bk_has_copy(b, v);
    begin_effect(b);
    bk_ref done = E(b, BK_REBOXF, old, v->num);
    bk_blk slow = flow_split(b, done, true), join = bk_block_new(b->fn);
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, b->st.blk, join);
    b->st.blk = slow;
    bk_ref p = CALLH(b, BK_H_box_f64_nofail, v->num);
    Estore(b, BK_M_PTR, al, base, idx, scale, off, p);
    E(b, BK_DECREFN, old, 0);
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, b->st.blk, join);
    b->st.blk = join;
    if (!copied) return;
    bk_ref box = bk_phi(b->fn, join, BK_P);
    if (bk_phi_add(b->fn, box, old) < 0 || bk_phi_add(b->fn, box, p) < 0) bk_abort(b, BK_AB_MEMORY);
    bk_note_box(b, v, box);
}

static bk_obj *seen_old(bk_builder *b) {
    const bk_prof *p = prof(b);
    if (p->nseen != 1 || (p->flags & BK_PF_RESULT_MANY)) return NULL;
    return p->seen[0].type;
}

static bool list_store(bk_builder *b, bk_val *o, bk_val *key, bk_val *v) {
    bk_ref len;
    if (v->kind != V_VAL && v->kind != V_TUPLE) return false;
    if (dies_loudly(b)) return false;
    build_len(b, o, &len);
    bk_ref i = checked_index(b, index_of(b, key), len);
    bk_ref items = Eload(b, BK_M_PTR, BK_A_ITEMPTR, o->box, bk_py->list_items);
    bk_ref old = Eloadx(b, BK_M_PTR, BK_A_ITEMS, items, i, 8, 0);
    bk_obj *was = seen_old(b);
    bk_val oldv = v_volatile(NULL, old);
    if (simple_type(was)) guard_type(b, &oldv, was);
    else check_death(b, old);
    check_release(b, key);
    check_survives(b, o);
    if (was == bk_types.t_float && fresh_float(v)) {
        store_float_box(b, old, v, BK_A_ITEMS, items, i, 8, 0);
        return true;
    }
    boxed(b, v);
    begin_effect(b);
    bk_ref p = take(b, v);
    Estore(b, BK_M_PTR, BK_A_ITEMS, items, i, 8, 0, p);
    if (was != bk_types.t_bool && was != bk_types.t_none_type) E(b, simple_type(was) ? BK_DECREFN : BK_DECREFQ, old, 0);
    return true;
}

static bool bytearray_store(bk_builder *b, bk_val *o, bk_val *key, bk_val *v) {
    bk_ref len;
    if (v->kind != V_VAL || (v->type != bk_types.t_int && v->type != bk_types.t_bool)) return false;
    bk_ref n = index_of(b, v);
    build_len(b, o, &len);
    bk_ref i = checked_index(b, index_of(b, key), len);
    guard(b, E(b, BK_ULT, n, KI(b, 256)), BK_G_RANGE);
    check_release(b, o);
    bk_ref p = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->bytearray_start);
    Estore(b, BK_M_U8, BK_A_DATA, p, i, 1, 0, n);
    b->effects = true;
    b->neffects++;
    release(b, v);
    return true;
}

bool build_store_subscr(bk_builder *b, bk_val *o, bk_val *key, bk_val *v) {
    if (is_array_view(o)) return np_setitem(b, o, key, v);
    if (o->kind != V_VAL || !o->type || !o->box || o->maybe) return false;
    if (o->type == bk_types.t_ndarray) return np_setitem(b, o, key, v);
    if (o->type == bk_types.t_dict) return dict_store(b, o, key, v);
    if (!int_key(key)) return false;
    if (o->type == bk_types.t_list) return list_store(b, o, key, v);
    if (o->type == bk_types.t_bytearray) return bytearray_store(b, o, key, v);
    return buffer_setitem(b, o, index_of(b, key), v);
}

/* ---- iteration ---- */

/* a step that only the running program knows: what of it comes to the end, a whole number of steps away */
static bool range_by_steps(bk_builder *b, bk_val *o, bk_val *out) {
    bk_ref start = unbox(b, &o->kids[0]), stop = unbox(b, &o->kids[1]), step = unbox(b, &o->kids[2]);
    guard(b, CALLH(b, BK_H_range_fits, start, stop, step), BK_G_RANGE);
    *out = (bk_val){.kind = V_RANGEIT, .num = renamed(b, start), .nkids = 1, .kids = alloc(b, sizeof *out)};
    out->num2 = CALLH(b, BK_H_range_end, start, stop, step);
    out->kids[0] = v_num(bk_types.t_int, step);
    return true;
}

static bool range_iter(bk_builder *b, bk_val *o, bk_val *out) {
    int64_t step;
    if (!o->kids[2].konst && b->fn->ins[o->kids[2].num].op != BK_K_I64) return range_by_steps(b, o, out);
    step = b->fn->ins[unbox(b, &o->kids[2])].imm;
    bk_ref start = unbox(b, &o->kids[0]), stop = unbox(b, &o->kids[1]), end = stop;
    if (step != 1 && step != -1) {
        bk_ref d = Eguarded(b, BK_SUBOV, stop, start, BK_G_OVERFLOW);
        d = Eguarded(b, BK_ADDOV, d, KI(b, step > 0 ? step - 1 : step + 1), BK_G_OVERFLOW);
        bk_ref n = E(b, BK_IDIV, d, KI(b, step));
        n = Et(b, BK_SELECT, BK_I, E(b, BK_GT, n, KI(b, 0)), n, KI(b, 0));
        end = Eguarded(b, BK_ADDOV, start, Eguarded(b, BK_MULOV, n, KI(b, step), BK_G_OVERFLOW), BK_G_OVERFLOW);
    }
    *out = (bk_val){.kind = V_RANGEIT, .num = renamed(b, start), .num2 = end, .step = step};
    return true;
}

/* how to step an iterator over it; -1: not here */
static int seq_kind(bk_builder *b, bk_val *o) {
    if (o->type == bk_types.t_ndarray && o->type) return np_iterates(b, o) ? BK_SEQ_ND : -1;
    if (o->type == bk_types.t_list) return BK_SEQ_LIST;
    if (o->type == bk_types.t_tuple) return BK_SEQ_TUPLE;
    if (o->type == bk_types.t_bytes) return BK_SEQ_BYTES;
    if (o->type == bk_types.t_bytearray) return BK_SEQ_BYTEARRAY;
    if (o->type != bk_types.t_str) return -1;
    const bk_prof *p = prof(b);
    int64_t k = top(b, 1) - o; /* operands on the stack are known from recording */
    bool seen = k >= 0 && k < 2 && !p->opnd_many[k] && p->opnd[k].type == o->type && !(p->flags & BK_PF_GENERIC);
    if (o->konst ? !(bk_py_str_form(o->konst) & BK_STR_ASCII) : !seen || !(p->opnd[k].form & BK_STR_ASCII))
        return BK_SEQ_STR;
    guard(b, str_is_ascii(b, o), BK_G_RANGE);
    return BK_SEQ_ASCII;
}

bool build_getiter(bk_builder *b, bk_val *o, bk_val *out) {
    if (o->kind == V_RANGE) return range_iter(b, o, out);
    if (o->kind == V_ENUM || o->kind == V_ZIP || o->kind == V_REVERSED || o->kind == V_RANGEIT) {
        *out = *o;
        return true;
    }
    if (is_array_view(o)) inst_force(b, o);
    if (o->kind != V_VAL || !o->box || o->maybe || o->clean) return false;
    if (quiet_getiter(b, o, out)) return true;
    int seq = seq_kind(b, o);
    if (seq < 0) return false;
    if (seq == BK_SEQ_ND && o->own != O_OWNED) { /* an array is resized only while nothing else refers to it */
        if (insn(b)->op != BC_GET_ITER) return false;
        begin_effect(b);
        if (o->own != O_OWNED) E(b, BK_INCREF, o->box, 0);
        o->own = O_OWNED;
    }
    *out = (bk_val){.kind = V_SEQIT,
                    .box = o->box,
                    .num = KI(b, 0),
                    .own = o->own,
                    .homes = o->homes,
                    .seq = (uint8_t)seq,
                    .nd = o->nd,
                    .konst = NULL};
    return true;
}

static bk_ref seq_len(bk_builder *b, const bk_val *it) {
    if (it->kind == V_SEQIT && it->seq == BK_SEQ_ND) return np_iterator_len(b, it);
    bool str = it->seq == BK_SEQ_ASCII || it->seq == BK_SEQ_STR;
    bool grows = it->seq == BK_SEQ_LIST || it->seq == BK_SEQ_BYTEARRAY;
    return Eload(b, BK_M_I64, grows ? BK_A_SIZE : BK_A_CONST, it->box, str ? bk_py->str_length : bk_py->var_size);
}

/* before anything is read of them */
static void guard_arrays(bk_builder *b, const bk_val *it) {
    if (it->kind == V_SEQIT && it->seq == BK_SEQ_ND) np_guard_iterator(b, it);
    for (int i = 0; i < it->nkids; i++) guard_arrays(b, &it->kids[i]);
}

/* the condition that the iterator has another item. A zip that ends has taken items from those before the one that
 * ended: nobody has these iterators but the zip, so nobody sees it. */
static bk_ref iter_more(bk_builder *b, bk_val *it) {
    bk_ref more = 0;
    switch (it->kind) {
    case V_RANGEIT:
        if (it->nkids) return E(b, BK_NE, it->num, it->num2);
        return E(b, it->step > 0 ? BK_LT : BK_GT, it->num, it->num2);
    case V_SEQIT: return E(b, BK_LT, it->num, seq_len(b, it));
    case V_REVERSED: return E(b, BK_AND, E(b, BK_GE, it->num, KI(b, 0)), E(b, BK_LT, it->num, seq_len(b, it)));
    case V_ENUM: return iter_more(b, &it->kids[0]);
    default:
        for (int i = 0; i < it->nkids; i++) {
            bk_ref one = iter_more(b, &it->kids[i]);
            more = more ? E(b, BK_AND, more, one) : one;
        }
        return more;
    }
}

static bk_val seq_next(bk_builder *b, const bk_val *it) {
    bk_ref p;
    switch (it->seq) {
    case BK_SEQ_ND: return np_next(b, it);
    case BK_SEQ_TUPLE:
        return v_volatile(NULL, Eloadx(b, BK_M_PTR, BK_A_CONST, it->box, it->num, 8, bk_py->tuple_items));
    case BK_SEQ_ASCII:
        return v_num(bk_types.t_str, Eloadx(b, BK_M_U8, BK_A_CONST, it->box, it->num, 1, bk_py->str_ascii_data));
    case BK_SEQ_STR:
        p = CALLH(b, BK_H_str_index, it->box, it->num);
        guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_MEMORY);
        return v_owned(bk_types.t_str, p);
    case BK_SEQ_BYTES:
        return v_num(bk_types.t_int, Eloadx(b, BK_M_U8, BK_A_CONST, it->box, it->num, 1, bk_py->bytes_data));
    case BK_SEQ_BYTEARRAY:
        p = Eload(b, BK_M_PTR, BK_A_BUFHEAD, it->box, bk_py->bytearray_start);
        return v_num(bk_types.t_int, Eloadx(b, BK_M_U8, BK_A_DATA, p, it->num, 1, 0));
    default:
        p = Eload(b, BK_M_PTR, BK_A_ITEMPTR, it->box, bk_py->list_items);
        return v_volatile(NULL, Eloadx(b, BK_M_PTR, BK_A_ITEMS, p, it->num, 8, 0));
    }
}

/* its next item, and the iterator moved on (the copy `it`, not the stack's) */
static bk_val iter_step(bk_builder *b, bk_val *it, bool top_level) {
    bk_val v;
    if (it->kind == V_RANGEIT) {
        v = v_num(bk_types.t_int, it->num);
        it->num = E(b, BK_ADD, it->num, it->nkids ? it->kids[0].num : KI(b, it->step));
        b->fn->ins[it->num].flags |= BK_F_NSW;
        return v;
    }
    if (it->kind == V_ENUM || it->kind == V_ZIP) {
        int first = it->kind == V_ENUM; /* the index */
        bk_val *kids = alloc(b, it->nkids * sizeof *kids);
        v = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)(it->nkids + first)};
        v.kids = alloc(b, v.nkids * sizeof v);
        if (first) v.kids[0] = v_num(bk_types.t_int, it->num);
        for (int i = 0; i < it->nkids; i++) {
            kids[i] = it->kids[i];
            v.kids[first + i] = iter_step(b, &kids[i], false);
        }
        it->kids = kids;
        if (first) it->num = Eguarded(b, BK_ADDOV, it->num, KI(b, 1), BK_G_OVERFLOW);
        return v;
    }
    v = seq_next(b, it);
    if (top_level && v.kind == V_VAL) apply_seen(b, &v, prof(b));
    it->num = E(b, BK_ADD, it->num, KI(b, it->kind == V_REVERSED ? -1 : 1));
    b->fn->ins[it->num].flags |= BK_F_NSW;
    return v;
}

static bool owns(const bk_val *v) {
    for (int i = 0; i < v->nkids; i++)
        if (owns(&v->kids[i])) return true;
    return v->own == O_OWNED && v->box;
}

static void decref_all(bk_builder *b, const bk_val *v) {
    for (int i = 0; i < v->nkids; i++) decref_all(b, &v->kids[i]);
    if (v->own == O_OWNED && v->box) E(b, BK_XDECREF, v->box, 0);
}

/* the exhausted iterator on top goes; its list may lose the last reference with it */
static void drop_iterator(bk_builder *b, uint32_t target) {
    if (!owns(top(b, 1))) pop(b);
    else if (dies_loudly(b)) {
        unknown_begin(b);
        bk_val dead = pop(b);
        decref_all(b, &dead);
        TOPF(b)->pc = target;
        b->unknown = false;
        unknown_end(b);
    } else {
        check_release(b, top(b, 1));
        bk_val dead = pop(b);
        begin_effect(b);
        release(b, &dead);
    }
}

bool build_foriter(bk_builder *b) {
    const bk_insn *in = insn(b);
    bk_val it = *top(b, 1);
    if (it.kind == V_VAL) return quiet_foriter(b);
    if (it.kind != V_RANGEIT && it.kind != V_SEQIT && it.kind != V_ENUM && it.kind != V_ZIP && it.kind != V_REVERSED)
        return false;
    guard_arrays(b, &it);
    bk_ref more = iter_more(b, &it);
    bk_blk at = b->st.blk, done = flow_split(b, more, false), go = b->st.blk;
    const bk_prof *p = prof(b);
    b->fn->blocks[at].prob[0] = p->visits - p->taken + 1;
    b->fn->blocks[at].prob[1] = p->taken + 1;
    uint32_t target = (uint32_t)in->target;
    bool outside = flow_outside(b, target);
    bool seen = p->taken || TOPF(b)->prof[target].visits;
    bk_aside body = flow_aside(b, done, go);
    if (outside || it.obj || !seen) leave(b, outside || it.obj ? BK_G_LOOP_END : BK_G_BRANCH);
    else {
        drop_iterator(b, target);
        TOPF(b)->pc = target;
        begin_insn(b, target);
        flow_goto(b, target, false);
    }
    flow_back(b, &body);
    it = *top(b, 1); /* not the one that was dropped, which owns nothing any more */
    b->effects = false;
    bk_val v = iter_step(b, &it, true);
    *top(b, 1) = it;
    push(b, v);
    flow_continue(b, in->next);
    return true;
}

bool build_unpack(bk_builder *b, uint32_t n) {
    bk_val *t = top(b, 1);
    learn(b, 1);
    if (t->kind == V_TUPLE) {
        if (t->nkids != n) return false;
        bk_val v = pop(b);
        for (uint32_t i = n; i-- > 0;) push(b, v.kids[i]);
        return true;
    }
    if (t->kind != V_VAL || !t->box || t->maybe || (t->type != bk_types.t_tuple && t->type != bk_types.t_list) ||
        n > 16)
        return false;
    bk_ref len;
    bool list = t->type == bk_types.t_list;
    build_len(b, t, &len);
    guard(b, E(b, BK_EQ, len, KI(b, n)), BK_G_SIZE);
    bk_ref items = list ? Eload(b, BK_M_PTR, BK_A_ITEMPTR, t->box, bk_py->list_items) : 0;
    bk_val kids[16];
    for (uint32_t i = 0; i < n; i++) {
        kids[i] = v_volatile(NULL, list ? Eload(b, BK_M_PTR, BK_A_ITEMS, items, 8 * i)
                                        : Eload(b, BK_M_PTR, BK_A_CONST, t->box, (int64_t)bk_py->tuple_items + 8 * i));
        if (i == 0) apply_seen(b, &kids[i], prof(b));
    }
    bk_val owner = pop(b);
    if (owner.own == O_OWNED) { /* it may die here, which runs nothing: its items live on */
        begin_effect(b);
        for (uint32_t i = 0; i < n; i++) secure(b, &kids[i]);
        E(b, BK_DECREF, owner.box, 0); /* its items live on */
    }
    for (uint32_t i = n; i-- > 0;) push(b, kids[i]);
    return true;
}
