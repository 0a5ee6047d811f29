/* The order of the passes, and running one of them. */
#include "opt.h"
#include <stdlib.h>
#include <string.h>

typedef bool (*pass_fn)(bk_opt *);
static const struct {
    const char *name;
    pass_fn run;
} passes[] = {
#define X(name) {#name, bk_pass_##name},
    BK_PASSES(X)
#undef X
};
enum { NPASSES = sizeof passes / sizeof *passes };
enum {
#define X(name) PASS_##name,
    BK_PASSES(X)
#undef X
};

/* 1: changed something, 0: nothing, -1: out of memory */
static int run(bk_fn *f, int pass, const bk_optparams *p, bk_optstats *st) {
    bk_opt o = {.f = f, .p = p, .st = st};
    if (f->oom) return -1;
    bool ok = passes[pass].run(&o);
    if (ok) {
        bk_opt_apply(&o);
        bk_sweep(f);
    }
    free(o.fwd);
    if (!ok) f->oom = 1;
    return f->oom ? -1 : o.changed;
}

int bk_run_pass(bk_fn *f, const char *name, const bk_optparams *p, bk_optstats *st) {
    for (int i = 0; i < NPASSES; i++)
        if (strcmp(passes[i].name, name) == 0) return run(f, i, p, st) < 0 ? -2 : 0;
    return -1;
}

int bk_optimize(bk_fn *f, const bk_optparams *p, bk_optstats *st,
                void (*after)(void *ctx, const char *pass, const bk_fn *f), void *ctx) {
    /* Range analysis leaves constants and dead conditions; hoisting leaves equal guards in the preheaders, and facts
     * there that range analysis can use inside. Cleaning up is cheap, a loop that keeps a guard is not. */
    static const uint8_t order[] = {PASS_latch, PASS_fold,  PASS_cse,    PASS_range, PASS_fold,  PASS_hoist,
                                    PASS_cse,   PASS_range, PASS_fold,   PASS_hoist, PASS_refs,  PASS_fold,
                                    PASS_dce,   PASS_sink,  PASS_ifconv, PASS_refs,  PASS_strip, PASS_fpdefer,
                                    PASS_stage, PASS_last,  PASS_fold,   PASS_cse,   PASS_dce};
    bk_optstats none = {0};
    bool hoisted = true;
    for (size_t i = 0; i < sizeof order; i++) {
        int pass = order[i];
        if (p->disabled & (1u << pass)) continue;
        if (i > 5 && i <= 9 && !hoisted) continue; /* the second round is for what hoisting uncovered */
        int r = run(f, pass, p, st ? st : &none);
        if (r < 0) return -1;
        if (i == 5) hoisted = r > 0;
        if (after) after(ctx, passes[pass].name, f);
    }
    return 0;
}
