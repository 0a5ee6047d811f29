/* Editing the IR: replacement of values, edges, places of instructions. */
#include "opt.h"
#include <stdlib.h>
#include <string.h>

void bk_replace(bk_opt *o, bk_ref r, bk_ref by) {
    if (r == by || !by) return;
    if (!bk_grow(o->f, (void **)&o->fwd, &o->nfwd, o->f->nins, sizeof *o->fwd)) return;
    o->fwd[r] = by;
    o->replaced = o->changed = true;
}

bk_ref bk_resolve(bk_opt *o, bk_ref r) {
    bk_ref top = r;
    while (top < o->nfwd && o->fwd[top]) top = o->fwd[top];
    while (r != top) { /* shorten the path for the next time */
        bk_ref next = o->fwd[r];
        o->fwd[r] = top;
        r = next;
    }
    return top;
}

void bk_resolve_operands(bk_opt *o, bk_ref r) {
    if (!o->replaced) return;
    for (uint32_t i = 0, n = bk_nopnds(o->f, r); i < n; i++) {
        bk_ref *p = bk_opnd(o->f, r, i);
        if (*p) *p = bk_resolve(o, *p);
    }
}

void bk_opt_apply(bk_opt *o) {
    bk_fn *f = o->f;
    if (!o->replaced) return;
    for (bk_blk n = 0; n < f->nblocks; n++)
        for (uint32_t i = 0; i < f->blocks[n].nins; i++) bk_resolve_operands(o, f->blocks[n].ins[i]);
    for (uint32_t i = 0; i < f->nslots; i++) {
        bk_slot *s = &f->slots[i];
        s->a = bk_resolve(o, s->a);
        s->b = bk_resolve(o, s->b);
        s->c = bk_resolve(o, s->c);
    }
    memset(o->fwd, 0, o->nfwd * sizeof *o->fwd);
    o->replaced = false;
}

void bk_sweep(bk_fn *f) {
    for (bk_blk n = 0; n < f->nblocks; n++) {
        bk_block *b = &f->blocks[n];
        uint32_t k = 0;
        for (uint32_t i = 0; i < b->nins; i++)
            if (!(f->ins[b->ins[i]].flags & BK_F_DEAD)) b->ins[k++] = b->ins[i];
        b->nins = k;
    }
}

static void pred_remove(bk_fn *f, bk_blk to, uint32_t k) {
    bk_block *t = &f->blocks[to];
    for (uint32_t i = 0; i < t->nins && f->ins[t->ins[i]].op == BK_PHI; i++) {
        bk_ins *phi = &f->ins[t->ins[i]];
        if (k >= phi->b) continue;
        memmove(&f->args[phi->a + k], &f->args[phi->a + k + 1], (phi->b - k - 1) * sizeof *f->args);
        phi->b--;
    }
    memmove(t->preds + k, t->preds + k + 1, (t->npreds - k - 1) * sizeof *t->preds);
    t->npreds--;
    if (t->header && k == 0) t->header = false; /* entered no more: bk_prune empties it */
    if (t->header && t->npreds == 1) {          /* repeats no more */
        t->header = false;
        f->blocks[t->preds[0]].preheader = false;
    }
}

void bk_edge_remove(bk_fn *f, bk_blk from, uint32_t succ) {
    bk_block *b = &f->blocks[from];
    bk_blk to = b->succ[succ];
    uint32_t nth = succ == 1 && b->succ[0] == to; /* of two equal edges the second is the later predecessor */
    if (succ == 0) {
        b->succ[0] = b->succ[1];
        b->prob[0] = b->prob[1];
    }
    b->nsucc--;
    for (uint32_t k = 0; k < f->blocks[to].npreds; k++)
        if (f->blocks[to].preds[k] == from && nth-- == 0) {
            pred_remove(f, to, k);
            return;
        }
}

bool bk_prune(bk_fn *f) {
    uint8_t *seen = calloc(f->nblocks, 1);
    bk_blk *stack = malloc(f->nblocks * sizeof *stack);
    bool any = false;
    if (!seen || !stack) {
        f->oom = 1;
        free(seen);
        free(stack);
        return false;
    }
    uint32_t sp = 0;
    stack[sp++] = 0;
    seen[0] = 1;
    while (sp) {
        const bk_block *b = &f->blocks[stack[--sp]];
        for (uint32_t s = 0; s < b->nsucc; s++)
            if (!seen[b->succ[s]]) {
                seen[b->succ[s]] = 1;
                stack[sp++] = b->succ[s];
            }
    }
    for (bk_blk n = 0; n < f->nblocks; n++) {
        bk_block *b = &f->blocks[n];
        if (seen[n] || (!b->nins && !b->npreds && !b->nsucc)) continue;
        any = true;
        while (b->nsucc) bk_edge_remove(f, n, b->nsucc - 1u);
        for (uint32_t i = 0; i < b->nins; i++) f->ins[b->ins[i]].flags |= BK_F_DEAD;
        b->nins = 0;
        b->header = b->preheader = false;
    }
    free(seen);
    free(stack);
    return any;
}

void bk_unlink(bk_fn *f, bk_ref r) {
    bk_block *b = &f->blocks[f->ins[r].block];
    for (uint32_t i = b->nins; i-- > 0;)
        if (b->ins[i] == r) {
            memmove(b->ins + i, b->ins + i + 1, (b->nins - i - 1) * sizeof *b->ins);
            b->nins--;
            return;
        }
}

bool bk_put_last(bk_fn *f, bk_blk b, bk_ref r) {
    uint32_t n = f->blocks[b].nins;
    return bk_insert(f, b, n ? n - 1 : 0, r);
}

bk_ref bk_emit_guard(bk_fn *f, bk_blk b, bk_op op, bk_ref a, bk_ref c, uint32_t snap, int64_t kind) {
    bk_ref r = bk_emit(f, b, op, BK_X, a, c, 0);
    if (!r) return 0;
    f->ins[r].snap = snap;
    f->ins[r].imm = kind;
    f->ins[r].flags |= BK_F_HOISTED;
    return r;
}

static const bk_slot *slot_at(const bk_fn *f, uint32_t snap, uint32_t frame, uint32_t i) {
    return &f->slots[f->sframes[f->snaps[snap].frame + frame].first + i];
}

static bool same_number(const bk_fn *f, const uint32_t *snaps, uint32_t n, uint32_t frame, uint32_t i, uint32_t frame2,
                        uint32_t i2) {
    for (uint32_t k = 0; k < n; k++)
        if (slot_at(f, snaps[k], frame, i)->who != slot_at(f, snaps[k], frame2, i2)->who) return false;
    return true;
}

uint32_t bk_merged_who(const bk_fn *f, const uint32_t *snaps, uint32_t n, uint32_t frame, uint32_t i) {
    uint32_t one = slot_at(f, snaps[0], frame, i)->who, at = 1;
    bool same = !(one & BK_WHO_MERGED);
    for (uint32_t k = 0; k < n; k++) {
        if (!slot_at(f, snaps[k], frame, i)->who) return 0;
        same &= slot_at(f, snaps[k], frame, i)->who == one;
    }
    if (same) return one;
    for (uint32_t g = 0; g <= frame; g++) {
        uint32_t end = g < frame ? f->sframes[f->snaps[snaps[0]].frame + g].nslots : i;
        for (uint32_t s = 0; s < end; s++, at++)
            if (same_number(f, snaps, n, g, s, frame, i)) return BK_WHO_MERGED | at;
    }
    return BK_WHO_MERGED | at;
}
