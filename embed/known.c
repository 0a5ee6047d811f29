/* Types and singletons that the builder knows by name. */
#include "numpy.h"
#include "objects.h"

bk_known bk_types;

static void set_numbers(void) {
    bk_types.t_int = &PyLong_Type;
    bk_types.t_float = &PyFloat_Type;
    bk_types.t_bool = &PyBool_Type;
    bk_types.t_complex = &PyComplex_Type;
    bk_types.t_true = Py_True;
    bk_types.t_false = Py_False;
    bk_types.t_none = Py_None;
    bk_types.t_none_type = Py_TYPE(Py_None);
    bk_types.t_not_implemented = Py_NotImplemented;
    bk_types.t_stop_iteration = PyExc_StopIteration;
}

static void set_containers(void) {
    bk_types.t_str = &PyUnicode_Type;
    bk_types.t_bytes = &PyBytes_Type;
    bk_types.t_bytearray = &PyByteArray_Type;
    bk_types.t_list = &PyList_Type;
    bk_types.t_tuple = &PyTuple_Type;
    bk_types.t_dict = &PyDict_Type;
    bk_types.t_set = &PySet_Type;
    bk_types.t_frozenset = &PyFrozenSet_Type;
    bk_types.t_range = &PyRange_Type;
    bk_types.t_slice = &PySlice_Type;
    bk_types.t_memoryview = &PyMemoryView_Type;
}

static void set_iterators(void) {
    bk_types.t_range_iterator = &PyRangeIter_Type;
    bk_types.t_list_iterator = &PyListIter_Type;
    bk_types.t_tuple_iterator = &PyTupleIter_Type;
    bk_types.t_generator = &PyGen_Type;
    bk_types.t_enumerate = &PyEnum_Type;
    bk_types.t_zip = &PyZip_Type;
    bk_types.t_reversed = &PyReversed_Type;
    bk_types.t_super = &PySuper_Type;
    bk_types.t_list_reverseiterator = &PyListRevIter_Type;
}

/* the type of an iterator over a new empty `over` (stolen); it is static */
static bk_obj *iterator_type(PyObject *over) {
    PyObject *it = over ? PyObject_GetIter(over) : NULL;
    bk_obj *type = it ? (bk_obj *)Py_TYPE(it) : NULL;
    Py_XDECREF(it);
    Py_XDECREF(over);
    return type;
}

static void set_more_iterators(void) {
    bk_types.t_str_ascii_iterator = iterator_type(PyUnicode_FromString("a"));
    bk_types.t_str_iterator = iterator_type(PyUnicode_FromString("\xc3\xa9"));
    bk_types.t_bytes_iterator = iterator_type(PyBytes_FromStringAndSize(NULL, 0));
    bk_types.t_bytearray_iterator = iterator_type(PyByteArray_FromStringAndSize(NULL, 0));
    bk_types.t_set_iterator = iterator_type(PySet_New(NULL));
    bk_types.t_seq_iterator = &PySeqIter_Type;
    bk_types.t_dict_keys = &PyDictKeys_Type;
    bk_types.t_dict_values = &PyDictValues_Type;
    bk_types.t_dict_items = &PyDictItems_Type;
    bk_types.t_dict_keyiterator = &PyDictIterKey_Type;
    bk_types.t_dict_valueiterator = &PyDictIterValue_Type;
    bk_types.t_dict_itemiterator = &PyDictIterItem_Type;
}

static void set_callables(void) {
    bk_types.t_function = &PyFunction_Type;
    bk_types.t_method = &PyMethod_Type;
    bk_types.t_builtin = &PyCFunction_Type;
    bk_types.t_method_descriptor = &PyMethodDescr_Type;
    bk_types.t_module = &PyModule_Type;
    bk_types.t_type = &PyType_Type;
    bk_types.t_cell = &PyCell_Type;
}

int bk_known_init(void) {
    set_numbers();
    set_containers();
    set_iterators();
    set_more_iterators();
    set_callables();
    return 0;
}

PyObject *bk_loaded_module(const char *name) {
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    PyObject *m = modules && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, name) : NULL;
    return m && PyModule_CheckExact(m) ? m : NULL;
}

/* array.array is a heap type: one reference is kept */
static void load_array(void) {
    if (bk_types.t_array_array) return;
    PyObject *module = bk_loaded_module("array");
    PyObject *type = module ? PyDict_GetItemString(PyModule_GetDict(module), "array") : NULL;
    if (!type || !PyType_Check(type)) return;
    if (strcmp(((PyTypeObject *)type)->tp_name, "array.array") != 0) return;
    if (((PyTypeObject *)type)->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) bk_types.t_array_array = Py_NewRef(type);
}

void bk_py_refresh_known(void) {
    load_array();
    (void)bk_np_load();
}
