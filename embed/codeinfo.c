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

static bk_extra *extra_of(bk_obj *code, bool make) {
    void *p = NULL;
    if (PyUnstable_Code_GetExtra((PyObject *)code, extra_index, &p) < 0) {
        PyErr_Clear();
        return NULL;
    }
    if (p || !make) return p;
    p = PyMem_RawCalloc(1, sizeof(bk_extra));
    if (p && PyUnstable_Code_SetExtra((PyObject *)code, extra_index, p) < 0) {
        PyErr_Clear();
        PyMem_RawFree(p);
        p = NULL;
    }
    return p;
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
