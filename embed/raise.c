/* Makes an exception that native code has come out of its own instruction: the interpreter runs that instruction on a
 * poison operand (poison.c). So handler, traceback line and column are the interpreter's own. Instructions that ask no
 * operand are raised in from an INSTRUCTION event (costs the code its specialised forms). */
#include "embed.h"

static void replace(void **word, PyObject *stolen) {
    PyObject *old = bkp_peek(*word);
    *word = bkp_slot(stolen);
    Py_XDECREF(old);
}

/* calls have operands of a certain form even when the callable raises at once */
static bool shape_call(const bk_insn *in, void **lowest, int n) {
    if (in->op != BC_CALL && in->op != BC_CALL_KW && in->op != BC_CALL_FUNCTION_EX) return true;
    replace(&lowest[!BKP_NULL_FIRST], NULL); /* no method, no self */
    if (in->op == BC_CALL) return true;
    void **names = &lowest[in->op == BC_CALL_KW ? n - 1 : 2];
    if (bkp_peek(*names) && PyTuple_CheckExact(bkp_peek(*names))) return true;
    PyObject *empty = PyTuple_New(0);
    if (empty) replace(names, empty);
    return empty != NULL;
}

static void fill_operands(bkp_frame *f, const bk_insn *in, int below, int n) {
    void **base = bkp_home(f) + bkp_code(f)->co_nlocalsplus;
    int depth = bkp_depth(f);
    bool format = in->op == BC_FORMAT_VALUE || in->op == BC_FORMAT_WITH_SPEC;
    /* a format is looked at before the value is asked; both are immortal */
    PyObject *filler = format ? PyUnicode_FromStringAndSize(NULL, 0) : Py_None;
    for (int i = depth; i < below + n; i++) base[i] = bkp_slot(NULL);
    if (depth < below + n) bkp_set_depth(f, below + n);
    for (int i = below; i < below + n; i++)
        if (!bkp_peek(base[i])) base[i] = bkp_slot(Py_NewRef(filler));
}

static int raise_by_poison(bkp_frame *f, const bk_insn *in, int below, int place, PyObject *exc) {
    int n = bk_operands(in);
    void **lowest = bkp_home(f) + bkp_code(f)->co_nlocalsplus + below;
    fill_operands(f, in, below, n);
    if (in->op == BC_CALL_FUNCTION_EX && (in->arg & 1) && !PyDict_CheckExact(bkp_peek(lowest[3]))) {
        PyObject *d = PyDict_New();
        if (!d) return -1;
        replace(&lowest[3], d);
    }
    if (!shape_call(in, lowest, n)) return -1;
    PyObject *p = bk_poison_new(exc);
    if (!p) return -1;
    replace(&lowest[place], p);
    return 0;
}

/* ---- the universal way: the INSTRUCTION event of the place raises ---- */
typedef struct bk_waiting {
    struct bk_waiting *next;
    PyThreadState *ts;
    bkp_frame *frame;
    PyCodeObject *code;     /* owned */
    uint32_t first, offset; /* of its first EXTENDED_ARG, of the instruction itself */
    PyObject *exc;          /* owned */
    unsigned wanted;        /* the events that the driver wants for the code */
} bk_waiting;
static bk_waiting *waiting; /* under the GIL */

static int raise_by_event(bkp_frame *f, PyCodeObject *co, const bk_insn *in, PyObject *exc) {
    bk_waiting *w = PyMem_RawMalloc(sizeof *w);
    unsigned wanted = bk_events_wanted(co);
    if (!w) return -1;
    if (bk_events_set(co, wanted | BK_EV_INSN, true) < 0) {
        PyErr_Clear();
        PyMem_RawFree(w);
        return -1;
    }
    *w =
        (bk_waiting){waiting, PyThreadState_GET(), f, (PyCodeObject *)Py_NewRef(co), in->offset, in->last, exc, wanted};
    waiting = w;
    return 0;
}

unsigned bk_raise_events(PyCodeObject *co, unsigned events) {
    unsigned more = 0;
    for (bk_waiting *w = waiting; w; w = w->next)
        if (w->code == co) w->wanted = events, more = BK_EV_INSN;
    return events | more;
}

bool bk_raise_waits_at(PyCodeObject *co, uint32_t offset) {
    for (bk_waiting *w = waiting; w; w = w->next)
        if (w->code == co && offset >= w->first && offset <= w->offset) return true;
    return false;
}

/* without the INSTRUCTION events that are on only for waiting exceptions */
unsigned bk_events_wanted(PyCodeObject *co) {
    for (bk_waiting *w = waiting; w; w = w->next)
        if (w->code == co) return w->wanted;
    return bk_events_of(co);
}

static bool is_live(PyThreadState *ts, const bkp_frame *f) {
    for (bkp_frame *g = bkp_current(ts); g; g = g->previous)
        if (g == f) return true;
    return false;
}

/* takes an entry out of the list; its exception becomes the caller's */
static PyObject *take(bk_waiting **at) {
    bk_waiting *w = *at;
    PyObject *exc = w->exc;
    PyCodeObject *co = w->code;
    unsigned wanted = w->wanted;
    *at = w->next;
    PyMem_RawFree(w);
    if (bk_events_set(co, bk_raise_events(co, wanted), false) < 0) PyErr_Clear();
    Py_DECREF(co);
    return exc;
}

bool bk_raise_pending(PyThreadState *ts, bkp_frame *f, PyCodeObject *co, uint32_t offset) {
    for (bk_waiting **at = &waiting; *at;) {
        bk_waiting *w = *at;
        if (w->ts == ts && w->frame == f && w->code == co && w->offset == offset) {
            PyErr_SetRaisedException(take(at));
            return true;
        }
        bool prefix = w->ts == ts && w->frame == f && w->code == co && offset >= w->first && offset < w->offset;
        /* Another exception (a signal handler's) came before: the frame went elsewhere, or is gone. */
        if (w->ts == ts && !prefix && (w->frame == f || !is_live(ts, w->frame))) {
            PyObject *exc = take(at);
            Py_DECREF(exc);
            at = &waiting; /* its destructor may have changed the list */
        } else at = &w->next;
    }
    return false;
}

bool bk_raise_waiting(PyThreadState *ts) {
    if (waiting) bk_raise_pending(ts, NULL, NULL, 0); /* drops those whose frames are gone */
    for (bk_waiting *w = waiting; w; w = w->next)
        if (w->ts == ts) return true;
    return false;
}

/* ---- both ---- */
int bk_raise_at(bkp_frame *f, const bk_codeinfo *ci, const bk_insn *in, int below, PyObject *exc) {
    int place = bk_poison_place(in, exc);
    (void)ci;
    if (place >= 0 && raise_by_poison(f, in, below, place, exc) == 0) return 0;
    if (raise_by_event(f, bkp_code(f), in, exc) == 0) return 0;
    PyErr_SetRaisedException(exc);
    return -1;
}
