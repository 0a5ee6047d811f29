/* NumPy facts: scalar types, built-in descriptors, what an array's fast paths need. NumPy is never imported here; once
 * it is loaded, its layouts are compared with live objects and used only if all of them are as expected. */
#include "numpy.h"
#include "helpers.h"
#include "objects.h"
#include <string.h>

PyObject *bk_np_bools[2];

/* dtype characters and item sizes by type number; 0: not for specialised code */
static const struct {
    char code;
    uint8_t size;
} dtypes[NP_NTYPES] = {
    [NP_BOOL] = {'?', 1},   [NP_BYTE] = {'b', 1},     [NP_UBYTE] = {'B', 1},     [NP_SHORT] = {'h', 2},
    [NP_USHORT] = {'H', 2}, [NP_INT] = {'i', 4},      [NP_UINT] = {'I', 4},      [NP_LONG] = {'l', 8},
    [NP_ULONG] = {'L', 8},  [NP_LONGLONG] = {'q', 8}, [NP_ULONGLONG] = {'Q', 8}, [NP_FLOAT] = {'f', 4},
    [NP_DOUBLE] = {'d', 8}, [NP_CFLOAT] = {'F', 8},   [NP_CDOUBLE] = {'D', 16},  [NP_HALF] = {'e', 2},
};

size_t bk_np_itemsize(int64_t typenum) { return typenum >= 0 && typenum < NP_NTYPES ? dtypes[typenum].size : 0; }

/* --- loading */
/* an attribute as an integer; -1 without an exception if that fails */
static long long int_attr(PyObject *o, const char *name) {
    PyObject *v = PyObject_GetAttrString(o, name);
    long long n = v ? PyLong_AsLongLong(v) : -1;
    Py_XDECREF(v);
    if (PyErr_Occurred()) PyErr_Clear();
    return n;
}

/* the built-in descriptor of a type number and its scalar type, kept for good */
static bool load_dtype(PyObject *dtype, int num) {
    char code[2] = {dtypes[num].code, 0};
    PyObject *descr = PyObject_CallFunction(dtype, "s", code);
    PyObject *scalar = descr ? PyObject_GetAttrString(descr, "type") : NULL;
    bool ok = scalar && PyType_Check(scalar) && int_attr(descr, "num") == num &&
              int_attr(descr, "itemsize") == dtypes[num].size;
    if (ok) {
        bk_types.np_descr[num] = descr;
        bk_types.np_scalar[num] = scalar;
        return true;
    }
    Py_XDECREF(descr);
    Py_XDECREF(scalar);
    return false;
}

static bool load_bools(PyObject *dict) {
    bk_np_bools[0] = Py_XNewRef(PyDict_GetItemString(dict, "False_"));
    bk_np_bools[1] = Py_XNewRef(PyDict_GetItemString(dict, "True_"));
    for (int i = 0; i < 2; i++)
        if (!bk_np_bools[i] || (bk_obj *)Py_TYPE(bk_np_bools[i]) != bk_types.np_scalar[NP_BOOL]) return false;
    return true;
}

/* --- checking layouts against live objects */
/* a tuple attribute is as the words at p */
static bool same_words(PyObject *a, const char *name, const Py_ssize_t *p, int n) {
    PyObject *t = PyObject_GetAttrString(a, name);
    bool ok = t && PyTuple_Check(t) && PyTuple_GET_SIZE(t) == n;
    for (int i = 0; ok && i < n; i++) ok = PyLong_AsSsize_t(PyTuple_GET_ITEM(t, i)) == p[i];
    Py_XDECREF(t);
    return ok;
}

static bool same_flags(PyObject *a) {
    PyObject *flags = PyObject_GetAttrString(a, "flags");
    bool ok = flags && int_attr(flags, "num") == ((bk_ndarray *)a)->flags;
    Py_XDECREF(flags);
    return ok;
}

static bool same_data(PyObject *a) {
    PyObject *iface = PyObject_GetAttrString(a, "__array_interface__");
    PyObject *data = iface && PyDict_Check(iface) ? PyDict_GetItemString(iface, "data") : NULL;
    bool ok = data && PyTuple_Check(data) && PyTuple_GET_SIZE(data) == 2 &&
              PyLong_AsVoidPtr(PyTuple_GET_ITEM(data, 0)) == ((bk_ndarray *)a)->data;
    Py_XDECREF(iface);
    return ok;
}

static bool check_array(PyObject *a, PyObject *descr, PyObject *base) {
    bk_ndarray *nd = (bk_ndarray *)a;
    return (bk_obj *)Py_TYPE(a) == bk_types.t_ndarray && Py_TYPE(a)->tp_basicsize >= (Py_ssize_t)sizeof *nd &&
           nd->nd == 2 && nd->descr == descr && nd->base == base && same_words(a, "shape", nd->dims, 2) &&
           same_words(a, "strides", nd->strides, 2) && same_flags(a) && same_data(a);
}

/* a fresh 2x3 array and its transposed view, whose base it is */
static bool check_arrays(void) {
    PyObject *descr = bk_types.np_descr[NP_FLOAT], *view = NULL;
    PyObject *a = PyObject_CallFunction(bk_types.t_ndarray, "((ii)O)", 2, 3, descr);
    bool ok = a && check_array(a, descr, NULL) && ((bk_ndarray *)a)->dims[1] == 3 &&
              ((bk_ndarray *)a)->strides[0] == 12 && ((bk_ndarray *)a)->flags & ND_WRITEABLE &&
              ((bk_ndarray *)a)->flags & ND_ALIGNED;
    if (ok) view = PyObject_GetAttrString(a, "T");
    ok = view && check_array(view, descr, a) && ((bk_ndarray *)view)->strides[0] == 4;
    Py_XDECREF(view);
    Py_XDECREF(a);
    return ok;
}

/* a scalar made by calling its type holds the value where we would write it */
static bool check_scalar(int num) {
    PyTypeObject *type = bk_types.np_scalar[num];
    if (num == NP_BOOL) return true; /* two objects, never made */
    if (!type->tp_alloc || type->tp_itemsize || type->tp_basicsize < (Py_ssize_t)(BK_NP_VALUE + dtypes[num].size))
        return false;
    PyObject *o = PyObject_CallFunction((PyObject *)type, "i", 1);
    PyObject *bytes = o ? PyObject_CallMethod(o, "tobytes", NULL) : NULL;
    bool ok = bytes && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == dtypes[num].size &&
              memcmp(PyBytes_AS_STRING(bytes), (char *)o + BK_NP_VALUE, dtypes[num].size) == 0;
    Py_XDECREF(bytes);
    Py_XDECREF(o);
    return ok;
}

static void unload(void) {
    for (int i = 0; i < NP_NTYPES; i++) {
        Py_CLEAR(bk_types.np_descr[i]);
        Py_CLEAR(bk_types.np_scalar[i]);
    }
    Py_CLEAR(bk_np_bools[0]);
    Py_CLEAR(bk_np_bools[1]);
    Py_CLEAR(bk_types.t_ndarray);
}

static bool load_all(PyObject *dict) {
    PyObject *ndarray = PyDict_GetItemString(dict, "ndarray"), *dtype = PyDict_GetItemString(dict, "dtype");
    if (!ndarray || !dtype || !PyType_Check(ndarray) || !PyType_Check(dtype)) return false;
    bk_types.t_ndarray = Py_NewRef(ndarray);
    for (int i = 0; i < NP_NTYPES; i++)
        if (dtypes[i].size && !(load_dtype(dtype, i) && check_scalar(i))) return false;
    return load_bools(dict) && check_arrays();
}

bool bk_np_load(void) {
    static bool tried_in_vain;
    if (bk_types.t_ndarray) return true;
    PyObject *module = tried_in_vain ? NULL : bk_loaded_module("numpy");
    PyObject *dict = module ? PyModule_GetDict(module) : NULL;
    /* the names that come last while NumPy imports itself */
    if (!dict || !PyDict_GetItemString(dict, "True_") || !PyDict_GetItemString(dict, "ndarray")) return false;
    PyObject *exc = PyErr_GetRaisedException();
    bool ok = load_all(dict);
    if (!ok) {
        tried_in_vain = true;
        unload();
    }
    PyErr_SetRaisedException(exc); /* drops ours */
    return ok;
}

/* --- questions */
/* only the built-in descriptors themselves: code compares their address */
static int descr_typenum(PyObject *descr) {
    for (int i = 0; i < NP_NTYPES; i++)
        if (bk_types.np_descr[i] == descr) return i;
    return -1;
}

/* array.array and one-dimensional, contiguous memoryviews: the type code is the character */
static bool buffer_key(PyObject *o, bk_ndkey *key) {
    *key = (bk_ndkey){.ndim = 1, .writeable = true, .unit_inner = 1};
    if (bk_types.t_array_array && (bk_obj *)Py_TYPE(o) == bk_types.t_array_array) {
        key->typenum = **(uint8_t **)((char *)o + bk_py->array_descr);
        return true;
    }
    if (!PyMemoryView_Check(o)) return false;
    const Py_buffer *v = PyMemoryView_GET_BUFFER(o);
    if (((PyMemoryViewObject *)o)->flags & bk_py->memview_bad_flags) return false;
    if (v->ndim != 1 || !v->format || !v->format[0] || v->format[1] || v->strides[0] != v->itemsize) return false;
    key->typenum = (uint8_t)v->format[0];
    key->writeable = !v->readonly;
    return true;
}

bool bk_py_ndkey(bk_obj *a, bk_ndkey *key) {
    if (buffer_key(a, key)) return true;
    if (!bk_types.t_ndarray || (bk_obj *)Py_TYPE((PyObject *)a) != bk_types.t_ndarray) return false;
    bk_ndarray *nd = a;
    int num = descr_typenum(nd->descr);
    if (num < 0 || nd->nd < 1 || nd->nd > 4 || !(nd->flags & ND_ALIGNED)) return false;
    key->typenum = (uint8_t)num;
    key->ndim = (uint8_t)nd->nd;
    key->writeable = (nd->flags & ND_WRITEABLE) && !((unsigned)nd->flags & ND_WARN_ON_WRITE);
    key->unit_inner = nd->strides[nd->nd - 1] == (Py_ssize_t)dtypes[num].size;
    return true;
}

int bk_py_np_typenum(bk_obj *type) {
    for (int i = 0; type && i < NP_NTYPES; i++)
        if (bk_types.np_scalar[i] == type) return i;
    return -1;
}

/* --- views */
PyObject *bk_np_view(PyObject *array, PyObject *const *indices, Py_ssize_t n) {
    PyObject *key = n == 1 ? Py_NewRef(indices[0]) : PyTuple_New(n);
    for (Py_ssize_t i = 0; key && n > 1 && i < n; i++) PyTuple_SET_ITEM(key, i, Py_NewRef(indices[i]));
    PyObject *view = key ? PyObject_GetItem(array, key) : NULL;
    Py_XDECREF(key);
    return view;
}

void *bk_h_nd_view(void *array, int64_t n, int64_t i, int64_t j, int64_t k) {
    PyObject *indices[3] = {PyLong_FromLongLong(i), PyLong_FromLongLong(j), PyLong_FromLongLong(k)}, *view = NULL;
    if (indices[0] && indices[1] && indices[2]) view = bk_np_view(array, indices, (Py_ssize_t)n);
    if (!view) PyErr_Clear();
    for (int x = 0; x < 3; x++) Py_XDECREF(indices[x]);
    return view;
}
