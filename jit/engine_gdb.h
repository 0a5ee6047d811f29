/* Tells gdb about compiled code (jit/engine_gdb.c). One thread at a time: the caller holds the GIL. */
#ifndef BK_ENGINE_GDB_H
#define BK_ENGINE_GDB_H
#include <stddef.h>

typedef struct bk_gdb_entry bk_gdb_entry;

/* object stays the caller's and must last until the entry is removed; NULL: out of memory */
bk_gdb_entry *bk_gdb_add(const void *object, size_t size);
void bk_gdb_remove(bk_gdb_entry *e); /* NULL: nothing */
#endif
