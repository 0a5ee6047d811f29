/* Where the time goes, by sampling: a thread of its own looks at what the thread that runs Python is doing. It needs
 * neither signals nor the GIL: native code says so in its thread's slot; where the interpreter is, the interpreter
 * tells itself at its next poll, when the sampler has asked (embed/sample.c). */
#ifndef BK_SAMPLE_H
#define BK_SAMPLE_H
#include "bk_driver.h"

typedef enum {
    BK_TICK_NATIVE,
    BK_TICK_INTERPRETED,
    BK_TICK_RECORDING, /* interpreted, with events that record */
    BK_TICK_WAITING,   /* interpreted, while the compiler works on it */
    BK_TICK_BUILDING,  /* the region is built (sync: compiled) on the program's thread */
    BK_NTICKS
} bk_tick;
extern const char *const bk_tick_names[BK_NTICKS];
extern uint64_t bk_ticks_elsewhere, bk_ticks_idle; /* in no loop that is known; nobody held the GIL */

/* starts the sampler, or changes its interval. false: no thread could be started. GIL held, as for all here */
bool bk_sample_start(double interval_ms);
void bk_sample_stop(void);
/* the thread ends before a fork; it is started again in the child at once, in the parent when the fork is over */
void bk_sample_before_fork(void);
void bk_sample_go_on(void);
void bk_sample_in_child(void);

/* ---- what embed gives ---- */
void *bk_py_thread(void);     /* this thread's state */
void *bk_py_gil_holder(void); /* without the GIL: the thread that has it, NULL none */
bool bk_py_ask_where(void);   /* without the GIL: bk_sample_where will be called soon, with it */
void bk_sample_where(void);   /* jit: credits what is owed to the loop that the interpreter is in */
bk_obj *bk_py_walk(void **frame, uint32_t *offset); /* next frame's code (borrowed; NULL: none left) and place, from
                                                     * *frame NULL: the innermost */
#endif
