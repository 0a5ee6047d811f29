/* _embedtest: a driver that does what Python tells it, over the real embed layer. A plan says at which event of which
 * code object "native code" runs and which snapshot it leaves by, so every way of leaving can be tried by hand. */
#include "../../embed/embed.h"
#include "../../embed/settings.h"
#include "bk_sample.h"
#include <string.h>

/* ---- what the real driver defines ---- */
const bk_paraminfo bk_param_table[] = {
#define BK_PARAM(name, def, min, max, text) {#name, def, min, max, text},
#include "bk_params.def"
#undef BK_PARAM
    {NULL}};
bk_params bk_config = {
#define BK_PARAM(name, def, min, max, text) def,
#include "bk_params.def"
#undef BK_PARAM
};
const bk_named bk_guard_kinds[] = {
#define BK_GUARD(id, name, text) {name, text},
#include "bk_guards.def"
#undef BK_GUARD
    {NULL, NULL}};
const char *const bk_abort_names[] = {
#define BK_ABORT(id, text) #id,
#include "bk_aborts.def"
#undef BK_ABORT
    NULL};
const char *const bk_abort_texts[] = {
#define BK_ABORT(id, text) text,
#include "bk_aborts.def"
#undef BK_ABORT
};
unsigned bk_keep_stages;
uint64_t bk_stress_seed;
uint32_t bk_stress_one_in;
bk_stress bk_stress_with;
static char calls[4096]; /* names of driver functions called, each with a space behind */
static int freed_states;

static void note(const char *what) { strncat(calls, what, sizeof calls - strlen(calls) - 1); }

struct bk_codestate {
    int unused;
};
bk_codestate *bk_codestate_new(bk_obj *code) {
    (void)code;
    return PyMem_RawCalloc(1, sizeof(bk_codestate));
}
void bk_codestate_free(bk_codestate *s) {
    freed_states++;
    PyMem_RawFree(s);
}
int bk_driver_enable(bk_obj *code, const bk_params *p, bool asked) {
    note(p ? "enable+params " : asked ? "enable " : "watch ");
    return bk_py_codestate(code, true) ? bk_py_set_events(code, BK_EV_JUMP | BK_EV_START, false) : -1;
}
int bk_driver_disable(bk_obj *code) {
    note("disable ");
    return bk_py_set_events(code, 0, false);
}
bool bk_driver_enabled(bk_obj *code) { return bk_events_of(code) != 0; }
bool bk_driver_calibrate(bk_obj *code) { return code != NULL; }
double bk_driver_calibrated(bk_obj *code) { return code ? 1 : 0; }
void bk_driver_drain(void) { note("drain "); }
void bk_driver_stop(void) { note("stop "); }
void bk_events_finish(void) {}
void bk_events_after_fork(void) {}
bool bk_sample_start(double ms) { return ms > 0; }
void bk_sample_stop(void) {}
void bk_sample_before_fork(void) {}
void bk_sample_go_on(void) {}
void bk_sample_in_child(void) {}
void bk_sample_where(void) {}
bk_perfmode bk_perf_wanted;
bool bk_gdb_wanted;
bool bk_select_load(const char *path) { return path != NULL; }
const char *const bk_pass_names[] = {NULL};
void bk_driver_before_fork(void) { note("before_fork "); }
void bk_driver_after_fork(bool child) { note(child ? "child " : "parent "); }
void bk_driver_pause(bool on) { note(on ? "pause " : "resume "); }
void bk_driver_each(void (*f)(void *ctx, bk_obj *code), void *ctx) { (void)f, (void)ctx; }
void bk_driver_stats(bk_writer *w) {
    w->num(w->ctx, "n", -5);
    w->real(w->ctx, "x", 0.5);
    w->str(w->ctx, "s", "\xc3\xa9");
    w->str(w->ctx, "none", NULL);
    w->list(w->ctx, "l");
    w->num(w->ctx, NULL, 1);
    w->dict(w->ctx, NULL);
    w->num(w->ctx, "k", 2);
    w->end(w->ctx);
    w->end(w->ctx);
    w->num(w->ctx, "last", 9);
}
void bk_driver_explain(bk_obj *code, bk_writer *w) { w->str(w->ctx, "name", bk_py_codeinfo(code)->name); }

/* ---- plans ---- */
typedef struct plan {
    struct plan *next;
    PyObject *spec, *code, *entry, *home_set, *xhome, *values; /* borrowed from spec, but spec and code */
    long to, visit, count;
    bool repeat, raw;
    bk_fn fn;
    bk_code native;
    bk_exit exit;
    bk_snap snap[2];
    uint64_t *buf;
    uint64_t raw_values[64];
} plan;
static plan *plans, *running;
static PyObject *insn_log;
static long jump_events, start_events, depth_checked, depth_wrong, refused, entered, last_exit;
static int disable_insn = 1;

static uint64_t bits_of(PyObject *v) {
    uint64_t w = 0;
    if (PyFloat_Check(v)) {
        double d = PyFloat_AS_DOUBLE(v);
        memcpy(&w, &d, sizeof w);
    } else if (PyTuple_Check(v)) { /* ("obj", o) borrowed, ("own", o) a reference of its own */
        PyObject *o = PyTuple_GET_ITEM(v, 1);
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(v, 0), "own") == 0) Py_INCREF(o);
        w = (uint64_t)(uintptr_t)o;
    } else w = (uint64_t)PyLong_AsLongLong(v);
    return w;
}

static void call_entry(plan *p) {
    PyThreadState *ts = PyThreadState_Get();
    if (!p->entry) return;
    PyThreadState_LeaveTracing(ts);
    PyObject *r = PyObject_CallNoArgs(p->entry);
    PyThreadState_EnterTracing(ts);
    Py_XDECREF(r);
}

/* stands for compiled code: as much as it may do to the frame, then the exit */
static uint32_t native_entry(void **home, uint64_t *buf, bk_ctx *ctx) {
    plan *p = running;
    PyObject *k, *v;
    Py_ssize_t pos = 0;
    (void)ctx;
    if (p->raw) {
        memcpy(buf, p->raw_values, (size_t)PyList_GET_SIZE(p->values) * 8);
        return 0;
    }
    for (uint32_t i = 0; i < p->fn.nxhome; i++) {
        if (buf[i]) Py_FatalError("virtual homes are not empty at entry");
        PyObject *o = PyList_GET_ITEM(p->xhome, i);
        if (o != Py_Ellipsis) buf[i] = (uint64_t)(uintptr_t)Py_NewRef(o);
    }
    for (Py_ssize_t i = 0; p->values && i < PyList_GET_SIZE(p->values); i++)
        buf[p->fn.nxhome + i] = bits_of(PyList_GET_ITEM(p->values, i));
    while (p->home_set && PyDict_Next(p->home_set, &pos, &k, &v)) {
        void **slot = &home[PyLong_AsLong(k)];
        void *old = *slot;
        *slot = Py_NewRef(v);
        bkp_close(old);
    }
    call_entry(p);
    return 0;
}

static PyObject *get(PyObject *spec, const char *key) { return PyDict_GetItemString(spec, key); }
static long get_num(PyObject *spec, const char *key, long def) {
    PyObject *v = get(spec, key);
    return v ? PyLong_AsLong(v) : def;
}

static const char *const kinds[] = {
#define X(n, text) text,
    BK_SLOTKINDS(X)
#undef X
};

static bool read_slot(plan *p, PyObject *t, uint32_t n) {
    const char *kind;
    int aux, sub, kids, v[3];
    bk_slot *s = &p->fn.slots[n];
    if (!PyArg_ParseTuple(t, "siiiiii", &kind, &aux, &sub, &kids, &v[0], &v[1], &v[2])) return false;
    for (s->kind = 0; s->kind < BK_NSLOTKINDS && strcmp(kinds[s->kind], kind) != 0;) s->kind++;
    if (s->kind == BK_NSLOTKINDS) return PyErr_Format(PyExc_ValueError, "no slot kind %s", kind), false;
    s->aux = (uint8_t)aux, s->sub = (uint32_t)sub, s->nkids = (uint16_t)kids;
    s->a = v[0] >= 0, s->b = v[1] >= 0, s->c = v[2] >= 0;
    for (int i = 0; i < 3; i++) p->native.locs[3 * n + (uint32_t)i] = v[i] < 0 ? 0 : v[i] + (int)p->fn.nxhome;
    return true;
}

static bool read_frames(plan *p, PyObject *frames) {
    uint32_t n = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(frames); i++) {
        PyObject *code, *slots;
        int resume, depth, func, home;
        bk_sframe *s = &p->fn.sframes[i];
        if (!PyArg_ParseTuple(PyList_GET_ITEM(frames, i), "OiiiiO", &code, &resume, &depth, &func, &home, &slots))
            return false;
        p->fn.codes[i] = code;
        *s = (bk_sframe){(uint16_t)i,    (uint16_t)depth, (uint32_t)resume, n, (uint32_t)PyList_GET_SIZE(slots),
                         (uint32_t)func, (uint32_t)home};
        for (Py_ssize_t k = 0; k < PyList_GET_SIZE(slots); k++)
            if (!read_slot(p, PyList_GET_ITEM(slots, k), n++)) return false;
    }
    return true;
}

static bool read_plan(plan *p) {
    PyObject *spec = p->spec, *frames = get(spec, "frames"), *consts = get(spec, "consts");
    const char *kind = get(spec, "kind") ? PyUnicode_AsUTF8(get(spec, "kind")) : "resume";
    p->entry = get(spec, "entry"), p->home_set = get(spec, "home_set");
    p->xhome = get(spec, "xhome"), p->values = get(spec, "values");
    p->repeat = get_num(spec, "repeat", 0), p->raw = get_num(spec, "raw", 0);
    p->fn.nxhome = p->xhome ? (uint32_t)PyList_GET_SIZE(p->xhome) : 0;
    p->fn.nhome = (uint32_t)(((PyCodeObject *)p->code)->co_nlocalsplus + ((PyCodeObject *)p->code)->co_stacksize);
    p->fn.slots = PyMem_RawCalloc(400, sizeof(bk_slot));
    p->fn.sframes = PyMem_RawCalloc(16, sizeof(bk_sframe));
    p->fn.codes = PyMem_RawCalloc(16, sizeof(void *));
    p->fn.snaps = p->snap;
    p->native.locs = PyMem_RawCalloc(1200, sizeof(bk_loc));
    p->native.exits = &p->exit;
    p->native.entry = native_entry;
    p->exit.snap = 1;
    p->buf = PyMem_RawCalloc(400, 8);
    p->fn.consts = consts ? (void **)((PyListObject *)consts)->ob_item : NULL;
    if (!frames || !read_frames(p, frames)) return false;
    p->snap[1].nframes = (uint32_t)PyList_GET_SIZE(frames);
    p->snap[1].kind = !strcmp(kind, "raise")    ? BK_SNAP_RAISE
                      : !strcmp(kind, "return") ? BK_SNAP_RETURN
                                                : BK_SNAP_RESUME;
    for (Py_ssize_t i = 0; p->raw && i < PyList_GET_SIZE(p->values); i++)
        p->raw_values[i] = bits_of(PyList_GET_ITEM(p->values, i));
    return true;
}

/* plan(code, offset of the jump's target or -1 for PY_START, visit, spec) */
static PyObject *make_plan(PyObject *self, PyObject *args) {
    plan *p = PyMem_RawCalloc(1, sizeof *p);
    (void)self;
    if (!p || !PyArg_ParseTuple(args, "OllO", &p->code, &p->to, &p->visit, &p->spec)) return NULL;
    Py_INCREF(p->code);
    Py_INCREF(p->spec);
    if (!read_plan(p)) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "bad plan");
    p->next = plans;
    plans = p;
    Py_RETURN_NONE;
}

static int run_plans(bk_obj *code, bk_frame *f, long to) {
    for (plan *p = plans; p; p = p->next) {
        if (p->code != code || p->to != to) continue;
        long visit = ++p->count;
        if (p->repeat ? visit < p->visit : visit != p->visit) continue;
        if (!bk_py_may_enter(f)) {
            refused++;
            continue;
        }
        plan *outer = running;
        running = p;
        entered++;
        uint64_t passes;
        last_exit = bk_py_enter(f, &p->fn, &p->native, p->buf, &passes);
        running = outer;
        break;
    }
    return BK_KEEP;
}

static void check_depth(bk_obj *code, bk_frame *f, uint32_t offset) {
    const bk_insn *in = bk_insn_at(bk_py_codeinfo(code), offset);
    depth_checked++;
    if (in && in->depth == bk_py_frame_depth(f)) return;
    if (depth_wrong++ < 5)
        fprintf(stderr, "%s:%u offset %u %s: depth %d, not %d\n", bk_py_codeinfo(code)->name, in ? in->line : 0, offset,
                in ? bk_bytecode_names[in->op] : "?", bk_py_frame_depth(f), in ? in->depth : -2);
}

int bk_on_wake(void) { return 0; }

int bk_on_jump(bk_obj *code, bk_frame *f, uint32_t from, uint32_t to) {
    jump_events++;
    (void)from;
    if (!running || !running->raw) check_depth(code, f, to);
    return run_plans(code, f, to);
}

int bk_on_start(bk_obj *code, bk_frame *f) {
    start_events++;
    return run_plans(code, f, -1);
}

int bk_on_insn(bk_obj *code, bk_frame *f, uint32_t offset) {
    (void)code, (void)f;
    if (insn_log) {
        PyObject *o = PyLong_FromLong(offset);
        if (o) PyList_Append(insn_log, o);
        Py_XDECREF(o);
    }
    return disable_insn ? BK_DISABLE : BK_KEEP;
}

/* ---- for tests ---- */
static PyObject *describe(PyObject *self, PyObject *code) {
    bk_codeinfo *ci = bk_py_codeinfo(code);
    PyObject *l = PyList_New(0);
    (void)self;
    if (!ci || !l) return NULL;
    for (uint32_t i = 0; i < ci->ninsns; i++) {
        bk_insn *in = &ci->insns[i];
        PyObject *t = Py_BuildValue("siiiIIIiiIO", bk_bytecode_names[in->op], in->arg, in->arg2, in->depth, in->offset,
                                    in->last, in->next, in->target < 0 ? -1 : (int)ci->insns[in->target].offset,
                                    in->handler, in->line, in->value ? in->value : Py_Ellipsis);
        if (!t || PyList_Append(l, t) < 0) return NULL;
        Py_DECREF(t);
    }
    return l;
}

static PyObject *info(PyObject *self, PyObject *code) {
    bk_codeinfo *ci = bk_py_codeinfo(code);
    (void)self;
    return Py_BuildValue("{sIsIsIsIsssIsOsOsO}", "nlocals", ci->nlocals, "stacksize", ci->stacksize, "argcount",
                         ci->argcount, "ncells", ci->ncells, "name", ci->name, "firstline", ci->firstline, "generator",
                         ci->generator ? Py_True : Py_False, "module_level", ci->module_level ? Py_True : Py_False,
                         "makes_cells", ci->makes_cells ? Py_True : Py_False);
}

static PyObject *events(PyObject *self, PyObject *args) {
    PyObject *code;
    unsigned mask;
    int rearm = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OI|p", &code, &mask, &rearm)) return NULL;
    if (bk_py_set_events(code, mask, rearm) < 0) return NULL;
    return PyLong_FromLong(bk_events_of((PyCodeObject *)code));
}

static PyObject *counters(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *d = Py_BuildValue("{slslslslslslslsssi}", "jumps", jump_events, "starts", start_events, "checked",
                                depth_checked, "wrong", depth_wrong, "refused", refused, "entered", entered, "exit",
                                last_exit, "calls", calls, "freed", freed_states);
    return d;
}

static void drop_plan(plan *p) {
    Py_DECREF(p->code);
    Py_DECREF(p->spec);
    PyMem_RawFree(p->fn.slots);
    PyMem_RawFree(p->fn.sframes);
    PyMem_RawFree(p->fn.codes);
    PyMem_RawFree(p->native.locs);
    PyMem_RawFree(p->buf);
    PyMem_RawFree(p);
}

static PyObject *clear(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    while (plans && !running) { /* a running plan, and so all, are left alone */
        plan *p = plans;
        plans = p->next;
        drop_plan(p);
    }
    plans = NULL;
    jump_events = start_events = depth_checked = depth_wrong = refused = entered = 0;
    calls[0] = 0;
    Py_RETURN_NONE;
}

static PyObject *log_insns(PyObject *self, PyObject *args) {
    PyObject *list;
    (void)self;
    if (!PyArg_ParseTuple(args, "O|i", &list, &disable_insn)) return NULL;
    Py_XSETREF(insn_log, list == Py_None ? NULL : Py_NewRef(list));
    Py_RETURN_NONE;
}

/* callbacks for another tool: LINE and BRANCH events know the true depth */
static PyObject *probe_line(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    bkp_frame *f = bkp_current(PyThreadState_Get());
    (void)self, (void)n;
    if ((PyObject *)bkp_code(f) == args[0])
        check_depth(args[0], (bk_frame *)f, (uint32_t)((char *)bkp_lasti(f) - (char *)_PyCode_CODE(bkp_code(f))));
    Py_RETURN_NONE;
}

static PyObject *probe_branch(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    bkp_frame *f = bkp_current(PyThreadState_Get());
    (void)self, (void)n;
    if ((PyObject *)bkp_code(f) == args[0]) check_depth(args[0], (bk_frame *)f, (uint32_t)PyLong_AsLong(args[2]));
    Py_RETURN_NONE;
}

static PyObject *frame_facts(PyObject *self, PyObject *unused) {
    bk_frame *f = bk_py_current_frame();
    (void)self, (void)unused;
    return Py_BuildValue("OOOOi", bk_py_frame_code(f), bk_py_frame_func(f) ? bk_py_frame_func(f) : Py_None,
                         bk_py_frame_globals(f), bk_py_frame_builtins(f), PyThreadState_Get()->tracing);
}

static PyObject *refresh(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_py_refresh_known();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"refresh", refresh, METH_NOARGS, NULL},
                                {"plan", make_plan, METH_VARARGS, NULL},
                                {"describe", describe, METH_O, NULL},
                                {"info", info, METH_O, NULL},
                                {"events", events, METH_VARARGS, NULL},
                                {"counters", counters, METH_NOARGS, NULL},
                                {"clear", clear, METH_NOARGS, NULL},
                                {"log_insns", log_insns, METH_VARARGS, NULL},
                                {"frame_facts", frame_facts, METH_NOARGS, NULL},
                                {"probe_line", (PyCFunction)(void (*)(void))probe_line, METH_FASTCALL, NULL},
                                {"probe_branch", (PyCFunction)(void (*)(void))probe_branch, METH_FASTCALL, NULL},
                                {NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "_embedtest", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__embedtest(void) { return PyModule_Create(&def); }
