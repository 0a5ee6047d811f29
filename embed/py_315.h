/* CPython 3.15: see py_tagged.h, and py.h for what each name means. A for loop has [iterator, NULL] on the stack, or
 * [list or tuple, index as a tagged integer] and no iterator object. */
#ifndef BK_EMBED_PY_315_H
#define BK_EMBED_PY_315_H
#define BKP_VERSION 0x030f
#define BKP_ITER_SLOTS 2
#include "py_tagged.h"
#endif
