/* Helpers on any object: what the interpreter's own instructions do, with its messages. They may run Python code. */
#include "helpers.h"
#include <opcode.h>

#define ON(c) bk_events_on((PyThreadState *)(c)->tstate)
#define OFF(c) bk_events_off((PyThreadState *)(c)->tstate)
/* runs one expression with events on and gives its value */
#define WITH_EVENTS(type, expr)                                                                                        \
    ON(c);                                                                                                             \
    type result_ = (expr);                                                                                             \
    OFF(c);                                                                                                            \
    return result_

/* --- operators */
static PyObject *power(PyObject *a, PyObject *b) { return PyNumber_Power(a, b, Py_None); }
static PyObject *inplace_power(PyObject *a, PyObject *b) { return PyNumber_InPlacePower(a, b, Py_None); }

/* by BINARY_OP's argument */
static const binaryfunc binary_ops[] = {
    PyNumber_Add,
    PyNumber_And,
    PyNumber_FloorDivide,
    PyNumber_Lshift,
    PyNumber_MatrixMultiply,
    PyNumber_Multiply,
    PyNumber_Remainder,
    PyNumber_Or,
    power,
    PyNumber_Rshift,
    PyNumber_Subtract,
    PyNumber_TrueDivide,
    PyNumber_Xor,
    PyNumber_InPlaceAdd,
    PyNumber_InPlaceAnd,
    PyNumber_InPlaceFloorDivide,
    PyNumber_InPlaceLshift,
    PyNumber_InPlaceMatrixMultiply,
    PyNumber_InPlaceMultiply,
    PyNumber_InPlaceRemainder,
    PyNumber_InPlaceOr,
    inplace_power,
    PyNumber_InPlaceRshift,
    PyNumber_InPlaceSubtract,
    PyNumber_InPlaceTrueDivide,
    PyNumber_InPlaceXor,
};
_Static_assert(sizeof binary_ops / sizeof *binary_ops == NB_INPLACE_XOR + 1 && NB_INPLACE_ADD == 13, "BINARY_OP codes");

void *bk_h_binary_op(bk_ctx *c, void *a, void *b, int64_t op) { WITH_EVENTS(void *, binary_ops[op](a, b)); }

void *bk_h_unary_op(bk_ctx *c, void *a, int64_t op) {
    WITH_EVENTS(void *, op == 0 ? PyNumber_Negative(a) : op == 1 ? PyNumber_Invert(a) : PyNumber_Positive(a));
}

void *bk_h_compare(bk_ctx *c, void *a, void *b, int64_t op) {
    WITH_EVENTS(void *, PyObject_RichCompare(a, b, (int)op));
}

int64_t bk_h_compare_bool(bk_ctx *c, void *a, void *b, int64_t op) {
    ON(c);
    PyObject *r = PyObject_RichCompare(a, b, (int)op);
    int truth = r ? PyObject_IsTrue(r) : -1;
    Py_XDECREF(r);
    OFF(c);
    return truth;
}

int64_t bk_h_truth(bk_ctx *c, void *o) { WITH_EVENTS(int64_t, PyObject_IsTrue(o)); }

int64_t bk_h_contains(bk_ctx *c, void *container, void *item) {
    WITH_EVENTS(int64_t, PySequence_Contains(container, item));
}

/* --- subscripts */
void *bk_h_getitem(bk_ctx *c, void *o, void *key) { WITH_EVENTS(void *, PyObject_GetItem(o, key)); }

int64_t bk_h_setitem(bk_ctx *c, void *o, void *key, void *value) {
    WITH_EVENTS(int64_t, PyObject_SetItem(o, key, value));
}

int64_t bk_h_delitem(bk_ctx *c, void *o, void *key) { WITH_EVENTS(int64_t, PyObject_DelItem(o, key)); }

void *bk_h_getslice(bk_ctx *c, void *o, void *start, void *stop) {
    PyObject *slice = PySlice_New(start, stop, NULL);
    if (!slice) return NULL;
    ON(c);
    PyObject *r = PyObject_GetItem(o, slice);
    Py_DECREF(slice);
    OFF(c);
    return r;
}

int64_t bk_h_setslice(bk_ctx *c, void *o, void *start, void *stop, void *value) {
    PyObject *slice = PySlice_New(start, stop, NULL);
    if (!slice) return -1;
    ON(c);
    int r = PyObject_SetItem(o, slice, value);
    Py_DECREF(slice);
    OFF(c);
    return r;
}

/* --- attributes */
void *bk_h_getattr(bk_ctx *c, void *o, void *name) { WITH_EVENTS(void *, PyObject_GetAttr(o, name)); }

int64_t bk_h_setattr(bk_ctx *c, void *o, void *name, void *value) {
    WITH_EVENTS(int64_t, PyObject_SetAttr(o, name, value));
}

int64_t bk_h_delattr(bk_ctx *c, void *o, void *name) { WITH_EVENTS(int64_t, PyObject_SetAttr(o, name, NULL)); }

void *bk_h_getmethod(bk_ctx *c, void *o, void *name) {
    PyObject *method = NULL;
    c->self_or_null = NULL;
    ON(c);
    bool unbound = _PyObject_GetMethod(o, name, &method);
    OFF(c);
    if (unbound) c->self_or_null = Py_NewRef(o);
    return method;
}

/* --- globals */
/* "name 'x' is not defined", with the name kept in the exception, where suggestions look for it */
static void undefined_name(PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) return;
    PyErr_Format(PyExc_NameError, "name '%.200s' is not defined", text);
    PyObject *exc = PyErr_GetRaisedException();
    if (PyErr_GivenExceptionMatches(exc, PyExc_NameError) && !((PyNameErrorObject *)exc)->name)
        (void)PyObject_SetAttrString(exc, "name", name);
    PyErr_SetRaisedException(exc);
}

/* NULL without an exception: not there */
static PyObject *namespace_get(PyObject *ns, PyObject *name) {
    if (PyDict_CheckExact(ns)) return Py_XNewRef(PyDict_GetItemWithError(ns, name));
    PyObject *v = PyObject_GetItem(ns, name);
    if (!v && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Clear();
    return v;
}

void *bk_h_load_global(bk_ctx *c, void *name) {
    ON(c);
    PyObject *v = namespace_get(bk_py_frame_globals(c->frame), name);
    if (!v && !PyErr_Occurred()) v = namespace_get(bk_py_frame_builtins(c->frame), name);
    if (!v && !PyErr_Occurred()) undefined_name(name);
    OFF(c);
    return v;
}

int64_t bk_h_store_global(bk_ctx *c, void *name, void *value) {
    WITH_EVENTS(int64_t, PyDict_SetItem(bk_py_frame_globals(c->frame), name, value));
}

/* --- iteration */
void *bk_h_getiter(bk_ctx *c, void *o) { WITH_EVENTS(void *, PyObject_GetIter(o)); }

void *bk_h_iternext(bk_ctx *c, void *it) {
    ON(c);
    PyObject *v = Py_TYPE((PyObject *)it)->tp_iternext(it);
    if (!v && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear();
    OFF(c);
    return v;
}

static bool is_iterable(PyObject *o) { return Py_TYPE(o)->tp_iter || PySequence_Check(o); }

static int unpack_items(PyObject *o, PyObject *it, PyObject **out, int64_t n, int64_t *got) {
    for (*got = 0; *got < n; ++*got) {
        PyObject *v = PyIter_Next(it);
        if (!v) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected %d, got %d)", (int)n, (int)*got);
            return -1;
        }
        out[*got] = v;
    }
    PyObject *more = PyIter_Next(it);
    if (!more) return PyErr_Occurred() ? -1 : 0;
    Py_DECREF(more);
    Py_ssize_t all = bkv_unpack_got(o);
    if (all > n) PyErr_Format(PyExc_ValueError, "too many values to unpack (expected %d, got %zd)", (int)n, all);
    else PyErr_Format(PyExc_ValueError, "too many values to unpack (expected %d)", (int)n);
    return -1;
}

static int unpack_any(PyObject *o, PyObject **out, int64_t n) {
    PyObject *it = PyObject_GetIter(o);
    if (!it) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) && !is_iterable(o))
            PyErr_Format(PyExc_TypeError, "cannot unpack non-iterable %.200s object", Py_TYPE(o)->tp_name);
        return -1;
    }
    int64_t got;
    int r = unpack_items(o, it, out, n, &got);
    while (r < 0 && got > 0) Py_DECREF(out[--got]);
    Py_DECREF(it);
    return r;
}

/* items are collected aside: code run meanwhile may itself enter compiled code with another context, never this one,
 * but a half-filled window must not be seen after an error */
int64_t bk_h_unpack(bk_ctx *c, void *iterable, int64_t n) {
    PyObject *items[sizeof c->args / sizeof *c->args];
    if (n < 0 || (size_t)n > sizeof items / sizeof *items) {
        PyErr_SetString(PyExc_SystemError, "backedge: too many values for one unpack");
        return -1;
    }
    ON(c);
    int r = unpack_any(iterable, items, n);
    OFF(c);
    for (int64_t i = 0; r == 0 && i < n; i++) c->args[i] = items[i];
    return r;
}

/* --- calls */
static bool is_plain_function(PyObject *o) {
    return PyFunction_Check(o) && (const void *)((PyFunctionObject *)o)->vectorcall == bk_py_plain_vectorcall();
}

/* The interpreter moves the arguments of a Python function from the caller's stack into the callee's frame, which the
 * function's vectorcall copies them into first of all: so the stack's reference goes just before, without looking
 * whether it was the last. */
static void move_argument(PyObject **word) {
    if (!_Py_IsImmortal(*word)) Py_SET_REFCNT(*word, Py_REFCNT(*word) - 1);
    *word = Py_None;
}

static PyObject *call_function(PyObject *f, PyObject **words, uint64_t owned, int64_t count, size_t n,
                               PyObject *names) {
    PyObject *args[sizeof((bk_ctx *)0)->args / sizeof(void *)];
    for (int64_t i = 0; i < count; i++) {
        args[i] = words[i];
        if (owned >> i & 1) move_argument(&words[i]);
    }
    return PyObject_Vectorcall(f, args, n, names);
}

void *bk_h_call(bk_ctx *c, void *callable, void *kwnames, int64_t owned, int64_t count) {
    PyObject **words = (PyObject **)c->args + 1, *f = callable, *r;
    size_t n = (size_t)(count - (kwnames ? PyTuple_GET_SIZE(kwnames) : 0));
    ON(c);
    if (PyMethod_Check(f) && ((uint64_t)owned >> (count + 1) & 1) && is_plain_function(PyMethod_GET_FUNCTION(f))) {
        words[-1] = Py_NewRef(PyMethod_GET_SELF(f));
        f = Py_NewRef(PyMethod_GET_FUNCTION(f));
        words[count] = Py_None;
        Py_DECREF((PyObject *)callable);
        r = call_function(f, words - 1, (uint64_t)owned | 1, count + 1, n + 1, kwnames);
        Py_DECREF(f);
    } else if (is_plain_function(f)) r = call_function(f, words, (uint64_t)owned >> 1, count, n, kwnames);
    else r = PyObject_Vectorcall(f, words, n | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
    OFF(c);
    return r;
}

static bool is_plain(PyObject *o) {
    PyTypeObject *t = Py_TYPE(o);
    return t == &PyLong_Type || t == &PyFloat_Type || t == &PyBool_Type || t == &PyUnicode_Type ||
           t == &PyComplex_Type || t == &PyBytes_Type || o == Py_None;
}

bool bk_h_plain_items(void *o) {
    PyObject *const *items = PyList_CheckExact(o) ? ((PyListObject *)o)->ob_item : ((PyTupleObject *)o)->ob_item;
    for (Py_ssize_t i = 0; i < Py_SIZE(o); i++)
        if (!is_plain(items[i])) return false;
    return true;
}

void *bk_h_call_plain(bk_ctx *c, void *callable, void *kwnames, int64_t first, int64_t count) {
    size_t n = (size_t)(count - (kwnames ? PyTuple_GET_SIZE(kwnames) : 0)) | PY_VECTORCALL_ARGUMENTS_OFFSET;
    return PyObject_Vectorcall(callable, (PyObject *const *)c->args + first, n, kwnames);
}

void *bk_h_new_range(void *start, void *stop, void *step) {
    PyObject *args[] = {start, stop, step}, *r = PyObject_Vectorcall((PyObject *)&PyRange_Type, args, 3, NULL);
    if (!r) Py_FatalError("backedge: out of memory for a range");
    return r;
}

bool bk_h_dict_lacks(void *dict, void *key) {
    return bkv_dict_only_str(dict) || !bkv_dict_has_hash(dict, PyObject_Hash(key));
}

bool bk_h_dict_can_set(void *dict, void *key) {
    PyObject *old = bk_h_dict_get(dict, key);
    return old && bk_h_quiet_death(old);
}

void bk_h_dict_set(void *dict, void *key, void *value) {
    if (PyDict_SetItem(dict, key, value) < 0) Py_FatalError("backedge: out of memory for a value that is replaced");
}

static void *made(PyObject *o) {
    if (!o) Py_FatalError("backedge: out of memory for an iterator");
    return o;
}

void *bk_h_new_rangeiter(int64_t next, int64_t end, int64_t step) {
    _PyRangeIterObject *r = made((PyObject *)PyObject_New(_PyRangeIterObject, &PyRangeIter_Type));
    r->start = next;
    r->len = (step > 0 ? next < end : next > end) ? (end - next) / step : 0;
    r->step = step;
    return r;
}

void *bk_h_new_seqiter(void *seq) { return made(PyObject_GetIter(seq)); }

void *bk_h_new_enumerate(void *it, int64_t index) {
    PyObject *args[] = {it, made(PyLong_FromLongLong(index))};
    PyObject *r = made(PyObject_Vectorcall((PyObject *)&PyEnum_Type, args, 2, NULL));
    Py_DECREF(args[1]);
    return r;
}

/* the tuple of positional arguments: args itself or made from it; NULL with CPython's message */
static PyObject *args_tuple(PyObject *callable, PyObject *args) {
    if (PyTuple_CheckExact(args)) return Py_NewRef(args);
    if (is_iterable(args)) return PySequence_Tuple(args);
    PyObject *what = _PyObject_FunctionStr(callable);
    if (!what) return NULL;
    PyErr_Format(PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", what, Py_TYPE(args)->tp_name);
    Py_DECREF(what);
    return NULL;
}

void *bk_h_call_ex(bk_ctx *c, void *callable, void *args, void *kwargs) {
    ON(c);
    PyObject *r = NULL, *tuple = args_tuple(callable, args);
    if (tuple) {
        r = PyObject_Call(callable, tuple, kwargs);
        Py_DECREF(tuple);
    }
    OFF(c);
    return r;
}

enum { UNARY_POSITIVE = 5, LIST_TO_TUPLE = 6 };

void *bk_h_intrinsic1(bk_ctx *c, void *o, int64_t which) {
    if (which == LIST_TO_TUPLE) return PyList_AsTuple(o);
    if (which == UNARY_POSITIVE) { WITH_EVENTS(void *, PyNumber_Positive(o)); }
    PyErr_SetString(PyExc_SystemError, "backedge: an intrinsic that compiled code does not call");
    return NULL;
}

/* --- building containers */
static PyObject *build_tuple(PyObject *const *v, Py_ssize_t n) {
    PyObject *t = PyTuple_New(n);
    for (Py_ssize_t i = 0; t && i < n; i++) PyTuple_SET_ITEM(t, i, Py_NewRef(v[i]));
    return t;
}

static PyObject *build_list(PyObject *const *v, Py_ssize_t n) {
    PyObject *l = PyList_New(n);
    for (Py_ssize_t i = 0; l && i < n; i++) PyList_SET_ITEM(l, i, Py_NewRef(v[i]));
    return l;
}

static PyObject *build_set(PyObject *const *v, Py_ssize_t n) {
    PyObject *s = PySet_New(NULL);
    for (Py_ssize_t i = 0; s && i < n; i++)
        if (PySet_Add(s, v[i]) < 0) Py_CLEAR(s);
    return s;
}

/* A dict as _PyDict_FromItems makes it (size included): the table is made in one go for keys that are not all strings;
 * for strings, growing ends at the same size. */
static PyObject *dict_for(PyObject *const *keys, Py_ssize_t step, Py_ssize_t n) {
    bool all_str = true;
    for (Py_ssize_t i = 0; i < n; i++) all_str = all_str && PyUnicode_CheckExact(keys[i * step]);
    return n > 5 && !all_str ? _PyDict_NewPresized(n) : PyDict_New();
}

/* keys and values stand `step` words apart */
static PyObject *build_dict(PyObject *const *keys, Py_ssize_t kstep, PyObject *const *values, Py_ssize_t vstep,
                            Py_ssize_t n) {
    PyObject *d = dict_for(keys, kstep, n);
    for (Py_ssize_t i = 0; d && i < n; i++)
        if (PyDict_SetItem(d, keys[i * kstep], values[i * vstep]) < 0) Py_CLEAR(d);
    return d;
}

static PyObject *build_string(PyObject *const *v, Py_ssize_t n) {
    PyObject *empty = PyUnicode_New(0, 0); /* the one empty string */
    if (!empty) return NULL;
    PyObject *s = _PyUnicode_JoinArray(empty, v, n);
    Py_DECREF(empty);
    return s;
}

static PyObject *build(PyObject *const *v, int64_t what, Py_ssize_t n) {
    switch ((bk_build)what) {
    case BK_B_TUPLE: return build_tuple(v, n);
    case BK_B_LIST: return build_list(v, n);
    case BK_B_SET: return build_set(v, n);
    case BK_B_MAP: return build_dict(v, 2, v + 1, 2, n / 2);
    case BK_B_CONST_KEY_MAP: return build_dict(((PyTupleObject *)v[n - 1])->ob_item, 1, v, 1, n - 1);
    case BK_B_STRING: return build_string(v, n);
    case BK_B_SLICE2: return PySlice_New(v[0], v[1], NULL);
    case BK_B_SLICE3: return PySlice_New(v[0], v[1], v[2]);
    }
    PyErr_SetString(PyExc_SystemError, "backedge: unknown kind of container");
    return NULL;
}

PyObject *bk_build_container(void *const *values, int64_t what, int64_t n) {
    return build((PyObject *const *)values, what, n);
}

void *bk_h_build(bk_ctx *c, int64_t what, int64_t first, int64_t count) {
    WITH_EVENTS(void *, build((PyObject *const *)c->args + first, what, count));
}

int64_t bk_h_list_extend(bk_ctx *c, void *list, void *iterable) {
    ON(c);
    PyObject *none = _PyList_Extend(list, iterable);
    if (!none && PyErr_ExceptionMatches(PyExc_TypeError) && !is_iterable(iterable))
        PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s",
                     Py_TYPE((PyObject *)iterable)->tp_name);
    Py_XDECREF(none);
    OFF(c);
    return none ? 0 : -1;
}

int64_t bk_h_set_add(bk_ctx *c, void *set, void *item) { WITH_EVENTS(int64_t, PySet_Add(set, item)); }
int64_t bk_h_set_update(bk_ctx *c, void *set, void *iterable) { WITH_EVENTS(int64_t, _PySet_Update(set, iterable)); }

int64_t bk_h_map_add(bk_ctx *c, void *dict, void *key, void *value) {
    WITH_EVENTS(int64_t, PyDict_SetItem(dict, key, value));
}

int64_t bk_h_dict_update(bk_ctx *c, void *dict, void *mapping) {
    ON(c);
    int r = PyDict_Update(dict, mapping);
    if (r < 0 && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE((PyObject *)mapping)->tp_name);
    OFF(c);
    return r;
}

/* --- f-strings, imports, the rest */
void *bk_h_format(bk_ctx *c, void *value, void *spec) {
    if (!spec && PyUnicode_CheckExact(value)) return Py_NewRef(value);
    WITH_EVENTS(void *, PyObject_Format(value, spec));
}

void *bk_h_convert(bk_ctx *c, void *value, int64_t how) {
    WITH_EVENTS(void *, how == 1 ? PyObject_Str(value) : how == 2 ? PyObject_Repr(value) : PyObject_ASCII(value));
}

/* 3.12's FORMAT_VALUE with a conversion */
static PyObject *convert_format(PyObject *value, PyObject *spec, int64_t how) {
    PyObject *s = how == 1 ? PyObject_Str(value) : how == 2 ? PyObject_Repr(value) : PyObject_ASCII(value);
    if (!s || (!spec && PyUnicode_CheckExact(s))) return s;
    PyObject *r = PyObject_Format(s, spec);
    Py_DECREF(s);
    return r;
}

void *bk_h_convert_format(bk_ctx *c, void *value, void *spec, int64_t how) {
    WITH_EVENTS(void *, convert_format(value, spec, how));
}

static PyObject *import(PyObject *globals, PyObject *builtins, PyObject *name, PyObject *fromlist, PyObject *level) {
    static PyObject *key; /* kept for good */
    if (!key && !(key = PyUnicode_InternFromString("__import__"))) return NULL;
    PyObject *importer = namespace_get(builtins, key);
    if (!importer) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "__import__ not found");
        return NULL;
    }
    PyObject *args[] = {name, globals, Py_None, fromlist, level};
    long deep = PyLong_AsLong(level);
    PyObject *module;
    if (importer == PyInterpreterState_Get()->imports.import_func && !(deep == -1 && PyErr_Occurred()))
        module = PyImport_ImportModuleLevelObject(name, globals, Py_None, fromlist, (int)deep);
    else module = PyErr_Occurred() ? NULL : PyObject_Vectorcall(importer, args, 5, NULL);
    Py_DECREF(importer);
    return module;
}

void *bk_h_import_name(bk_ctx *c, void *name, void *fromlist, void *level) {
    PyObject *globals = bk_py_frame_globals(c->frame), *builtins = bk_py_frame_builtins(c->frame);
    WITH_EVENTS(void *, import(globals, builtins, name, fromlist, level));
}

bool bk_h_has_error(void) { return PyErr_Occurred() != NULL; }
void bk_h_arg_set(bk_ctx *c, int64_t i, void *p) { c->args[i] = p; }
void *bk_h_arg_get(bk_ctx *c, int64_t i) { return c->args[i]; }
