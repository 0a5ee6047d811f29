/* CPython 3.14's instructions as canonical bytecodes: X(its name, canonical name, form of the argument).
 * Whatever is not listed decodes to UNKNOWN. Forms: see decode.c. */
// clang-format off
#define BKP_END_FOR_UNITS 2     /* END_FOR and POP_ITER stand at its jump's target: behind them the iterator is gone */
#define BKP_CMP_SHIFT 5
#define BKP_CMP_BOOL 16         /* bit of COMPARE_OP that asks for a bool; 0: there is none */
#define BKP_NB_SUBSCR NB_SUBSCR /* BINARY_OP that subscripts */
#define BKP_POP_ITER(X) X(POP_ITER, POP_TOP, NONE)
#define BKP_GET_ITER_FORM NONE
#include "ops_tagged.h"
// clang-format on
