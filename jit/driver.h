/* What the parts of the driver ask of each other. GIL held. */
#ifndef BK_DRIVER_PARTS_H
#define BK_DRIVER_PARTS_H
#include "codestate.h"

extern bool bk_paused; /* a tool watches: nothing is recorded or entered */
/* microseconds; by count of events under fixed_order */
uint64_t bk_now_us(void);
uint64_t bk_run_us(void); /* for how long this thread has run: that others had the processor tells nothing about it */

/* ---- codestate.c ---- */

/* the events that the state calls for, and asking the interpreter for them (again, where places were switched off:
 * rearm); 0, or -1 with an exception set */
unsigned bk_codestate_wants(const bk_codestate *s);
int bk_codestate_listen(bk_codestate *s, bool rearm);
/* drops all native code, jobs too */
void bk_codestate_drop(bk_codestate *s);
/* takes r out of the place's list, keeping its counts; the caller drops it */
void bk_anchor_unlink(bk_anchor *a, bk_region *r);

/* ---- recording.c ---- */

/* for_: the loop that got hot; NULL: s is called by what is being recorded for root */
void bk_record_start(bk_codestate *s, bk_codestate *root, bk_anchor *for_);
/* ends the recording of s, and of what is recorded for it */
void bk_record_stop(bk_codestate *s);
uint64_t bk_recorded_us(const bk_codestate *s); /* for how long it has been going on, or did when it was last */
/* has the recording waited for the loop around a for about as long as compiling a takes? */
bool bk_recording_waited(const bk_codestate *s, const bk_anchor *a);
/* a back edge, a call while it is recorded: enough was seen, and the place is compiled? */
void bk_recording_back_edge(bk_codestate *s, bk_anchor *a, bk_frame *f);
void bk_recording_call(bk_codestate *s, bk_anchor *a, bk_frame *f);

/* ---- compiling.c ---- */

bk_where bk_anchor_head(const bk_anchor *a);
/* for the types in f, in place of `replaces` (NULL: beside what is there); the state tells what came of it */
void bk_compile(bk_codestate *s, bk_anchor *a, bk_frame *f, bk_region *replaces);
/* The place's job waits until it can be afforded: is that so now? anyway: it is not asked. */
void bk_compile_parked(bk_anchor *a, bool anyway);
/* it is not compiled now, and after some such times never */
void bk_refuse(bk_anchor *a, int why);
/* the place's job is done */
void bk_publish(bk_anchor *a);

/* ---- leaving.c ---- */

enum { BK_TIMED_EVERY = 8 }; /* entries per one that is timed */
/* r was left by the exit; early: before entering it paid */
void bk_after_exit(bk_codestate *s, bk_anchor *a, bk_region *r, uint32_t exit, bool early);
/* where the exit is: at a poll, at the loop's end, in the middle of a pass */
typedef enum { BK_LEAVES_POLL, BK_LEAVES_LOOP, BK_LEAVES_INSIDE } bk_leaving;
bk_leaving bk_leaves(const bk_codestate *s, const bk_anchor *a, const bk_region *r, uint32_t exit);
/* native code was slower than the interpreter: BK_DISABLE */
int bk_give_up(bk_anchor *a);
#endif
