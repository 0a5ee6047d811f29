/* Static control-flow facts of a code object, by plain iteration over its instructions. */
#include "bcflow.h"
#include <string.h>

int bk_bc_succ(const bk_codeinfo *ci, uint32_t pc, uint32_t out[2]) {
    const bk_insn *in = &ci->insns[pc];
    int n = 0;
    switch (in->op) {
    case BC_RETURN_VALUE:
    case BC_RETURN_CONST: return 0;
    case BC_JUMP:
    case BC_JUMP_BACKWARD: out[n++] = (uint32_t)in->target; return n;
    default: break;
    }
    if (in->next < ci->ninsns) out[n++] = in->next;
    if (in->target >= 0) out[n++] = (uint32_t)in->target;
    return n;
}

static void local_uses(const bk_insn *in, int64_t use[2], int64_t def[2]) {
    use[0] = use[1] = def[0] = def[1] = -1;
    switch (in->op) {
    case BC_LOAD_FAST_LOAD_FAST:
        use[1] = in->arg2;
        use[0] = in->arg;
        break;
    case BC_LOAD_FAST:
    case BC_LOAD_FAST_CHECK:
    case BC_LOAD_DEREF:
    case BC_STORE_DEREF:
    case BC_DELETE_FAST: use[0] = in->arg; break;
    case BC_LOAD_FAST_AND_CLEAR: use[0] = in->arg; break;
    case BC_STORE_FAST:
    case BC_STORE_FAST_MAYBE_NULL: def[0] = in->arg; break;
    case BC_STORE_FAST_LOAD_FAST:
        def[0] = in->arg;
        if (in->arg2 != in->arg) use[0] = in->arg2;
        break;
    case BC_STORE_FAST_STORE_FAST:
        def[0] = in->arg;
        def[1] = in->arg2;
        break;
    default: break;
    }
}

static void liveness(bk_bcflow *f, const bk_codeinfo *ci) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = f->n; i-- > 0;) {
            uint64_t *row = f->live + (size_t)i * f->lwords;
            uint32_t succ[2];
            int ns = bk_bc_succ(ci, i, succ), hi = -1;
            if (ci->insns[i].handler >= 0) hi = ci->index[ci->insns[i].handler / 2];
            int64_t use[2], def[2];
            local_uses(&ci->insns[i], use, def);
            for (uint32_t w = 0; w < f->lwords; w++) {
                uint64_t v = 0;
                for (int s = 0; s < ns; s++) v |= f->live[(size_t)succ[s] * f->lwords + w];
                for (int d = 0; d < 2; d++)
                    if (def[d] >= 0 && def[d] / 64 == w) v &= ~(1ull << (def[d] % 64));
                if (hi >= 0 && (uint32_t)hi < f->n) v |= f->live[(size_t)hi * f->lwords + w];
                for (int d = 0; d < 2; d++)
                    if (use[d] >= 0 && use[d] / 64 == w) v |= 1ull << (use[d] % 64);
                if ((row[w] | v) != row[w]) {
                    row[w] |= v;
                    changed = true;
                }
            }
        }
    }
}

/* the natural loop of header h: what reaches one of its back edges without passing h */
static bool natural_loop(bk_bcflow *f, const bk_codeinfo *ci, uint32_t h, bk_arena *a) {
    uint64_t *body = f->body[h] = bk_arena_alloc(a, f->words * sizeof *body);
    if (!body) return false;
#define SET(i) (body[(i) / 64] |= 1ull << ((i) % 64))
#define GET(i) (body[(i) / 64] >> ((i) % 64) & 1)
    SET(h);
    for (uint32_t i = 0; i < f->n; i++)
        if (ci->insns[i].op == BC_JUMP_BACKWARD && (uint32_t)ci->insns[i].target == h) SET(i);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = f->n; i-- > 0;) {
            uint32_t succ[2];
            if (GET(i) || ci->insns[i].depth < 0) continue;
            int ns = bk_bc_succ(ci, i, succ);
            for (int s = 0; s < ns; s++)
                if (succ[s] != h && GET(succ[s])) {
                    SET(i);
                    changed = true;
                    break;
                }
        }
    }
    return true;
}

bk_bcflow *bk_bcflow_new(const bk_codeinfo *ci, bk_arena *a) {
    bk_bcflow *f = bk_arena_alloc(a, sizeof *f);
    if (!f) return NULL;
    f->n = ci->ninsns;
    f->words = (f->n + 63) / 64;
    f->lwords = (ci->nlocals + 63) / 64 + (ci->nlocals == 0);
    f->merge = bk_arena_alloc(a, f->n + 1);
    f->header = bk_arena_alloc(a, f->n + 1);
    f->body = bk_arena_alloc(a, (f->n + 1) * sizeof *f->body);
    f->live = bk_arena_alloc(a, (size_t)(f->n + 1) * f->lwords * sizeof *f->live);
    uint8_t *ways = bk_arena_alloc(a, f->n + 1);
    if (!f->merge || !f->header || !f->body || !f->live || !ways) return NULL;
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t succ[2];
        if (ci->insns[i].depth < 0) continue;
        int ns = bk_bc_succ(ci, i, succ);
        for (int s = 0; s < ns; s++)
            if (ways[succ[s]] < 2) ways[succ[s]]++;
        if (ci->insns[i].op == BC_JUMP_BACKWARD) f->header[ci->insns[i].target] = true;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        f->merge[i] = ways[i] > 1 || f->header[i];
        if (f->header[i] && !natural_loop(f, ci, i, a)) return NULL;
    }
    liveness(f, ci);
    return f;
}

int32_t bk_outermost(const bk_bcflow *f, uint32_t pc) {
    int32_t best = -1;
    uint32_t size = 0;
    for (uint32_t h = 0; h < f->n; h++) {
        if (!bk_in_body(f, h, pc)) continue;
        uint32_t n = 0;
        for (uint32_t w = 0; w < f->words; w++) n += (uint32_t)__builtin_popcountll(f->body[h][w]);
        if (best < 0 || n > size) {
            best = (int32_t)h;
            size = n;
        }
    }
    return best;
}
