/* The extension module backedge._core: set-up, and the functions that the Python package is made of. */
#include "listen.h"
#include "objects.h"
#include "sample.h"
#include "settings.h"
#include "watchall.h"

static PyInterpreterState *owner; /* the interpreter that loaded the module */

static bool is_code(PyObject *o) {
    if (PyCode_Check(o)) return true;
    PyErr_Format(PyExc_TypeError, "a code object is needed, not %.100s", Py_TYPE(o)->tp_name);
    return false;
}

/* ---- functions ---- */
static PyObject *core_enable(PyObject *self, PyObject *args) {
    PyObject *code, *options = Py_None;
    bk_params p = bk_config;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!|O:enable", &PyCode_Type, &code, &options)) return NULL;
    if (options == Py_None) return bk_driver_enable(code, NULL, true) < 0 ? NULL : Py_NewRef(Py_None);
    if (!PyDict_Check(options)) {
        PyErr_SetString(PyExc_TypeError, "options must be a dict or None");
        return NULL;
    }
    if (bk_settings_update(&p, options) < 0 || bk_driver_enable(code, &p, true) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *core_disable(PyObject *self, PyObject *code) {
    (void)self;
    if (!is_code(code) || bk_driver_disable(code) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *core_enabled(PyObject *self, PyObject *code) {
    (void)self;
    return is_code(code) ? PyBool_FromLong(bk_driver_enabled(code)) : NULL;
}

static PyObject *finish(PyObject *dict, bk_report *r) {
    if (!bk_report_done(r)) Py_CLEAR(dict);
    return dict;
}

static PyObject *core_stats(PyObject *self, PyObject *unused) {
    PyObject *d = PyDict_New();
    bk_writer w;
    bk_report r;
    (void)self, (void)unused;
    if (!d) return NULL;
    bk_report_start(&w, &r, d);
    bk_driver_stats(&w);
    return finish(d, &r);
}

static PyObject *core_explain(PyObject *self, PyObject *code) {
    PyObject *d;
    bk_writer w;
    bk_report r;
    (void)self;
    if (!is_code(code) || !(d = PyDict_New())) return NULL;
    bk_report_start(&w, &r, d);
    bk_driver_explain(code, &w);
    return finish(d, &r);
}

static void add_code(void *list, bk_obj *code) {
    if (!PyErr_Occurred()) (void)PyList_Append(list, code);
}

static PyObject *core_codes(PyObject *self, PyObject *unused) {
    PyObject *list = PyList_New(0);
    (void)self, (void)unused;
    if (list) bk_driver_each(add_code, list);
    if (list && PyErr_Occurred()) Py_CLEAR(list);
    return list;
}

static PyObject *core_drain(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_driver_drain();
    bk_listen_deliver();
    Py_RETURN_NONE;
}

static PyObject *core_calibrate(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return bk_calibrate() < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *core_config(PyObject *self, PyObject *args, PyObject *kwargs) {
    (void)self;
    if (!PyArg_ParseTuple(args, ":config")) return NULL;
    if (kwargs && bk_settings_update(&bk_config, kwargs) < 0) return NULL;
    return bk_settings_dict(&bk_config);
}

static PyObject *core_keep_stages(PyObject *self, PyObject *mask) {
    unsigned long v = PyLong_AsUnsignedLong(mask);
    (void)self;
    if (PyErr_Occurred()) return NULL;
    bk_keep_stages = (unsigned)v;
    Py_RETURN_NONE;
}

static int put_new(PyObject *d, const char *key, PyObject *v) {
    int rc = v ? PyDict_SetItemString(d, key, v) : -1;
    Py_XDECREF(v);
    return rc;
}

static PyObject *core_params(PyObject *self, PyObject *unused) {
    PyObject *d = PyDict_New();
    (void)self, (void)unused;
    for (const bk_paraminfo *p = bk_param_table; d && p->name; p++)
        if (put_new(d, p->name,
                    Py_BuildValue("LLLs", (long long)p->def, (long long)p->min, (long long)p->max, p->text)) < 0)
            Py_CLEAR(d);
    return d;
}

static PyObject *core_guard_kinds(PyObject *self, PyObject *unused) {
    PyObject *d = PyDict_New();
    (void)self, (void)unused;
    for (const bk_named *g = bk_guard_kinds + 1; d && g->name; g++) /* the first is none */
        if (put_new(d, g->name, PyUnicode_FromString(g->text)) < 0) Py_CLEAR(d);
    return d;
}

static PyObject *core_abort_reasons(PyObject *self, PyObject *unused) {
    PyObject *d = PyDict_New();
    (void)self, (void)unused;
    for (size_t i = 0; d && bk_abort_names[i]; i++)
        if (put_new(d, bk_abort_names[i], PyUnicode_FromString(bk_abort_texts[i])) < 0) Py_CLEAR(d);
    return d;
}

static PyObject *core_passes(PyObject *self, PyObject *unused) {
    PyObject *list = PyList_New(0);
    (void)self, (void)unused;
    for (const char *const *p = bk_pass_names; list && *p; p++) {
        PyObject *name = PyUnicode_FromString(*p);
        if (!name || PyList_Append(list, name) < 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *core_llvm(PyObject *self, PyObject *unused) {
    char err[256] = "";
    const bk_backend *b = bk_py_backend(err, sizeof err);
    (void)self, (void)unused;
    if (b) return PyUnicode_FromString(b->version);
    PyErr_SetString(PyExc_RuntimeError, err);
    return NULL;
}

static PyObject *core_stop(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_events_stop();
    bk_sample_stop();
    bk_driver_stop();
    bk_events_finish();
    bk_listen_deliver();
    Py_RETURN_NONE;
}

static PyObject *core_before_fork(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_driver_before_fork();
    bk_sample_before_fork();
    Py_RETURN_NONE;
}
static PyObject *core_after_in_parent(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_driver_after_fork(false);
    bk_sample_after_fork();
    Py_RETURN_NONE;
}
static PyObject *core_after_in_child(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_driver_after_fork(true);
    bk_listen_after_fork();
    bk_sample_in_child();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"enable", core_enable, METH_VARARGS, "enable(code, options=None): watch a code object"},
    {"disable", core_disable, METH_O, "disable(code): stop watching it and drop its native code"},
    {"enabled", core_enabled, METH_O, "enabled(code): whether it is watched"},
    {"stats", core_stats, METH_NOARGS, "process-wide counters"},
    {"explain", core_explain, METH_O, "explain(code): its loops and functions, as a dict"},
    {"codes", core_codes, METH_NOARGS, "all code objects that are or were watched"},
    {"drain", core_drain, METH_NOARGS, "wait until nothing is being compiled"},
    {"calibrate", core_calibrate, METH_NOARGS, "measures what events cost"},
    {"config", (PyCFunction)(void (*)(void))core_config, METH_VARARGS | METH_KEYWORDS,
     "config(name=value, ...): all settings"},
    {"keep_stages", core_keep_stages, METH_O,
     "keep_stages(mask): texts of 1 trace, 2 optimised, 4 LLVM IR, 8 machine code; 16: fail where a line table changes "
     "the code"},
    {"params", core_params, METH_NOARGS, "settings: name -> (default, minimum, maximum, text)"},
    {"guard_kinds", core_guard_kinds, METH_NOARGS, "reasons to leave native code: name -> text"},
    {"abort_reasons", core_abort_reasons, METH_NOARGS, "reasons not to compile: name -> text"},
    {"event_clock", bk_listen_clock, METH_NOARGS, "milliseconds by the clock of events"},
    {"event_kinds", bk_listen_kinds, METH_NOARGS, "events: name -> text"},
    {"log", bk_listen_log, METH_O, "log(path): write events there as JSON lines (%d: process id); None: no more"},
    {"on_event", bk_listen_call, METH_O, "on_event(f): call f with each event's JSON text; None: no more"},
    {"finish_events", bk_listen_finish, METH_NOARGS, "the last events of the process: each loop, the counters"},
    {"watch", bk_watchall_set, METH_O,
     "watch(decide): watch all code for which decide(file name, module name) is true"},
    {"before_spawn", bk_watchall_before_spawn, METH_O,
     "before_spawn(f): call f() when multiprocessing is about to start a process; None: no more"},
    {"run_script", bk_run_script, METH_O, "run_script(path): run it as python would; the status, -1 interrupted"},
    {"run_command", bk_run_command, METH_O, "run_command(text): run it as python -c would; the status, -1 interrupted"},
    {"run_module", bk_run_module, METH_VARARGS, "run_module(name, alter_argv): the same by runpy"},
    {"sample", bk_sample_set, METH_O, "sample(ms): look that often where the time goes; 0: no more"},
    {"passes", core_passes, METH_NOARGS, "names of the optimiser's passes"},
    {"llvm", core_llvm, METH_NOARGS, "version of the code generator (loads it)"},
    {"stop", core_stop, METH_NOARGS, "stop compiling and forget all"},
    {NULL}};

static PyMethodDef fork_methods[] = {{"before", core_before_fork, METH_NOARGS, NULL},
                                     {"after_in_parent", core_after_in_parent, METH_NOARGS, NULL},
                                     {"after_in_child", core_after_in_child, METH_NOARGS, NULL}};

/* ---- set-up ---- */
static int import_error(const char *why) {
    PyErr_SetString(PyExc_ImportError, why);
    return -1;
}

/* an exception of set-up as the one that importing shows */
static int as_import_error(void) {
    PyObject *e = PyErr_GetRaisedException(), *s = e ? PyObject_Str(e) : NULL;
    PyErr_Clear();
    PyErr_Format(PyExc_ImportError, "%S", s ? s : Py_None);
    Py_XDECREF(s);
    Py_XDECREF(e);
    return -1;
}

static int at_exit(PyObject *module) {
    PyObject *atexit = PyImport_ImportModule("atexit"), *stop = PyObject_GetAttrString(module, "stop"), *r = NULL;
    if (atexit && stop) r = PyObject_CallMethod(atexit, "register", "O", stop);
    Py_XDECREF(atexit);
    Py_XDECREF(stop);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static int at_fork(void) {
    PyObject *os = PyImport_ImportModule("os"), *reg = os ? PyObject_GetAttrString(os, "register_at_fork") : NULL;
    PyObject *kwargs = PyDict_New(), *none = PyTuple_New(0), *r = NULL;
    bool ok = reg && kwargs && none;
    for (size_t i = 0; ok && i < sizeof fork_methods / sizeof *fork_methods; i++)
        ok = put_new(kwargs, fork_methods[i].ml_name, PyCFunction_New(&fork_methods[i], NULL)) == 0;
    if (ok) r = PyObject_Call(reg, none, kwargs);
    Py_XDECREF(os);
    Py_XDECREF(reg);
    Py_XDECREF(kwargs);
    Py_XDECREF(none);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static int core_exec(PyObject *module) {
    char buf[256];
    const char *why;
    if (owner == PyInterpreterState_Get())
        return import_error("backedge._core was loaded before"); /* deleted from sys.modules */
    if (owner) return import_error("backedge supports one interpreter per process");
    if ((why = bk_selfcheck(buf, sizeof buf))) return import_error(why);
    if (bk_settings_init() < 0) return -1;
    if (bk_objects_init() < 0 || bk_codeinfo_init() < 0 || bk_raise_init() < 0) return as_import_error();
    if ((why = bk_traits_init())) return import_error(why);
    if (at_exit(module) < 0 || at_fork() < 0) return -1;
    if (bk_events_init() < 0) return as_import_error();
    if (bk_listen_init() < 0) return -1;
    owner = PyInterpreterState_Get();
    if (PyModule_AddStringConstant(module, "built_for", PY_VERSION) < 0) return -1;
    if (PyModule_AddIntConstant(module, "LOG_VERSION", BK_LOG_VERSION) < 0) return -1;
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, core_exec},
                                   {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#ifdef Py_mod_gil
                                   {Py_mod_gil, Py_MOD_GIL_USED},
#endif
                                   {0, NULL}};
static struct PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "backedge._core", "The JIT itself.", 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&def); }
