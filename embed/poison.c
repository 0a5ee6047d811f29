/* Poison: an object whose every slot raises the exception it holds; and which operand of which instruction it replaces.
 * The operand must be asked before any user code could run, and its error be passed on as it is: a left operand, a
 * container, a callable; never an argument. */
#include "embed.h"

/* ---- the type ---- */
typedef struct {
    PyObject_HEAD PyObject *exc;
} bk_poison;

static void *give(PyObject *self) {
    PyErr_SetRaisedException(Py_NewRef(((bk_poison *)self)->exc));
    return NULL;
}
static PyObject *p1(PyObject *a) { return give(a); }
static PyObject *p2(PyObject *a, PyObject *b) {
    (void)b;
    return give(a);
}
static PyObject *p3(PyObject *a, PyObject *b, PyObject *c) {
    (void)b, (void)c;
    return give(a);
}
static PyObject *p_index(PyObject *a, Py_ssize_t i) {
    (void)i;
    return give(a);
}
static PyObject *p_compare(PyObject *a, PyObject *b, int op) {
    (void)b, (void)op;
    return give(a);
}
static int i1(PyObject *a) {
    give(a);
    return -1;
}
static int i2(PyObject *a, PyObject *b) {
    (void)b;
    give(a);
    return -1;
}
static int i3(PyObject *a, PyObject *b, PyObject *c) {
    (void)b, (void)c;
    give(a);
    return -1;
}
static int i_index(PyObject *a, Py_ssize_t i, PyObject *c) {
    (void)i, (void)c;
    give(a);
    return -1;
}
static Py_ssize_t z1(PyObject *a) {
    give(a);
    return -1;
}
static void poison_free(PyObject *a) {
    Py_DECREF(((bk_poison *)a)->exc);
    PyObject_Free(a);
}

static PyNumberMethods poison_number = {.nb_add = p2,
                                        .nb_subtract = p2,
                                        .nb_multiply = p2,
                                        .nb_remainder = p2,
                                        .nb_divmod = p2,
                                        .nb_power = p3,
                                        .nb_negative = p1,
                                        .nb_positive = p1,
                                        .nb_absolute = p1,
                                        .nb_bool = i1,
                                        .nb_invert = p1,
                                        .nb_lshift = p2,
                                        .nb_rshift = p2,
                                        .nb_and = p2,
                                        .nb_xor = p2,
                                        .nb_or = p2,
                                        .nb_int = p1,
                                        .nb_float = p1,
                                        .nb_inplace_add = p2,
                                        .nb_inplace_subtract = p2,
                                        .nb_inplace_multiply = p2,
                                        .nb_inplace_remainder = p2,
                                        .nb_inplace_power = p3,
                                        .nb_inplace_lshift = p2,
                                        .nb_inplace_rshift = p2,
                                        .nb_inplace_and = p2,
                                        .nb_inplace_xor = p2,
                                        .nb_inplace_or = p2,
                                        .nb_floor_divide = p2,
                                        .nb_true_divide = p2,
                                        .nb_inplace_floor_divide = p2,
                                        .nb_inplace_true_divide = p2,
                                        .nb_index = p1,
                                        .nb_matrix_multiply = p2,
                                        .nb_inplace_matrix_multiply = p2};
static PySequenceMethods poison_sequence = {.sq_length = z1,
                                            .sq_concat = p2,
                                            .sq_repeat = p_index,
                                            .sq_item = p_index,
                                            .sq_ass_item = i_index,
                                            .sq_contains = i2,
                                            .sq_inplace_concat = p2,
                                            .sq_inplace_repeat = p_index};
static PyMappingMethods poison_mapping = {.mp_length = z1, .mp_subscript = p2, .mp_ass_subscript = i3};
static PyMethodDef poison_methods[] = {{"__format__", p2, METH_O, NULL}, {NULL}};
static PyTypeObject poison_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "backedge.pending_exception",
                                   .tp_basicsize = sizeof(bk_poison),
                                   .tp_dealloc = poison_free,
                                   .tp_as_number = &poison_number,
                                   .tp_as_sequence = &poison_sequence,
                                   .tp_as_mapping = &poison_mapping,
                                   .tp_call = p3,
                                   .tp_getattro = p2,
                                   .tp_setattro = i3,
                                   .tp_repr = p1,
                                   .tp_str = p1,
                                   .tp_hash = z1,
                                   .tp_richcompare = p_compare,
                                   .tp_iter = p1,
                                   .tp_iternext = p1,
                                   .tp_methods = poison_methods,
                                   .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION};

PyObject *bk_poison_new(PyObject *exc) {
    bk_poison *p = PyObject_New(bk_poison, &poison_type);
    if (p) p->exc = exc;
    else PyErr_Clear();
    return (PyObject *)p;
}

int bk_raise_init(void) { return PyType_Ready(&poison_type); }

/* ---- the instructions ---- */
enum { NO = -1 }; /* cannot fail, or cannot be made to by an operand */
typedef struct {
    bool known;
    int8_t base, per_arg; /* operands: base + per_arg * arg */
    int8_t place;         /* of the poison, counted from the lowest operand */
} bk_place;

// clang-format off
static const bk_place places[BC_COUNT] = {
#define X(name, base, per_arg, place) [BC_##name] = {true, base, per_arg, place},
    X(UNARY_NEGATIVE, 1, 0, 0)  X(UNARY_INVERT, 1, 0, 0)    X(TO_BOOL, 1, 0, 0)         X(GET_ITER, 1, 0, 0)
    X(LOAD_ATTR, 1, 0, 0)       X(DELETE_ATTR, 1, 0, 0)     X(UNPACK_SEQUENCE, 1, 0, 0) X(FOR_ITER, BKP_ITER_SLOTS, 0, 0)
    X(CONVERT_VALUE, 1, 0, 0)   X(FORMAT_SIMPLE, 1, 0, 0)   X(LIST_EXTEND, 1, 0, 0)     X(SET_UPDATE, 1, 0, 0)
    X(SET_ADD, 1, 0, 0)         X(BINARY_OP, 2, 0, 0)       X(BINARY_SUBSCR, 2, 0, 0)   X(DELETE_SUBSCR, 2, 0, 0)
    X(COMPARE_OP, 2, 0, 0)      X(FORMAT_WITH_SPEC, 2, 0, 0) X(MAP_ADD, 2, 0, 0)        X(BINARY_SLICE, 3, 0, 0)
    X(LOAD_SUPER_ATTR, 3, 0, 0) X(FORMAT_VALUE, 1, 0, 0)    X(CALL_INTRINSIC_1, 1, 0, 0)
    X(BUILD_SET, 0, 1, 0)       X(BUILD_MAP, 0, 2, 0)
    X(UNARY_NOT, 1, 0, BKP_BRANCH_ANY ? 0 : NO)
    X(POP_JUMP_IF_TRUE, 1, 0, BKP_BRANCH_ANY ? 0 : NO)      X(POP_JUMP_IF_FALSE, 1, 0, BKP_BRANCH_ANY ? 0 : NO)
    X(CONTAINS_OP, 2, 0, 1)     X(STORE_ATTR, 2, 0, 1)      X(STORE_SUBSCR, 3, 0, 1)    X(STORE_SLICE, 4, 0, 1)
    X(CALL, 2, 1, BKP_NULL_FIRST) X(CALL_KW, 3, 1, BKP_NULL_FIRST) X(CALL_FUNCTION_EX, 3, 0, BKP_NULL_FIRST)
    X(UNPACK_EX, 1, 0, 0)       X(GET_LEN, 1, 0, 0)         X(MATCH_KEYS, 2, 0, 0)
    X(BEFORE_WITH, 1, 0, NO)    X(MATCH_CLASS, 3, 0, NO)    X(SET_FUNCTION_ATTRIBUTE, 2, 0, NO)
    X(POP_TOP, 1, 0, NO)        X(STORE_GLOBAL, 1, 0, NO)   X(RETURN_VALUE, 1, 0, NO)   X(LIST_APPEND, 1, 0, NO)
    X(DICT_UPDATE, 1, 0, NO)    X(IMPORT_NAME, 2, 0, NO)    X(BUILD_LIST, 0, 1, NO)     X(BUILD_TUPLE, 0, 1, NO)
    X(BUILD_STRING, 0, 1, NO)   X(BUILD_SLICE, 0, 1, NO)    X(BUILD_CONST_KEY_MAP, 1, 1, NO)
    X(NOP, 0, 0, NO)            X(LOAD_GLOBAL, 0, 0, NO)    X(LOAD_FAST_CHECK, 0, 0, NO) X(LOAD_DEREF, 0, 0, NO)
    X(JUMP, 0, 0, NO)           X(JUMP_BACKWARD, 0, 0, NO)  X(LOAD_CONST, 0, 0, NO)     X(LOAD_FAST, 0, 0, NO)
#undef X
};
// clang-format on

int bk_operands(const bk_insn *in) {
    const bk_place *p = &places[in->op];
    if (!p->known) return -1;
    int more = in->op == BC_FORMAT_VALUE ? in->arg2 : in->op == BC_CALL_FUNCTION_EX ? in->arg & 1 : 0;
    return p->base + p->per_arg * in->arg + more;
}

int bk_poison_place(const bk_insn *in, PyObject *exc) {
    const bk_place *p = &places[in->op];
    if (!p->known) return NO;
    switch (in->op) {
    /* it would take StopIteration as its own iterator's */
    case BC_FOR_ITER: return PyErr_GivenExceptionMatches(exc, PyExc_StopIteration) ? NO : p->place;
    case BC_CALL_INTRINSIC_1: return in->arg == INTRINSIC_UNARY_POSITIVE ? p->place : NO;
    case BC_BUILD_SET:
    case BC_BUILD_MAP:
        if (in->arg == 0) return NO;
        /* fallthrough */
    case BC_SET_ADD:
    case BC_MAP_ADD:
        /* a TypeError of hashing a key gets another text there */
        return BKP_HASH_TEXT && PyErr_GivenExceptionMatches(exc, PyExc_TypeError) ? NO : p->place;
    default: return p->place;
    }
}
