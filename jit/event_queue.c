/* Who listens to events, the queue of those that wait for a callback, and their clock. */
#include "bk_event.h"
#include "clock.h"
#include <stdlib.h>
#include <string.h>

unsigned bk_listening;
const bk_named bk_event_kinds[] = {
#define BK_EVENT(name, text, sentence) {text, sentence},
#include "bk_events.def"
#undef BK_EVENT
    {NULL, NULL}};

enum { MAX_QUEUED = 10000 }; /* a callback that never gets its turn must not eat the memory */
typedef struct queued {
    struct queued *next;
    char *text;
} queued;
static queued *first, **last = &first;
static unsigned nqueued;

char *bk_event_take(void) {
    queued *q = first;
    if (!q) return NULL;
    char *text = q->text;
    first = q->next;
    if (!first) last = &first;
    nqueued--;
    free(q);
    return text;
}

bool bk_event_waiting(void) { return first != NULL; }

void bk_event_forget(void) {
    for (char *text; (text = bk_event_take());) free(text);
}

void bk_event_put(const char *text) {
    queued *q = nqueued < MAX_QUEUED ? malloc(sizeof *q) : NULL;
    char *copy = q ? strdup(text) : NULL;
    if (!copy) {
        free(q);
        return;
    }
    *q = (queued){NULL, copy};
    *last = q;
    last = &q->next;
    nqueued++;
}

static double clock_start;

double bk_events_ms(void) {
    double now = bk_clock_ms(CLOCK_MONOTONIC);
    if (!clock_start) clock_start = now;
    return now - clock_start;
}

void bk_events_set_clock(void) {
    clock_start = 0;
    (void)bk_events_ms();
}
