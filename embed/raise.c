/* Makes an exception that native code has come out of its own instruction: the interpreter runs that instruction on a
 * poison operand, whose every slot raises the exception. So handler, traceback line and column are the interpreter's own.
 * Instructions that ask no operand are raised in from an INSTRUCTION event (costs the code its specialised forms). */
#include "embed.h"

/* ---- the poison type -------------------------------------------------------------------------------------------------- */
typedef struct { PyObject_HEAD PyObject *exc; } bk_poison;

static void *give(PyObject *self) {
    PyErr_SetRaisedException(Py_NewRef(((bk_poison *)self)->exc));
    return NULL;
}
static PyObject *p1(PyObject *a) { return give(a); }
static PyObject *p2(PyObject *a, PyObject *b) { (void)b; return give(a); }
static PyObject *p3(PyObject *a, PyObject *b, PyObject *c) { (void)b, (void)c; return give(a); }
static PyObject *p_index(PyObject *a, Py_ssize_t i) { (void)i; return give(a); }
static PyObject *p_compare(PyObject *a, PyObject *b, int op) { (void)b, (void)op; return give(a); }
static int i1(PyObject *a) { give(a); return -1; }
static int i2(PyObject *a, PyObject *b) { (void)b; give(a); return -1; }
static int i3(PyObject *a, PyObject *b, PyObject *c) { (void)b, (void)c; give(a); return -1; }
static int i_index(PyObject *a, Py_ssize_t i, PyObject *c) { (void)i, (void)c; give(a); return -1; }
static Py_ssize_t z1(PyObject *a) { give(a); return -1; }
static void poison_free(PyObject *a) {
    Py_DECREF(((bk_poison *)a)->exc);
    PyObject_Free(a);
}

static PyNumberMethods poison_number = {
    .nb_add = p2, .nb_subtract = p2, .nb_multiply = p2, .nb_remainder = p2, .nb_divmod = p2, .nb_power = p3,
    .nb_negative = p1, .nb_positive = p1, .nb_absolute = p1, .nb_bool = i1, .nb_invert = p1, .nb_lshift = p2,
    .nb_rshift = p2, .nb_and = p2, .nb_xor = p2, .nb_or = p2, .nb_int = p1, .nb_float = p1, .nb_inplace_add = p2,
    .nb_inplace_subtract = p2, .nb_inplace_multiply = p2, .nb_inplace_remainder = p2, .nb_inplace_power = p3,
    .nb_inplace_lshift = p2, .nb_inplace_rshift = p2, .nb_inplace_and = p2, .nb_inplace_xor = p2, .nb_inplace_or = p2,
    .nb_floor_divide = p2, .nb_true_divide = p2, .nb_inplace_floor_divide = p2, .nb_inplace_true_divide = p2,
    .nb_index = p1, .nb_matrix_multiply = p2, .nb_inplace_matrix_multiply = p2};
static PySequenceMethods poison_sequence = {.sq_length = z1, .sq_concat = p2, .sq_repeat = p_index, .sq_item = p_index,
    .sq_ass_item = i_index, .sq_contains = i2, .sq_inplace_concat = p2, .sq_inplace_repeat = p_index};
static PyMappingMethods poison_mapping = {.mp_length = z1, .mp_subscript = p2, .mp_ass_subscript = i3};
static PyMethodDef poison_methods[] = {{"__format__", p2, METH_O, NULL}, {NULL}};
static PyTypeObject poison_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "backedge.pending_exception", .tp_basicsize = sizeof(bk_poison), .tp_dealloc = poison_free,
    .tp_as_number = &poison_number, .tp_as_sequence = &poison_sequence, .tp_as_mapping = &poison_mapping,
    .tp_call = p3, .tp_getattro = p2, .tp_setattro = i3, .tp_repr = p1, .tp_str = p1, .tp_hash = z1,
    .tp_richcompare = p_compare, .tp_iter = p1, .tp_iternext = p1, .tp_methods = poison_methods,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION};

/* steals exc; NULL: out of memory, exc is kept */
static PyObject *poison_new(PyObject *exc) {
    bk_poison *p = PyObject_New(bk_poison, &poison_type);
    if (p) p->exc = exc;
    else PyErr_Clear();
    return (PyObject *)p;
}

/* ---- which operand --------------------------------------------------------------------------------------------------- */
enum { NOT_POISONABLE = -1 };

int bk_operands(const bk_insn *in) {
    switch (in->op) {
    case BC_UNARY_NEGATIVE: case BC_UNARY_INVERT: case BC_UNARY_NOT: case BC_TO_BOOL: case BC_GET_ITER: case BC_FOR_ITER:
    case BC_LOAD_ATTR: case BC_DELETE_ATTR: case BC_CALL_INTRINSIC_1: case BC_UNPACK_SEQUENCE: case BC_CONVERT_VALUE:
    case BC_FORMAT_SIMPLE: case BC_POP_JUMP_IF_TRUE: case BC_POP_JUMP_IF_FALSE: case BC_LIST_EXTEND: case BC_SET_UPDATE:
    case BC_SET_ADD: case BC_POP_TOP: case BC_STORE_GLOBAL: case BC_RETURN_VALUE: case BC_LIST_APPEND: case BC_DICT_UPDATE:
        return 1;
    case BC_BINARY_OP: case BC_BINARY_SUBSCR: case BC_DELETE_SUBSCR: case BC_COMPARE_OP: case BC_CONTAINS_OP:
    case BC_STORE_ATTR: case BC_FORMAT_WITH_SPEC: case BC_MAP_ADD: case BC_IMPORT_NAME:
        return 2;
    case BC_STORE_SUBSCR: case BC_BINARY_SLICE: case BC_LOAD_SUPER_ATTR: return 3;
    case BC_STORE_SLICE: return 4;
    case BC_FORMAT_VALUE: return 1 + in->arg2;
    case BC_CALL: return in->arg + 2;
    case BC_CALL_KW: return in->arg + 3;
    case BC_CALL_FUNCTION_EX: return 3 + (in->arg & 1);
    case BC_BUILD_SET: case BC_BUILD_LIST: case BC_BUILD_TUPLE: case BC_BUILD_STRING: case BC_BUILD_SLICE: return in->arg;
    case BC_BUILD_MAP: return 2 * in->arg;
    case BC_BUILD_CONST_KEY_MAP: return in->arg + 1;
    case BC_NOP: case BC_LOAD_GLOBAL: case BC_LOAD_FAST_CHECK: case BC_LOAD_DEREF: case BC_JUMP: case BC_JUMP_BACKWARD:
    case BC_LOAD_CONST: case BC_LOAD_FAST:
        return 0;
    default: return -1;
    }
}

/* The operand whose slots the instruction asks first, counted from its lowest: it must be asked before any user code could
 * run, and its error be passed on as it is. */
static int poison_place(const bk_insn *in, PyObject *exc) {
    switch (in->op) {
    case BC_UNARY_NEGATIVE: case BC_UNARY_INVERT: case BC_TO_BOOL: case BC_GET_ITER: case BC_LOAD_ATTR: case BC_DELETE_ATTR:
    case BC_UNPACK_SEQUENCE: case BC_CONVERT_VALUE: case BC_FORMAT_SIMPLE: case BC_LIST_EXTEND: case BC_SET_UPDATE:
    case BC_SET_ADD: case BC_BINARY_OP: case BC_BINARY_SUBSCR: case BC_DELETE_SUBSCR: case BC_BINARY_SLICE: case BC_COMPARE_OP:
    case BC_LOAD_SUPER_ATTR: case BC_FORMAT_WITH_SPEC: case BC_FORMAT_VALUE: case BC_MAP_ADD:
        return 0;
    case BC_UNARY_NOT: case BC_POP_JUMP_IF_TRUE: case BC_POP_JUMP_IF_FALSE: return BKP_BRANCH_ANY ? 0 : NOT_POISONABLE;
    case BC_CONTAINS_OP: case BC_STORE_ATTR: case BC_STORE_SUBSCR: case BC_STORE_SLICE: return 1;
    case BC_CALL: case BC_CALL_KW: case BC_CALL_FUNCTION_EX: return BKP_NULL_FIRST;
    /* it would take StopIteration as its own iterator's */
    case BC_FOR_ITER: return PyErr_GivenExceptionMatches(exc, PyExc_StopIteration) ? NOT_POISONABLE : 0;
    case BC_CALL_INTRINSIC_1: return in->arg == INTRINSIC_UNARY_POSITIVE ? 0 : NOT_POISONABLE;
    case BC_BUILD_SET: case BC_BUILD_MAP: return in->arg > 0 ? 0 : NOT_POISONABLE;
    default: return NOT_POISONABLE;
    }
}

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
    PyObject *p = poison_new(exc);
    if (!p) return -1;
    replace(&lowest[place], p);
    return 0;
}

/* ---- the universal way: the INSTRUCTION event of the place raises ------------------------------------------------- */
typedef struct bk_waiting {
    struct bk_waiting *next;
    PyThreadState *ts;
    bkp_frame *frame;
    PyCodeObject *code;     /* owned */
    uint32_t offset;
    PyObject *exc;          /* owned */
} bk_waiting;
static bk_waiting *waiting; /* under the GIL */

static int raise_by_event(bkp_frame *f, PyCodeObject *co, uint32_t offset, PyObject *exc) {
    bk_waiting *w = PyMem_RawMalloc(sizeof *w);
    if (!w) return -1;
    if (bk_py_set_events((bk_obj *)co, bk_events_of(co) | BK_EV_INSN, true) < 0) {
        PyErr_Clear();
        PyMem_RawFree(w);
        return -1;
    }
    *w = (bk_waiting){waiting, PyThreadState_GET(), f, (PyCodeObject *)Py_NewRef(co), offset, exc};
    waiting = w;
    return 0;
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
    bool others = false;
    *at = w->next;
    PyMem_RawFree(w);
    for (w = waiting; w; w = w->next) others |= w->code == co;
    if (!others && bk_py_set_events((bk_obj *)co, bk_events_of(co) & ~(unsigned)BK_EV_INSN, false) < 0) PyErr_Clear();
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
        /* Another exception (a signal handler's) came before: the frame went elsewhere, or is gone. */
        if (w->ts == ts && (w->frame == f || !is_live(ts, w->frame))) {
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

/* ---- both --------------------------------------------------------------------------------------------------------------- */
int bk_raise_at(bkp_frame *f, const bk_codeinfo *ci, const bk_insn *in, int below, PyObject *exc) {
    int place = poison_place(in, exc);
    (void)ci;
    if (place != NOT_POISONABLE && raise_by_poison(f, in, below, place, exc) == 0) return 0;
    if (raise_by_event(f, bkp_code(f), in->offset, exc) == 0) return 0;
    PyErr_SetRaisedException(exc);
    return -1;
}

int bk_raise_init(void) { return PyType_Ready(&poison_type); }
