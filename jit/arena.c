/* A bump allocator: chunks in a list, freed together. */
#include "arena.h"
#include <stdlib.h>
#include <string.h>

struct bk_chunk {
    struct bk_chunk *next;
    size_t size;
    char data[];
};
enum { CHUNK = 64 * 1024 };

static struct bk_chunk *chunk_for(bk_arena *a, size_t size) {
    struct bk_chunk *c = a->spare;
    if (c && c->size >= size) {
        a->spare = c->next;
        return c;
    }
    size_t n = size > CHUNK ? size : CHUNK;
    if ((c = malloc(sizeof *c + n))) c->size = n;
    return c;
}

void *bk_arena_take(bk_arena *a, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (!a->chunk || a->chunk->size - a->used < size) {
        struct bk_chunk *c = chunk_for(a, size);
        if (!c) return NULL;
        c->next = a->chunk;
        a->chunk = c;
        a->used = 0;
    }
    void *p = a->chunk->data + a->used;
    a->used += size;
    return p;
}

void *bk_arena_alloc(bk_arena *a, size_t size) {
    void *p = bk_arena_take(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void bk_arena_reset(bk_arena *a) {
    while (a->chunk) {
        struct bk_chunk *c = a->chunk;
        a->chunk = c->next;
        c->next = a->spare;
        a->spare = c;
    }
    a->used = 0;
}

void bk_arena_free(bk_arena *a) {
    bk_arena_reset(a);
    while (a->spare) {
        struct bk_chunk *c = a->spare;
        a->spare = c->next;
        free(c);
    }
}
