/* Which numbers of snapshots are one object.
 *
 * The passes may find that two numbers have one value; they are two objects all the same. So a slot names the number as
 * the builder made it. A number that several variables hold where states meet comes out of a phi for each: phis of one
 * block whose arguments are the same numbers are the same number. Those are found by refining: all phis of a block are
 * the same until their arguments tell otherwise. Only numbers without a box count: where there is one, it tells. */
#include "build.h"

typedef struct {
    bk_fn *fn;
    bk_ref *same;   /* by instruction: the first one that is the same number */
    bk_ref *box_of; /* by phi of a number: the phi of its box */
    bk_ref *phis;   /* in order of their blocks */
    bk_ref *now;    /* by phi: what `same` becomes */
    bk_ref *bucket; /* hash table of phis */
    uint32_t nphis, mask;
} identities;

/* is it a box, and never NULL? */
static bool is_box(const bk_fn *fn, bk_ref r) {
    const bk_ins *in = &fn->ins[r];
    return in->op == BK_HLOAD || in->op == BK_LOAD || in->op == BK_BOXI || in->op == BK_BOXF ||
           (in->op == BK_K_PTR && in->imm);
}

static bk_ref argument(const identities *x, bk_ref phi, uint32_t i) {
    bk_ref box = x->box_of[phi];
    if (box && is_box(x->fn, x->fn->args[x->fn->ins[box].a + i])) return 0;
    return x->same[x->fn->args[x->fn->ins[phi].a + i]];
}

static uint32_t hash(const identities *x, bk_ref phi) {
    uint32_t h = x->same[phi];
    for (uint32_t i = 0; i < x->fn->ins[phi].b; i++) h = (h ^ argument(x, phi, i)) * 2654435761u;
    return h ^ h >> 16;
}

static bool alike(const identities *x, bk_ref p, bk_ref q) {
    if (x->same[p] != x->same[q] || x->fn->ins[p].b != x->fn->ins[q].b) return false;
    for (uint32_t i = 0; i < x->fn->ins[p].b; i++)
        if (argument(x, p, i) != argument(x, q, i)) return false;
    return true;
}

/* tells phis apart by what is known of their arguments; how many different ones there are */
static uint32_t refine(identities *x) {
    uint32_t n = 0;
    for (uint32_t i = 0; i <= x->mask; i++) x->bucket[i] = 0;
    for (uint32_t i = 0; i < x->nphis; i++) {
        uint32_t at = hash(x, x->phis[i]) & x->mask;
        while (x->bucket[at] && !alike(x, x->phis[i], x->bucket[at])) at = (at + 1) & x->mask;
        if (!x->bucket[at]) x->bucket[at] = x->phis[i], n++;
        x->now[i] = x->bucket[at];
    }
    for (uint32_t i = 0; i < x->nphis; i++) x->same[x->phis[i]] = x->now[i];
    return n;
}

static void pair(identities *x, const bk_vslot *s) {
    for (int k = 0; k < 2; k++)
        if (s->repr == R_NUM && s->num[k]) x->box_of[s->num[k]] = s->box[k];
    for (int i = 0; i < s->nkids; i++) pair(x, &s->kids[i]);
}

static void find_boxes(bk_builder *b, identities *x) {
    x->box_of = alloc(b, x->fn->nins * sizeof *x->box_of);
    for (uint32_t i = 0; i < b->nversions; i++)
        for (uint32_t k = 0; k < b->versions[i]->nslots; k++) pair(x, &b->versions[i]->slots[k]);
}

static void find_phis(bk_builder *b, identities *x) {
    const bk_fn *fn = x->fn;
    x->same = alloc(b, fn->nins * sizeof *x->same);
    x->phis = alloc(b, fn->nins * sizeof *x->phis);
    for (bk_ref r = 0; r < fn->nins; r++) x->same[r] = r;
    for (bk_blk k = 0; k < fn->nblocks; k++) {
        const bk_block *bl = &fn->blocks[k];
        for (uint32_t i = 0; i < bl->nins && fn->ins[bl->ins[i]].op == BK_PHI; i++) {
            x->same[bl->ins[i]] = bl->ins[0];
            x->phis[x->nphis++] = bl->ins[i];
        }
    }
}

void bk_settle_identity(bk_builder *b) {
    identities x = {.fn = b->fn, .mask = 1};
    find_boxes(b, &x);
    find_phis(b, &x);
    while (x.mask < 2 * x.nphis) x.mask = x.mask * 2 + 1;
    x.bucket = alloc(b, (x.mask + 1) * sizeof *x.bucket);
    x.now = alloc(b, (x.nphis + 1) * sizeof *x.now);
    for (uint32_t n = 0, more; (more = refine(&x)) > n;) n = more;
    for (uint32_t i = 0; i < b->fn->nslots; i++) {
        bk_slot *s = &b->fn->slots[i];
        if (s->kind != BK_SK_TUPLE && s->kind != BK_SK_SLICE) s->who = x.same[s->who];
    }
}
