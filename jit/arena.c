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

void *bk_arena_alloc(bk_arena *a, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (!a->chunk || a->chunk->size - a->used < size) {
        size_t n = size > CHUNK ? size : CHUNK;
        struct bk_chunk *c = malloc(sizeof *c + n);
        if (!c) return NULL;
        *c = (struct bk_chunk){.next = a->chunk, .size = n};
        a->chunk = c;
        a->used = 0;
    }
    void *p = a->chunk->data + a->used;
    a->used += size;
    return memset(p, 0, size);
}

void bk_arena_free(bk_arena *a) {
    while (a->chunk) {
        struct bk_chunk *c = a->chunk;
        a->chunk = c->next;
        free(c);
    }
    a->used = 0;
}
