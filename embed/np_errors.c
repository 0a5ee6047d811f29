/* Is NumPy set to ignore underflow, as it is unless the program says otherwise (np.errstate, np.seterr)? Compiled code
 * does not test its results for that. */
#include "helpers.h"
#include "numpy.h"

enum { UNDERFLOW_SHIFT = 6, MODE_BITS = 7 }; /* NumPy 1: of the error mask */

/* NumPy 2: the settings are a context variable's value, which a function gives as a dict */
static PyObject *variable, *settings;
static PyObject *seen; /* the value that was looked at last */
static bool seen_ignores;

static bool find(void) {
    static bool tried;
    if (tried) return variable != NULL;
    tried = true;
    PyObject *umath = bk_loaded_module("numpy._core.umath"); /* borrowed */
    if (!umath) return false;
    settings = PyObject_GetAttrString(umath, "_get_extobj_dict");
    if (settings) variable = PyObject_GetAttrString(umath, "_extobj_contextvar");
    if (variable && !PyContextVar_CheckExact(variable)) Py_CLEAR(variable);
    return variable != NULL;
}

/* the dict of the settings now; unknown ones ignore nothing */
static bool look(void) {
    PyObject *dict = PyObject_CallNoArgs(settings);
    PyObject *mode = dict && PyDict_Check(dict) ? PyDict_GetItemString(dict, "under") : NULL;
    bool ignores = mode && PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, "ignore") == 0;
    Py_XDECREF(dict);
    return ignores;
}

static bool by_variable(void) {
    PyObject *now;
    if (PyContextVar_Get(variable, NULL, &now) < 0 || !now) return false;
    if (now != seen) {
        seen_ignores = look();
        Py_XSETREF(seen, Py_NewRef(now));
    }
    Py_DECREF(now);
    return seen_ignores;
}

/* NumPy 1: a list [buffer size, error mask, callback] in the thread's dict, where they are not the default */
static bool by_thread(void) {
    PyObject *dict = PyThreadState_GetDict(), *list = dict ? PyDict_GetItemString(dict, "UFUNC_PYVALS") : NULL;
    if (!list) return true;
    if (!PyList_Check(list) || PyList_GET_SIZE(list) != 3 || !PyLong_Check(PyList_GET_ITEM(list, 1))) return false;
    long mask = PyLong_AsLong(PyList_GET_ITEM(list, 1));
    return (mask >> UNDERFLOW_SHIFT & MODE_BITS) == 0;
}

bool bk_py_np_ignores_underflow(void) {
    PyObject *exc = PyErr_GetRaisedException();
    bool ignores = find() ? by_variable() : !bk_loaded_module("numpy._core") && by_thread();
    PyErr_SetRaisedException(exc); /* drops ours */
    return ignores;
}

bool bk_h_np_ignores_underflow(void) { return bk_py_np_ignores_underflow(); }
