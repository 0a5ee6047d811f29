/* Names of the canonical bytecodes, for dumps. */
#include "bk_py.h"

const char *const bk_bytecode_names[BC_COUNT] = {
#define BK_BC(name) #name,
#include "bk_bytecodes.def"
#undef BK_BC
};
