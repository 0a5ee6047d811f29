/* Events: what each says of a loop. */
#include "event.h"
#include <string.h>

static bool finished;
static bk_json buffer; /* reused; events are made with the GIL held, and making one runs no Python code */

static bk_writer begin(bk_eventkind kind) {
    bk_json_reset(&buffer);
    bk_writer w = bk_json_writer(&buffer);
    w.dict(w.ctx, NULL);
    w.str(w.ctx, "event", bk_event_kinds[kind].name);
    w.real(w.ctx, "t", bk_events_ms());
    return w;
}

static void finish(bk_writer *w) {
    w->end(w->ctx);
    if (buffer.failed) return;
    if (bk_listening & BK_LISTEN_LOG) bk_log_line(buffer.text, buffer.n);
    if (bk_listening & BK_LISTEN_CALL) bk_event_put(buffer.text);
}

static void reason(bk_writer *w, const bk_anchor *a) {
    w->str(w->ctx, "reason", bk_abort_names[a->abort]);
    w->str(w->ctx, "text", bk_abort_texts[a->abort]);
    if (a->abort_at.line) w->num(w->ctx, "reason_line", a->abort_at.line);
    if (a->abort_at.column) w->num(w->ctx, "reason_column", a->abort_at.column);
    if (a->error[0]) w->str(w->ctx, "detail", a->error);
    w->num(w->ctx, "penalties", a->penalties);
}

static void costs(bk_writer *w, const bk_anchor *a, const bk_region *r) {
    w->num(w->ctx, "number", a->compiles);
    w->num(w->ctx, "instructions", r->fn->nins);
    w->dict(w->ctx, "ms");
    w->real(w->ctx, "build", r->build_ms);
    w->real(w->ctx, "opt", r->opt_ms);
    w->real(w->ctx, "lower", r->code.lower_ms);
    w->real(w->ctx, "llvm", r->code.opt_ms);
    w->real(w->ctx, "emit", r->code.emit_ms);
    w->end(w->ctx);
    w->num(w->ctx, "code_bytes", (int64_t)r->code.code_bytes);
    w->num(w->ctx, "exits", bk_region_exits(r));
}

static void exit_place(bk_writer *w, const bk_region *r, uint32_t exit) {
    const char *function;
    const bk_origin *o = bk_exit_origin(r, exit, &function);
    const bk_named *kind = &bk_guard_kinds[bk_exit_kind(r, exit)];
    w->str(w->ctx, "kind", kind->name);
    w->str(w->ctx, "text", kind->text);
    w->num(w->ctx, "exit_line", o->line);
    w->num(w->ctx, "exit_offset", o->offset);
    w->str(w->ctx, "exit_function", function);
    w->num(w->ctx, "count", r->exit_counts[exit]);
}

void bk_event_tell(bk_eventkind kind, const bk_anchor *a, const bk_region *r, uint32_t exit) {
    bk_writer w = begin(kind);
    if (kind == BK_EVT_LOOP) bk_explain_anchor(&w, a);
    else bk_explain_identity(&w, a);
    switch (kind) {
    case BK_EVT_RECORDED: w.num(w.ctx, "instructions", (int64_t)a->of->rec_events); break;
    case BK_EVT_COMPILING:
        w.num(w.ctx, "number", a->compiles);
        w.num(w.ctx, "instructions", r->fn->nins);
        w.str(w.ctx, "why", a->replaces ? "hot exit" : a->region ? "other types" : "hot loop");
        break;
    case BK_EVT_COMPILED: costs(&w, a, r); break;
    case BK_EVT_ABORTED:
    case BK_EVT_BLACKLISTED: reason(&w, a); break;
    case BK_EVT_HOT_EXIT: exit_place(&w, r, exit); break;
    case BK_EVT_INVALIDATED: w.str(w.ctx, "by", bk_ticket_broken_by(r->ticket)); break;
    default: break;
    }
    finish(&w);
}

static void reset_counts(bk_anchor *a) {
    a->back_edges = a->iterations = a->counted_entries = 0;
    memset(a->ms, 0, sizeof a->ms);
    memset(a->ticks, 0, sizeof a->ticks);
    bk_loopstat_free(&a->past);
    for (bk_region *r = a->region; r; r = r->other) {
        r->entries = 0;
        memset(r->exit_counts, 0, bk_region_exits(r) * sizeof *r->exit_counts);
    }
}

void bk_events_after_fork(void) {
    finished = false;
    if (!bk_listening) return;
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i <= s->nanchors; i++) reset_counts(bk_anchor_number(s, i));
}

void bk_tell_last(bk_codestate *s) {
    if (!bk_listening || finished) return;
    for (uint32_t i = 0; i <= s->nanchors; i++) {
        const bk_anchor *a = bk_anchor_number(s, i);
        if (bk_anchor_tried(a) && (a->back_edges || a->abort || a->ticks[BK_TICK_INTERPRETED]))
            bk_event_tell(BK_EVT_LOOP, a, NULL, 0);
    }
}

void bk_events_finish(void) {
    if (!bk_listening || finished) return;
    for (bk_codestate *s = bk_codestates; s; s = s->next) bk_tell_last(s);
    finished = true;
    bk_writer w = begin(BK_EVT_END);
    bk_driver_stats(&w);
    w.num(w.ctx, "ticks_elsewhere", (int64_t)bk_ticks_elsewhere);
    w.num(w.ctx, "ticks_idle", (int64_t)bk_ticks_idle);
    finish(&w);
}
