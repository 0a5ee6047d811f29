/* Reference counting that cancels out: `incref x ... decref x` in one block, with nothing between that could take x's
 * other references away or look at its count. Whoever owned x before owns it all the time, so the pair is needless.
 *
 * A guard between them that leaves hands the reference over (slot kind `owned`); without the pair it takes a new one
 * (`borrowed`). And after `incref x` the count is not 1, until something may lower it. */
#include "opt.h"
#include "bk_backend.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    bk_opt *o;
    bk_fn *f;
    int64_t *types;     /* per value: the type that a guard.type requires of it, 0 none seen */
    bk_blk *type_block; /* where */
    const bk_cfg *cfg;
} refs;

static bool is_incref(uint8_t op) { return op == BK_INCREF || op == BK_XINCREF; }
static bool is_decref(uint8_t op) { return op >= BK_DECREF && op <= BK_XDECREFN; }

/* was the type of p tested before r? */
static bool type_tested(const refs *x, bk_ref p, bk_ref r) {
    const bk_fn *f = x->f;
    bk_blk b = f->ins[r].block;
    if (!x->types[p]) return false;
    if (x->type_block[p] != b) return bk_dom(x->cfg, x->type_block[p], b);
    for (uint32_t i = 0; f->blocks[b].ins[i] != r; i++) {
        const bk_ins *in = &f->ins[f->blocks[b].ins[i]];
        if (in->op == BK_GTYPE && in->a == p) return true;
    }
    return false;
}

/* are p and q different objects for certain, when r is reached? */
static bool other_object(const refs *x, bk_ref p, bk_ref q, bk_ref r) {
    return x->types[p] != x->types[q] && type_tested(x, p, r) && type_tested(x, q, r);
}

/* may it stand between the two? (inner pairs are gone by then, or keep the outer from going) */
static bool harmless(const refs *x, bk_ref r, bk_ref p) {
    const bk_fn *f = x->f;
    const bk_ins *in = &f->ins[r];
    switch (in->op) {
    case BK_LOAD: return in->alias != BK_A_REFCNT || (in->a != p && other_object(x, in->a, p, r));
    case BK_STORE: return in->mt != BK_M_PTR && in->alias != BK_A_REFCNT;
    case BK_HSTORE:
    case BK_REBOXF: return false;
    case BK_INCREF:
    case BK_XINCREF: return in->a != p;
    case BK_BOXF:
    case BK_BOXI:
    case BK_SETIP:
    case BK_POLL:
    case BK_GVALID: return true;
    case BK_CALL: return bk_call_effect(in) <= BK_E_REFS;
    default: return !(bk_ops[in->op].flags & (BK_OF_EFFECT | BK_OF_TERM));
    }
}

/* how many slots of the snapshot hand over a reference to p */
static uint32_t owned_slots(const bk_fn *f, uint32_t snap, bk_ref p) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->snaps[snap].nframes; i++) {
        const bk_sframe *fr = &f->sframes[f->snaps[snap].frame + i];
        for (uint32_t k = 0; k < fr->nslots; k++) {
            const bk_slot *s = &f->slots[fr->first + k];
            if (s->kind == BK_SK_OWNED && s->a == p) n++;
            /* an iterator that is handed over with its list, or kinds added later: not known here */
            else if (s->aux && (s->b == p || s->c == p)) n += 2; /* a number with its box */
            else if (s->a == p && s->kind == BK_SK_SEQITER && (s->aux & 2)) n += 2;
        }
    }
    return n;
}

/* a copy of the snapshot that borrows p instead; 0: out of memory */
static uint32_t borrowing(bk_fn *f, uint32_t snap, bk_ref p) {
    bk_snap s = f->snaps[snap];
    uint32_t first = f->nsframes;
    if (!bk_grow(f, (void **)&f->sframes, &f->sfcap, first + s.nframes, sizeof *f->sframes)) return 0;
    for (uint32_t i = 0; i < s.nframes; i++) {
        bk_sframe fr = f->sframes[s.frame + i];
        uint32_t from = fr.first;
        if (!bk_grow(f, (void **)&f->slots, &f->scap, f->nslots + fr.nslots + 1, sizeof *f->slots)) return 0;
        fr.first = f->nslots;
        f->nslots += fr.nslots;
        memcpy(&f->slots[fr.first], &f->slots[from], fr.nslots * sizeof *f->slots);
        for (uint32_t k = 0; k < fr.nslots; k++) {
            bk_slot *t = &f->slots[fr.first + k];
            if (t->kind == BK_SK_OWNED && t->a == p) t->kind = BK_SK_BORROWED;
        }
        f->sframes[first + i] = fr;
    }
    f->nsframes += s.nframes;
    if (!bk_grow(f, (void **)&f->snaps, &f->snapcap, f->nsnaps + 1, sizeof *f->snaps)) return 0;
    s.frame = first;
    f->snaps[f->nsnaps] = s;
    return f->nsnaps++;
}

/* the place of the decref that goes with the incref at `at`; 0: none */
static uint32_t partner(const refs *x, const bk_block *bl, uint32_t at) {
    const bk_fn *f = x->f;
    bk_ref p = f->ins[bl->ins[at]].a;
    for (uint32_t i = at + 1; i < bl->nins; i++) {
        bk_ref r = bl->ins[i];
        const bk_ins *in = &f->ins[r];
        if (in->flags & BK_F_DEAD) continue;
        if (is_decref(in->op) && in->a == p) return i;
        if (!harmless(x, r, p)) return 0;
        if (bk_has_snap(f, r) && owned_slots(f, in->snap, p) > 1) return 0;
    }
    return 0;
}

static bool drop_pair(refs *x, const bk_block *bl, uint32_t from, uint32_t to) {
    bk_fn *f = x->f;
    bk_ref p = f->ins[bl->ins[from]].a;
    uint32_t old = 0, fresh = 0; /* guards in a row share theirs */
    for (uint32_t i = from + 1; i < to; i++) {
        bk_ins *in = &f->ins[bl->ins[i]];
        if ((in->flags & BK_F_DEAD) || !bk_has_snap(f, bl->ins[i]) || !owned_slots(f, in->snap, p)) continue;
        if (in->snap != old) {
            old = in->snap;
            fresh = borrowing(f, old, p);
        }
        if (!fresh) return false;
        in->snap = fresh;
    }
    bk_drop(x->o, bl->ins[from]);
    bk_drop(x->o, bl->ins[to]);
    x->o->st->dead += 2;
    return true;
}

static bool pairs(refs *x, const bk_block *bl) {
    for (bool again = true; again;) { /* an inner pair that goes frees the outer */
        again = false;
        for (uint32_t i = bl->nins; i-- > 0;) {
            const bk_ins *in = &x->f->ins[bl->ins[i]];
            if (!is_incref(in->op) || (in->flags & BK_F_DEAD)) continue;
            uint32_t to = partner(x, bl, i);
            if (!to) continue;
            if (!drop_pair(x, bl, i, to)) return false;
            again = true;
        }
    }
    return true;
}

/* ---- counts --------------------------------------------------------------------------------------------------- */

/* r compares a count with 1 */
static bool compares_with_one(const bk_fn *f, bk_ref r, bk_ref *load) {
    const bk_ins *in = &f->ins[r];
    if ((in->op != BK_EQ && in->op != BK_NE) || !bk_is_ki(f, in->b) || f->ins[in->b].imm != 1) return false;
    *load = in->a;
    return f->ins[in->a].op == BK_LOAD && f->ins[in->a].alias == BK_A_REFCNT;
}

static bool may_lower(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (is_decref(in->op) || in->op == BK_NCALL) return true;
    if (in->op == BK_CALL) return bk_call_effect(in) > BK_E_REFS;
    return in->op == BK_STORE && in->alias == BK_A_REFCNT;
}

/* was the load made after an incref of its base, with no lowering between? */
static bool counted_up(const bk_fn *f, bk_ref load) {
    const bk_block *bl = &f->blocks[f->ins[load].block];
    bk_ref p = f->ins[load].a;
    uint32_t i = 0;
    while (bl->ins[i] != load) i++;
    while (i-- > 0) {
        const bk_ins *in = &f->ins[bl->ins[i]];
        if (in->op == BK_INCREF && in->a == p) return true;
        if (may_lower(f, bl->ins[i])) return false;
    }
    return false;
}

static void counts(refs *x, const bk_block *bl) {
    bk_fn *f = x->f;
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref r = bl->ins[i], load;
        if (!compares_with_one(f, r, &load) || !counted_up(f, load)) continue;
        bk_replace(x->o, r, bk_kb(f, f->ins[r].op == BK_NE));
        while (bl->ins[i] != r) i++; /* block 0 may have got a constant */
        bk_drop(x->o, r);
        x->o->st->folded++;
    }
}

bool bk_pass_refs(bk_opt *o) {
    bk_fn *f = o->f;
    uint32_t n = f->nins;
    bk_cfg *cfg = bk_cfg_new(f);
    refs x = {.o = o, .f = f, .cfg = cfg};
    x.types = calloc(n, sizeof *x.types);
    x.type_block = calloc(n, sizeof *x.type_block);
    bool ok = cfg && x.types && x.type_block;
    for (uint32_t i = 0; ok && i < cfg->nrpo; i++) {
        const bk_block *bl = &f->blocks[cfg->rpo[i]];
        for (uint32_t k = 0; k < bl->nins; k++) {
            const bk_ins *in = &f->ins[bl->ins[k]];
            if (in->op != BK_GTYPE || x.types[in->a]) continue;
            x.types[in->a] = in->imm;
            x.type_block[in->a] = cfg->rpo[i];
        }
    }
    for (uint32_t i = 0; ok && i < cfg->nrpo; i++) {
        counts(&x, &f->blocks[cfg->rpo[i]]);
        ok = pairs(&x, &f->blocks[cfg->rpo[i]]) && !f->oom;
    }
    bk_cfg_free(cfg);
    free(x.types);
    free(x.type_block);
    return ok;
}
