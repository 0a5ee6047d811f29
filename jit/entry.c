/* Entry conditions of regions: described from the frame a region was built for, tested on those it is entered with. */
#include "entry.h"

static inline bk_obj *type_of(bk_obj *o) { return *(bk_obj **)((char *)o + bk_py->layout.type); }
static inline int64_t word_at(bk_obj *o, uint32_t off) { return *(int64_t *)((char *)o + off); }
static inline bk_obj *home_get(void **home, uint32_t slot) {
    return (bk_obj *)((uintptr_t)home[slot] & ~(uintptr_t)bk_py->layout.home_tag);
}
static inline bool simple(bk_obj *type) {
    return type == bk_types.t_int || type == bk_types.t_float || bk_py_type_is_simple(type);
}
static inline bool alone(bk_obj *o) { return *(uint32_t *)((char *)o + bk_py->layout.refcnt) == 1; }

static bool range_fits(bk_obj *o, int64_t step) {
    int64_t start = word_at(o, bk_py->rangeiter_start), len = word_at(o, bk_py->rangeiter_len), way, end;
    if (!alone(o) || len < 0 || word_at(o, bk_py->rangeiter_step) != step) return false;
    return !__builtin_mul_overflow(len, step, &way) && !__builtin_add_overflow(start, way, &end);
}

static bool same_key(bk_obj *o, const bk_ndkey *want) {
    bk_ndkey k;
    return bk_py_ndkey(o, &k) && k.typenum == want->typenum && k.ndim == want->ndim && k.writeable >= want->writeable &&
           k.unit_inner >= want->unit_inner;
}

/* nd: of the array that a plain sequence iterator is over */
static bool seq_fits(bk_obj *o, const bk_ndkey *nd) {
    bk_obj *seq = (bk_obj *)word_at(o, bk_py->listiter_seq);
    if (!alone(o) || !seq) return false;
    return type_of(o) != bk_types.t_seq_iterator || (type_of(seq) == bk_types.t_ndarray && same_key(seq, nd));
}

/* the array that a plain sequence iterator is over, if it is one; other sequences run code of their own */
static bool describe_seq(bk_obj *o, bk_ndkey *nd) {
    if (type_of(o) != bk_types.t_seq_iterator) return true;
    bk_obj *seq = (bk_obj *)word_at(o, bk_py->listiter_seq);
    return seq && type_of(seq) == bk_types.t_ndarray && bk_py_ndkey(seq, nd) && np_has_elements(nd);
}

int bk_entry_seqkind(bk_obj *type) {
    bk_obj *const kinds[BK_NSEQ] = {bk_types.t_list_iterator, bk_types.t_tuple_iterator, bk_types.t_str_ascii_iterator,
                                    bk_types.t_str_iterator,  bk_types.t_bytes_iterator, bk_types.t_bytearray_iterator,
                                    bk_types.t_seq_iterator};
    for (int i = 0; i < BK_NSEQ; i++)
        if (kinds[i] == type) return i;
    return -1;
}

static bool inner_fits(bk_obj *o, const bk_entryiter *it) {
    if (type_of(o) != it->type) return false;
    return it->type == bk_types.t_range_iterator ? range_fits(o, it->step) : seq_fits(o, &it->nd);
}

/* What is inside of enumerate and zip: the number of iterators; 0: no such object, or others may see it move. */
static uint32_t unwrap(bk_obj *o, uint8_t *wrap, bk_obj **iters) {
    *wrap = 0;
    if (type_of(o) == bk_types.t_enumerate) {
        if (!bk_py->enum_iter || !alone(o) || word_at(o, bk_py->enum_long)) return 0;
        *wrap = BK_WRAP_ENUM;
        o = (bk_obj *)word_at(o, bk_py->enum_iter);
    }
    if (type_of(o) != bk_types.t_zip) {
        iters[0] = o;
        return *wrap;
    }
    if (!bk_py->zip_iters || !alone(o) || (int32_t)word_at(o, bk_py->zip_strict)) return 0;
    bk_obj *tuple = (bk_obj *)word_at(o, bk_py->zip_iters);
    int64_t n = bk_py_len(tuple);
    if (n < 1 || n > BK_ENTRY_ITERS) return 0;
    *wrap |= BK_WRAP_ZIP;
    for (int64_t i = 0; i < n; i++) iters[i] = bk_py_item(tuple, i);
    return (uint32_t)n;
}

static bool wrapped_fits(const bk_entrycheck *c, bk_obj *o) {
    bk_obj *iters[BK_ENTRY_ITERS];
    uint8_t wrap;
    if (unwrap(o, &wrap, iters) != c->niters || wrap != c->wrap) return false;
    for (int i = 0; i < c->niters; i++)
        if (!inner_fits(iters[i], &c->iters[i])) return false;
    return true;
}

static bool reversed_fits(bk_obj *o) { return alone(o) && word_at(o, bk_py->revlist_seq); }

static bool wrapped(bk_obj *o, bk_entrycheck *c) {
    bk_obj *iters[BK_ENTRY_ITERS];
    c->niters = (uint8_t)unwrap(o, &c->wrap, iters);
    for (int i = 0; i < c->niters; i++) {
        bk_obj *type = type_of(iters[i]);
        bool range = type == bk_types.t_range_iterator;
        if (!range && bk_entry_seqkind(type) < 0) return false;
        c->iters[i] = (bk_entryiter){type, range ? word_at(iters[i], bk_py->rangeiter_step) : 0, {0}};
        if (!range && !describe_seq(iters[i], &c->iters[i].nd)) return false;
    }
    c->kind = EC_WRAPPED;
    return c->niters && wrapped_fits(c, o);
}

static bool iterator(bk_obj *o, bk_entrycheck *c) {
    if (c->type == bk_types.t_range_iterator) {
        c->kind = EC_RANGEIT;
        c->step = word_at(o, bk_py->rangeiter_step);
        return range_fits(o, c->step);
    }
    if (c->type == bk_types.t_list_reverseiterator && bk_py->revlist_seq) {
        c->kind = EC_REVERSED;
        return reversed_fits(o);
    }
    if (c->type == bk_types.t_enumerate || c->type == bk_types.t_zip) return wrapped(o, c);
    if (bk_entry_seqkind(c->type) < 0) return false;
    c->kind = EC_SEQIT;
    return describe_seq(o, &c->nd) && seq_fits(o, &c->nd);
}

bool bk_entry_describe(bk_obj *o, bool local, bool live, uint32_t slot, bk_entrycheck *c) {
    int64_t v;
    *c = (bk_entrycheck){.slot = slot, .type = o ? bk_py_type(o) : NULL};
    if (local && !live) c->kind = o && !bk_py_type_is_simple(c->type) ? EC_HELD : EC_SIMPLE;
    else if (!o) c->kind = EC_NULL;
    else if (!local && iterator(o, c)) return true; /* moved on by native code */
    else if (c->type == bk_types.t_int && bk_py_as_i64(o, &v)) c->kind = EC_INT;
    else c->kind = bk_py_ndkey(o, &c->nd) ? EC_ND : EC_TYPE;
    return false;
}

static bool holds(const bk_entrycheck *c, bk_obj *o) {
    int64_t v;
    if (c->kind == EC_UNDERFLOW) return bk_py_np_ignores_underflow() == c->step;
    if (c->kind == EC_NULL) return !o;
    if (c->kind == EC_SIMPLE) return !o || simple(type_of(o));
    if (!o) return false;
    if (c->kind == EC_HELD) return true;
    if (type_of(o) != c->type) return false;
    switch (c->kind) {
    case EC_INT:
        return (uint64_t)word_at(o, bk_py->layout.long_tag) < bk_py->layout.long_compact || bk_py_as_i64(o, &v);
    case EC_ND: return same_key(o, &c->nd);
    case EC_RANGEIT: return range_fits(o, c->step);
    case EC_SEQIT: return seq_fits(o, &c->nd);
    case EC_WRAPPED: return wrapped_fits(c, o);
    case EC_REVERSED: return reversed_fits(o);
    default: return true;
    }
}

bool bk_entry_holds(const bk_entrycheck *c, uint32_t n, void **home) {
    for (uint32_t i = 0; i < n; i++)
        if (!holds(&c[i], home_get(home, c[i].slot))) return false;
    return true;
}

int64_t bk_entry_items(bk_obj *it, bk_obj *type) {
    if (type == bk_types.t_range_iterator) return word_at(it, bk_py->rangeiter_len);
    if (type != bk_types.t_list_iterator && type != bk_types.t_tuple_iterator) return -1;
    bk_obj *seq = (bk_obj *)word_at(it, bk_py->listiter_seq);
    return seq ? word_at(seq, bk_py->var_size) - word_at(it, bk_py->listiter_index) : 0;
}

int64_t bk_entry_left(const bk_entrycheck *c, void **home) {
    bk_obj *iters[BK_ENTRY_ITERS], *o = home_get(home, c->slot);
    uint8_t wrap;
    if (c->kind == EC_RANGEIT || c->kind == EC_SEQIT) return bk_entry_items(o, c->type);
    if (c->kind != EC_WRAPPED || unwrap(o, &wrap, iters) != c->niters) return -1;
    int64_t least = bk_entry_items(iters[0], c->iters[0].type);
    for (int i = 1; i < c->niters; i++) {
        int64_t n = bk_entry_items(iters[i], c->iters[i].type);
        if (n < least) least = n;
    }
    return least;
}
