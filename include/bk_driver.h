/* What embed asks of the driver (jit/driver.c) besides the event handlers in bk_py.h. GIL held. */
#ifndef BK_DRIVER_H
#define BK_DRIVER_H
#include "bk_py.h"

typedef struct {
#define BK_PARAM(name, def, min, max, text) int64_t name;
#include "bk_params.def"
#undef BK_PARAM
} bk_params;
typedef struct {
    const char *name;
    int64_t def, min, max;
    const char *text;
} bk_paraminfo;
extern const bk_paraminfo bk_param_table[]; /* ends with name NULL; same order as the struct's int64_t fields */
extern bk_params bk_config;                 /* the process-wide settings (environment, backedge.config()) */

typedef struct {
    const char *name, *text;
} bk_named;
extern const bk_named bk_guard_kinds[];                             /* ends with NULL names */
extern const char *const bk_abort_texts[], *const bk_abort_names[]; /* by bk_abortreason; end with NULL */

/* passes of the optimiser by number; ends with NULL */
extern const char *const bk_pass_names[];
/* tell perf where native code is (BACKEDGE_PERF=map, dump), gdb (BACKEDGE_GDB=1) */
typedef enum { BK_PERF_OFF, BK_PERF_MAP, BK_PERF_DUMP } bk_perfmode;
extern bk_perfmode bk_perf_wanted;
extern bool bk_gdb_wanted;
/* only loops listed in this file (an identity on each line) are compiled; false: errno */
bool bk_select_load(const char *path);

/* Watch this code object (events on); params may be NULL: the process-wide ones apply. asked: somebody named it; else
 * it is code of a program all of which is watched. 0, or -1 with an exception set */
int bk_driver_enable(bk_obj *code, const bk_params *params, bool asked);
/* stop watching and drop what was compiled for it (freed when no thread is inside) */
int bk_driver_disable(bk_obj *code);
bool bk_driver_enabled(bk_obj *code);
/* Events of this code's one loop are timed, and nothing else is done in them; false: out of memory. Then, events off:
 * the least clock ticks from the end of one to the beginning of the next, 0: not known. */
bool bk_driver_calibrate(bk_obj *code);
double bk_driver_calibrated(bk_obj *code);
/* wait until no compile is running or queued, publish what is ready (tests; releases the GIL through `yield` while
 * waiting) */
void bk_driver_drain(void);
/* stop compiling and forget all (at exit); restart the worker in a forked child */
void bk_driver_stop(void);
void bk_driver_before_fork(void);
void bk_driver_after_fork(bool child);
/* a tool (settrace, profiler, monitoring) was switched on or off for the process: step aside / come back */
void bk_driver_pause(bool pause);
bool bk_driver_paused(void); /* a debugger, profiler or tracer is why */

/* Structured facts for people: the driver writes, the module makes dicts and lists of it. key is NULL inside lists. */
typedef struct bk_writer {
    void *ctx;
    void (*dict)(void *ctx, const char *key);
    void (*list)(void *ctx, const char *key);
    void (*end)(void *ctx);
    void (*str)(void *ctx, const char *key, const char *v); /* UTF-8; NULL v: None */
    void (*num)(void *ctx, const char *key, int64_t v);
    void (*real)(void *ctx, const char *key, double v);
} bk_writer;
void bk_driver_stats(bk_writer *w);                 /* process-wide counters: keys into the open dict */
void bk_driver_explain(bk_obj *code, bk_writer *w); /* one code object's loops and functions: keys into the open dict */
/* keep texts of all stages of what is compiled from now on (for dumps): bit 0 trace, 1 opt, 2 llvm, 3 asm; bit 4: check
 * that line tables do not change the code */
extern unsigned bk_keep_stages;
/* all code objects that the driver has state for */
void bk_driver_each(void (*f)(void *ctx, bk_obj *code), void *ctx);

/* Stress (BACKEDGE_STRESS): exits:SEED, guards fail on purpose (seed 0: off); verify, the IR of every region is
 * damaged; memory, there is none for the optimiser; loss, native code that is timed seems to gain nothing. */
extern uint64_t bk_stress_seed;
extern uint32_t bk_stress_one_in;
typedef enum { BK_STRESS_NONE, BK_STRESS_VERIFY, BK_STRESS_MEMORY, BK_STRESS_LOSS } bk_stress;
extern bk_stress bk_stress_with;
#endif
