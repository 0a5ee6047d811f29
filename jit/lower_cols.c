/* Exit columns: where each value of each snapshot is kept. The same operand of the same slot shares a column over all
 * snapshots (its versions then share a register or a spill slot in the one exit block); constants go to a table. */
#include "lower.h"
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t k) {
    k ^= k >> 31;
    k *= 0x9e3779b97f4a7c15u;
    return k ^ (k >> 29);
}

static bool map_resize(bk_lw *L, bk_u64map *m) {
    bk_u64map old = *m;
    m->cap = old.cap ? old.cap * 2 : 64;
    m->keys = bk_lw_alloc(L, m->cap, sizeof *m->keys);
    m->vals = bk_lw_alloc(L, m->cap, sizeof *m->vals); /* value + 1; 0 is a free place */
    if (m->keys && m->vals) {
        for (uint32_t k = 0; k < old.cap; k++) {
            if (!old.vals[k]) continue;
            uint32_t at = (uint32_t)mix(old.keys[k]) & (m->cap - 1);
            while (m->vals[at]) at = (at + 1) & (m->cap - 1);
            m->keys[at] = old.keys[k];
            m->vals[at] = old.vals[k];
        }
    }
    free(old.keys);
    free(old.vals);
    return !L->failed;
}

/* The value under key, which becomes `fresh` if there was none; BK_NONE after a failure. */
static uint32_t map_get(bk_lw *L, bk_u64map *m, uint64_t key, uint32_t fresh) {
    if (m->n * 2 >= m->cap && !map_resize(L, m)) return BK_NONE;
    uint32_t at = (uint32_t)mix(key) & (m->cap - 1);
    while (m->vals[at] && m->keys[at] != key) at = (at + 1) & (m->cap - 1);
    if (!m->vals[at]) {
        m->keys[at] = key;
        m->vals[at] = fresh + 1;
        m->n++;
    }
    return m->vals[at] - 1;
}

bk_colclass bk_cols_class(bk_type t) {
    switch (t) {
    case BK_1: return BK_COL_I1;
    case BK_F: return BK_COL_F64;
    case BK_S: return BK_COL_F32;
    case BK_P: return BK_COL_PTR;
    default: return BK_COL_I64;
    }
}

static bk_loc const_loc(bk_lw *L, uint64_t bits) {
    bk_exits *x = &L->x;
    uint32_t n = map_get(L, &x->constkeys, bits, x->nconsts);
    if (n == x->nconsts) {
        if (!bk_lw_grow(L, (void **)&x->consts, n, &x->constcap, sizeof *x->consts)) return -1;
        x->consts[x->nconsts++] = bits;
    }
    return -1 - (bk_loc)n;
}

static uint64_t const_bits(const bk_ins *i) {
    uint64_t bits = (uint64_t)i->imm;
    if (i->op == BK_K_I1) return i->imm != 0;
    if (i->op != BK_K_F32) return bits;
    float s;
    memcpy(&s, &(uint32_t){(uint32_t)bits}, 4);
    double d = s;
    memcpy(&bits, &d, 8);
    return bits;
}

static uint32_t column(bk_lw *L, uint64_t key, bk_colclass cls) {
    bk_exits *x = &L->x;
    uint32_t n = map_get(L, &x->colkeys, key << 3 | cls, x->ncols);
    if (n == x->ncols) {
        if (!bk_lw_grow(L, (void **)&x->cols, n, &x->colcap, sizeof *x->cols)) return 0;
        x->cols[x->ncols++] = (bk_column){.cls = cls};
    }
    return n;
}

/* One operand of one slot. A value that the snapshot already has somewhere is not kept twice. */
static bk_loc place(bk_lw *L, uint32_t snap, bk_ref r, uint64_t key) {
    bk_exits *x = &L->x;
    if (!r) return const_loc(L, 0);
    const bk_ins *i = bk_lw_ins(L, r);
    if (!i) return -1;
    if (i->op <= BK_K_PTR && i->op >= BK_K_I1) return const_loc(L, const_bits(i));
    if (i->type == BK_V) bk_lw_fail(L, "snapshot %u keeps %%%u, which has no value", snap, r);
    if (x->placed_at[r] != snap) {
        x->placed_at[r] = snap;
        x->placed_col[r] = column(L, key, bk_cols_class((bk_type)i->type));
        if (!bk_lw_grow(L, (void **)&x->values, x->nvalues, &x->valcap, sizeof *x->values)) return -1;
        x->values[x->nvalues++] = (bk_colvalue){x->placed_col[r], r};
    }
    return (bk_loc)(L->fn->nxhome + x->placed_col[r]);
}

static void add_loc(bk_lw *L, bk_loc loc) {
    bk_exits *x = &L->x;
    if (bk_lw_grow(L, (void **)&x->locs, x->nlocs, &x->loccap, sizeof *x->locs)) x->locs[x->nlocs++] = loc;
}

/* Slots are numbered in a frame by their top-level slot and their place in its tree, so that a tuple in one snapshot
 * does not shift the columns of the slots behind it. */
static void place_frame(bk_lw *L, uint32_t snap, uint32_t level, const bk_sframe *f) {
    uint32_t top = 0, kids = 0, kid = 0;
    for (uint32_t n = 0; n < f->nslots && !L->failed; n++) {
        const bk_slot *s = &L->fn->slots[f->first + n];
        kid = kids ? kid + 1 : 0;
        kids = kids ? kids - 1 + s->nkids : s->nkids;
        uint64_t key = ((uint64_t)level << 48 | (uint64_t)(top & 0xffffff) << 24 | (kid & 0x3fffff) << 2);
        add_loc(L, place(L, snap, s->a, key));
        add_loc(L, place(L, snap, s->b, key | 1));
        add_loc(L, place(L, snap, s->c, key | 2));
        if (!kids) top++;
    }
}

void bk_cols_place(bk_lw *L, uint32_t snap) {
    const bk_fn *fn = L->fn;
    const bk_snap *s = &fn->snaps[snap];
    L->x.snap_locs[snap] = L->x.nlocs;
    L->x.snap_values[snap] = L->x.nvalues;
    if ((uint64_t)s->frame + s->nframes > fn->nsframes) bk_lw_fail(L, "snapshot %u has frames out of range", snap);
    for (uint32_t k = 0; k < s->nframes && !L->failed; k++) {
        const bk_sframe *f = &fn->sframes[s->frame + k];
        if ((uint64_t)f->first + f->nslots > fn->nslots) bk_lw_fail(L, "snapshot %u has slots out of range", snap);
        if (!L->failed) place_frame(L, snap, k, f);
    }
    L->x.snap_nvalues[snap] = L->x.nvalues - L->x.snap_values[snap];
}
