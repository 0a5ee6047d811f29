/* The table of runtime helpers: names, signatures and effects from bk_helpers.def. */
#include "bk_backend.h"

bk_helperinfo bk_helpers[BK_NHELPERS] = {
#define BK_HELPER(name, res, args, effect) {#name, NULL, #res[0], args, BK_E_##effect},
#include "bk_helpers.def"
#undef BK_HELPER
};
