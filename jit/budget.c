/* The compile budget. Some milliseconds are free; then compiles may take a part of the program's CPU time, and of what
 * native code has saved, as far as that is known. There is more for a loop for lack of which interpreting has cost
 * several times as much as a compile takes; one that was decorated and calls nothing unknown then gets its code in any
 * case. Of code that nobody decorated most gains little: there it is less, but for
 * the loops that the program spends its time in; a loop that calls much that is interpreted has to cost several times
 * what its compile will. So a program for which nothing can be done loses about a hundredth. */
#include "budget.h"
#include "clock.h"
#include "driver.h"
#include "profit.h"
#include "worth.h"

enum { PAID = 2, SURE = 8, WARY = 4, SAVED_PART = 4, USUAL_MS = 10, LEAST_MS = 4 };
static const double MAIN_PART = 0.3;   /* of the program's time, that a loop has cost */
static const double EVENT_MS = 0.0002; /* an instruction that is recorded */

typedef enum { WARY_SHARE, WATCHED_SHARE, LIKELY_SHARE, MAIN_SHARE, USUAL_SHARE, SURE_SHARE } share;
static const struct {
    double free_ms, part; /* of the setting compile_percent */
} shares[] = {[WARY_SHARE] = {20, 0.2}, [WATCHED_SHARE] = {20, 0.3}, [LIKELY_SHARE] = {20, 0.6},
              [MAIN_SHARE] = {40, 1},   [USUAL_SHARE] = {25, 1},     [SURE_SHARE] = {50, 2}};

static double start_ms; /* when the first code was watched */
static double added_ms; /* of interpreting that native code made needless, expected */
static double apart_ms;
static double losses; /* native code of loops that nobody named, which gained nothing: there will be more like them */
double bk_budget_saved_ticks;

/* CPU time of all but compiles: on a busy machine a program gets less than the time that passes */
static double program_ms(void) {
    enum { OFTEN = 2000000 }; /* clock ticks: asking is a system call */
    static uint64_t asked;
    static double ms;
    uint64_t now = bk_clock();
    if (!asked || now - asked > OFTEN) {
        ms = bk_clock_ms(CLOCK_PROCESS_CPUTIME_ID) - bk_worker_cpu_ms;
        asked = now;
    }
    return ms;
}

void bk_budget_begin(void) {
    if (!start_ms) start_ms = program_ms();
}

void bk_budget_add(double ms) { added_ms += ms; }
void bk_budget_apart(double ms) { apart_ms += ms; }
void bk_budget_lost(const bk_codestate *s) { losses += !s->asked; }

static double saved_ms(void) { return bk_budget_saved_ticks / bk_ticks_per_us() / 1e3; }

/* milliseconds that compiles may take now */
static double left_ms(const bk_codestate *s, share share) {
    double spent = bk_worker_cpu_ms + bk_worker_waiting_ms() + bk_count.build_ms - apart_ms +
                   EVENT_MS * (double)bk_count.record_events;
    double part = (double)s->params.compile_percent / 100 * shares[share].part;
    if (!s->asked) part /= 1 + losses;
    double earned = (program_ms() - start_ms + added_ms) * part + saved_ms() / SAVED_PART;
    return shares[share].free_ms + earned - spent;
}

bool bk_budget_left(const bk_codestate *s, const bk_anchor *a) {
    if (bk_on_this_thread(s)) return true;
    bool sure = bk_worth_lost(a, SURE * USUAL_MS);
    if (s->asked) return sure || left_ms(s, USUAL_SHARE) >= 0;
    return sure ? left_ms(s, LIKELY_SHARE) >= 0 : left_ms(s, WARY_SHARE) >= LEAST_MS;
}

static share share_of(const bk_anchor *a, bool sure, bool doubtful) {
    if (a->of->asked) return doubtful ? USUAL_SHARE : SURE_SHARE;
    if (doubtful) return WARY_SHARE;
    if (a->lost_ever > MAIN_PART * (program_ms() - start_ms) * 1e3 * bk_ticks_per_us()) return MAIN_SHARE;
    return sure ? LIKELY_SHARE : WATCHED_SHARE;
}

/* Half of what is compiled turns out to gain little, most of all what calls unknown code. */
bool bk_budget_affords(const bk_anchor *a, const bk_region *r) {
    const bk_codestate *s = a->of;
    if (bk_on_this_thread(s) || !s->params.worth) return true;
    double ms = bk_worker_likely_ms(r);
    if (a->header < 0) return s->asked || ms <= left_ms(s, WARY_SHARE); /* what functions cost is not known */
    bool doubtful = s->asked ? r->doubtful : r->part < 1;
    if (s->asked && !doubtful && bk_worth_lost(a, PAID * ms)) return true;
    share share = share_of(a, bk_worth_lost(a, a->replaces ? ms : SURE * ms), doubtful);
    double least = share == WARY_SHARE ? WARY * ms / r->part : s->asked || a->replaces ? 0 : ms;
    return bk_worth_lost(a, least) && ms <= left_ms(s, share);
}

bool bk_budget_affords_main(const bk_anchor *a, const bk_region *r) {
    return a->of->asked || bk_worker_likely_ms(r) <= left_ms(a->of, MAIN_SHARE);
}
