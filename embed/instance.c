/* Instances of Python classes: what calling a class does, and making an instance without running its __init__. */
#include "helpers.h"

/* subtype_dealloc, which is not exported: that of any class made by a class statement */
static destructor class_dealloc(void) {
    static destructor known;
    if (known) return known;
    PyObject *c = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "backedge_probe");
    if (c) known = ((PyTypeObject *)c)->tp_dealloc;
    else PyErr_Clear();
    Py_XDECREF(c);
    return known;
}

/* all bases but object are classes of Python's own making */
bool bk_is_plain_class(void *type) {
    PyTypeObject *t = type;
    destructor d = class_dealloc();
    if (!d || t->tp_itemsize || !(t->tp_flags & Py_TPFLAGS_HEAPTYPE)) return false;
    for (; t && t != &PyBaseObject_Type; t = t->tp_base)
        if (t->tp_dealloc != d || t->tp_finalize || t->tp_del) return false;
    return t != NULL;
}

/* attributes in slots only, or in inline values only */
bool bk_has_simple_layout(void *type) {
    PyTypeObject *t = type;
    if (t->tp_dictoffset == 0 && !(t->tp_flags & Py_TPFLAGS_MANAGED_DICT)) return true;
    return bkv_has_inline_values(t) && t->tp_basicsize == (Py_ssize_t)sizeof(PyObject);
}

bk_obj *bk_py_type_function(bk_obj *type, const char *name) {
    PyObject *key = PyUnicode_InternFromString(name);
    if (!key) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *found = _PyType_Lookup(type, key);
    Py_DECREF(key);
    return found && PyFunction_Check(found) ? found : NULL;
}

bool bk_py_class(bk_ticket *t, bk_obj *type, bk_obj **init) {
    PyTypeObject *c = type;
    *init = NULL;
    if (Py_TYPE(c) != &PyType_Type || !bk_is_plain_class(c) || !bk_has_simple_layout(c)) return false;
    if (c->tp_new != PyBaseObject_Type.tp_new || c->tp_alloc != PyType_GenericAlloc) return false;
    if ((c->tp_flags & Py_TPFLAGS_IS_ABSTRACT) || !bk_assume_type(t, type)) return false;
    if (c->tp_init == PyBaseObject_Type.tp_init) return true;
    *init = bk_py_type_function(type, "__init__");
    return *init != NULL;
}

bool bk_py_always_true(bk_ticket *t, bk_obj *type) {
    PyTypeObject *c = type;
    if (!(c->tp_flags & Py_TPFLAGS_HEAPTYPE) || !bk_assume_type(t, type)) return false;
    return !(c->tp_as_number && c->tp_as_number->nb_bool) && !(c->tp_as_mapping && c->tp_as_mapping->mp_length) &&
           !(c->tp_as_sequence && c->tp_as_sequence->sq_length);
}

bk_obj *bk_py_peek_attr(bk_obj *object, bk_obj *name) {
    PyObject *o = object;
    PyTypeObject *t = Py_TYPE(o);
    PyObject *found = PyUnicode_CheckExact((PyObject *)name) ? _PyType_Lookup(t, name) : Py_None;
    if (found && Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDef *m = ((PyMemberDescrObject *)found)->d_member;
        bool plain =
            m->type == Py_T_OBJECT_EX && !(m->flags & Py_RELATIVE_OFFSET) && PyType_IsSubtype(t, PyDescr_TYPE(found));
        return plain ? *(PyObject **)((char *)o + m->offset) : NULL;
    }
    if ((found && Py_TYPE(found)->tp_descr_set) || !bkv_has_inline_values(t) || !bkv_uses_values(o)) return NULL;
    Py_ssize_t i = bkv_key_index(((PyHeapTypeObject *)t)->ht_cached_keys, name);
    return i >= 0 ? bkv_values_of(o)[i] : NULL;
}

/* ---- making ---- */

void *bk_h_inst_new(void *type, int64_t n, int64_t order, int64_t more) {
    PyObject *o = bkv_new_instance(type);
    if (!o) {
        PyErr_Clear();
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        bkv_add_to_order(o, (uint8_t)((i < 8 ? order >> 8 * i : more >> 8 * (i - 8)) & 0xff));
    return o;
}

void *bk_instance_new(void *type) { return bkv_new_instance(type); }

void bk_instance_set(void *instance, int64_t where, void *value) {
    PyObject *o = instance;
    if (Py_TYPE(o)->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        bkv_add_to_order(o, (uint8_t)where);
        bkv_values_of(o)[where] = value;
    } else *(PyObject **)((char *)o + where) = value;
}
