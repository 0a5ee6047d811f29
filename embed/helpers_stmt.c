/* Helpers of statements: def and lambda, with, starred unpacking, super(). As the interpreter's own instructions do. */
#include "helpers.h"

#define ON(c) bk_events_on((PyThreadState *)(c)->tstate)
#define OFF(c) bk_events_off((PyThreadState *)(c)->tstate)

/* ---- functions ---- */
void *bk_h_make_function(bk_ctx *c, void *code) {
    ON(c); /* a function watcher is told */
    PyFunctionObject *f = (PyFunctionObject *)PyFunction_New(code, bk_py_frame_globals(c->frame));
    OFF(c);
    if (f) f->func_version = ((PyCodeObject *)code)->co_version; /* the interpreter's calls specialise by it */
    return f;
}

void bk_h_set_function_attribute(void *func, void *value, int64_t which) {
    *bkv_function_attribute(func, which) = Py_NewRef(value);
}

/* ---- with ---- */
static PyObject *special(PyObject *o, PyObject *name) {
    PyObject *m = _PyType_Lookup(Py_TYPE(o), name); /* borrowed */
    if (!m) return NULL;
    descrgetfunc get = Py_TYPE(m)->tp_descr_get;
    return get ? get(m, o, (PyObject *)Py_TYPE(o)) : Py_NewRef(m);
}

static PyObject *no_manager(PyObject *o, const char *missed) {
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "'%.200s' object does not support the context manager protocol%s",
                     Py_TYPE(o)->tp_name, missed);
    return NULL;
}

static PyObject *enter(PyObject *o, PyObject *enter_name, PyObject *exit_name, PyObject **exit) {
    PyObject *f = special(o, enter_name);
    if (!f) return no_manager(o, "");
    *exit = special(o, exit_name);
    if (!*exit) {
        Py_DECREF(f);
        return no_manager(o, " (missed __exit__ method)");
    }
    PyObject *r = PyObject_CallNoArgs(f);
    Py_DECREF(f);
    if (!r) Py_CLEAR(*exit);
    return r;
}

void *bk_h_before_with(bk_ctx *c, void *manager) {
    static PyObject *enter_name, *exit_name; /* kept for good */
    PyObject *exit = NULL, *r = NULL;
    if (!enter_name) enter_name = PyUnicode_InternFromString("__enter__");
    if (!exit_name) exit_name = PyUnicode_InternFromString("__exit__");
    ON(c);
    if (enter_name && exit_name) r = enter(manager, enter_name, exit_name, &exit);
    OFF(c);
    c->args[0] = exit;
    return r;
}

/* ---- a, *b, c = iterable ---- */
static int starred(PyObject *it, PyObject **out, Py_ssize_t before, Py_ssize_t after, Py_ssize_t *got) {
    for (*got = 0; *got < before; ++*got) {
        if ((out[*got] = PyIter_Next(it))) continue;
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected at least %d, got %d)",
                         (int)(before + after), (int)*got);
        return -1;
    }
    PyObject *list = PySequence_List(it);
    if (!list) return -1;
    out[(*got)++] = list;
    Py_ssize_t n = PyList_GET_SIZE(list);
    if (n < after) {
        PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected at least %d, got %zd)",
                     (int)(before + after), before + n);
        return -1;
    }
    for (Py_ssize_t i = 0; i < after; i++) out[(*got)++] = PyList_GET_ITEM(list, n - after + i); /* moved */
    Py_SET_SIZE(list, n - after);
    return 0;
}

static int unpack_ex(PyObject *o, PyObject **out, Py_ssize_t before, Py_ssize_t after) {
    Py_ssize_t got;
    PyObject *it = PyObject_GetIter(o);
    if (!it) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) && !Py_TYPE(o)->tp_iter && !PySequence_Check(o))
            PyErr_Format(PyExc_TypeError, "cannot unpack non-iterable %.200s object", Py_TYPE(o)->tp_name);
        return -1;
    }
    int rc = starred(it, out, before, after, &got);
    while (rc < 0 && got > 0) Py_DECREF(out[--got]);
    Py_DECREF(it);
    return rc;
}

int64_t bk_h_unpack_ex(bk_ctx *c, void *iterable, int64_t before, int64_t after) {
    PyObject *items[sizeof c->args / sizeof *c->args];
    ON(c);
    int rc = unpack_ex(iterable, items, before, after);
    OFF(c);
    for (int64_t i = 0; rc == 0 && i <= before + after; i++) c->args[i] = items[i];
    return rc;
}

/* ---- super ---- */
void *bk_h_super_attr(bk_ctx *c, void *super, void *cls, void *self, void *name, int64_t two) {
    PyObject *args[] = {cls, self}, *r = NULL;
    ON(c);
    PyObject *o = PyObject_Vectorcall(super, args, two ? 2 : 0, NULL); /* without arguments it looks at the frame */
    if (o) r = PyObject_GetAttr(o, name);
    Py_XDECREF(o);
    OFF(c);
    return r;
}

int64_t bk_h_length(bk_ctx *c, void *o) {
    ON(c);
    Py_ssize_t n = PyObject_Length(o);
    OFF(c);
    return n;
}

/* ---- from module import name, where that runs no code ---- */
void *bk_h_import_from(void *module, void *name) {
    if (!PyModule_CheckExact(module) || _PyType_Lookup(&PyModule_Type, name)) return NULL;
    PyObject *d = PyModule_GetDict(module);
    if (!PyUnicode_CheckExact(name) || !PyDict_CheckExact(d) || !bkv_dict_only_str(d)) return NULL;
    return PyDict_GetItemWithError(d, name); /* exact strings: no error */
}
