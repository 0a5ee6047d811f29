/* What is kept of a loop's native code after it is gone: entries and how it was left. */
#ifndef BK_LOOPSTAT_H
#define BK_LOOPSTAT_H
#include "region.h"

typedef struct {
    char *function; /* malloc'ed; NULL unknown */
    uint32_t line, offset;
    int kind; /* bk_guards.def */
    bool hoisted;
    uint64_t count;
} bk_exitstat;

typedef struct {
    uint64_t entries, exits, code_bytes;
    uint32_t regions;
    bk_exitstat *list; /* exits that were taken */
    uint32_t n, room;
} bk_loopstat;

/* adds the counts of a region that goes; when memory is out, or there are too many exits, only the sums */
void bk_loopstat_add(bk_loopstat *st, const bk_region *r);
void bk_loopstat_free(bk_loopstat *st);
/* where an exit stands: its origin, and the name of the function (borrowed; NULL unknown) */
const bk_origin *bk_exit_origin(const bk_region *r, uint32_t exit, const char **function);
bool bk_exit_hoisted(const bk_region *r, uint32_t exit);
#endif
