/* A compiled region: IR and snapshots, machine code, assumptions, counts of its exits. */
#ifndef BK_REGION_H
#define BK_REGION_H
#include "bk_driver.h"
#include "entry.h"

typedef struct bk_region {
    bk_fn *fn; /* kept for its snapshots; its constants are strong references */
    bk_code code;
    bk_source
        *sources; /* of fn->codes, then of those of its bodies, which may die before the region; NULL: no memory */
    uint32_t nsources;
    bk_ticket *ticket;
    int32_t valid;         /* cleared by a watcher: code must not be entered, and leaves at its next test */
    uint32_t inside;       /* activations */
    uint32_t *exit_counts; /* per exit; NULL until compiled */
    uint64_t entries;
    bk_entrycheck *checks; /* what must hold of the frame to enter */
    uint32_t nchecks;
    struct bk_region *other; /* the same place for frames with other types */
    bk_optparams opt;
    bk_optstats optstats;
    int level;
    bool frame_pointers;
    int64_t most_values; /* that its exits may hand over */
    double build_ms, opt_ms;
    int failed; /* bk_abortreason of the compile, 0 none */
    char error[160];
    char *texts[4];         /* trace, opt, llvm, asm when kept */
    struct bk_region *next; /* in the worker's queue, or among the dead */
    bool counted;           /* its code is in bk_code_bytes */
    bool doubtful;          /* as built, it calls unknown code (profit.h) */
    double part;            /* of its time that it may save (profit.h) */
    int done;               /* atomic: the worker is finished with it */
} bk_region;

/* takes over fn (with a new reference to each constant), the ticket and the checks (malloc'ed); NULL: out of memory,
 * all freed */
bk_region *bk_region_new(bk_fn *fn, bk_ticket *ticket, bk_entrycheck *checks, uint32_t nchecks);
/* the code may be entered from now on; GIL held */
void bk_region_publish(bk_region *r);
/* GIL held; frees at once if nobody is inside, else when that is so */
void bk_region_drop(bk_region *r);
/* frees dropped regions that nobody is inside of any more */
void bk_region_sweep(void);
/* the part that touches no Python object: optimise, lower, generate code; any thread */
void bk_region_compile(bk_region *r);
/* an exit by its number in the region, native functions included; *fn: the function it belongs to */
const bk_exit *bk_region_exit(const bk_region *r, uint32_t number, const bk_fn **fn);
/* where code number `code` of the region's function fn comes from (borrowed; NULL unknown) */
const bk_source *bk_region_source(const bk_region *r, const bk_fn *fn, uint16_t code);
/* the name of code number `code` of the region's function fn (borrowed; NULL unknown) */
const char *bk_region_name(const bk_region *r, const bk_fn *fn, uint16_t code);
uint32_t bk_region_exits(const bk_region *r); /* how many */
/* why an exit is taken: a guard kind (bk_guards.def) */
int bk_exit_kind(const bk_region *r, uint32_t number);
/* could a region that knows more do without exits of this kind? */
bool bk_exit_learns(int kind);
extern uint64_t bk_code_bytes; /* machine code alive */

/* worker.c: the compile thread. submit: compiles r (sync: on this thread). r->done is set when it is finished. */
void bk_worker_submit(bk_region *r, bool sync);
/* until all that is submitted now is finished, or so many microseconds (more if the thread gets less than half of the
 * time); without the GIL */
void bk_worker_wait_for(uint32_t us);
/* after that time the worker asks for bk_on_wake (bk_py_wake_soon); false: there is no worker */
bool bk_worker_wake_in(uint32_t us);
void bk_worker_wait(void); /* until nothing is queued or running */
void bk_worker_stop(void); /* finishes the running compile, drops the queue */
void bk_worker_before_fork(void);
void bk_worker_after_fork(bool child);
extern double bk_worker_cpu_ms;    /* CPU time of all compiles */
double bk_worker_waiting_ms(void); /* the same, estimated, of what is queued or running */
double bk_worker_likely_ms(const bk_region *r);
double bk_worker_usual_ms(void); /* a compile takes, as far as is known */
#endif
