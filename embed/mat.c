/* Makes the objects of a snapshot's slots: boxes, iterators, virtual tuples. It changes no slot of any frame and runs
 * no Python code, so the state that it reads stays as native code left it. */
#include "embed.h"
#include "helpers.h"
#include "numpy.h"
#include "objects.h"

static char keep_mark;
PyObject *const bk_keep_slot = (PyObject *)&keep_mark;

/* out of memory in the middle of an exit: there is no state to go back to */
static PyObject *must(PyObject *o) {
    if (!o) Py_FatalError("backedge: out of memory while leaving compiled code");
    return o;
}

static inline uint64_t word(const bk_mat *m, bk_loc loc) { return loc >= 0 ? m->buf[loc] : m->code->consts[-1 - loc]; }
static inline double real(const bk_mat *m, bk_loc loc) {
    uint64_t w = word(m, loc);
    double d;
    memcpy(&d, &w, sizeof d);
    return d;
}
static inline PyObject *pointer(const bk_mat *m, bk_loc loc) { return (PyObject *)(uintptr_t)word(m, loc); }

static inline void *home_word(const bk_mat *m, uint32_t home) {
    return home < m->fn->nhome ? m->home[home] : (void *)(uintptr_t)m->buf[home - m->fn->nhome];
}

/* entries of a slot: itself and its kids, theirs included */
static uint32_t extent(const bk_slot *s) {
    uint32_t n = 1;
    for (uint16_t k = 0; k < s->nkids; k++) n += extent(s + n);
    return n;
}

/* whose reference a box is makes no difference once there is none */
static bool same_aux(const bk_slot *a, const bk_slot *b) {
    return a->aux == b->aux || a->kind == BK_SK_I64 || a->kind == BK_SK_CHR || a->kind == BK_SK_F64 ||
           a->kind == BK_SK_NP || a->kind == BK_SK_COMPLEX;
}

/* One number in two slots is one object; two are two objects, though they have one value and location. */
static bool same_value(const bk_slot *a, bk_loc la, const bk_slot *b, bk_loc lb) {
    return a->who == b->who && !a->a == !b->a && (!a->a || a->who || la == lb);
}

static bool same_entry(const bk_slot *a, const bk_loc *la, const bk_slot *b, const bk_loc *lb) {
    return a->kind == b->kind && same_aux(a, b) && a->nkids == b->nkids && a->sub == b->sub &&
           same_value(a, la[0], b, lb[0]) && !a->b == !b->b && !a->c == !b->c && (!a->b || la[1] == lb[1]) &&
           (!a->c || la[2] == lb[2]);
}

/* equal slots are in the same chain */
static unsigned chain_of(const bk_slot *s, const bk_loc *l) {
    return (s->who ? s->who : s->a ? (uint32_t)l[0] : s->nkids) & 63;
}

/* the object that this exit already made of an equal slot; NULL. One value in two slots must be one object. */
static PyObject *made_before(const bk_mat *m) {
    unsigned chain = chain_of(m->slot, m->loc);
    if (!(m->chains >> chain & 1)) return NULL;
    for (int i = m->first[chain]; i >= 0; i = m->made[i].next) {
        const bk_slot *s = m->made[i].slot;
        const bk_loc *l = m->made[i].loc;
        uint32_t k = 0, n = 1;
        if (s->kind != m->slot->kind || s->who != m->slot->who) continue;
        if (s->who && s->a) return m->made[i].obj; /* neither has a box yet */
        if (!same_entry(s, l, m->slot, m->loc)) continue;
        if (s->nkids) n = extent(s);
        while (++k < n && same_entry(s + k, l + 3 * k, m->slot + k, m->loc + 3 * k)) {}
        if (k >= n) return m->made[i].obj;
    }
    return NULL;
}

static void more_room(bk_mat *m) {
    bk_made *more = PyMem_RawMalloc(2 * (size_t)m->room * sizeof *more);
    if (!more) Py_FatalError("backedge: out of memory while leaving compiled code");
    memcpy(more, m->made, (size_t)m->nmade * sizeof *more);
    bk_mat_end(m);
    m->made = more;
    m->room *= 2;
}

static void note_made(bk_mat *m, const bk_slot *s, const bk_loc *l, PyObject *o) {
    if (m->nmade == m->room) more_room(m);
    unsigned chain = chain_of(s, l);
    m->made[m->nmade] = (bk_made){s, l, o, m->chains >> chain & 1 ? m->first[chain] : -1};
    m->first[chain] = m->nmade++;
    m->chains |= UINT64_C(1) << chain;
}

void bk_mat_start(bk_mat *m) {
    m->chains = 0;
    m->nmade = 0;
    m->nlate = 0;
    m->made = m->made_near;
    m->room = BK_MADE_NEAR;
}

void bk_mat_end(bk_mat *m) {
    if (m->made != m->made_near) PyMem_RawFree(m->made);
}

/* ---- iterators ---- */
static void set_range(PyObject *it, int64_t start, int64_t len, int64_t step) {
    _PyRangeIterObject *r = (_PyRangeIterObject *)it;
    assert(Py_IS_TYPE(it, &PyRangeIter_Type));
    r->start = start;
    r->len = len;
    r->step = step;
}

/* native code keeps the next value and the end (a whole number of steps away) */
static void set_range_at(const bk_mat *m, PyObject *it) {
    int64_t next = (int64_t)word(m, m->loc[0]), end = (int64_t)word(m, m->loc[1]), step = (int64_t)word(m, m->loc[2]);
    bool more = step > 0 ? next < end : next > end;
    set_range(it, next, more ? (end - next) / step : 0, step);
}

static PyObject *new_range(const bk_mat *m) {
    PyObject *it = must((PyObject *)PyObject_New(_PyRangeIterObject, &PyRangeIter_Type));
    set_range_at(m, it);
    return it;
}

/* these iterators have the same layout (objects.c checks those that are in no header) */
static void set_seq(bk_mat *m, PyObject *it, PyObject *seq, int64_t index) {
    _PyListIterObject *li = (_PyListIterObject *)it;
    PyObject *old = (PyObject *)li->it_seq;
    static_assert(offsetof(_PyListIterObject, it_seq) == offsetof(_PyTupleIterObject, it_seq), "iterators differ");
    static_assert(offsetof(_PyListIterObject, it_index) == offsetof(_PyTupleIterObject, it_index), "iterators differ");
    li->it_index = seq ? index : -1; /* 3.14+ look at the index first */
    if (old == seq) return;
    li->it_seq = (PyListObject *)Py_XNewRef(seq);
    if (old && m->nlate < BK_LATE_MAX) m->late[m->nlate++] = old;
    else Py_XDECREF(old);
}

static PyObject *empty_sequence(int which) {
    switch ((bk_seqkind)which) {
    case BK_SEQ_TUPLE: return PyTuple_New(0);
    case BK_SEQ_ASCII:
    case BK_SEQ_STR: return PyUnicode_New(0, 0);
    case BK_SEQ_BYTES: return PyBytes_FromStringAndSize(NULL, 0);
    case BK_SEQ_BYTEARRAY: return PyByteArray_FromStringAndSize(NULL, 0);
    default: return PyList_New(0);
    }
}

static PyObject *new_seq(bk_mat *m, const bk_slot *s) {
    PyObject *seq = pointer(m, m->loc[0]);
    PyObject *over = seq ? Py_NewRef(seq) : must(empty_sequence(s->aux >> 2));
    PyObject *it = must(s->aux >> 2 == BK_SEQ_ND ? PySeqIter_New(over) : PyObject_GetIter(over));
    Py_DECREF(over);
    set_seq(m, it, seq, (int64_t)word(m, m->loc[1]));
    if (s->aux & 2) Py_XDECREF(seq); /* native code's reference: the iterator has its own */
    return it;
}

/* an iterator object that lives in a home slot is brought up to date there; NULL: there is none, make one */
static PyObject *update_iterator(bk_mat *m, const bk_slot *s) {
    PyObject *it = s->sub ? bkp_peek(home_word(m, s->sub - 1)) : NULL;
    if (!it) return NULL;
    if (s->kind == BK_SK_RANGE) set_range_at(m, it);
    else set_seq(m, it, pointer(m, m->loc[0]), (int64_t)word(m, m->loc[1]));
    if (s->kind == BK_SK_SEQITER && s->aux & 2) Py_XDECREF(pointer(m, m->loc[0])); /* the iterator has its own */
    return m->top && s->sub - 1 == m->first_home + m->index && s->sub - 1 < m->fn->nhome ? BK_KEEP_SLOT : Py_NewRef(it);
}

/* ---- values ---- */
static PyObject *np_scalar(const bk_mat *m, const bk_slot *s) {
    int64_t t = s->sub;
    if (t <= 10) return bk_h_box_np_i(t, (int64_t)word(m, m->loc[0]));
    if (t == 14 || t == 15) return bk_h_box_np_c(t, real(m, m->loc[0]), real(m, m->loc[1]));
    return bk_h_box_np_f(t, real(m, m->loc[0]));
}

static PyObject *from_home(const bk_mat *m, uint32_t home) {
    if (m->top && home == m->first_home + m->index && home < m->fn->nhome) return BK_KEEP_SLOT;
    return Py_XNewRef(bkp_peek(home_word(m, home)));
}

/* a value that may have a box already (operand b or c): the box, or BK_BOX_UNBOUND, BK_BOX_KEEP, a token; false: there
 * is none, box the value. aux: the box's reference is moved */
/* the object of a parameter of the native function; the first that asks makes it, if there is none */
static PyObject *passed_object(const bk_mat *m, const bk_slot *s, uint64_t token) {
    PyObject **o = &m->passed[token - BK_BOX_PARAM];
    if (*o) return Py_NewRef(*o);
    *o = must(s->kind == BK_SK_F64 ? PyFloat_FromDouble(real(m, m->loc[0]))
                                   : PyLong_FromLongLong((int64_t)word(m, m->loc[0])));
    return Py_NewRef(*o);
}

static bool boxed_already(const bk_mat *m, const bk_slot *s, bk_ref box, bk_loc loc, PyObject **out) {
    uint64_t b = box ? word(m, loc) : 0;
    if (!b) return false;
    if (b == BK_BOX_UNBOUND) *out = NULL;
    else if (b == BK_BOX_KEEP) *out = from_home(m, m->first_home + m->index);
    else if (b < BK_BOX_TOKENS) *out = passed_object(m, s, b);
    else *out = s->aux ? (PyObject *)(uintptr_t)b : Py_NewRef((PyObject *)(uintptr_t)b);
    return true;
}

static PyObject *kid(bk_mat *m) {
    PyObject *o = bk_mat_slot(m);
    return o ? o : Py_NewRef(Py_None); /* no virtual has empty items */
}

static PyObject *call_and_drop(PyObject *type, PyObject **args, size_t n) {
    PyObject *o = must(PyObject_Vectorcall(type, args, n, NULL));
    for (size_t i = 0; i < n; i++) Py_DECREF(args[i]);
    return o;
}

static PyObject *virtual_tuple(bk_mat *m, uint16_t n) {
    PyObject *t = must(PyTuple_New(n));
    for (uint16_t i = 0; i < n; i++) PyTuple_SET_ITEM(t, i, kid(m));
    return t;
}

/* iterates backwards over a list or tuple, next at an index */
static PyObject *virtual_reversed(PyObject *list, PyObject *index) {
    PyObject *it = must(PyObject_CallOneArg((PyObject *)&PyReversed_Type, list));
    Py_XDECREF(must(PyObject_CallMethod(it, "__setstate__", "O", index)));
    Py_DECREF(list);
    Py_DECREF(index);
    return it;
}

/* class, then places and values of its attributes in the order in which they were set */
static PyObject *virtual_instance(bk_mat *m, const bk_slot *s) {
    PyObject *type = kid(m), *o = must(bk_instance_new(type));
    Py_DECREF(type);
    for (uint16_t i = 1; i < s->nkids; i += 2) {
        int64_t where = (int64_t)word(m, m->loc[0]);
        m->slot++, m->loc += 3;
        bk_instance_set(o, where, kid(m));
    }
    return o;
}

/* array and indices. The array may go with that: later, when all frames are written. */
static PyObject *virtual_view(bk_mat *m, const bk_slot *s) {
    PyObject *array = kid(m), *i[4];
    uint16_t n = s->nkids - 1;
    for (uint16_t k = 0; k < n && k < 4; k++) i[k] = kid(m);
    PyObject *view = must(bk_np_view(array, i, n));
    for (uint16_t k = 0; k < n && k < 4; k++) Py_DECREF(i[k]);
    if (m->nlate < BK_LATE_MAX) m->late[m->nlate++] = array;
    else Py_DECREF(array);
    return view;
}

static PyObject *virtual_object(bk_mat *m, const bk_slot *s) {
    PyObject *k[16], *o;
    if (s->aux == BK_VO_VIEW) return virtual_view(m, s);
    if (s->aux == BK_VO_INSTANCE) return virtual_instance(m, s);
    if (s->aux == BK_VO_ZIP) { /* any number of iterators */
        PyObject *t = virtual_tuple(m, s->nkids);
        o = must(PyObject_CallObject((PyObject *)&PyZip_Type, t));
        Py_DECREF(t);
        return o;
    }
    for (uint16_t i = 0; i < s->nkids && i < 16; i++) k[i] = kid(m);
    switch (s->aux) {
    case BK_VO_ENUMERATE: return call_and_drop((PyObject *)&PyEnum_Type, k, 2);
    case BK_VO_RANGE: return call_and_drop((PyObject *)&PyRange_Type, k, 3);
    case BK_VO_REVERSED: return virtual_reversed(k[0], k[1]);
    case BK_VO_METHOD: break;
    default: Py_FatalError("backedge: unknown virtual object");
    }
    o = must(PyMethod_New(k[0], k[1]));
    Py_DECREF(k[0]);
    Py_DECREF(k[1]);
    return o;
}

static PyObject *virtual_slice(bk_mat *m) {
    PyObject *a = kid(m), *b = kid(m), *c = kid(m);
    PyObject *o = must(PySlice_New(a, b, c));
    Py_DECREF(a);
    Py_DECREF(b);
    Py_DECREF(c);
    return o;
}

/* makes what the entry says, leaving m behind it and its kids */
static PyObject *make(bk_mat *m, const bk_slot *s) {
    PyObject *o;
    switch (s->kind) {
    case BK_SK_I64: o = must(PyLong_FromLongLong((int64_t)word(m, m->loc[0]))); break;
    case BK_SK_F64: o = must(PyFloat_FromDouble(real(m, m->loc[0]))); break;
    case BK_SK_COMPLEX: o = must(PyComplex_FromDoubles(real(m, m->loc[0]), real(m, m->loc[1]))); break;
    case BK_SK_NP: o = must(np_scalar(m, s)); break;
    case BK_SK_RANGE: o = new_range(m); break;
    case BK_SK_SEQITER: o = new_seq(m, s); break;
    default:
        m->slot++, m->loc += 3;
        m->top = false;
        return s->kind == BK_SK_TUPLE   ? virtual_tuple(m, s->nkids)
               : s->kind == BK_SK_SLICE ? virtual_slice(m)
                                        : virtual_object(m, s);
    }
    m->slot++, m->loc += 3;
    return o;
}

/* kinds whose object is there already; true: done */
static bool existing(bk_mat *m, const bk_slot *s, PyObject **out) {
    switch (s->kind) {
    case BK_SK_NULL: *out = NULL; return true;
    case BK_SK_HOME: *out = from_home(m, s->sub); return true;
    case BK_SK_OWNED: *out = pointer(m, m->loc[0]); return true;
    case BK_SK_BORROWED: *out = Py_XNewRef(pointer(m, m->loc[0])); return true;
    case BK_SK_CONST: *out = Py_NewRef((PyObject *)m->fn->consts[s->sub]); return true;
    case BK_SK_BOOL:
        if (!boxed_already(m, s, s->b, m->loc[1], out)) *out = Py_NewRef(word(m, m->loc[0]) & 1 ? Py_True : Py_False);
        return true;
    case BK_SK_CHR:
        if (!boxed_already(m, s, s->b, m->loc[1], out)) *out = Py_NewRef(bk_chr_objects[word(m, m->loc[0]) & 0xff]);
        return true;
    case BK_SK_I64:
    case BK_SK_F64: return boxed_already(m, s, s->b, m->loc[1], out);
    case BK_SK_NP:
    case BK_SK_COMPLEX: return boxed_already(m, s, s->c, m->loc[2], out);
    case BK_SK_RANGE:
    case BK_SK_SEQITER: return (*out = update_iterator(m, s)) != NULL;
    default: return false;
    }
}

PyObject *bk_mat_slot(bk_mat *m) {
    const bk_slot *s = m->slot;
    const bk_loc *l = m->loc;
    PyObject *o;
    if (existing(m, s, &o)) {
        m->slot++, m->loc += 3;
        return o;
    }
    /* iterators in the same state are still two iterators */
    bool own_state = s->kind == BK_SK_RANGE || s->kind == BK_SK_SEQITER ||
                     (s->kind == BK_SK_VIRTUAL && s->aux != BK_VO_INSTANCE && s->aux != BK_VO_VIEW);
    if (!own_state && (o = made_before(m))) {
        uint32_t n = extent(s);
        m->slot += n, m->loc += 3 * n;
        return Py_NewRef(o);
    }
    o = make(m, s);
    if (!own_state) note_made(m, s, l, o);
    return o;
}
