/* Native code's addresses for perf (perfmap.c), with the code and its lines (perfdump.c). */
#ifndef BK_PERFMAP_H
#define BK_PERFMAP_H
#include "codestate.h"

/* the region was published (it is in the anchor's list) */
void bk_perf_write(const bk_anchor *a, const bk_region *r);
static inline void bk_perf_told(const bk_anchor *a, const bk_region *r) {
    if (__builtin_expect(bk_perf_wanted, 0)) bk_perf_write(a, r);
}

/* what perf calls a function */
void bk_perf_name(char *name, size_t n, const char *function, const char *file, uint32_t line);

bool bk_perfdump_begin(FILE *file); /* a new file; false: it cannot be used */
void bk_perfdump_put(FILE *file, const bk_anchor *a, const bk_region *r);
#endif
