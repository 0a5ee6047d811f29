/* Common subexpressions over the dominator tree: pure values, repeated guards, conditions known from a dominating
 * branch or guard, loads and store-to-load forwarding.
 *
 * All tables are scoped: what a block adds is taken back when its dominator subtree is done. Memory facts ("this
 * address holds that value") pass from a block's immediate dominator to the block only if nothing written on any path
 * between the two may touch them; for a loop header those paths hold the whole loop body. */
#include "opt.h"
#include "bk_backend.h"
#include <stdlib.h>
#include <string.h>

/* memory facts per alias class, newest first */
typedef struct {
    bk_ins at;     /* the access: op, mt, scale, a, b, imm */
    bk_ref value;  /* what the memory holds; GTYPE and GVALID: the guard */
    uint32_t next; /* index + 1 in facts */
    bool live;
} fact;

typedef struct {
    uint32_t *cell; /* where an older value must be put back */
    uint32_t old;
} undo;

typedef struct {
    bk_opt *o;
    bk_fn *f;
    bk_cfg *cfg;
    bk_ref *table;   /* hash of expressions: newest instruction per bucket */
    uint32_t *chain; /* per instruction: next in its bucket */
    uint32_t mask, nins;
    uint32_t *known; /* per i1 instruction: 0, 1 true, 2 false */
    fact *facts;
    uint32_t nfacts, factcap;
    uint32_t head[BK_NALIAS]; /* index + 1 */
    undo *undos;
    uint32_t nundos, undocap;
    bk_writes *writes; /* per block */
    uint32_t *seen;    /* scratch of writes_between, by block */
    bk_blk *stack;
    uint32_t stamp;
} cse;

static bool set(cse *x, uint32_t *cell, uint32_t v) {
    if (!bk_grow(x->f, (void **)&x->undos, &x->undocap, x->nundos + 1, sizeof *x->undos)) return false;
    x->undos[x->nundos++] = (undo){cell, *cell};
    *cell = v;
    return true;
}

static void roll_back(cse *x, uint32_t to) {
    while (x->nundos > to) {
        undo *u = &x->undos[--x->nundos];
        *u->cell = u->old;
    }
}

/* ---- expressions -------------------------------------------------------------------------------------------- */

static bool numbered(const bk_fn *f, bk_ref r) {
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_CALL) return bk_call_effect(in) == BK_E_PURE;
    if (in->op == BK_UNBOXI || (in->op >= BK_ADDOV && in->op <= BK_MULOV)) return true;
    return (bk_ops[in->op].flags & BK_OF_PURE) && in->op != BK_UNBOXF && !bk_is_const(f, r) && in->op != BK_ARG;
}

/* add.ov and add give the same value where both are reached */
static uint8_t family(uint8_t op) {
    switch (op) {
    case BK_ADDOV: return BK_ADD;
    case BK_SUBOV: return BK_SUB;
    case BK_MULOV: return BK_MUL;
    default: return op;
    }
}

static void canonical(bk_fn *f, bk_ref r) {
    bk_ins *in = &f->ins[r];
    if (!(bk_ops[in->op].flags & BK_OF_COMM) || bk_is_const(f, in->b)) return;
    if (in->a > in->b || bk_is_const(f, in->a)) {
        bk_ref t = in->a;
        in->a = in->b;
        in->b = t;
    }
}

static uint32_t mix(uint32_t h, uint64_t v) { return (h ^ (uint32_t)(v ^ (v >> 32))) * 0x9E3779B1u; }

static uint32_t hash_of(const bk_fn *f, const bk_ins *in) {
    uint32_t h = mix(family(in->op), (uint64_t)in->imm);
    if (in->op == BK_CALL) {
        for (uint32_t i = 0; i < in->b; i++) h = mix(h, f->args[in->a + i]);
    } else {
        h = mix(mix(mix(h, in->a), in->b), in->c);
    }
    return h ^ (h >> 15);
}

static bool same(const bk_fn *f, const bk_ins *a, const bk_ins *b) {
    if (family(a->op) != family(b->op) || a->type != b->type || a->imm != b->imm) return false;
    if (a->op != BK_CALL) return a->a == b->a && a->b == b->b && a->c == b->c;
    return a->b == b->b && memcmp(f->args + a->a, f->args + b->a, a->b * sizeof *f->args) == 0;
}

/* may `in` take the value of the dominating `by`? A wrapping add does not stand in for one that leaves on overflow. */
static bool stands_in(const bk_ins *by, const bk_ins *in) {
    if (family(in->op) == in->op || by->op == in->op) return true;
    return by->flags & BK_F_NSW;
}

static bk_ref find(cse *x, const bk_ins *in) {
    for (bk_ref r = x->table[hash_of(x->f, in) & x->mask]; r; r = x->chain[r])
        if (same(x->f, &x->f->ins[r], in) && stands_in(&x->f->ins[r], in)) return r;
    return 0;
}

static bool enter(cse *x, bk_ref r) {
    uint32_t *cell = &x->table[hash_of(x->f, &x->f->ins[r]) & x->mask];
    x->chain[r] = *cell;
    return set(x, cell, r);
}

/* ---- known conditions --------------------------------------------------------------------------------------- */

/* the integer compare that holds exactly when `in` does not */
static bool negation(const bk_ins *in, bk_ins *out) {
    *out = *in;
    switch (in->op) {
    case BK_EQ: out->op = BK_NE; return true;
    case BK_NE: out->op = BK_EQ; return true;
    case BK_FEQ: out->op = BK_FNE; return true;
    case BK_FNE: out->op = BK_FEQ; return true;
    case BK_LT: out->op = BK_LE; break;
    case BK_LE: out->op = BK_LT; break;
    case BK_ULT: out->op = BK_ULE; break;
    case BK_ULE: out->op = BK_ULT; break;
    default: return false;
    }
    out->a = in->b;
    out->b = in->a;
    return true;
}

static uint32_t known(cse *x, bk_ref c) {
    if (c >= x->nins) return 0;
    if (x->known[c]) return x->known[c];
    bk_ins neg;
    bk_ref r = negation(&x->f->ins[c], &neg) ? find(x, &neg) : 0;
    return r && x->known[r] ? 3 - x->known[r] : 0;
}

static bool learn(cse *x, bk_ref c, bool holds) {
    const bk_ins in = x->f->ins[c];
    if (c >= x->nins || x->known[c]) return true;
    if (!set(x, &x->known[c], holds ? 1 : 2)) return false;
    if (in.op == BK_NOT) return learn(x, in.a, !holds);
    if ((in.op == BK_AND && holds) || (in.op == BK_OR && !holds)) return learn(x, in.a, holds) && learn(x, in.b, holds);
    return true;
}

/* operands of type i1 that are known here become constants */
static void use_known(cse *x, bk_ref r) {
    bk_fn *f = x->f;
    if (f->ins[r].op == BK_PHI || f->ins[r].op == BK_GUARD) return;
    for (uint32_t i = 0, n = bk_nopnds(f, r); i < n; i++) {
        bk_ref *p = bk_opnd(f, r, i), c = *p;
        if (!c || f->ins[c].type != BK_1 || bk_is_const(f, c)) continue;
        uint32_t k = known(x, c);
        if (!k) continue;
        bk_ref kb = bk_kb(f, k == 1);
        *bk_opnd(f, r, i) = kb;
        x->o->changed = true;
        x->o->st->cse++;
    }
}

static bool visit_guard(cse *x, bk_ref r) {
    bk_ref c = x->f->ins[r].a;
    if (known(x, c) == 1) {
        bk_drop(x->o, r);
        x->o->st->guards_removed++;
        return true;
    }
    return learn(x, c, true);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static bool same_address(const bk_ins *a, const bk_ins *b) {
    return a->a == b->a && a->b == b->b && a->imm == b->imm && (a->scale == b->scale || !a->b);
}

static bk_ref find_fact(cse *x, uint8_t class, const bk_ins *in) {
    for (uint32_t i = x->head[class]; i; i = x->facts[i - 1].next) {
        const fact *t = &x->facts[i - 1];
        if (t->live && t->at.op == in->op && t->at.mt == in->mt && same_address(&t->at, in)) return t->value;
    }
    return 0;
}

/* `class` again holds what `in` would read: `value` */
static bool add_fact(cse *x, uint8_t class, bk_ins in, bk_ref value) {
    if (!bk_grow(x->f, (void **)&x->facts, &x->factcap, x->nfacts + 1, sizeof *x->facts)) return false;
    x->facts[x->nfacts] = (fact){in, value, x->head[class], true};
    return set(x, &x->head[class], ++x->nfacts);
}

/* the live facts of a class are relinked without those that `w` may have changed */
static bool kill_some(cse *x, uint8_t class, const bk_ins *w) {
    uint32_t kept = 0, all = 0;
    for (uint32_t i = x->head[class]; i; i = x->facts[i - 1].next, all++) {
        const bk_ins *at = &x->facts[i - 1].at;
        bool keep = w->op == BK_HSTORE ? at->op == BK_HLOAD && at->imm != w->imm
                                       : at->op == BK_LOAD && bk_disjoint(x->f, at, w);
        kept += keep;
    }
    if (kept == all) return true;
    uint32_t from = x->head[class];
    if (!set(x, &x->head[class], 0)) return false;
    if (!kept) return true;
    /* copies, oldest first, so that undoing only has to put the head back */
    uint32_t *list = malloc(all * sizeof *list), n = 0;
    bool ok = list != NULL;
    for (uint32_t i = from; ok && i; i = x->facts[i - 1].next) list[n++] = i - 1;
    while (ok && n-- > 0) {
        fact t = x->facts[list[n]];
        bool keep = w->op == BK_HSTORE ? t.at.op == BK_HLOAD && t.at.imm != w->imm
                                       : t.at.op == BK_LOAD && bk_disjoint(x->f, &t.at, w);
        if (keep) ok = add_fact(x, class, t.at, t.value);
    }
    free(list);
    return ok;
}

static bool kill_classes(cse *x, bk_writes w) {
    for (uint8_t c = 0; c < BK_NALIAS; c++)
        if ((w.classes >> c & 1) && x->head[c] && !set(x, &x->head[c], 0)) return false;
    if (!w.home || (w.classes >> BK_A_HOME & 1)) return true;
    for (uint32_t i = x->head[BK_A_HOME]; i; i = x->facts[i - 1].next) {
        const bk_ins *at = &x->facts[i - 1].at;
        if (at->op == BK_LOAD || (w.home & bk_home_bit(at->imm))) return set(x, &x->head[BK_A_HOME], 0);
    }
    return true;
}

/* a stored value is what a load of the same type gives: narrow integers are not, they are cut */
static bool forwards(uint8_t mt) {
    return mt == BK_M_I64 || mt == BK_M_F64 || mt == BK_M_F32 || mt == BK_M_PTR || mt == BK_M_BOOL;
}

static bool visit_store(cse *x, bk_ref r) {
    bk_ins in = x->f->ins[r], load = in;
    bool home = in.op == BK_HSTORE;
    uint8_t class = home ? BK_A_HOME : in.alias;
    bk_ref value = home ? in.a : in.c;
    load.op = home ? BK_HLOAD : BK_LOAD;
    if (home) load.a = 0;
    load.c = 0;
    if (find_fact(x, class, &load) == value) { /* it holds that already */
        bk_drop(x->o, r);
        x->o->st->cse++;
        return true;
    }
    if (!kill_some(x, class, &in)) return false;
    return (!home && !forwards(in.mt)) || add_fact(x, class, load, value);
}

/* loads and what behaves like one: UNBOXF, and the guards whose answer memory holds */
static bool visit_load(cse *x, bk_ref r, uint8_t class) {
    bk_ins in = x->f->ins[r];
    bool guard = in.op == BK_GTYPE || in.op == BK_GVALID;
    bk_ref v = find_fact(x, class, &in);
    if (!v) return add_fact(x, class, in, r);
    if (guard) {
        x->o->st->guards_removed++;
    } else {
        bk_replace(x->o, r, v);
        x->o->st->cse++;
    }
    bk_drop(x->o, r);
    return true;
}

static bool box_fact(cse *x, bk_ref r) {
    bk_ins in = {.op = BK_UNBOXF, .a = r};
    return add_fact(x, BK_A_FLOAT, in, x->f->ins[r].a);
}

/* ---- the walk ----------------------------------------------------------------------------------------------- */

static bool visit(cse *x, bk_ref r) {
    bk_fn *f = x->f;
    bk_resolve_operands(x->o, r);
    use_known(x, r);
    canonical(f, r);
    const bk_ins *in = &f->ins[r];
    if (in->op == BK_STORE || in->op == BK_HSTORE) return visit_store(x, r);
    if (in->op == BK_GUARD) return visit_guard(x, r);
    uint8_t class = bk_reads_of(in);
    if (class < BK_NALIAS) return visit_load(x, r, class);
    bk_writes w = bk_writes_of(f, r);
    if ((w.classes || w.home) && !kill_classes(x, w)) return false;
    if (in->op == BK_BOXF) return box_fact(x, r);
    if (!numbered(f, r)) return true;
    bk_ref by = find(x, in);
    if (!by) return enter(x, r);
    if (bk_ops[in->op].flags & BK_OF_GUARD) x->o->st->guards_removed++;
    bk_replace(x->o, r, by);
    bk_drop(x->o, r);
    x->o->st->cse++;
    return true;
}

/* What may be written on any path from b's immediate dominator to b. */
static bk_writes writes_between(cse *x, bk_blk b) {
    bk_writes w = {0};
    bk_blk top = x->cfg->idom[b];
    uint32_t sp = 0, stamp = ++x->stamp;
    x->stack[sp++] = b;
    bool first = true;
    while (sp) {
        bk_blk n = x->stack[--sp];
        if (!first) {
            w.classes |= x->writes[n].classes;
            w.home |= x->writes[n].home;
        }
        if (n == b && !first) continue; /* its predecessors are on the way already */
        first = false;
        for (uint32_t i = 0; i < x->f->blocks[n].npreds; i++) {
            bk_blk p = x->f->blocks[n].preds[i];
            if (p == top || x->seen[p] == stamp || x->cfg->rpo_no[p] == BK_NONE) continue;
            x->seen[p] = stamp;
            x->stack[sp++] = p;
        }
    }
    return w;
}

/* on entry to b: what its only predecessor's branch decided, or what the paths to it destroyed */
static bool enter_block(cse *x, bk_blk b) {
    const bk_block *bl = &x->f->blocks[b];
    if (b == 0) return true;
    if (bl->npreds != 1) return kill_classes(x, writes_between(x, b));
    const bk_block *p = &x->f->blocks[bl->preds[0]];
    bk_ref t = p->ins[p->nins - 1];
    if (x->f->ins[t].op != BK_BR) return true;
    return learn(x, x->f->ins[t].a, p->succ[0] == b);
}

static bool walk(cse *x, bk_blk b) {
    uint32_t mark = x->nundos;
    if (!enter_block(x, b)) return false;
    bk_block *bl = &x->f->blocks[b];
    for (uint32_t i = 0; i < bl->nins; i++) {
        bk_ref r = bl->ins[i];
        if (!visit(x, r) || x->f->oom) return false;
        if (b == 0)
            while (bl->ins[i] != r) i++; /* constants were added at the start */
    }
    for (bk_blk c = x->cfg->child[b]; c != BK_NONE; c = x->cfg->sibling[c])
        if (!walk(x, c)) return false;
    roll_back(x, mark);
    return true;
}

static void block_writes(cse *x) {
    for (bk_blk n = 0; n < x->f->nblocks; n++)
        for (uint32_t i = 0; i < x->f->blocks[n].nins; i++) {
            bk_writes w = bk_writes_of(x->f, x->f->blocks[n].ins[i]);
            x->writes[n].classes |= w.classes;
            x->writes[n].home |= w.home;
        }
}

bool bk_pass_cse(bk_opt *o) {
    bk_fn *f = o->f;
    cse x = {.o = o, .f = f, .nins = f->nins, .mask = 63};
    while (x.mask < f->nins / 2) x.mask = x.mask * 2 + 1;
    x.cfg = bk_cfg_new(f);
    x.table = calloc(x.mask + 1, sizeof *x.table);
    /* room for the constants that use_known may add: at most the two truth values */
    x.chain = calloc(f->nins + 2, sizeof *x.chain);
    x.known = calloc(f->nins + 2, sizeof *x.known);
    x.writes = calloc(f->nblocks, sizeof *x.writes);
    x.seen = calloc(f->nblocks, sizeof *x.seen);
    x.stack = malloc(((size_t)f->nblocks + 1) * sizeof *x.stack);
    bool ok = x.cfg && x.table && x.chain && x.known && x.writes && x.seen && x.stack;
    if (ok) {
        block_writes(&x);
        ok = walk(&x, 0);
    }
    bk_cfg_free(x.cfg);
    free(x.table);
    free(x.chain);
    free(x.known);
    free(x.writes);
    free(x.seen);
    free(x.stack);
    free(x.facts);
    free(x.undos);
    return ok;
}
