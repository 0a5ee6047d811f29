/* Watching a whole program: PY_START is on everywhere; the first start of a code object decides whether it is watched.
 * If not, the place is disabled, so that it costs one event. */
#include "watchall.h"
#include "listen.h"
#include "opcode.h"

static PyObject *decide; /* (file name, module name) -> bool; NULL: only decorated code is watched */
static PyObject *known;  /* file name -> bool */

/* Cache entries are not told from instructions: one that looks like a jump costs a needless decoding. A tool may hide
 * an instruction behind its own. */
static bool may_have_loops(PyCodeObject *co) {
    const _Py_CODEUNIT *code = _PyCode_CODE(co);
    for (Py_ssize_t i = 0; i < Py_SIZE(co); i++) {
        switch (code[i].op.code) {
        case JUMP_BACKWARD:
        case JUMP_BACKWARD_NO_INTERRUPT:
        case INSTRUMENTED_JUMP_BACKWARD:
        case INSTRUMENTED_LINE:
        case INSTRUMENTED_INSTRUCTION: return true;
        default: break;
        }
    }
    return false;
}

static PyObject *module_name(PyObject *globals) {
    PyObject *name = globals && PyDict_CheckExact(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    return name && PyUnicode_Check(name) ? name : Py_None; /* borrowed */
}

static bool has_name(PyObject *names, PyObject *name) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++)
        if (PyTuple_GET_ITEM(names, i) == name) return true; /* both are interned */
    return false;
}

/* What has no loops may be worth entering at its start (jit/start.c): if it seems to call itself, or is long. */
static bool may_matter(PyCodeObject *co) {
    enum { LONG = 300 }; /* code units */
    return Py_SIZE(co) >= LONG || has_name(co->co_names, co->co_name) ||
           has_name(co->co_localsplusnames, co->co_name) || may_have_loops(co);
}

/* 1 yes, 0 no, -1 with an exception set */
static int wanted(PyObject *file, PyObject *globals) {
    PyObject *answer = PyDict_GetItemWithError(known, file); /* borrowed */
    if (answer) return answer == Py_True;
    if (PyErr_Occurred()) return -1;
    PyObject *args[] = {file, module_name(globals)}, *f = Py_NewRef(decide);
    PyObject *r = PyObject_Vectorcall(f, args, 2, NULL);
    int yes = r ? PyObject_IsTrue(r) : -1;
    if (yes >= 0 && known && PyDict_SetItem(known, file, yes ? Py_True : Py_False) < 0) yes = -1;
    Py_XDECREF(r);
    Py_DECREF(f);
    return yes;
}

bool bk_watchall_start(bkp_frame *f, PyObject *code) {
    if (!decide || bk_driver_enabled(code) || !may_matter((PyCodeObject *)code)) return false;
    PyObject *saved = PyErr_GetRaisedException(), *func = (PyObject *)bkp_func(f);
    int yes = wanted(((PyCodeObject *)code)->co_filename, func ? PyFunction_GET_GLOBALS(func) : NULL);
    if (yes > 0 && bk_driver_enable(code, NULL, false) < 0) yes = -1;
    if (yes < 0) PyErr_WriteUnraisable(code);
    PyErr_SetRaisedException(saved);
    return yes > 0 && bk_driver_enabled(code);
}

bool bk_watchall_on(void) { return decide != NULL; }

PyObject *bk_watchall_set(PyObject *self, PyObject *f) {
    (void)self;
    if (f != Py_None && !PyCallable_Check(f)) {
        PyErr_Format(PyExc_TypeError, "a callable is needed, not %.100s", Py_TYPE(f)->tp_name);
        return NULL;
    }
    PyObject *fresh = PyDict_New();
    if (!fresh) return NULL;
    Py_XSETREF(known, fresh);
    Py_XSETREF(decide, f == Py_None ? NULL : Py_NewRef(f));
    return bk_events_set_global(decide != NULL) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *before_spawn; /* NULL: nobody waits for it */

/* how a process is to be started is in modules of these names, each imported when the first of its kind is */
void bk_watchall_import(PyObject *args) {
    static const char prefix[] = "multiprocessing.popen_";
    if (!before_spawn || !PyTuple_Check(args) || PyTuple_GET_SIZE(args) < 1) return;
    const char *name = PyUnicode_Check(PyTuple_GET_ITEM(args, 0)) ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(args, 0)) : NULL;
    if (!name) PyErr_Clear();
    if (!name || strncmp(name, prefix, sizeof prefix - 1) != 0) return;
    PyObject *f = Py_NewRef(before_spawn), *r = PyObject_CallNoArgs(f);
    if (!r) PyErr_WriteUnraisable(f);
    Py_XDECREF(r);
    Py_DECREF(f);
}

PyObject *bk_watchall_before_spawn(PyObject *self, PyObject *f) {
    (void)self;
    Py_XSETREF(before_spawn, f == Py_None ? NULL : Py_NewRef(f));
    Py_RETURN_NONE;
}
