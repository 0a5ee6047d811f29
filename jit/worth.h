/* Does a compile pay? The loops of a nest can be compiled one by one and together, and a region again after exits. The
 * first compile of a nest is begun as soon as it is hot (so many back edges, and a third of a millisecond); any further
 * one when interpreting for lack of it has cost what it is likely to cost itself (`worth` percent of that), so that at
 * most twice the necessary is ever spent. */
#ifndef BK_WORTH_H
#define BK_WORTH_H
#include "codestate.h"

/* With fixed_order, time is what the driver was called for: so much an event, so much an entry into native code. Every
 * run then takes the same decisions. */
enum { BK_EVENT_TICKS = 200, BK_NATIVE_TICKS = 5000, BK_FIXED_TICKS_PER_US = 2000, BK_FIXED_INS_PER_MS = 10 };
extern uint64_t bk_fixed_clock;
static inline uint64_t bk_clock(void) {
    return __builtin_expect(bk_config.fixed_order != 0, 0) ? bk_fixed_clock : __builtin_ia32_rdtsc();
}
double bk_ticks_per_us(void); /* from what passed since the first call */
/* at a back edge of a place without code: counts the time interpreted since the last one as lost */
void bk_worth_pass(bk_codestate *s, bk_anchor *a);
/* has the place been interpreted for so long that it is worth while to record it? */
bool bk_worth_record(const bk_codestate *s, const bk_anchor *a);
/* at a call of a function that was called often: has that gone on for long enough to record it? */
bool bk_worth_start(const bk_codestate *s, bk_anchor *a);
/* may the place be compiled: nothing inside or around it has code, or enough was lost? */
bool bk_worth_compile(const bk_codestate *s, const bk_anchor *a);
/* Code of the loop a was published. If there is none around it, what was lost in loops inside it until now was lost for
 * lack of that code. When it has ended, another run may come, which begins inside: then it counts again. */
void bk_worth_covers(bk_anchor *a);
void bk_worth_ended(bk_anchor *a);
/* native code was left by an exit that a better region would not take (at: bk_clock), and is entered again */
static inline void bk_worth_left(bk_anchor *a, uint64_t at) { a->left_at = at; }
void bk_worth_back(bk_anchor *a);
static inline void bk_worth_lose(bk_anchor *a, double ticks) {
    a->lost += ticks;
    a->lost_ever += ticks;
}
/* has interpreting for lack of code here cost as much as a compile that takes so long? */
bool bk_worth_lost(const bk_anchor *a, double ms);
/* has interpreting after such exits cost as much as compiling the region again will? */
bool bk_worth_again(const bk_codestate *s, const bk_anchor *a, const bk_region *r);
#endif
