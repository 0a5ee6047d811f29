/* A generated region for measurements: a loop over `carried` ints that all change in each round, with `guards` overflow
 * checks; every exit has a snapshot of its own over all of them. */
#ifndef LOWER_GEN_H
#define LOWER_GEN_H
#include "bk_ir.h"
#include <stdlib.h>
#include <string.h>

static uint32_t gen_snap(bk_fn *f, const bk_ref *v, uint32_t n) {
    bk_slot *slots = (bk_slot *)realloc(f->slots, (f->nslots + n) * sizeof *f->slots);
    bk_sframe *frames = (bk_sframe *)realloc(f->sframes, (f->nsframes + 1) * sizeof *f->sframes);
    bk_snap *snaps = (bk_snap *)realloc(f->snaps, (f->nsnaps + 2) * sizeof *f->snaps);
    if (!slots || !frames || !snaps) abort();
    f->slots = slots, f->sframes = frames, f->snaps = snaps;
    if (!f->nsnaps) memset(&f->snaps[f->nsnaps++], 0, sizeof *f->snaps);
    bk_sframe frame;
    memset(&frame, 0, sizeof frame);
    frame.first = f->nslots, frame.nslots = n;
    frame.depth = (uint16_t)n;
    for (uint32_t k = 0; k < n; k++) {
        bk_slot s;
        memset(&s, 0, sizeof s);
        uint8_t t = f->ins[v[k]].type;
        s.kind = t == BK_F ? BK_SK_F64 : t == BK_S ? BK_SK_NP : t == BK_1 ? BK_SK_BOOL : BK_SK_I64;
        s.a = v[k];
        f->slots[f->nslots++] = s;
    }
    f->sframes[f->nsframes] = frame;
    bk_snap snap;
    memset(&snap, 0, sizeof snap);
    snap.frame = f->nsframes++, snap.nframes = 1;
    f->snaps[f->nsnaps] = snap;
    f->scap = f->nslots, f->sfcap = f->nsframes, f->snapcap = f->nsnaps + 2;
    return f->nsnaps++;
}

/* v[k] = v[k] + (v[k + 1] ^ k), guarded, round robin */
static void gen_body(bk_fn *f, bk_blk b, bk_ref *v, uint32_t guards, uint32_t carried) {
    for (uint32_t g = 0; g < guards; g++) {
        uint32_t k = g % carried;
        uint32_t snap = gen_snap(f, v, carried);
        bk_ref x = bk_emit(f, b, BK_XOR, BK_I, v[(k + 1) % carried], bk_ki(f, g & 7), 0);
        v[k] = bk_emit(f, b, BK_ADDOV, BK_X, v[k], x, 0);
        f->ins[v[k]].snap = snap;
    }
}

static inline bk_fn *generate(uint32_t guards, uint32_t carried) {
    bk_fn *f = bk_fn_new("generated");
    bk_ref *v = (bk_ref *)malloc(carried * sizeof *v), *phi = (bk_ref *)malloc(carried * sizeof *phi);
    if (!f || !v || !phi) abort();
    f->nhome = carried + 1;
    f->ncodes = 1;
    bk_blk b0 = bk_block_new(f), b1 = bk_block_new(f), b2 = bk_block_new(f), b3 = bk_block_new(f);
    for (uint32_t k = 0; k <= carried; k++) {
        bk_ref h = bk_emit(f, b0, BK_HLOAD, BK_P, 0, 0, 0);
        f->ins[h].imm = k;
        h = bk_emit(f, b0, BK_P2I, BK_I, h, 0, 0);
        if (k < carried) v[k] = h;
        else phi[0] = h;
    }
    bk_ref limit = phi[0];
    bk_emit(f, b0, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(f, b0, b1);
    f->blocks[b0].preheader = true;
    f->blocks[b0].entry_snap = gen_snap(f, v, carried);
    f->blocks[b1].header = true;
    for (uint32_t k = 0; k < carried; k++) bk_phi_add(f, phi[k] = bk_phi(f, b1, BK_I), v[k]);
    for (uint32_t k = 0; k < carried; k++) v[k] = phi[k];
    bk_emit(f, b1, BK_BR, BK_V, bk_emit(f, b1, BK_LT, BK_1, v[0], limit, 0), 0, 0);
    bk_edge(f, b1, b2);
    bk_edge(f, b1, b3);
    bk_ref leave = bk_emit(f, b3, BK_EXIT, BK_V, 0, 0, 0);
    f->ins[leave].snap = gen_snap(f, v, carried);
    gen_body(f, b2, v, guards, carried);
    bk_emit(f, b2, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(f, b2, b1);
    for (uint32_t k = 0; k < carried; k++) bk_phi_add(f, phi[k], v[k]);
    free(v);
    free(phi);
    return f;
}
#endif
