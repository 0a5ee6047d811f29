/* What an instruction does with the result of the special method that it called, when the method's inlined frame has
 * been run to its end by the interpreter: the rest of what the slot (typeobject.c) and the abstract operation
 * (abstract.c) do, NotImplemented included. */
#include "embed.h"
#include "special.h"

/* an object goes; an exception that is set stays so */
static void drop(PyObject *o) {
    PyObject *exc = PyErr_GetRaisedException();
    Py_DECREF(o);
    PyErr_SetRaisedException(exc);
}

static binaryfunc slot_of(PyObject *o, const bk_operator *op) {
    PyNumberMethods *m = Py_TYPE(o)->tp_as_number;
    return m ? *(binaryfunc *)((char *)m + op->slot) : NULL;
}

/* type(o).name(o, arg), or NotImplemented */
static PyObject *call_method(PyObject *o, const char *name, PyObject *arg) {
    PyObject *key = PyUnicode_InternFromString(name), *f = key ? _PyType_Lookup(Py_TYPE(o), key) : NULL, *r;
    if (!key) return NULL;
    Py_DECREF(key);
    if (!f) return Py_NewRef(Py_NotImplemented);
    Py_INCREF(f);
    if (PyType_HasFeature(Py_TYPE(f), Py_TPFLAGS_METHOD_DESCRIPTOR)) r = PyObject_CallFunctionObjArgs(f, o, arg, NULL);
    else {
        descrgetfunc get = Py_TYPE(f)->tp_descr_get;
        if (get) Py_SETREF(f, get(f, o, (PyObject *)Py_TYPE(o)));
        r = f ? PyObject_CallOneArg(f, arg) : NULL;
    }
    Py_XDECREF(f);
    return r;
}

static PyObject *repeated(PyObject *seq, PyObject *times) {
    if (!PyIndex_Check(times))
        return PyErr_Format(PyExc_TypeError, "can't multiply sequence by non-int of type '%.200s'",
                            Py_TYPE(times)->tp_name);
    Py_ssize_t n = PyNumber_AsSsize_t(times, PyExc_OverflowError);
    return n == -1 && PyErr_Occurred() ? NULL : Py_TYPE(seq)->tp_as_sequence->sq_repeat(seq, n);
}

/* the left operand's method, or the right one's reflected method, gave NotImplemented */
static PyObject *rest_of_binary(int arg, PyObject *x, PyObject *y, bk_finish finish) {
    static const char *const signs[] = {"+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^"};
    bool inplace = arg >= BK_NOPERATORS;
    int n = inplace ? arg - BK_NOPERATORS : arg;
    const bk_operator *op = &bk_operators[n];
    binaryfunc left = slot_of(x, op), right = Py_TYPE(x) == Py_TYPE(y) ? NULL : slot_of(y, op);
    PyObject *r = Py_NewRef(Py_NotImplemented);
    if (finish == BK_FIN_INPLACE && left) {
        Py_SETREF(r, left(x, y)); /* asks y too, if its slot is the same */
        if (right == left) right = NULL;
    }
    if (r == Py_NotImplemented && right && finish != BK_FIN_REFLECTED)
        Py_SETREF(r, right == left ? call_method(y, op->reflected, x) : right(x, y));
    if (r != Py_NotImplemented) return r;
    Py_DECREF(r);
    PySequenceMethods *seq = Py_TYPE(y)->tp_as_sequence;
    if (signs[n][0] == '*' && !signs[n][1] && seq && seq->sq_repeat) return repeated(y, x);
    return PyErr_Format(PyExc_TypeError, "unsupported operand type(s) for %.100s%s: '%.100s' and '%.100s'", signs[n],
                        inplace ? "=" : "", Py_TYPE(x)->tp_name, Py_TYPE(y)->tp_name);
}

static PyObject *rest_of_compare(int op, PyObject *x, PyObject *y) {
    static const int swapped[] = {Py_GT, Py_GE, Py_EQ, Py_NE, Py_LT, Py_LE};
    static const char *const signs[] = {"<", "<=", "==", "!=", ">", ">="};
    richcmpfunc f = Py_TYPE(y)->tp_richcompare;
    PyObject *r = f ? f(y, x, swapped[op]) : Py_NewRef(Py_NotImplemented);
    if (r != Py_NotImplemented) return r;
    Py_DECREF(r);
    if (op == Py_EQ || op == Py_NE) return PyBool_FromLong((x == y) == (op == Py_EQ));
    return PyErr_Format(PyExc_TypeError, "'%s' not supported between instances of '%.100s' and '%.100s'", signs[op],
                        Py_TYPE(x)->tp_name, Py_TYPE(y)->tp_name);
}

static PyObject *truth_of(PyObject *r, bool inverted) {
    int truth = PyObject_IsTrue(r);
    Py_DECREF(r);
    return truth < 0 ? NULL : PyBool_FromLong(truth != inverted);
}

/* the operands wait on the stack */
static PyObject *with_operands(bkp_frame *caller, const bk_insn *at, bk_finish finish, PyObject *r) {
    PyObject *y = bk_pop_operand(caller), *x = bk_pop_operand(caller);
    if (r == Py_NotImplemented) {
        Py_DECREF(r);
        r = finish == BK_FIN_COMPARE ? rest_of_compare(at->arg, x, y) : rest_of_binary(at->arg, x, y, finish);
    }
    if (r && finish == BK_FIN_COMPARE && at->arg2) r = truth_of(r, false);
    drop(x);
    drop(y);
    return r;
}

/* the instance that was called __init__ on waits on top of the caller's stack: it is the call's result */
static PyObject *init_result(bkp_frame *caller, PyObject *r) {
    PyObject *self = bk_pop_operand(caller);
    if (r && r != Py_None) {
        PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(r)->tp_name);
        Py_CLEAR(r);
    }
    if (r) {
        Py_DECREF(r);
        return self;
    }
    drop(self);
    return NULL;
}

static PyObject *length_of(PyObject *r) {
    PyObject *n = PyNumber_Index(r);
    Py_DECREF(r);
    if (!n) return NULL;
    bool negative = _PyLong_IsNegative((PyLongObject *)n);
    Py_ssize_t len = negative ? -1 : PyNumber_AsSsize_t(n, PyExc_OverflowError);
    Py_DECREF(n);
    if (negative) PyErr_SetString(PyExc_ValueError, "__len__() should return >= 0");
    return len < 0 ? NULL : PyLong_FromSsize_t(len);
}

static PyObject *bool_of(PyObject *r, bool inverted) {
    if (PyBool_Check(r)) return truth_of(r, inverted);
    PyErr_Format(PyExc_TypeError, "__bool__ should return bool, returned %s", Py_TYPE(r)->tp_name);
    Py_DECREF(r);
    return NULL;
}

PyObject *bk_finish_result(bkp_frame *caller, const bk_insn *at, bk_finish finish, PyObject *r) {
    switch (finish) {
    case BK_FIN_INIT: return init_result(caller, r);
    case BK_FIN_BINARY:
    case BK_FIN_REFLECTED:
    case BK_FIN_INPLACE:
    case BK_FIN_COMPARE: return with_operands(caller, at, finish, r);
    case BK_FIN_LENGTH: return r ? length_of(r) : NULL;
    case BK_FIN_TRUTH: return r ? truth_of(r, at->op == BC_CONTAINS_OP && at->arg) : NULL;
    case BK_FIN_BOOL: return r ? bool_of(r, at->op == BC_UNARY_NOT) : NULL;
    case BK_FIN_NEXT:
        if (!r && PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear(); /* no error: the loop ends */
        return r;
    default: return r;
    }
}

uint32_t bk_finish_loop(bkp_frame *caller, const bk_insn *at) {
    Py_DECREF(bk_pop_operand(caller));
    return (uint32_t)at->target;
}
