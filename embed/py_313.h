/* CPython 3.13: frames, instruction pointer, eval breaker. See py.h for what each name means.
 *
 * The frame keeps `instr_ptr`. While an instruction runs (a C function that it calls, or the frame of an inlined Python
 * call, included) it is the instruction itself (not its EXTENDED_ARG): hence BKP_IP_ADD is 0. A returning callee goes
 * on `return_offset` units behind it. Of a frame about to run it is the next instruction. In a JUMP or PY_START
 * callback the interpreter goes on at `instr_ptr` if it changed; the address of the instruction that fired means "not
 * moved".
 */
#ifndef BK_EMBED_PY_313_H
#define BK_EMBED_PY_313_H
#define BKP_VERSION 0x030d
#define BKP_OPCODE_TABLES "internal/pycore_opcode_metadata.h"
#define BKP_IP_ADD 0
#define BKP_BREAKER_BYTES 8
#define BKP_BREAKER_MASK 0xffu /* the bits above are the instrumentation version */
#define BKP_C_LIMIT Py_C_RECURSION_LIMIT
#define BKP_NULL_FIRST false /* [callable, self or NULL, arguments...] */
#define BKP_LENDS_LOCALS 0
#define BKP_LOCALS_WRITABLE 1
#define BKP_BRANCH_ANY false /* conditional jumps and UNARY_NOT take only bools */
#define BKP_IMMORTAL 0       /* the count is all ones */
#define BKP_HOME_TAG 0
#define BKP_HASH_TEXT false
#define BKP_ITER_SLOTS 1

typedef _PyInterpreterFrame bkp_frame;

static inline bkp_frame *bkp_current(PyThreadState *ts) { return ts->current_frame; }
static inline void bkp_set_current(PyThreadState *ts, bkp_frame *f) { ts->current_frame = f; }
static inline PyCodeObject *bkp_code(bkp_frame *f) { return (PyCodeObject *)f->f_executable; }
static inline void **bkp_ip(bkp_frame *f) { return (void **)&f->instr_ptr; }
static inline _Py_CODEUNIT *bkp_lasti(bkp_frame *f) { return f->instr_ptr; }
static inline void bkp_resume_event(bkp_frame *f, _Py_CODEUNIT *u) { f->instr_ptr = u; }
static inline void bkp_resume_run(bkp_frame *f, _Py_CODEUNIT *u) { f->instr_ptr = u; }
static inline void bkp_calling(bkp_frame *f, _Py_CODEUNIT *u, int units) {
    f->instr_ptr = u;
    f->return_offset = (uint16_t)units;
}
static inline void *bkp_breaker(PyThreadState *ts) { return &ts->eval_breaker; }
static inline int bkp_depth(bkp_frame *f) { return f->stacktop - bkp_code(f)->co_nlocalsplus; }
static inline void bkp_set_depth(bkp_frame *f, int d) { f->stacktop = bkp_code(f)->co_nlocalsplus + d; }
static inline void **bkp_home(bkp_frame *f) { return (void **)f->localsplus; }

/* Why the running interpreter's layouts are not those this was compiled for; NULL if they are. */
static inline const char *bkp_check_layout(void) {
    const _Py_DebugOffsets *o = &_PyRuntime.debug_offsets;
    if (memcmp(o->cookie, "xdebugpy", 8) != 0) return "its table of offsets is missing";
    if (o->interpreter_frame.size != sizeof(_PyInterpreterFrame) ||
        o->interpreter_frame.instr_ptr != offsetof(_PyInterpreterFrame, instr_ptr) ||
        o->interpreter_frame.localsplus != offsetof(_PyInterpreterFrame, localsplus) ||
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

static inline PyObject *bkp_func(bkp_frame *f) { return f->f_funcobj; }
/* func's reference is stolen */
static inline void bkp_init(bkp_frame *f, PyFunctionObject *func, PyCodeObject *co) {
    _PyFrame_Initialize(f, func, NULL, co, 0);
}
static inline bool bkp_c_stack_left(PyThreadState *ts) { return ts->c_recursion_remaining > BKP_C_LIMIT / 2; }

static inline PyObject *bkp_peek(void *word) { return word; }
static inline void *bkp_slot(PyObject *owned) { return owned; }
static inline void bkp_close(void *word) { Py_XDECREF((PyObject *)word); }
static inline void *bkp_own(void *word) { return word; }
static inline void *bkp_retag(void *word) { return word; }
#endif
