/* Helpers on exact strings: they run no Python code. Where Python would raise they give NULL (or -1) without an
 * exception, and the interpreter does the instruction again. */
#include "py.h"
#include "helpers.h"

/* a result as these helpers give it: what went wrong is found out again by the interpreter */
static PyObject *or_null(PyObject *o) {
    if (!o) PyErr_Clear();
    return o;
}

bool bk_h_str_eq(void *a, void *b) {
    if (a == b) return true;
    if (PyUnicode_GET_LENGTH(a) != PyUnicode_GET_LENGTH(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b)) return false;
    return memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)PyUnicode_GET_LENGTH(a) * PyUnicode_KIND(a)) == 0;
}

int64_t bk_h_str_cmp(void *a, void *b) { return a == b ? 0 : PyUnicode_Compare(a, b); }

int64_t bk_h_str_chr(void *s) {
    if (PyUnicode_GET_LENGTH(s) != 1 || PyUnicode_KIND(s) != PyUnicode_1BYTE_KIND) return -1;
    return PyUnicode_1BYTE_DATA(s)[0];
}

int64_t bk_h_str_ord(void *s) { return PyUnicode_GET_LENGTH(s) == 1 ? (int64_t)PyUnicode_READ_CHAR(s, 0) : -1; }

void *bk_h_chr(int64_t code) {
    if (code < 0 || code > 0x10ffff) return NULL;
    return or_null(PyUnicode_FromOrdinal((int)code));
}

void *bk_h_str_index(void *s, int64_t i) { return or_null(PyUnicode_FromOrdinal((int)PyUnicode_READ_CHAR(s, i))); }
void *bk_h_str_concat(void *a, void *b) { return or_null(PyUnicode_Concat(a, b)); }

/* PyUnicode_Append drops its left operand when memory is out. Strings large enough for that to happen are left to the
 * interpreter. */
enum { APPEND_MAX = 1 << 28 };

bool bk_h_str_append(bk_ctx *c, int64_t slot, void *right) {
    void **home = bk_py_frame_home(c->frame);
    PyObject *s = bkp_peek(home[slot]);
    if (PyUnicode_GET_LENGTH(s) + PyUnicode_GET_LENGTH(right) > APPEND_MAX) return false;
    PyUnicode_Append(&s, right);
    if (!s) Py_FatalError("backedge: out of memory while a string grows");
    home[slot] = bkp_slot(s);
    return true;
}
