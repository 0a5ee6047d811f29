/* What the objects part of embed needs to know of one CPython version: the only place there with version checks. */
#ifndef BK_OBJECTS_VERSION_H
#define BK_OBJECTS_VERSION_H
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#if PY_VERSION_HEX < 0x030c0000 || PY_VERSION_HEX >= 0x03100000
#error "embed/objects_version.h: unknown CPython version, check every layout in this file"
#endif
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_list.h"
#include "internal/pycore_object.h"
#include "internal/pycore_range.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_unicodeobject.h"
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_setobject.h" /* _PySet_Update, public before */
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_complexobject.h"
#endif
#pragma GCC diagnostic pop
#include <stdbool.h>

/* --- inline values of instances */
#if PY_VERSION_HEX >= 0x030d0000
/* behind the object head, with a byte that tells whether they are in use */
#define BKV_VALUES_INDIRECT false
#define BKV_VALID_OFF ((int32_t)(sizeof(PyObject) + offsetof(PyDictValues, valid)))
#define BKV_VALUES_OFF ((int32_t)(sizeof(PyObject) + offsetof(PyDictValues, values)))
static inline bool bkv_has_inline_values(PyTypeObject *t) {
    return (t->tp_flags & Py_TPFLAGS_INLINE_VALUES) && t->tp_basicsize == (Py_ssize_t)sizeof(PyObject) &&
           ((PyHeapTypeObject *)t)->ht_cached_keys;
}
#else
/* elsewhere: the word three before the object is their address - 1 (odd), or the dict */
#define BKV_VALUES_INDIRECT true
#define BKV_VALID_OFF ((int32_t)(-3 * (int)sizeof(void *)))
#define BKV_VALUES_OFF ((int32_t)(2 + offsetof(PyDictValues, values)))
static inline bool bkv_has_inline_values(PyTypeObject *t) {
    return (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) && (t->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
           ((PyHeapTypeObject *)t)->ht_cached_keys;
}
#endif

/* the values of an instance that uses them */
#if PY_VERSION_HEX >= 0x030d0000
/* what object.__new__ does for a class without abstract methods */
static inline PyObject *bkv_new_instance(PyTypeObject *t) { return t->tp_alloc(t, 0); }
static inline PyObject **bkv_values_of(PyObject *o) { return _PyObject_InlineValues(o)->values; }
static inline bool bkv_uses_values(PyObject *o) {
    return _PyObject_InlineValues(o)->valid && !_PyObject_GetManagedDict(o);
}
/* the next value of a new instance is that number */
static inline void bkv_add_to_order(PyObject *o, uint8_t index) {
    _PyDictValues_AddToInsertionOrder(_PyObject_InlineValues(o), index);
}
#else
/* the values are made by object.__new__ itself */
static inline PyObject *bkv_new_instance(PyTypeObject *t) {
    return PyBaseObject_Type.tp_new(t, (PyObject *)&_Py_SINGLETON(tuple_empty), NULL);
}
static inline PyDictValues *bkv_values_head(PyObject *o) {
    return _PyDictOrValues_GetValues(*_PyObject_DictOrValuesPointer(o));
}
static inline PyObject **bkv_values_of(PyObject *o) { return bkv_values_head(o)->values; }
static inline bool bkv_uses_values(PyObject *o) {
    PyDictOrValues d = *_PyObject_DictOrValuesPointer(o);
    return _PyDictOrValues_IsValues(d) && _PyDictOrValues_GetValues(d);
}
static inline void bkv_add_to_order(PyObject *o, uint8_t index) {
    _PyDictValues_AddToInsertionOrder(bkv_values_head(o), index);
}
#endif

/* --- shared keys. A type's keys object is made with the type and stays until type_clear, which reports a change of
 * the type first; it only ever grows, and dk_nentries counts every key that was added. */
static inline Py_ssize_t bkv_key_index(PyDictKeysObject *keys, PyObject *name) {
    if (keys->dk_kind == DICT_KEYS_GENERAL) return -1;
    for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
        PyObject *k = DK_UNICODE_ENTRIES(keys)[i].me_key;
        if (k == name || (k && PyUnicode_CheckExact(k) && PyUnicode_Compare(k, name) == 0)) return i;
    }
    return -1;
}

/* the field of a new function that MAKE_FUNCTION's bit names */
static inline PyObject **bkv_function_attribute(PyFunctionObject *f, int64_t bit) {
    switch (bit) {
    case 1: return &f->func_defaults;
    case 2: return &f->func_kwdefaults;
    case 4: return &f->func_annotations;
#if PY_VERSION_HEX >= 0x030e0000
    case 16: return &f->func_annotate;
#endif
    default: return &f->func_closure;
    }
}

static inline PyObject *bkv_property_getter(PyObject *property) { return ((_PyPropertyObject *)property)->prop_get; }

/* all keys of the dict are exact strings: looking one up runs no Python code */
static inline bool bkv_dict_only_str(PyObject *d) { return ((PyDictObject *)d)->ma_keys->dk_kind != DICT_KEYS_GENERAL; }

/* number of the entry at a place of the hash table; -1 empty, -2 deleted */
static inline Py_ssize_t bkv_dict_index(const PyDictKeysObject *keys, size_t place) {
    switch (keys->dk_log2_index_bytes - keys->dk_log2_size) {
    case 0: return ((const int8_t *)keys->dk_indices)[place];
    case 1: return ((const int16_t *)keys->dk_indices)[place];
    case 2: return ((const int32_t *)keys->dk_indices)[place];
    default: return (Py_ssize_t)((const int64_t *)keys->dk_indices)[place];
    }
}

/* An exact string in a dict whose keys are not all strings, borrowed. NULL: not there, or a key of another type with
 * the same hash stands in the way, whose __eq__ would have to run. */
static inline PyObject *bkv_dict_get_mixed(PyObject *d, PyObject *name, Py_hash_t hash) {
    PyDictKeysObject *keys = ((PyDictObject *)d)->ma_keys;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, place = perturb & mask;
    for (Py_ssize_t i; (i = bkv_dict_index(keys, place)) != DKIX_EMPTY; place = (place * 5 + perturb + 1) & mask) {
        PyDictKeyEntry *e = i >= 0 ? &DK_ENTRIES(keys)[i] : NULL;
        if (e && e->me_hash == hash) {
            if (e->me_key == name) return e->me_value;
            if (!PyUnicode_CheckExact(e->me_key)) return NULL;
            if (PyUnicode_Compare(e->me_key, name) == 0) return e->me_value;
        }
        perturb >>= 5;
    }
    return NULL;
}

/* somebody is told of changes of the dict */
static inline bool bkv_dict_watched(const PyDictObject *d) {
#if PY_VERSION_HEX >= 0x030e0000
    return d->_ma_watcher_tag & ((1 << DICT_MAX_WATCHERS) - 1);
#else
    return d->ma_version_tag & ((1 << DICT_MAX_WATCHERS) - 1);
#endif
}

/* a value of the dict, which is not watched, was replaced in place */
static inline void bkv_dict_changed(PyDictObject *d) {
#if PY_VERSION_HEX >= 0x030e0000
    (void)d;
#else
    uint64_t keep = d->ma_version_tag & (DICT_VERSION_INCREMENT - 1);
    d->ma_version_tag = DICT_NEXT_VERSION(PyInterpreterState_Get()) | keep;
#endif
}

/* in a dict whose keys are not all strings, a key has that hash */
static inline bool bkv_dict_has_hash(PyObject *d, Py_hash_t hash) {
    PyDictKeysObject *keys = ((PyDictObject *)d)->ma_keys;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, place = perturb & mask;
    for (Py_ssize_t i; (i = bkv_dict_index(keys, place)) != DKIX_EMPTY; place = (place * 5 + perturb + 1) & mask) {
        if (i >= 0 && DK_ENTRIES(keys)[i].me_hash == hash) return true;
        perturb >>= 5;
    }
    return false;
}

/* the number of items that the message for too many to unpack tells; -1: none */
static inline Py_ssize_t bkv_unpack_got(PyObject *o) {
#if PY_VERSION_HEX >= 0x030e0000
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) return Py_SIZE(o);
    if (PyDict_CheckExact(o)) return PyDict_GET_SIZE(o);
#else
    (void)o;
#endif
    return -1;
}

/* --- arithmetic of a complex number and a real one: since 3.14 the real one has no imaginary part, before it is 0 */
#if PY_VERSION_HEX >= 0x030e0000
#define BKV_REAL_IS_REAL true
static inline Py_complex bkv_real_quot(double a, Py_complex b) { return _Py_rc_quot(a, b); }
#else
#define BKV_REAL_IS_REAL false
static inline Py_complex bkv_real_quot(double a, Py_complex b) { return _Py_c_quot((Py_complex){a, 0.0}, b); }
#endif

/* changes of the dict are reported: not of one that shares its values with an instance (3.13: attribute stores) */
static inline bool bkv_dict_watchable(PyObject *d) { return bkv_dict_only_str(d) && !((PyDictObject *)d)->ma_values; }
#endif
