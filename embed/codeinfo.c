/* What is kept with a code object, in one of its extra slots: its decoded form and the driver's state. */
#include "embed.h"

typedef struct {
    bk_codeinfo *info;
    bk_codestate *state;
} bk_extra;
static Py_ssize_t extra_index = -1;

static void extra_free(void *p) {
    bk_extra *x = p;
    if (!x) return;
    if (x->state) bk_codestate_free(x->state);
    bk_codeinfo_free(x->info);
    PyMem_RawFree(x);
}

int bk_codeinfo_init(void) {
    if (extra_index >= 0) return 0;
    extra_index = PyUnstable_Eval_RequestCodeExtraIndex(extra_free);
    if (extra_index >= 0) return 0;
    PyErr_SetString(PyExc_RuntimeError, "no extra slot for code objects is left: other tools use them all");
    return -1;
}

/* A code object's extras, as CPython keeps them. */
typedef struct {
    Py_ssize_t size;
    void *slots[1];
} extras;

/* The array is made as long as is needed, and not for all slots in use, as CPython would make it: it calls the free
 * functions of all slots that are there, also of empty ones, and a tool's function may not expect to be called for
 * code that the tool has nothing with, or be callable any more. */
static bool make_room(PyCodeObject *co) {
    extras *e = co->co_extra;
    Py_ssize_t i = e ? e->size : 0;
    if (i > extra_index) return true;
    e = PyMem_Realloc(e, sizeof *e + (size_t)extra_index * sizeof e->slots[0]);
    if (!e) return false;
    for (e->size = extra_index + 1; i < e->size; i++) e->slots[i] = NULL;
    co->co_extra = e;
    return true;
}

static bk_extra *extra_of(bk_obj *code, bool make) {
    PyCodeObject *co = (PyCodeObject *)code;
    extras *e = co->co_extra;
    bk_extra *x = e && e->size > extra_index ? e->slots[extra_index] : NULL;
    if (x || !make || !make_room(co) || !(x = PyMem_RawCalloc(1, sizeof *x))) return x;
    e = co->co_extra;
    return e->slots[extra_index] = x;
}

bk_codeinfo *bk_py_codeinfo(bk_obj *code) {
    bk_extra *x = extra_of(code, true);
    if (x && !x->info) x->info = bk_decode((PyCodeObject *)code);
    return x ? x->info : NULL;
}

bk_where bk_py_place(bk_obj *code, uint32_t offset) {
    int line, column, end_line, end_column;
    if (!PyCode_Addr2Location((PyCodeObject *)code, (int)offset, &line, &column, &end_line, &end_column) || line <= 0)
        return (bk_where){0};
    return (bk_where){(uint32_t)line, column < 0 ? 0 : (uint32_t)column + 1};
}

bk_codestate *bk_py_codestate(bk_obj *code, bool make) {
    bk_extra *x = extra_of(code, make);
    if (x && !x->state && make) x->state = bk_codestate_new(code);
    return x ? x->state : NULL;
}
