/* What the event of a back edge costs, measured when the module is loaded: a loop that does nothing runs without events
 * and with them. Its body is timed from the end of one event to the beginning of the next, as bodies of loops are whose
 * native code is on trial (jit/profit.c); what is too much of that is the event. */
#include "embed.h"

enum { ROUNDS = 9, PASSES = 256, CALLS_TIMED = 3 };

/* Ticks of an event to those of a call of its callback: what else the machine does changes both. */
static double event_per_call;

static double call_ticks(void) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < CALLS_TIMED; i++) {
        uint64_t t = bk_events_time_call();
        if (t < least) least = t;
    }
    return (double)(least + !least);
}

double bk_py_event_ticks(void) { return event_per_call * call_ticks(); }

/* new reference: a function with one loop over its argument */
static PyObject *loop_function(void) {
    PyObject *names = PyDict_New(), *f = NULL;
    PyObject *r = names ? PyRun_String("def back_edges(items):\n    for item in items:\n        pass\n", Py_file_input,
                                       names, names)
                        : NULL;
    if (r) f = Py_XNewRef(PyDict_GetItemString(names, "back_edges"));
    Py_XDECREF(r);
    Py_XDECREF(names);
    return f;
}

/* clock ticks a pass; -1: an exception */
static double pass_ticks(PyObject *f, PyObject *items) {
    uint64_t began = __builtin_ia32_rdtsc();
    PyObject *r = PyObject_CallOneArg(f, items);
    double each = (double)(__builtin_ia32_rdtsc() - began) / PASSES;
    Py_XDECREF(r);
    return r ? each : -1;
}

/* from event to event; 0: not known, -1: an exception */
static double gap_ticks(PyObject *f, PyObject *items) {
    PyCodeObject *co = (PyCodeObject *)PyFunction_GET_CODE(f);
    if (!bk_driver_calibrate((bk_obj *)co)) return 0;
    double ticks = bk_events_set(co, BK_EV_JUMP, false) < 0 ? -1 : pass_ticks(f, items);
    double gap = bk_driver_calibrated((bk_obj *)co);
    return ticks < 0 || bk_events_set(co, 0, false) < 0 ? -1 : gap;
}

/* event_per_call, as measured in one round; -1: an exception */
static double one_round(PyObject *f, PyObject *items) {
    double plain = pass_ticks(f, items), call = call_ticks(), gap = plain < 0 ? -1 : gap_ticks(f, items);
    return gap < 0 ? -1 : gap > plain ? (gap - plain) / call : 0;
}

static int upwards(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(PyObject *f, PyObject *items) {
    double rounds[ROUNDS], warm = pass_ticks(f, items);
    for (int i = 0; i < ROUNDS; i++)
        if (warm < 0 || (rounds[i] = one_round(f, items)) < 0) return -1;
    qsort(rounds, ROUNDS, sizeof *rounds, upwards);
    event_per_call = rounds[ROUNDS / 2];
    return 0;
}

int bk_calibrate(void) {
    if (!bk_events_quiet() || bk_config.fixed_order) return 0;
    PyObject *f = loop_function(), *items = f ? PyObject_CallFunction((PyObject *)&PyRange_Type, "i", PASSES) : NULL;
    int rc = items ? measure(f, items) : -1;
    Py_XDECREF(items);
    Py_XDECREF(f);
    return rc;
}
