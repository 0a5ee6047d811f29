/* Which objects die without running Python code: small lists, tuples, functions and instances of Python classes without
 * finalisers, with all that dies with them. Dropping references is played through before it is done. */
#include "helpers.h"
#include "numpy.h"

enum { MAX_DYING = 48, MAX_ITEMS = 192 };

/* references that would be dropped, counted per object */
typedef struct {
    PyObject *o[MAX_DYING];
    Py_ssize_t times[MAX_DYING];
    int n;
} dying;

static bool drop(dying *d, PyObject *o);

static bool drop_all(dying *d, PyObject *const *items, Py_ssize_t n) {
    if (n > MAX_ITEMS) return false;
    for (Py_ssize_t i = 0; i < n; i++)
        if (items[i] && !drop(d, items[i])) return false;
    return true;
}

static bool drop_slots(dying *d, PyObject *o) {
    for (PyTypeObject *t = Py_TYPE(o); t != &PyBaseObject_Type; t = t->tp_base) {
        PyMemberDef *m = PyObject_GetItemData((PyObject *)t);
        if (!m) {
            PyErr_Clear();
            return false;
        }
        for (Py_ssize_t i = 0; i < Py_SIZE(t); i++) {
            if (m[i].type != Py_T_OBJECT_EX || (m[i].flags & Py_READONLY)) continue;
            PyObject *v = *(PyObject **)((char *)o + m[i].offset);
            if (v && !drop(d, v)) return false;
        }
    }
    return true;
}

static bool drop_instance(dying *d, PyObject *o) {
    PyTypeObject *t = Py_TYPE(o);
    if (!bk_is_plain_class(t) || !bk_has_simple_layout(t) || Py_REFCNT(t) < 8) return false;
    if (t->tp_weaklistoffset && *(void **)((char *)o + t->tp_weaklistoffset)) return false;
    if (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        if (!bkv_uses_values(o)) return false;
        Py_ssize_t n = ((PyHeapTypeObject *)t)->ht_cached_keys->dk_nentries;
        if (!drop_all(d, bkv_values_of(o), n)) return false;
    }
    return drop_slots(d, o);
}

/* a function made in a loop: weak references to it would be told */
static bool drop_function(dying *d, PyFunctionObject *f) {
    PyObject *held[] = {f->func_code,       f->func_globals,     f->func_builtins, f->func_name,       f->func_qualname,
                        f->func_doc,        f->func_module,      f->func_dict,     f->func_typeparams, f->func_defaults,
                        f->func_kwdefaults, f->func_annotations, f->func_closure};
    return !f->func_weakreflist && drop_all(d, held, (Py_ssize_t)(sizeof held / sizeof *held));
}

/* a view of an array with plain elements; one with data of its own has an allocator to ask */
static bool drop_view(dying *d, PyObject *o) {
    enum { OWNDATA = 0x4, WRITEBACKIFCOPY = 0x2000 };
    bk_ndarray *a = (bk_ndarray *)o;
    bk_ndkey key;
    if (!a->base || (a->flags & (OWNDATA | WRITEBACKIFCOPY)) || !bk_py_ndkey(o, &key)) return false;
    Py_ssize_t weak = Py_TYPE(o)->tp_weaklistoffset;
    return weak > 0 && !*(PyObject **)((char *)o + weak) && drop(d, a->base);
}

static bool drop_contents(dying *d, PyObject *o) {
    if (PyList_CheckExact(o)) return drop_all(d, ((PyListObject *)o)->ob_item, Py_SIZE(o));
    if (PyTuple_CheckExact(o)) return drop_all(d, ((PyTupleObject *)o)->ob_item, Py_SIZE(o));
    if (PyMethod_Check(o)) {
        PyMethodObject *m = (PyMethodObject *)o;
        return !m->im_weakreflist && drop(d, m->im_func) && drop(d, m->im_self);
    }
    if (PyCell_Check(o)) return drop_all(d, &((PyCellObject *)o)->ob_ref, 1);
    if (Py_IS_TYPE(o, &PyFunction_Type)) return drop_function(d, (PyFunctionObject *)o);
    if (bk_types.t_ndarray && (bk_obj *)Py_TYPE(o) == bk_types.t_ndarray) return drop_view(d, o);
    return drop_instance(d, o);
}

static bool drop(dying *d, PyObject *o) {
    int i = 0;
    if (_Py_IsImmortal(o) || bk_py_type_is_simple(Py_TYPE(o))) return true;
    while (i < d->n && d->o[i] != o) i++;
    if (i == MAX_DYING) return false;
    if (i == d->n) {
        d->o[d->n++] = o;
        d->times[i] = 0;
    }
    return ++d->times[i] != Py_REFCNT(o) || drop_contents(d, o);
}

bool bk_py_dies_quietly(bk_obj *o) {
    dying d;
    d.n = 0;
    return drop(&d, o);
}

bool bk_h_quiet_death(void *o) { return bk_py_dies_quietly(o); }

bool bk_h_quiet_deaths2(void *a, void *b) {
    dying d;
    d.n = 0;
    return drop(&d, a) && drop(&d, b);
}

bool bk_h_quiet_deaths4(void *a, void *b, void *c, void *e) {
    dying d;
    d.n = 0;
    return drop(&d, a) && drop(&d, b) && drop(&d, c) && (!e || drop(&d, e));
}

bool bk_h_quiet_deaths8(void *a, void *b, void *c, void *e, void *f, void *g, void *h, void *i) {
    PyObject *all[] = {a, b, c, e, f, g, h, i};
    dying d;
    d.n = 0;
    return drop_all(&d, all, 8);
}

void bk_h_dealloc_quiet(void *o) { _Py_Dealloc(o); }
