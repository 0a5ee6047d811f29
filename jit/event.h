/* How the driver tells what happens. Each call costs a test of one word while nobody listens. */
#ifndef BK_JIT_EVENT_H
#define BK_JIT_EVENT_H
#include "bk_event.h"
#include "codestate.h"

void bk_event_tell(bk_eventkind kind, const bk_anchor *a, const bk_region *r, uint32_t exit);

/* what happened to a loop, perhaps to one of its regions (r), perhaps at an exit of that */
static inline void bk_tell(bk_eventkind kind, const bk_anchor *a, const bk_region *r, uint32_t exit) {
    if (__builtin_expect(bk_listening != 0, 0) && a) bk_event_tell(kind, a, r, exit);
}
/* the loop's code object dies */
void bk_tell_last(bk_codestate *s);

/* the loop's keys: explain.c; also the shape of the `loop` event */
void bk_explain_anchor(bk_writer *w, const bk_anchor *a);
/* the loop's identity as keys, and as text */
void bk_explain_identity(bk_writer *w, const bk_anchor *a);
void bk_loop_id(const bk_anchor *a, char *text, size_t size);
#endif
