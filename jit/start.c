/* Functions that are entered at their start: which of them may pay. Entering costs about as much as interpreting some
 * forty instructions, so a function is tried if it calls itself (then its calls are native ones) or is long; one with
 * loops is entered at those. */
#include "codestate.h"

enum { LONG = 100 }; /* instructions */

bool bk_start_possible(const bk_codeinfo *ci) { return !ci->generator && !ci->module_level; }

bool bk_start_pays(const bk_codestate *s) { return s->recursive || (s->nanchors == 0 && s->ci->ninsns >= LONG); }

bool bk_start_recorded(const bk_codestate *s) {
    for (uint32_t i = 0; s->prof && i < s->ci->ninsns; i++) {
        uint8_t op = s->ci->insns[i].op;
        if ((op == BC_RETURN_VALUE || op == BC_RETURN_CONST) && s->prof[i].visits) return true;
    }
    return false;
}
