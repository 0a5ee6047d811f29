/* CPython 3.14: see py_tagged.h, and py.h for what each name means. */
#ifndef BK_EMBED_PY_314_H
#define BK_EMBED_PY_314_H
#define BKP_VERSION 0x030e
#define BKP_ITER_SLOTS 1
#include "py_tagged.h"
#endif
