/* Virtual views: the row a[i] of a NumPy array is not made while it is only indexed. It is a virtual instance
 * (build_inst.c) of type ndarray: its kids are the array and the indices, checked when the view was taken, and it is
 * made by indexing the array with them. An array's shape changes only by code that native code does not know, before
 * which all views are made (force_views).
 *
 * On the operand stack and in inlined frames a view may borrow the array; in a local of the real frame, or inside
 * another virtual, it owns a reference to it (view_own). */
#include "build_np.h"
#include <string.h>

static const uint16_t no_places[BK_MAXVIEW];

bool is_array_view(const bk_val *v) { return v->kind == V_INST && v->type == bk_types.t_ndarray; }

bk_val view_new(bk_builder *b, const bk_val *array, const bk_ref *indices, int n) {
    bk_val v = inst_new(b, bk_types.t_ndarray);
    v.nkids = (uint8_t)(n + 1);
    v.where = no_places;
    v.kids = alloc(b, v.nkids * sizeof *v.kids);
    v.kids[0] = *array;
    v.kids[0].clean = false;
    if (v.kids[0].own == O_OWNED) v.kids[0].own = O_VOLATILE; /* that reference goes with the operand */
    for (int i = 0; i < n; i++) v.kids[i + 1] = v_num(bk_types.t_int, indices[i]);
    return v;
}

bk_ndkey view_key(const bk_val *v) {
    bk_ndkey key = v->kids[0].nd;
    key.ndim = (uint8_t)(key.ndim - (v->nkids - 1));
    return key;
}

static void own_array(bk_builder *b, bk_val *v) {
    bk_val fresh = *v;
    fresh.kids = alloc(b, v->nkids * sizeof *fresh.kids);
    memcpy(fresh.kids, v->kids, v->nkids * sizeof *fresh.kids);
    E(b, BK_INCREF, fresh.kids[0].box, 0);
    fresh.kids[0].own = O_OWNED;
    fresh.kids[0].homes = 0;
    inst_replace(b, v->vid, &fresh);
    *v = fresh;
}

void view_own(bk_builder *b, bk_val *v) {
    if (!is_array_view(v) || v->kids[0].own == O_OWNED || v->kids[0].own == O_CONST) return;
    begin_effect(b);
    if (v->kids[0].own != O_OWNED) own_array(b, v);
}

void view_secure(bk_builder *b, bk_val *v) {
    if (is_array_view(v) && v->kids[0].own == O_VOLATILE) own_array(b, v);
}

void view_secure_homes(bk_builder *b, bk_val *v, uint64_t mask) {
    if (is_array_view(v) && v->kids[0].own == O_HOMES && (v->kids[0].homes & mask)) own_array(b, v);
}

void view_check_make(bk_builder *b, const bk_val *v) { check_release(b, &v->kids[0]); }

/* a new reference; the view's own reference to its array is still to be dropped */
bk_ref view_make(bk_builder *b, const bk_val *v) {
    bk_ref i[BK_MAXVIEW];
    for (int k = 0; k + 1 < BK_MAXVIEW; k++) i[k] = k + 1 < v->nkids ? v->kids[k + 1].num : KI(b, 0);
    bk_ref o = CALLH(b, BK_H_nd_view, v->kids[0].box, KI(b, v->nkids - 1), i[0], i[1], i[2]);
    guard(b, E(b, BK_NE, o, KP(b, NULL)), BK_G_MEMORY);
    return o;
}

static bool force_one(bk_builder *b, bk_val *v) {
    if (is_array_view(v)) {
        inst_force(b, v);
        return true;
    }
    for (int i = 0; i < v->nkids; i++)
        if (force_one(b, &v->kids[i])) return true; /* the kids are others now */
    return false;
}

void force_views(bk_builder *b) {
    for (uint32_t i = 0; i < b->st.n; i++)
        for (uint32_t k = 0; k < b->st.f[i].ci->nlocals + b->st.f[i].sp; k++)
            while (force_one(b, &b->st.f[i].slots[k])) {}
}
