/* Plain values: exact str, int, float, bool, bytes, complex, None, and tuples of them. Hashing, comparing and freeing
 * them runs no Python code. */
#ifndef BK_PLAIN_H
#define BK_PLAIN_H
#include "helpers.h"

/* what quiet helpers give where only the interpreter can go on: nothing was changed */
#define BK_CANNOT ((void *)1)

bool bk_plain_tuple(PyObject *t, int depth);
static inline bool bk_plain(PyObject *o) {
    PyTypeObject *t = Py_TYPE(o);
    if (t == &PyUnicode_Type || t == &PyLong_Type) return true;
    if (t == &PyTuple_Type) return bk_plain_tuple(o, 3);
    return t == &PyFloat_Type || t == &PyBool_Type || t == &PyBytes_Type || t == &PyComplex_Type || o == Py_None;
}

static inline Py_hash_t bk_plain_hash(PyObject *key) {
    if (PyUnicode_CheckExact(key)) {
        Py_hash_t h = ((PyASCIIObject *)key)->hash;
        if (h != -1) return h;
    }
    return PyObject_Hash(key);
}

/* equality as containers test it */
static inline bool bk_plain_eq(PyObject *a, PyObject *b) {
    if (a == b) return true;
    if (PyUnicode_CheckExact(a)) return PyUnicode_CheckExact(b) && bk_h_str_eq(a, b);
    return PyObject_RichCompareBool(a, b, Py_EQ) > 0;
}

/* dropping one reference to it frees nothing whose death could run Python code */
static inline bool bk_quiet(PyObject *o) { return Py_REFCNT(o) > 1 || bk_h_quiet_death(o); }
#endif
