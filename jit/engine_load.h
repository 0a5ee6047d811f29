/* Object code into executable memory (jit/engine_load.c). */
#ifndef BK_ENGINE_LOAD_H
#define BK_ENGINE_LOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    void *base; /* the pages, and how many bytes they are */
    size_t size;
    void *entry; /* the function asked for, and the length of what stands from there on */
    size_t entry_size;
    void *frames; /* how to unwind it: .eh_frame and the zero word that ends it; NULL: the object has none */
    /* when asked for: a copy of the object as debuggers want it (malloc'ed) */
    void *debug;
    size_t debug_size;
} bk_image;

/* the address of an external symbol, or NULL */
typedef void *(*bk_resolver)(void *arg, const char *name);

/* 0, or -1 with a message. obj must be aligned to 8 bytes; it is not kept. */
int bk_load_object(const void *obj, size_t n, const char *entry, bool debug, bk_resolver resolve, void *arg,
                   bk_image *out, char *err, size_t errlen);
void bk_unload(const bk_image *i);

/* engine_debug.c: a malloc'ed copy of a loaded object: its sections know their addresses (address: per section, 0: not
 * in memory), and the debug sections are relocated. NULL: out of memory, or it is none of ours. */
void *bk_debug_object(const void *obj, size_t n, const uint64_t *address);
/* Of two objects: are code, constants, unwind tables and their relocations the same? Debug sections are left out. */
bool bk_same_code(const void *a, const void *b);
/* of that copy: a section's contents, or NULL */
const void *bk_debug_section(const void *obj, const char *name, size_t *size);
/* of that copy: where a function is; false: there is none of that name */
bool bk_debug_function(const void *obj, const char *name, uint64_t *address, uint64_t *size);
#endif
