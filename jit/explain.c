/* Facts for people: counters, and per code object its loops, exits and reasons. */
#include "event.h"
#include "iterations.h"
#include <string.h>

const bk_paraminfo bk_param_table[] = {
#define BK_PARAM(name, def, min, max, text) {#name, def, min, max, text},
#include "bk_params.def"
#undef BK_PARAM
    {NULL, 0, 0, 0, NULL}};

bk_params bk_config = {
#define BK_PARAM(name, def, min, max, text) .name = def,
#include "bk_params.def"
#undef BK_PARAM
};

const bk_named bk_guard_kinds[] = {
#define BK_GUARD(name, text, sentence) {text, sentence},
#include "bk_guards.def"
#undef BK_GUARD
    {NULL, NULL}};

const char *const bk_abort_texts[] = {
#define BK_ABORT(name, text) text,
#include "bk_aborts.def"
#undef BK_ABORT
    NULL};
const char *const bk_abort_names[] = {
#define BK_ABORT(name, text) #name,
#include "bk_aborts.def"
#undef BK_ABORT
    NULL};

const char *const bk_pass_names[] = {
#define X(name) #name,
    BK_PASSES(X)
#undef X
        NULL};

static const char *const state_names[] = {"cold", "recording", "compiling", "compiled", "failed", "blacklisted"};

void bk_driver_stats(bk_writer *w) {
#define X(n) w->num(w->ctx, #n, (int64_t)bk_count.n);
    BK_COUNTERS(X)
#undef X
    w->num(w->ctx, "code_bytes", (int64_t)bk_code_bytes);
    w->real(w->ctx, "build_ms", bk_count.build_ms);
    w->real(w->ctx, "opt_ms", bk_count.opt_ms);
    w->real(w->ctx, "lower_ms", bk_count.lower_ms);
    w->real(w->ctx, "llvm_ms", bk_count.llvm_ms);
    w->real(w->ctx, "emit_ms", bk_count.emit_ms);
    w->real(w->ctx, "worker_cpu_ms", bk_worker_cpu_ms);
}

/* `region`: the region's place in the list of regions; -1: gone */
static void one_exit(bk_writer *w, const bk_exitstat *e, int region, int number, int64_t snap) {
    w->dict(w->ctx, NULL);
    if (number >= 0) w->num(w->ctx, "number", number);
    if (snap >= 0) w->num(w->ctx, "snapshot", snap);
    w->num(w->ctx, "region", region);
    w->num(w->ctx, "line", e->line);
    w->num(w->ctx, "offset", e->offset);
    w->str(w->ctx, "function", e->function);
    w->str(w->ctx, "kind", bk_guard_kinds[e->kind].name);
    w->str(w->ctx, "text", bk_guard_kinds[e->kind].text);
    w->num(w->ctx, "hoisted", e->hoisted);
    w->num(w->ctx, "count", (int64_t)e->count);
    w->end(w->ctx);
}

static void region_exits(bk_writer *w, const bk_region *r, int region) {
    for (uint32_t i = 0, n = bk_region_exits(r); i < n; i++) {
        const char *function;
        const bk_origin *o = bk_exit_origin(r, i, &function);
        bk_exitstat e = {(char *)function,      o->line,          o->offset, bk_exit_kind(r, i),
                         bk_exit_hoisted(r, i), r->exit_counts[i]};
        const bk_fn *fn;
        const bk_exit *x = bk_region_exit(r, i, &fn);
        one_exit(w, &e, region, (int)i, fn == r->fn ? (int64_t)x->snap : -1);
    }
}

static const char *const phases[] = {"build", "opt", "lower", "llvm", "emit"};

static void milliseconds(bk_writer *w, const double *ms) {
    w->dict(w->ctx, "ms");
    for (int i = 0; i < 5; i++) w->real(w->ctx, phases[i], ms[i]);
    w->end(w->ctx);
}

static void stages(bk_writer *w, const bk_region *r) {
    static const char *const names[] = {"trace", "opt", "llvm", "asm"};
    w->dict(w->ctx, "stages");
    for (int i = 0; i < 4; i++)
        if (r->texts[i]) w->str(w->ctx, names[i], r->texts[i]);
    w->end(w->ctx);
}

static void one_region(bk_writer *w, const bk_region *r) {
    const double ms[] = {r->build_ms, r->opt_ms, r->code.lower_ms, r->code.opt_ms, r->code.emit_ms};
    w->dict(w->ctx, NULL);
    w->num(w->ctx, "entries", (int64_t)r->entries);
    w->num(w->ctx, "code_bytes", (int64_t)r->code.code_bytes);
    w->num(w->ctx, "instructions", r->fn->nins);
    milliseconds(w, ms);
    w->list(w->ctx, "functions");
    for (uint32_t i = 0; i < r->fn->ncodes; i++) w->str(w->ctx, NULL, bk_region_name(r, r->fn, (uint16_t)i));
    w->end(w->ctx);
    w->list(w->ctx, "native_functions");
    for (uint32_t k = 0; k < r->fn->nbodies; k++) {
        const bk_fn *fn = r->fn->bodies[k];
        w->list(w->ctx, NULL);
        for (uint32_t i = 0; i < fn->ncodes; i++) w->str(w->ctx, NULL, bk_region_name(r, fn, (uint16_t)i));
        w->end(w->ctx);
    }
    w->end(w->ctx);
    stages(w, r);
    w->end(w->ctx);
}

/* of the loop's living regions: sums, exits, and each by itself. The newest region's stages are the loop's */
static void explain_regions(bk_writer *w, const bk_anchor *a) {
    uint64_t entries = a->past.entries, bytes = 0, instructions = 0;
    for (const bk_region *r = a->region; r; r = r->other) {
        entries += r->entries;
        bytes += r->code.code_bytes;
        instructions += r->fn->nins;
    }
    w->num(w->ctx, "entries", (int64_t)entries);
    w->num(w->ctx, "code_bytes", (int64_t)bytes);
    w->num(w->ctx, "instructions", (int64_t)instructions);
    w->num(w->ctx, "past_regions", a->past.regions);
    milliseconds(w, a->ms);
    w->list(w->ctx, "exits");
    int n = 0;
    for (const bk_region *r = a->region; r; r = r->other) region_exits(w, r, n++);
    for (uint32_t i = 0; i < a->past.n; i++) one_exit(w, &a->past.list[i], -1, -1, -1);
    w->end(w->ctx);
    if (a->region) stages(w, a->region);
    w->list(w->ctx, "regions");
    for (const bk_region *r = a->region; r; r = r->other) one_region(w, r);
    w->end(w->ctx);
}

void bk_loop_id(const bk_anchor *a, char *text, size_t size) {
    const bk_codeinfo *ci = a->of->ci;
    snprintf(text, size, "%s:%u:%s@%u", ci->filename, bk_anchor_line(a), ci->name, bk_anchor_offset(a));
}

void bk_explain_identity(bk_writer *w, const bk_anchor *a) {
    const bk_codeinfo *ci = a->of->ci;
    char id[1024];
    bk_loop_id(a, id, sizeof id);
    w->str(w->ctx, "loop", id);
    w->str(w->ctx, "file", ci->filename);
    w->str(w->ctx, "function", ci->name);
    w->num(w->ctx, "line", bk_anchor_line(a));
    w->num(w->ctx, "offset", bk_anchor_offset(a));
}

static void explain_ticks(bk_writer *w, const bk_anchor *a) {
    uint64_t any = 0;
    for (int i = 0; i < BK_NTICKS; i++) any |= a->ticks[i];
    if (!any) return;
    w->dict(w->ctx, "ticks");
    for (int i = 0; i < BK_NTICKS; i++) w->num(w->ctx, bk_tick_names[i], (int64_t)a->ticks[i]);
    w->end(w->ctx);
}

void bk_explain_anchor(bk_writer *w, const bk_anchor *a) {
    bk_explain_identity(w, a);
    w->str(w->ctx, "kind", a->header >= 0 ? "loop" : "function");
    w->str(w->ctx, "state", state_names[a->state]);
    int why = a->abort == BK_AB_NONE && bk_driver_paused() ? BK_AB_TOOL : a->abort;
    w->str(w->ctx, "reason", a->state == A_COMPILED ? NULL : bk_abort_texts[why]);
    w->str(w->ctx, "abort", a->state == A_COMPILED ? NULL : bk_abort_names[why]);
    w->num(w->ctx, "reason_line", a->abort_at.line);
    w->num(w->ctx, "reason_column", a->abort_at.column);
    w->str(w->ctx, "detail", a->error[0] ? a->error : NULL);
    w->num(w->ctx, "back_edges", (int64_t)a->back_edges);
    if (bk_iterations_of(a) >= 0) w->num(w->ctx, "iterations", bk_iterations_of(a));
    w->num(w->ctx, "compiles", a->compiles);
    w->num(w->ctx, "penalties", a->penalties);
    w->num(w->ctx, "rests", a->rests);
    explain_ticks(w, a);
    explain_regions(w, a);
}

void bk_driver_explain(bk_obj *code, bk_writer *w) {
    bk_codestate *s = bk_py_codestate(code, false);
    const bk_codeinfo *ci = s ? s->ci : bk_py_codeinfo(code);
    w->str(w->ctx, "function", ci ? ci->name : NULL);
    w->str(w->ctx, "file", ci ? ci->filename : NULL);
    w->num(w->ctx, "line", ci ? ci->firstline : 0);
    w->num(w->ctx, "enabled", s && s->enabled);
    w->list(w->ctx, "loops");
    for (uint32_t i = 0; s && i <= s->nanchors; i++) {
        if (!bk_anchor_tried(bk_anchor_number(s, i))) continue;
        w->dict(w->ctx, NULL);
        bk_explain_anchor(w, bk_anchor_number(s, i));
        w->end(w->ctx);
    }
    w->end(w->ctx);
}
