/* Static facts about a code object's control flow: merges, loops, liveness of locals. */
#ifndef BK_BCFLOW_H
#define BK_BCFLOW_H
#include "arena.h"
#include "bk_py.h"

typedef struct {
    uint32_t n, words; /* instructions; words of a row of instruction bits */
    uint32_t lwords;   /* words of a row of local bits */
    bool *merge;       /* more than one way leads there */
    bool *header;      /* target of a back edge */
    uint64_t **body;   /* per header: bits of the instructions of its natural loop; NULL elsewhere */
    uint64_t *live;    /* rows: locals live before each instruction */
} bk_bcflow;

/* NULL: out of memory */
bk_bcflow *bk_bcflow_new(const bk_codeinfo *ci, bk_arena *a);
static inline bool bk_in_body(const bk_bcflow *f, uint32_t header, uint32_t pc) {
    return f->body[header] && (f->body[header][pc / 64] >> (pc % 64) & 1);
}
/* instructions in the loop */
static inline uint32_t bk_body_size(const bk_bcflow *f, uint32_t header) {
    uint32_t n = 0;
    for (uint32_t w = 0; f->body[header] && w < f->words; w++) n += (uint32_t)__builtin_popcountll(f->body[header][w]);
    return n;
}
static inline bool bk_live(const bk_bcflow *f, uint32_t pc, uint32_t local) {
    return f->live[pc * f->lwords + local / 64] >> (local % 64) & 1;
}
/* the successors of an instruction in the same code (at most 2; handlers not counted) */
int bk_bc_succ(const bk_codeinfo *ci, uint32_t pc, uint32_t out[2]);
/* the outermost loop header whose loop contains pc, -1 none */
int32_t bk_outermost(const bk_bcflow *f, uint32_t pc);
#endif
