/* _probe: shows by the embed layer itself what backedge relies on in an interpreter. "Native code" is a C function
 * here, and a snapshot is whatever claims.py asks for. It stands where the driver stands: the functions that embed
 * calls are at the end. */
#include "../../embed/embed.h"
#include "../../embed/objects.h"

enum { MAX_SLOTS = 64 };
static PyObject *empty; /* stands for an empty slot in lists of values */

/* what happens at the next event of a code object */
static struct {
    PyObject *code, *values, *exc; /* owned */
    bool at_start;                 /* at PY_START, else at a back edge */
    bk_fn fn;
    bk_code native;
    bk_snap snaps[2];
    bk_sframe frame;
    bk_exit exit;
    void *codes[1];
    bk_slot slots[MAX_SLOTS];
    bk_loc locs[3 * MAX_SLOTS];
    uint64_t buf[MAX_SLOTS];
} plan;
static long entered, left_over;

/* ---- snapshots ---- */
static void start_plan(PyObject *code, bool at_start, uint32_t offset, uint32_t depth) {
    PyCodeObject *co = (PyCodeObject *)code;
    Py_XSETREF(plan.code, Py_NewRef(code));
    Py_CLEAR(plan.values);
    Py_CLEAR(plan.exc);
    plan.at_start = at_start;
    plan.codes[0] = code;
    plan.fn = (bk_fn){.slots = plan.slots, .sframes = &plan.frame, .snaps = plan.snaps, .codes = plan.codes};
    plan.fn.nhome = (uint32_t)(co->co_nlocalsplus + co->co_stacksize);
    plan.native = (bk_code){.locs = plan.locs, .exits = &plan.exit};
    plan.exit = (bk_exit){.snap = 1};
    plan.snaps[1] = (bk_snap){.nframes = 1, .kind = BK_SNAP_RESUME};
    plan.frame = (bk_sframe){.depth = (uint16_t)depth, .resume = offset};
    plan.frame.nslots = (uint32_t)co->co_nlocalsplus + depth;
}

/* slot n's values are in buf from word `at` on */
static void set_slot(uint32_t n, uint8_t kind, uint32_t sub, int nvalues, int at) {
    plan.slots[n] = (bk_slot){.kind = kind, .sub = sub, .a = nvalues > 0, .b = nvalues > 1, .c = nvalues > 2};
    for (int i = 0; i < nvalues; i++) plan.locs[3 * n + (uint32_t)i] = at + i;
}

/* ---- any place, any values ---- */
static uint32_t give_values(void **home, uint64_t *buf, bk_ctx *ctx) {
    (void)home, (void)ctx;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(plan.values); i++) {
        PyObject *o = PyList_GET_ITEM(plan.values, i);
        if (plan.slots[i].kind == BK_SK_OWNED) buf[i] = (uint64_t)(uintptr_t)Py_NewRef(o);
    }
    if (plan.exc) PyErr_SetRaisedException(Py_NewRef(plan.exc));
    return 0;
}

/* leave(code, offset, values, exc): the next call of the code goes on at that offset with these locals and operands,
 * or with an exception out of the instruction there */
static PyObject *leave(PyObject *self, PyObject *args) {
    PyObject *code, *values, *exc;
    unsigned offset;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!IO!O", &PyCode_Type, &code, &offset, &PyList_Type, &values, &exc)) return NULL;
    Py_ssize_t depth = PyList_GET_SIZE(values) - ((PyCodeObject *)code)->co_nlocalsplus;
    if (depth < 0 || PyList_GET_SIZE(values) > MAX_SLOTS) return PyErr_Format(PyExc_ValueError, "number of values");
    start_plan(code, true, offset, (uint32_t)depth);
    plan.values = Py_NewRef(values);
    plan.native.entry = give_values;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++)
        set_slot((uint32_t)i, PyList_GET_ITEM(values, i) == empty ? BK_SK_NULL : BK_SK_OWNED, 0, 1, (int)i);
    if (exc != Py_None) plan.exc = Py_NewRef(exc), plan.snaps[1].kind = BK_SNAP_RAISE;
    if (bk_py_set_events(code, BK_EV_START, true) < 0) return NULL;
    Py_RETURN_NONE;
}

/* ---- a loop taken over ---- */
/* for i in range(n): s += i, with the slots n, s, i and then the iterator; the last iterations are left over */
static uint32_t sum(void **home, uint64_t *buf, bk_ctx *ctx) {
    const _PyRangeIterObject *r = (_PyRangeIterObject *)bk_py_home_get(home, 3);
    int64_t s = 0, i = r->start, end = r->start + r->len * r->step, stop = end - left_over * r->step;
    (void)ctx;
    if (!bk_py_as_i64(bk_py_home_get(home, 1), &s)) Py_FatalError("_probe: no int in the sum's slot");
    for (; i < stop; i += r->step) s += i;
    buf[0] = (uint64_t)s, buf[1] = (uint64_t)(i - r->step);
    buf[2] = (uint64_t)i, buf[3] = (uint64_t)end, buf[4] = (uint64_t)r->step;
    return 0;
}

/* sum(code, head, left over) */
static PyObject *take_over_sum(PyObject *self, PyObject *args) {
    PyObject *code;
    unsigned head;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!Il", &PyCode_Type, &code, &head, &left_over)) return NULL;
    start_plan(code, false, head, BKP_ITER_SLOTS);
    plan.native.entry = sum;
    set_slot(0, BK_SK_HOME, 0, 0, 0);
    set_slot(1, BK_SK_I64, 0, 1, 0);
    set_slot(2, BK_SK_I64, 0, 1, 1);
    set_slot(3, BK_SK_RANGE, 3 + 1, 3, 2); /* the iterator that is there is brought up to date */
    for (uint32_t i = 1; i < BKP_ITER_SLOTS; i++) set_slot(3 + i, BK_SK_NULL, 0, 0, 0);
    if (bk_py_set_events(code, BK_EV_JUMP, true) < 0) return NULL;
    Py_RETURN_NONE;
}

static int enter(bk_obj *code, bk_frame *f, bool at_start) {
    if (plan.code != code || plan.at_start != at_start || !bk_py_may_enter(f)) return BK_KEEP;
    Py_CLEAR(plan.code); /* once; the frame keeps the code alive */
    entered++;
    uint64_t passes;
    bk_py_enter(f, &plan.fn, &plan.native, plan.buf, &passes);
    return BK_KEEP;
}

/* ---- watching ---- */
static PyObject *watcher; /* called with an offset and the values of locals and operands before the instruction there */

static PyObject *values_of(bk_frame *f, uint32_t n) {
    PyObject *l = PyList_New(n);
    for (uint32_t i = 0; l && i < n; i++) {
        PyObject *o = bk_py_home_get(bk_py_frame_home(f), i);
        PyList_SET_ITEM(l, i, Py_NewRef(o ? o : empty));
    }
    return l;
}

static PyObject *watch(PyObject *self, PyObject *args) {
    PyObject *code, *callback;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O", &PyCode_Type, &code, &callback)) return NULL;
    Py_XSETREF(watcher, callback == Py_None ? NULL : Py_NewRef(callback));
    if (bk_py_set_events(code, watcher ? BK_EV_INSN : 0, true) < 0) return NULL;
    Py_RETURN_NONE;
}

/* ---- the module ---- */
static PyObject *count(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return PyLong_FromLong(entered);
}

static PyMethodDef methods[] = {{"leave", leave, METH_VARARGS, NULL},
                                {"sum", take_over_sum, METH_VARARGS, NULL},
                                {"watch", watch, METH_VARARGS, NULL},
                                {"entered", count, METH_NOARGS, NULL},
                                {NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "_probe", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__probe(void) {
    char buf[256];
    const char *why = bk_selfcheck(buf, sizeof buf);
    if (!why) {
        if (bk_objects_init() < 0 || bk_codeinfo_init() < 0 || bk_raise_init() < 0) return NULL;
        why = bk_traits_init();
    }
    if (why) return PyErr_Format(PyExc_ImportError, "%s", why);
    PyObject *m = PyModule_Create(&def);
    empty = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    if (!m || !empty || PyModule_AddObjectRef(m, "EMPTY", empty) < 0 || bk_events_init() < 0) return NULL;
    return m;
}

/* ---- what embed asks of a driver ---- */
struct bk_codestate {
    char none;
};
bk_codestate *bk_codestate_new(bk_obj *code) {
    (void)code;
    return PyMem_RawCalloc(1, sizeof(bk_codestate));
}
void bk_codestate_free(bk_codestate *s) { PyMem_RawFree(s); }
void bk_driver_pause(bool on) { (void)on; }

int bk_on_wake(void) { return 0; }
int bk_on_jump(bk_obj *code, bk_frame *f, uint32_t from, uint32_t to) {
    (void)from, (void)to;
    return enter(code, f, false);
}
int bk_on_start(bk_obj *code, bk_frame *f) { return enter(code, f, true); }
int bk_on_insn(bk_obj *code, bk_frame *f, uint32_t offset) {
    const bk_codeinfo *ci = bk_py_codeinfo(code);
    const bk_insn *in = ci ? bk_insn_at(ci, offset) : NULL;
    if (!watcher || !in || in->depth < 0) return BK_KEEP;
    PyObject *values = values_of(f, ci->nlocals + (uint32_t)in->depth);
    PyObject *r = values ? PyObject_CallFunction(watcher, "IO", offset, values) : NULL;
    Py_XDECREF(values);
    Py_XDECREF(r); /* an exception stays set and comes out of the watched code */
    return BK_KEEP;
}
