/* What instructions do to memory: the one place that says which write ends which knowledge. */
#include "opt.h"
#include "bk_backend.h"

#define M(c) (1u << BK_A_##c)

uint8_t bk_call_effect(const bk_ins *in) {
    return in->imm >= 0 && in->imm < BK_NHELPERS ? bk_helpers[in->imm].effect : (uint8_t)BK_E_UNKNOWN;
}

static bk_writes call_writes(const bk_ins *in) {
    switch (bk_call_effect(in)) {
    case BK_E_PURE:
    case BK_E_READ: return (bk_writes){0};
    case BK_E_ALLOC:
    case BK_E_REFS: return (bk_writes){.classes = M(REFCNT)};
    case BK_E_ITEMS: return (bk_writes){.classes = M(REFCNT) | M(SIZE) | M(ITEMPTR) | M(ITEMS) | M(KEYS)};
    default: return (bk_writes){.classes = BK_ALIAS_ALL};
    }
}

bk_writes bk_writes_of(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    switch (in->op) {
    case BK_STORE: return (bk_writes){.classes = 1u << in->alias};
    case BK_HSTORE: return (bk_writes){.home = bk_home_bit(in->imm)};
    case BK_INCREF:
    case BK_XINCREF:
    case BK_DECREFN:
    case BK_DECREFQ:
    case BK_XDECREFN:
    case BK_BOXF:
    case BK_BOXI: return (bk_writes){.classes = M(REFCNT)};
    case BK_REBOXF: return (bk_writes){.classes = M(REFCNT) | M(FLOAT)};
    case BK_DECREF:
    case BK_XDECREF:
    case BK_NCALL: return (bk_writes){.classes = BK_ALIAS_ALL};
    case BK_CALL: return call_writes(in);
    default: return (bk_writes){0};
    }
}

uint8_t bk_reads_of(const bk_ins *in) {
    switch (in->op) {
    case BK_LOAD: return in->alias;
    case BK_HLOAD: return BK_A_HOME;
    case BK_UNBOXF: return BK_A_FLOAT;
    case BK_GTYPE: return BK_A_TYPE;
    case BK_GVALID: return BK_A_STATE;
    default: return BK_NALIAS;
    }
}

uint32_t bk_mem_size(const bk_ins *in) {
    static const uint8_t sizes[] = {
#define X(n, size) size,
        BK_MEMTYPES(X)
#undef X
    };
    return sizes[in->mt];
}

/* A base that some other pointer may point into the middle of */
static bool interior(const bk_fn *f, bk_ref p) { return f->ins[p].op == BK_PADD || f->ins[p].op == BK_I2P; }

bool bk_disjoint(const bk_fn *f, const bk_ins *a, const bk_ins *b) {
    bool apart = a->imm + (int64_t)bk_mem_size(a) <= b->imm || b->imm + (int64_t)bk_mem_size(b) <= a->imm;
    if (a->alias != b->alias) return true;
    if (!apart) return false;
    if (a->a == b->a && a->b == b->b && (a->scale == b->scale || !a->b)) return true;
    /* fields of instances: two objects do not overlap, and in one object other offsets are other fields */
    return a->alias == BK_A_INST && !a->b && !b->b && !interior(f, a->a) && !interior(f, b->a);
}

bool bk_droppable(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_CALL) return bk_call_effect(in) <= BK_E_READ;
    return in->op == BK_NOP || in->op == BK_PHI || (bk_ops[in->op].flags & (BK_OF_PURE | BK_OF_LOAD));
}

bool bk_speculatable(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    switch (in->op) {
    case BK_UNBOXF: return false;
    case BK_IDIV:
    case BK_IMOD: return bk_is_ki(f, in->b) && f->ins[in->b].imm != 0 && f->ins[in->b].imm != -1;
    case BK_UDIV:
    case BK_UREM: return bk_is_ki(f, in->b) && f->ins[in->b].imm != 0;
    case BK_SHL:
    case BK_SAR:
    case BK_SHR: return bk_is_ki(f, in->b);
    case BK_F2I:
    case BK_CTZ:
    case BK_CLZ:
    case BK_CALL: return false;
    default: return bk_ops[in->op].flags & BK_OF_PURE;
    }
}
