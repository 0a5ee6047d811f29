/* Small questions about objects and functions, and the object layouts that compiled code reads. */
#include "objects.h"
#include "helpers.h"
#include "numpy.h"
#include "objects_version.h"
#include <string.h>

int bk_objects_init(void) {
    bk_helpers_fill();
    return bk_known_init();
}

/* --- objects */
bk_obj *bk_py_type(bk_obj *o) { return Py_TYPE((PyObject *)o); }
void bk_py_incref(bk_obj *o) { Py_INCREF((PyObject *)o); }
void bk_py_decref(bk_obj *o) { Py_DECREF((PyObject *)o); }
const char *bk_py_type_name(bk_obj *type) { return ((PyTypeObject *)type)->tp_name; }

bool bk_py_as_i64(bk_obj *o, int64_t *v) {
    if (!PyLong_CheckExact((PyObject *)o) && !PyBool_Check((PyObject *)o)) return false;
    int overflow;
    *v = PyLong_AsLongLongAndOverflow(o, &overflow);
    return overflow == 0;
}

double bk_py_as_f64(bk_obj *o) { return PyFloat_AS_DOUBLE((PyObject *)o); }

int64_t bk_py_len(bk_obj *o) {
    return PyTuple_Check((PyObject *)o) ? PyTuple_GET_SIZE((PyObject *)o) : PyUnicode_GET_LENGTH((PyObject *)o);
}

bk_obj *bk_py_item(bk_obj *tuple, int64_t i) { return PyTuple_GET_ITEM((PyObject *)tuple, i); }
bool bk_py_str_is(bk_obj *str, const char *text) { return PyUnicode_CompareWithASCIIString(str, text) == 0; }

const char *bk_py_text(bk_obj *str) {
    PyObject *exc = PyErr_GetRaisedException();
    const char *s = PyUnicode_AsUTF8(str);
    PyErr_SetRaisedException(exc); /* also drops what failed: a lone surrogate, no memory */
    return s ? s : "?";
}

/* __class__ can be assigned between mutable types, and between modules */
bool bk_py_is_heap_type(bk_obj *type) {
    PyTypeObject *t = type;
    return !(t->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) || PyType_IsSubtype(t, &PyModule_Type);
}

/* the common types that need not be looked for among NumPy's */
static bool is_container(bk_obj *type) {
    return type == &PyTuple_Type || type == &PyList_Type || type == &PyDict_Type || type == &PySet_Type ||
           (((PyTypeObject *)type)->tp_flags & Py_TPFLAGS_HEAPTYPE);
}

bool bk_py_type_is_simple(bk_obj *type) {
    return type == &PyFloat_Type || type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBool_Type ||
           type == &PyBytes_Type || type == &PyComplex_Type || type == Py_TYPE(Py_None) ||
           (bk_types.np_scalar[0] && !is_container(type) && bk_py_np_typenum(type) >= 0);
}

bool bk_py_is_immortal(bk_obj *o) { return _Py_IsImmortal((PyObject *)o); }

/* --- functions */
bk_obj *bk_py_func_code(bk_obj *func) { return PyFunction_GET_CODE((PyObject *)func); }
bk_obj *bk_py_func_globals(bk_obj *func) { return ((PyFunctionObject *)func)->func_globals; }
bk_obj *bk_py_func_builtins(bk_obj *func) { return ((PyFunctionObject *)func)->func_builtins; }
bk_obj *bk_py_func_closure(bk_obj *func) { return ((PyFunctionObject *)func)->func_closure; }

bk_obj *bk_py_func_default(bk_obj *func, uint32_t param) {
    PyObject *defaults = ((PyFunctionObject *)func)->func_defaults;
    uint32_t argcount = (uint32_t)((PyCodeObject *)PyFunction_GET_CODE((PyObject *)func))->co_argcount;
    if (!defaults || param >= argcount) return NULL;
    Py_ssize_t i = PyTuple_GET_SIZE(defaults) - (Py_ssize_t)(argcount - param);
    return i >= 0 ? PyTuple_GET_ITEM(defaults, i) : NULL;
}

bk_obj *bk_py_func_kwdefault(bk_obj *func, const char *name, bk_obj **key) {
    PyObject *d = ((PyFunctionObject *)func)->func_kwdefaults, *k, *v;
    Py_ssize_t at = 0;
    if (!d || !PyDict_CheckExact(d) || !bkv_dict_only_str(d)) return NULL;
    while (PyDict_Next(d, &at, &k, &v)) {
        if (!bk_py_str_is(k, name)) continue;
        if (key) *key = k;
        return d;
    }
    return NULL;
}

bk_obj *bk_py_empty_tuple(void) { return &_Py_SINGLETON(tuple_empty); }

/* --- layouts */
static void layout_containers(bk_traits *t) {
    t->list_items = offsetof(PyListObject, ob_item);
    t->var_size = offsetof(PyVarObject, ob_size);
    t->tuple_items = offsetof(PyTupleObject, ob_item);
    t->dict_used = offsetof(PyDictObject, ma_used);
    t->set_used = offsetof(PySetObject, used);
    t->bytes_data = offsetof(PyBytesObject, ob_sval);
    t->bytearray_start = offsetof(PyByteArrayObject, ob_start);
    t->cell_value = offsetof(PyCellObject, ob_ref);
    t->real_is_real = BKV_REAL_IS_REAL;
    t->complex_real = offsetof(PyComplexObject, cval.real);
    t->complex_imag = offsetof(PyComplexObject, cval.imag);
    t->type_flags = offsetof(PyTypeObject, tp_flags);
    t->flag_sequence = Py_TPFLAGS_SEQUENCE;
    t->flag_mapping = Py_TPFLAGS_MAPPING;
    t->func_kwdefaults = offsetof(PyFunctionObject, func_kwdefaults);
    t->func_code = offsetof(PyFunctionObject, func_code);
    t->func_defaults = offsetof(PyFunctionObject, func_defaults);
    t->func_globals = offsetof(PyFunctionObject, func_globals);
    t->func_builtins = offsetof(PyFunctionObject, func_builtins);
    t->func_closure = offsetof(PyFunctionObject, func_closure);
    t->func_vectorcall = offsetof(PyFunctionObject, vectorcall);
    t->method_func = offsetof(PyMethodObject, im_func);
    t->method_self = offsetof(PyMethodObject, im_self);
}

static void layout_iterators(bk_traits *t) {
    t->rangeiter_start = offsetof(_PyRangeIterObject, start);
    t->rangeiter_step = offsetof(_PyRangeIterObject, step);
    t->rangeiter_len = offsetof(_PyRangeIterObject, len);
    t->listiter_index = offsetof(_PyListIterObject, it_index);
    t->listiter_seq = offsetof(_PyListIterObject, it_seq);
    t->tupleiter_index = offsetof(_PyTupleIterObject, it_index);
    t->tupleiter_seq = offsetof(_PyTupleIterObject, it_seq);
}

/* rangeobject.c's and arraymodule.c's own structs, in no header */
typedef struct {
    PyObject_HEAD PyObject *start, *stop, *step, *length;
} range_object;

typedef struct {
    PyObject_VAR_HEAD char *items;
    Py_ssize_t allocated;
    const void *descr;
} array_object;

static void layout_private(bk_traits *t) {
    t->range_start = offsetof(range_object, start);
    t->range_stop = offsetof(range_object, stop);
    t->range_step = offsetof(range_object, step);
    t->range_length = offsetof(range_object, length);
    t->array_items = offsetof(array_object, items);
    t->array_descr = offsetof(array_object, descr);
}

static void layout_str(bk_traits *t) {
    PyASCIIObject ones;
    uint32_t word;
    t->str_length = offsetof(PyASCIIObject, length);
    t->str_state = offsetof(PyASCIIObject, state);
    t->str_ascii_data = sizeof(PyASCIIObject);
    memset(&ones, 0, sizeof ones);
    ones.state.compact = ones.state.ascii = 1;
    memcpy(&word, &ones.state, 4);
    t->str_ascii_mask = t->str_ascii_value = word;
}

static void layout_buffers(bk_traits *t) {
    t->memview_buf = offsetof(PyMemoryViewObject, view.buf);
    t->memview_ndim = offsetof(PyMemoryViewObject, view.ndim);
    t->memview_itemsize = offsetof(PyMemoryViewObject, view.itemsize);
    t->memview_len = offsetof(PyMemoryViewObject, view.len);
    t->memview_format = offsetof(PyMemoryViewObject, view.format);
    t->memview_readonly = offsetof(PyMemoryViewObject, view.readonly);
    t->memview_bad_flags = _Py_MEMORYVIEW_RELEASED | _Py_MEMORYVIEW_PIL;
    t->memview_strides = offsetof(PyMemoryViewObject, view.strides);
    t->memview_shape = offsetof(PyMemoryViewObject, view.shape);
    t->memview_flags = offsetof(PyMemoryViewObject, flags);
    t->nd_data = offsetof(bk_ndarray, data);
    t->nd_ndim = offsetof(bk_ndarray, nd);
    t->nd_dims = offsetof(bk_ndarray, dims);
    t->nd_strides = offsetof(bk_ndarray, strides);
    t->nd_descr = offsetof(bk_ndarray, descr);
    t->nd_flags = offsetof(bk_ndarray, flags);
    t->np_value = BK_NP_VALUE;
}

/* --- the layouts that no header gives, on live objects */
static bool check_range(void) {
    PyObject *r = PyObject_CallFunction((PyObject *)&PyRange_Type, "iii", 3, 30, 4);
    if (!r) return false;
    range_object *x = (range_object *)r;
    bool ok = Py_TYPE(r)->tp_basicsize == sizeof *x && PyLong_AsLong(x->start) == 3 && PyLong_AsLong(x->stop) == 30 &&
              PyLong_AsLong(x->step) == 4 && PyLong_AsLong(x->length) == 7;
    Py_DECREF(r);
    return ok;
}

static bool check_range_iterator(void) {
    PyObject *r = PyObject_CallFunction((PyObject *)&PyRange_Type, "iii", 3, 30, 4);
    PyObject *it = r ? PyObject_GetIter(r) : NULL, *first = it ? PyIter_Next(it) : NULL;
    _PyRangeIterObject *x = (_PyRangeIterObject *)it;
    bool ok = first && x->start == 7 && x->step == 4 && x->len == 6;
    Py_XDECREF(first);
    Py_XDECREF(it);
    Py_XDECREF(r);
    return ok;
}

static bool check_str(const bk_traits *t) {
    PyObject *a = PyUnicode_FromString("abcd"), *b = PyUnicode_FromString("ab\xc3\xa9");
    bool ok = a && b;
    if (ok) {
        uint32_t sa = *(uint32_t *)((char *)a + t->str_state), sb = *(uint32_t *)((char *)b + t->str_state);
        ok = (sa & t->str_ascii_mask) == t->str_ascii_value && (sb & t->str_ascii_mask) != t->str_ascii_value &&
             memcmp((char *)a + t->str_ascii_data, "abcd", 5) == 0;
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return ok;
}

/* iterators whose structs are in no header are laid out as list iterators are */
static bool check_iterator(PyObject *over, bk_obj *type) {
    bool plain = type == (bk_obj *)&PySeqIter_Type;
    PyObject *it = !over   ? NULL
                   : plain ? PySeqIter_New(over)
                           : PyObject_GetIter(over),
             *first = it ? PyIter_Next(it) : NULL;
    _PyListIterObject *x = (_PyListIterObject *)it;
    bool ok = first && (bk_obj *)Py_TYPE(it) == type && x->it_index == 1 && (PyObject *)x->it_seq == over;
    Py_XDECREF(first);
    Py_XDECREF(it);
    Py_XDECREF(over);
    return ok;
}

static bool check_iterators(void) {
    return check_iterator(PyUnicode_FromString("abc"), bk_types.t_str_ascii_iterator) &&
           check_iterator(PyUnicode_FromString("ab\xc3\xa9"), bk_types.t_str_iterator) &&
           check_iterator(PyBytes_FromString("abc"), bk_types.t_bytes_iterator) &&
           check_iterator(PyByteArray_FromStringAndSize("abc", 3), bk_types.t_bytearray_iterator) &&
           check_iterator(PyUnicode_FromString("abc"), bk_types.t_seq_iterator);
}

/* enumobject.c's, bltinmodule.c's and listobject.c's own structs, in no header: where they look different, loops over
 * such objects are entered without knowing them */
typedef struct {
    PyObject_HEAD Py_ssize_t index;
    PyObject *iter, *result, *long_index;
} enum_object;
typedef struct {
    PyObject_HEAD Py_ssize_t size;
    PyObject *iters, *result;
    int strict;
} zip_object;
typedef struct {
    PyObject_HEAD Py_ssize_t index;
    PyObject *seq;
} revlist_object;

static void layout_wrappers(bk_traits *t) {
    PyObject *list = Py_BuildValue("[iii]", 1, 2, 3), *it = list ? PyObject_GetIter(list) : NULL;
    PyObject *e = it ? PyObject_CallFunction((PyObject *)&PyEnum_Type, "Oi", it, 7) : NULL;
    PyObject *z = it ? PyObject_CallFunctionObjArgs((PyObject *)&PyZip_Type, it, it, NULL) : NULL;
    PyObject *r = list ? PyObject_CallMethod(list, "__reversed__", NULL) : NULL;
    enum_object *eo = (enum_object *)e;
    zip_object *zo = (zip_object *)z;
    revlist_object *ro = (revlist_object *)r;
    if (e && PyEnum_Type.tp_basicsize >= (Py_ssize_t)sizeof *eo && eo->index == 7 && eo->iter == it &&
        !eo->long_index) {
        t->enum_index = offsetof(enum_object, index);
        t->enum_iter = offsetof(enum_object, iter);
        t->enum_long = offsetof(enum_object, long_index);
    }
    if (z && PyZip_Type.tp_basicsize >= (Py_ssize_t)sizeof *zo && zo->size == 2 && PyTuple_CheckExact(zo->iters) &&
        PyTuple_GET_SIZE(zo->iters) == 2 && PyTuple_GET_ITEM(zo->iters, 1) == it && zo->strict == 0) {
        t->zip_iters = offsetof(zip_object, iters);
        t->zip_strict = offsetof(zip_object, strict);
    }
    if (r && PyListRevIter_Type.tp_basicsize == (Py_ssize_t)sizeof *ro && ro->index == 2 && ro->seq == list) {
        t->revlist_index = offsetof(revlist_object, index);
        t->revlist_seq = offsetof(revlist_object, seq);
    }
    Py_XDECREF(r);
    Py_XDECREF(z);
    Py_XDECREF(e);
    Py_XDECREF(it);
    Py_XDECREF(list);
}

bool bk_objects_traits(bk_traits *t, const char **why) {
    layout_containers(t);
    layout_iterators(t);
    layout_private(t);
    layout_wrappers(t);
    layout_str(t);
    layout_buffers(t);
    *why = !check_range()            ? "a range object looks different"
           : !check_range_iterator() ? "a range iterator looks different"
           : !check_str(t)           ? "a string looks different"
           : !check_iterators()      ? "an iterator looks different"
           : !bk_iterators_ok()      ? "an iterator of a dict or set looks different"
           : !bk_chars_init(t)       ? "strings of one character look different"
                                     : NULL;
    if (PyErr_Occurred()) PyErr_Clear();
    return !*why;
}
