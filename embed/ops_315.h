/* CPython 3.15's instructions as canonical bytecodes, as in ops_314.h; see there. */
// clang-format off
#define BKP_END_FOR_UNITS 2
#define BKP_CMP_SHIFT 5
#define BKP_CMP_BOOL 16
#define BKP_NB_SUBSCR NB_SUBSCR
#define BKP_POP_ITER(X)         /* pops two: stays UNKNOWN */
#define BKP_GET_ITER_FORM ARG   /* 1: for `yield from` */
#include "ops_tagged.h"
// clang-format on
