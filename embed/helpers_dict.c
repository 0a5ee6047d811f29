/* Helpers on exact dicts and sets with plain keys: lookups, stores and iteration that run no Python code. Where that is
 * not certain (a key of another type with the same hash, a value whose death matters, a watched dict) nothing is
 * changed and the interpreter does the instruction. */
#include "plain.h"

/* --- dicts */
/* What is at the key: the address of its value, NULL if it is not there; *sure false: not known. */
static PyObject **find(PyDictObject *d, PyObject *key, Py_hash_t hash, bool *sure) {
    PyDictKeysObject *keys = d->ma_keys;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, place = perturb & mask;
    bool general = keys->dk_kind == DICT_KEYS_GENERAL;
    *sure = true;
    if (!general && !PyUnicode_CheckExact(key)) return NULL;
    for (Py_ssize_t i; (i = bkv_dict_index(keys, place)) != DKIX_EMPTY; place = (place * 5 + perturb + 1) & mask) {
        perturb >>= 5;
        if (i < 0) continue;
        if (!general) {
            PyDictUnicodeEntry *e = &DK_UNICODE_ENTRIES(keys)[i];
            if (e->me_key != key && (((PyASCIIObject *)e->me_key)->hash != hash || !bk_h_str_eq(e->me_key, key)))
                continue;
            return d->ma_values ? &d->ma_values->values[i] : &e->me_value;
        }
        PyDictKeyEntry *e = &DK_ENTRIES(keys)[i];
        if (e->me_key == key) return &e->me_value;
        if (e->me_hash != hash) continue;
        if (!bk_plain(e->me_key)) {
            *sure = false;
            return NULL;
        }
        if (bk_plain_eq(e->me_key, key)) return &e->me_value;
    }
    return NULL;
}

void *bk_h_dict_find(void *dict, void *key) {
    bool sure;
    if (!bk_plain(key)) return BK_CANNOT;
    PyObject **at = find(dict, key, bk_plain_hash(key), &sure);
    return !sure ? BK_CANNOT : at ? *at : NULL;
}

/* it may be changed without anybody being told */
static bool unwatched(PyDictObject *d) { return !d->ma_values && !bkv_dict_watched(d); }

static bool set_new(PyObject *dict, PyObject *key, Py_hash_t hash, PyObject *value) {
    if (_PyDict_SetItem_KnownHash(dict, key, value, hash) == 0) return true;
    PyErr_Clear();
    return false;
}

bool bk_h_dict_put(void *dict, void *key, void *value) {
    bool sure;
    PyDictObject *d = dict;
    if (!bk_plain(key) || !unwatched(d)) return false;
    Py_hash_t hash = bk_plain_hash(key);
    PyObject **at = find(d, key, hash, &sure), *old = at ? *at : NULL;
    if (!sure || (old && !bk_quiet(old))) return false;
    if (!old || (!_PyObject_GC_IS_TRACKED(dict) && _PyObject_IS_GC((PyObject *)value)))
        return set_new(dict, key, hash, value);
    if (old == value) return true;
    *at = Py_NewRef(value);
    bkv_dict_changed(d);
    Py_DECREF(old);
    return true;
}

/* the stored key may be another object than the one looked up, and goes too */
static bool quiet_entry(PyObject *dict, PyObject *key, Py_hash_t hash, PyObject **value) {
    bool sure;
    PyObject **at = find((PyDictObject *)dict, key, hash, &sure);
    *value = at ? *at : NULL;
    return sure;
}

bool bk_h_dict_del(void *dict, void *key) {
    PyObject *old;
    if (!bk_plain(key) || !unwatched(dict)) return false;
    Py_hash_t hash = bk_plain_hash(key);
    if (!quiet_entry(dict, key, hash, &old) || !old || !bk_quiet(old)) return false;
    return _PyDict_DelItem_KnownHash(dict, key, hash) == 0;
}

void *bk_h_dict_pop(void *dict, void *key) {
    PyObject *old;
    if (!bk_plain(key) || !unwatched(dict)) return BK_CANNOT;
    Py_hash_t hash = bk_plain_hash(key);
    if (!quiet_entry(dict, key, hash, &old)) return BK_CANNOT;
    if (!old) return NULL;
    Py_INCREF(old);
    if (_PyDict_DelItem_KnownHash(dict, key, hash) == 0) return old;
    PyErr_Clear();
    Py_DECREF(old);
    return BK_CANNOT;
}

void *bk_h_dict_setdefault(void *dict, void *key, void *value) {
    PyObject *old;
    if (!bk_plain(key) || !unwatched(dict)) return NULL;
    Py_hash_t hash = bk_plain_hash(key);
    if (!quiet_entry(dict, key, hash, &old)) return NULL;
    if (old) return old;
    return set_new(dict, key, hash, value) ? value : NULL;
}

/* --- sets */
enum { PROBES = 9, PERTURB = 5 }; /* setobject.c's LINEAR_PROBES, PERTURB_SHIFT */

/* 1 the key is in the set, 0 it is not, -1 not known */
static int set_find(PySetObject *s, PyObject *key, Py_hash_t hash) {
    size_t mask = (size_t)s->mask, perturb = (size_t)hash, i = perturb & mask;
    for (;;) {
        size_t probes = i + PROBES <= mask ? PROBES : 0;
        for (const setentry *e = &s->table[i], *end = e + probes; e <= end; e++) {
            if (!e->key) return 0;
            if (e->key == key) return 1;
            if (e->hash != hash || (e->hash == -1)) continue;
            if (!bk_plain(e->key)) return -1;
            if (bk_plain_eq(e->key, key)) return 1;
        }
        perturb >>= PERTURB;
        i = (i * 5 + 1 + perturb) & mask;
    }
}

int64_t bk_h_set_has(void *set, void *key) { return bk_plain(key) ? set_find(set, key, bk_plain_hash(key)) : -1; }

bool bk_h_set_put(void *set, void *key) {
    int64_t has = bk_h_set_has(set, key);
    if (has) return has > 0;
    if (PySet_Add(set, key) == 0) return true;
    PyErr_Clear();
    return false;
}

int64_t bk_h_set_discard(void *set, void *key) {
    int64_t has = bk_h_set_has(set, key);
    return has > 0 && PySet_Discard(set, key) < 0 ? -1 : has;
}

/* --- iteration */
/* dictobject.c's and setobject.c's own structs, in no header (bk_h_iters_ok looks at live ones) */
typedef struct {
    PyObject_HEAD PyDictObject *dict;
    Py_ssize_t used, pos;
    PyObject *result;
    Py_ssize_t len;
} dict_iterator;
typedef struct {
    PyObject_HEAD PySetObject *set;
    Py_ssize_t used, pos, len;
} set_iterator;

static bool quiet_result(const dict_iterator *it) {
    return !it->result || Py_REFCNT(it->result) > 1 ||
           bk_h_quiet_deaths2(PyTuple_GET_ITEM(it->result, 0), PyTuple_GET_ITEM(it->result, 1));
}

/* there is an item at or behind the iterator's position */
static bool has_more(const dict_iterator *it) {
    const PyDictObject *d = it->dict;
    PyDictKeysObject *keys = d->ma_keys;
    if (d->ma_values) return it->pos < d->ma_used;
    for (Py_ssize_t i = it->pos; i < keys->dk_nentries; i++)
        if (keys->dk_kind == DICT_KEYS_GENERAL ? DK_ENTRIES(keys)[i].me_value : DK_UNICODE_ENTRIES(keys)[i].me_value)
            return true;
    return false;
}

/* its next step raises nothing, and neither it nor dropping the iterator after the last one runs code */
static bool can_step(PyObject *o) {
    if (Py_IS_TYPE(o, (PyTypeObject *)bk_types.t_set_iterator)) {
        const set_iterator *it = (set_iterator *)o;
        return !it->set || (it->used == it->set->used && Py_REFCNT(it->set) > 1);
    }
    const dict_iterator *it = (dict_iterator *)o;
    if (it->dict && (it->used != it->dict->ma_used || Py_REFCNT(it->dict) == 1)) return false;
    if (it->dict && it->len <= 0 && has_more(it)) return false; /* its keys were changed meanwhile */
    return quiet_result(it);
}

void *bk_h_iter_step(void *o) {
    if (!can_step(o)) return BK_CANNOT;
    PyObject *v = Py_TYPE((PyObject *)o)->tp_iternext(o);
    if (!v && PyErr_Occurred()) { /* no memory for the items' tuple */
        PyErr_Clear();
        return BK_CANNOT;
    }
    return v;
}

/* dict items without the tuple: key and value in ctx.args[0] and [1], new references. 0 exhausted, -1 cannot */
int64_t bk_h_iter_pair(bk_ctx *c, void *o) {
    PyObject *t = bk_h_iter_step(o);
    if (!t) return 0;
    if (t == BK_CANNOT) return -1;
    for (int i = 0; i < 2; i++) c->args[i] = Py_NewRef(PyTuple_GET_ITEM(t, i));
    Py_DECREF(t); /* the iterator's own, or its items have another owner now */
    return 1;
}

void *bk_h_iter_new(void *o) {
    PyObject *it = PyObject_GetIter(o);
    if (!it) PyErr_Clear();
    return it;
}

static bool dict_iterator_ok(void) {
    PyObject *d = PyDict_New(), *items = NULL, *it = NULL, *first = NULL;
    bool ok = d && PyDict_SetItem(d, Py_None, Py_True) == 0 && (items = PyObject_CallMethod(d, "items", NULL)) &&
              (it = PyObject_GetIter(items)) && ((dict_iterator *)it)->len == 1 && (first = PyIter_Next(it));
    const dict_iterator *x = (dict_iterator *)it;
    ok = ok && (PyObject *)x->dict == d && x->used == 1 && x->pos == 1 && x->len == 0 && x->result == first;
    Py_XDECREF(first);
    Py_XDECREF(it);
    Py_XDECREF(items);
    Py_XDECREF(d);
    return ok;
}

static bool set_iterator_ok(void) {
    PyObject *s = PySet_New(NULL), *it = NULL;
    bool ok = s && PySet_Add(s, Py_None) == 0 && (it = PyObject_GetIter(s));
    const set_iterator *x = (set_iterator *)it;
    ok = ok && (PyObject *)x->set == s && x->used == 1 && x->len == 1;
    Py_XDECREF(it);
    Py_XDECREF(s);
    return ok;
}

bool bk_iterators_ok(void) { return dict_iterator_ok() && set_iterator_ok(); }

/* --- sequences */
int64_t bk_h_seq_has(void *seq, void *item) {
    PyObject *const *items =
        PyList_CheckExact((PyObject *)seq) ? ((PyListObject *)seq)->ob_item : ((PyTupleObject *)seq)->ob_item;
    if (!bk_plain(item)) return -1;
    for (Py_ssize_t i = 0; i < Py_SIZE(seq); i++) {
        if (items[i] == item) return 1;
        if (!bk_plain(items[i])) return -1;
        if (bk_plain_eq(items[i], item)) return 1;
    }
    return 0;
}
