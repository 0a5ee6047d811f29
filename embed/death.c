/* Which objects die without running Python code: small lists, tuples and functions that hold nothing but numbers,
 * strings, the like of them, and what others hold too. */
#include "helpers.h"

enum { MOST_ITEMS = 64, MOST_SHARED = 16 };

typedef struct {
    int items;   /* looked at so far */
    int nshared; /* references to objects that others hold, too */
    PyObject *shared[MOST_SHARED];
} dying;

static bool is_quiet(dying *d, PyObject *o);

static bool all_quiet(dying *d, PyObject *const *items, Py_ssize_t n) {
    if (n > MOST_ITEMS - d->items) return false;
    d->items += (int)n;
    for (Py_ssize_t i = 0; i < n; i++)
        if (items[i] && !is_quiet(d, items[i])) return false;
    return true;
}

/* a function made in a loop: weak references to it would be told */
static bool quiet_function(dying *d, PyFunctionObject *f) {
    PyObject *held[] = {f->func_code,       f->func_globals,     f->func_builtins, f->func_name,       f->func_qualname,
                        f->func_doc,        f->func_module,      f->func_dict,     f->func_typeparams, f->func_defaults,
                        f->func_kwdefaults, f->func_annotations, f->func_closure};
    return !f->func_weakreflist && all_quiet(d, held, (Py_ssize_t)(sizeof held / sizeof *held));
}

static bool is_quiet(dying *d, PyObject *o) {
    if (_Py_IsImmortal(o) || bk_py_type_is_simple((bk_obj *)Py_TYPE(o))) return true;
    if (Py_REFCNT(o) > 1) {
        if (d->nshared == MOST_SHARED) return false;
        d->shared[d->nshared++] = o;
        return true;
    }
    if (PyTuple_CheckExact(o)) return all_quiet(d, ((PyTupleObject *)o)->ob_item, PyTuple_GET_SIZE(o));
    if (PyList_CheckExact(o)) return all_quiet(d, ((PyListObject *)o)->ob_item, PyList_GET_SIZE(o));
    if (PyCell_Check(o)) return all_quiet(d, &((PyCellObject *)o)->ob_ref, 1);
    return Py_IS_TYPE(o, &PyFunction_Type) && quiet_function(d, (PyFunctionObject *)o);
}

/* not all of its references are from what dies */
static bool survives(const dying *d, const PyObject *o) {
    Py_ssize_t n = 0;
    for (int i = 0; i < d->nshared; i++) n += d->shared[i] == o;
    return Py_REFCNT(o) > n;
}

bool bk_py_dies_quietly(bk_obj *o) {
    dying d = {0};
    if (Py_REFCNT((PyObject *)o) > 1) return true;
    if (!is_quiet(&d, o)) return false;
    for (int i = 0; i < d.nshared; i++)
        if (!survives(&d, d.shared[i])) return false;
    return true;
}

bool bk_h_quiet_death(void *o) { return bk_py_dies_quietly(o); }
