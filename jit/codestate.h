/* What the driver keeps of each watched code object. */
#ifndef BK_CODESTATE_H
#define BK_CODESTATE_H
#include "bcflow.h"
#include "bk_sample.h"
#include "build.h"
#include "loopstat.h"
#include "region.h"

typedef enum { A_COLD, A_RECORDING, A_COMPILING, A_COMPILED, A_FAILED, A_BLACKLISTED } bk_anchorstate;

/* whether native code pays is being measured (profit.c) */
typedef enum { BK_TRIAL_OFF, BK_TRIAL_NATIVE, BK_TRIAL_LOST, BK_TRIAL_INTERPRETED, BK_TRIAL_EVENTS } bk_trialphase;
enum { BK_TRIAL_TURNS = 7 };
typedef struct bk_anchor bk_anchor;
typedef struct {
    bk_trialphase phase;
    uint32_t asked;              /* for a poll that ends a long run: in so many microseconds */
    bk_anchor *next_asked;       /* of all such places */
    bool brief;                  /* the last run was short */
    uint32_t turns, skip;        /* done; passes not to be measured */
    uint32_t disturbed;          /* turns in which other processes ran */
    uint32_t losses;             /* trials in which native code gained nothing */
    uint32_t briefs;             /* native turns of runs that are over after a pass */
    bool doubtful;               /* the region calls unknown code */
    double gain;                 /* of native code: what it saves to what it takes, as far as that is known */
    uint64_t passes, left, ends; /* of the turn; passes in which native code was left, runs that came to their end */
    uint64_t entries;            /* into native code */
    double ticks;                /* of the passes */
    uint64_t seen_at;            /* bk_events_seen at the last back edge */
    float *gaps;                 /* of an interpreted turn: ticks from back edge to back edge; NULL: the sum will do */
    uint64_t began, began_us;    /* when the turn began: clock, CPU time of the thread */
    uint64_t at, now;            /* of interpreting: the end of the last back edge's event, the beginning of this
                                  * one's */
    int64_t items;               /* that the iterator had left then */
    double native_ticks, native_passes, native_left; /* of the last native turn */
    double native_runs;                              /* entries of it that were not left inside */
    float ratios[BK_TRIAL_TURNS];                    /* native to interpreted */
    double event;                                    /* ticks of an event, at the last turn's end */
    double least;                                    /* of BK_TRIAL_EVENTS: ticks from event to event */
} bk_trial;

/* A place where a region may begin: a loop header, or the start of the function. */
struct bk_anchor {
    bk_codestate *of;
    int32_t header; /* instruction; -1: the function's start */
    bk_anchorstate state;
    int64_t count; /* back edges since it was last reset */
    int64_t threshold;
    uint32_t rec_visits;            /* back edges seen while recording */
    uint32_t rec_new;               /* the last of them before which something new was seen */
    uint64_t rec_news;              /* bk_prof_news then */
    uint64_t rec_at_us, rec_gap_us; /* the last of rec_visits, after so long a recording, and since the one before */
    bk_region *region;              /* published code, linked by `other` for other types; may have become invalid */
    bk_region *job;                 /* being compiled */
    bool parked;                    /* it is not, because it takes more time than there is */
    bk_region *replaces;            /* the region that the job is a better version of, NULL: a further one */
    uint32_t misses;                /* entries for which no region's checks held */
    uint32_t compiles, penalties, early;
    uint32_t relearn;      /* back edges until the region is built again with what was recorded since a hot exit */
    bk_region *relearn_of; /* that region; compared, not used */
    uint32_t unreturned;   /* of a function's start: calls that native code left in the middle, less others */
    bool no_hoist;         /* hoisted guards failed */
    double lost;           /* clock ticks interpreted for lack of (better) code here; see worth.h */
    double lost_ever;      /* the same, whatever was compiled since */
    double lost_before_cover;
    bool covers;                       /* the outermost loop, and in its first run since its code was published */
    double seen;                       /* clock ticks interpreted before it was recorded */
    uint64_t passed_at, passed_native; /* the last back edge: clock, and ticks in native code until then */
    uint64_t passed_call;              /* and in which call */
    double pass;                       /* clock ticks from back edge to back edge of the same call */
    uint32_t brief, rest_us;           /* entries of runs too short to pay; microseconds of the last rest (rest.c) */
    uint32_t rests;
    bool resting;
    bk_anchor *next_resting;
    uint64_t rest_until;           /* microseconds */
    uint32_t idle, idle_us;        /* events since the last rest that led to nothing; microseconds of that rest */
    uint64_t slept_at, woke_at;    /* when the last such rest began and ended */
    uint64_t seen_at;              /* since when there have been events again; `lost` then */
    double lost_before, lost_rate; /* how much was lost each clock tick before the last rest */
    bk_trial trial;
    uint64_t left_at; /* when native code was left by an exit that costs; 0: it was not */
    int abort;        /* why the last try failed */
    bk_where abort_at;
    char error[160];
    uint64_t back_edges;                  /* events seen */
    uint64_t iterations, counted_entries; /* native ones, and the entries they are of (iterations.c) */
    bool uncounted;                       /* there were others, of which the number is not known */
    bk_loopstat past;                     /* counts of regions that are gone */
    uint64_t ticks[BK_NTICKS];            /* samples by what was done */
    double ms[5];                         /* compile time in all: build, opt, lower, llvm, emit */
};

struct bk_codestate {
    bk_obj *code; /* borrowed: this is freed with it */
    bk_codeinfo *ci;
    bk_bcflow *flow;
    bk_arena arena;
    bk_prof *prof;  /* NULL: never recorded */
    uint16_t *left; /* per instruction: visits to record in this session */
    bk_recorder rec;
    bk_params params;
    bool enabled, recording;
    bool asked; /* somebody named it; else it is only watched with its program */
    uint64_t rec_start_us, rec_events;
    uint64_t rec_us;      /* how long the last recording went on */
    uint64_t rec_session; /* the recording that last watched this code */
    bk_anchor *rec_for;   /* the loop that the recording is for */
    unsigned events;      /* as set now */
    bk_anchor *anchors;   /* loops */
    uint32_t nanchors;
    bk_anchor start;
    bool no_start;              /* it is not worth to enter at the start */
    bool start_waits;           /* for more of the compile budget, without events */
    bool recursive;             /* a call of it was seen inside another */
    uint64_t calls;             /* that had events */
    uint64_t native;            /* clock ticks spent in native code, estimated */
    bk_codestate *next, **prev; /* all states */
    bk_codestate *rec_root;     /* whose recording is or was this one's too; NULL: it is gone */
};

static inline uint32_t bk_anchor_line(const bk_anchor *a) {
    return a->header >= 0 ? a->of->ci->insns[a->header].line : a->of->ci->firstline;
}
static inline uint32_t bk_anchor_offset(const bk_anchor *a) {
    return a->header >= 0 ? a->of->ci->insns[a->header].offset : 0;
}
/* loops always count as such, a function's start only once it was tried */
static inline bool bk_anchor_tried(const bk_anchor *a) { return a->header >= 0 || a->state != A_COLD || a->compiles; }

/* is there a loop inside this one? */
static inline bool bk_anchor_has_inner(const bk_anchor *a) {
    const bk_codestate *s = a->of;
    for (uint32_t i = 0; a->header >= 0 && i < s->nanchors; i++)
        if (&s->anchors[i] != a && bk_in_body(s->flow, (uint32_t)a->header, (uint32_t)s->anchors[i].header))
            return true;
    return false;
}

/* where the iterator of the `for` loop at header is in the frame's home; -1: there is none */
static inline int32_t bk_iterator_slot(const bk_codestate *s, int32_t header) {
    const bk_insn *in = header >= 0 ? &s->ci->insns[header] : NULL;
    return in && in->op == BC_FOR_ITER && in->depth >= 1 ? (int32_t)s->ci->nlocals + in->depth - 1 : -1;
}

extern uint64_t bk_events_seen; /* back edges and calls, of all code */
extern bk_codestate *bk_codestates;
bk_anchor *bk_anchor_at(bk_codestate *s, uint32_t pc);
/* all places of a code object: for (uint32_t i = 0; i <= s->nanchors; i++) */
static inline bk_anchor *bk_anchor_number(bk_codestate *s, uint32_t i) {
    return i < s->nanchors ? &s->anchors[i] : &s->start;
}

/* start.c */
bool bk_start_possible(const bk_codeinfo *ci);
extern uint32_t bk_start_failures;              /* of functions that nobody named */
int64_t bk_start_threshold(const bk_anchor *a); /* calls before a function is looked at */
uint32_t bk_start_tries(void);                  /* of such a one */
bool bk_start_pays(const bk_codestate *s);      /* by what is known after some calls */
bool bk_start_recorded(const bk_codestate *s);  /* a return was seen */

typedef struct {
    /* clang-format off */
#define BK_COUNTERS(X)                                                                                                 \
    X(recordings)                                                                                                      \
    X(record_events)                                                                                                   \
    X(builds) X(compiles) X(failures) X(entries) X(exits) X(hot_exits) X(recompiles) X(invalidations) X(blacklisted)   \
        X(early_leaves) X(published) X(dropped)
/* clang-format on */
#define X(n) uint64_t n;
    BK_COUNTERS(X)
#undef X
    double build_ms, opt_ms, lower_ms, llvm_ms, emit_ms;
} bk_counters;
extern bk_counters bk_count;
#endif
