/* Strip-mining: the poll of a counting inner loop moves to a loop around it that runs once per `strip` iterations.
 *
 *   pre -> H: i = phi [start, next]                   pre -> C: j = phi [start, i]  (and so for every phi)
 *             br i < stop -> body.. poll -> H                  poll, at the state of a loop head
 *                          -> X                                limit = stop - j > strip ? j + strip : stop
 *                                                           -> H: i = phi [j, next]
 *                                                                 br i < limit -> body.. -> H
 *                                                                              -> E: br i < stop -> C, -> X
 *
 * The snapshot of the poll at C: the preheader's entry snapshot and the old poll's describe the same place of the
 * bytecode, before the first iteration and after one, slot by slot. So each slot is a phi of the two; such a phi is
 * found in the header, or made. C is the preheader of the inner loop, too: leaving there is right at each chunk's
 * start. */
#include "opt_undo.h"
#include <stdlib.h>

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_loop *l;
    bk_blk head, latch, exit, body, chunk, check;
    uint8_t exit_side;
    bk_ref poll, branch;
    bk_iv iv;
    uint32_t snap, most; /* most: iterations of a chunk */
    bool checks;
} strip;

/* effects other than stores, and guards that would keep the loop from becoming vectors, make it not worth it */
static bool plain(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_STORE || in->op == BK_JMP || in->op == BK_BR || in->op == BK_PHI || in->op == BK_NOP) return true;
    if (in->op == BK_GUARD) return in->flags & BK_F_FPCHECK;
    if (in->op == BK_ADDOV || in->op == BK_SUBOV) return true;
    return !(bk_ops[in->op].flags & (BK_OF_GUARD | BK_OF_EFFECT)) || (in->op == BK_CALL && bk_droppable(f, r));
}

static bool check_block(strip *x, bk_blk b) {
    const bk_fn *f = x->f;
    const bk_block *bl = &f->blocks[b];
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref r = bl->ins[i];
        const bk_ins *in = &f->ins[r];
        if (in->op == BK_POLL && !x->poll && b == x->latch) {
            x->poll = r;
            continue;
        }
        bool check = in->op == BK_GUARD || in->op == BK_ADDOV || in->op == BK_SUBOV;
        bool effect = in->op == BK_STORE || check;
        x->checks |= check;
        if (!plain(f, r) || (effect && (x->poll || b == x->head))) return false;
    }
    for (uint32_t s = 0; s < bl->nsucc; s++)
        if (b != x->head && !bk_in_loop(x->l->cfg, x->head, bl->succ[s]) && !bk_side_exit(x->l, bl->succ[s]))
            return false;
    return true;
}

/* a header that tests an induction variable and leaves by that test only */
static bool check_shape(strip *x) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->head];
    if (!bk_tests_at_head(x->l, &x->exit, &x->body)) return false;
    x->latch = h->preds[1];
    x->exit_side = x->exit == h->succ[1];
    if (x->latch == x->head || f->blocks[x->exit].header) return false;
    for (uint32_t i = 0; i < x->l->nblocks; i++) /* the latch comes last in reverse postorder */
        if (!check_block(x, x->l->blocks[i])) return false;
    x->branch = h->ins[h->nins - 1];
    for (uint32_t i = 0; x->poll && i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++)
        if (bk_iv_get(x->l, h->ins[i], x->body, &x->iv) && x->iv.fixed && x->iv.stop && !x->iv.rotated &&
            x->iv.cond == f->ins[x->branch].a)
            return true;
    return false;
}

/* ---- the chunk's phis and snapshot -------------------------------------------------------------------------- */

static bk_ref chunk_phi(strip *x, bk_ref inner) { return x->f->args[x->f->ins[inner].a]; }

/* every header phi gets its twin in the chunk's header: (value from the preheader, value when the inner loop ends) */
static void twin(strip *x, bk_ref inner) {
    bk_fn *f = x->f;
    bk_ref t = bk_phi(f, x->chunk, (bk_type)f->ins[inner].type);
    if (!t) return;
    bk_phi_add(f, t, f->args[f->ins[inner].a]);
    bk_phi_add(f, t, inner);
    f->args[f->ins[inner].a] = t;
}

static bk_ref new_pair(strip *x, bk_ref first, bk_ref again) {
    bk_fn *f = x->f;
    bk_ref inner = bk_phi(f, x->head, (bk_type)f->ins[first].type);
    if (!inner) return 0;
    bk_phi_add(f, inner, first);
    bk_phi_add(f, inner, again);
    twin(x, inner);
    return f->oom ? 0 : chunk_phi(x, inner);
}

/* the value at a chunk's start of what is `first` before the loop and `again` after an iteration */
static bool at_chunk(strip *x, bk_ref first, bk_ref again, bool box, bk_ref *out) {
    bk_fn *f = x->f;
    if (box && first != again) { /* no box is NULL */
        if (!first) first = bk_kp(f, NULL);
        if (!again) again = bk_kp(f, NULL);
    }
    *out = first;
    if (first == again && (!again || !bk_variant(x->l, again))) return true;
    if (!first || !again || f->ins[first].type != f->ins[again].type) return false;
    const bk_block *h = &f->blocks[x->head];
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) {
        const bk_ins *phi = &f->ins[h->ins[i]];
        bk_ref t = f->args[phi->a];
        if (f->args[phi->a + 1] != again || f->args[f->ins[t].a] != first) continue;
        *out = t;
        return true;
    }
    *out = new_pair(x, first, again);
    return *out != 0;
}

static bool pair_slot(strip *x, bk_slot e, bk_slot q, bk_slot *out) {
    if (e.kind != q.kind || e.aux != q.aux || e.nkids != q.nkids || e.sub != q.sub) return false;
    *out = e;
    return at_chunk(x, e.a, q.a, false, &out->a) && at_chunk(x, e.b, q.b, bk_box_in_b(&e), &out->b) &&
           at_chunk(x, e.c, q.c, bk_box_in_c(&e), &out->c);
}

/* do the two snapshots describe one place, with the same kinds of values? Nothing is changed. */
static bool comparable(const strip *x, uint32_t es, uint32_t qs) {
    const bk_fn *f = x->f;
    const bk_snap *e = &f->snaps[es], *q = &f->snaps[qs];
    if (e->kind != BK_SNAP_RESUME || q->kind != BK_SNAP_RESUME || e->nframes != q->nframes) return false;
    for (uint32_t i = 0; i < e->nframes; i++) {
        const bk_sframe *a = &f->sframes[e->frame + i], *b = &f->sframes[q->frame + i];
        if (a->code != b->code || a->resume != b->resume || a->nslots != b->nslots || a->depth != b->depth)
            return false;
        for (uint32_t k = 0; k < a->nslots; k++) {
            const bk_slot *s = &f->slots[a->first + k], *t = &f->slots[b->first + k];
            if (s->kind != t->kind || s->aux != t->aux || s->nkids != t->nkids || s->sub != t->sub) return false;
            if (!s->a != !t->a || (!s->c != !t->c && !bk_box_in_c(s))) return false;
            if (s->a && f->ins[s->a].type != f->ins[t->a].type) return false;
            if (s->c && t->c && f->ins[s->c].type != f->ins[t->c].type) return false;
            if (s->b && t->b && f->ins[s->b].type != f->ins[t->b].type) return false;
            if (!s->b != !t->b && !bk_box_in_b(s)) return false;
        }
    }
    return true;
}

static bool chunk_snapshot(strip *x, uint32_t es, uint32_t qs) {
    bk_fn *f = x->f;
    bk_snap s = f->snaps[es];
    uint32_t first = f->nsframes, n = s.nframes;
    if (!bk_grow(f, (void **)&f->sframes, &f->sfcap, first + n, sizeof *f->sframes)) return false;
    f->nsframes += n;
    for (uint32_t i = 0; i < n; i++) {
        bk_sframe fr = f->sframes[s.frame + i];
        uint32_t e = fr.first, q = f->sframes[f->snaps[qs].frame + i].first;
        fr.first = f->nslots;
        if (!bk_grow(f, (void **)&f->slots, &f->scap, f->nslots + fr.nslots + 1, sizeof *f->slots)) return false;
        for (uint32_t k = 0; k < fr.nslots; k++) {
            if (!pair_slot(x, f->slots[e + k], f->slots[q + k], &f->slots[fr.first + k])) return false;
            f->slots[fr.first + k].who = bk_merged_who(f, (uint32_t[]){es, qs}, 2, i, k);
        }
        f->nslots += fr.nslots;
        f->sframes[first + i] = fr;
    }
    if (!bk_grow(f, (void **)&f->snaps, &f->snapcap, f->nsnaps + 1, sizeof *f->snaps)) return false;
    s.frame = first;
    s.reason = f->snaps[qs].reason;
    s.org = f->snaps[qs].org;
    x->snap = f->nsnaps;
    f->snaps[f->nsnaps++] = s;
    return true;
}

/* ---- the loops ---------------------------------------------------------------------------------------------- */

static bk_ref emit(strip *x, bk_blk b, bk_op op, bk_ref a, bk_ref c) { return bk_emit(x->f, b, op, BK_X, a, c, 0); }

static bk_ref compare(strip *x, bk_blk b, bk_ref i, bk_ref stop) {
    return emit(x, b, x->iv.inclusive ? BK_LE : BK_LT, x->iv.up ? i : stop, x->iv.up ? stop : i);
}

/* Stores whose results are still to be tested are logged (opt_fpdefer.c): no more of them than the log has room for. */
static uint32_t chunk_size(const strip *x) {
    uint32_t bytes = x->checks ? bk_undo_bytes(x->f, x->l->blocks, x->l->nblocks) : 0;
    uint32_t room = bytes ? BK_UNDO_BYTES / bytes / 32 * 32 : 0;
    return room && room < x->o->p->strip ? room : x->o->p->strip;
}

/* Where the chunk that starts at j ends. The distance is right as an unsigned number when j is before stop. A limit
 * that is reached, too, is one step nearer: no chunk has more iterations than the undo log has room for. */
static bk_ref limit(strip *x, bk_ref j) {
    bk_fn *f = x->f;
    bk_blk c = x->chunk;
    bool up = x->iv.up;
    int64_t step = f->ins[x->iv.step].imm, size;
    if (__builtin_mul_overflow(up ? step : -step, (int64_t)x->most - x->iv.inclusive, &size) || size <= 0) {
        size = INT64_MAX;
        x->most = 0;
    }
    bk_ref far = up ? emit(x, c, BK_SUB, x->iv.stop, j) : emit(x, c, BK_SUB, j, x->iv.stop);
    bk_ref more = emit(x, c, BK_ULT, bk_ki(f, size), far);
    bk_ref before = emit(x, c, BK_LT, up ? j : x->iv.stop, up ? x->iv.stop : j);
    bk_ref near = emit(x, c, BK_ADD, j, bk_ki(f, up ? size : -size));
    return bk_emit(f, c, BK_SELECT, BK_I, emit(x, c, BK_AND, more, before), near, x->iv.stop);
}

static void connect(strip *x) {
    bk_fn *f = x->f;
    bk_block *h = &f->blocks[x->head], *e = &f->blocks[x->exit], *pre = &f->blocks[x->l->pre];
    pre->succ[0] = x->chunk;
    bk_block *c = &f->blocks[x->chunk], *k = &f->blocks[x->check];
    c->header = c->preheader = true;
    c->count = h->count / x->o->p->strip + 1;
    h->most = x->most;
    c->succ[c->nsucc++] = x->head;
    h->preds[0] = x->chunk;
    h->succ[x->exit_side] = x->check;
    k->succ[0] = x->chunk;
    k->succ[1] = x->exit;
    k->nsucc = 2;
    k->count = c->count;
    for (uint32_t i = 0; i < e->npreds; i++)
        if (e->preds[i] == x->head) {
            e->preds[i] = x->check;
            break;
        }
    bk_grow(f, (void **)&c->preds, &c->pcap, 2, sizeof *c->preds);
    bk_grow(f, (void **)&k->preds, &k->pcap, 1, sizeof *k->preds);
    if (f->oom) return;
    c->preds[0] = x->l->pre;
    c->preds[1] = x->check;
    c->npreds = 2;
    k->preds[0] = x->head;
    k->npreds = 1;
}

static bool used_elsewhere(const bk_fn *f, bk_ref c, bk_ref user) {
    for (bk_blk n = 0; n < f->nblocks; n++)
        for (uint32_t i = 0; i < f->blocks[n].nins; i++) {
            bk_ref r = f->blocks[n].ins[i];
            for (uint32_t k = 0, m = r == user ? 0 : bk_nopnds(f, r); k < m; k++)
                if (*bk_opnd(f, r, k) == c) return true;
        }
    for (uint32_t i = 0; i < f->nslots; i++)
        if (f->slots[i].a == c || f->slots[i].b == c || f->slots[i].c == c) return true;
    return false;
}

static void transform(strip *x) {
    bk_fn *f = x->f;
    uint32_t es = f->blocks[x->l->pre].entry_snap, qs = f->ins[x->poll].snap;
    x->chunk = bk_block_new(f);
    x->check = bk_block_new(f);
    if (f->oom) return;
    bk_block *h = &f->blocks[x->head];
    for (uint32_t i = 0; i < h->nins && f->ins[h->ins[i]].op == BK_PHI; i++) twin(x, h->ins[i]);
    if (f->oom || !chunk_snapshot(x, es, qs)) {
        f->oom = 1; /* kinds and types were compared before: only memory can be out */
        return;
    }
    bk_unlink(f, x->poll);
    bk_insert(f, x->chunk, f->blocks[x->chunk].nins, x->poll);
    f->ins[x->poll].snap = x->snap;
    x->most = chunk_size(x);
    bk_ref lim = limit(x, chunk_phi(x, x->iv.phi));
    emit(x, x->chunk, BK_JMP, 0, 0);
    bk_ref old = f->ins[x->branch].a;
    if (!used_elsewhere(f, old, x->branch)) { /* or it would be found again as the outer test, and stay inside */
        bk_unlink(f, old);
        f->ins[old].flags |= BK_F_DEAD;
    }
    bk_ref inner = compare(x, x->head, x->iv.phi, lim), outer = compare(x, x->check, x->iv.phi, x->iv.stop);
    if (x->exit_side == 0) inner = emit(x, x->head, BK_NOT, inner, 0);
    f->ins[x->branch].a = inner;
    emit(x, x->check, BK_BR, outer, 0);
    connect(x);
    f->blocks[x->chunk].entry_snap = x->snap;
    x->o->changed = true;
}

static bool strip_loop(bk_opt *o, bk_blk head) {
    bk_fn *f = o->f;
    bk_cfg *cfg = bk_cfg_new(f);
    if (!cfg) return false;
    bk_loop l;
    if (bk_loop_get(&l, f, cfg, head)) {
        strip x = {.o = o, .f = f, .l = &l, .head = head};
        if (check_shape(&x) && comparable(&x, f->blocks[l.pre].entry_snap, f->ins[x.poll].snap)) transform(&x);
    }
    bk_loop_free(&l);
    bk_cfg_free(cfg);
    return !f->oom;
}

bool bk_pass_strip(bk_opt *o) { return o->p->strip <= 1 || bk_each_loop(o, strip_loop); }
