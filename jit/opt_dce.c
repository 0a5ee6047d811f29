/* Dead code: values that nothing uses (cycles of phis too), boxes that only reference counting touches, chains of
 * blocks; at the end the blocks stand in reverse postorder, without gaps.
 *
 * A snapshot in use is a use. An int operation that leaves on overflow may go when its result is not used: what would
 * have been too large is never seen. */
#include "opt.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    bk_fn *f;
    uint8_t *live;      /* per instruction */
    uint8_t *snap_live; /* per snapshot */
    bk_ref *work;
    uint32_t nwork;
} dce;

static void mark(dce *d, bk_ref r) {
    if (!r || d->live[r]) return;
    d->live[r] = 1;
    d->work[d->nwork++] = r;
}

static void mark_snap(dce *d, uint32_t n) {
    const bk_fn *f = d->f;
    if (!n || d->snap_live[n]) return;
    d->snap_live[n] = 1;
    for (uint32_t i = 0; i < f->snaps[n].nframes; i++) {
        const bk_sframe *fr = &f->sframes[f->snaps[n].frame + i];
        for (uint32_t k = 0; k < fr->nslots; k++) {
            const bk_slot *s = &f->slots[fr->first + k];
            mark(d, s->a);
            mark(d, s->b);
            mark(d, s->c);
        }
    }
}

static bool is_refcounting(uint8_t op) { return op >= BK_INCREF && op <= BK_XDECREFN; }

static bool is_box(const bk_fn *f, bk_ref r) { return f->ins[r].op == BK_BOXF || f->ins[r].op == BK_BOXI; }

static bool is_root(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (bk_droppable(f, r) || is_box(f, r) || in->op == BK_UNBOXI) return false;
    /* one at an end point of an induction variable stands there for its test */
    if (in->op >= BK_ADDOV && in->op <= BK_MULOV) return in->flags & BK_F_HOISTED;
    return !(is_refcounting(in->op) && is_box(f, in->a));
}

static void mark_all(dce *d) {
    const bk_fn *f = d->f;
    for (bk_blk n = 0; n < f->nblocks; n++) {
        const bk_block *b = &f->blocks[n];
        if (b->preheader) mark_snap(d, b->entry_snap);
        for (uint32_t i = 0; i < b->nins; i++)
            if (is_root(f, b->ins[i])) mark(d, b->ins[i]);
    }
    while (d->nwork) {
        bk_ref r = d->work[--d->nwork];
        for (uint32_t i = 0, n = bk_nopnds(f, r); i < n; i++) mark(d, *bk_opnd(f, r, i));
        if (bk_has_snap(f, r)) mark_snap(d, f->ins[r].snap);
    }
}

static void sweep_dead(bk_opt *o, dce *d) {
    bk_fn *f = o->f;
    for (bk_blk n = 0; n < f->nblocks; n++)
        for (uint32_t i = 0; i < f->blocks[n].nins; i++) {
            bk_ref r = f->blocks[n].ins[i];
            if (d->live[r] || (is_refcounting(f->ins[r].op) && d->live[f->ins[r].a])) continue;
            bk_drop(o, r);
            o->st->dead++;
        }
    bk_sweep(f);
}

static bool remove_dead(bk_opt *o) {
    bk_fn *f = o->f;
    dce d = {.f = f};
    d.live = calloc(f->nins, 1);
    d.snap_live = calloc(f->nsnaps, 1);
    d.work = malloc(f->nins * sizeof *d.work);
    bool ok = d.live && d.snap_live && d.work;
    if (ok) {
        mark_all(&d);
        sweep_dead(o, &d);
    }
    free(d.live);
    free(d.snap_live);
    free(d.work);
    return ok;
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static bool mergeable(const bk_fn *f, bk_blk n) {
    const bk_block *b = &f->blocks[n];
    if (b->nsucc != 1 || !b->nins || b->succ[0] == n || b->succ[0] == 0) return false;
    const bk_block *s = &f->blocks[b->succ[0]];
    return s->npreds == 1 && !s->header && !b->preheader;
}

/* b takes over the instructions and edges of its only successor s, which has no other predecessor */
static bool merge(bk_opt *o, bk_blk n) {
    bk_fn *f = o->f;
    bk_block *b = &f->blocks[n];
    bk_blk sn = b->succ[0];
    bk_block *s = &f->blocks[sn];
    if (!bk_grow(f, (void **)&b->ins, &b->cap, b->nins + s->nins, sizeof *b->ins)) return false;
    f->ins[b->ins[--b->nins]].flags |= BK_F_DEAD; /* the jump */
    for (uint32_t i = 0; i < s->nins; i++) {
        bk_ref r = s->ins[i];
        if (f->ins[r].op == BK_PHI) {
            bk_replace(o, r, bk_resolve(o, f->args[f->ins[r].a]));
            f->ins[r].flags |= BK_F_DEAD;
            continue;
        }
        b->ins[b->nins++] = r;
        f->ins[r].block = n;
    }
    b->nsucc = s->nsucc;
    memcpy(b->succ, s->succ, sizeof b->succ);
    memcpy(b->prob, s->prob, sizeof b->prob);
    b->preheader = s->preheader;
    b->entry_snap = s->entry_snap;
    for (uint32_t k = 0; k < s->nsucc; k++) {
        bk_block *t = &f->blocks[s->succ[k]];
        for (uint32_t p = 0; p < t->npreds; p++)
            if (t->preds[p] == sn) t->preds[p] = n;
    }
    s->nins = s->npreds = s->nsucc = 0;
    s->preheader = false;
    o->changed = true;
    return true;
}

static bool renumber(bk_opt *o) {
    bk_fn *f = o->f;
    bk_cfg *c = bk_cfg_new(f);
    bk_block *fresh = c ? calloc(f->nblocks, sizeof *fresh) : NULL;
    if (!fresh) {
        bk_cfg_free(c);
        return false;
    }
    uint32_t empty = c->nrpo;
    for (bk_blk n = 0; n < f->nblocks; n++) {
        bk_block *b = &f->blocks[n];
        bk_blk to = c->rpo_no[n] != BK_NONE ? c->rpo_no[n] : empty++;
        for (uint32_t k = 0; k < b->nsucc; k++) b->succ[k] = c->rpo_no[b->succ[k]];
        for (uint32_t k = 0; k < b->npreds; k++) b->preds[k] = c->rpo_no[b->preds[k]];
        for (uint32_t i = 0; i < b->nins; i++) f->ins[b->ins[i]].block = to;
        fresh[to] = *b;
    }
    for (uint32_t n = c->nrpo; n < f->nblocks; n++) {
        free(fresh[n].ins);
        free(fresh[n].preds);
        fresh[n] = (bk_block){0};
    }
    memcpy(f->blocks, fresh, f->nblocks * sizeof *fresh);
    f->nblocks = c->nrpo;
    free(fresh);
    bk_cfg_free(c);
    return true;
}

bool bk_pass_dce(bk_opt *o) {
    bk_fn *f = o->f;
    o->changed |= bk_prune(f);
    for (bk_blk n = 0; n < f->nblocks; n++)
        while (mergeable(f, n))
            if (!merge(o, n)) return false;
    bk_opt_apply(o);
    return !f->oom && remove_dead(o) && renumber(o);
}
