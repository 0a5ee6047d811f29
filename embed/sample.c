/* What the sampler asks of CPython: who holds the GIL, and where the interpreter is. */
#include "sample.h"
#include "bk_sample.h"
#include "internal/pycore_ceval.h"

static PyInterpreterState *interp; /* the one that is sampled; set before the sampler starts */

void *bk_py_thread(void) { return PyThreadState_GET(); }

/* `locked` and `last_holder` are words that CPython reads and writes atomically, in wrappers that differ by version */
void *bk_py_gil_holder(void) {
    struct _gil_runtime_state *gil = interp->ceval.gil;
    if (!gil || __atomic_load_n((int *)&gil->locked, __ATOMIC_RELAXED) <= 0) return NULL;
    return __atomic_load_n((void **)&gil->last_holder, __ATOMIC_RELAXED);
}

static int where(void *unused) {
    (void)unused;
    bk_sample_where();
    return 0;
}

/* whichever thread runs bytecode next answers: the one that was looked at, as it holds the GIL */
bool bk_py_ask_where(void) { return _PyEval_AddPendingCall(interp, where, NULL, 0) == 0; }

bk_obj *bk_py_walk(void **frame, uint32_t *offset) {
    bkp_frame *f = *frame ? ((bkp_frame *)*frame)->previous : bkp_current(PyThreadState_GET());
    while (f && !PyCode_Check((PyObject *)bkp_code(f))) f = f->previous;
    if (!f) return NULL;
    *frame = f;
    ptrdiff_t at = bkp_lasti(f) - _PyCode_CODE(bkp_code(f)); /* a frame that has not begun stands before it */
    *offset = at < 0 ? 0 : (uint32_t)at * 2;
    return (bk_obj *)bkp_code(f);
}

static int go_on(void *unused) {
    (void)unused;
    bk_sample_go_on();
    return 0;
}

void bk_sample_after_fork(void) { Py_AddPendingCall(go_on, NULL); }

PyObject *bk_sample_set(PyObject *self, PyObject *interval) {
    double ms = PyFloat_AsDouble(interval);
    (void)self;
    if (PyErr_Occurred()) return NULL;
    if (ms < 0 || ms > 10000 || (ms > 0 && ms < 0.01)) {
        PyErr_SetString(PyExc_ValueError, "the interval must be from 0.01 to 10000 ms, or 0");
        return NULL;
    }
    interp = PyInterpreterState_Get();
    if (ms == 0) bk_sample_stop();
    else if (!bk_sample_start(ms)) {
        PyErr_SetString(PyExc_RuntimeError, "the sampler's thread cannot be started");
        return NULL;
    }
    Py_RETURN_NONE;
}
