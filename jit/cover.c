/* Has a recording seen enough of a loop? A side of a branch that it does not know of becomes an exit, and when that is
 * taken often, another compile: some 10 ms. Recording a few more iterations costs some microseconds, as what was seen
 * `record_visits` times makes no more events. So as long as a branch has a side that was never taken, recording goes
 * on: at most for as many iterations as made the loop hot. */
#include "cover.h"

enum { ENOUGH = 128 };     /* iterations, whatever they still show */
enum { US_PER_INSN = 15 }; /* to wait for a side of a branch, per instruction of the loop */

static bool is_branch(const bk_insn *in) {
    return in->op == BC_POP_JUMP_IF_TRUE || in->op == BC_POP_JUMP_IF_FALSE || in->op == BC_POP_JUMP_IF_NONE ||
           in->op == BC_POP_JUMP_IF_NOT_NONE;
}

/* A side that goes on in the loop was not taken. One that leaves it may well be taken once only. */
static bool side_missing(const bk_anchor *a) {
    const bk_codestate *s = a->of;
    for (uint32_t i = 0; a->header >= 0 && i < s->ci->ninsns; i++) {
        const bk_insn *in = &s->ci->insns[i];
        if (!is_branch(in) || !s->prof[i].visits || !bk_in_body(s->flow, (uint32_t)a->header, i)) continue;
        const uint32_t side[2] = {in->next, (uint32_t)in->target};
        for (int k = 0; k < 2; k++)
            if (!s->prof[side[k]].visits && bk_in_body(s->flow, (uint32_t)a->header, side[k])) return true;
    }
    return false;
}

bool bk_covered(bk_anchor *a, uint64_t us) {
    if (a->rec_news != bk_prof_news || !a->rec_new) a->rec_new = a->rec_visits;
    a->rec_news = bk_prof_news;
    if (a->rec_visits >= ENOUGH) return true;
    if (a->rec_visits < 2 * a->rec_new) return false;
    if (a->header < 0 || a->rec_visits >= a->of->params.threshold) return true;
    return us >= US_PER_INSN * (uint64_t)bk_body_size(a->of->flow, (uint32_t)a->header) || !side_missing(a);
}
