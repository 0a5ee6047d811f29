/* CPython 3.14 and 3.15: frames whose slots hold tagged references, instruction pointer, eval breaker. See py.h for
 * what each name means. What is not said here is as in 3.13 (py_313.h).
 *
 * A slot's word is
 *   pointer         with a reference of the slot's own
 *   pointer | 1     borrowed from a local of this frame or of one further out, or any reference to an immortal object
 *   1               empty
 *   ...11           a small integer, no object
 * Native code takes bit 0 off what it reads and writes plain pointers, 0 for empty. So every reference is made the
 * slot's own before it runs (bkp_own), and what it wrote gets its tag when it leaves (bkp_retag).
 */
#ifndef BK_EMBED_PY_TAGGED_H
#define BK_EMBED_PY_TAGGED_H
#include "internal/pycore_interpframe.h"
#include "internal/pycore_stackref.h"
#include "internal/pycore_tstate.h"
#ifdef Py_STACKREF_DEBUG
#error "backedge does not support interpreters built with Py_STACKREF_DEBUG"
#endif
#define BKP_OPCODE_TABLES "internal/pycore_opcode_metadata.h"
#define BKP_IP_ADD 0
#define BKP_BREAKER_BYTES 8
#define BKP_BREAKER_MASK 0xffu /* the bits above are the instrumentation version */
#define BKP_NULL_FIRST false   /* [callable, self or NULL, arguments...] */
#define BKP_LENDS_LOCALS 1
#define BKP_LOCALS_WRITABLE 1
#define BKP_BRANCH_ANY false /* conditional jumps and UNARY_NOT take only bools */
#define BKP_IMMORTAL 1       /* the count is negative */
#define BKP_HASH_TEXT true   /* a TypeError of hashing a set's element or a dict's key is replaced */
#define BKP_HOME_TAG Py_TAG_REFCNT

typedef _PyInterpreterFrame bkp_frame;

static inline bkp_frame *bkp_current(PyThreadState *ts) { return ts->current_frame; }
static inline void bkp_set_current(PyThreadState *ts, bkp_frame *f) { ts->current_frame = f; }
static inline void **bkp_home(bkp_frame *f) { return (void **)f->localsplus; }
static inline void **bkp_ip(bkp_frame *f) { return (void **)&f->instr_ptr; }
static inline _Py_CODEUNIT *bkp_lasti(bkp_frame *f) { return f->instr_ptr; }
static inline void bkp_resume_event(bkp_frame *f, _Py_CODEUNIT *u) { f->instr_ptr = u; }
static inline void bkp_resume_run(bkp_frame *f, _Py_CODEUNIT *u) { f->instr_ptr = u; }
static inline void bkp_calling(bkp_frame *f, _Py_CODEUNIT *u, int units) {
    f->instr_ptr = u;
    f->return_offset = (uint16_t)units;
}
static inline void *bkp_breaker(PyThreadState *ts) { return &ts->eval_breaker; }

/* ---- slots ---- */
static_assert(sizeof(_PyStackRef) == sizeof(void *), "a slot is one word");
static inline bool bkp_is_int(void *word) { return ((uintptr_t)word & Py_INT_TAG) == Py_INT_TAG; }
static inline PyObject *bkp_peek(void *word) {
    return bkp_is_int(word) ? NULL : (PyObject *)((uintptr_t)word & ~(uintptr_t)Py_TAG_REFCNT);
}
static inline void *bkp_slot(PyObject *owned) {
    return (void *)(owned ? PyStackRef_FromPyObjectSteal(owned).bits : PyStackRef_NULL.bits);
}
static inline void bkp_close(void *word) {
    if (!((uintptr_t)word & Py_TAG_REFCNT)) Py_XDECREF((PyObject *)word);
}
static inline void *bkp_own(void *word) {
    PyObject *o = bkp_peek(word);
    return o && (uintptr_t)word & Py_TAG_REFCNT && !_Py_IsImmortal(o) ? Py_NewRef(o) : word;
}
static inline void *bkp_retag(void *word) { return bkp_is_int(word) ? word : bkp_slot(bkp_peek(word)); }

/* ---- frames ---- */
static inline PyCodeObject *bkp_code(bkp_frame *f) { return (PyCodeObject *)bkp_peek((void *)f->f_executable.bits); }
static inline PyObject *bkp_func(bkp_frame *f) { return bkp_peek((void *)f->f_funcobj.bits); }
/* func's reference is stolen */
static inline void bkp_init(bkp_frame *f, PyFunctionObject *func, PyCodeObject *co) {
    _PyFrame_Initialize(PyThreadState_GET(), f, PyStackRef_FromPyObjectSteal((PyObject *)func), NULL, co, 0, NULL);
}
static inline int bkp_depth(bkp_frame *f) {
    return (int)(f->stackpointer - f->localsplus) - bkp_code(f)->co_nlocalsplus;
}
static inline void bkp_set_depth(bkp_frame *f, int d) {
    f->stackpointer = f->localsplus + bkp_code(f)->co_nlocalsplus + d;
}

/* less than half of the C stack is used: it grows downwards to the soft limit */
static inline bool bkp_c_stack_left(PyThreadState *ts) {
    const _PyThreadStateImpl *impl = (_PyThreadStateImpl *)ts;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return here - impl->c_stack_soft_limit > (impl->c_stack_top - impl->c_stack_soft_limit) / 2 &&
           here > impl->c_stack_soft_limit;
}

/* Why the running interpreter's layouts are not those this was compiled for; NULL if they are. */
static inline const char *bkp_check_layout(void) {
    const _Py_DebugOffsets *o = &_PyRuntime.debug_offsets;
    if (memcmp(o->cookie, "xdebugpy", 8) != 0) return "its table of offsets is missing";
    if (o->interpreter_frame.size != sizeof(_PyInterpreterFrame) ||
        o->interpreter_frame.instr_ptr != offsetof(_PyInterpreterFrame, instr_ptr) ||
        o->interpreter_frame.localsplus != offsetof(_PyInterpreterFrame, localsplus) ||
        o->interpreter_frame.stackpointer != offsetof(_PyInterpreterFrame, stackpointer) ||
        o->interpreter_frame.executable != offsetof(_PyInterpreterFrame, f_executable) ||
        o->interpreter_frame.previous != offsetof(_PyInterpreterFrame, previous) ||
        o->interpreter_frame.owner != offsetof(_PyInterpreterFrame, owner))
        return "frames have another layout";
    if (o->thread_state.size != sizeof(PyThreadState) ||
        o->thread_state.current_frame != offsetof(PyThreadState, current_frame))
        return "thread states have another layout";
    if (o->code_object.co_code_adaptive != offsetof(PyCodeObject, co_code_adaptive))
        return "code objects have another layout";
    if (o->interpreter_state.size != sizeof(PyInterpreterState)) return "interpreter states have another layout";
    return NULL;
}
#endif
