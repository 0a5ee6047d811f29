/* Loops and induction variables. */
#include "opt_loop.h"
#include <stdlib.h>

bool bk_loop_get(bk_loop *l, bk_fn *f, const bk_cfg *cfg, bk_blk head) {
    const bk_block *h = &f->blocks[head];
    *l = (bk_loop){.f = f, .cfg = cfg, .head = head};
    if (!h->header || h->npreds < 2 || !f->blocks[h->preds[0]].preheader) return false;
    l->pre = h->preds[0];
    if (bk_in_loop(cfg, head, l->pre)) return false;
    l->blocks = malloc((size_t)cfg->nrpo * sizeof *l->blocks);
    if (!l->blocks) {
        f->oom = 1;
        return false;
    }
    for (uint32_t i = cfg->rpo_no[head]; i < cfg->nrpo; i++) {
        bk_blk b = cfg->rpo[i];
        if (!bk_in_loop(cfg, head, b)) continue;
        l->blocks[l->nblocks++] = b;
        for (uint32_t k = 0; k < f->blocks[b].nins; k++) {
            bk_writes w = bk_writes_of(f, f->blocks[b].ins[k]);
            l->writes.classes |= w.classes;
            l->writes.home |= w.home;
        }
    }
    return true;
}

void bk_loop_free(bk_loop *l) {
    free(l->blocks);
    l->blocks = NULL;
}

bk_blk *bk_loop_order(const bk_cfg *cfg, uint32_t *n) {
    bk_blk *order = malloc(((size_t)cfg->nrpo + 1) * sizeof *order);
    *n = 0;
    if (!order) return NULL;
    for (uint32_t i = cfg->nrpo; i-- > 0;) /* backwards: an inner header comes after the outer one */
        if (cfg->loop[cfg->rpo[i]] == cfg->rpo[i]) order[(*n)++] = cfg->rpo[i];
    return order;
}

bool bk_each_loop(bk_opt *o, bool (*work)(bk_opt *o, bk_blk head)) {
    uint32_t n = 0;
    bk_cfg *cfg = bk_cfg_new(o->f);
    bk_blk *order = cfg ? bk_loop_order(cfg, &n) : NULL;
    bool ok = order != NULL;
    bk_cfg_free(cfg);
    for (uint32_t i = 0; ok && i < n; i++) ok = work(o, order[i]);
    free(order);
    return ok;
}

bool bk_tests_at_head(const bk_loop *l, bk_blk *exit, bk_blk *body) {
    const bk_block *h = &l->f->blocks[l->head];
    if (h->npreds != 2 || h->nsucc != 2 || !bk_innermost(l)) return false;
    bool first_stays = bk_in_loop(l->cfg, l->head, h->succ[0]);
    *exit = h->succ[first_stays];
    *body = h->succ[!first_stays];
    return !bk_in_loop(l->cfg, l->head, *exit) && bk_in_loop(l->cfg, l->head, *body);
}

bool bk_side_exit(const bk_loop *l, bk_blk b) {
    const bk_fn *f = l->f;
    const bk_block *bl = &f->blocks[b];
    if (bk_in_loop(l->cfg, l->head, b) || bl->npreds != 1 || bl->nsucc) return false;
    for (uint32_t i = 0; i < bl->nins; i++)
        if (f->ins[bl->ins[i]].op == BK_PHI || (!bk_droppable(f, bl->ins[i]) && f->ins[bl->ins[i]].op != BK_EXIT))
            return false;
    return true;
}

bool bk_every_iteration(const bk_loop *l, bk_blk b) {
    const bk_block *h = &l->f->blocks[l->head];
    for (uint32_t k = 1; k < h->npreds; k++)
        if (!bk_dom(l->cfg, b, h->preds[k])) return false;
    return true;
}

bool bk_often(const bk_loop *l, bk_blk b) {
    const bk_fn *f = l->f;
    return bk_every_iteration(l, b) || (uint64_t)f->blocks[b].count * 4 > f->blocks[l->head].count;
}

bool bk_plain_bounds(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r], *c = &f->ins[in->a];
    if (in->op != BK_GUARD || c->op != BK_ULT) return false;
    const bk_ins *i = &f->ins[c->a];
    return i->op == BK_PHI && f->blocks[i->block].header;
}

/* v is phi + step, without wrapping: the step, else 0 */
static bk_ref step_of(const bk_loop *l, bk_ref phi, bk_ref v) {
    const bk_ins *in = &l->f->ins[v];
    if (in->op != BK_ADDOV && !(in->op == BK_ADD && (in->flags & BK_F_NSW))) return 0;
    bk_ref s = in->a == phi ? in->b : in->b == phi ? in->a : 0;
    return s && !bk_variant(l, s) ? s : 0;
}

/* what condition c says of value v (the phi, or what it becomes) */
static void take_bound(const bk_loop *l, bk_iv *iv, bk_ref v, bk_ref c, bool holds) {
    const bk_ins in = l->f->ins[c];
    if (in.op == BK_NOT) {
        take_bound(l, iv, v, in.a, !holds);
        return;
    }
    if ((in.op == BK_AND && holds) || (in.op == BK_OR && !holds)) {
        take_bound(l, iv, v, in.a, holds);
        if (!iv->stop) take_bound(l, iv, v, in.b, holds);
        return;
    }
    if (in.op != BK_LT && in.op != BK_LE) return;
    /* not (a < b) is b <= a */
    bk_ref less = holds ? in.a : in.b, more = holds ? in.b : in.a;
    bool inclusive = (in.op == BK_LE) == holds;
    bk_ref mine = iv->up ? less : more, other = iv->up ? more : less;
    if (mine != v || bk_variant(l, other)) return;
    iv->stop = other;
    iv->inclusive = inclusive;
    iv->cond = c;
}

/* the bound on v from the branches and guards that dominate block `at` inside the loop */
static void find_bound(const bk_loop *l, bk_iv *iv, bk_ref v, bk_blk at) {
    const bk_fn *f = l->f;
    for (bk_blk b = at; b != l->head && !iv->stop; b = l->cfg->idom[b]) {
        const bk_block *bl = &f->blocks[b];
        if (bl->npreds != 1) continue;
        const bk_block *p = &f->blocks[bl->preds[0]];
        bk_ref t = p->ins[p->nins - 1];
        if (f->ins[t].op == BK_BR) take_bound(l, iv, v, f->ins[t].a, p->succ[0] == b);
        for (uint32_t i = 0; i < p->nins && !iv->stop; i++)
            if (f->ins[p->ins[i]].op == BK_GUARD && bk_in_loop(l->cfg, l->head, bl->preds[0]))
                take_bound(l, iv, v, f->ins[p->ins[i]].a, true);
    }
}

bool bk_iv_get(const bk_loop *l, bk_ref phi, bk_blk at, bk_iv *iv) {
    const bk_fn *f = l->f;
    const bk_ins *in = &f->ins[phi];
    const bk_block *h = &f->blocks[l->head];
    if (in->op != BK_PHI || in->type != BK_I || in->block != l->head || in->b != h->npreds) return false;
    *iv = (bk_iv){.phi = phi, .start = f->args[in->a]};
    for (uint32_t k = 1; k < in->b; k++) {
        bk_ref s = step_of(l, phi, f->args[in->a + k]);
        if (!s || (iv->step && s != iv->step)) return false;
        iv->step = s;
    }
    iv->fixed = bk_is_ki(f, iv->step);
    if (iv->fixed && f->ins[iv->step].imm == 0) return false;
    iv->up = !iv->fixed || f->ins[iv->step].imm > 0;
    find_bound(l, iv, phi, at);
    if (iv->stop || h->npreds != 2) return true;
    /* `while` loops test at the end, on the value that goes round */
    const bk_block *latch = &f->blocks[h->preds[1]];
    bk_ref next = f->args[in->a + 1], t = latch->ins[latch->nins - 1];
    if (f->ins[t].op == BK_BR) take_bound(l, iv, next, f->ins[t].a, latch->succ[0] == l->head);
    if (!iv->stop) find_bound(l, iv, next, h->preds[1]);
    iv->rotated = iv->stop != 0;
    return true;
}
