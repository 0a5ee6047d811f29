/* Import-time check that the running interpreter is the one whose layouts were compiled in. Nothing is followed before
 * it was shown to be plausible; on any doubt the module refuses to load, with the reason. */
#include "embed.h"

static char *why_buf;
static size_t why_size;
static bool passed;

static PyObject *refuse(const char *why) {
    snprintf(why_buf, why_size, "%s", why);
    return NULL;
}

static bool check_locals(bkp_frame *f) {
    for (int i = 0; i < 2; i++) {
        PyObject *o = bkp_peek(bkp_home(f)[i]);
        if (!o || !PyLong_CheckExact(o) || PyLong_AsLong(o) != 1001 + i) return false;
    }
    return true;
}

static const char *check_tracing(PyThreadState *ts) {
    int before = ts->tracing;
    PyThreadState_EnterTracing(ts);
    int inside = ts->tracing;
    PyThreadState_LeaveTracing(ts);
    return inside == before + 1 && ts->tracing == before ? NULL : "the tracing count is not where it should be";
}

/* called from the probe function with that function: its frame is the current one */
static const char *check_frame(PyObject *func) {
    PyThreadState *ts = PyThreadState_Get();
    bkp_frame *f = bkp_current(ts);
    PyFrameObject *fo;
    int lasti;
    if (!f || bkp_code(f) != (PyCodeObject *)PyFunction_GET_CODE(func))
        return "the current frame is not where it should be";
    if (f->f_globals != PyFunction_GET_GLOBALS(func) || bkp_func(f) != func) return "frames have another layout";
    if (!check_locals(f)) return "locals are not where they should be";
    if (!(fo = PyThreadState_GetFrame(ts))) return "there is no frame object";
    lasti = PyFrame_GetLasti(fo);
    Py_DECREF(fo);
    if (lasti != (int)((char *)bkp_lasti(f) - (char *)_PyCode_CODE(bkp_code(f))))
        return "the instruction pointer is elsewhere";
    return check_tracing(ts);
}

static PyObject *check_from(PyObject *self, PyObject *func) {
    (void)self;
    const char *why = PyFunction_Check(func) ? check_frame(func) : "no function";
    if (why) refuse(why);
    else passed = true;
    Py_RETURN_NONE;
}

static PyMethodDef check_def = {"check", check_from, METH_O, NULL};

static bool run_probe(void) {
    PyObject *globals = PyDict_New(), *check = PyCFunction_New(&check_def, NULL), *r = NULL, *call = NULL;
    passed = false;
    if (globals && check && PyDict_SetItemString(globals, "check", check) == 0 &&
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0)
        r = PyRun_String("def probe(a, b): return check(probe)\n", Py_file_input, globals, globals);
    if (r) {
        Py_DECREF(r);
        call = PyDict_GetItemString(globals, "probe");
        r = call ? PyObject_CallFunction(call, "ii", 1001, 1002) : NULL;
    }
    Py_XDECREF(r);
    Py_XDECREF(check);
    if (globals) PyDict_Clear(globals); /* the probe and its globals refer to each other */
    Py_XDECREF(globals);
    if (!r) PyErr_Clear();
    return r && passed;
}

const char *bk_selfcheck(char *buf, size_t n) {
    const char *why;
    why_buf = buf, why_size = n;
    snprintf(buf, n, "the frame of a probe function could not be looked at");
    if (Py_Version != PY_VERSION_HEX) {
        snprintf(buf, n, "built for CPython %s, this is %lu.%lu.%lu", PY_VERSION, Py_Version >> 24,
                 Py_Version >> 16 & 255, Py_Version >> 8 & 255);
        return buf;
    }
    if ((why = bkp_check_layout())) {
        snprintf(buf, n, "%s", why);
        return buf;
    }
    return run_probe() ? NULL : buf;
}
