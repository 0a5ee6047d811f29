/* What the JIT is told about this CPython: layouts of objects and frames, order of call operands. */
#include "embed.h"
#include "objects.h"

static bk_traits traits;
const bk_traits *bk_py;

static void fill_layout(bk_layout *l) {
    l->refcnt = offsetof(PyObject, ob_refcnt);
    l->immortal = BKP_IMMORTAL;
    l->type = offsetof(PyObject, ob_type);
    l->frame_obj = offsetof(bkp_frame, frame_obj);
    l->float_value = offsetof(PyFloatObject, ob_fval);
    l->long_tag = offsetof(PyLongObject, long_value.lv_tag);
    l->long_digits = offsetof(PyLongObject, long_value.ob_digit);
    l->long_compact = 2 << 3; /* the tag is digits << 3 | sign */
    l->breaker_bytes = BKP_BREAKER_BYTES;
    l->breaker_mask = BKP_BREAKER_MASK;
    l->home_tag = BKP_HOME_TAG;
    l->ip_add = BKP_IP_ADD;
    l->true_obj = Py_True;
    l->false_obj = Py_False;
}

static bool long_is(PyObject *o, uintptr_t tag, uint32_t digit) {
    const bk_layout *l = &traits.layout;
    return o && *(uintptr_t *)((char *)o + l->long_tag) == tag && *(uint32_t *)((char *)o + l->long_digits) == digit;
}

/* objects made now look as the layout says */
static const char *probe(void) {
    const bk_layout *l = &traits.layout;
    PyObject *f = PyFloat_FromDouble(1.5), *i = PyLong_FromLong(-123456), *big = PyLong_FromLongLong(1LL << 40);
    const char *why = NULL;
    if (!f || !i || !big) why = "out of memory";
    else if (*(double *)((char *)f + l->float_value) != 1.5) why = "floats have another layout";
    else if (*(PyTypeObject **)((char *)f + l->type) != &PyFloat_Type || *(uint32_t *)((char *)f + l->refcnt) != 1)
        why = "objects have another head";
    else if (!long_is(i, 1 << 3 | 2, 123456) || !long_is(big, 2 << 3, 0)) why = "ints have another layout";
    else if (l->immortal ? *(int32_t *)((char *)Py_None + l->refcnt) >= 0
                         : *(uint32_t *)((char *)Py_None + l->refcnt) + 1 != 0)
        why = "immortal objects are counted in another way";
    Py_XDECREF(f);
    Py_XDECREF(i);
    Py_XDECREF(big);
    return why;
}

const char *bk_traits_init(void) {
    const char *why = NULL;
    fill_layout(&traits.layout);
    traits.version = BKP_VERSION;
    traits.null_first = BKP_NULL_FIRST;
    traits.lends_locals = BKP_LENDS_LOCALS;
    traits.locals_writable = BKP_LOCALS_WRITABLE;
    if (!bk_objects_traits(&traits, &why)) return why ? why : "an object has another layout";
    why = probe();
    if (!why) bk_py = &traits;
    return why;
}
