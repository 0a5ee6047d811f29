/* What the frames, events and bytecode part of embed shares between its files. */
#ifndef BK_EMBED_H
#define BK_EMBED_H
#include "py.h"
#include "bk_driver.h"

#define BK_TOOL 5 /* sys.monitoring.OPTIMIZER_ID */

/* The instruction that starts or stands at a byte offset; NULL if none does. */
static inline const bk_insn *bk_insn_at(const bk_codeinfo *ci, uint32_t offset) {
    if (offset / 2 >= ci->nbytes / 2 || ci->index[offset / 2] == 0xffff) return NULL;
    return &ci->insns[ci->index[offset / 2]];
}

/* decode.c: decodes a code object; NULL: out of memory, or too big (no exception set) */
bk_codeinfo *bk_decode(PyCodeObject *co);
void bk_codeinfo_free(bk_codeinfo *ci);
/* codeinfo.c: 0, or -1 with an exception set */
int bk_codeinfo_init(void);

/* traits.c: fills the traits; NULL, or why they cannot be right */
const char *bk_traits_init(void);
/* selfcheck.c: NULL if this interpreter is the one that the layouts are for, else a reason in `buf` */
const char *bk_selfcheck(char *buf, size_t n);

/* ---- leaving native code: mat.c makes the objects, deopt.c writes the frames, inner.c runs inlined callees' frames */
enum { BK_MADE_NEAR = 48, BK_LATE_MAX = 16 };
typedef struct { /* an object that an exit made, and of what */
    const bk_slot *slot;
    const bk_loc *loc;
    PyObject *obj;
    int next; /* in its chain; -1 none */
} bk_made;
typedef struct {
    const bk_fn *fn;
    const bk_code *code;
    uint64_t *buf;       /* virtual homes, then exit values */
    void **home;         /* of the real frame */
    const bk_slot *slot; /* next entry of the snapshot */
    const bk_loc *loc;   /* its three locations */
    uint32_t first_home; /* number of the frame's first home slot */
    uint32_t index;      /* number of the top-level slot in its frame */
    bool top;            /* a top-level slot is made, not a kid */
    uint64_t chains;     /* what was made is in chains: a bit for each that is not empty */
    int first[64];       /* valid by those bits */
    int nmade, room;
    unsigned nlate;
    PyObject **passed; /* native functions: the objects of their parameters, BK_BOX_CONST - BK_BOX_PARAM of them; NULL:
                          the caller had none, and none has been made */
    bk_made *made;     /* made_near, or allocated */
    bk_made made_near[BK_MADE_NEAR];
    PyObject *late[BK_LATE_MAX]; /* references to be dropped when the frames are written */
} bk_mat;
void bk_mat_start(bk_mat *m);
void bk_mat_end(bk_mat *m);
/* The next slot's object: a new reference, NULL for an empty slot, BK_KEEP_SLOT if the real frame's slot stays as it
 * is. */
PyObject *bk_mat_slot(bk_mat *m);
extern PyObject *const bk_keep_slot;
#define BK_KEEP_SLOT bk_keep_slot

/* deopt.c: leaves by exit number n; native functions that were left have put records there (up to `top`), which are
 * used up. 0; -1: the current exception must be returned from the event callback */
int bk_deopt(PyThreadState *ts, bkp_frame *f, const bk_fn *fn, const bk_code *code, uint64_t *buf, uint32_t n,
             const uint64_t *records, const uint64_t *top);
/* an interpreter frame that is made, or written, when native code leaves */
typedef struct {
    bkp_frame *frame;
    const bk_codeinfo *info;
    const bk_insn *at; /* where it goes on, or waits for the frame inside */
    const bk_sframe *shape;
    const bk_fn *fn; /* whose snapshot the shape is of */
    uint32_t start;  /* of its values */
} bk_leftframe;

/* inner.c: an inlined callee's frame, above the thread's innermost one, with empty slots. func is borrowed. Never
 * fails: out of memory is fatal here */
/* func is stolen */
bkp_frame *bk_inner_push(PyThreadState *ts, PyFunctionObject *func, PyCodeObject *co, bkp_frame *previous);
/* Runs the frames f[1..n-1] from the innermost (f[n-1], ready to run) outwards. f[0] is the real frame; f[0..n-2] wait
 * at their calls. thrown: the innermost starts with the exception that is set. f[1]'s result is a new reference for
 * f[0]'s call, or NULL with an exception set; without one, f[0]'s FOR_ITER has come to its end. */
PyObject *bk_inner_run(PyThreadState *ts, const bk_leftframe *f, uint32_t n, bool thrown);
/* gives the waiting instruction its result (stolen), or ends its loop; the number of the instruction to go on at */
uint32_t bk_inner_next(const bk_leftframe *f, PyObject *result);
/* finish.c: What the instruction that waits in `caller` makes of the result (stolen; NULL: an exception is set) of the
 * function that it called. A new reference; NULL: an exception is set, or (FOR_ITER) the loop ends */
PyObject *bk_finish_result(bkp_frame *caller, const bk_insn *at, bk_finish finish, PyObject *r);
/* the iterator goes; the number of the instruction behind the loop */
uint32_t bk_finish_loop(bkp_frame *caller, const bk_insn *at);
PyObject *bk_pop_operand(bkp_frame *f); /* off the stack, with its reference */
/* pushes what instruction `in` leaves on the stack when the Python function that it called returned `result` (stolen)
 */
void bk_push_result(bkp_frame *f, const bk_insn *in, PyObject *result);

/* poison.c */
int bk_raise_init(void);
/* an object whose every slot raises exc (stolen); NULL: out of memory, exc is kept, no exception is set */
PyObject *bk_poison_new(PyObject *exc);
/* the operand that must be poison for `in` to raise exc, counted from the lowest; negative: none can make it */
int bk_poison_place(const bk_insn *in, PyObject *exc);
/* how many values an instruction takes from the operand stack; -1: not known here */
int bk_operands(const bk_insn *in);

/* raise.c */
/* Makes `exc` (stolen) come out of the instruction `in` when frame f goes on there: f's operand stack below the
 * instruction's operands is `below` deep; operands that are not there yet are made up. Sets the frame's depth. The
 * frame's instruction pointer is the caller's. 0; -1: impossible (out of memory), exc is set as the current exception.
 */
int bk_raise_at(bkp_frame *f, const bk_codeinfo *ci, const bk_insn *in, int below, PyObject *exc);
/* true if an INSTRUCTION event is to raise an exception that native code left; it is set then */
bool bk_raise_pending(PyThreadState *ts, bkp_frame *f, PyCodeObject *co, uint32_t offset);
/* The events that a code object needs when the driver wants `events`: those and, while an exception waits for its
 * INSTRUCTION event there, that one. Remembers what is wanted. */
unsigned bk_raise_events(PyCodeObject *co, unsigned events);
/* what the driver wants */
unsigned bk_events_wanted(PyCodeObject *co);
/* an exception of some thread waits there: the place must not be disabled */
bool bk_raise_waits_at(PyCodeObject *co, uint32_t offset);
/* an exception waits for its INSTRUCTION event on this thread */
bool bk_raise_waiting(PyThreadState *ts);

/* events.c */
int bk_events_init(void);
int bk_events_audit(const char *event, PyObject *args, void *unused); /* our audit hook */
void bk_audited_init(void);                                           /* audited.c; after it */
uint64_t bk_events_time_call(void); /* clock ticks of a call of the callback that does nothing */
bool bk_events_quiet(void);         /* no other tool is there */
int bk_calibrate(void);             /* measures what events cost; -1: an exception, such as a signal's */
void bk_events_stop(void);
/* PY_START of all code, on or off (off while other tools are active). 0, or -1 with an exception set */
int bk_events_set_global(bool start);
/* the events that are on for a code object */
unsigned bk_events_of(PyCodeObject *co);
/* sets them, whatever exceptions wait. 0, or -1 with an exception set */
int bk_events_set(PyCodeObject *co, unsigned events, bool rearm);

/* report.c: a writer that fills `dict` (borrowed) */
typedef struct bk_report {
    PyObject *open[32]; /* containers being filled, innermost last; borrowed from their parents */
    int depth;
    bool failed;
} bk_report;
void bk_report_start(bk_writer *w, bk_report *r, PyObject *dict);
/* false with an exception set if something could not be written */
bool bk_report_done(bk_report *r);
#endif
