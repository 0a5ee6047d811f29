/* Which special method, written in Python, an instruction calls by itself: what the slots of classes (typeobject.c) and
 * the abstract operations around them (abstract.c) would look up. No Python code runs. Only classes all of whose bases
 * but object are made by class statements: their slots are the generic ones, and no other protocol comes before. */
#include "helpers.h"
#include "special.h"

const bk_operator bk_operators[BK_NOPERATORS] = {
#define OP(slot, name) {offsetof(PyNumberMethods, nb_##slot), "__" name "__", "__r" name "__", "__i" name "__"}
    OP(add, "add"),
    OP(and, "and"),
    OP(floor_divide, "floordiv"),
    OP(lshift, "lshift"),
    OP(matrix_multiply, "matmul"),
    OP(multiply, "mul"),
    OP(remainder, "mod"),
    OP(or, "or"),
    {0, NULL, NULL, NULL}, /* power has three operands */
    OP(rshift, "rshift"),
    OP(subtract, "sub"),
    OP(true_divide, "truediv"),
    OP(xor, "xor"),
#undef OP
};

bk_obj *bk_py_special_method(bk_ticket *t, bk_obj *type, const char *name) {
    if (!type || !PyType_Check((PyObject *)type) || !bk_is_plain_class(type)) return NULL;
    if (t && !bk_assume_type(t, type)) return NULL;
    return bk_py_type_function(type, name);
}

/* a method of one operand and the one on top of it, or of the top alone */
static bool simple(bk_ticket *t, bk_special *out, bk_obj *type, const char *name, bk_finish finish, uint8_t nops) {
    *out = (bk_special){.func = bk_py_special_method(t, type, name), .finish = finish, .nops = nops};
    return out->func != NULL;
}

static void args(bk_special *s, uint8_t n, uint8_t a, uint8_t b, uint8_t c) {
    s->nargs = n;
    s->arg[0] = a, s->arg[1] = b, s->arg[2] = c;
}

/* the right operand's methods do not come first, and will not */
static bool left_first(bk_ticket *t, bk_obj *left, bk_obj *right) {
    if (!right || left == right) return right != NULL;
    if (PyType_IsSubtype(right, left)) return false;
    return !t || bk_assume_type(t, right);
}

/* its operators give NotImplemented for what is no number */
static bool plain_number(bk_obj *type) {
    return type == &PyLong_Type || type == &PyFloat_Type || type == &PyComplex_Type || type == &PyBool_Type;
}

static bool finds(bk_obj *type, const char *name) {
    PyObject *key = PyUnicode_InternFromString(name), *found = key ? _PyType_Lookup(type, key) : NULL;
    if (!key) PyErr_Clear();
    Py_XDECREF(key);
    return !key || found;
}

static bool binary(bk_ticket *t, int op, bk_obj *left, bk_obj *right, bk_special *out) {
    bool inplace = op >= BK_NOPERATORS;
    const bk_operator *o = &bk_operators[inplace ? op - BK_NOPERATORS : op];
    if (!o->name || !left || !right) return false;
    if (plain_number(left)) {
        if (!simple(t, out, right, o->reflected, BK_FIN_REFLECTED, 2)) return false;
        args(out, 2, 1, 2, 0);
    } else {
        if (!left_first(t, left, right)) return false;
        bool found = inplace && simple(t, out, left, o->inplace, BK_FIN_INPLACE, 2);
        /* an in-place method that is no Python function is called first, too */
        if (!found && inplace && finds(left, o->inplace)) return false;
        if (!found && !simple(t, out, left, o->name, BK_FIN_BINARY, 2)) return false;
        args(out, 2, 2, 1, 0);
    }
    return out->waits = true;
}

static bool compare(bk_ticket *t, int op, bk_obj *left, bk_obj *right, bk_special *out) {
    static const char *const names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
    if (!simple(t, out, left, names[op], BK_FIN_COMPARE, 2) || !left_first(t, left, right)) return false;
    args(out, 2, 2, 1, 0);
    return out->waits = true;
}

bool bk_py_special(bk_ticket *t, const bk_insn *in, bk_obj *const *types, bk_special *out) {
    switch (in->op) {
    case BC_BINARY_OP: return binary(t, in->arg, types[1], types[0], out);
    case BC_COMPARE_OP: return compare(t, in->arg, types[1], types[0], out);
    case BC_BINARY_SUBSCR:
        if (!simple(t, out, types[1], "__getitem__", BK_FIN_RESULT, 2)) return false;
        args(out, 2, 2, 1, 0);
        return true;
    case BC_STORE_SUBSCR: /* value, object, key */
        if (!simple(t, out, types[1], "__setitem__", BK_FIN_NONE, 3)) return false;
        args(out, 3, 2, 1, 3);
        return true;
    case BC_CONTAINS_OP:
        if (!simple(t, out, types[0], "__contains__", BK_FIN_TRUTH, 2)) return false;
        args(out, 2, 1, 2, 0);
        return true;
    case BC_UNARY_NEGATIVE:
    case BC_UNARY_INVERT:
        if (!simple(t, out, types[0], in->op == BC_UNARY_INVERT ? "__invert__" : "__neg__", BK_FIN_RESULT, 1))
            return false;
        break;
    case BC_TO_BOOL:
    case BC_UNARY_NOT:
        if (!simple(t, out, types[0], "__bool__", BK_FIN_BOOL, 1)) return false;
        break;
    case BC_FOR_ITER:
        if (!simple(t, out, types[0], "__next__", BK_FIN_NEXT, 1)) return false;
        break;
    default: return false;
    }
    args(out, 1, 1, 0, 0);
    return true;
}

bk_obj *bk_py_property(bk_obj *type, bk_obj *name) {
    if (!bk_is_plain_class(type) || !PyUnicode_CheckExact((PyObject *)name)) return NULL;
    PyObject *found = _PyType_Lookup(type, name);
    if (!found || !Py_IS_TYPE(found, &PyProperty_Type)) return NULL;
    PyObject *getter = bkv_property_getter(found);
    return getter && PyFunction_Check(getter) ? getter : NULL;
}
