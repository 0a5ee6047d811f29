/* What classes say when code is built: isinstance, __match_args__, attributes by super(). No Python code runs. */
#include "objects.h"
#include "objects_version.h"

/* what type(o) looks up by that name on itself, borrowed */
static PyObject *lookup(PyTypeObject *type, const char *text) {
    PyObject *name = PyUnicode_InternFromString(text);
    PyObject *v = name ? _PyType_Lookup(type, name) : NULL;
    Py_XDECREF(name);
    return v;
}

static bool is_plain_class(bk_obj *cls) { return Py_IS_TYPE((PyObject *)cls, &PyType_Type); }

bool bk_py_is_plain_class(bk_obj *cls) { return is_plain_class(cls); }

/* 1 yes, 0 no, -1: an object that may say it is of another class than its type's would be asked */
static int64_t subtype_of(PyTypeObject *type, PyTypeObject *cls) {
    static PyObject *name, *says; /* __class__ and what object has there */
    if (PyType_IsSubtype(type, cls)) return 1;
    if (!name && !(name = PyUnicode_InternFromString("__class__"))) {
        PyErr_Clear();
        return -1;
    }
    if (!says) says = _PyType_Lookup(&PyBaseObject_Type, name);
    return type->tp_getattro == PyObject_GenericGetAttr && says && _PyType_Lookup(type, name) == says ? 0 : -1;
}

int bk_py_isinstance(bk_ticket *t, bk_obj *type_, bk_obj *cls) {
    PyTypeObject *type = type_;
    if (type_ == cls) return 1;
    if (!is_plain_class(cls) || !bk_assume_type(t, type)) return -1;
    return (int)subtype_of(type, (PyTypeObject *)cls);
}

int64_t bk_h_is_instance(void *o, void *cls) { return subtype_of(Py_TYPE((PyObject *)o), cls); }

bool bk_py_match_args(bk_ticket *t, bk_obj *cls, uint32_t n, bk_obj **names) {
    if (!n) return true;
    if (!is_plain_class(cls) || !bk_assume_type(t, cls)) return false;
    PyObject *args = lookup((PyTypeObject *)cls, "__match_args__");
    if (!args) {
        names[0] = NULL;
        return n == 1 && PyType_HasFeature((PyTypeObject *)cls, _Py_TPFLAGS_MATCH_SELF);
    }
    if (!PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) < (Py_ssize_t)n) return false;
    for (uint32_t i = 0; i < n; i++) {
        names[i] = PyTuple_GET_ITEM(args, i);
        if (!PyUnicode_CheckExact((PyObject *)names[i])) return false;
    }
    return true;
}

/* the next class after cls in the resolution order of type that has the name */
static PyObject *next_in_order(PyTypeObject *type, PyObject *cls, PyObject *name) {
    PyObject *mro = type->tp_mro, *v = NULL;
    Py_ssize_t i = 0, n = mro ? PyTuple_GET_SIZE(mro) : 0;
    while (i < n && PyTuple_GET_ITEM(mro, i) != cls) i++;
    for (i++; i < n && !v; i++) {
        PyObject *d = PyType_GetDict((PyTypeObject *)PyTuple_GET_ITEM(mro, i));
        if (!d || !bkv_dict_only_str(d)) return NULL;
        v = PyDict_GetItemWithError(d, name);
        Py_DECREF(d); /* the class keeps it */
    }
    return v;
}

bk_obj *bk_py_super_method(bk_ticket *t, bk_obj *cls, bk_obj *type, bk_obj *name) {
    if (!PyUnicode_CheckExact((PyObject *)name) || bk_py_str_is(name, "__class__")) return NULL;
    if (!PyType_Check((PyObject *)cls) || !PyType_IsSubtype(type, (PyTypeObject *)cls)) return NULL;
    if (PyType_IsSubtype(type, &PyType_Type) || !bk_assume_type(t, type)) return NULL;
    PyObject *v = next_in_order(type, cls, name);
    return v && (PyFunction_Check(v) || Py_IS_TYPE(v, &PyMethodDescr_Type)) ? v : NULL;
}

/* ---- LOAD_SPECIAL: found on the type, whatever the instance has ---- */
static PyObject *with_method(PyTypeObject *type, int64_t which) {
    static PyObject *names[2]; /* kept for good */
    if (which < 0 || which > 1) return NULL;
    if (!names[which] && !(names[which] = PyUnicode_InternFromString(which ? "__exit__" : "__enter__"))) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *v = _PyType_Lookup(type, names[which]);
    return v && (PyFunction_Check(v) || Py_IS_TYPE(v, &PyMethodDescr_Type)) ? v : NULL;
}

bk_obj *bk_py_with_method(bk_ticket *t, bk_obj *type, int which) {
    return bk_assume_type(t, type) ? with_method(type, which) : NULL;
}

void *bk_h_with_method(void *o, int64_t which) { return with_method(Py_TYPE((PyObject *)o), which); }
