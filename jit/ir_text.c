/* The IR printed as text; jit/ir_parse.c reads it back. One instruction a line:
 *
 *   v7 = load.f64.items v1 + v2*8 + 16          store.f64.data v1 + v2*8, v7
 *   v3 = add.ov v1, v2 -> s4 @1                 guard v5 bounds -> s4 !hoisted
 *   v8 = phi.i v1, v9                           v6 = call.p list_new(v1)
 *   br v5 b2 b3 prob 10 1                       exit -> s5
 *
 * `-> sN` is the snapshot, `@N` the origin, `!word` a flag, `#N` an immediate that the op has no own syntax for.
 * Results are named by their index in fn.ins. Only snapshots in use are printed, each with its frames and slots:
 *
 *   snap s4 resume overflow @1
 *     frame code 0 depth 1 resume 12 func 0 home 0: int v1 | float v2 v3 | range#5 v1 v4 v5 | tuple/2 | null | null
 *
 * where a slot is KIND[#sub][.aux][/nkids] and up to three values (`_` is none).
 */
#include "ir_names.h"
#include "bk_backend.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_ref(bk_ref r, FILE *out) {
    if (r) fprintf(out, "v%u", r);
    else fputc('_', out);
}

static void print_f64(int64_t bits, FILE *out) {
    double d, back;
    char buf[40];
    memcpy(&d, &bits, sizeof d);
    for (int prec = 15; prec <= 17; prec += 2) {
        snprintf(buf, sizeof buf, "%.*g", prec, d);
        back = strtod(buf, NULL);
        if (back == d && memcmp(&back, &d, sizeof d) == 0) {
            fputs(buf, out);
            return;
        }
    }
    fprintf(out, "0x%" PRIx64, (uint64_t)bits);
}

/* An immediate that is neither an address nor a number of its own kind is only there when it is not 0. */
static void print_imm(const bk_ins *in, FILE *out) {
    switch (in->op) {
    case BK_K_I1:
    case BK_K_I64:
    case BK_ARG:
    case BK_HLOAD:
    case BK_HSTORE:
    case BK_SEXT:
    case BK_ZEXT:
    case BK_SETIP: fprintf(out, " %" PRId64, in->imm); break;
    case BK_K_F64:
        fputc(' ', out);
        print_f64(in->imm, out);
        break;
    case BK_K_F32:
    case BK_K_PTR:
    case BK_GTYPE: fprintf(out, " 0x%" PRIx64, (uint64_t)in->imm); break;
    case BK_GUARD:
        if (in->imm >= 0 && in->imm < bk_nguard_names) fprintf(out, " %s", bk_guard_names[in->imm]);
        else fprintf(out, " #%" PRId64, in->imm);
        break;
    case BK_LOAD:
    case BK_STORE:
    case BK_CALL: break;
    default:
        if (in->imm) fprintf(out, " #%" PRId64, in->imm);
    }
}

static void print_address(const bk_ins *in, FILE *out) {
    fputc(' ', out);
    print_ref(in->a, out);
    if (in->b || in->scale) {
        fputs(" + ", out);
        print_ref(in->b, out);
        fprintf(out, "*%u", in->scale);
    }
    if (in->imm) fprintf(out, " + %" PRId64, in->imm);
}

static void print_operands(const bk_fn *f, bk_ref r, FILE *out) {
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_LOAD || in->op == BK_STORE) {
        print_address(in, out);
        if (in->op == BK_STORE) fputs(", ", out), print_ref(in->c, out);
        return;
    }
    bool call = in->op == BK_CALL;
    if (call) {
        bool known = in->imm >= 0 && in->imm < BK_NHELPERS;
        if (known) fprintf(out, " %s(", bk_helpers[in->imm].name);
        else fprintf(out, " #%" PRId64 "(", in->imm);
    }
    for (uint32_t i = 0; i < bk_nopnds(f, r); i++) {
        fputs(i ? ", " : call ? "" : " ", out);
        print_ref(*bk_opnd(f, r, i), out);
    }
    if (call) fputc(')', out);
}

static void print_flags(const bk_ins *in, FILE *out) {
    if (in->flags & BK_F_NSW) fputs(" !nsw", out);
    if (in->flags & BK_F_DEAD) fputs(" !dead", out);
    if (in->flags & BK_F_HOISTED) fputs(" !hoisted", out);
    if (in->flags & BK_F_FPCHECK) fputs(" !fpcheck", out);
    if (in->flags & BK_F_ONESIDED) fputs(" !onesided", out);
}

static void print_ins(const bk_fn *f, bk_ref r, FILE *out) {
    const bk_ins *in = &f->ins[r];
    const bk_block *b = &f->blocks[in->block];
    fputs("  ", out);
    if (in->type != BK_V) fprintf(out, "v%u = ", r);
    fputs(bk_ops[in->op].name, out);
    if (in->op == BK_LOAD || in->op == BK_STORE)
        fprintf(out, ".%s.%s", bk_memtype_names[in->mt], bk_alias_names[in->alias]);
    else if (bk_ops[in->op].type == BK_X) fprintf(out, ".%c", bk_type_letters[in->type]);
    print_operands(f, r, out);
    print_imm(in, out);
    if (in->op == BK_JMP && b->nsucc > 0) fprintf(out, " b%u", b->succ[0]);
    if (in->op == BK_BR && b->nsucc > 1) {
        fprintf(out, " b%u b%u", b->succ[0], b->succ[1]);
        if (b->prob[0] || b->prob[1]) fprintf(out, " prob %u %u", b->prob[0], b->prob[1]);
    }
    if (bk_has_snap(f, r)) fprintf(out, " -> s%u", in->snap);
    print_flags(in, out);
    if (in->org) fprintf(out, " @%u", in->org);
    fputc('\n', out);
}

static void print_block(const bk_fn *f, bk_blk n, FILE *out) {
    const bk_block *b = &f->blocks[n];
    fprintf(out, "b%u:", n);
    if (b->header) fputs(" header", out);
    if (b->preheader) fprintf(out, " preheader s%u", b->entry_snap);
    if (b->most) fprintf(out, " most %u", b->most);
    if (b->lanes) fputs(" lanes", out);
    if (b->rare) fputs(" rare", out);
    if (b->count) fprintf(out, " count %u", b->count);
    if (b->npreds) fputs(" preds", out);
    for (uint32_t i = 0; i < b->npreds; i++) fprintf(out, " b%u", b->preds[i]);
    fputc('\n', out);
    for (uint32_t i = 0; i < b->nins; i++) print_ins(f, b->ins[i], out);
}

static void print_slot(const bk_slot *s, FILE *out) {
    fputs(bk_slotkind_names[s->kind], out);
    if (s->sub) fprintf(out, "#%u", s->sub);
    if (s->aux) fprintf(out, ".%u", s->aux);
    if (s->nkids) fprintf(out, "/%u", s->nkids);
    const bk_ref v[] = {s->a, s->b, s->c};
    int n = s->c ? 3 : s->b ? 2 : s->a ? 1 : 0;
    for (int i = 0; i < n; i++) fputc(' ', out), print_ref(v[i], out);
}

static void print_snap(const bk_fn *f, uint32_t n, FILE *out) {
    static const char *const kinds[] = {"resume", "raise", "return", "call"};
    const bk_snap *s = &f->snaps[n];
    fprintf(out, "snap s%u %s", n, kinds[s->kind]);
    if (s->reason < bk_nguard_names) fprintf(out, " %s", bk_guard_names[s->reason]);
    else fprintf(out, " #%u", s->reason);
    if (s->org) fprintf(out, " @%u", s->org);
    fputc('\n', out);
    for (uint32_t i = 0; i < s->nframes; i++) {
        const bk_sframe *fr = &f->sframes[s->frame + i];
        fprintf(out, "  frame code %u depth %u resume %u func %u home %u%s%s%s:", fr->code, fr->depth, fr->resume,
                fr->func, fr->home, fr->on_stack ? " on-stack" : "", fr->finish ? " " : "",
                bk_finish_names[fr->finish]);
        for (uint32_t k = 0; k < fr->nslots; k++) {
            fputs(k ? " | " : " ", out);
            print_slot(&f->slots[fr->first + k], out);
        }
        fputc('\n', out);
    }
}

static void mark_snaps(const bk_fn *f, bool *live) {
    for (uint32_t n = 0; n < f->nblocks; n++) {
        const bk_block *b = &f->blocks[n];
        if (b->preheader && b->entry_snap < f->nsnaps) live[b->entry_snap] = true;
        for (uint32_t i = 0; i < b->nins; i++)
            if (bk_has_snap(f, b->ins[i]) && f->ins[b->ins[i]].snap < f->nsnaps) live[f->ins[b->ins[i]].snap] = true;
    }
}

static void print_one(const bk_fn *f, FILE *out) {
    fprintf(out, "fn \"%s\" home %u xhome %u consts %u codes %u\n", f->name, f->nhome, f->nxhome, f->nconsts,
            f->ncodes);
    for (uint32_t i = 1; i < f->norigins; i++) {
        const bk_origin *o = &f->origins[i];
        fprintf(out, "origin %u code %u depth %u offset %u line %u", i, o->code, o->depth, o->offset, o->line);
        if (o->caller) fprintf(out, " in %u", o->caller);
        fputc('\n', out);
    }
    for (uint32_t n = 0; n < f->nblocks; n++)
        if (f->blocks[n].nins || f->blocks[n].npreds) print_block(f, n, out);
    bool *live = calloc(f->nsnaps + 1, sizeof *live);
    if (!live) return;
    mark_snaps(f, live);
    for (uint32_t n = 1; n < f->nsnaps; n++)
        if (live[n]) print_snap(f, n, out);
    free(live);
}

void bk_print(const bk_fn *f, FILE *out) {
    print_one(f, out);
    for (uint32_t i = 0; i < f->nbodies; i++) {
        fputc('\n', out);
        print_one(f->bodies[i], out);
    }
}
