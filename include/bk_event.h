/* The stream of events: what happens to loops, told to a log file (BACKEDGE_LOG) and to callbacks
 * (backedge.on_event). Nothing is formatted while nobody listens. GIL held in all functions.
 *
 * An event is one JSON object on a line. Each has `event` (its name in bk_events.def) and `t` (milliseconds since the
 * process began to watch); one about a loop has the loop's identity: `loop`, the text FILE:LINE:FUNCTION@OFFSET, which
 * is the same in every run, and its parts. jit/event.c writes them; backedge/_model.py reads them. */
#ifndef BK_EVENT_H
#define BK_EVENT_H
#include "bk_driver.h"

enum { BK_LOG_VERSION = 1 };
typedef enum {
#define BK_EVENT(name, text, sentence) BK_EVT_##name,
#include "bk_events.def"
#undef BK_EVENT
    BK_NEVENTS
} bk_eventkind;
extern const bk_named bk_event_kinds[]; /* ends with NULL names */

enum { BK_LISTEN_LOG = 1, BK_LISTEN_CALL = 2 };
extern unsigned bk_listening; /* who listens; 0: nobody */

/* ---- the log file (jit/log.c) -------------------------------------------------------------------------------- */
/* Opens the file that `pattern` names (%d: process id); if another process has it open, or this is a forked child and
 * there is no %d, one with the process id appended. `header` writes further keys of the header line. false: errno */
bool bk_log_open(const char *pattern, void (*header)(bk_writer *w, void *ctx), void *ctx);
void bk_log_close(void);
/* writes a whole line; a file that cannot be written is closed */
void bk_log_line(const char *text, size_t n);
/* in a forked child: goes on in a file of its own */
void bk_log_after_fork(void (*header)(bk_writer *w, void *ctx), void *ctx);

/* ---- callbacks: lines wait here until they can be delivered ------------------------------------------------------ */
void bk_event_put(const char *text); /* copied; dropped when memory is out or too many wait */
/* the oldest line, malloc'ed, new; NULL none */
char *bk_event_take(void);
bool bk_event_waiting(void);
void bk_event_forget(void);

/* in a forked child: loops' counts begin anew, so that logs of parent and child can be added up */
void bk_events_after_fork(void);
/* `t`, and: it counts from now */
double bk_events_ms(void);
void bk_events_set_clock(void);
/* the last events of the process: one per loop that was seen, and the counters. Only once */
void bk_events_finish(void);

/* ---- JSON (jit/json.c) ------------------------------------------------------------------------------------------- */
typedef struct {
    char *text; /* malloc'ed, ends with 0; NULL: none yet, or out of memory */
    size_t n, room, depth;
    bool failed, comma;
    char closers[32];
} bk_json;
/* a writer that appends to `j`; the caller opens and closes the outermost object by dict(NULL) and end() */
bk_writer bk_json_writer(bk_json *j);
void bk_json_reset(bk_json *j); /* keeps the memory */
#endif
