/* Unwind tables for jitdump (perfunwind.c). */
#ifndef BK_PERFUNWIND_H
#define BK_PERFUNWIND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BK_UNWIND_HEADER = 20 }; /* bytes of .eh_frame_hdr, which ends the tables */

typedef struct {
    uint8_t bytes[1000];
    uint32_t size;
    uint64_t room; /* from the end of the code to the end of its pages */
} bk_unwind;

/* Of the code there, from the .eh_frame that it was loaded with, which stands behind it. false: that has no entry for
 * it that is understood. */
bool bk_perf_unwind(const void *frames, uint64_t address, uint64_t size, bk_unwind *out);
#endif
