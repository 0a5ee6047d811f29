/* The graph builder: from what recording saw to the IR of a region.
 *
 * It runs the bytecode of a loop (or function) abstractly, starting with the types that the frame has now, along the
 * paths that recording saw. Each place is built once per version (build_flow.c); values are unboxed where their type is
 * known (build_num.c, build_np.c, build_seq.c, build_attr.c), calls of small Python functions are inlined
 * (build_call.c), and every other bytecode has its boxed lowering (build_generic.c).
 *
 * Boxed locals of the real frame live in the frame's own slots (home slots), unboxed ones and everything of inlined
 * frames in SSA values. A guard leaves to the start of its instruction, so within an instruction all guards come before
 * the first effect. An assumption that turns out wrong while building restarts the build with what was learned.
 * What all attempts together may cost is limited (build_insns): Python waits meanwhile. */
#include "build.h"
#include <stdlib.h>
#include <string.h>

_Noreturn void bk_abort(bk_builder *b, bk_abortreason why) {
    b->abort = why;
    if (b->st.n) {
        b->abort_pc = TOPF(b)->pc;
        b->abort_code = TOPF(b)->code;
    }
    longjmp(b->out, 1);
}

_Noreturn void bk_restart(bk_builder *b) {
    if (++b->restarts > 40) bk_abort(b, BK_AB_TOO_MANY_VERSIONS);
    longjmp(b->out, 2);
}

/* once for all attempts */
static bk_bcflow *flow_of(bk_builder *b, const bk_codeinfo *ci) {
    bk_bodies *all = b->bodies;
    for (bk_knownflow *k = all->flows; k; k = k->next)
        if (k->code == ci->code) return k->flow;
    bk_bcflow *flow = bk_bcflow_new(ci, &all->arena);
    bk_knownflow *k = flow ? bk_arena_alloc(&all->arena, sizeof *k) : NULL;
    if (!k) bk_abort(b, BK_AB_MEMORY);
    *k = (bk_knownflow){ci->code, flow, all->flows};
    all->flows = k;
    return flow;
}

uint16_t code_number(bk_builder *b, const bk_codeinfo *ci) {
    bk_fn *f = b->fn;
    for (uint32_t i = 0; i < f->ncodes; i++)
        if (f->codes[i] == ci->code) return (uint16_t)i;
    if (!bk_code_add(f, ci->code)) bk_abort(b, BK_AB_MEMORY);
    bk_bcflow **flows = alloc(b, f->ncodes * sizeof *flows);
    if (f->ncodes > 1) memcpy(flows, b->flows, (f->ncodes - 1) * sizeof *flows);
    b->flows = flows;
    flows[f->ncodes - 1] = flow_of(b, ci);
    return (uint16_t)(f->ncodes - 1);
}

uint32_t ctx_inline(bk_builder *b, bk_obj *code, bool on_stack, uint8_t finish) {
    bk_bframe *f = TOPF(b);
    for (uint32_t i = 1; i < b->nctx; i++)
        if (b->ctxs[i].parent == f->ctx && b->ctxs[i].pc == f->pc && b->ctxs[i].code == code &&
            b->ctxs[i].on_stack == on_stack && b->ctxs[i].finish == finish)
            return i;
    if (b->nctx >= 512) bk_abort(b, BK_AB_TOO_BIG);
    b->ctxs[b->nctx] = (bk_inlinectx){f->ctx, f->pc, code, on_stack, finish};
    return b->nctx++;
}

/* ---- the entry: the frame as it is now, by checks that are made before entering (entry.c) ---- */

static bk_val inner_iterator(bk_builder *b, bk_ref it, bk_obj *type, int64_t step, const bk_ndkey *nd) {
    if (type == bk_types.t_range_iterator) {
        bk_ref start = Eload(b, BK_M_I64, BK_A_ITER, it, bk_py->rangeiter_start);
        bk_ref len = Eload(b, BK_M_I64, BK_A_ITER, it, bk_py->rangeiter_len);
        bk_ref way = E(b, BK_MUL, len, KI(b, step)), end = E(b, BK_ADD, start, way);
        b->fn->ins[way].flags |= BK_F_NSW;
        b->fn->ins[end].flags |= BK_F_NSW;
        return (bk_val){.kind = V_RANGEIT, .num = start, .num2 = end, .step = step};
    }
    bk_ref seq = Eload(b, BK_M_PTR, BK_A_ITER, it, bk_py->listiter_seq);
    bk_ref idx = Eload(b, BK_M_I64, BK_A_ITER, it, bk_py->listiter_index);
    return (bk_val){.kind = V_SEQIT, .box = seq, .num = idx, .seq = (uint8_t)bk_entry_seqkind(type), .nd = *nd};
}

/* enumerate, zip: an exit makes new ones; the old, which nobody else has, keep what they iterate over alive until then
 */
static bk_val wrapped_iterator(bk_builder *b, const bk_entrycheck *c, bk_ref it) {
    bk_ref index = 0;
    bool counted = c->wrap & BK_WRAP_ENUM, zipped = c->wrap & BK_WRAP_ZIP;
    if (counted) {
        index = Eload(b, BK_M_I64, BK_A_ITER, it, bk_py->enum_index);
        it = Eload(b, BK_M_PTR, BK_A_ITER, it, bk_py->enum_iter);
    }
    bk_val *kids = alloc(b, c->niters * sizeof *kids), v;
    bk_ref tuple = zipped ? Eload(b, BK_M_PTR, BK_A_ITER, it, bk_py->zip_iters) : 0;
    for (int i = 0; i < c->niters; i++) {
        if (zipped) it = Eload(b, BK_M_PTR, BK_A_CONST, tuple, (int64_t)bk_py->tuple_items + 8 * i);
        kids[i] = inner_iterator(b, it, c->iters[i].type, c->iters[i].step, &c->iters[i].nd);
    }
    v = zipped ? (bk_val){.kind = V_ZIP, .type = bk_types.t_zip, .nkids = c->niters, .kids = kids} : kids[0];
    if (!counted) return v;
    bk_val *inner = alloc(b, sizeof *inner);
    *inner = v;
    return (bk_val){.kind = V_ENUM, .type = bk_types.t_enumerate, .num = index, .nkids = 1, .kids = inner};
}

static void entry_iterator(bk_builder *b, const bk_entrycheck *c, bk_val *v) {
    if (c->kind == EC_WRAPPED) *v = wrapped_iterator(b, c, v->box);
    else if (c->kind == EC_REVERSED) {
        bk_ref seq = Eload(b, BK_M_PTR, BK_A_ITER, v->box, bk_py->revlist_seq);
        bk_ref idx = Eload(b, BK_M_I64, BK_A_ITER, v->box, bk_py->revlist_index);
        *v = (bk_val){.kind = V_REVERSED, .type = c->type, .box = seq, .num = idx};
    } else *v = inner_iterator(b, v->box, c->type, c->step, &c->nd);
    v->obj = c->slot + 1;
}

static void entry_value(bk_builder *b, const bk_entrycheck *c, bk_val *v) {
    v->type = c->type;
    if (c->kind == EC_INT) v->num = CALLH(b, BK_H_unbox_i64, v->box);
    else if (c->kind == EC_ND) {
        v->nd = c->nd;
        v->nd_ok = c->type == bk_types.t_ndarray;
    } else if (c->type != bk_types.t_int && is_num(v) && fits(v)) unbox(b, v);
    else if (c->type == bk_types.t_none_type) v->konst = bk_types.t_none;
}

static void entry_slot(bk_builder *b, uint32_t slot, bk_obj *o, bool local, bool live) {
    bk_val *l = &TOPF(b)->slots[slot], v = *l;
    bk_entrycheck *c = &b->rq.entry[*b->rq.nentry];
    if (o && local && bk_py_type(o) == bk_types.t_cell) return; /* cells stay where they are */
    bool iterator = bk_entry_describe(o, local, live, slot, c);
    ++*b->rq.nentry;
    if (c->type) bk_const(b->fn, c->type);
    if (c->kind == EC_SIMPLE) {
        l->kind = V_VAL;
        l->simple = true;
    }
    if (c->kind == EC_SIMPLE || c->kind == EC_NULL || c->kind == EC_HELD) return;
    v.box = Eimm(b, BK_HLOAD, 0, slot);
    v.own = O_HOMES;
    v.homes = home_bit(slot);
    if (iterator) entry_iterator(b, c, &v);
    else {
        entry_value(b, c, &v);
        v.clean = true;
    }
    *l = v;
}

/* behind the frame's set-up and RESUME, whose event enters */
static uint32_t first_insn(const bk_codeinfo *ci) {
    uint32_t i = 0;
    while (i + 1 < ci->ninsns && (ci->insns[i].op == BC_PROLOGUE || ci->insns[i].op == BC_NOP)) i++;
    return i;
}

static void build_entry(bk_builder *b) {
    const bk_request *rq = &b->rq;
    const bk_codeinfo *ci = rq->ci;
    bk_bframe *f = &b->st.f[0];
    b->st.n = 1;
    *f = (bk_bframe){.ci = ci, .prof = rq->profile(ci->code)};
    f->globals = bk_py_frame_globals(rq->frame);
    f->builtins = bk_py_frame_builtins(rq->frame);
    f->code = code_number(b, ci);
    f->flow = b->flows[0];
    f->pc = rq->header >= 0 ? (uint32_t)rq->header : first_insn(ci);
    int depth = rq->header >= 0 ? ci->insns[f->pc].depth : 0;
    if (!f->prof || depth < 0 || depth != bk_py_frame_depth(rq->frame)) bk_abort(b, BK_AB_VERIFY);
    f->sp = (uint32_t)depth;
    f->slots = alloc(b, (ci->nlocals + ci->stacksize + 2) * sizeof(bk_val));
    b->fn->nhome = ci->nlocals + f->sp;
    void **home = bk_py_frame_home(rq->frame);
    for (uint32_t i = 0; i < b->fn->nhome; i++)
        f->slots[i] = (bk_val){.kind = bk_py_home_get(home, i) ? V_VAL : V_NULL, .clean = true};
    b->st.blk = bk_block_new(b->fn);
    begin_insn(b, f->pc);
    *rq->nentry = 0;
    for (uint32_t i = 0; i < b->fn->nhome; i++) {
        bk_obj *o = bk_py_home_get(home, i);
        if (o || i < ci->nlocals) entry_slot(b, i, o, i < ci->nlocals, i < ci->nlocals && bk_live(f->flow, f->pc, i));
    }
    if (f->flow->merge[f->pc]) flow_goto(b, f->pc, false);
}

static void build_start(bk_builder *b) {
    if (b->body) bk_body_entry(b);
    else build_entry(b);
}

static void build_block(bk_builder *b) {
    while (!b->ended) {
        if (b->fn->nins > (uint32_t)b->rq.params->region_insns) bk_abort(b, BK_AB_TOO_BIG);
        if (b->bodies->built + b->fn->nins > (uint64_t)b->rq.params->build_insns) bk_abort(b, BK_AB_BUDGET);
        begin_insn(b, TOPF(b)->pc);
        build_insn(b);
    }
}

/* headers whose other predecessors are not all inside their loop are no loops for the passes */
static void check_headers(bk_builder *b) {
    for (uint32_t i = 0; i < b->nversions; i++) {
        bk_version *v = b->versions[i];
        if (v->header && b->fn->blocks[v->blk].npreds < 2) {
            b->fn->blocks[v->blk].header = false;
            b->fn->blocks[v->pre].preheader = false;
        }
    }
}

static void reset(bk_builder *b) {
    bk_fn_free(b->fn);
    b->fn = NULL;
    bk_arena_reset(&b->arena);
    b->saved = NULL;
    b->saved_cap = 0;
    b->versions = NULL;
    b->flows = NULL;
    b->nversions = b->vcap = b->queue = b->guards = b->snap_start = b->neffects = 0;
    b->nctx = 1;
    b->nvid = 0;
    b->kwnames = NULL; /* a restart may have come in the middle of a call */
    b->nneeded = b->nwords = b->nreturned = b->npassed = 0;
    memset(b->param_box, 0, sizeof b->param_box);
    b->share_operands = false;
    b->ndying = b->nmade = 0;
    b->in_hand = NULL;
    bk_twins_reset(b->twins);
    b->fresh_dies = false;
    b->org = 0;
    b->st.n = b->st.nloops = 0;
    b->ended = b->unknown = b->effects = false;
}

static void region_name(const bk_builder *b, char *out, size_t n) {
    const bk_request *rq = &b->rq;
    if (b->body) {
        snprintf(out, n, "%.80s:%u:native", b->body->ci->name, b->body->ci->firstline);
        return;
    }
    uint32_t line = rq->header >= 0 ? rq->ci->insns[rq->header].line : rq->ci->firstline;
    snprintf(out, n, "%.80s:%u%s", rq->ci->name, line, rq->header >= 0 ? "" : ":call");
}

/* builds once: 0 done, 1 aborted, 2 to be built again with what was learned */
static int attempt(bk_builder *b) {
    int left = setjmp(b->out);
    if (left) {
        if (b->fn) b->bodies->built += b->fn->nins;
        return left;
    }
    reset(b);
    char name[120];
    region_name(b, name, sizeof name);
    if (!(b->fn = bk_fn_new(name))) bk_abort(b, BK_AB_MEMORY);
    build_start(b);
    if (!b->ended) build_block(b);
    while (flow_next(b)) build_block(b);
    check_headers(b);
    if (b->body) bk_body_check(b);
    bk_settle_identity(b);
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    b->bodies->built += b->fn->nins;
    return 0;
}

static void explain_abort(const bk_builder *b, int *abort, bk_where *where) {
    *abort = b->abort;
    if (!b->fn || b->abort_code >= b->fn->ncodes) return;
    const bk_codeinfo *ci = bk_py_codeinfo(b->fn->codes[b->abort_code]);
    if (ci && b->abort_pc < ci->ninsns) *where = bk_py_place(ci->code, ci->insns[b->abort_pc].last);
}

bk_fn *bk_build_one(const bk_request *rq, bk_bodies *all, bk_body *body, int *abort, bk_where *where) {
    bk_builder *b = calloc(1, sizeof *b);
    bk_fn *result = NULL;
    *abort = BK_AB_MEMORY;
    *where = (bk_where){0};
    if (!b) return NULL;
    b->rq = *rq;
    b->bodies = all;
    b->body = body;
    b->ctxs = calloc(512, sizeof *b->ctxs);
    b->prefs = calloc(256, sizeof *b->prefs);
    b->noinline = calloc(BK_MAXSITES, sizeof *b->noinline);
    b->nomod = calloc(BK_MAXSITES, sizeof *b->nomod);
    b->leaves = calloc(BK_MAXSITES, sizeof *b->leaves);
    b->twins = bk_twins_new();
    if (b->twins && b->ctxs && b->prefs && b->noinline && b->nomod && b->leaves) {
        int left;
        while ((left = attempt(b)) == 2) {}
        if (left) {
            explain_abort(b, abort, where);
            bk_fn_free(b->fn);
        } else {
            result = b->fn;
            *abort = BK_AB_NONE;
        }
    }
    bk_arena_free(&b->arena);
    free(b->ctxs);
    free(b->prefs);
    free(b->noinline);
    free(b->nomod);
    free(b->leaves);
    free(b->twins);
    free(b);
    return result;
}
