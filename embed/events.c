/* sys.monitoring: the tool's callbacks, which forward events to the driver, local events of code objects, and stepping
 * aside for other tools. */
#include "listen.h"
#include "watchall.h"

static PyObject *disable;        /* sys.monitoring.DISABLE */
static PyObject *set_local;      /* sys.monitoring.set_local_events */
static PyObject *set_everywhere; /* sys.monitoring.set_events */
static PyObject *tool_id;
static long ev_jump, ev_start, ev_insn; /* this interpreter's bits */
static bool stopped = true, paused, registering;
static PyInterpreterState *home_interp;
static PyObject *jump_callback;

/* ---- callbacks ---- */
static inline uint32_t offset_of(PyObject *o) {
    PyLongObject *v = (PyLongObject *)o;
    return PyUnstable_Long_IsCompact(v) ? (uint32_t)PyUnstable_Long_CompactValue(v) : (uint32_t)PyLong_AsLong(o);
}

/* handlers may leave an exception that could not be raised where it belongs (bk_py_enter gave -1) */
static inline PyObject *answer(PyThreadState *ts, int what) {
    if (__builtin_expect(bk_listening & BK_LISTEN_CALL, 0) && bk_event_waiting() && !bk_raise_waiting(ts))
        bk_listen_deliver();
    if (ts->current_exception) return NULL;
    return Py_NewRef(what == BK_DISABLE ? disable : Py_None);
}

static PyObject *on_jump(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyThreadState *ts = PyThreadState_GET();
    bkp_frame *f = bkp_current(ts);
    (void)self, (void)n;
    if (stopped) return Py_NewRef(disable);
    if ((PyObject *)bkp_code(f) != args[0]) Py_RETURN_NONE;
    uint32_t from = offset_of(args[1]), to = offset_of(args[2]);
    if (to > from) return Py_NewRef(disable); /* no back edge */
    return answer(ts, bk_on_jump(args[0], (bk_frame *)f, from, to));
}

static PyObject *on_start(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyThreadState *ts = PyThreadState_GET();
    bkp_frame *f = bkp_current(ts);
    (void)self, (void)n;
    if (stopped) return Py_NewRef(disable);
    if ((PyObject *)bkp_code(f) != args[0]) Py_RETURN_NONE;
    int what = bk_on_start(args[0], (bk_frame *)f);
    if (what == BK_DISABLE && bk_watchall_start(f, args[0])) what = bk_on_start(args[0], (bk_frame *)f);
    return answer(ts, what);
}

static PyObject *on_insn(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyThreadState *ts = PyThreadState_GET();
    bkp_frame *f = bkp_current(ts);
    uint32_t offset = offset_of(args[1]);
    (void)self, (void)n;
    if ((PyObject *)bkp_code(f) != args[0]) Py_RETURN_NONE;
    if (bk_raise_pending(ts, f, bkp_code(f), offset)) return NULL;
    /* an instruction with EXTENDED_ARG prefixes has an event at each of them and at itself: the first counts */
    const bk_codeinfo *ci = stopped ? NULL : bk_py_codeinfo(args[0]);
    const bk_insn *in = ci ? bk_insn_at(ci, offset) : NULL;
    int what = in && in->offset == offset ? bk_on_insn(args[0], (bk_frame *)f, offset) : BK_DISABLE;
    return answer(ts, bk_raise_waits_at(bkp_code(f), offset) ? BK_KEEP : what);
}

/* ---- local events ---- */
static int set_mask(bk_obj *code, long mask) {
    PyObject *m = PyLong_FromLong(mask), *args[] = {tool_id, code, m}, *r = NULL;
    if (m) r = PyObject_Vectorcall(set_local, args, 3, NULL);
    Py_XDECREF(m);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

int bk_events_set(PyCodeObject *co, unsigned events, bool rearm) {
    long mask = 0;
    if (events & BK_EV_JUMP) mask |= ev_jump;
    if (events & BK_EV_START) mask |= ev_start;
    if (events & BK_EV_INSN) mask |= ev_insn;
    if (rearm && mask && set_mask(co, 0) < 0) return -1;
    return set_mask(co, mask);
}

int bk_py_set_events(bk_obj *code, unsigned events, bool rearm) {
    PyCodeObject *co = (PyCodeObject *)code;
    return bk_events_set(co, bk_raise_events(co, events), rearm);
}

int bk_events_set_global(bool start) {
    if (stopped) return 0;
    PyObject *m = PyLong_FromLong(start && !paused ? ev_start : 0), *args[] = {tool_id, m}, *r = NULL;
    if (m) r = PyObject_Vectorcall(set_everywhere, args, 2, NULL);
    Py_XDECREF(m);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static bool has_event(const uint8_t *tools, long mask) {
    return (tools[__builtin_ctzl((unsigned long)mask)] >> BK_TOOL & 1) != 0;
}

unsigned bk_events_of(PyCodeObject *co) {
    if (!co->_co_monitoring) return 0;
    const uint8_t *tools = co->_co_monitoring->local_monitors.tools;
    return (has_event(tools, ev_jump) ? BK_EV_JUMP : 0) | (has_event(tools, ev_start) ? BK_EV_START : 0) |
           (has_event(tools, ev_insn) ? BK_EV_INSN : 0);
}

/* ---- other tools ---- */
/* any thread is traced or profiled, or a tool has callbacks */
static bool tool_active(PyInterpreterState *interp) {
    if (interp->sys_tracing_threads > 0 || interp->sys_profiling_threads > 0) return true;
    for (int tool = 0; tool < PY_MONITORING_SYS_PROFILE_ID; tool++)
        for (int ev = 0; tool != BK_TOOL && ev < _PY_MONITORING_EVENTS; ev++)
            if (interp->monitoring_callables[tool][ev]) return true;
    return false;
}

static void set_paused(bool on) {
    if (paused == on || stopped) return;
    paused = on;
    PyObject *saved = PyErr_GetRaisedException();
    bk_driver_pause(on);
    if (bk_watchall_on() && bk_events_set_global(true) < 0) PyErr_Clear();
    PyErr_SetRaisedException(saved);
}

/* is a thread in a trace function, or in an audit hook that Python code is? */
static bool in_hook(PyInterpreterState *interp) {
    for (PyThreadState *t = PyInterpreterState_ThreadHead(interp); t; t = PyThreadState_Next(t))
        if (t->tracing) return true;
    return false;
}

/* The audit event comes before the change: what it led to is looked at as soon as the interpreter can. Other audit
 * hooks may run before the change, and the interpreter looks for pending calls in them too. */
static int look_again(void *unused) {
    (void)unused;
    if (stopped || PyInterpreterState_Get() != home_interp) return 0;
    bool active = tool_active(home_interp);
    if (!active && in_hook(home_interp)) (void)Py_AddPendingCall(look_again, NULL); /* or we stay aside */
    else set_paused(active);
    return 0;
}

int bk_events_audit(const char *event, PyObject *args, void *unused) {
    (void)unused;
    if (strcmp(event, "import") == 0) bk_watchall_import(args);
    if (strncmp(event, "sys.", 4) != 0 || stopped || registering) return 0;
    if (strcmp(event, "sys.settrace") != 0 && strcmp(event, "sys.setprofile") != 0 &&
        strcmp(event, "sys.monitoring.register_callback") != 0)
        return 0;
    if (PyInterpreterState_Get() != home_interp) return 0;
    set_paused(true);
    Py_AddPendingCall(look_again, NULL);
    return 0;
}

/* ---- set-up ---- */
static PyMethodDef callbacks[] = {{"jump", (PyCFunction)(void (*)(void))on_jump, METH_FASTCALL, NULL},
                                  {"py_start", (PyCFunction)(void (*)(void))on_start, METH_FASTCALL, NULL},
                                  {"instruction", (PyCFunction)(void (*)(void))on_insn, METH_FASTCALL, NULL}};

static int claim(PyObject *monitoring) {
    PyObject *r = PyObject_CallMethod(monitoring, "use_tool_id", "is", BK_TOOL, "backedge");
    if (r) {
        Py_DECREF(r);
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) return -1;
    PyErr_Clear();
    PyObject *name = PyObject_CallMethod(monitoring, "get_tool", "i", BK_TOOL);
    if (name) PyErr_Format(PyExc_RuntimeError, "sys.monitoring's OPTIMIZER_ID is in use by %R", name);
    Py_XDECREF(name);
    return -1;
}

static int register_one(PyObject *monitoring, PyObject *events, const char *name, PyMethodDef *def, long *bit) {
    PyObject *b = PyObject_GetAttrString(events, name), *f = PyCFunction_New(def, NULL), *r = NULL;
    if (b && f) {
        *bit = PyLong_AsLong(b);
        r = PyObject_CallMethod(monitoring, "register_callback", "iOO", BK_TOOL, b, f);
        if (def == &callbacks[0]) Py_XSETREF(jump_callback, Py_NewRef(f));
    }
    Py_XDECREF(b);
    Py_XDECREF(f);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static int register_all(PyObject *monitoring) {
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    int rc = -1;
    registering = true;
    if (events && register_one(monitoring, events, "JUMP", &callbacks[0], &ev_jump) == 0 &&
        register_one(monitoring, events, "PY_START", &callbacks[1], &ev_start) == 0 &&
        register_one(monitoring, events, "INSTRUCTION", &callbacks[2], &ev_insn) == 0)
        rc = 0;
    registering = false;
    Py_XDECREF(events);
    return rc;
}

int bk_events_init(void) {
    PyObject *monitoring = PySys_GetObject("monitoring"); /* borrowed */
    if (!monitoring) {
        PyErr_SetString(PyExc_RuntimeError, "there is no sys.monitoring");
        return -1;
    }
    home_interp = PyInterpreterState_Get();
    disable = PyObject_GetAttrString(monitoring, "DISABLE");
    set_local = PyObject_GetAttrString(monitoring, "set_local_events");
    set_everywhere = PyObject_GetAttrString(monitoring, "set_events");
    tool_id = PyLong_FromLong(BK_TOOL);
    if (!disable || !set_local || !set_everywhere || !tool_id || claim(monitoring) < 0 || register_all(monitoring) < 0)
        return -1;
    if (PySys_AddAuditHook(bk_events_audit, NULL) < 0) return -1;
    bk_audited_init();
    stopped = false;
    set_paused(tool_active(home_interp));
    return 0;
}

/* One call of the callback as the interpreter makes it; with arguments for which it does nothing. */
uint64_t bk_events_time_call(void) {
    enum { CALLS = 64 };
    uint64_t began = __builtin_ia32_rdtsc();
    for (int i = 0; i < CALLS; i++) {
        PyObject *from = PyLong_FromLong(1000), *to = PyLong_FromLong(900), *args[] = {NULL, Py_None, from, to};
        PyObject *r =
            from && to ? PyObject_Vectorcall(jump_callback, args + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL) : NULL;
        Py_XDECREF(from);
        Py_XDECREF(to);
        Py_XDECREF(r);
        if (!r) PyErr_Clear();
    }
    return (__builtin_ia32_rdtsc() - began) / CALLS;
}

bool bk_events_quiet(void) { return !stopped && !paused; }

void bk_events_stop(void) { stopped = true; }

void *bk_py_release_gil(void) { return PyEval_SaveThread(); }
void bk_py_take_gil(void *released) { PyEval_RestoreThread(released); }

static int wake(void *unused) {
    (void)unused;
    if (bk_on_wake() < 0) PyErr_Clear(); /* a loop stays interpreted */
    return 0;
}

/* Py_AddPendingCall would wait for the main thread, which may be blocked, and 3.12 does not tell it of calls that other
 * threads add: any thread of the interpreter will do */
bool bk_py_wake_soon(void) { return (int)_PyEval_AddPendingCall(home_interp, wake, NULL, 0) == 0; }
