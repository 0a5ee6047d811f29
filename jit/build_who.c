/* Which numbers of snapshots are one object.
 *
 * The passes may find that two numbers have one value; they are two objects all the same. So a slot names the number as
 * the builder made it. A number that several variables hold where states meet comes out of a phi for each: phis of one
 * block whose arguments are the same numbers are the same number. Those are found by refining: all phis of a block are
 * the same until their arguments tell otherwise.
 *
 * A phi of a number has a phi of its box beside it. While both stand together, who they are matters only where that box
 * is NULL: then they came in by an edge without a box, and the other edges' arguments tell nothing. A number whose box
 * was given up (the index of a view, say) came in by any edge. So a phi is two nodes here, which may be two numbers. */
#include "build.h"

enum { ALONE, BESIDE_BOX };
enum { ANY = 0, ITSELF = 1 }; /* arguments that are no nodes */

typedef struct {
    bk_fn *fn;
    uint32_t *same;   /* by node: the first one that is the same number */
    bk_ref *box_of;   /* by phi of a number: the phi of its box */
    bool *no_box;     /* by phi: is such a phi of boxes, which may be NULL */
    uint32_t *nodes;  /* of phis, in order of their blocks */
    uint32_t *now;    /* in that order: what `same` becomes */
    uint32_t *bucket; /* hash table of nodes */
    uint32_t nnodes;
} identities;

static uint32_t node(bk_ref num, int how) { return num << 1 | (uint32_t)how; }

/* is the box of a number never NULL? */
static bool is_box(const identities *x, bk_ref r) {
    const bk_ins *in = &x->fn->ins[r];
    switch (in->op) {
    case BK_PHI: return !x->no_box[r];
    case BK_K_PTR: return in->imm != 0;
    case BK_SELECT: /* what a native function gave, or was given */
    case BK_NWORD:
    case BK_ARG: return false;
    default: return true;
    }
}

static bool is_number(const bk_ins *in) { return in->op == BK_K_I64 || in->op == BK_K_F64 || in->op == BK_K_F32; }

/* who a number with this box (0: none) is */
static uint32_t who(const identities *x, bk_ref num, bk_ref box) {
    return x->same[node(num, box && x->box_of[num] == box ? BESIDE_BOX : ALONE)];
}

static uint32_t argument(const identities *x, uint32_t n, uint32_t i) {
    const bk_fn *fn = x->fn;
    bk_ref phi = n >> 1, num = fn->args[fn->ins[phi].a + i], box = 0;
    if ((n & 1) == BESIDE_BOX) {
        box = fn->args[fn->ins[x->box_of[phi]].a + i];
        if (is_box(x, box)) return ANY;
    }
    return is_number(&fn->ins[num]) ? ITSELF : who(x, num, box);
}

static uint32_t hash(const identities *x, uint32_t n) {
    uint32_t h = x->same[n];
    for (uint32_t i = 0; i < x->fn->ins[n >> 1].b; i++) h = (h ^ argument(x, n, i)) * 2654435761u;
    return h ^ h >> 16;
}

static bool alike(const identities *x, uint32_t p, uint32_t q) {
    const bk_ins *ins = x->fn->ins;
    if (x->same[p] != x->same[q] || ins[p >> 1].b != ins[q >> 1].b) return false;
    for (uint32_t i = 0; i < ins[p >> 1].b; i++) {
        uint32_t a = argument(x, p, i);
        if (a != argument(x, q, i) || (a == ITSELF && p >> 1 != q >> 1)) return false;
    }
    return true;
}

/* tells the phis of one block apart by what is known of their arguments; did that tell anything new? */
static bool refine_block(identities *x, uint32_t from, uint32_t to) {
    uint32_t mask = 1;
    bool changed = false;
    while (mask < 2 * (to - from)) mask = mask * 2 + 1;
    for (uint32_t i = 0; i <= mask; i++) x->bucket[i] = 0;
    for (uint32_t i = from; i < to; i++) {
        uint32_t at = hash(x, x->nodes[i]) & mask;
        while (x->bucket[at] && !alike(x, x->nodes[i], x->bucket[at])) at = (at + 1) & mask;
        if (!x->bucket[at]) x->bucket[at] = x->nodes[i];
        x->now[i] = x->bucket[at];
    }
    for (uint32_t i = from; i < to; i++) {
        changed |= x->same[x->nodes[i]] != x->now[i];
        x->same[x->nodes[i]] = x->now[i];
    }
    return changed;
}

static bool refine(identities *x) {
    bool changed = false;
    for (uint32_t from = 0, to; from < x->nnodes; from = to) {
        bk_blk block = x->fn->ins[x->nodes[from] >> 1].block;
        for (to = from + 1; to < x->nnodes && x->fn->ins[x->nodes[to] >> 1].block == block;) to++;
        if (to > from + 1) changed |= refine_block(x, from, to);
    }
    return changed;
}

static void pair(identities *x, const bk_vslot *s) {
    for (int k = 0; k < 2; k++) {
        if (s->repr != R_NUM || !s->num[k]) continue;
        x->box_of[s->num[k]] = s->box[k];
        x->no_box[s->box[k]] = true;
    }
    for (int i = 0; i < s->nkids; i++) pair(x, &s->kids[i]);
}

static void find_boxes(bk_builder *b, identities *x) {
    x->box_of = alloc(b, x->fn->nins * sizeof *x->box_of);
    x->no_box = alloc(b, x->fn->nins * sizeof *x->no_box);
    for (uint32_t i = 0; i < b->nversions; i++)
        for (uint32_t k = 0; k < b->versions[i]->nslots; k++) pair(x, &b->versions[i]->slots[k]);
}

static void add_node(identities *x, uint32_t n, uint32_t first) {
    x->same[n] = first;
    x->nodes[x->nnodes++] = n;
}

/* All nodes of a block's phis begin as one. Where a phi has no box beside it, it is one node. */
static void find_phis(bk_builder *b, identities *x) {
    const bk_fn *fn = x->fn;
    uint32_t room = 2 * fn->nins;
    x->same = alloc(b, room * sizeof *x->same);
    x->nodes = alloc(b, room * sizeof *x->nodes);
    for (uint32_t n = 0; n < room; n++) x->same[n] = n & ~1u;
    for (bk_blk k = 0; k < fn->nblocks; k++) {
        const bk_block *bl = &fn->blocks[k];
        for (uint32_t i = 0; i < bl->nins && fn->ins[bl->ins[i]].op == BK_PHI; i++) {
            bk_ref phi = bl->ins[i];
            uint32_t first = node(bl->ins[0], ALONE);
            if (fn->ins[phi].type == BK_P) continue;
            add_node(x, node(phi, ALONE), first);
            if (x->box_of[phi]) add_node(x, node(phi, BESIDE_BOX), first);
        }
    }
}

/* the box of a number's slot */
static bk_ref box_in(const bk_slot *s) { return bk_box_in_c(s) ? s->c : bk_box_in_b(s) ? s->b : 0; }

static bool are_one(const void *x, const bk_ref *num, const bk_ref *box) {
    return who(x, num[0], box[0]) == who(x, num[1], box[1]);
}

void bk_settle_identity(bk_builder *b) {
    identities x = {.fn = b->fn};
    uint32_t mask = 1;
    find_boxes(b, &x);
    find_phis(b, &x);
    while (mask < 2 * x.nnodes) mask = mask * 2 + 1;
    x.bucket = alloc(b, (mask + 1) * sizeof *x.bucket);
    x.now = alloc(b, (x.nnodes + 1) * sizeof *x.now);
    while (refine(&x)) {}
    bk_learn_twins(b, are_one, &x);
    for (uint32_t i = 0; i < b->fn->nslots; i++) {
        bk_slot *s = &b->fn->slots[i];
        if (s->who && s->kind != BK_SK_TUPLE && s->kind != BK_SK_SLICE) s->who = who(&x, s->a, box_in(s));
    }
}
