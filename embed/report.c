/* A bk_writer that fills Python dicts and lists. */
#include "embed.h"

/* puts a value (stolen, may be NULL) into the innermost container */
static void put(bk_report *r, const char *key, PyObject *v) {
    PyObject *into = r->open[r->depth];
    int rc = -1;
    if (!r->failed && v) {
        if (PyList_Check(into)) rc = PyList_Append(into, v);
        else rc = PyDict_SetItemString(into, key ? key : "", v);
    }
    if (rc < 0) r->failed = true;
    Py_XDECREF(v);
}

static void open_new(bk_report *r, const char *key, PyObject *v) {
    if (!v || r->depth + 1 == (int)(sizeof r->open / sizeof *r->open)) {
        Py_XDECREF(v);
        r->failed = true;
        return;
    }
    put(r, key, Py_NewRef(v));
    r->open[++r->depth] = v;
    Py_DECREF(v); /* its container holds it */
}

static void w_dict(void *r, const char *key) {
    if (!((bk_report *)r)->failed) open_new(r, key, PyDict_New());
}
static void w_list(void *r, const char *key) {
    if (!((bk_report *)r)->failed) open_new(r, key, PyList_New(0));
}
static void w_end(void *ctx) {
    bk_report *r = ctx;
    if (!r->failed && r->depth > 0) r->depth--;
}
static void w_str(void *r, const char *key, const char *v) {
    if (((bk_report *)r)->failed) return;
    put(r, key, v ? PyUnicode_DecodeUTF8(v, (Py_ssize_t)strlen(v), "replace") : Py_NewRef(Py_None));
}
static void w_num(void *r, const char *key, int64_t v) {
    if (!((bk_report *)r)->failed) put(r, key, PyLong_FromLongLong(v));
}
static void w_real(void *r, const char *key, double v) {
    if (!((bk_report *)r)->failed) put(r, key, PyFloat_FromDouble(v));
}

void bk_report_start(bk_writer *w, bk_report *r, PyObject *dict) {
    r->open[0] = dict;
    r->depth = 0;
    r->failed = false;
    *w = (bk_writer){r, w_dict, w_list, w_end, w_str, w_num, w_real};
}

bool bk_report_done(bk_report *r) {
    if (!r->failed && r->depth == 0 && !PyErr_Occurred()) return true;
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "a report could not be built");
    return false;
}
