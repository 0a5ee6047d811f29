/* Functions that are entered at their start: which of them may pay. Entering costs about as much as interpreting some
 * forty instructions, so a function is tried if it calls itself (then its calls are native ones) or is long; one with
 * loops is entered at those. */
#include "codestate.h"

uint32_t bk_start_failures;

enum { LONG = 100 }; /* instructions */

bool bk_start_possible(const bk_codeinfo *ci) { return !ci->generator && !ci->module_level; }

bool bk_start_pays(const bk_codestate *s) { return s->recursive || (s->nanchors == 0 && s->ci->ninsns >= LONG); }

/* Functions of a program that call each other in circles through others fail one like the other: of code that nobody
 * named the next ones have to be called more often, before recording them costs something. */
int64_t bk_start_threshold(const bk_anchor *a) {
    enum { MOST = 4 };
    return a->of->asked ? a->threshold : a->threshold << (bk_start_failures < MOST ? bk_start_failures : MOST);
}

/* and what keeps one from being compiled hardly changes */
uint32_t bk_start_tries(void) { return bk_start_failures > 1 ? 1 : 2; }

bool bk_start_recorded(const bk_codestate *s) {
    for (uint32_t i = 0; s->prof && i < s->ci->ninsns; i++) {
        uint8_t op = s->ci->insns[i].op;
        if ((op == BC_RETURN_VALUE || op == BC_RETURN_CONST) && s->prof[i].visits) return true;
    }
    return false;
}
