/* Which values are plain. */
#include "plain.h"

bool bk_plain_tuple(PyObject *t, int depth) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(t); i++) {
        PyObject *o = PyTuple_GET_ITEM(t, i);
        if (PyLong_CheckExact(o) || PyUnicode_CheckExact(o)) continue;
        if (PyTuple_CheckExact(o) ? !depth || !bk_plain_tuple(o, depth - 1) : !bk_plain(o)) return false;
    }
    return true;
}

void bk_h_drop_plain(void *o) { Py_DECREF((PyObject *)o); }
