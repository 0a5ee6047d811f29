/* Listeners of events: the log file that BACKEDGE_LOG names, and Python callbacks. */
#include "listen.h"
#include "bk_event.h"
#include <errno.h>

static PyObject *callback; /* called with an event's JSON text; NULL none */
static bool delivering;

/* ---- the log ---- */
static void header(bk_writer *w, void *unused) {
    PyObject *argv = PySys_GetObject("orig_argv"); /* borrowed */
    (void)unused;
    w->str(w->ctx, "python", PY_VERSION);
    w->list(w->ctx, "argv");
    for (Py_ssize_t i = 0; argv && PyList_Check(argv) && i < PyList_GET_SIZE(argv); i++) {
        const char *text = PyUnicode_AsUTF8(PyList_GET_ITEM(argv, i));
        if (!text) PyErr_Clear();
        w->str(w->ctx, NULL, text ? text : "?");
    }
    w->end(w->ctx);
}

PyObject *bk_listen_log(PyObject *self, PyObject *name) {
    (void)self;
    if (name == Py_None) {
        bk_log_close();
        Py_RETURN_NONE;
    }
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(name, &bytes)) return NULL;
    bool ok = bk_log_open(PyBytes_AS_STRING(bytes), header, NULL);
    if (!ok) PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
    Py_DECREF(bytes);
    return ok ? Py_NewRef(Py_None) : NULL;
}

int bk_listen_init(void) {
    const char *name = getenv("BACKEDGE_LOG");
    if (!name || !*name || bk_log_open(name, header, NULL)) return 0;
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "backedge writes no log: cannot open '%s': %s", name,
                            strerror(errno));
}

void bk_listen_after_fork(void) {
    bk_event_forget();
    delivering = false;
    bk_events_after_fork();
    bk_log_after_fork(header, NULL);
}

/* ---- callbacks ---- */
PyObject *bk_listen_call(PyObject *self, PyObject *f) {
    (void)self;
    if (f != Py_None && !PyCallable_Check(f)) {
        PyErr_Format(PyExc_TypeError, "a callable is needed, not %.100s", Py_TYPE(f)->tp_name);
        return NULL;
    }
    bk_event_forget();
    bk_listening = f == Py_None ? bk_listening & ~(unsigned)BK_LISTEN_CALL : bk_listening | BK_LISTEN_CALL;
    Py_XSETREF(callback, f == Py_None ? NULL : Py_NewRef(f));
    Py_RETURN_NONE;
}

/* One thread delivers at a time, so that events come in order; what comes up meanwhile is delivered by it too. */
void bk_listen_deliver(void) {
    if (delivering || !callback) return;
    delivering = true;
    PyObject *saved = PyErr_GetRaisedException();
    for (char *text; callback && (text = bk_event_take());) {
        PyObject *f = Py_NewRef(callback), *s = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        PyObject *r = s ? PyObject_CallOneArg(f, s) : NULL;
        free(text);
        if (!r) PyErr_WriteUnraisable(f);
        Py_XDECREF(r);
        Py_XDECREF(s);
        Py_DECREF(f);
    }
    PyErr_SetRaisedException(saved);
    delivering = false;
}

PyObject *bk_listen_finish(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    bk_events_finish();
    bk_listen_deliver();
    Py_RETURN_NONE;
}

PyObject *bk_listen_clock(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return PyFloat_FromDouble(bk_events_ms());
}

PyObject *bk_listen_kinds(PyObject *self, PyObject *unused) {
    PyObject *d = PyDict_New();
    (void)self, (void)unused;
    for (const bk_named *e = bk_event_kinds; d && e->name; e++) {
        PyObject *text = PyUnicode_FromString(e->text);
        if (!text || PyDict_SetItemString(d, e->name, text) < 0) Py_CLEAR(d);
        Py_XDECREF(text);
    }
    return d;
}
