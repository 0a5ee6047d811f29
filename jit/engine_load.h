/* Object code into executable memory (jit/engine_load.c). */
#ifndef BK_ENGINE_LOAD_H
#define BK_ENGINE_LOAD_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    void *base; /* the pages, and how many bytes they are */
    size_t size;
    void *entry; /* the function asked for, and the length of what stands from there on */
    size_t entry_size;
} bk_image;

/* the address of an external symbol, or NULL */
typedef void *(*bk_resolver)(void *arg, const char *name);

/* 0, or -1 with a message. obj must be aligned to 8 bytes; it is not kept. */
int bk_load_object(const void *obj, size_t n, const char *entry, bk_resolver resolve, void *arg, bk_image *out,
                   char *err, size_t errlen);
void bk_unload(const bk_image *i);
#endif
