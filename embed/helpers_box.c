/* Boxes (Python and NumPy numbers) and exact built-in containers: helpers that run no Python code. */
#include "helpers.h"
#include "numpy.h"
#include <math.h>
#include <string.h>

/* --- Python numbers */
void *bk_h_box_f64(double v) { return PyFloat_FromDouble(v); }

void *bk_h_box_f64_nofail(double v) {
    PyObject *o = PyFloat_FromDouble(v);
    if (!o) Py_FatalError("backedge: out of memory for a float");
    return o;
}

void *bk_h_box_i64(int64_t v) { return PyLong_FromLongLong(v); }
void *bk_h_box_complex(double re, double im) { return PyComplex_FromDoubles(re, im); }

bool bk_h_unbox_i64_ok(void *o) {
    if (PyUnstable_Long_IsCompact((PyLongObject *)o)) return true;
    int overflow;
    (void)PyLong_AsLongLongAndOverflow(o, &overflow);
    return overflow == 0;
}

int64_t bk_h_unbox_i64(void *o) {
    if (PyUnstable_Long_IsCompact((PyLongObject *)o)) return PyUnstable_Long_CompactValue((PyLongObject *)o);
    int overflow;
    return PyLong_AsLongLongAndOverflow(o, &overflow);
}

/* --- NumPy scalars */
/* a scalar with this value as its bytes; NULL with an exception */
static PyObject *np_box(int64_t typenum, const void *value, size_t size) {
    PyTypeObject *type = typenum >= 0 && typenum < NP_NTYPES ? bk_types.np_scalar[typenum] : NULL;
    if (!type) {
        PyErr_SetString(PyExc_SystemError, "backedge: a NumPy scalar of unknown type");
        return NULL;
    }
    PyObject *o = type->tp_alloc(type, 0);
    if (o) memcpy((char *)o + BK_NP_VALUE, value, size);
    return o;
}

void *bk_h_box_np_i(int64_t typenum, int64_t v) {
    if (typenum == NP_BOOL) return Py_XNewRef(bk_np_bools[v != 0]);
    return np_box(typenum, &v, bk_np_itemsize(typenum)); /* little-endian: the low bytes come first */
}

/* nearest half, ties to even; NaN keeps the top bits of its payload */
static uint16_t half_bits(double v) {
    uint64_t u;
    memcpy(&u, &v, 8);
    uint16_t sign = (uint16_t)(u >> 48 & 0x8000);
    if (isnan(v)) {
        uint16_t payload = (uint16_t)(u >> 42 & 0x3ff);
        return (uint16_t)(sign | 0x7c00 | (payload ? payload : 1));
    }
    double a = fabs(v);
    if (a >= 65520.0) return (uint16_t)(sign | 0x7c00);
    if (a < 0x1p-14) return (uint16_t)(sign | (uint16_t)rint(a * 0x1p24)); /* subnormal: a multiple of 2**-24 */
    int e;
    double m = frexp(a, &e); /* 0.5 <= m < 1 */
    return (uint16_t)(sign | (((e + 13) << 10) + (int)rint(m * 2048.0)));
}

void *bk_h_box_np_f(int64_t typenum, double v) {
    if (typenum == NP_DOUBLE) return np_box(typenum, &v, 8);
    if (typenum == NP_HALF) {
        uint16_t h = half_bits(v);
        return np_box(typenum, &h, 2);
    }
    float f = (float)v;
    return np_box(typenum, &f, 4);
}

void *bk_h_box_np_c(int64_t typenum, double re, double im) {
    if (typenum == NP_CDOUBLE) return np_box(typenum, (double[2]){re, im}, 16);
    return np_box(typenum, (float[2]){(float)re, (float)im}, 8);
}

/* --- freeing */
/* destructors of other types may run Python code, which tools must be able to see */
void bk_h_dealloc(void *o) {
    if (bk_py_type_is_simple((bk_obj *)Py_TYPE((PyObject *)o))) {
        _Py_Dealloc(o);
        return;
    }
    PyThreadState *ts = PyThreadState_Get();
    bk_events_on(ts);
    _Py_Dealloc(o);
    bk_events_off(ts);
}

void bk_h_dealloc_num(void *o) { _Py_Dealloc(o); }

/* --- lists and tuples */
bool bk_h_list_append(void *list, void *item) {
    PyListObject *l = list;
    Py_ssize_t n = Py_SIZE(l);
    if (n < l->allocated) {
        l->ob_item[n] = Py_NewRef(item);
        Py_SET_SIZE(l, n + 1);
        return true;
    }
    if (PyList_Append(list, item) == 0) return true;
    PyErr_Clear();
    return false;
}

void *bk_h_list_new(int64_t n) { return PyList_New(n); }
void *bk_h_tuple_new(int64_t n) { return PyTuple_New(n); }

void *bk_h_list_repeat1(void *item, int64_t n) {
    PyObject *list = PyList_New(n < 0 ? 0 : n);
    if (!list) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < Py_SIZE(list); i++) PyList_SET_ITEM(list, i, Py_NewRef(item));
    return list;
}

/* shrinks the item array where list.pop does */
void *bk_h_list_pop(void *list) {
    PyListObject *l = list;
    Py_ssize_t n = Py_SIZE(l) - 1;
    PyObject *item = l->ob_item[n];
    if (n > 0 && n >= l->allocated >> 1) {
        Py_SET_SIZE(l, n);
        return item;
    }
    Py_INCREF(item);
    if (PyList_SetSlice(list, n, n + 1, NULL) == 0) return item;
    Py_DECREF(item);
    return NULL;
}

/* --- dicts */
/* NULL does not say that the key is missing if the dict has other keys than strings (an __eq__ may have to run) */
void *bk_h_dict_get(void *dict, void *key) {
    if (bkv_dict_only_str(dict)) return PyDict_GetItemWithError(dict, key);
    return bkv_dict_get_mixed(dict, key, PyObject_Hash(key));
}
