/* CPython 3.12: frames, instruction pointer, eval breaker. See py.h for what each name means.
 *
 * The frame keeps `prev_instr`. While an instruction runs (a C function that it calls included) it is the instruction
 * itself, as the interpreter stores it on starting it (not its EXTENDED_ARG): hence BKP_IP_ADD is 0. In a frame that
 * waits for an inlined Python call it is the last cache entry of the call, and of a frame about to run the unit before
 * the next instruction. In a JUMP or PY_START callback the interpreter goes on at `prev_instr` itself.
 */
#ifndef BK_EMBED_PY_312_H
#define BK_EMBED_PY_312_H
#define BKP_VERSION 0x030c
#define BKP_OPCODE_TABLES "internal/pycore_opcode.h"
#define BKP_IP_ADD 0
#define BKP_BREAKER_BYTES 4
#define BKP_BREAKER_MASK 0xffffffffu
#define BKP_C_LIMIT C_RECURSION_LIMIT
#define BKP_NULL_FIRST true /* [NULL or method, callable or self, arguments...] */
#define BKP_LENDS_LOCALS 0
#define BKP_LOCALS_WRITABLE 0
#define BKP_BRANCH_ANY true /* conditional jumps and UNARY_NOT take any object */
#define BKP_IMMORTAL 0      /* the count is all ones */
#define BKP_HOME_TAG 0
#define BKP_HASH_TEXT false
#define BKP_ITER_SLOTS 1

typedef _PyInterpreterFrame bkp_frame;

static inline bkp_frame *bkp_current(PyThreadState *ts) { return ts->cframe->current_frame; }
static inline void bkp_set_current(PyThreadState *ts, bkp_frame *f) { ts->cframe->current_frame = f; }
static inline PyCodeObject *bkp_code(bkp_frame *f) { return f->f_code; }
static inline void **bkp_ip(bkp_frame *f) { return (void **)&f->prev_instr; }
static inline _Py_CODEUNIT *bkp_lasti(bkp_frame *f) { return f->prev_instr; }
static inline void bkp_resume_event(bkp_frame *f, _Py_CODEUNIT *u) { f->prev_instr = u; }
static inline void bkp_resume_run(bkp_frame *f, _Py_CODEUNIT *u) { f->prev_instr = u - 1; }
static inline void bkp_calling(bkp_frame *f, _Py_CODEUNIT *u, int units) {
    f->prev_instr = u + units - 1;
    f->return_offset = 0;
}
static inline void *bkp_breaker(PyThreadState *ts) { return &ts->interp->ceval.eval_breaker; }
static inline int bkp_depth(bkp_frame *f) { return f->stacktop - f->f_code->co_nlocalsplus; }
static inline void bkp_set_depth(bkp_frame *f, int d) { f->stacktop = f->f_code->co_nlocalsplus + d; }
static inline void **bkp_home(bkp_frame *f) { return (void **)f->localsplus; }

/* 3.12 has no table of its own offsets: live probes only (selfcheck.c) */
static inline const char *bkp_check_layout(void) { return NULL; }

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
