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

/* deopt.c: what leaving native code does with the frames */
typedef struct {
    const bk_fn *fn;
    const bk_code *code;
    uint64_t *buf;
    void **home;            /* of the real frame */
    const bk_snap *snap;
    const bk_loc *locs;     /* of the snapshot's slots: 3 each */
    const uint32_t base;    /* first slot of the snapshot in fn.slots */
} bk_exitctx;

/* raise.c */
int bk_raise_init(void);
/* Makes `exc` (stolen) come out of the instruction `in` when frame f goes on there: f's operand stack below the
 * instruction's operands is `below` deep; operands that are not there yet are made up. Sets the frame's depth. The
 * frame's instruction pointer is the caller's. 0; -1: impossible (out of memory), exc is set as the current exception. */
int bk_raise_at(bkp_frame *f, const bk_codeinfo *ci, const bk_insn *in, int below, PyObject *exc);
/* true if an INSTRUCTION event is to raise an exception that native code left; it is set then */
bool bk_raise_pending(PyThreadState *ts, bkp_frame *f, PyCodeObject *co, uint32_t offset);
/* an exception waits for its INSTRUCTION event on this thread */
bool bk_raise_waiting(PyThreadState *ts);
/* how many values an instruction takes from the operand stack; -1: not known here */
int bk_operands(const bk_insn *in);

/* events.c */
int bk_events_init(void);
void bk_events_stop(void);
/* the events set for a code object by bk_py_set_events */
unsigned bk_events_of(PyCodeObject *co);

/* report.c: a writer that fills `dict` (borrowed) */
typedef struct bk_report {
    PyObject *open[32];     /* containers being filled, innermost last; borrowed from their parents */
    int depth;
    bool failed;
} bk_report;
void bk_report_start(bk_writer *w, bk_report *r, PyObject *dict);
/* false with an exception set if something could not be written */
bool bk_report_done(bk_report *r);
#endif
