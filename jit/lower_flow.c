/* Control flow: the order of blocks, loops, phis, branch weights. */
#include "lower.h"
#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>

/* Checks that a block ends as its successors say; the walk below relies on it. */
static bool sound(bk_lw *L, bk_blk b) {
    const bk_block *bl = &L->fn->blocks[b];
    const bk_ins *t = bl->nins ? bk_lw_ins(L, bl->ins[bl->nins - 1]) : NULL;
    unsigned want = t && t->op == BK_JMP ? 1 : t && t->op == BK_BR ? 2 : 0;
    if (!t || t->op >= BK_NOPS || !(bk_ops[t->op].flags & BK_OF_TERM) || bl->nsucc != want)
        bk_lw_fail(L, "block %u does not end properly", b);
    for (unsigned k = 0; k < bl->nsucc && !L->failed; k++)
        if (bl->succ[k] >= L->fn->nblocks) bk_lw_fail(L, "block %u jumps to no block", b);
    return !L->failed;
}

/* Depth first, without recursion; `post` receives blocks as they are left. */
static uint32_t postorder(bk_lw *L, uint32_t *stack, uint8_t *next, uint32_t *post) {
    uint32_t n = 0, top = 0;
    stack[top++] = 0;
    next[0] = 1; /* visited; next - 1 successors are done */
    while (top && sound(L, stack[top - 1])) {
        bk_blk b = stack[top - 1];
        const bk_block *bl = &L->fn->blocks[b];
        if (next[b] > bl->nsucc) {
            post[n++] = b;
            top--;
            continue;
        }
        bk_blk s = bl->succ[bl->nsucc - next[b]++];
        if (next[s]) continue;
        next[s] = 1;
        stack[top++] = s;
    }
    return n;
}

void bk_flow_order(bk_lw *L) {
    uint32_t n = L->fn->nblocks;
    uint32_t *stack = bk_lw_alloc(L, (size_t)n * 2, sizeof *stack);
    uint8_t *next = bk_lw_alloc(L, n, 1);
    if (stack && next) {
        uint32_t *post = stack + n;
        L->nrpo = postorder(L, stack, next, post);
        for (uint32_t k = 0; k < L->nrpo; k++) L->rpo[k] = post[L->nrpo - 1 - k];
    }
    free(stack);
    free(next);
}

/* Marks the body of the loop at h: what reaches its back edges without passing h. */
static void flood(bk_lw *L, bk_blk h, uint32_t *stack) {
    uint32_t top = 0;
    L->parent[h] = L->loop[h];
    L->loop[h] = h + 1;
    for (uint32_t k = 1; k < L->fn->blocks[h].npreds; k++) {
        bk_blk p = L->fn->blocks[h].preds[k];
        if (L->loop[p] == h + 1) continue;
        L->loop[p] = h + 1;
        stack[top++] = p;
    }
    while (top) {
        const bk_block *bl = &L->fn->blocks[stack[--top]];
        for (uint32_t k = 0; k < bl->npreds; k++) {
            bk_blk p = bl->preds[k];
            if (L->loop[p] == h + 1) continue;
            L->loop[p] = h + 1;
            stack[top++] = p;
        }
    }
}

/* may the loop vectoriser take a block with this instruction? */
static bool vectorizable(uint8_t op) {
    if (op == BK_STORE || op == BK_JMP || op == BK_BR) return true;
    return op < BK_NOPS && op != BK_CALL && !(bk_ops[op].flags & (BK_OF_GUARD | BK_OF_EFFECT));
}

static bool clean_block(bk_lw *L, bk_blk b) {
    const bk_block *bl = &L->fn->blocks[b];
    for (uint32_t k = 0; k < bl->nins; k++) {
        const bk_ins *i = bk_lw_ins(L, bl->ins[k]);
        if (!i || !vectorizable(i->op)) return false;
    }
    return true;
}

static void find_vectorizable(bk_lw *L, uint8_t *dirty) {
    for (uint32_t k = 0; k < L->nrpo; k++) {
        bk_blk b = L->rpo[k];
        if (L->fn->blocks[b].header && L->parent[b]) dirty[L->parent[b] - 1] = 1;
        if (L->loop[b] && !clean_block(L, b)) dirty[L->loop[b] - 1] = 1;
    }
    for (uint32_t k = 0; k < L->nrpo; k++)
        if (L->fn->blocks[L->rpo[k]].header && !L->fn->blocks[L->rpo[k]].rare && !dirty[L->rpo[k]]) L->vectorize = true;
}

void bk_flow_loops(bk_lw *L) {
    uint32_t *stack = bk_lw_alloc(L, L->fn->nblocks, sizeof *stack);
    uint8_t *dirty = bk_lw_alloc(L, L->fn->nblocks, 1);
    if (stack && dirty) {
        for (uint32_t k = 0; k < L->nrpo; k++) /* outer headers first: inner loops overwrite */
            if (L->fn->blocks[L->rpo[k]].header) flood(L, L->rpo[k], stack);
        find_vectorizable(L, dirty);
    }
    free(stack);
    free(dirty);
}

/* is b inside the loop of header h (or one within)? */
static bool in_loop(const bk_lw *L, bk_blk b, bk_blk h) {
    for (uint32_t l = L->loop[b]; l; l = L->parent[l - 1])
        if (l == h + 1) return true;
    return false;
}

void bk_flow_phi(bk_lw *L, bk_ref r) {
    const bk_ins *i = &L->fn->ins[r];
    L->val[r] = LLVMBuildPhi(L->b, bk_lw_type(L, (bk_type)i->type), "");
}

/* Which LLVM block the k-th edge into `b` comes from; NULL when that predecessor is unreachable. */
static LLVMBasicBlockRef edge_from(bk_lw *L, bk_blk b, uint32_t k) {
    const bk_block *bl = &L->fn->blocks[b];
    bk_blk p = bl->preds[k];
    if (p >= L->fn->nblocks || !L->first[p]) return NULL;
    for (uint32_t j = 0; j < k; j++)
        if (bl->preds[j] == p) return L->tramp[p];
    return L->last[p];
}

static void finish_phi(bk_lw *L, bk_blk b, bk_ref r) {
    const bk_ins *i = &L->fn->ins[r];
    const bk_block *bl = &L->fn->blocks[b];
    if (i->b != bl->npreds || (uint64_t)i->a + i->b > L->fn->nargs) {
        bk_lw_fail(L, "phi %%%u does not match its block's predecessors", r);
        return;
    }
    for (uint32_t k = 0; k < bl->npreds; k++) {
        LLVMBasicBlockRef from = edge_from(L, b, k);
        if (!from) continue;
        LLVMValueRef v = bk_lw_val(L, L->fn->args[i->a + k]);
        LLVMAddIncoming(L->val[r], &v, &from, 1);
    }
}

void bk_flow_finish_phis(bk_lw *L) {
    for (uint32_t k = 0; k < L->nrpo; k++) {
        bk_blk b = L->rpo[k];
        const bk_block *bl = &L->fn->blocks[b];
        for (uint32_t n = 0; n < bl->nins && !L->failed; n++) {
            const bk_ins *i = &L->fn->ins[bl->ins[n]];
            if (i->op == BK_PHI && L->val[bl->ins[n]]) finish_phi(L, b, bl->ins[n]);
        }
    }
}

/* Recording counts a few visits only, so how often a loop was left says little about how long it is: 3 to 1 must not
 * read as "about 3 rounds", for which LLVM would neither vectorise nor keep values in registers. */
static LLVMValueRef branch_weights(bk_lw *L, bk_blk b) {
    const bk_block *bl = &L->fn->blocks[b];
    uint64_t t = bl->prob[0], f = bl->prob[1];
    if (!t && !f) return NULL;
    if (L->loop[b]) {
        bk_blk h = L->loop[b] - 1;
        bool t_in = in_loop(L, bl->succ[0], h), f_in = in_loop(L, bl->succ[1], h);
        if (t_in && !f_in && t >= f) return bk_lw_weights(L, 1000, 1);
        if (f_in && !t_in && f >= t) return bk_lw_weights(L, 1, 1000);
    }
    while ((t | f) > 1000000) t >>= 1, f >>= 1;
    return bk_lw_weights(L, (uint32_t)(16 * t + 1), (uint32_t)(16 * f + 1));
}

static LLVMMetadataRef property(bk_lw *L, const char *name, LLVMValueRef v) {
    LLVMMetadataRef m[2] = {LLVMMDStringInContext2(L->cx, name, strlen(name)), v ? LLVMValueAsMetadata(v) : NULL};
    return LLVMMDNodeInContext2(L->cx, m, v ? 2 : 1);
}

/* what LLVM's loop passes are told about a back edge */
static void describe_loop(bk_lw *L, LLVMValueRef branch, LLVMMetadataRef *m, size_t n) {
    m[0] = LLVMTemporaryMDNode(L->cx, NULL, 0);
    LLVMMetadataRef loop = LLVMMDNodeInContext2(L->cx, m, n);
    LLVMMetadataReplaceAllUsesWith(m[0], loop); /* LLVM tells loops apart by a node that names itself */
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(L->cx, "llvm.loop", 9), LLVMMetadataAsValue(L->cx, loop));
}

/* a back edge to the header of a rare loop: no vectors, no unrolling */
static void leave_alone(bk_lw *L, LLVMValueRef branch) {
    LLVMMetadataRef m[3] = {NULL, property(L, "llvm.loop.vectorize.enable", LLVMConstInt(L->i1, 0, 0)),
                            property(L, "llvm.loop.unroll.disable", NULL)};
    describe_loop(L, branch, m, 3);
}

/* a loop of n lanes: one vector operation */
static void one_vector(bk_lw *L, LLVMValueRef branch, uint32_t n) {
    LLVMMetadataRef m[4] = {NULL, property(L, "llvm.loop.vectorize.enable", LLVMConstInt(L->i1, 1, 0)),
                            property(L, "llvm.loop.vectorize.width", LLVMConstInt(L->i32, n, 0)),
                            property(L, "llvm.loop.interleave.count", LLVMConstInt(L->i32, 1, 0))};
    describe_loop(L, branch, m, 4);
}

/* the branch that ends block b: what is known of the loop if it is its back edge */
static void describe_back_edge(bk_lw *L, bk_blk b, LLVMValueRef branch) {
    const bk_block *bl = &L->fn->blocks[b];
    for (int k = 0; k < bl->nsucc; k++) {
        const bk_block *h = &L->fn->blocks[bl->succ[k]];
        if (!in_loop(L, b, bl->succ[k])) continue;
        if (h->rare) leave_alone(L, branch);
        if (h->lanes) one_vector(L, branch, h->most), L->staged = true;
    }
}

void bk_flow_jump(bk_lw *L, bk_blk b) {
    describe_back_edge(L, b, LLVMBuildBr(L->b, L->first[L->fn->blocks[b].succ[0]]));
}

void bk_flow_branch(bk_lw *L, bk_blk b, const bk_ins *i) {
    const bk_block *bl = &L->fn->blocks[b];
    LLVMBasicBlockRef other = L->first[bl->succ[1]];
    if (bl->succ[0] == bl->succ[1]) { /* two edges to one block need two blocks to come from */
        LLVMBasicBlockRef here = LLVMGetInsertBlock(L->b);
        L->tramp[b] = bk_lw_block(L, "edge");
        LLVMPositionBuilderAtEnd(L->b, L->tramp[b]);
        LLVMBuildBr(L->b, other);
        LLVMPositionBuilderAtEnd(L->b, here);
        other = L->tramp[b];
    }
    LLVMValueRef br = LLVMBuildCondBr(L->b, bk_lw_val(L, i->a), L->first[bl->succ[0]], other);
    LLVMValueRef w = branch_weights(L, b);
    if (w) LLVMSetMetadata(br, L->md_prof, w);
    describe_back_edge(L, b, br);
}
