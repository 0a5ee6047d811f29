/* Random functions, compiled and run against the reference interpreter: same exit, same values, same memory.
 * Usage: test_lower_random BACKEND [functions [first seed]] */
#include "lower_harness.h"
#include "eval.h"
#include "lower_gen.h"
#include <math.h>

enum { INPUTS = 6, WORDS = 64, POOL = 400 };

typedef struct {
    bk_fn *f;
    bk_blk b;
    bk_ref pool[POOL]; /* what may be used here */
    uint32_t n;
    bk_ref ints, floats; /* two arrays of WORDS words */
    int budget;
} gen;

static uint64_t seed;
static uint32_t rnd(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static void keep(gen *g, bk_ref r) {
    if (g->n < POOL) g->pool[g->n++] = r;
}

static bk_ref literal(gen *g, bk_type t) {
    static const int64_t ints[] = {0, 1, -1, 2, 3, 7, 8, 64, 100, -5, 1 << 20, INTMAX, INTMIN};
    static const double floats[] = {0, 1, -1, 0.5, 3.25, -0.0, 1e10, -1e-3, 1e300};
    if (t == BK_I) return bk_ki(g->f, ints[rnd(13)]);
    if (t == BK_F) return bk_kf(g->f, floats[rnd(9)]);
    if (t == BK_1) return bk_kb(g->f, rnd(2));
    return bk_emit(g->f, g->b, BK_F2S, BK_S, literal(g, BK_F), 0, 0);
}

/* a value of type t, recent ones more often */
static bk_ref pick(gen *g, bk_type t) {
    for (int k = 0; k < 12 && g->n; k++) {
        uint32_t near = rnd(2) ? g->n : g->n < 12 ? g->n : 12;
        bk_ref r = g->pool[g->n - 1 - rnd(near)];
        if (g->f->ins[r].type == t) return r;
    }
    return literal(g, t);
}

static bk_ref op(gen *g, bk_op o, bk_type t, bk_ref a, bk_ref b) { return bk_emit(g->f, g->b, o, t, a, b, 0); }

/* not a NaN: whose sign and payload are nobody's promise */
static bk_ref number(gen *g, bk_ref x) {
    return bk_emit(g->f, g->b, BK_SELECT, BK_F, op(g, BK_FEQ, BK_1, x, x), x, bk_kf(g->f, 1));
}

static uint32_t snapshot(gen *g) {
    bk_ref v[8];
    uint32_t n = 1 + rnd(8);
    for (uint32_t k = 0; k < n; k++) v[k] = g->pool[rnd(g->n)];
    return gen_snap(g->f, v, n);
}

static bk_ref guarded(gen *g, bk_op o, bk_type t, bk_ref a, bk_ref b) {
    uint32_t s = snapshot(g);
    bk_ref r = op(g, o, t, a, b);
    g->f->ins[r].snap = s;
    return r;
}

static bk_ref divide(gen *g) {
    static const bk_op ops[] = {BK_IDIV, BK_IMOD, BK_UDIV, BK_UREM};
    static const int64_t by[] = {1, 2, 3, -3, 7, 8, -8, 1000, 1024, INTMIN, INTMAX};
    bk_ref b = bk_ki(g->f, by[rnd(11)]);
    if (rnd(2)) { /* neither 0 nor -1 */
        bk_ref low = op(g, BK_AND, BK_I, pick(g, BK_I), bk_ki(g->f, 0xffff));
        b = rnd(2) ? op(g, BK_OR, BK_I, low, bk_ki(g->f, 1)) : op(g, BK_SUB, BK_I, bk_ki(g->f, -2), low);
    }
    return op(g, ops[rnd(4)], BK_I, pick(g, BK_I), b);
}

static bk_ref integer(gen *g) {
    static const bk_op two[] = {BK_ADD, BK_SUB, BK_MUL, BK_AND, BK_OR, BK_XOR};
    static const bk_op one[] = {BK_CTZ, BK_CLZ, BK_POPCNT};
    static const bk_op shifts[] = {BK_SHL, BK_SAR, BK_SHR};
    bk_ref a = pick(g, BK_I), b = pick(g, BK_I), r;
    switch (rnd(9)) {
    case 0: return divide(g);
    case 1: return op(g, one[rnd(3)], BK_I, a, 0);
    case 2:
        return op(g, shifts[rnd(3)], BK_I, a, rnd(2) ? bk_ki(g->f, rnd(64)) : op(g, BK_AND, BK_I, b, bk_ki(g->f, 63)));
    case 3:
        r = op(g, rnd(2) ? BK_SEXT : BK_ZEXT, BK_I, a, 0);
        g->f->ins[r].imm = 8 << rnd(3);
        return r;
    case 4: return guarded(g, (bk_op)(BK_ADDOV + rnd(3)), BK_I, a, b);
    case 5: return op(g, BK_B2I, BK_I, pick(g, BK_1), 0);
    case 6: return bk_emit(g->f, g->b, BK_SELECT, BK_I, pick(g, BK_1), a, b);
    case 7: return op(g, BK_F2I, BK_I, op(g, BK_I2F, BK_F, op(g, BK_SAR, BK_I, a, bk_ki(g->f, 2)), 0), 0);
    default: return op(g, two[rnd(6)], BK_I, a, b);
    }
}

static bk_ref floating(gen *g) {
    static const bk_op two[] = {BK_FADD, BK_FSUB, BK_FMUL, BK_FDIV};
    static const bk_op one[] = {BK_FNEG, BK_FABS, BK_FSQRT, BK_FFLOOR, BK_FCEIL, BK_FTRUNC, BK_FRINT};
    bk_type t = rnd(4) ? BK_F : BK_S;
    switch (rnd(6)) {
    case 0: return op(g, one[rnd(7)], t, pick(g, t), 0);
    case 1: return op(g, rnd(2) ? BK_I2F : BK_U2F, BK_F, pick(g, BK_I), 0);
    case 2: return op(g, BK_FCOPYSIGN, BK_F, pick(g, BK_F), number(g, pick(g, BK_F)));
    case 3: return rnd(2) ? op(g, BK_F2S, BK_S, pick(g, BK_F), 0) : op(g, BK_S2F, BK_F, pick(g, BK_S), 0);
    case 4:
        return rnd(2) ? op(g, BK_I2S, BK_S, pick(g, BK_I), 0)
                      : bk_emit(g->f, g->b, BK_SELECT, t, pick(g, BK_1), pick(g, t), pick(g, t));
    default: return op(g, two[rnd(4)], t, pick(g, t), pick(g, t));
    }
}

static bk_ref boolean(gen *g) {
    static const bk_op logic[] = {BK_AND, BK_OR, BK_XOR, BK_EQ, BK_NE};
    switch (rnd(4)) {
    case 0: return op(g, logic[rnd(5)], BK_1, pick(g, BK_1), pick(g, BK_1));
    case 1: return rnd(2) ? op(g, BK_NOT, BK_1, pick(g, BK_1), 0) : op(g, BK_FFINITE, BK_1, pick(g, BK_F), 0);
    case 2: return op(g, (bk_op)(BK_FEQ + rnd(6)), BK_1, pick(g, BK_F), pick(g, BK_F));
    default: return op(g, (bk_op)(BK_EQ + rnd(8)), BK_1, pick(g, BK_I), pick(g, BK_I));
    }
}

static void memory(gen *g) {
    static const bk_memtype types[] = {BK_M_I8, BK_M_U8, BK_M_I16, BK_M_U16, BK_M_I32, BK_M_U32, BK_M_I64};
    bk_ref i = op(g, BK_AND, BK_I, pick(g, BK_I), bk_ki(g->f, WORDS / 2 - 1));
    int64_t off = 8 * rnd(WORDS / 2);
    bk_memtype m = types[rnd(7)];
    switch (rnd(4)) {
    case 0: keep(g, bk_load(g->f, g->b, m, BK_A_DATA, g->ints, i, 8, off)); break;
    case 1: bk_store(g->f, g->b, m, BK_A_DATA, g->ints, i, 8, off, pick(g, BK_I)); break;
    case 2: keep(g, bk_load(g->f, g->b, BK_M_F64, BK_A_ITEMS, g->floats, i, 8, off)); break;
    default: bk_store(g->f, g->b, BK_M_F64, BK_A_ITEMS, g->floats, i, 8, off, pick(g, BK_F));
    }
}

static void statements(gen *g, int depth);

static void jump(gen *g, bk_blk from, bk_blk to) {
    bk_emit(g->f, from, BK_JMP, BK_V, 0, 0, 0);
    bk_edge(g->f, from, to);
}

static void branch(gen *g, bk_ref cond, bk_blk yes, bk_blk no) {
    bk_emit(g->f, g->b, BK_BR, BK_V, cond, 0, 0);
    bk_edge(g->f, g->b, yes);
    bk_edge(g->f, g->b, no);
    g->f->blocks[g->b].prob[0] = rnd(16);
    g->f->blocks[g->b].prob[1] = rnd(16);
}

/* if and else that meet in phis */
static void diamond(gen *g, int depth) {
    bk_type t[2] = {BK_I, BK_F};
    bk_ref v[2][2], phi;
    bk_blk side[2] = {bk_block_new(g->f), bk_block_new(g->f)}, meet = bk_block_new(g->f);
    uint32_t n = g->n;
    branch(g, pick(g, BK_1), side[0], side[1]);
    for (int s = 0; s < 2; s++) {
        g->b = side[s];
        g->n = n;
        statements(g, depth + 1);
        for (int k = 0; k < 2; k++) v[k][s] = pick(g, t[k]);
        jump(g, g->b, meet);
    }
    g->b = meet;
    g->n = n;
    for (int k = 0; k < 2; k++) {
        phi = bk_phi(g->f, meet, t[k]);
        for (int s = 0; s < 2; s++) bk_phi_add(g->f, phi, v[k][s]);
        keep(g, phi);
    }
}

/* a counted loop that carries an int, a float and a bool */
static void loop(gen *g, int depth) {
    bk_type t[4] = {BK_I, BK_I, BK_F, BK_1};
    bk_ref phi[4], next[4];
    bk_blk head = bk_block_new(g->f), body = bk_block_new(g->f), after = bk_block_new(g->f);
    uint32_t n = g->n;
    g->f->blocks[g->b].preheader = true;
    g->f->blocks[g->b].entry_snap = snapshot(g);
    for (int k = 0; k < 4; k++) next[k] = k ? pick(g, t[k]) : bk_ki(g->f, 0);
    jump(g, g->b, head);
    g->f->blocks[head].header = true;
    for (int k = 0; k < 4; k++) {
        phi[k] = bk_phi(g->f, head, t[k]);
        bk_phi_add(g->f, phi[k], next[k]);
        keep(g, phi[k]);
    }
    uint32_t kept = g->n;
    g->b = head;
    branch(g, op(g, BK_LT, BK_1, phi[0], bk_ki(g->f, 1 + rnd(20))), body, after);
    g->b = body;
    statements(g, depth + 1);
    next[0] = op(g, BK_ADD, BK_I, phi[0], bk_ki(g->f, 1));
    g->f->ins[next[0]].flags |= BK_F_NSW;
    for (int k = 1; k < 4; k++) next[k] = pick(g, t[k]);
    if (!rnd(4)) guarded(g, BK_POLL, BK_V, 0, 0);
    jump(g, g->b, head);
    for (int k = 0; k < 4; k++) bk_phi_add(g->f, phi[k], next[k]);
    g->b = after;
    g->n = kept;
    (void)n;
}

static void statements(gen *g, int depth) {
    for (int k = 2 + (int)rnd(8); k > 0 && g->budget-- > 0; k--) {
        switch (rnd(12)) {
        case 0: depth < 3 ? loop(g, depth) : keep(g, integer(g)); break;
        case 1: depth < 3 ? diamond(g, depth) : keep(g, floating(g)); break;
        case 2:
            if (!rnd(4)) guarded(g, BK_GUARD, BK_V, pick(g, BK_1), 0);
            break;
        case 3:
        case 4: memory(g); break;
        case 5:
        case 6: keep(g, boolean(g)); break;
        case 7:
        case 8: keep(g, floating(g)); break;
        default: keep(g, integer(g));
        }
    }
}

static bk_ref input(gen *g, int64_t slot) {
    bk_ref h = op(g, BK_HLOAD, BK_P, 0, 0);
    g->f->ins[h].imm = slot;
    return h;
}

static bk_fn *random_function(void) {
    gen g = {.f = bk_fn_new("random"), .budget = 40};
    if (!g.f) abort();
    g.f->nhome = INPUTS + 2;
    g.f->ncodes = 1;
    g.b = bk_block_new(g.f);
    g.ints = input(&g, INPUTS);
    g.floats = input(&g, INPUTS + 1);
    for (int k = 0; k < INPUTS; k++) {
        keep(&g, op(&g, BK_P2I, BK_I, input(&g, k), 0));
        if (k & 1) keep(&g, op(&g, BK_BITSF, BK_F, g.pool[g.n - 1], 0));
    }
    for (int k = 0; k < 4; k++) statements(&g, 0);
    uint32_t s = gen_snap(g.f, g.pool, g.n < 40 ? g.n : 40);
    bk_ref leave = bk_emit(g.f, g.b, BK_EXIT, BK_V, 0, 0, 0);
    g.f->ins[leave].snap = s;
    return g.f;
}

typedef struct {
    uint64_t ints[WORDS], floats[WORDS];
    void *home[INPUTS + 2];
} world;

static void make_world(world *w, uint64_t s) {
    static const double floats[] = {1.5, -2.25, 0, 1e5, 3e-3, 7};
    static const int64_t ints[] = {0, 1, -1, 5, 100, INTMAX, INTMIN, 12345678901};
    seed = s;
    for (int k = 0; k < WORDS; k++)
        w->ints[k] = (uint64_t)ints[rnd(8)] + rnd(3), w->floats[k] = bits_of(floats[rnd(6)]);
    for (int k = 0; k < INPUTS; k++) w->home[k] = (void *)(k & 1 ? bits_of(floats[rnd(6)]) : (uint64_t)ints[rnd(8)]);
    w->home[INPUTS] = w->ints;
    w->home[INPUTS + 1] = w->floats;
}

static bool never(bk_eval *e, bk_ref r) { return (void)e, (void)r, false; }

/* the reference's value as the exit buffer writes it */
static uint64_t as_word(const bk_fn *f, bk_ref r, uint64_t v) {
    float s;
    if (f->ins[r].type != BK_S) return v;
    memcpy(&s, &v, 4);
    return bits_of(s);
}

static bool same_values(const unit *u, const outcome *r, const bk_eval *e) {
    const bk_sframe *f = &u->fn->sframes[u->fn->snaps[r->snap].frame];
    for (uint32_t k = 0; k < f->nslots; k++) {
        bk_ref a = u->fn->slots[f->first + k].a;
        uint64_t want = as_word(u->fn, a, e->vals[a]), got = operand(r, k, 0);
        bool fl = u->fn->ins[a].type == BK_F || u->fn->ins[a].type == BK_S;
        if (fl ? !same_double(got, want) : got != want) {
            printf("v%u is 0x%" PRIx64 ", expected 0x%" PRIx64 "\n", a, got, want);
            return false;
        }
    }
    return true;
}

static bool same_memory(const world *a, const world *b) {
    bool same = memcmp(a->ints, b->ints, sizeof a->ints) == 0;
    for (int k = 0; k < WORDS; k++) same &= same_double(a->floats[k], b->floats[k]);
    return same;
}

static void compare(const unit *u, uint64_t *vals, uint64_t s, uint64_t which) {
    world native, reference;
    make_world(&native, s);
    make_world(&reference, s);
    bk_eval e = {.f = u->fn, .home = reference.home, .vals = vals, .steps = 2000000, .poll = never};
    bk_ref left = bk_eval_run(&e);
    if (!left) return; /* too long */
    outcome r = run(u, native.home);
    bool ok = u->code.exits[r.exit].ins == left && same_values(u, &r, &e) && same_memory(&native, &reference);
    check(ok, "random", "seed %" PRIu64 ", input %" PRIu64 ": left by v%u, expected v%u", which, s,
          u->code.exits[r.exit].ins, left);
    if (!ok && failed < 3) bk_print(u->fn, stdout);
}

static void one(uint64_t which) {
    char err[500];
    unit u = {0};
    bk_compile_opts o = options();
    seed = which * 0x9e3779b97f4a7c15u + 1;
    u.fn = random_function();
    const char *bad = bk_verify(u.fn);
    uint64_t *vals = calloc(u.fn->nins, sizeof *vals);
    if (!vals) abort();
    for (uint32_t k = 1; k < u.fn->nins; k++) vals[k] = (uint64_t)u.fn->ins[k].imm; /* constants */
    if (bad || backend->compile(u.fn, &o, &u.code, err, sizeof err)) {
        check(false, "random", "seed %" PRIu64 ": %s", which, bad ? bad : err);
        bk_fn_free(u.fn);
    } else {
        for (uint64_t k = 1; k <= 6; k++) compare(&u, vals, k * 77 + which, which);
        drop(&u);
    }
    free(vals);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : 300, first = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    for (uint64_t k = first; k < first + n; k++) {
        level = (int)(k % 3);
        one(k);
    }
    return finish();
}
