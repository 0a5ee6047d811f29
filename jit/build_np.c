/* Elements of NumPy arrays: the facts that identify a fast path, reading, storing, shapes. */
#include "build_np.h"
#include "entry.h"

enum { ND_ALIGNED = 0x100, ND_WRITEABLE = 0x400 };
#define ND_WARN_ON_WRITE (INT64_C(1) << 31)

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static bk_ref header(bk_builder *b, const bk_val *a, uint32_t off) {
    return Eload(b, BK_M_PTR, BK_A_NDHEAD, a->box, off);
}
static bk_ref dim(bk_builder *b, const bk_val *a, int k) {
    return Eload(b, BK_M_I64, BK_A_NDHEAD, header(b, a, bk_py->nd_dims), 8 * k);
}
static bk_ref stride(bk_builder *b, const bk_val *a, int k) {
    return Eload(b, BK_M_I64, BK_A_NDHEAD, header(b, a, bk_py->nd_strides), 8 * k);
}

void np_guard(bk_builder *b, bk_val *v, const bk_ndkey *key) {
    bk_obj *descr = bk_types.np_descr[key->typenum];
    if (!descr || !v->box || v->maybe) return;
    int64_t want = ND_ALIGNED | (key->writeable ? ND_WRITEABLE : 0),
            mask = want | (key->writeable ? ND_WARN_ON_WRITE : 0);
    bk_ref ndim = Eload(b, BK_M_I32, BK_A_NDHEAD, v->box, bk_py->nd_ndim);
    bk_ref flags = Eload(b, BK_M_U32, BK_A_NDHEAD, v->box, bk_py->nd_flags);
    bk_ref good =
        E(b, BK_AND, E(b, BK_EQ, ndim, KI(b, key->ndim)), E(b, BK_EQ, header(b, v, bk_py->nd_descr), KP(b, descr)));
    bk_const(b->fn, descr);
    guard(b, E(b, BK_AND, good, E(b, BK_EQ, E(b, BK_AND, flags, KI(b, mask)), KI(b, want))), BK_G_ARRAY);
    /* only now it is known that there is a last stride */
    if (key->unit_inner && key->typenum < NP_FAST)
        guard(b, E(b, BK_EQ, stride(b, v, key->ndim - 1), KI(b, np_dtypes[key->typenum].size)), BK_G_ARRAY);
    v->nd = *key;
    v->nd_ok = true;
}

/* the array's facts hold, from recording if need be (it was operand k from the top); its dtype has fast paths */
static bool is_open(bk_builder *b, bk_val *a, uint32_t k) {
    if (a->kind != V_VAL || a->type != bk_types.t_ndarray || !a->box || a->maybe) return false;
    const bk_prof *p = prof(b);
    const bk_seen *s = &p->opnd[k - 1];
    bool use_seen = !a->nd_ok && !p->opnd_many[k - 1] && s->type == a->type && s->nd.ndim;
    const bk_ndkey *nd = a->nd_ok ? &a->nd : use_seen ? &s->nd : NULL;
    if (!nd || !np_has_elements(nd)) return false;
    if (use_seen) np_guard(b, a, nd);
    return a->nd_ok;
}

bool np_has_elements(const bk_ndkey *k) {
    return k->ndim && k->typenum < NP_FAST && np_dtypes[k->typenum].kind != NK_NONE;
}

/* ---- the place of an element ------------------------------------------------------------------------------------- */

typedef struct {
    bk_ref base, idx; /* idx 0: none */
    int scale;
} place;

static bool is_index(const bk_val *k) {
    if (k->kind != V_VAL || !k->type || !fits(k)) return false;
    np_kind kind = np_kind_of(k);
    return kind == NK_INT || kind == NK_UINT;
}

/* the indices of a key in kids[4]; how many, 0: no fast path */
static int indices(bk_builder *b, bk_val *key, bk_val **kids) {
    if (is_index(key)) {
        *kids = key;
        return 1;
    }
    int n = 0;
    if (key->kind == V_TUPLE) {
        *kids = key->kids;
        n = key->nkids;
    } else if (key->kind == V_VAL && key->konst && key->type == bk_types.t_tuple && bk_py_len(key->konst) <= 4) {
        n = (int)bk_py_len(key->konst);
        *kids = alloc(b, 4 * sizeof **kids);
        for (int i = 0; i < n; i++) (*kids)[i] = v_konst(b, bk_py_item(key->konst, i));
    }
    for (int i = 0; i < n; i++)
        if (!is_index(&(*kids)[i])) return 0;
    return n;
}

static bool konst_index(bk_builder *b, const bk_val *k, int64_t *i) {
    if (!k->num || b->fn->ins[k->num].op != BK_K_I64) return false;
    *i = b->fn->ins[k->num].imm;
    return true;
}

/* the signs recording saw, without a negative one that a constant index explains */
static uint8_t signs(bk_builder *b, const bk_val *kids, int n) {
    uint8_t f = prof(b)->flags & (BK_PF_NEG_INDEX | BK_PF_POS_INDEX);
    int64_t i;
    for (int k = 0; k < n; k++)
        if (konst_index(b, &kids[k], &i) && i < 0 && (f & BK_PF_POS_INDEX)) f = BK_PF_POS_INDEX;
    return f;
}

/* the index in [0, len) that k stands for */
static bk_ref checked(bk_builder *b, bk_val *k, bk_ref len, uint8_t sign) {
    int64_t c;
    bk_ref i = unbox(b, k);
    bool negative = (sign & BK_PF_NEG_INDEX) && !(sign & BK_PF_POS_INDEX);
    if (konst_index(b, k, &c)) {
        negative = c < 0;
        sign = negative ? BK_PF_NEG_INDEX : BK_PF_POS_INDEX;
    }
    if (np_kind_of(k) == NK_UINT) negative = false, sign = BK_PF_POS_INDEX;
    if (negative) {
        guard(b, E(b, BK_LT, i, KI(b, 0)), BK_G_BOUNDS);
        i = E(b, BK_ADD, i, len);
        b->fn->ins[i].flags |= BK_F_NSW;
        guard(b, E(b, BK_GE, i, KI(b, 0)), BK_G_BOUNDS);
        return i;
    }
    if (sign & BK_PF_NEG_INDEX) i = Et(b, BK_SELECT, BK_I, E(b, BK_LT, i, KI(b, 0)), E(b, BK_ADD, i, len), i);
    guard(b, E(b, BK_ULT, i, len), BK_G_BOUNDS);
    return i;
}

static bk_ref scaled(bk_builder *b, bk_ref i, bk_ref by) {
    bk_ref r = E(b, BK_MUL, i, by);
    if (b->fn->ins[r].op == BK_MUL) b->fn->ins[r].flags |= BK_F_NSW; /* an index within bounds */
    return r;
}

/* The array that is indexed, whose facts hold: `a` itself, or that of which it is a view, and then the view's indices.
 * false: no fast path */
static bool is_indexed(bk_builder *b, bk_val *a, bk_val *array, bk_ref *i, int *n) {
    *n = 0;
    if (is_array_view(a)) {
        *array = a->kids[0];
        for (int k = 1; k < a->nkids; k++) i[(*n)++] = a->kids[k].num;
        return array->nd_ok;
    }
    if (!is_open(b, a, 2)) return false;
    *array = *a;
    return true;
}

/* the indices in `kids` checked, behind those that a view has; how many there are now */
static int check_indices(bk_builder *b, const bk_val *array, bk_val *kids, int n, bk_ref *i, int have) {
    uint8_t sign = signs(b, kids, n);
    for (int k = 0; k < n; k++) i[have + k] = checked(b, &kids[k], dim(b, array, have + k), sign);
    return have + n;
}

/* the place of the element at checked indices, one per dimension */
static place element(bk_builder *b, const bk_val *a, const bk_ref *i) {
    int n = a->nd.ndim;
    place at = {.base = header(b, a, bk_py->nd_data)};
    for (int k = 0; k < n - a->nd.unit_inner; k++) at.base = E(b, BK_PADD, at.base, scaled(b, i[k], stride(b, a, k)));
    if (a->nd.unit_inner) {
        at.idx = i[n - 1];
        at.scale = np_dtypes[a->nd.typenum].size;
    }
    return at;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bk_val load_element(bk_builder *b, const bk_val *array, const bk_ref *i) {
    const np_dtype *d = &np_dtypes[array->nd.typenum];
    place at = element(b, array, i);
    bk_val v = v_num(bk_types.np_scalar[array->nd.typenum], Eloadx(b, d->mem, BK_A_DATA, at.base, at.idx, at.scale, 0));
    if (d->kind == NK_COMPLEX) v.num2 = Eloadx(b, d->mem, BK_A_DATA, at.base, at.idx, at.scale, d->size / 2);
    return v;
}

bool np_getitem(bk_builder *b, bk_val *a, bk_val *key, bk_val *out) {
    bk_val *kids, array;
    bk_ref i[BK_MAXVIEW];
    int n = indices(b, key, &kids), have;
    if (!n || !is_indexed(b, a, &array, i, &have) || have + n > array.nd.ndim) return false;
    if (have + n < array.nd.ndim) {
        if (a->own == O_OWNED && dies_loudly(b)) return false;
        n = check_indices(b, &array, kids, n, i, have);
        *out = view_new(b, &array, i, n);
        return true;
    }
    check_indices(b, &array, kids, n, i, have);
    *out = load_element(b, &array, i);
    return true;
}

/* ---- iteration: NumPy's is the plain one of sequences, by index until that is out of bounds ------------------------
 */

bool np_iterates(bk_builder *b, bk_val *a) { return is_open(b, a, 1) && a->nd.ndim <= BK_MAXVIEW; }

/* lent to whoever gets a row of it */
static bk_val iterated(const bk_val *it) {
    bk_val a = v_volatile(bk_types.t_ndarray, it->box);
    a.nd = it->nd;
    a.nd_ok = true;
    return a;
}

/* unknown code may have changed its shape or dtype */
void np_guard_iterator(bk_builder *b, const bk_val *it) {
    bk_val a = iterated(it);
    np_guard(b, &a, &it->nd);
}

bk_ref np_iterator_len(bk_builder *b, const bk_val *it) {
    bk_val a = iterated(it);
    return dim(b, &a, 0);
}

bk_val np_next(bk_builder *b, const bk_val *it) {
    bk_val a = iterated(it);
    return it->nd.ndim == 1 ? load_element(b, &a, &it->num) : view_new(b, &a, &it->num, 1);
}

bool np_attr(bk_builder *b, bk_val *o, bk_obj *name, bk_val *out) {
    bool shape = bk_py_str_is(name, "shape"), size = bk_py_str_is(name, "size");
    if (!shape && !size && !bk_py_str_is(name, "ndim")) return false;
    if (is_array_view(o) ? !o->kids[0].nd_ok : !is_open(b, o, 1)) return false;
    const bk_val *a = is_array_view(o) ? &o->kids[0] : o;
    int first = is_array_view(o) ? o->nkids - 1 : 0, n = a->nd.ndim - first;
    if (shape) {
        *out = (bk_val){
            .kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)n, .kids = alloc(b, (size_t)n * sizeof *out)};
        for (int k = 0; k < n; k++) out->kids[k] = v_num(bk_types.t_int, dim(b, a, first + k));
        return true;
    }
    bk_ref r = size ? dim(b, a, first) : KI(b, n);
    for (int k = 1; size && k < n; k++) r = scaled(b, r, dim(b, a, first + k));
    *out = v_num(bk_types.t_int, r);
    return true;
}

bool np_len(bk_builder *b, const bk_val *view, bk_ref *len) {
    *len = dim(b, &view->kids[0], view->nkids - 1);
    return true;
}

/* ---- storing ----------------------------------------------------------------------------------------------------- */

static bk_ref as_bool(bk_builder *b, bk_val *v) {
    bk_ref re, im;
    switch (np_kind_of(v)) {
    case NK_BOOL: return unbox(b, v);
    case NK_FLOAT: return E(b, BK_FNE, np_double(b, v), KF(b, 0));
    case NK_COMPLEX:
        np_parts(b, v, NP_CDOUBLE, &re, &im);
        return E(b, BK_OR, E(b, BK_FNE, re, KF(b, 0)), E(b, BK_FNE, im, KF(b, 0)));
    default: return E(b, BK_NE, np_int(b, v), KI(b, 0));
    }
}

/* every value of the NumPy integer type `from` is one of `to` */
static bool holds(int to, int from) {
    const np_dtype *t = &np_dtypes[to], *f = &np_dtypes[from];
    return t->kind == f->kind ? t->bits >= f->bits : f->kind == NK_UINT && t->bits > f->bits;
}

/* An int, or what a float truncates to, must be a value of the type: else NumPy raises, warns or wraps, by version. */
static bk_ref as_int(bk_builder *b, bk_val *v, int tn) {
    np_kind kind = np_kind_of(v);
    if (kind == NK_COMPLEX) return 0;
    if (kind == NK_FLOAT) {
        bk_ref d = np_double(b, v);
        guard(b, E(b, BK_AND, E(b, BK_FGE, d, KF(b, -0x1p63)), E(b, BK_FLT, d, KF(b, 0x1p63))), BK_G_RANGE);
        bk_ref n = E(b, BK_F2I, d, 0);
        guard(b, np_in_range(b, n, tn), BK_G_RANGE);
        return n;
    }
    bk_ref n = np_int(b, v);
    int from = bk_py_np_typenum(v->type);
    if (kind == NK_BOOL || (from >= 0 && holds(tn, from))) return n;
    if (kind == NK_UINT && np_dtypes[from].bits == 64) guard(b, E(b, BK_GE, n, KI(b, 0)), BK_G_RANGE);
    guard(b, np_in_range(b, n, tn), BK_G_RANGE);
    return n;
}

/* NumPy's double into single precision: Python's numbers are converted without a word */
static bool narrows(const bk_val *v, int tn) {
    int from = bk_py_np_typenum(v->type);
    return (tn == NP_FLOAT || tn == NP_CFLOAT) && (from == NP_DOUBLE || from == NP_CDOUBLE);
}

bool np_convert(bk_builder *b, bk_val *v, int tn, bk_ref *re, bk_ref *im) {
    *im = 0;
    if (narrows(v, tn) && !np_may_underflow(b)) return false;
    switch (np_dtypes[tn].kind) {
    case NK_BOOL: *re = as_bool(b, v); break;
    case NK_INT:
    case NK_UINT: *re = as_int(b, v, tn); break;
    case NK_FLOAT:
        if (np_kind_of(v) == NK_COMPLEX) return false;
        *re = tn == NP_FLOAT ? np_single(b, v) : np_double(b, v);
        break;
    default: return np_parts(b, v, tn, re, im);
    }
    return *re != 0;
}

bool np_setitem(bk_builder *b, bk_val *a, bk_val *key, bk_val *v) {
    bk_val *kids, array;
    bk_ref re, im, i[BK_MAXVIEW];
    int n = indices(b, key, &kids), have;
    if (v->kind != V_VAL || !v->type || !fits(v) || !n || !is_indexed(b, a, &array, i, &have)) return false;
    if (have + n != array.nd.ndim || !array.nd.writeable) return false;
    const np_dtype *d = &np_dtypes[array.nd.typenum];
    if (!np_convert(b, v, array.nd.typenum, &re, &im)) return false;
    check_indices(b, &array, kids, n, i, have);
    place at = element(b, &array, i);
    check_release(b, a);
    check_release(b, key);
    Estore(b, d->mem, BK_A_DATA, at.base, at.idx, at.scale, 0, re);
    if (im) Estore(b, d->mem, BK_A_DATA, at.base, at.idx, at.scale, d->size / 2, im);
    /* nothing borrowed can have died by that, but it must not be done again */
    b->effects = true;
    b->neffects++;
    release(b, v);
    return true;
}
