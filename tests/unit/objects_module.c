/* _objtest: the objects part of embed as a Python module, for tests/test_objects.py. Helpers are called by name with
 * arguments made after their signature; tickets are capsules. Frames are stood in for by two namespaces. */
#include "../../embed/py.h"
#include "../../embed/helpers.h"
#include "../../embed/numpy.h"
#include "../../guards/assume.h"
#include <string.h>

static PyObject *null_object;     /* stands for NULL both ways */
static PyObject *mark_objects[2]; /* stand for BK_BOX_UNBOUND and BK_BOX_KEEP */
static PyObject *namespaces[2];
static bk_ctx ctx;
static void *home[16]; /* the frame's slots */

static bk_traits traits;
const bk_traits *bk_py = &traits;

bk_obj *bk_py_frame_globals(bk_frame *f) {
    (void)f;
    return namespaces[0];
}

bk_obj *bk_py_frame_builtins(bk_frame *f) {
    (void)f;
    return namespaces[1];
}

void **bk_py_frame_home(bk_frame *f) {
    (void)f;
    return home;
}

/* --- helpers */
static int helper_index(const char *name) {
    for (int i = 0; i < BK_NHELPERS; i++)
        if (strcmp(bk_helpers[i].name, name) == 0) return i;
    PyErr_Format(PyExc_KeyError, "no helper %s", name);
    return -1;
}

/* Integers and pointers, and floats, are passed in two independent rows of registers: any signature of up to six of
 * the first kind can be called as this one. */
#define PARAMS int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, double, double, double
#define PASS i[0], i[1], i[2], i[3], i[4], i[5], f[0], f[1], f[2]

typedef union {
    int64_t i;
    double f;
} word;

static word call(const bk_helperinfo *h, const int64_t *i, const double *f) {
    word r = {0};
    switch (h->result) {
    case 'F': r.f = ((double (*)(PARAMS))h->address)(PASS); break;
    case 'V': ((void (*)(PARAMS))h->address)(PASS); break;
    case '1': r.i = ((bool (*)(PARAMS))h->address)(PASS); break;
    default: r.i = ((int64_t (*)(PARAMS))h->address)(PASS);
    }
    return r;
}

static int64_t pointer(PyObject *v) {
    if (v == null_object) return 0;
    if (v == mark_objects[0]) return BK_BOX_UNBOUND;
    return v == mark_objects[1] ? BK_BOX_KEEP : (int64_t)(uintptr_t)v;
}

static int convert(const bk_helperinfo *h, PyObject *const *args, Py_ssize_t n, int64_t *i, double *f) {
    Py_ssize_t next = 0;
    for (const char *a = h->args; *a; a++) {
        if (*a == 'C') {
            *i++ = (int64_t)(uintptr_t)&ctx;
            continue;
        }
        if (next == n) break;
        PyObject *v = args[next++];
        if (*a == 'I') *i++ = PyLong_AsLongLong(v);
        else if (*a == 'F') *f++ = PyFloat_AsDouble(v);
        else *i++ = pointer(v);
    }
    if (!PyErr_Occurred() && (next != n || strlen(h->args) - (h->args[0] == 'C') != (size_t)n))
        PyErr_Format(PyExc_TypeError, "%s wants %s", h->name, h->args);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *result_of(const bk_helperinfo *h, word r) {
    PyObject *o = (PyObject *)(uintptr_t)r.i;
    bool borrowed = strcmp(h->name, "dict_get") == 0 || strcmp(h->name, "arg_get") == 0;
    if (PyErr_Occurred() && strcmp(h->name, "has_error") != 0) {
        if (h->result == 'P' && o && !borrowed) PyErr_SetString(PyExc_AssertionError, "a result and an exception");
        if (h->result == 'I' && r.i != -1) PyErr_SetString(PyExc_AssertionError, "not -1 with an exception");
        return NULL;
    }
    switch (h->result) {
    case 'F': return PyFloat_FromDouble(r.f);
    case '1': return PyBool_FromLong(r.i != 0);
    case 'I': return PyLong_FromLongLong(r.i);
    case 'P': return !o ? Py_NewRef(null_object) : borrowed ? Py_NewRef(o) : o;
    default: Py_RETURN_NONE;
    }
}

/* as from compiled code: inside an event callback */
static PyObject *t_invoke(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    const char *name = n ? PyUnicode_AsUTF8(args[0]) : NULL;
    int at = name ? helper_index(name) : -1;
    int64_t i[6] = {0};
    double f[3] = {0};
    if (at < 0 || convert(&bk_helpers[at], args + 1, n - 1, i, f) < 0) return NULL;
    PyThreadState *ts = PyThreadState_Get();
    int level = ts->tracing;
    ctx.tstate = ts;
    PyThreadState_EnterTracing(ts);
    word r = call(&bk_helpers[at], i, f);
    bool same = ts->tracing == level + 1;
    PyThreadState_LeaveTracing(ts);
    if (!same) {
        ts->tracing = level;
        PyErr_Format(PyExc_AssertionError, "%s changed the tracing level", name);
        return NULL;
    }
    return result_of(&bk_helpers[at], r);
}

/* a number helper over packed 8-byte arguments; gives packed results */
static PyObject *t_bulk(PyObject *self, PyObject *args) {
    (void)self;
    const char *name, *in;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "sy#", &name, &in, &size)) return NULL;
    int at = helper_index(name);
    if (at < 0) return NULL;
    const bk_helperinfo *h = &bk_helpers[at];
    size_t nargs = strlen(h->args), rows = (size_t)size / (8 * nargs);
    PyObject *out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)rows * 8);
    for (size_t row = 0; out && row < rows; row++) {
        int64_t i[6] = {0}, *ip = i;
        double f[3] = {0}, *fp = f;
        for (size_t a = 0; a < nargs; a++, in += 8) {
            if (h->args[a] == 'F') memcpy(fp++, in, 8);
            else memcpy(ip++, in, 8);
        }
        word r = call(h, i, f);
        memcpy(PyBytes_AS_STRING(out) + row * 8, &r, 8);
    }
    return out;
}

static PyObject *t_signatures(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *d = PyDict_New();
    for (int i = 0; d && i < BK_NHELPERS; i++) {
        PyObject *v = Py_BuildValue("(CsO)", bk_helpers[i].result, bk_helpers[i].args,
                                    bk_helpers[i].address ? Py_True : Py_False);
        if (!v || PyDict_SetItemString(d, bk_helpers[i].name, v) < 0) Py_CLEAR(d);
        Py_XDECREF(v);
    }
    return d;
}

static PyObject *t_set_args(PyObject *self, PyObject *list) {
    (void)self;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && i < 64; i++) {
        PyObject *o = PyList_GET_ITEM(list, i);
        ctx.args[i] = o == null_object ? NULL : o;
    }
    Py_RETURN_NONE;
}

/* takes over the first n */
static PyObject *t_take_args(PyObject *self, PyObject *n) {
    (void)self;
    PyObject *list = PyList_New(PyLong_AsSsize_t(n));
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) PyList_SET_ITEM(list, i, ctx.args[i]);
    return list;
}

static PyObject *t_take_self(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *o = ctx.self_or_null;
    ctx.self_or_null = NULL;
    return o ? o : Py_NewRef(null_object);
}

/* what a home slot holds, moved out */
static PyObject *t_take_home(PyObject *self, PyObject *slot) {
    (void)self;
    void **at = &home[PyLong_AsLong(slot) & 15];
    PyObject *o = bkp_peek(*at);
    *at = NULL;
    return o ? o : Py_NewRef(null_object);
}

static PyObject *t_set_home(PyObject *self, PyObject *args) {
    (void)self;
    int slot;
    PyObject *o;
    if (!PyArg_ParseTuple(args, "iO", &slot, &o)) return NULL;
    home[slot & 15] = bkp_slot(Py_NewRef(o));
    Py_RETURN_NONE;
}

static PyObject *t_namespaces(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *g, *b;
    if (!PyArg_ParseTuple(args, "OO", &g, &b)) return NULL;
    Py_XSETREF(namespaces[0], Py_NewRef(g));
    Py_XSETREF(namespaces[1], Py_NewRef(b));
    Py_RETURN_NONE;
}

/* what compiled code does at a count of zero: `holder` is a list whose only item loses its last reference */
static PyObject *t_drop(PyObject *self, PyObject *holder) {
    (void)self;
    PyObject *o = PyList_GET_ITEM(holder, 0);
    if (Py_REFCNT(o) != 1) {
        PyErr_SetString(PyExc_ValueError, "not the only reference");
        return NULL;
    }
    PyList_SET_ITEM(holder, 0, Py_NewRef(Py_None));
    PyThreadState *ts = PyThreadState_Get();
    PyThreadState_EnterTracing(ts);
    Py_SET_REFCNT(o, 0);
    bk_h_dealloc(o);
    PyThreadState_LeaveTracing(ts);
    Py_RETURN_NONE;
}

static PyObject *t_tracing(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return PyLong_FromLong(PyThreadState_Get()->tracing);
}

/* --- tickets */
typedef struct {
    bk_ticket *ticket;
    int breaks;
} holder;

static void count_break(void *arg) { ((holder *)arg)->breaks++; }

static void holder_free(PyObject *capsule) {
    holder *h = PyCapsule_GetPointer(capsule, "ticket");
    bk_ticket_free(h->ticket);
    PyMem_Free(h);
}

static holder *holder_of(PyObject *capsule) { return PyCapsule_GetPointer(capsule, "ticket"); }

static PyObject *t_ticket(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    holder *h = PyMem_Calloc(1, sizeof *h);
    h->ticket = bk_ticket_new();
    bk_ticket_on_break(h->ticket, count_break, h);
    return PyCapsule_New(h, "ticket", holder_free);
}

/* (alive, reason or None, calls of the break function) */
static PyObject *t_state(PyObject *self, PyObject *capsule) {
    (void)self;
    holder *h = holder_of(capsule);
    if (!h) return NULL;
    return Py_BuildValue("Ozi", bk_ticket_alive(h->ticket) ? Py_True : Py_False, bk_ticket_broken_by(h->ticket),
                         h->breaks);
}

static PyObject *borrowed(bk_obj *o) { return Py_NewRef(o ? (PyObject *)o : null_object); }

static PyObject *t_assume_global(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *c, *g, *b, *name;
    if (!PyArg_ParseTuple(args, "OOOO", &c, &g, &b, &name)) return NULL;
    return borrowed(bk_assume_global(holder_of(c)->ticket, g, b, name));
}

static PyObject *t_assume_module_attr(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *c, *m, *name;
    if (!PyArg_ParseTuple(args, "OOO", &c, &m, &name)) return NULL;
    return borrowed(bk_assume_module_attr(holder_of(c)->ticket, m, name));
}

static PyObject *t_assume_function(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *c, *f;
    if (!PyArg_ParseTuple(args, "OO", &c, &f)) return NULL;
    return PyBool_FromLong(bk_assume_function(holder_of(c)->ticket, f));
}

static PyObject *t_assume_type(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *c, *t;
    if (!PyArg_ParseTuple(args, "OO", &c, &t)) return NULL;
    return PyBool_FromLong(bk_assume_type(holder_of(c)->ticket, t));
}

/* number of facts about an object; whether a ticket relies on any */
static PyObject *t_facts(PyObject *self, PyObject *o) {
    (void)self;
    int n = 0;
    for (bk_fact *f = bk_facts_of(o); f; f = f->next) n++;
    return Py_BuildValue("iO", n, bk_facts_used(o) ? Py_True : Py_False);
}

static PyObject *t_watch_stop(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_watch_stop();
    Py_RETURN_NONE;
}

/* --- attributes */
static const char *const kinds[] = {"GENERIC",  "INLINE",         "SLOT",     "METHOD",
                                    "CLASSVAR", "BUILTIN_METHOD", "PROPERTY", "NPFIELD"};

/* what compiled code would read of instance `o`: NULL if a guard fails or there is no value */
static PyObject *read_attr(PyObject *o, const bk_attr *a) {
    char *values = NULL;
    if (a->inst_values && !a->indirect) {
        if (((uint8_t *)o)[a->valid_off] != 1) return NULL;
        values = (char *)o + a->values_off;
    } else if (a->inst_values) {
        uintptr_t w = *(uintptr_t *)((char *)o + a->valid_off);
        if (!(w & 1) || w == 1) return NULL;
        values = (char *)(w - 1) + a->values_off;
    }
    if (a->keys_addr && *(const int64_t *)a->keys_addr != a->keys_value) return NULL;
    if (a->kind == BK_AT_INLINE) return ((PyObject **)values)[a->index];
    if (a->kind == BK_AT_SLOT) return *(PyObject **)((char *)o + a->offset);
    return a->value;
}

static bk_attr last_attr;

/* (kind, value); the description is kept for read() */
static PyObject *t_attr(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *c, *type, *name;
    int store = 0;
    if (!PyArg_ParseTuple(args, "OOO|p", &c, &type, &name, &store)) return NULL;
    bk_py_attr(holder_of(c)->ticket, type, name, store, &last_attr);
    if (PyErr_Occurred()) return NULL;
    return Py_BuildValue("sN", kinds[last_attr.kind], borrowed(last_attr.value));
}

static PyObject *t_read(PyObject *self, PyObject *o) {
    (void)self;
    return borrowed(read_attr(o, &last_attr));
}

/* --- facts */
static PyObject *t_known(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *d = PyDict_New();
#define X(n)                                                                                                           \
    if (d && bk_types.t_##n && PyDict_SetItemString(d, #n, bk_types.t_##n) < 0) Py_CLEAR(d);
    BK_KNOWN(X)
#undef X
    return d;
}

static PyObject *t_refresh(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_py_refresh_known();
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(bk_types.t_ndarray != NULL);
}

static PyObject *t_ndkey(PyObject *self, PyObject *a) {
    (void)self;
    bk_ndkey k;
    if (!bk_py_ndkey(a, &k)) Py_RETURN_NONE;
    return Py_BuildValue("iiii", k.typenum, k.ndim, k.writeable, k.unit_inner);
}

static PyObject *t_np_typenum(PyObject *self, PyObject *t) {
    (void)self;
    return PyLong_FromLong(bk_py_np_typenum(t));
}

static PyObject *t_builtin_name(PyObject *self, PyObject *o) {
    (void)self;
    const char *s = bk_py_builtin_name(o);
    if (PyErr_Occurred()) return NULL;
    return Py_BuildValue("z", s);
}

/* (code, globals, builtins, closure, defaults of the first five parameters) */
static PyObject *t_func(PyObject *self, PyObject *f) {
    (void)self;
    return Py_BuildValue(
        "NNNNNNNNN", borrowed(bk_py_func_code(f)), borrowed(bk_py_func_globals(f)), borrowed(bk_py_func_builtins(f)),
        borrowed(bk_py_func_closure(f)), borrowed(bk_py_func_default(f, 0)), borrowed(bk_py_func_default(f, 1)),
        borrowed(bk_py_func_default(f, 2)), borrowed(bk_py_func_default(f, 3)), borrowed(bk_py_func_default(f, 4)));
}

/* (type name, heap type, simple, immortal, as_i64 or None) */
static PyObject *t_facts_of(PyObject *self, PyObject *o) {
    (void)self;
    int64_t v;
    PyObject *i = bk_py_as_i64(o, &v) ? PyLong_FromLongLong(v) : Py_NewRef(Py_None);
    bk_obj *t = bk_py_type(o);
    return Py_BuildValue("siiiN", bk_py_type_name(t), bk_py_is_heap_type(t), bk_py_type_is_simple(t),
                         bk_py_is_immortal(o), i);
}

static PyObject *t_text(PyObject *self, PyObject *s) {
    (void)self;
    return PyUnicode_FromString(bk_py_text(s));
}

static PyObject *t_traits(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_traits t;
    const char *why;
    memset(&t, 0, sizeof t);
    bool ok = bk_objects_traits(&t, &why);
    return Py_BuildValue("Oz", ok ? Py_True : Py_False, why);
}

static const struct {
    const char *name;
    size_t at;
} fields[] = {
#define FIELD(n) {#n, offsetof(bk_traits, n)}
    FIELD(list_items),       FIELD(var_size),        FIELD(rangeiter_start),  FIELD(rangeiter_step),
    FIELD(rangeiter_len),    FIELD(listiter_index),  FIELD(listiter_seq),     FIELD(tupleiter_index),
    FIELD(tupleiter_seq),    FIELD(complex_real),    FIELD(complex_imag),     FIELD(cell_value),
    FIELD(range_start),      FIELD(range_stop),      FIELD(range_step),       FIELD(range_length),
    FIELD(str_length),       FIELD(bytearray_start), FIELD(func_code),        FIELD(func_defaults),
    FIELD(method_func),      FIELD(method_self),     FIELD(array_items),      FIELD(array_descr),
    FIELD(memview_buf),      FIELD(memview_ndim),    FIELD(memview_itemsize), FIELD(memview_len),
    FIELD(memview_readonly), FIELD(memview_strides), FIELD(memview_shape),    FIELD(nd_data),
    FIELD(nd_ndim),          FIELD(nd_dims),         FIELD(nd_strides),       FIELD(nd_descr),
    FIELD(nd_flags),         FIELD(np_value),
#undef FIELD
};

/* memory of an object at a trait's offset, as a word */
static PyObject *t_peek(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *o;
    const char *name;
    if (!PyArg_ParseTuple(args, "Os", &o, &name)) return NULL;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(fields[i].name, name) != 0) continue;
        uint32_t offset = *(uint32_t *)((char *)&traits + fields[i].at);
        return PyLong_FromUnsignedLongLong(*(uint64_t *)((char *)o + offset));
    }
    PyErr_SetString(PyExc_KeyError, name);
    return NULL;
}

static PyMethodDef methods[] = {
    {"invoke", (PyCFunction)(void (*)(void))t_invoke, METH_FASTCALL, NULL},
    {"bulk", t_bulk, METH_VARARGS, NULL},
    {"signatures", t_signatures, METH_NOARGS, NULL},
    {"set_args", t_set_args, METH_O, NULL},
    {"take_args", t_take_args, METH_O, NULL},
    {"take_self", t_take_self, METH_NOARGS, NULL},
    {"take_home", t_take_home, METH_O, NULL},
    {"set_home", t_set_home, METH_VARARGS, NULL},
    {"namespaces", t_namespaces, METH_VARARGS, NULL},
    {"drop", t_drop, METH_O, NULL},
    {"tracing", t_tracing, METH_NOARGS, NULL},
    {"ticket", t_ticket, METH_NOARGS, NULL},
    {"state", t_state, METH_O, NULL},
    {"assume_global", t_assume_global, METH_VARARGS, NULL},
    {"assume_module_attr", t_assume_module_attr, METH_VARARGS, NULL},
    {"assume_function", t_assume_function, METH_VARARGS, NULL},
    {"assume_type", t_assume_type, METH_VARARGS, NULL},
    {"facts", t_facts, METH_O, NULL},
    {"watch_stop", t_watch_stop, METH_NOARGS, NULL},
    {"attr", t_attr, METH_VARARGS, NULL},
    {"read", t_read, METH_O, NULL},
    {"known", t_known, METH_NOARGS, NULL},
    {"refresh", t_refresh, METH_NOARGS, NULL},
    {"ndkey", t_ndkey, METH_O, NULL},
    {"np_typenum", t_np_typenum, METH_O, NULL},
    {"builtin_name", t_builtin_name, METH_O, NULL},
    {"func", t_func, METH_O, NULL},
    {"facts_of", t_facts_of, METH_O, NULL},
    {"text", t_text, METH_O, NULL},
    {"traits", t_traits, METH_NOARGS, NULL},
    {"peek", t_peek, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_objtest", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__objtest(void);
PyMODINIT_FUNC PyInit__objtest(void) {
    const char *why;
    if (bk_objects_init() < 0) return NULL;
    if (!bk_objects_traits(&traits, &why)) return PyErr_Format(PyExc_ImportError, "%s", why);
    PyObject *m = PyModule_Create(&module);
    null_object = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    for (int i = 0; i < 2; i++) mark_objects[i] = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    if (!m || !null_object || PyModule_AddObjectRef(m, "NULL", null_object) < 0) return NULL;
    if (!mark_objects[0] || PyModule_AddObjectRef(m, "UNBOUND", mark_objects[0]) < 0) return NULL;
    if (!mark_objects[1] || PyModule_AddObjectRef(m, "KEEP", mark_objects[1]) < 0) return NULL;
    return m;
}
