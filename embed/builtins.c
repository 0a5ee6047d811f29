/* C callables known by name: an identity table of the genuine objects, kept alive, filled in as modules are loaded. */
#include "numpy.h"
#include "objects.h"
#include <string.h>

typedef struct {
    const char *module, *name, *text;
    bool method;
} entry;

static const entry entries[] = {
#define BK_FN(m, n) {#m, #n, #m "." #n, false},
#define BK_METHOD(t, n) {#t, #n, #t "." #n, true},
#include "builtins.def"
#undef BK_FN
#undef BK_METHOD
};
enum { NENTRIES = sizeof entries / sizeof *entries, NBUCKETS = 1024 };
_Static_assert(NENTRIES * 2 < NBUCKETS, "the identity table must stay sparse");

/* open addressing by address; the objects are owned */
static struct {
    PyObject *object;
    const entry *e;
} table[NBUCKETS];

static size_t bucket_of(const PyObject *o) {
    size_t i = (size_t)(((uint64_t)(uintptr_t)o >> 4) * 0x9e3779b97f4a7c15u >> 54) % NBUCKETS;
    while (table[i].object && table[i].object != o) i = (i + 1) % NBUCKETS;
    return i;
}

static void insert(PyObject *o, const entry *e) {
    size_t i = bucket_of(o);
    if (table[i].object) return;
    table[i].object = Py_NewRef(o);
    table[i].e = e;
}

static bool is_ufunc(PyObject *o, const char *name) {
    PyObject *found = NULL;
    if (strcmp(Py_TYPE(o)->tp_name, "numpy.ufunc") == 0) found = PyObject_GetAttrString(o, "__name__");
    bool same = found && PyUnicode_Check(found) && bk_py_str_is(found, name);
    Py_XDECREF(found);
    return same;
}

/* a C function of that module and name, or a static type of that name: not what a program put in its place */
static bool is_genuine(PyObject *o, const entry *e) {
    if (PyType_Check(o))
        return !(((PyTypeObject *)o)->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
               strcmp(((PyTypeObject *)o)->tp_name, e->name) == 0;
    if (strcmp(e->module, "numpy") == 0) return is_ufunc(o, e->name);
    if (!PyCFunction_CheckExact(o)) return false;
    PyObject *module = ((PyCFunctionObject *)o)->m_module;
    return strcmp(((PyCFunctionObject *)o)->m_ml->ml_name, e->name) == 0 && module && PyUnicode_Check(module) &&
           bk_py_str_is(module, e->module);
}

static void fill_module(const char *name, PyObject *dict) {
    for (size_t i = 0; i < NENTRIES; i++) {
        const entry *e = &entries[i];
        if (e->method || strcmp(e->module, name) != 0) continue;
        PyObject *o = PyDict_GetItemString(dict, e->name); /* absent in older versions */
        if (o && is_genuine(o, e)) insert(o, e);
    }
}

/* the static type of that name */
static PyTypeObject *builtin_type(const char *name) {
    for (size_t i = 0; i < NBUCKETS; i++)
        if (table[i].object && PyType_Check(table[i].object) && strcmp(table[i].e->name, name) == 0)
            return (PyTypeObject *)table[i].object;
    return NULL;
}

static void fill_methods(void) {
    for (size_t i = 0; i < NENTRIES; i++) {
        const entry *e = &entries[i];
        if (!e->method) continue;
        PyTypeObject *type = builtin_type(e->module);
        PyObject *name = PyUnicode_InternFromString(e->name);
        PyObject *o = type && name ? _PyType_Lookup(type, name) : NULL;
        if (o && Py_IS_TYPE(o, &PyMethodDescr_Type)) insert(o, e);
        Py_XDECREF(name);
    }
}

/* fills in what is loaded by now and was not before */
static void fill(void) {
    static const char *const names[] = {"builtins", "math", "cmath", "numpy"};
    static bool done[4];
    for (int i = 0; i < 4; i++) {
        PyObject *module = done[i] ? NULL : bk_loaded_module(names[i]);
        if (!module) continue;
        if (i == 3 && !bk_types.t_ndarray) continue; /* it may still be importing itself */
        fill_module(names[i], PyModule_GetDict(module));
        if (i == 0) fill_methods();
        done[i] = true;
    }
    PyErr_Clear();
}

const char *bk_py_builtin_name(bk_obj *callable) {
    size_t i = bucket_of(callable);
    if (!table[i].object) {
        fill();
        i = bucket_of(callable);
    }
    if (!table[i].object) return bk_py_np_typenum(callable) >= 0 ? "numpy.type" : NULL;
    const entry *e = table[i].e;
    return !e->method && strcmp(e->module, "builtins") == 0 ? e->name : e->text;
}
