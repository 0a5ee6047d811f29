/* Enters compiled code on an interpreter frame, and what must hold for that. */
#include "embed.h"

/* Native code and exits rely on each reference being its slot's own, and on the stack slots above the frame's depth,
 * which hold stale pointers, being empty. */
static void prepare(bkp_frame *f, void **home, uint32_t nhome) {
    uint32_t used = (uint32_t)(bkp_code(f)->co_nlocalsplus + bkp_depth(f)), i = 0;
    for (; i < used; i++) home[i] = bkp_own(home[i]);
    for (; i < nhome; i++) home[i] = bkp_slot(NULL);
}

int64_t bk_py_enter(bk_frame *frame, const bk_fn *fn, const bk_code *code, uint64_t *buf) {
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
    prepare(f, home, fn->nhome);
    if (fn->nxhome) memset(buf, 0, fn->nxhome * sizeof *buf);
    n = code->entry(home, buf, &ctx);
    return bk_deopt(ts, f, fn, code, buf, n) < 0 ? -1 : (int64_t)n;
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
