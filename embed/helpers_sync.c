/* Helpers that bring the frame up to date before foreign code may look at it: a slot gets the box of its unboxed local.
 */
#include "py.h"
#include "helpers.h"
#include "numpy.h"

/* The box that a local has already is taken instead of a new one. */
static bool has_box(const void *p) { return p && p != (void *)BK_BOX_UNBOUND && p != (void *)BK_BOX_KEEP; }

/* o: new reference or NULL; the slot's old object is released last, with events on, as its destructor may run code */
static void set_slot(bk_ctx *c, int64_t slot, PyObject *o) {
    void **home = bk_py_frame_home(c->frame), *old = home[slot];
    home[slot] = bkp_slot(o);
    bk_events_on((PyThreadState *)c->tstate);
    bkp_close(old);
    bk_events_off((PyThreadState *)c->tstate);
}

/* true if `p` says what the slot gets, and it has got it */
static bool set_known(bk_ctx *c, int64_t slot, void *p) {
    if (!p) return false;
    if (p != (void *)BK_BOX_KEEP) set_slot(c, slot, has_box(p) ? Py_NewRef(p) : NULL);
    return true;
}

static void set_made(bk_ctx *c, int64_t slot, void *box) {
    if (!box) Py_FatalError("backedge: out of memory in front of a call");
    set_slot(c, slot, box);
}

void bk_h_sync_i(bk_ctx *c, int64_t slot, int64_t v, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, bk_h_box_i64(v));
}

void bk_h_sync_b(bk_ctx *c, int64_t slot, int64_t v, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, Py_NewRef(v ? Py_True : Py_False));
}

void bk_h_sync_chr(bk_ctx *c, int64_t slot, int64_t code, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, Py_NewRef(bk_chr_objects[code & 0xff]));
}

void bk_h_sync_f(bk_ctx *c, int64_t slot, double v, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, bk_h_box_f64(v));
}

void bk_h_sync_c(bk_ctx *c, int64_t slot, int64_t typenum, double re, double im, void *box) {
    if (set_known(c, slot, box)) return;
    set_made(c, slot, typenum < 0 ? bk_h_box_complex(re, im) : bk_h_box_np_c(typenum, re, im));
}

void bk_h_sync_npf(bk_ctx *c, int64_t slot, int64_t typenum, double v, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, bk_h_box_np_f(typenum, v));
}

void bk_h_sync_npi(bk_ctx *c, int64_t slot, int64_t typenum, int64_t v, void *box) {
    if (!set_known(c, slot, box)) set_made(c, slot, bk_h_box_np_i(typenum, v));
}

/* As the interpreter's BINARY_OP with the STORE_FAST behind it: the operand stack's reference goes first, so that a
 * local that has the only other one can grow in place. */
void *bk_h_local_append(bk_ctx *c, int64_t slot, void *x, void *t) {
    void **home = bk_py_frame_home(c->frame);
    PyObject *s = bkp_peek(home[slot]), *r;
    if (!x || x == s) {
        Py_XDECREF((PyObject *)x);
        home[slot] = bkp_slot(NULL);
        PyUnicode_Append(&s, t);
        home[slot] = bkp_slot(s);
        return s;
    }
    r = PyUnicode_Concat(x, t);
    Py_DECREF((PyObject *)x);
    if (!r) return NULL;
    home[slot] = bkp_slot(r);
    Py_XDECREF(s); /* a string: the builder knows the local's type */
    return r;
}

bool bk_h_frame_seen(bk_ctx *c) { return ((bkp_frame *)c->frame)->frame_obj != NULL; }

bool bk_h_simple_or_null(void *o) { return !o || bk_py_type_is_simple(Py_TYPE((PyObject *)o)); }

void bk_h_box_ref(void *o) {
    if ((uintptr_t)o > BK_BOX_KEEP) Py_INCREF((PyObject *)o);
}

void bk_h_box_unref(void *o) {
    if ((uintptr_t)o > BK_BOX_KEEP) Py_DECREF((PyObject *)o);
}
