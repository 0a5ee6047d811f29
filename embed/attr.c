/* Attribute resolution without side effects: where an attribute of instances of one exact type is found, as
 * PyObject_GenericGetAttr and PyObject_GenericSetAttr would, and what that relies on. */
#include "objects.h"
#include "objects_version.h"

/* --- instances */
/* Number of the inline value for `name`; -1: no instance has one yet. */
static Py_ssize_t inline_index(PyTypeObject *type, PyObject *name) {
    return bkv_key_index(((PyHeapTypeObject *)type)->ht_cached_keys, name);
}

static bool has_dict(PyTypeObject *type) {
    return type->tp_dictoffset != 0 || (type->tp_flags & Py_TPFLAGS_MANAGED_DICT);
}

static void set_values(bk_attr *out) {
    out->inst_values = true;
    out->indirect = BKV_VALUES_INDIRECT;
    out->valid_off = BKV_VALID_OFF;
    out->values_off = BKV_VALUES_OFF;
}

void bk_py_layout(bk_obj *type, bk_attr *out) {
    *out = (bk_attr){.kind = BK_AT_GENERIC};
    if (((PyTypeObject *)type)->tp_flags & Py_TPFLAGS_MANAGED_DICT) set_values(out);
}

static void set_inline(bk_attr *out, Py_ssize_t index) {
    set_values(out);
    out->kind = BK_AT_INLINE;
    out->index = (uint32_t)index;
}

/* The class attribute `value` is what an instance gives. Instances with a dict could shadow it: those with inline
 * values cannot as long as no instance has the name, so the number of shared keys is the guard. */
static void set_class(PyTypeObject *type, uint8_t kind, PyObject *value, bk_attr *out) {
    if (has_dict(type)) {
        if (!bkv_has_inline_values(type)) return;
        PyDictKeysObject *keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
        _Static_assert(sizeof keys->dk_nentries == 8, "keys_value is read as an int64");
        set_values(out);
        out->keys_addr = &keys->dk_nentries;
        out->keys_value = keys->dk_nentries;
        out->keys_bytes = 8;
    }
    out->kind = kind;
    out->value = value;
}

/* --- data descriptors */
static void resolve_member(PyTypeObject *type, PyObject *descr, bool store, bk_attr *out) {
    PyMemberDef *m = ((PyMemberDescrObject *)descr)->d_member;
    if (m->type != Py_T_OBJECT_EX || (m->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET))) return;
    if (store && (m->flags & Py_READONLY)) return;
    if (!PyType_IsSubtype(type, PyDescr_TYPE(descr))) return; /* borrowed from a foreign class: raises */
    out->kind = BK_AT_SLOT;
    out->offset = (uint32_t)m->offset;
}

static void resolve_property(PyObject *descr, bk_attr *out) {
    PyObject *getter = bkv_property_getter(descr);
    if (!getter || !PyFunction_Check(getter)) return;
    out->kind = BK_AT_PROPERTY;
    out->value = getter;
}

static void resolve_data(PyTypeObject *type, PyObject *descr, bool store, bk_attr *out) {
    if (Py_IS_TYPE(descr, &PyMemberDescr_Type)) resolve_member(type, descr, store, out);
    else if (Py_IS_TYPE(descr, &PyProperty_Type) && !store && type->tp_getattro == PyObject_GenericGetAttr)
        resolve_property(descr, out); /* a getter that raises AttributeError would call __getattr__ */
}

/* --- other class attributes */
/* the callable inside a staticmethod, borrowed from it */
static PyObject *static_callable(PyObject *descr) {
    PyObject *f = PyObject_GetAttrString(descr, "__func__");
    if (!f) PyErr_Clear();
    Py_XDECREF(f); /* the staticmethod keeps it */
    return f;
}

static void resolve_class(PyTypeObject *type, PyObject *found, bk_attr *out) {
    if (PyFunction_Check(found)) {
        set_class(type, BK_AT_METHOD, found, out);
    } else if (Py_IS_TYPE(found, &PyMethodDescr_Type)) {
        if (!has_dict(type)) set_class(type, BK_AT_BUILTIN_METHOD, found, out);
    } else if (Py_IS_TYPE(found, &PyStaticMethod_Type)) {
        PyObject *f = static_callable(found);
        if (f) set_class(type, BK_AT_CLASSVAR, f, out);
    } else if (!Py_TYPE(found)->tp_descr_get) {
        set_class(type, BK_AT_CLASSVAR, found, out);
    }
}

static void resolve_load(PyTypeObject *type, PyObject *name, PyObject *found, bk_attr *out) {
    Py_ssize_t index = bkv_has_inline_values(type) ? inline_index(type, name) : -1;
    if (!found) {
        if (index >= 0) set_inline(out, index);
    } else if (index < 0) {
        resolve_class(type, found, out);
    } else if (!Py_TYPE(found)->tp_descr_get) {
        set_inline(out, index); /* a default in the class: instances that have their own value do not see it */
    }
}

/* --- ndarray */
static bool known_nd_attribute(PyObject *name) {
    static const char *const known[] = {"shape", "size", "ndim", "T", "dtype"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bk_py_str_is(name, known[i])) return true;
    return false;
}

/* a Python class whose __getattr__ is asked for what object.__getattribute__ does not find */
static bool has_fallback(PyTypeObject *type) {
    if (type->tp_getattro == PyObject_GenericGetAttr || !bk_is_plain_class(type)) return false;
    PyObject *key = PyUnicode_InternFromString("__getattribute__");
    if (!key) PyErr_Clear();
    bool usual = key && _PyType_Lookup(type, key) == _PyType_Lookup(&PyBaseObject_Type, key);
    Py_XDECREF(key);
    return usual;
}

static bool plain_access(PyTypeObject *type, bool store) {
    if (store) return type->tp_setattro == PyObject_GenericSetAttr;
    return type->tp_getattro == PyObject_GenericGetAttr || has_fallback(type);
}

void bk_py_attr(bk_ticket *t, bk_obj *type_, bk_obj *name_, bool store, bk_attr *out) {
    PyTypeObject *type = type_;
    PyObject *name = name_;
    *out = (bk_attr){.kind = BK_AT_GENERIC};
    if (!PyUnicode_CheckExact(name)) return;
    if (type_ == bk_types.t_ndarray && !store && known_nd_attribute(name)) {
        out->kind = BK_AT_NPFIELD;
        return;
    }
    if (!plain_access(type, store) || !bk_assume_type(t, type)) return;
    PyObject *found = _PyType_Lookup(type, name);
    /* what was found must not become a descriptor, or another kind of one */
    if (found && !bk_assume_type(t, Py_TYPE(found))) return;
    if (found && Py_TYPE(found)->tp_descr_set) {
        resolve_data(type, found, store, out);
    } else if (!store) {
        resolve_load(type, name, found, out);
    } else if (bkv_has_inline_values(type)) {
        Py_ssize_t index = inline_index(type, name);
        if (index >= 0) set_inline(out, index);
    }
}
