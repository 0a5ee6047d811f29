/* Runs a program as python's own command line does, from inside a running Python: with the same functions of CPython,
 * and with our frames taken off the thread's stack meanwhile, so that neither tracebacks nor frames nor the recursion
 * limit tell the difference. */
#include "watchall.h"
#include "internal/pycore_runtime.h"

typedef struct {
    bkp_frame *frame;
    int recursion;
} hidden;

static hidden hide(PyThreadState *ts) {
    hidden h = {bkp_current(ts), ts->py_recursion_remaining};
    bkp_set_current(ts, NULL);
    ts->py_recursion_remaining = ts->py_recursion_limit;
    _PyRuntime.signals.unhandled_keyboard_interrupt = 0;
    return h;
}

/* a result is dropped, an exception printed; whether it was one */
static bool ended(PyObject *r) {
    bool failed = !r, interrupted = failed && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    if (failed) PyErr_Print();
    if (interrupted) _PyRuntime.signals.unhandled_keyboard_interrupt = 1;
    Py_XDECREF(r);
    return failed;
}

/* the program may have changed the limit: what is left is what it would be had it been set before */
static PyObject *back(PyThreadState *ts, hidden h, int limit, bool failed) {
    bkp_set_current(ts, h.frame);
    ts->py_recursion_remaining = h.recursion + ts->py_recursion_limit - limit;
    bool interrupted = _PyRuntime.signals.unhandled_keyboard_interrupt != 0;
    _PyRuntime.signals.unhandled_keyboard_interrupt = 0;
    return PyLong_FromLong(interrupted ? -1 : failed);
}

PyObject *bk_run_script(PyObject *self, PyObject *path) {
    PyThreadState *ts = PyThreadState_GET();
    PyObject *bytes = NULL;
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    (void)self;
    if (!PyUnicode_FSConverter(path, &bytes)) return NULL;
    bool from_stdin = strcmp(PyBytes_AS_STRING(bytes), "-") == 0;
    FILE *file = from_stdin ? stdin : fopen(PyBytes_AS_STRING(bytes), "rb");
    if (!file) {
        Py_DECREF(bytes);
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    int limit = ts->py_recursion_limit;
    hidden h = hide(ts);
    int rc = PyRun_AnyFileExFlags(file, from_stdin ? "<stdin>" : PyBytes_AS_STRING(bytes), !from_stdin, &flags);
    Py_DECREF(bytes);
    return back(ts, h, limit, rc != 0);
}

/* as `python -c` does since 3.13: tracebacks show the command's lines. 0, or -1 with an exception set */
static int show_lines(PyObject *code, PyObject *text, PyObject *name) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *linecache = PyImport_ImportModule("linecache");
    PyObject *key =
        linecache && PyObject_HasAttrString(linecache, "_interactive_cache") ? code : name; /* 3.13.0: name */
    PyObject *r = linecache ? PyObject_CallMethod(linecache, "_register_code", "OOO", key, text, name) : NULL;
    Py_XDECREF(linecache);
    Py_XDECREF(r);
    return r ? 0 : -1;
#else
    (void)code, (void)text, (void)name;
    return 0;
#endif
}

static PyObject *eval_command(PyObject *text, PyObject *name) {
    PyObject *main = PyImport_AddModule("__main__"); /* borrowed */
    const char *utf8 = main ? PyUnicode_AsUTF8(text) : NULL;
    if (!utf8 || PySys_Audit("cpython.run_command", "O", text) < 0) return NULL;
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    PyObject *code = Py_CompileStringObject(utf8, name, Py_file_input, &flags, -1), *r = NULL;
    if (code && show_lines(code, text, name) == 0)
        r = PyEval_EvalCode(code, PyModule_GetDict(main), PyModule_GetDict(main));
    Py_XDECREF(code);
    return r;
}

PyObject *bk_run_command(PyObject *self, PyObject *text) {
    PyThreadState *ts = PyThreadState_GET();
    PyObject *name = PyUnicode_FromString("<string>");
    (void)self;
    if (!name) return NULL;
    int limit = ts->py_recursion_limit;
    hidden h = hide(ts);
    PyObject *r = eval_command(text, name);
    bool failed = ended(r);
    Py_DECREF(name);
    return back(ts, h, limit, failed);
}

PyObject *bk_run_module(PyObject *self, PyObject *args) {
    PyThreadState *ts = PyThreadState_GET();
    PyObject *name, *alter;
    (void)self;
    if (!PyArg_ParseTuple(args, "UO:run_module", &name, &alter)) return NULL;
    PyObject *runpy = PyImport_ImportModule("runpy");
    PyObject *run = runpy ? PyObject_GetAttrString(runpy, "_run_module_as_main") : NULL;
    Py_XDECREF(runpy);
    if (!run) return NULL;
    int limit = ts->py_recursion_limit;
    hidden h = hide(ts);
    PyObject *r = PyObject_CallFunctionObjArgs(run, name, alter, NULL);
    bool failed = ended(r);
    Py_DECREF(run);
    return back(ts, h, limit, failed);
}
