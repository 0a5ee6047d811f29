/* Loop-invariant code motion and predication, inner loops first, so that what is invariant in several ends outside all.
 *
 * A hoisted guard leaves by the preheader's entry snapshot: the state before the loop is always a right place to be, so
 * a guard may move up without proof that it would have been reached. What must be proven is that it tests the same
 * thing there, and that testing is safe:
 *
 *   - operands are invariant, and nothing in the loop writes the memory that is read;
 *   - a load is safe where it lands. What makes a load safe is a guard or branch that mentions its base. So while the
 *     loop is read in order, each guard or branch that stays marks what it mentions, and a load whose base is marked
 *     stays too. Loads of headers (type, size, item pointer, instance values, array headers) are made safe by tests of
 *     type, layout and NULL: equality tests, which mark through such loads. Loads of elements are made safe by bounds
 *     too: for them every guard and branch counts, marking through any load.
 *   - guards in blocks that not every iteration passes are moved only if recording went there often.
 *
 * Operations that are only defined for some operands (divisions, shifts by a variable) are treated as element loads of
 * these. */
#include "opt_hoist.h"
#include "bk_backend.h"
#include <stdlib.h>

enum { BY_EQUAL = 1, BY_ANY = 2 }; /* marks: mentioned by an equality test that stays; by any guard or branch */

typedef struct {
    bk_opt *o;
    bk_loop *l;
    uint8_t *marks;
    uint32_t nins;
    uint32_t moved;
} hoist;

static void mark(hoist *x, bk_ref r, uint8_t how) {
    const bk_fn *f = x->l->f;
    if (!r || r >= x->nins || (x->marks[r] & how) || bk_is_const(f, r)) return;
    const bk_ins *in = &f->ins[r];
    x->marks[r] |= how;
    if (in->op == BK_PHI || in->op == BK_CALL || in->op == BK_NCALL || in->op == BK_ARG) return;
    if (how == BY_EQUAL) {
        /* an ordering test or a payload says nothing of what kind of object this is */
        if ((in->op >= BK_LT && in->op <= BK_ULE) || (in->op >= BK_FEQ && in->op <= BK_FFINITE)) return;
        if (in->op == BK_LOAD && (in->alias == BK_A_SIZE || in->alias == BK_A_DATA || in->alias == BK_A_ITEMS)) return;
        if (in->op == BK_UNBOXF || in->op == BK_UNBOXI) return;
    }
    for (uint32_t i = 0, n = bk_nopnds(f, r); i < n; i++) mark(x, *bk_opnd(f, r, i), how);
}

/* a guard or branch on c stays in the loop */
static void stays(hoist *x, bk_ref c) {
    mark(x, c, BY_EQUAL);
    mark(x, c, BY_ANY);
}

static bool marked(const hoist *x, bk_ref r, uint8_t how) { return r && r < x->nins && (x->marks[r] & how); }

/* is r, or what it was made from, mentioned by any guard or branch that stays? */
static bool suspect(const hoist *x, bk_ref r, int depth) {
    const bk_fn *f = x->l->f;
    if (!r || bk_is_const(f, r)) return false;
    if (depth == 0 || marked(x, r, BY_ANY)) return true;
    uint8_t op = f->ins[r].op;
    if (op == BK_PHI || op == BK_CALL || op == BK_NCALL || op == BK_ARG) return false;
    for (uint32_t i = 0, n = bk_nopnds(f, r); i < n; i++)
        if (suspect(x, *bk_opnd(f, r, i), depth - 1)) return true;
    return false;
}

static bool invariant_operands(const hoist *x, bk_ref r) {
    const bk_fn *f = x->l->f;
    for (uint32_t i = 0, n = bk_nopnds(f, r); i < n; i++) {
        bk_ref v = *bk_opnd(f, r, i);
        if (v && bk_variant(x->l, v)) return false;
    }
    return true;
}

static bool disjoint_from_stores(const hoist *x, const bk_ins *load) {
    const bk_fn *f = x->l->f;
    for (uint32_t i = 0; i < x->l->nblocks; i++) {
        const bk_block *b = &f->blocks[x->l->blocks[i]];
        for (uint32_t k = 0; k < b->nins; k++) {
            const bk_ins *in = &f->ins[b->ins[k]];
            bool writes = bk_writes_of(f, b->ins[k]).classes >> load->alias & 1;
            if (writes && (in->op != BK_STORE || !bk_disjoint(f, load, in))) return false;
        }
    }
    return true;
}

static bool memory_unchanged(const hoist *x, bk_ref r) {
    const bk_ins *in = &x->l->f->ins[r];
    uint8_t class = bk_reads_of(in);
    if (class == BK_NALIAS || class == BK_A_CONST) return true;
    if (in->op == BK_HLOAD && (x->l->writes.home & bk_home_bit(in->imm))) return false;
    if (in->op == BK_LOAD && class == BK_A_HOME && x->l->writes.home) return false;
    if (!(x->l->writes.classes >> class & 1)) return true;
    return in->op == BK_LOAD && disjoint_from_stores(x, in);
}

static bool is_element(uint8_t alias) {
    return alias == BK_A_ITEMS || alias == BK_A_DATA || alias == BK_A_ITER || alias == BK_A_CELL;
}

/* may the load (or division, unboxing) be done in the preheader without a fault? */
static bool safe(const hoist *x, bk_ref r) {
    const bk_ins *in = &x->l->f->ins[r];
    switch (in->op) {
    case BK_HLOAD: return true;
    case BK_LOAD:
        if (is_element(in->alias)) return !suspect(x, in->a, 8) && !suspect(x, in->b, 8);
        return !marked(x, in->a, BY_EQUAL);
    case BK_IDIV:
    case BK_IMOD:
    case BK_UDIV:
    case BK_UREM:
    case BK_SHL:
    case BK_SAR:
    case BK_SHR:
    case BK_F2I:
    case BK_CTZ:
    case BK_CLZ: return !suspect(x, in->a, 8) && !suspect(x, in->b, 8);
    case BK_UNBOXF:
    case BK_UNBOXI:
    case BK_GTYPE: return !marked(x, in->a, BY_EQUAL);
    default: return true;
    }
}

static bool pure_call(const bk_ins *in) {
    if (in->op != BK_CALL || bk_call_effect(in) != BK_E_PURE || in->type != BK_F) return false;
    for (const char *a = bk_helpers[in->imm].args; *a; a++)
        if (*a != 'F') return false; /* integer helpers may have been guarded against a zero */
    return true;
}

static bool movable(const hoist *x, bk_ref r, bool guards) {
    const bk_fn *f = x->l->f;
    const bk_ins *in = &f->ins[r];
    uint8_t flags = bk_ops[in->op].flags;
    if ((flags & (BK_OF_TERM | BK_OF_STORE)) || in->op == BK_PHI || in->op == BK_NOP) return false;
    if ((flags & BK_OF_EFFECT) && !pure_call(in)) return false;
    if ((flags & BK_OF_GUARD) && !guards) return false;
    if (!invariant_operands(x, r) || !memory_unchanged(x, r)) return false;
    return bk_speculatable(f, r) || safe(x, r);
}

static void move(hoist *x, bk_ref r) {
    bk_fn *f = x->l->f;
    bk_ins *in = &f->ins[r];
    if (bk_ops[in->op].flags & BK_OF_GUARD) {
        in->snap = f->blocks[x->l->pre].entry_snap;
        in->flags |= BK_F_HOISTED;
    }
    /* proven with facts that held inside; where it stands now they may not have been tested yet */
    in->flags &= (uint8_t)~BK_F_NSW;
    bk_put_last(f, x->l->pre, r);
    x->o->st->hoisted++;
    x->o->changed = true;
    x->moved++;
}

static void visit_block(hoist *x, bk_blk b) {
    bk_fn *f = x->l->f;
    bk_block *bl = &f->blocks[b];
    bool guards = bk_often(x->l, b);
    uint32_t k = 0;
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref r = bl->ins[i];
        if (movable(x, r, guards || bk_plain_bounds(f, r))) {
            move(x, r);
            continue;
        }
        bl->ins[k++] = r;
        const bk_ins *in = &f->ins[r];
        if (in->op == BK_GUARD || in->op == BK_GTYPE || in->op == BK_BR) stays(x, in->a);
    }
    bl->nins = k;
}

static bool hoist_loop(bk_opt *o, bk_loop *l) {
    hoist x = {.o = o, .l = l, .nins = o->f->nins};
    x.marks = calloc(x.nins, 1);
    if (!x.marks) return false;
    for (uint32_t i = 0; i < l->nblocks && !o->f->oom; i++) visit_block(&x, l->blocks[i]);
    free(x.marks);
    return bk_predicate(o, l);
}

bool bk_pass_hoist(bk_opt *o) {
    uint32_t n = 0;
    bk_cfg *cfg = bk_cfg_new(o->f);
    bk_blk *order = cfg ? bk_loop_order(cfg, &n) : NULL;
    bool ok = order != NULL;
    for (uint32_t i = 0; ok && i < n && !o->p->no_hoist; i++) {
        bk_loop l;
        if (bk_loop_get(&l, o->f, cfg, order[i])) ok = hoist_loop(o, &l);
        bk_loop_free(&l);
        ok = ok && !o->f->oom;
    }
    free(order);
    bk_cfg_free(cfg);
    return ok;
}
