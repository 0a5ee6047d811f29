/* Frames of callees that native code had inlined: made when it leaves in the middle of them, and run to their end
 * inside the event callback, because the interpreter can go on only in the frame that fired the event. */
#include "embed.h"

/* ---- the thread's frame stack (what _PyThreadState_PushFrame does, which is not exported) ---- */
enum { CHUNK_SIZE = 16 * 1024, MINIMUM_OVERHEAD = 1000 };

static PyObject **push_chunk(PyThreadState *ts, int size) {
    PyObjectArenaAllocator arena;
    size_t bytes = CHUNK_SIZE;
    while (bytes < sizeof(PyObject *) * (size_t)(size + MINIMUM_OVERHEAD)) bytes *= 2;
    PyObject_GetArenaAllocator(&arena);
    _PyStackChunk *c = arena.alloc(arena.ctx, bytes);
    if (!c) Py_FatalError("backedge: out of memory while leaving compiled code");
    c->previous = ts->datastack_chunk;
    c->size = bytes;
    c->top = 0;
    if (ts->datastack_chunk) ts->datastack_chunk->top = (size_t)(ts->datastack_top - &ts->datastack_chunk->data[0]);
    ts->datastack_chunk = c;
    ts->datastack_limit = (PyObject **)((char *)c + bytes);
    /* the thread's first chunk is never freed: popping recognises a chunk's end by its first element */
    PyObject **base = &c->data[c->previous == NULL];
    ts->datastack_top = base + size;
    return base;
}

bkp_frame *bk_inner_push(PyThreadState *ts, PyFunctionObject *func, PyCodeObject *co, bkp_frame *previous) {
    bkp_frame *f = (bkp_frame *)ts->datastack_top;
    if (_PyThreadState_HasStackSpace(ts, co->co_framesize)) ts->datastack_top += co->co_framesize;
    else f = (bkp_frame *)push_chunk(ts, co->co_framesize);
    bkp_init(f, func, co);
    f->previous = previous;
    return f;
}

PyObject *bk_pop_operand(bkp_frame *f) {
    int d = bkp_depth(f) - 1;
    void **slot = bkp_home(f) + bkp_code(f)->co_nlocalsplus + d;
    PyObject *o = bkp_peek(*slot);
    *slot = bkp_slot(NULL);
    bkp_set_depth(f, d);
    return o;
}

/* ---- running them ---- */
void bk_push_result(bkp_frame *f, const bk_insn *in, PyObject *result) {
    int d = bkp_depth(f);
    void **top = bkp_home(f) + bkp_code(f)->co_nlocalsplus + d;
    switch (in->op) {
    case BC_STORE_SUBSCR:
    case BC_DELETE_SUBSCR:
    case BC_STORE_SLICE:
    case BC_STORE_ATTR:
    case BC_DELETE_ATTR: Py_DECREF(result); return;
    case BC_LOAD_ATTR:
        if (!in->arg2) break;
        top[BKP_NULL_FIRST] = bkp_slot(result);
        top[!BKP_NULL_FIRST] = bkp_slot(NULL);
        bkp_set_depth(f, d + 2);
        return;
    default: break;
    }
    top[0] = bkp_slot(result);
    bkp_set_depth(f, d + 1);
}

/* Frames that wait below the running one count as Python recursion, as in the interpreter; the limit itself must not be
 * reached here, where RecursionError would come from the wrong place. */
static PyObject *run(PyThreadState *ts, bkp_frame *f, bkp_frame *caller, int waiting, int throw) {
    int room = ts->py_recursion_remaining - 1;
    int counted = room < waiting ? (room < 0 ? room : 0) : waiting;
    PyObject *r;
    bkp_set_current(ts, caller);
    ts->py_recursion_remaining -= counted;
    r = _PyEval_EvalFrameDefault(ts, f, throw);
    ts->py_recursion_remaining += counted;
    return r;
}

uint32_t bk_inner_next(const bk_leftframe *f, PyObject *result) {
    if (!result) return PyErr_Occurred() ? f->at->next : bk_finish_loop(f->frame, f->at);
    bk_push_result(f->frame, f->at, result);
    return f->at->next;
}

PyObject *bk_inner_run(PyThreadState *ts, const bk_leftframe *f, uint32_t n, bool thrown) {
    PyObject *r = NULL;
    ts->tracing--; /* the inner frames' events are due */
    for (uint32_t i = n - 1; i > 0; i--) {
        if (i < n - 1) {
            uint32_t next = bk_inner_next(&f[i], r);
            thrown = !r && PyErr_Occurred(); /* then the frame stands at its call: there the exception is found */
            if (!thrown) bkp_resume_run(f[i].frame, bkp_unit(bkp_code(f[i].frame), f[i].info->insns[next].offset));
        }
        r = run(ts, f[i].frame, f[i - 1].frame, (int)i - 1, thrown);
        r = bk_finish_result(f[i - 1].frame, f[i - 1].at, f[i].shape->finish, r);
    }
    ts->tracing++;
    return r;
}
