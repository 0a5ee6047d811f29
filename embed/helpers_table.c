/* Fills in the addresses of the runtime helpers, which jit/helpers.c describes. */
#include "helpers.h"

void bk_helpers_fill(void) {
#define BK_HELPER(name, res, args, effect) bk_helpers[BK_H_##name].address = (void *)bk_h_##name;
#include "bk_helpers.def"
#undef BK_HELPER
}
