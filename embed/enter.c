/* Enters compiled code on an interpreter frame, and what must hold for that. */
#include "embed.h"
#include <pthread.h>

/* Native code and exits rely on each reference being its slot's own, and on the stack slots above the frame's depth,
 * which hold stale pointers, being empty. */
static void prepare(bkp_frame *f, void **home, uint32_t nhome) {
    uint32_t used = (uint32_t)(bkp_code(f)->co_nlocalsplus + bkp_depth(f)), i = 0;
    for (; i < used; i++) home[i] = bkp_own(home[i]);
    for (; i < nhome; i++) home[i] = bkp_slot(NULL);
}

/* ---- native functions: depth of calls, C stack, the record stack ---- */
enum { RECORD_WORDS = 1 << 19, STACK_BUDGET = 1 << 20, STACK_RESERVE = 1 << 17 };
static uint64_t *records; /* under the GIL: filled while native code leaves, used up before any other code runs */

/* the lowest address of this thread's C stack that may be used; asking is slow */
static uintptr_t stack_low(void) {
    static _Thread_local uintptr_t low;
    pthread_attr_t a;
    void *start = NULL;
    size_t size = 0;
    if (low) return low;
    low = UINTPTR_MAX; /* unknown: no native calls */
    if (pthread_getattr_np(pthread_self(), &a)) return low;
    if (!pthread_attr_getstack(&a, &start, &size)) low = (uintptr_t)start + STACK_RESERVE;
    pthread_attr_destroy(&a);
    return low;
}

/* An entry may use no more than a part of the C stack: what is nested deeper leaves, and enters again from frames that
 * use none of it. Fewer calls than records have room for may be nested. */
static void allow_calls(bk_ctx *ctx, PyThreadState *ts, const bk_code *code) {
    if (!records) records = malloc(RECORD_WORDS * sizeof *records);
    uintptr_t low = stack_low(), here = (uintptr_t)__builtin_frame_address(0);
    int64_t most = records ? RECORD_WORDS / code->record_words : 0;
    ctx->left = ts->py_recursion_remaining < most ? ts->py_recursion_remaining : most;
    ctx->stack_limit = low < here && here - low > STACK_BUDGET ? here - STACK_BUDGET : low;
    ctx->records = records;
}

#if BKP_LOCALS_WRITABLE
/* A frame object that only the frame itself still has (an exception's traceback asked for it) is taken from it:
 * compiled code would think, after each call, that somebody may have changed the locals. Nobody can tell it from a
 * later one. */
static void forget_object(bkp_frame *f) {
    PyFrameObject *o = f->frame_obj;
    if (Py_REFCNT(o) != 1 || o->f_trace || !o->f_trace_lines || o->f_trace_opcodes || o->f_extra_locals) return;
    f->frame_obj = NULL;
    Py_DECREF(o);
}
#else
static void forget_object(bkp_frame *f) { (void)f; }
#endif

int64_t bk_py_enter(bk_frame *frame, const bk_fn *fn, const bk_code *code, uint64_t *buf, uint64_t *passes) {
    bkp_frame *f = (bkp_frame *)frame;
    PyThreadState *ts = PyThreadState_GET();
    void **home = bkp_home(f);
    bk_ctx ctx;
    uint32_t n;
    ctx.breaker = bkp_breaker(ts);
    ctx.ip = bkp_ip(f);
    ctx.code_base = (char *)_PyCode_CODE(bkp_code(f));
    ctx.tstate = ts;
    ctx.frame = f;
    ctx.self_or_null = NULL;
    if (__builtin_expect(f->frame_obj != NULL, 0)) forget_object(f);
    prepare(f, home, fn->nhome);
    if (fn->nxhome) memset(buf, 0, fn->nxhome * sizeof *buf);
    ctx.records = records;
    if (code->nbodies) allow_calls(&ctx, ts, code);
    const uint64_t *base = ctx.records;
    ctx.passes = 0;
    n = code->entry(home, buf, &ctx);
    *passes = ctx.passes;
    int64_t number = n;
    if (ctx.records > base) { /* the innermost exit is the reason */
        const bk_code *body = NULL;
        const uint64_t *top = ctx.records;
        while (top > base) {
            number = bk_record_exit(*--top);
            body = &code->bodies[bk_record_body(*top)];
            top -= body->buf_words;
        }
        number += body->first_exit;
    }
    return bk_deopt(ts, f, fn, code, buf, n, base, ctx.records) < 0 ? -1 : number;
}

/* the bits of other tools than ours in a table of one byte per event */
static inline uint64_t others(const uint8_t *tools, size_t n) {
    uint64_t any = 0, w;
    for (size_t i = 0; i < n; i += sizeof w) {
        w = 0;
        memcpy(&w, tools + i, n - i < sizeof w ? n - i : sizeof w);
        any |= w;
    }
    return any & ~(0x0101010101010101u << BK_TOOL);
}

/* Another tool has any event on, everywhere or for this code. sys.settrace and sys.setprofile are such tools, in
 * whatever thread they were called. */
static bool watched(PyThreadState *ts, PyCodeObject *co) {
    const _Py_GlobalMonitors *global = &ts->interp->monitors;
    const _PyCoMonitoringData *local = co->_co_monitoring;
    return others(global->tools, sizeof global->tools) ||
           (local && others(local->local_monitors.tools, sizeof local->local_monitors.tools));
}

bool bk_py_may_enter(bk_frame *frame) {
    PyThreadState *ts = PyThreadState_GET();
    return ts->tracing == 1 && bkp_c_stack_left(ts) && !ts->interp->eval_frame && !ts->c_tracefunc &&
           !ts->c_profilefunc && !watched(ts, bkp_code((bkp_frame *)frame)) && !bk_raise_waiting(ts);
}
