/* The objects part of embed: what the rest of embed calls of it (bk_py.h has what the JIT calls). */
#ifndef BK_OBJECTS_H
#define BK_OBJECTS_H
#include "bk_py.h"
#include <Python.h>

/* Known types, helper addresses. 0, or -1 with an exception set. Call once, before anything else of this part. */
int bk_objects_init(void);
/* fills the object layouts of `t` (not layout, version, null_first, lends_locals, locals_writable); false with a reason
 * in *why if a live object does not look as expected */
bool bk_objects_traits(bk_traits *t, const char **why);
/* chars.c; false: the strings of one Latin-1 character are not what compiled code expects */
bool bk_chars_init(bk_traits *t);
extern PyObject *bk_chr_objects[256];
/* known.c */
int bk_known_init(void);
/* helpers_table.c */
void bk_helpers_fill(void);
/* watch.c: takes the watcher ids back, breaking every ticket; for module teardown and tests */
void bk_watch_stop(void);
/* instance.c: all bases but object are classes of Python's own making, without finalisers; attributes are in slots
 * only, or in inline values only */
bool bk_is_plain_class(void *type);
bool bk_has_simple_layout(void *type);
/* an instance of a class that bk_py_class accepted, new reference or NULL with an exception */
void *bk_instance_new(void *type);
/* a new instance gets an attribute: number of the inline value or offset of the slot, value (stolen) */
void bk_instance_set(void *o, int64_t where, void *value);
#endif
