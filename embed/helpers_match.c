/* Helpers of match statements: class and mapping patterns as the interpreter matches them, with its messages. */
#include "helpers.h"

/* a subject's attribute for a sub-pattern: NULL without an exception where it has none */
static PyObject *attribute(PyObject *subject, PyTypeObject *type, PyObject *name, PyObject *seen) {
    if (PySet_Contains(seen, name) || PySet_Add(seen, name)) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "%s() got multiple sub-patterns for attribute %R", type->tp_name, name);
        return NULL;
    }
    PyObject *v = PyObject_GetAttr(subject, name);
    if (!v && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    return v;
}

static int add_attribute(PyObject *list, PyObject *subject, PyTypeObject *type, PyObject *name, PyObject *seen) {
    PyObject *v = attribute(subject, type, name, seen);
    int rc = v ? PyList_Append(list, v) : -1;
    Py_XDECREF(v);
    return rc;
}

/* __match_args__, or an empty tuple where there is none; then *self tells whether one pattern matches the subject */
static PyObject *match_args(PyTypeObject *type, bool *self) {
    PyObject *t = PyObject_GetAttrString((PyObject *)type, "__match_args__");
    *self = false;
    if (t && PyTuple_CheckExact(t)) return t;
    if (t) {
        PyErr_Format(PyExc_TypeError, "%s.__match_args__ must be a tuple (got %s)", type->tp_name, Py_TYPE(t)->tp_name);
        Py_DECREF(t);
        return NULL;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return NULL;
    PyErr_Clear();
    *self = PyType_HasFeature(type, _Py_TPFLAGS_MATCH_SELF);
    return PyTuple_New(0);
}

static int add_names(PyObject *list, PyObject *subject, PyTypeObject *type, PyObject *names, Py_ssize_t n,
                     PyObject *seen) {
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_CheckExact(name)) {
            PyErr_Format(PyExc_TypeError, "__match_args__ elements must be strings (got %s)", Py_TYPE(name)->tp_name);
            return -1;
        }
        if (add_attribute(list, subject, type, name, seen) < 0) return -1;
    }
    return 0;
}

static int positional(PyObject *list, PyObject *subject, PyTypeObject *type, Py_ssize_t nargs, PyObject *seen) {
    bool self;
    int rc;
    PyObject *args = match_args(type, &self);
    if (!args) return -1;
    Py_ssize_t allowed = self ? 1 : PyTuple_GET_SIZE(args);
    if (allowed < nargs) {
        PyErr_Format(PyExc_TypeError, "%s() accepts %zd positional sub-pattern%s (%zd given)", type->tp_name, allowed,
                     allowed == 1 ? "" : "s", nargs);
        rc = -1;
    } else if (self) rc = PyList_Append(list, subject);
    else rc = add_names(list, subject, type, args, nargs, seen);
    Py_DECREF(args);
    return rc;
}

/* NULL without an exception: no match */
static PyObject *match_class(PyObject *subject, PyObject *cls, Py_ssize_t nargs, PyObject *names) {
    if (!PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "called match pattern must be a class");
        return NULL;
    }
    if (PyObject_IsInstance(subject, cls) <= 0) return NULL;
    PyTypeObject *type = (PyTypeObject *)cls;
    PyObject *seen = PySet_New(NULL), *list = PyList_New(0), *r = NULL;
    if (seen && list && (!nargs || positional(list, subject, type, nargs, seen) == 0) &&
        add_names(list, subject, type, names, PyTuple_GET_SIZE(names), seen) == 0)
        r = PyList_AsTuple(list);
    Py_XDECREF(seen);
    Py_XDECREF(list);
    return r;
}

static PyObject *or_none(PyObject *r) { return r || PyErr_Occurred() ? r : Py_NewRef(Py_None); }

void *bk_h_match_class(bk_ctx *c, void *subject, void *cls, int64_t nargs, void *names) {
    bk_events_on((PyThreadState *)c->tstate);
    PyObject *r = or_none(match_class(subject, cls, nargs, names));
    bk_events_off((PyThreadState *)c->tstate);
    return r;
}

/* ---- mappings ---- */
/* one value; NULL without an exception: the key is not there */
static PyObject *value_of(PyObject *map, PyObject *get, bool unbound, PyObject *key, PyObject *missing) {
    PyObject *args[] = {map, key, missing};
    PyObject *v = unbound ? PyObject_Vectorcall(get, args, 3, NULL) : PyObject_Vectorcall(get, args + 1, 2, NULL);
    if (v != missing) return v;
    Py_DECREF(v);
    return NULL;
}

static PyObject *values_of(PyObject *map, PyObject *keys, PyObject *get, bool unbound, PyObject *seen,
                           PyObject *missing) {
    PyObject *values = PyTuple_New(PyTuple_GET_SIZE(keys));
    for (Py_ssize_t i = 0; values && i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *key = PyTuple_GET_ITEM(keys, i), *v = NULL;
        if (PySet_Contains(seen, key) || PySet_Add(seen, key)) {
            if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "mapping pattern checks duplicate key (%R)", key);
        } else v = value_of(map, get, unbound, key, missing);
        if (v) PyTuple_SET_ITEM(values, i, v);
        else Py_CLEAR(values);
    }
    return values;
}

/* NULL without an exception: no match */
static PyObject *match_keys(PyObject *map, PyObject *keys) {
    if (!PyTuple_GET_SIZE(keys)) return PyTuple_New(0);
    PyObject *name = PyUnicode_InternFromString("get"), *get = NULL, *r = NULL;
    bool unbound = name && _PyObject_GetMethod(map, name, &get);
    PyObject *seen = get ? PySet_New(NULL) : NULL;
    PyObject *missing = seen ? PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type) : NULL;
    if (missing) r = values_of(map, keys, get, unbound, seen, missing);
    Py_XDECREF(missing);
    Py_XDECREF(seen);
    Py_XDECREF(get);
    Py_XDECREF(name);
    return r;
}

void *bk_h_match_keys(bk_ctx *c, void *map, void *keys) {
    bk_events_on((PyThreadState *)c->tstate);
    PyObject *r = or_none(match_keys(map, keys));
    bk_events_off((PyThreadState *)c->tstate);
    return r;
}
