/* How much of the program's CPU time compiling may take: see budget.c. */
#ifndef BK_BUDGET_H
#define BK_BUDGET_H
#include "codestate.h"

/* watching begins: from here on time counts that compiling may take a part of */
void bk_budget_begin(void);
/* interpreting would have taken so much longer: that counts as if it had been interpreted */
void bk_budget_add(double ms);
/* native code ran for so many clock ticks, and is so many times faster (1: takes half the time) */
extern double bk_budget_saved_ticks;
static inline void bk_budget_saved(uint64_t ticks, double gain) { bk_budget_saved_ticks += (double)ticks * gain; }
/* native code of s has gained nothing */
void bk_budget_lost(const bk_codestate *s);
/* compiling took so long that was asked for in any case */
void bk_budget_apart(double ms);
/* may a be recorded and built? */
bool bk_budget_left(const bk_codestate *s, const bk_anchor *a);
/* may its compile be made? */
bool bk_budget_affords(const bk_anchor *a, const bk_region *r);
/* or would it be, were a the loop that the program spends its time in? */
bool bk_budget_affords_main(const bk_anchor *a, const bk_region *r);
/* compiles of s are made at once, whatever they take */
static inline bool bk_on_this_thread(const bk_codestate *s) { return s->params.sync || bk_config.fixed_order; }
#endif
