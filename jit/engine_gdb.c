/* gdb's interface for compiled code: a list of objects, and a function that gdb stops at when the list changes. Both
 * names are gdb's. https://sourceware.org/gdb/current/onlinedocs/gdb.html/JIT-Interface.html */
#include "engine_gdb.h"
#include <stdint.h>
#include <stdlib.h>

enum { NOTHING, ADDED, REMOVED };

struct bk_gdb_entry {
    bk_gdb_entry *next, *previous;
    const void *object;
    uint64_t size;
};

typedef struct {
    uint32_t version, action;
    bk_gdb_entry *changed, *first;
} descriptor;

extern descriptor __jit_debug_descriptor;
void __jit_debug_register_code(void);

__attribute__((visibility("default"))) descriptor __jit_debug_descriptor = {.version = 1};

__attribute__((visibility("default"), noinline)) void __jit_debug_register_code(void) {
    __asm__ volatile("" ::: "memory"); /* or calls of it would go */
}

static void tell(bk_gdb_entry *e, uint32_t action) {
    __jit_debug_descriptor.changed = e;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action = NOTHING;
    __jit_debug_descriptor.changed = NULL;
}

bk_gdb_entry *bk_gdb_add(const void *object, size_t size) {
    bk_gdb_entry *e = malloc(sizeof *e), *first = __jit_debug_descriptor.first;
    if (!e) return NULL;
    *e = (bk_gdb_entry){.next = first, .object = object, .size = size};
    if (first) first->previous = e;
    __jit_debug_descriptor.first = e;
    tell(e, ADDED);
    return e;
}

void bk_gdb_remove(bk_gdb_entry *e) {
    if (!e) return;
    if (e->previous) e->previous->next = e->next;
    else __jit_debug_descriptor.first = e->next;
    if (e->next) e->next->previous = e->previous;
    tell(e, REMOVED);
    free(e);
}
