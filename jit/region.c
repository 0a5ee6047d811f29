/* Regions: making, compiling, freeing. */
#include "region.h"
#include "clock.h"
#include "build.h"
#include <stdlib.h>
#include <string.h>

uint64_t bk_code_bytes;
static bk_region *dead;

static void each_const(const bk_fn *fn, void (*f)(bk_obj *)) {
    for (uint32_t i = 0; i < fn->nconsts; i++) f(fn->consts[i]);
    for (uint32_t i = 0; i < fn->nbodies; i++) each_const(fn->bodies[i], f);
}

static void on_break(void *arg) { ((bk_region *)arg)->valid = 0; }

static const bk_fn *nth_fn(const bk_fn *fn, uint32_t n) { return n ? fn->bodies[n - 1] : fn; }

static bk_source source_of(void *code) {
    const bk_codeinfo *ci = bk_py_codeinfo(code);
    return ci && ci->name ? (bk_source){ci->name, ci->filename, ci->firstline} : (bk_source){"?", "?", 0};
}

/* of all code objects of a function and its bodies, in one allocation; a file's name once for those that follow one
 * another */
static bk_source *sources_of(const bk_fn *fn, uint32_t *count) {
    size_t size = 1, k = 0;
    for (uint32_t n = 0; n <= fn->nbodies; n++) {
        const bk_fn *f = nth_fn(fn, n);
        *count += f->ncodes;
        for (uint32_t i = 0; i < f->ncodes; i++) {
            bk_source s = source_of(f->codes[i]);
            size += strlen(s.name) + strlen(s.file) + 2;
        }
    }
    bk_source *all = malloc(size + *count * sizeof *all);
    char *text = all ? (char *)(all + *count) : NULL;
    for (uint32_t n = 0; all && n <= fn->nbodies; n++) {
        const bk_fn *f = nth_fn(fn, n);
        for (uint32_t i = 0; i < f->ncodes; i++, k++) {
            bk_source s = source_of(f->codes[i]);
            bool same = k && strcmp(s.file, all[k - 1].file) == 0;
            all[k] = (bk_source){text, same ? all[k - 1].file : NULL, s.line};
            text = stpcpy(text, s.name) + 1;
            if (same) continue;
            all[k].file = text;
            text = stpcpy(text, s.file) + 1;
        }
    }
    return all;
}

const bk_source *bk_region_source(const bk_region *r, const bk_fn *fn, uint16_t code) {
    uint32_t at = code;
    if (!r->sources || code >= fn->ncodes) return NULL;
    for (uint32_t n = 0; nth_fn(r->fn, n) != fn; n++) at += nth_fn(r->fn, n)->ncodes;
    return &r->sources[at];
}

const char *bk_region_name(const bk_region *r, const bk_fn *fn, uint16_t code) {
    const bk_source *s = bk_region_source(r, fn, code);
    return s ? s->name : NULL;
}

bk_region *bk_region_new(bk_fn *fn, bk_ticket *ticket, bk_entrycheck *checks, uint32_t nchecks) {
    bk_region *r = calloc(1, sizeof *r);
    if (!r) {
        free(checks);
        bk_fn_free(fn);
        bk_ticket_free(ticket);
        return NULL;
    }
    each_const(fn, bk_py_incref);
    r->fn = fn;
    r->sources = sources_of(fn, &r->nsources);
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
    each_const(r->fn, bk_py_decref);
    bk_fn_free(r->fn);
    for (int i = 0; i < 4; i++) free(r->texts[i]);
    free(r->exit_counts);
    free(r->sources);
    free(r->checks);
    free(r);
}

void bk_region_publish(bk_region *r) {
    char err[8];
    const bk_backend *be = bk_py_backend(err, sizeof err);
    if (be && r->code.entry) be->publish(&r->code);
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

const bk_exit *bk_region_exit(const bk_region *r, uint32_t number, const bk_fn **fn) {
    const bk_code *c = &r->code;
    for (uint32_t k = r->code.nbodies; k > 0; k--)
        if (number >= r->code.bodies[k - 1].first_exit) {
            *fn = r->fn->bodies[k - 1];
            c = &r->code.bodies[k - 1];
            return &c->exits[number - c->first_exit];
        }
    *fn = r->fn;
    return &c->exits[number];
}

uint32_t bk_region_exits(const bk_region *r) {
    uint32_t n = r->code.nexits;
    for (uint32_t k = 0; k < r->code.nbodies; k++) n += r->code.bodies[k].nexits;
    return n;
}

int bk_exit_kind(const bk_region *r, uint32_t number) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, number, &fn);
    const bk_ins *in = &fn->ins[x->ins];
    if (!x->ins) return fn->snaps[x->snap].reason;
    switch (in->op) {
    case BK_NCALL: return BK_G_CALLEE;
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

/* false */
static bool fail(bk_region *r, bk_abortreason why, const char *text) {
    r->failed = why;
    snprintf(r->error, sizeof r->error, "%s", text);
    return false;
}

static const char *verify(const bk_fn *fn) {
    const char *bad = bk_verify(fn);
    for (uint32_t i = 0; i < fn->nbodies && !bad; i++) bad = bk_verify(fn->bodies[i]);
    return bad;
}

static bool optimize(bk_region *r) {
    if (bk_stress_with == BK_STRESS_MEMORY) r->fn->oom = true;
    for (uint32_t i = 0; i < r->fn->nbodies; i++)
        if (bk_optimize(r->fn->bodies[i], &r->opt, &r->optstats, NULL, NULL) < 0 || r->fn->bodies[i]->oom) return false;
    return bk_optimize(r->fn, &r->opt, &r->optstats, NULL, NULL) >= 0 && !r->fn->oom;
}

static uint32_t values_of(const bk_fn *fn, uint32_t snap) {
    const bk_snap *s = &fn->snaps[snap];
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->nframes; k++) {
        const bk_sframe *f = &fn->sframes[s->frame + k];
        for (uint32_t m = f->first; m < f->first + f->nslots; m++) n += fn->slots[m].a != 0;
    }
    return n;
}

/* Values that exits hand over, all together: each is a move at its exit, and LLVM's time grows with them. */
static uint64_t values_leaving(const bk_fn *fn) {
    uint64_t n = 0;
    for (uint32_t k = 0; k < fn->nblocks; k++) {
        const bk_block *bl = &fn->blocks[k];
        for (uint32_t m = 0; m < bl->nins; m++) {
            const bk_ins *i = &fn->ins[bl->ins[m]];
            if (!(i->flags & BK_F_DEAD) && i->snap) n += values_of(fn, i->snap);
        }
    }
    for (uint32_t k = 0; k < fn->nbodies; k++) n += values_leaving(fn->bodies[k]);
    return n;
}

/* fn as the back end takes it; false: it failed */
static bool prepare(bk_region *r) {
    const char *bad = verify(r->fn);
    double t = bk_thread_ms();
    if (bk_keep_stages & 1) r->texts[0] = print_fn(r->fn);
    if (bad) return fail(r, BK_AB_VERIFY, bad);
    if (!optimize(r)) return fail(r, BK_AB_MEMORY, "out of memory");
    r->opt_ms = bk_thread_ms() - t;
    if (bk_keep_stages & 2) r->texts[1] = print_fn(r->fn);
    if ((bad = verify(r->fn))) return fail(r, BK_AB_VERIFY, bad);
    if (values_leaving(r->fn) > (uint64_t)r->most_values)
        return fail(r, BK_AB_TOO_BIG, "its exits hand over too many values");
    return true;
}

/* the error is told if it failed */
static bool lower(bk_region *r) {
    const bk_backend *be = bk_py_backend(r->error, sizeof r->error);
    if (!be) return false;
    static uint64_t stress_state;
    static _Alignas(64) char undo_log[BK_UNDO_BYTES];
    bk_compile_opts o = {.layout = &bk_py->layout,
                         .helpers = bk_helpers,
                         .valid = &r->valid,
                         .undo_log = undo_log,
                         .level = r->level,
                         .frame_pointers = r->frame_pointers,
                         .want_llvm = bk_keep_stages >> 2 & 1,
                         .want_asm = bk_keep_stages >> 3 & 1,
                         .want_lines = bk_keep_stages >> 2 & 7 || bk_perf_wanted == BK_PERF_DUMP || bk_gdb_wanted,
                         .check_lines = bk_keep_stages >> 4 & 1,
                         .want_gdb = bk_gdb_wanted,
                         .sources = r->sources,
                         .stress_seed = bk_stress_seed,
                         .stress_one_in = bk_stress_one_in,
                         .stress_state = &stress_state};
    if (bk_stress_seed && !stress_state) stress_state = bk_stress_seed * 2654435761u | 1;
    return be->compile(r->fn, &o, &r->code, r->error, sizeof r->error) == 0;
}

void bk_region_compile(bk_region *r) {
    if (bk_stress_with == BK_STRESS_VERIFY) r->fn->blocks[0].nins = 0;
    if (!prepare(r)) return;
    if (!lower(r)) {
        r->failed = BK_AB_BACKEND;
        return;
    }
    r->texts[2] = r->code.llvm_text;
    r->texts[3] = r->code.asm_text;
    r->code.llvm_text = r->code.asm_text = NULL;
    r->exit_counts = calloc(bk_region_exits(r) + 1, sizeof *r->exit_counts);
    if (!r->exit_counts) fail(r, BK_AB_MEMORY, "out of memory");
}
