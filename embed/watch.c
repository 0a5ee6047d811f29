/* Watchers: CPython's dict, type and function events turned into broken tickets (guards/assume.c), and the assumptions
 * that the JIT asks for. One watcher id of each kind, claimed at the first need. A watcher only sets flags: it runs no
 * Python code and leaves a pending exception alone. */
#include "../guards/assume.h"
#include "objects.h"
#include "objects_version.h"
#include <string.h>

enum { OFTEN_NAME = 2, OFTEN_OTHER = 8 }; /* so many changes: it is no constant any more */

static int dict_watcher = -1, type_watcher = -1, func_watcher = -1;
static vectorcallfunc plain_vectorcall; /* of Python functions nobody took over */

/* --- events */
/* a key of this type may be equal to a string without being one */
static bool may_equal_str(PyObject *key) {
    return !PyLong_CheckExact(key) && !PyTuple_CheckExact(key) && !PyFloat_CheckExact(key) &&
           !PyBytes_CheckExact(key) && key != Py_None;
}

static bool same_name(PyObject *a, PyObject *b) {
    return a == b || (PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_Compare(a, b) == 0);
}

/* A fact that outlived its object (it changed before, and was watched no more) may stand under the address of a new
 * one: hence the kind is compared here, and the text where a ticket begins to rely on it. */
static bk_fact *name_fact(PyObject *dict, PyObject *name) {
    for (bk_fact *f = bk_facts_of(dict); f; f = f->next)
        if (f->kind == BK_FACT_NAME && same_name(f->key, name)) return f;
    return NULL;
}

static bk_fact *kind_fact(bk_factkind kind, const void *object) {
    bk_fact *f = bk_facts_of(object);
    while (f && f->kind != kind) f = f->next;
    return f;
}

static void break_names(PyObject *dict) {
    for (bk_fact *f = bk_facts_of(dict); f; f = f->next)
        if (f->kind == BK_FACT_NAME) bk_fact_break(f, "changed");
}

/* The name that was bound last of which nothing is relied on: a loop may bind a global in each iteration, and looking
 * for facts costs more than binding. The name is a strong reference; forgotten when there are new facts. */
static PyObject *quiet_dict, *quiet_name;

static void forget_quiet(void) {
    quiet_dict = NULL;
    Py_CLEAR(quiet_name);
}

static int on_dict(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value) {
    switch (event) {
    case PyDict_EVENT_ADDED:
    case PyDict_EVENT_MODIFIED:
    case PyDict_EVENT_DELETED:
        if (dict == quiet_dict && key == quiet_name) break;
        if (PyUnicode_CheckExact(key)) {
            bk_fact *f = name_fact(dict, key);
            if (f && f->value != value) bk_fact_break(f, "changed");
            if (!f) {
                quiet_dict = dict;
                Py_XSETREF(quiet_name, Py_NewRef(key));
            }
        } else if (may_equal_str(key)) {
            break_names(dict);
        }
        break;
    case PyDict_EVENT_CLONED:
    case PyDict_EVENT_CLEARED: break_names(dict); break;
    case PyDict_EVENT_DEALLOCATED: bk_facts_forget(dict, "died"); break;
    }
    return 0;
}

/* also when the type dies: the collector clears it, which counts as a change */
static int on_type(PyTypeObject *type) {
    bk_fact *f = kind_fact(BK_FACT_TYPE, type);
    if (f) bk_fact_break(f, "changed");
    return 0;
}

static int on_func(PyFunction_WatchEvent event, PyFunctionObject *func, PyObject *value) {
    (void)value;
    if (event == PyFunction_EVENT_CREATE) return 0;
    if (event == PyFunction_EVENT_DESTROY) {
        bk_facts_forget(func, "died");
        return 0;
    }
    bk_fact *f = kind_fact(BK_FACT_FUNCTION, func);
    if (f) bk_fact_break(f, "changed");
    return 0;
}

/* --- watcher ids */
static void drop_key(void *key) { Py_DECREF((PyObject *)key); }

static void unused(bk_factkind kind, void *object) {
    if (kind != BK_FACT_NAME || dict_watcher < 0) return; /* watched types and functions cost nothing */
    PyObject *exc = PyErr_GetRaisedException();
    if (PyDict_Unwatch(dict_watcher, object) < 0) PyErr_Clear();
    PyErr_SetRaisedException(exc);
}

static void claim(int *id, int got) {
    static const bk_assume_hooks hooks = {drop_key, unused};
    bk_assume_set_hooks(&hooks);
    if (got < 0) PyErr_Clear(); /* all ids are taken: nothing can be assumed */
    *id = got;
}

static bool have_dict_watcher(void) {
    if (dict_watcher < 0) claim(&dict_watcher, PyDict_AddWatcher(on_dict));
    return dict_watcher >= 0;
}

static bool have_type_watcher(void) {
    if (type_watcher < 0) claim(&type_watcher, PyType_AddWatcher(on_type));
    return type_watcher >= 0;
}

/* the vectorcall that new functions get is exported by no version: asked from a new function */
static bool find_plain_vectorcall(void) {
    PyObject *globals = PyDict_New();
    PyCodeObject *code = PyCode_NewEmpty("", "", 1);
    PyObject *f = globals && code ? PyFunction_New((PyObject *)code, globals) : NULL;
    if (f) plain_vectorcall = ((PyFunctionObject *)f)->vectorcall;
    else PyErr_Clear();
    Py_XDECREF(f);
    Py_XDECREF(code);
    Py_XDECREF(globals);
    return plain_vectorcall != NULL;
}

const void *bk_py_plain_vectorcall(void) {
    return plain_vectorcall || find_plain_vectorcall() ? (const void *)plain_vectorcall : NULL;
}

static bool have_func_watcher(void) {
    if (!bk_py_plain_vectorcall()) return false;
    if (func_watcher < 0) claim(&func_watcher, PyFunction_AddWatcher(on_func));
    return func_watcher >= 0;
}

void bk_watch_stop(void) {
    forget_quiet();
    bk_facts_clear("is no longer watched");
    if (dict_watcher >= 0 && PyDict_ClearWatcher(dict_watcher) < 0) PyErr_Clear();
    if (type_watcher >= 0 && PyType_ClearWatcher(type_watcher) < 0) PyErr_Clear();
    if (func_watcher >= 0 && PyFunction_ClearWatcher(func_watcher) < 0) PyErr_Clear();
    dict_watcher = type_watcher = func_watcher = -1;
}

/* --- names in dicts */
/* what an exact string is bound to, borrowed; NULL also if that cannot be told without running Python code */
static PyObject *peek(PyObject *dict, PyObject *name) {
    if (!bkv_dict_only_str(dict)) return NULL;
    PyObject *v = PyDict_GetItemWithError(dict, name);
    if (!v) PyErr_Clear();
    return v;
}

/* "global 'x' of module m" */
static void name_text(char *text, size_t size, PyObject *dict, PyObject *name) {
    PyObject *key = PyUnicode_InternFromString("__name__");
    PyObject *module = key ? peek(dict, key) : NULL;
    bool builtin = module && PyUnicode_Check(module) && bk_py_str_is(module, "builtins");
    if (builtin) snprintf(text, size, "builtin '%.60s'", bk_py_text(name));
    else if (module && PyUnicode_Check(module))
        snprintf(text, size, "global '%.60s' of module %.80s", bk_py_text(name), bk_py_text(module));
    else snprintf(text, size, "global '%.60s'", bk_py_text(name));
    Py_XDECREF(key);
    PyErr_Clear();
}

/* `f`, unless it is about an object that is gone; NULL then, or if it changed too often (*often) */
static bk_fact *current_fact(bk_fact *f, const char *text, uint32_t limit, bool *often) {
    *often = false;
    if (f && !f->ntickets && strcmp(f->text, text) != 0) {
        bk_facts_forget(f->object, "died");
        return NULL;
    }
    *often = f && f->changes >= limit;
    return *often ? NULL : f;
}

static bk_fact *fact_of_name(PyObject *dict, PyObject *name) {
    char text[180];
    bool often;
    name_text(text, sizeof text, dict, name);
    bk_fact *f = current_fact(name_fact(dict, name), text, OFTEN_NAME, &often);
    if (f || often) return f;
    forget_quiet();
    f = bk_fact_new(BK_FACT_NAME, dict, Py_NewRef(name), text);
    if (!f) Py_DECREF(name);
    return f;
}

static bool watch_dict(PyObject *dict) {
    if (PyDict_Watch(dict_watcher, dict) == 0) return true;
    PyErr_Clear();
    return false;
}

/* the ticket relies on the name being bound to what it is bound to now (perhaps nothing) */
static bool rely_on_name(bk_ticket *t, PyObject *dict, PyObject *name) {
    if (!bkv_dict_watchable(dict) || !have_dict_watcher()) return false;
    bk_fact *f = fact_of_name(dict, name);
    if (!f) return false;
    bool done = watch_dict(dict) && bk_ticket_rely(t, f);
    if (done) f->value = peek(dict, name);
    else bk_fact_release(f);
    if (!bk_facts_used(dict)) unused(BK_FACT_NAME, dict);
    return done;
}

bk_obj *bk_assume_global(bk_ticket *t, bk_obj *globals, bk_obj *builtins, bk_obj *name) {
    if (!PyDict_CheckExact((PyObject *)globals) || !PyDict_CheckExact((PyObject *)builtins)) return NULL;
    if (!PyUnicode_CheckExact((PyObject *)name)) return NULL;
    bool global = peek(globals, name) != NULL;
    if (!global && (!peek(builtins, name) || !rely_on_name(t, builtins, name))) return NULL;
    if (!rely_on_name(t, globals, name)) return NULL; /* a builtin relies on no global hiding it */
    return peek(global ? globals : builtins, name);
}

bk_obj *bk_assume_module_attr(bk_ticket *t, bk_obj *module, bk_obj *name) {
    if (!PyModule_CheckExact((PyObject *)module) || !PyUnicode_CheckExact((PyObject *)name)) return NULL;
    PyObject *of_type = _PyType_Lookup(&PyModule_Type, name);
    if (of_type && PyDescr_IsData(of_type)) return NULL; /* __dict__, __class__: not from the module's dict */
    PyObject *dict = PyModule_GetDict(module);
    if (!dict || !peek(dict, name) || !rely_on_name(t, dict, name)) return NULL;
    return peek(dict, name);
}

/* --- functions and types */
static bk_fact *object_fact(bk_factkind kind, PyObject *o, const char *what, const char *name) {
    char text[180];
    bool often;
    snprintf(text, sizeof text, "%s %.120s", what, name);
    bk_fact *f = current_fact(kind_fact(kind, o), text, OFTEN_OTHER, &often);
    return f || often ? f : bk_fact_new(kind, o, NULL, text);
}

static bool rely_on_object(bk_ticket *t, bk_fact *f) {
    if (!f) return false;
    if (bk_ticket_rely(t, f)) return true;
    bk_fact_release(f);
    return false;
}

bool bk_assume_function(bk_ticket *t, bk_obj *func) {
    if (!PyFunction_Check((PyObject *)func) || !have_func_watcher()) return false;
    if (((PyFunctionObject *)func)->vectorcall != plain_vectorcall) return false;
    const char *name = bk_py_text(((PyFunctionObject *)func)->func_qualname);
    return rely_on_object(t, object_fact(BK_FACT_FUNCTION, func, "function", name));
}

static bool never_changes(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    if (!mro) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++)
        if (!(((PyTypeObject *)PyTuple_GET_ITEM(mro, i))->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) return false;
    return true;
}

bool bk_assume_type(bk_ticket *t, bk_obj *type) {
    if (never_changes(type)) return true;
    if (!have_type_watcher()) return false;
    bk_fact *f = object_fact(BK_FACT_TYPE, type, "type", bk_py_type_name(type));
    if (!rely_on_object(t, f)) return false;
    if (PyType_Watch(type_watcher, type) < 0) {
        PyErr_Clear();
        return false;
    }
    return PyUnstable_Type_AssignVersionTag(type) != 0; /* without one no change is reported */
}
