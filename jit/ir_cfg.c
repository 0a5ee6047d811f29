/* Control-flow facts of a function: reverse postorder, dominators, natural loops. */
#include "ir_priv.h"
#include <stdlib.h>
#include <string.h>

void bk_cfg_free(bk_cfg *c) {
    if (!c) return;
    free(c->rpo);
    free(c);
}

/* one allocation for all arrays; rpo is its start */
static bk_cfg *cfg_alloc(uint32_t n) {
    bk_cfg *c = calloc(1, sizeof *c);
    uint32_t *m = malloc(((size_t)n + 1) * 10 * sizeof *m);
    if (!c || !m) {
        free(c);
        free(m);
        return NULL;
    }
    c->nblocks = n;
    uint32_t **fields[] = {&c->rpo,   &c->rpo_no,  &c->idom, &c->pre,    &c->post,
                           &c->child, &c->sibling, &c->loop, &c->parent, &c->depth};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        *fields[i] = m + i * ((size_t)n + 1);
        memset(*fields[i], 0xff, n * sizeof *m);
    }
    return c;
}

static void number_blocks(const bk_fn *f, bk_cfg *c) {
    /* depth-first with the other arrays as scratch: pre holds the stack, post the next successor to look at */
    uint32_t sp = 0, n = 0;
    uint32_t *stack = c->pre, *next = c->post;
    stack[sp++] = 0;
    next[0] = 0;
    c->rpo_no[0] = 0;
    while (sp) {
        bk_blk b = stack[sp - 1];
        if (next[b] < f->blocks[b].nsucc) {
            /* the second successor first, so that the first one follows its block in reverse postorder */
            bk_blk s = f->blocks[b].succ[f->blocks[b].nsucc - 1 - next[b]++];
            if (c->rpo_no[s] == BK_NONE) {
                c->rpo_no[s] = 0;
                next[s] = 0;
                stack[sp++] = s;
            }
        } else {
            c->rpo[n++] = b;
            sp--;
        }
    }
    c->nrpo = n;
    for (uint32_t i = 0; i < n / 2; i++) {
        bk_blk t = c->rpo[i];
        c->rpo[i] = c->rpo[n - 1 - i];
        c->rpo[n - 1 - i] = t;
    }
    for (uint32_t i = 0; i < n; i++) c->rpo_no[c->rpo[i]] = i;
    memset(c->pre, 0xff, c->nblocks * sizeof *c->pre);
    memset(c->post, 0xff, c->nblocks * sizeof *c->post);
}

static bk_blk intersect(const bk_cfg *c, bk_blk a, bk_blk b) {
    while (a != b) {
        while (c->rpo_no[a] > c->rpo_no[b]) a = c->idom[a];
        while (c->rpo_no[b] > c->rpo_no[a]) b = c->idom[b];
    }
    return a;
}

/* Cooper, Harvey and Kennedy's simple algorithm */
static void dominators(const bk_fn *f, bk_cfg *c) {
    c->idom[0] = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 1; i < c->nrpo; i++) {
            bk_blk b = c->rpo[i], d = BK_NONE;
            for (uint32_t p = 0; p < f->blocks[b].npreds; p++) {
                bk_blk q = f->blocks[b].preds[p];
                if (c->rpo_no[q] == BK_NONE || c->idom[q] == BK_NONE) continue;
                d = d == BK_NONE ? q : intersect(c, d, q);
            }
            if (c->idom[b] != d) {
                c->idom[b] = d;
                changed = true;
            }
        }
    }
}

static void dom_tree(bk_cfg *c) {
    for (uint32_t i = c->nrpo; i-- > 1;) { /* backwards: each list ends in reverse postorder */
        bk_blk b = c->rpo[i], d = c->idom[b];
        c->sibling[b] = c->child[d];
        c->child[d] = b;
    }
    uint32_t t = 0;
    for (bk_blk b = 0;;) {
        if (c->pre[b] == BK_NONE) c->pre[b] = t++;
        bk_blk down = c->child[b];
        if (down != BK_NONE && c->pre[down] == BK_NONE) {
            b = down;
            continue;
        }
        for (;;) {
            c->post[b] = t;
            if (b == 0) return;
            if (c->sibling[b] != BK_NONE) {
                b = c->sibling[b];
                break;
            }
            b = c->idom[b];
        }
    }
}

/* Natural loops, innermost last: headers are met in reverse postorder, so an inner header overwrites the outer. */
static bool loops(const bk_fn *f, bk_cfg *c) {
    bk_blk *stack = malloc(((size_t)c->nblocks + 1) * sizeof *stack);
    uint32_t *mark = calloc((size_t)c->nblocks + 1, sizeof *mark);
    if (!stack || !mark) {
        free(stack);
        free(mark);
        return false;
    }
    for (uint32_t i = 0; i < c->nrpo; i++) c->depth[c->rpo[i]] = 0;
    for (uint32_t i = 0; i < c->nrpo; i++) {
        bk_blk h = c->rpo[i];
        uint32_t sp = 0;
        bool found = false;
        for (uint32_t p = 0; p < f->blocks[h].npreds; p++) {
            bk_blk q = f->blocks[h].preds[p];
            if (c->rpo_no[q] == BK_NONE || !bk_dom(c, h, q)) continue;
            found = true;
            if (q != h && mark[q] != h + 1) {
                mark[q] = h + 1;
                stack[sp++] = q;
            }
        }
        if (!found) continue;
        c->parent[h] = c->loop[h];
        c->loop[h] = h;
        c->depth[h]++;
        while (sp) {
            bk_blk b = stack[--sp];
            c->loop[b] = h;
            c->depth[b]++;
            for (uint32_t p = 0; p < f->blocks[b].npreds; p++) {
                bk_blk q = f->blocks[b].preds[p];
                if (q == h || c->rpo_no[q] == BK_NONE || mark[q] == h + 1) continue;
                mark[q] = h + 1;
                stack[sp++] = q;
            }
        }
    }
    free(stack);
    free(mark);
    return true;
}

bk_cfg *bk_cfg_new(const bk_fn *f) {
    bk_cfg *c = cfg_alloc(f->nblocks);
    if (!c) return NULL;
    if (!f->nblocks) return c;
    number_blocks(f, c);
    dominators(f, c);
    dom_tree(c);
    if (!loops(f, c)) {
        bk_cfg_free(c);
        return NULL;
    }
    return c;
}

bool bk_in_loop(const bk_cfg *c, bk_blk h, bk_blk b) {
    for (bk_blk l = c->loop[b]; l != BK_NONE; l = c->parent[l])
        if (l == h) return true;
    return false;
}
