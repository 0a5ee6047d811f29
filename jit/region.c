/* Regions: making, compiling, freeing. */
#include "region.h"
#include "build.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bk_code_bytes;
static bk_region *dead;

static void on_break(void *arg) { ((bk_region *)arg)->valid = 0; }

/* of all code objects of a function, in one allocation */
static char **names_of(const bk_fn *fn) {
    size_t size = fn->ncodes * sizeof(char *) + 1;
    for (uint32_t i = 0; i < fn->ncodes; i++) {
        const bk_codeinfo *ci = bk_py_codeinfo(fn->codes[i]);
        size += strlen(ci && ci->name ? ci->name : "?") + 1;
    }
    char **names = malloc(size), *text = names ? (char *)(names + fn->ncodes) : NULL;
    for (uint32_t i = 0; names && i < fn->ncodes; i++) {
        const bk_codeinfo *ci = bk_py_codeinfo(fn->codes[i]);
        names[i] = text;
        text = stpcpy(text, ci && ci->name ? ci->name : "?") + 1;
    }
    return names;
}

bk_region *bk_region_new(bk_fn *fn, bk_ticket *ticket, bk_entrycheck *checks, uint32_t nchecks) {
    bk_region *r = calloc(1, sizeof *r);
    if (!r) {
        free(checks);
        bk_fn_free(fn);
        bk_ticket_free(ticket);
        return NULL;
    }
    for (uint32_t i = 0; i < fn->nconsts; i++) bk_py_incref(fn->consts[i]);
    r->fn = fn;
    r->names = names_of(fn);
    r->ticket = ticket;
    r->checks = checks;
    r->nchecks = nchecks;
    r->valid = 1;
    bk_ticket_on_break(ticket, on_break, r);
    return r;
}

static void region_free(bk_region *r) {
    if (r->code.entry) {
        if (r->counted) bk_code_bytes -= r->code.code_bytes;
        char err[8];
        const bk_backend *be = bk_py_backend(err, sizeof err);
        if (be) be->release(&r->code);
    }
    bk_ticket_free(r->ticket);
    for (uint32_t i = 0; i < r->fn->nconsts; i++) bk_py_decref(r->fn->consts[i]);
    bk_fn_free(r->fn);
    for (int i = 0; i < 4; i++) free(r->texts[i]);
    free(r->exit_counts);
    free(r->names);
    free(r->checks);
    free(r);
}

void bk_region_drop(bk_region *r) {
    r->valid = 0;
    if (!r->inside) {
        region_free(r);
        return;
    }
    r->next = dead;
    dead = r;
}

void bk_region_sweep(void) {
    for (bk_region **p = &dead; *p;) {
        bk_region *r = *p;
        if (r->inside) {
            p = &r->next;
            continue;
        }
        *p = r->next;
        region_free(r);
        p = &dead; /* freeing may have run Python code that dropped others */
    }
}

int bk_exit_kind(const bk_region *r, const bk_exit *x) {
    const bk_ins *in = &r->fn->ins[x->ins];
    if (!x->ins) return r->fn->snaps[x->snap].reason;
    switch (in->op) {
    case BK_GTYPE: return BK_G_TYPE;
    case BK_POLL: return BK_G_POLL;
    case BK_GVALID: return BK_G_INVALID;
    default: return in->imm > 0 && in->imm < BK_NGUARDS ? (int)in->imm : BK_G_NONE;
    }
}

bool bk_exit_learns(int kind) {
    switch (kind) {
    case BK_G_POLL:
    case BK_G_LOOP_END:
    case BK_G_RETURN:
    case BK_G_STRESS:
    case BK_G_NYI:
    case BK_G_MEMORY:
    case BK_G_RECURSION: return false;
    default: return true;
    }
}

static char *print_fn(const bk_fn *f) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    bk_print(f, out);
    fclose(out);
    return text;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void fail(bk_region *r, bk_abortreason why, const char *text) {
    r->failed = why;
    snprintf(r->error, sizeof r->error, "%s", text);
}

void bk_region_compile(bk_region *r) {
    const char *bad = bk_verify(r->fn);
    double t = now_ms();
    if (bk_keep_stages & 1) r->texts[0] = print_fn(r->fn);
    if (bad) {
        fail(r, BK_AB_VERIFY, bad);
        return;
    }
    if (bk_optimize(r->fn, &r->opt, &r->optstats, NULL, NULL) < 0 || r->fn->oom) {
        fail(r, BK_AB_MEMORY, "out of memory");
        return;
    }
    r->opt_ms = now_ms() - t;
    if (bk_keep_stages & 2) r->texts[1] = print_fn(r->fn);
    if ((bad = bk_verify(r->fn))) {
        fail(r, BK_AB_VERIFY, bad);
        return;
    }
    const bk_backend *be = bk_py_backend(r->error, sizeof r->error);
    if (!be) {
        r->failed = BK_AB_BACKEND;
        return;
    }
    static uint64_t stress_state;
    static _Alignas(64) char undo_log[BK_UNDO_BYTES];
    bk_compile_opts o = {.layout = &bk_py->layout,
                         .helpers = bk_helpers,
                         .valid = &r->valid,
                         .undo_log = undo_log,
                         .level = r->level,
                         .want_llvm = bk_keep_stages >> 2 & 1,
                         .want_asm = bk_keep_stages >> 3 & 1,
                         .stress_seed = bk_stress_seed,
                         .stress_one_in = bk_stress_one_in,
                         .stress_state = &stress_state};
    if (bk_stress_seed && !stress_state) stress_state = bk_stress_seed * 2654435761u | 1;
    if (be->compile(r->fn, &o, &r->code, r->error, sizeof r->error) < 0) {
        r->failed = BK_AB_BACKEND;
        return;
    }
    r->texts[2] = r->code.llvm_text;
    r->texts[3] = r->code.asm_text;
    r->code.llvm_text = r->code.asm_text = NULL;
    r->exit_counts = calloc(r->code.nexits + 1, sizeof *r->exit_counts);
    if (!r->exit_counts) fail(r, BK_AB_MEMORY, "out of memory");
}
