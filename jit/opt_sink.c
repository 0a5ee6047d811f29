/* Stores that all ways into a block end with, to one place, become one store there of what each way stored: an `if`
 * whose two sides assign to the same element then only chooses a value, and its loop may become vectors. */
#include "opt.h"

enum { MAX_WAYS = 8 };

static bool same_place(const bk_ins *a, const bk_ins *b) {
    return a->op == BK_STORE && b->op == BK_STORE && a->a == b->a && a->b == b->b && a->scale == b->scale &&
           a->imm == b->imm && a->mt == b->mt && a->alias == b->alias;
}

/* the last store of block b, with nothing behind it but values; 0 if there is none */
static bk_ref last_store(const bk_fn *f, bk_blk b) {
    const bk_block *bl = &f->blocks[b];
    if (bl->nsucc != 1) return 0;
    for (uint32_t i = bl->nins; i-- > 1;) {
        bk_ref r = bl->ins[i - 1];
        if (f->ins[r].op == BK_STORE) return f->ins[r].alias == BK_A_DATA ? r : 0;
        if (!(bk_ops[f->ins[r].op].flags & BK_OF_PURE)) return 0;
    }
    return 0;
}

/* the stores of all ways into block n; false: they differ */
static bool collect(const bk_fn *f, bk_blk n, bk_ref *stores) {
    const bk_block *bl = &f->blocks[n];
    if (bl->npreds < 2 || bl->npreds > MAX_WAYS || bl->header) return false;
    for (uint32_t k = 0; k < bl->npreds; k++) {
        stores[k] = last_store(f, bl->preds[k]);
        if (!stores[k] || !same_place(&f->ins[stores[0]], &f->ins[stores[k]])) return false;
        if (f->ins[f->ins[stores[k]].c].type != f->ins[f->ins[stores[0]].c].type) return false;
    }
    return true;
}

static bool sink(bk_opt *o, bk_blk n, const bk_ref *stores) {
    bk_fn *f = o->f;
    uint32_t ways = f->blocks[n].npreds, at = 0;
    bk_ref value = f->ins[stores[0]].c;
    bool same = true;
    for (uint32_t k = 1; k < ways; k++) same &= f->ins[stores[k]].c == value;
    if (!same) {
        value = bk_phi(f, n, (bk_type)f->ins[value].type);
        for (uint32_t k = 0; k < ways && value; k++) bk_phi_add(f, value, f->ins[stores[k]].c);
    }
    if (f->oom || !value) return false;
    for (uint32_t k = 0; k < ways; k++) bk_unlink(f, stores[k]);
    while (at < f->blocks[n].nins && f->ins[f->blocks[n].ins[at]].op == BK_PHI) at++;
    f->ins[stores[0]].c = value;
    for (uint32_t k = 1; k < ways; k++) f->ins[stores[k]].flags |= BK_F_DEAD;
    o->changed = true;
    return bk_insert(f, n, at, stores[0]);
}

/* Addresses are values of blocks that dominate every way in, so of ones that dominate the block. */
bool bk_pass_sink(bk_opt *o) {
    bk_ref stores[MAX_WAYS];
    for (bk_blk n = 0; n < o->f->nblocks; n++)
        while (collect(o->f, n, stores))
            if (!sink(o, n, stores)) return false;
    return !o->f->oom;
}
