/* A bump allocator: everything of one build is freed at once. */
#ifndef BK_ARENA_H
#define BK_ARENA_H
#include <stddef.h>

typedef struct bk_arena {
    struct bk_chunk *chunk;
    size_t used;
} bk_arena;
/* zeroed memory, or NULL */
void *bk_arena_alloc(bk_arena *a, size_t size);
void bk_arena_free(bk_arena *a);
#endif
