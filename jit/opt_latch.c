/* One back edge per loop: `continue`, and an `if` at the end of a body, jump back from several places, each with its
 * poll. They are led through one block, whose phis are what the header's phis and the polls' snapshots had from each
 * place. So a branch that only chooses values can become a select, and the loop can be strip-mined. */
#include "opt.h"
#include <stdlib.h>

enum { MAX_EDGES = 16 };

typedef struct {
    bk_fn *f;
    bk_blk head, latch;
    uint32_t n; /* back edges */
    bk_blk from[MAX_EDGES];
    bk_ref poll[MAX_EDGES];
} merge;

static bool collect(merge *x) {
    const bk_fn *f = x->f;
    const bk_block *h = &f->blocks[x->head];
    if (!h->header || h->npreds < 3 || h->npreds > MAX_EDGES) return false;
    x->n = h->npreds - 1;
    for (uint32_t k = 0; k < x->n; k++) {
        const bk_block *b = &f->blocks[x->from[k] = h->preds[k + 1]];
        if (b->nsucc != 1 || b->nins < 2 || b->preheader) return false;
        x->poll[k] = b->ins[b->nins - 2];
        if (f->ins[x->poll[k]].op != BK_POLL) return false;
        for (uint32_t j = 0; j < k; j++)
            if (x->from[j] == x->from[k]) return false;
    }
    return true;
}

/* the value of an operand that differs by edge: a phi, shared */
static bk_ref merged(merge *x, const bk_ref *v) {
    bk_fn *f = x->f;
    bool same = true;
    for (uint32_t k = 1; k < x->n; k++) same &= v[k] == v[0];
    if (same) return v[0];
    const bk_block *m = &f->blocks[x->latch];
    for (uint32_t i = 0; i < m->nins && f->ins[m->ins[i]].op == BK_PHI; i++) {
        const bk_ref *w = f->args + f->ins[m->ins[i]].a;
        uint32_t k = 0;
        while (k < x->n && w[k] == v[k]) k++;
        if (k == x->n) return m->ins[i];
    }
    bk_ref phi = bk_phi(f, x->latch, (bk_type)f->ins[v[0]].type);
    for (uint32_t k = 0; phi && k < x->n; k++) bk_phi_add(f, phi, v[k]);
    return phi;
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static bk_slot *slot_of(const merge *x, uint32_t k, uint32_t frame, uint32_t i) {
    const bk_fn *f = x->f;
    return &f->slots[f->sframes[f->snaps[f->ins[x->poll[k]].snap].frame + frame].first + i];
}

static bool alike(const bk_fn *f, bk_ref a, bk_ref b, bool box) {
    if (!a || !b) return a == b || box;
    return f->ins[a].type == f->ins[b].type;
}

static bool slots_alike(const bk_fn *f, const bk_slot *s, const bk_slot *t) {
    return s->kind == t->kind && s->aux == t->aux && s->nkids == t->nkids && s->sub == t->sub &&
           alike(f, s->a, t->a, false) && alike(f, s->b, t->b, bk_box_in_b(s)) && alike(f, s->c, t->c, bk_box_in_c(s));
}

/* do all polls leave to one place, with the same kinds of values? */
static bool comparable(const merge *x) {
    const bk_fn *f = x->f;
    const bk_snap *e = &f->snaps[f->ins[x->poll[0]].snap];
    for (uint32_t k = 1; k < x->n; k++) {
        const bk_snap *q = &f->snaps[f->ins[x->poll[k]].snap];
        if (e->kind != BK_SNAP_RESUME || q->kind != BK_SNAP_RESUME || e->nframes != q->nframes) return false;
        for (uint32_t i = 0; i < e->nframes; i++) {
            const bk_sframe *a = &f->sframes[e->frame + i], *b = &f->sframes[q->frame + i];
            if (a->code != b->code || a->resume != b->resume || a->nslots != b->nslots || a->depth != b->depth)
                return false;
            for (uint32_t s = 0; s < a->nslots; s++)
                if (!slots_alike(f, slot_of(x, 0, i, s), slot_of(x, k, i, s))) return false;
        }
    }
    return true;
}

static bk_ref operand(const bk_slot *s, int which) { return which == 0 ? s->a : which == 1 ? s->b : s->c; }

static bk_ref merged_operand(merge *x, uint32_t frame, uint32_t i, int which) {
    bk_ref v[MAX_EDGES];
    bool none = false, some = false;
    for (uint32_t k = 0; k < x->n; k++) {
        v[k] = operand(slot_of(x, k, frame, i), which);
        none |= !v[k];
        some |= v[k] != 0;
    }
    for (uint32_t k = 0; none && some && k < x->n; k++)
        if (!v[k]) v[k] = bk_kp(x->f, NULL); /* no box is NULL */
    return some ? merged(x, v) : 0;
}

static uint32_t merged_snapshot(merge *x) {
    bk_fn *f = x->f;
    bk_snap s = f->snaps[f->ins[x->poll[0]].snap];
    uint32_t first = f->nsframes, from[MAX_EDGES];
    for (uint32_t k = 0; k < x->n; k++) from[k] = f->ins[x->poll[k]].snap;
    if (!bk_grow(f, (void **)&f->sframes, &f->sfcap, first + s.nframes, sizeof *f->sframes)) return 0;
    f->nsframes += s.nframes;
    for (uint32_t i = 0; i < s.nframes; i++) {
        bk_sframe fr = f->sframes[s.frame + i];
        fr.first = f->nslots;
        if (!bk_grow(f, (void **)&f->slots, &f->scap, f->nslots + fr.nslots + 1, sizeof *f->slots)) return 0;
        for (uint32_t k = 0; k < fr.nslots; k++) {
            bk_slot t = *slot_of(x, 0, i, k);
            t.a = merged_operand(x, i, k, 0);
            t.b = merged_operand(x, i, k, 1);
            t.c = merged_operand(x, i, k, 2);
            t.who = bk_merged_who(f, from, x->n, i, k);
            f->slots[fr.first + k] = t;
        }
        f->nslots += fr.nslots;
        f->sframes[first + i] = fr;
    }
    if (!bk_grow(f, (void **)&f->snaps, &f->snapcap, f->nsnaps + 1, sizeof *f->snaps)) return 0;
    s.frame = first;
    f->snaps[f->nsnaps] = s;
    return f->nsnaps++;
}

/* ---- edges ------------------------------------------------------------------------------------------------------ */

static void merge_phis(merge *x) {
    bk_fn *f = x->f;
    for (uint32_t i = 0; i < f->blocks[x->head].nins && !f->oom; i++) {
        bk_ref phi = f->blocks[x->head].ins[i], v[MAX_EDGES];
        if (f->ins[phi].op != BK_PHI) break;
        for (uint32_t k = 0; k < x->n; k++) v[k] = f->args[f->ins[phi].a + 1 + k];
        bk_ref one = merged(x, v);
        f->args[f->ins[phi].a + 1] = one;
        f->ins[phi].b = 2;
    }
}

static void transform(merge *x) {
    bk_fn *f = x->f;
    x->latch = bk_block_new(f);
    if (f->oom) return;
    bk_block *m = &f->blocks[x->latch], *h = &f->blocks[x->head];
    if (!bk_grow(f, (void **)&m->preds, &m->pcap, x->n, sizeof *m->preds)) return;
    for (uint32_t k = 0; k < x->n; k++) {
        m->preds[m->npreds++] = x->from[k];
        m->count += f->blocks[x->from[k]].count;
        f->blocks[x->from[k]].succ[0] = x->latch;
    }
    h->preds[1] = x->latch;
    h->npreds = 2;
    m->succ[m->nsucc++] = x->head;
    merge_phis(x);
    uint32_t snap = merged_snapshot(x);
    if (f->oom) return;
    for (uint32_t k = 0; k < x->n; k++) bk_unlink(f, x->poll[k]);
    bk_insert(f, x->latch, f->blocks[x->latch].nins, x->poll[0]);
    f->ins[x->poll[0]].snap = snap;
    bk_emit(f, x->latch, BK_JMP, BK_V, 0, 0, 0);
}

bool bk_pass_latch(bk_opt *o) {
    for (bk_blk b = 0, n = o->f->nblocks; b < n && !o->f->oom; b++) {
        merge x = {.f = o->f, .head = b};
        if (!collect(&x) || !comparable(&x)) continue;
        transform(&x);
        o->changed = true;
    }
    return !o->f->oom;
}
