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

/* *s += t; a string that nobody else has grows in place, as in the interpreter. PyUnicode_Append would drop the left
 * operand when memory is out; here nothing has changed then (false). */
static bool append(PyObject **s, PyObject *t) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(*s), m = PyUnicode_GET_LENGTH(t);
    bool fits = PyUnicode_KIND(*s) >= PyUnicode_KIND(t) && (PyUnicode_IS_ASCII(t) || !PyUnicode_IS_ASCII(*s));
    if (m == 0) return true;
    if (n && fits && Py_REFCNT(*s) == 1 && n <= PY_SSIZE_T_MAX - m) {
        if (PyUnicode_Resize(s, n + m) == 0) return PyUnicode_CopyCharacters(*s, n, t, 0, m) == m;
        PyErr_Clear();
        return false;
    }
    PyObject *r = or_null(PyUnicode_Concat(*s, t));
    if (r) Py_SETREF(*s, r);
    return r;
}

bool bk_h_str_append(bk_ctx *c, int64_t slot, void *right) {
    void **home = bk_py_frame_home(c->frame);
    PyObject *s = bkp_peek(home[slot]);
    bool done = append(&s, right);
    if (done) home[slot] = bkp_slot(s);
    return done;
}

/* --- in place */
/* local + t for a local's value `s` (stolen) and the left operand `x` (stolen; NULL: it is s itself). NULL: out of
 * memory, nothing was stolen. */
void *bk_h_str_grow(void *s, void *x, void *t) {
    PyObject *left = x ? x : s;
    bool both = x == s;
    if (both) Py_DECREF((PyObject *)s);
    if (!append(&left, t)) {
        if (both) Py_INCREF((PyObject *)s);
        return NULL;
    }
    if (x && !both) Py_DECREF((PyObject *)s);
    return left;
}

void *bk_h_str_repeat(void *s, int64_t n) { return or_null(PySequence_Repeat(s, n)); }
void *bk_h_str_mod(void *format, void *args) { return or_null(PyUnicode_Format(format, args)); }

/* --- searching */
int64_t bk_h_str_has(void *s, void *sub) {
    int r = PyUnicode_Contains(s, sub);
    if (r < 0) PyErr_Clear();
    return r;
}

bool bk_h_str_has_chr(void *s, int64_t code) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(s);
    if (PyUnicode_KIND(s) == PyUnicode_1BYTE_KIND) return n && memchr(PyUnicode_1BYTE_DATA(s), (int)code, (size_t)n);
    return PyUnicode_FindChar(s, (Py_UCS4)code, 0, n, 1) >= 0;
}

/* --- slices: what s[a:b] gives for ints */
static void clamp(Py_ssize_t n, int64_t *a, int64_t *b) {
    if (*a < 0) *a = *a + n < 0 ? 0 : *a + n;
    if (*b < 0) *b += n;
    if (*b > n) *b = n;
    if (*a > n) *a = n;
    if (*b < *a) *b = *a;
}

void *bk_h_str_slice(void *s, int64_t a, int64_t b) {
    clamp(PyUnicode_GET_LENGTH(s), &a, &b);
    return or_null(PyUnicode_Substring(s, a, b));
}

void *bk_h_list_slice(void *l, int64_t a, int64_t b) {
    clamp(PyList_GET_SIZE(l), &a, &b);
    return or_null(PyList_GetSlice(l, a, b));
}

void *bk_h_tuple_slice(void *t, int64_t a, int64_t b) {
    clamp(PyTuple_GET_SIZE(t), &a, &b);
    return or_null(PyTuple_GetSlice(t, a, b));
}

void *bk_h_bytes_slice(void *s, int64_t a, int64_t b) {
    Py_ssize_t n = PyBytes_GET_SIZE(s);
    clamp(n, &a, &b);
    if (a == 0 && b == n) return Py_NewRef(s);
    return or_null(PyBytes_FromStringAndSize(PyBytes_AS_STRING(s) + a, b - a));
}

/* --- text of values */
void *bk_h_str_of_int(int64_t n) {
    char text[24], *p = text + sizeof text;
    uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (n < 0) *--p = '-';
    return or_null(PyUnicode_FromStringAndSize(p, text + sizeof text - p));
}

void *bk_h_str_plain(void *o) { return or_null(PyObject_Str(o)); }
void *bk_h_format_plain(void *o, void *spec) { return or_null(PyObject_Format(o, spec)); }
/* INT64_MIN: no number of 64 bits, or Python would raise */
int64_t bk_h_parse_int(void *s) {
    const uint8_t *p = PyUnicode_DATA(s);
    Py_ssize_t n = PyUnicode_IS_ASCII(s) ? PyUnicode_GET_LENGTH(s) : 0, i = n > 1 && p[0] == '-';
    int64_t v = 0;
    for (; i < n && n <= 18 && p[i] >= '0' && p[i] <= '9'; i++) v = v * 10 + (p[i] - '0');
    if (n && i == n) return p[0] == '-' ? -v : v;
    PyObject *o = or_null(PyLong_FromUnicodeObject(s, 10));
    if (!o) return INT64_MIN;
    v = bk_h_unbox_i64_ok(o) ? bk_h_unbox_i64(o) : INT64_MIN;
    Py_DECREF(o);
    return v;
}

void *bk_h_float_of_str(void *s) { return or_null(PyFloat_FromString(s)); }

void *bk_h_str_join_args(bk_ctx *c, int64_t n) {
    PyObject *empty = PyUnicode_New(0, 0);
    return empty ? or_null(_PyUnicode_JoinArray(empty, (PyObject *const *)c->args, n)) : NULL;
}

/* --- methods of built-in types that are C functions */
static PyObject *by_tuple(PyCFunction f, PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyObject *t = PyTuple_New(n);
    for (Py_ssize_t i = 0; t && i < n; i++) PyTuple_SET_ITEM(t, i, Py_NewRef(args[i]));
    PyObject *r = t ? f(self, t) : NULL;
    Py_XDECREF(t);
    return r;
}

static PyObject *call_c(PyMethodDef *m, PyObject *self, PyObject *const *args, Py_ssize_t n) {
    PyCFunction f = m->ml_meth;
    switch (m->ml_flags & (METH_VARARGS | METH_KEYWORDS | METH_NOARGS | METH_O | METH_FASTCALL)) {
    case METH_NOARGS: return n == 0 ? f(self, NULL) : NULL;
    case METH_O: return n == 1 ? f(self, args[0]) : NULL;
    case METH_FASTCALL: return ((_PyCFunctionFast)(void (*)(void))f)(self, args, n);
    case METH_FASTCALL | METH_KEYWORDS: return ((_PyCFunctionFastWithKeywords)(void (*)(void))f)(self, args, n, NULL);
    case METH_VARARGS: return by_tuple(f, self, args, n);
    default: return NULL; /* another form: the interpreter calls it */
    }
}

void *bk_h_pure_method(void *descr, void *self, int64_t n, void *a, void *b, void *c) {
    return or_null(call_c(((PyMethodDescrObject *)descr)->d_method, self, (PyObject *[]){a, b, c}, n));
}

void *bk_h_item_method(void *descr, void *self, int64_t n, void *a, void *b, void *c) {
    return bk_h_pure_method(descr, self, n, a, b, c);
}

void *bk_h_pure_function(void *f, int64_t n, void *a, void *b, void *c) {
    return or_null(
        call_c(((PyCFunctionObject *)f)->m_ml, ((PyCFunctionObject *)f)->m_self, (PyObject *[]){a, b, c}, n));
}

/* --- new containers */
void *bk_h_dict_new(void) { return or_null(PyDict_New()); }
void *bk_h_set_new(void) { return or_null(PySet_New(NULL)); }
void *bk_h_list_of(void *seq) { return or_null(PySequence_List(seq)); }
void *bk_h_tuple_of(void *seq) { return or_null(PySequence_Tuple(seq)); }

bool bk_h_list_extend_plain(void *list, void *seq) {
    PyObject *none = or_null(_PyList_Extend(list, seq));
    Py_XDECREF(none);
    return none;
}

/* ctx.args[0..n) as bk_h_build makes it, of plain keys only */
void *bk_h_build_plain(bk_ctx *c, int64_t what, int64_t n) { return or_null(bk_build_container(c->args, what, n)); }
