/* A bump allocator: everything of one build is freed at once. */
#ifndef BK_ARENA_H
#define BK_ARENA_H
#include <stddef.h>

typedef struct bk_arena {
    struct bk_chunk *chunk;
    size_t used;
    struct bk_chunk *spare; /* chunks of before the last reset */
} bk_arena;
/* zeroed memory, or NULL */
void *bk_arena_alloc(bk_arena *a, size_t size);
/* memory that is not zeroed, or NULL */
void *bk_arena_take(bk_arena *a, size_t size);
/* everything is free again; the memory stays for what comes next */
void bk_arena_reset(bk_arena *a);
void bk_arena_free(bk_arena *a);
#endif
