/* Line tables of compiled code (jit/engine_lines.c). */
#ifndef BK_ENGINE_LINES_H
#define BK_ENGINE_LINES_H
#include "bk_backend.h"
#include "engine_load.h"

/* fills c->lines and c->parts from the object's copy for debuggers; c->entry, code_bytes and nbodies are set */
bool bk_read_lines(bk_code *c, const void *debug, const char *entry);
/* the row for a byte behind the entry, or NULL */
const bk_line *bk_line_at(const bk_code *c, uint32_t at);
#endif
