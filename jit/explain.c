/* Facts for people: counters, and per code object its loops, exits and reasons. */
#include "codestate.h"
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

static void explain_exit(bk_writer *w, const bk_region *r, uint32_t i) {
    const bk_exit *x = &r->code.exits[i];
    const bk_origin *o = &r->fn->origins[r->fn->snaps[x->snap].org];
    const bk_codeinfo *ci = o->code < r->fn->ncodes ? bk_py_codeinfo(r->fn->codes[o->code]) : NULL;
    int kind = bk_exit_kind(r, x);
    w->dict(w->ctx, NULL);
    w->num(w->ctx, "number", i);
    w->num(w->ctx, "line", o->line);
    w->num(w->ctx, "offset", o->offset);
    w->str(w->ctx, "function", ci ? ci->name : NULL);
    w->str(w->ctx, "kind", bk_guard_kinds[kind].name);
    w->str(w->ctx, "text", bk_guard_kinds[kind].text);
    w->num(w->ctx, "hoisted", x->ins && (r->fn->ins[x->ins].flags & BK_F_HOISTED) ? 1 : 0);
    w->num(w->ctx, "count", r->exit_counts[i]);
    w->end(w->ctx);
}

static void explain_region(bk_writer *w, const bk_region *r) {
    static const char *const stages[] = {"trace", "opt", "llvm", "asm"};
    w->num(w->ctx, "entries", (int64_t)r->entries);
    w->num(w->ctx, "code_bytes", (int64_t)r->code.code_bytes);
    w->num(w->ctx, "instructions", r->fn->nins);
    w->dict(w->ctx, "ms");
    w->real(w->ctx, "build", r->build_ms);
    w->real(w->ctx, "opt", r->opt_ms);
    w->real(w->ctx, "lower", r->code.lower_ms);
    w->real(w->ctx, "llvm", r->code.opt_ms);
    w->real(w->ctx, "emit", r->code.emit_ms);
    w->end(w->ctx);
    w->list(w->ctx, "exits");
    for (uint32_t i = 0; i < r->code.nexits; i++) explain_exit(w, r, i);
    w->end(w->ctx);
    w->dict(w->ctx, "stages");
    for (int i = 0; i < 4; i++)
        if (r->texts[i]) w->str(w->ctx, stages[i], r->texts[i]);
    w->end(w->ctx);
}

static void explain_anchor(bk_writer *w, const bk_codestate *s, const bk_anchor *a) {
    w->dict(w->ctx, NULL);
    w->str(w->ctx, "kind", "loop");
    w->num(w->ctx, "line", s->ci->insns[a->header].line);
    w->num(w->ctx, "offset", s->ci->insns[a->header].offset);
    w->str(w->ctx, "state", state_names[a->state]);
    w->str(w->ctx, "reason", a->state == A_COMPILED ? NULL : bk_abort_texts[a->abort]);
    w->num(w->ctx, "reason_line", a->abort_line);
    w->str(w->ctx, "detail", a->error[0] ? a->error : NULL);
    w->num(w->ctx, "back_edges", (int64_t)a->back_edges);
    w->num(w->ctx, "compiles", a->compiles);
    w->num(w->ctx, "penalties", a->penalties);
    if (a->region) explain_region(w, a->region);
    w->end(w->ctx);
}

void bk_driver_explain(bk_obj *code, bk_writer *w) {
    bk_codestate *s = bk_py_codestate(code, false);
    const bk_codeinfo *ci = s ? s->ci : bk_py_codeinfo(code);
    w->str(w->ctx, "function", ci ? ci->name : NULL);
    w->str(w->ctx, "file", ci ? ci->filename : NULL);
    w->num(w->ctx, "line", ci ? ci->firstline : 0);
    w->num(w->ctx, "enabled", s && s->enabled);
    w->list(w->ctx, "loops");
    for (uint32_t i = 0; s && i < s->nanchors; i++) explain_anchor(w, s, &s->anchors[i]);
    w->end(w->ctx);
}
