/* Time lost for lack of a compile, against what compiles cost. */
#include "worth.h"
#include "clock.h"

enum {
    LONGEST_US = 10000, /* of one gap: longer ones may be time spent outside the function */
    SEEN_US = 300,      /* interpreted before anything is recorded: most loops of a program never last that long */
    SEEN_GAP_US = 5,    /* of one gap, as far as it counts for that */
    STARTS_US = 1000,   /* the same of a function's calls: a loop around them, which makes more of them, comes first */
    TIMES = 8           /* a pass may take, as long as they usually do */
};

uint64_t bk_fixed_clock;

double bk_ticks_per_us(void) {
    if (bk_config.fixed_order) return BK_FIXED_TICKS_PER_US;
    enum { OFTEN = 4000000 };
    static uint64_t tick0, asked;
    static double us0, rate = 2000;
    uint64_t tick = bk_clock();
    if (asked && tick - asked < OFTEN) return rate; /* asking costs more than the event that wants to know */
    asked = tick;
    double us = bk_clock_ms(CLOCK_MONOTONIC) * 1e3;
    if (!tick0) {
        tick0 = tick;
        us0 = us;
    } else if (us - us0 > 1000) rate = (double)(tick - tick0) / (us - us0);
    return rate;
}

static void lose(bk_anchor *a, double gap, double most) {
    if (gap > 0) bk_worth_lose(a, gap < most ? gap : most);
}

void bk_worth_back(bk_anchor *a) {
    if (!a->left_at) return;
    lose(a, (double)(bk_clock() - a->left_at), a->pass > 0 ? TIMES * a->pass : LONGEST_US * bk_ticks_per_us());
    a->left_at = 0;
}

static double cost_ms(const bk_region *r) {
    if (bk_config.fixed_order) return (double)r->fn->nins / BK_FIXED_INS_PER_MS;
    return r->build_ms + r->opt_ms + r->code.lower_ms + r->code.opt_ms + r->code.emit_ms;
}

/* is code for a loop inside or around a on its way? */
static bool awaited(const bk_codestate *s, const bk_anchor *a) {
    for (uint32_t i = 0; i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o != a && o->job && !o->parked &&
            (bk_in_body(s->flow, (uint32_t)a->header, (uint32_t)o->header) ||
             bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header)))
            return true;
    }
    return false;
}

/* What compiling a is likely to cost, judged by the code there is inside and around it; 0: there is none. */
static double likely_ms(const bk_codestate *s, const bk_anchor *a) {
    double inside = 0, around = 0;
    for (uint32_t i = 0; i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o == a || !o->region) continue;
        double ms = cost_ms(o->region);
        if (bk_in_body(s->flow, (uint32_t)a->header, (uint32_t)o->header)) inside += ms;
        else if (!around && bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header))
            around = ms * bk_body_size(s->flow, (uint32_t)a->header) / bk_body_size(s->flow, (uint32_t)o->header);
    }
    return inside > around ? inside : around;
}

static bool enough(const bk_codestate *s, const bk_anchor *a, double ms) {
    return a->lost * 100 >= ms * 1e3 * bk_ticks_per_us() * (double)s->params.worth;
}

static bool is_inside(const bk_anchor *o, const bk_anchor *a) {
    return o != a && bk_in_body(a->of->flow, (uint32_t)a->header, (uint32_t)o->header);
}

void bk_worth_covers(bk_anchor *a) {
    a->covers = a->header >= 0;
    for (uint32_t i = 0; a->covers && i < a->of->nanchors; i++)
        if (is_inside(a, &a->of->anchors[i])) a->covers = false;
    for (uint32_t i = 0; a->covers && i < a->of->nanchors; i++) {
        bk_anchor *o = &a->of->anchors[i];
        if (!is_inside(o, a)) continue;
        o->lost_before_cover += o->lost;
        o->lost = 0;
        o->passed_at = 0;
    }
}

bool bk_worth_lost(const bk_anchor *a, double ms) { return enough(a->of, a, ms); }

/* is o the next smaller loop inside a? */
static bool is_next_inside(const bk_anchor *o, const bk_anchor *a) {
    for (uint32_t i = 0; i < a->of->nanchors; i++) {
        const bk_anchor *between = &a->of->anchors[i];
        if (is_inside(o, between) && is_inside(between, a)) return false;
    }
    return is_inside(o, a);
}

/* A run is interpreted until its first back edge that has code: the loops inside a count again, and the next one, whose
 * whole first run that would be, gets its code as soon as there is another run, unless a pass of a is short. */
void bk_worth_ended(bk_anchor *a) {
    enum { SHORT = 8 }; /* its compile takes so many times longer */
    a->covers = false;
    for (uint32_t i = 0; i < a->of->nanchors; i++) {
        bk_anchor *o = &a->of->anchors[i];
        if (!is_inside(o, a)) continue;
        o->lost += o->lost_before_cover;
        o->lost_before_cover = 0;
        if (o->region || !is_next_inside(o, a)) continue;
        double needed = likely_ms(a->of, o) * 1e3 * bk_ticks_per_us() * (double)a->of->params.worth / 100;
        if (o->lost < needed && (a->pass <= 0 || a->pass * SHORT > needed)) o->lost = needed;
    }
}

/* is the loop interpreted because code around it was left by an exit that is being accounted for there? */
static bool left_around(const bk_codestate *s, const bk_anchor *a) {
    for (uint32_t i = 0; i < s->nanchors; i++) {
        const bk_anchor *o = &s->anchors[i];
        if (o != a && o->left_at && bk_in_body(s->flow, (uint32_t)o->header, (uint32_t)a->header)) return true;
    }
    return false;
}

/* The longest that a pass may have taken. Between the last pass of one call and the first of the next the program did
 * something else. While calls have events it is known where that was, and how long passes are. */
static double longest_pass(const bk_codestate *s, bk_anchor *a, double gap) {
    enum { SETTLE = 16 };
    double least = SEEN_GAP_US * bk_ticks_per_us();
    if (s->no_start || a->passed_call != s->calls) return a->pass > least / TIMES ? TIMES * a->pass : least;
    a->pass += a->pass > 0 ? (gap - a->pass) / SETTLE : gap;
    return LONGEST_US * bk_ticks_per_us();
}

void bk_worth_pass(bk_codestate *s, bk_anchor *a) {
    uint64_t now = bk_clock();
    double gap = (double)(now - a->passed_at), most = SEEN_GAP_US * bk_ticks_per_us();
    if (a->passed_at) a->seen += gap < most ? gap : most;
    if (a->passed_at && !left_around(s, a)) {
        gap -= (double)(s->native - a->passed_native);
        lose(a, gap, longest_pass(s, a, gap));
    }
    a->passed_at = now;
    a->passed_call = s->calls;
    a->passed_native = s->native;
}

static bool at_once(const bk_codestate *s) { return !s->params.worth || s->params.sync || bk_config.fixed_order; }

bool bk_worth_start(const bk_codestate *s, bk_anchor *a) {
    uint64_t now = bk_clock();
    double gap = (double)(now - a->passed_at), most = SEEN_GAP_US * bk_ticks_per_us();
    if (a->passed_at) a->seen += gap < most ? gap : most;
    a->passed_at = now;
    return at_once(s) || a->seen >= STARTS_US * bk_ticks_per_us();
}

bool bk_worth_record(const bk_codestate *s, const bk_anchor *a) {
    return at_once(s) || a->seen >= SEEN_US * bk_ticks_per_us();
}

/* Most loops of a program that is only watched are over before a compile of them has paid: there the first one is
 * prepared when half as much was lost, and made when all was (budget.c). */
static double first_ms(const bk_codestate *s) { return s->asked || at_once(s) ? 0 : bk_worker_usual_ms() / 2; }

bool bk_worth_compile(const bk_codestate *s, const bk_anchor *a) {
    if (!s->params.worth) return true;
    double ms = likely_ms(s, a);
    return !awaited(s, a) && enough(s, a, ms > 0 ? ms : first_ms(s));
}

/* half: an exit that was taken several times will be again */
bool bk_worth_again(const bk_codestate *s, const bk_anchor *a, const bk_region *r) {
    return a->lost > 0 && enough(s, a, cost_ms(r) / 2);
}
