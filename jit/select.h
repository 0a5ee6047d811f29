/* Which loops may be compiled (select.c). */
#ifndef BK_SELECT_H
#define BK_SELECT_H
#include "event.h"

extern bool bk_selecting; /* not all loops may */
bool bk_selected(const bk_anchor *a);
#endif
