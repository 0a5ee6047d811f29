/* The 256 strings of one Latin-1 character, which live as long as the process, and what is known of each. */
#include "objects.h"
#include <string.h>

PyObject *bk_chr_objects[256];
static uint8_t flags[256];
static int16_t lower[256], upper[256];

static uint8_t classify(Py_UCS4 c) {
    return (uint8_t)((Py_UNICODE_ISALNUM(c) ? BK_CHR_ALNUM : 0) | (Py_UNICODE_ISALPHA(c) ? BK_CHR_ALPHA : 0) |
                     (Py_UNICODE_ISDIGIT(c) ? BK_CHR_DIGIT : 0) | (Py_UNICODE_ISSPACE(c) ? BK_CHR_SPACE : 0) |
                     (Py_UNICODE_ISUPPER(c) ? BK_CHR_UPPER : 0) | (Py_UNICODE_ISLOWER(c) ? BK_CHR_LOWER : 0) |
                     (Py_UNICODE_ISDECIMAL(c) ? BK_CHR_DECIMAL : 0) | (Py_UNICODE_ISNUMERIC(c) ? BK_CHR_NUMERIC : 0));
}

/* the code of what the method gives for the character; -1: that is no single Latin-1 character */
static int16_t mapped(PyObject *ch, const char *method) {
    PyObject *s = PyObject_CallMethod(ch, method, NULL);
    if (!s) return -1;
    int code =
        PyUnicode_GET_LENGTH(s) == 1 && PyUnicode_KIND(s) == PyUnicode_1BYTE_KIND ? PyUnicode_1BYTE_DATA(s)[0] : -1;
    Py_DECREF(s);
    return (int16_t)code;
}

bool bk_chars_init(bk_traits *t) {
    for (int c = 0; c < 256; c++) {
        PyObject *o = PyUnicode_FromOrdinal(c);
        if (!o || !_Py_IsImmortal(o)) {
            Py_XDECREF(o);
            return false;
        }
        bk_chr_objects[c] = o;
        flags[c] = classify((Py_UCS4)c);
        lower[c] = mapped(o, "lower");
        upper[c] = mapped(o, "upper");
    }
    t->chr_objects = (void *const *)bk_chr_objects;
    t->chr_flags = flags;
    t->chr_lower = lower;
    t->chr_upper = upper;
    return !PyErr_Occurred();
}

uint8_t bk_py_str_form(bk_obj *str) {
    bool ascii = PyUnicode_IS_ASCII((PyObject *)str);
    bool one = PyUnicode_GET_LENGTH((PyObject *)str) == 1 && PyUnicode_KIND((PyObject *)str) == PyUnicode_1BYTE_KIND;
    return (uint8_t)((ascii ? BK_STR_ASCII : 0) | (one ? BK_STR_CHAR : 0));
}

int bk_py_chr_code(bk_obj *o) {
    if (!PyUnicode_CheckExact((PyObject *)o) || !(bk_py_str_form(o) & BK_STR_CHAR)) return -1;
    return PyUnicode_1BYTE_DATA((PyObject *)o)[0];
}
