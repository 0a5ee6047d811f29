/* The reference interpreter. Values are 64-bit words: i1 as 0 or 1, f64 and f32 by their bits. */
#include "eval.h"
#include "ir_priv.h"
#include <math.h>
#include <string.h>

static double as_f64(uint64_t v) {
    double d;
    memcpy(&d, &v, sizeof d);
    return d;
}
static uint64_t f64_bits(double d) {
    uint64_t v;
    memcpy(&v, &d, sizeof v);
    return v;
}
static float as_f32(uint64_t v) {
    uint32_t w = (uint32_t)v;
    float d;
    memcpy(&d, &w, sizeof d);
    return d;
}
static uint64_t f32_bits(float d) {
    uint32_t v;
    memcpy(&v, &d, sizeof v);
    return v;
}

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static uint64_t extend(uint8_t op, uint64_t v, int64_t bits) {
    if (bits <= 0 || bits >= 64) return v;
    v <<= 64 - bits;
    return op == BK_SEXT ? (uint64_t)((int64_t)v >> (64 - bits)) : v >> (64 - bits);
}

static bool int_op(const bk_ins *in, uint64_t a, uint64_t b, uint64_t *out) {
    int64_t x = (int64_t)a, y = (int64_t)b;
    switch (in->op) {
    case BK_ADD: *out = a + b; return true;
    case BK_SUB: *out = a - b; return true;
    case BK_MUL: *out = a * b; return true;
    /* what an unmet precondition gives is nobody's business, but must not trap here */
    case BK_IDIV: *out = y == 0 || (y == -1 && x == INT64_MIN) ? 0 : (uint64_t)floor_div(x, y); return true;
    case BK_IMOD: *out = y == 0 || y == -1 ? 0 : a - (uint64_t)floor_div(x, y) * b; return true;
    case BK_UDIV: *out = b ? a / b : 0; return true;
    case BK_UREM: *out = b ? a % b : 0; return true;
    case BK_AND: *out = a & b; return true;
    case BK_OR: *out = a | b; return true;
    case BK_XOR: *out = a ^ b; return true;
    case BK_SHL: *out = a << (b & 63); return true;
    case BK_SAR: *out = (uint64_t)(x >> (b & 63)); return true;
    case BK_SHR: *out = a >> (b & 63); return true;
    case BK_SEXT:
    case BK_ZEXT: *out = extend(in->op, a, in->imm); return true;
    case BK_CTZ: *out = a ? (uint64_t)__builtin_ctzll(a) : 64; return true;
    case BK_CLZ: *out = a ? (uint64_t)__builtin_clzll(a) : 64; return true;
    case BK_POPCNT: *out = (uint64_t)__builtin_popcountll(a); return true;
    case BK_EQ: *out = a == b; return true;
    case BK_NE: *out = a != b; return true;
    case BK_LT: *out = x < y; return true;
    case BK_LE: *out = x <= y; return true;
    case BK_GT: *out = x > y; return true;
    case BK_GE: *out = x >= y; return true;
    case BK_ULT: *out = a < b; return true;
    case BK_ULE: *out = a <= b; return true;
    case BK_NOT: *out = !a; return true;
    case BK_PADD: *out = a + b; return true;
    case BK_FBITS:
    case BK_BITSF:
    case BK_P2I:
    case BK_I2P:
    case BK_B2I: *out = a; return true;
    default: return false;
    }
}

static bool float_compare(uint8_t op, double x, double y, uint64_t *out) {
    switch (op) {
    case BK_FEQ: *out = x == y; return true;
    case BK_FNE: *out = x != y; return true;
    case BK_FLT: *out = x < y; return true;
    case BK_FLE: *out = x <= y; return true;
    case BK_FGT: *out = x > y; return true;
    case BK_FGE: *out = x >= y; return true;
    case BK_FFINITE: *out = isfinite(x); return true;
    default: return false;
    }
}

static bool f64_op(uint8_t op, double x, double y, double *out) {
    switch (op) {
    case BK_FADD: *out = x + y; return true;
    case BK_FSUB: *out = x - y; return true;
    case BK_FMUL: *out = x * y; return true;
    case BK_FDIV: *out = x / y; return true;
    case BK_FNEG: *out = -x; return true;
    case BK_FABS: *out = fabs(x); return true;
    case BK_FSQRT: *out = sqrt(x); return true;
    case BK_FFLOOR: *out = floor(x); return true;
    case BK_FCEIL: *out = ceil(x); return true;
    case BK_FTRUNC: *out = trunc(x); return true;
    case BK_FRINT: *out = nearbyint(x); return true;
    case BK_FCOPYSIGN: *out = copysign(x, y); return true;
    default: return false;
    }
}

static bool f32_op(uint8_t op, float x, float y, float *out) {
    switch (op) {
    case BK_FADD: *out = x + y; return true;
    case BK_FSUB: *out = x - y; return true;
    case BK_FMUL: *out = x * y; return true;
    case BK_FDIV: *out = x / y; return true;
    case BK_FSQRT: *out = sqrtf(x); return true;
    default: {
        double d; /* the rest is exact in double */
        if (!f64_op(op, x, y, &d)) return false;
        *out = (float)d;
        return true;
    }
    }
}

bool bk_eval_pure(const bk_fn *f, bk_ref r, uint64_t a, uint64_t b, uint64_t c, uint64_t *out) {
    const bk_ins *in = &f->ins[r];
    double d;
    float s;
    if (bk_is_const(f, r)) {
        *out = (uint64_t)in->imm;
        return true;
    }
    if (in->op == BK_SELECT) {
        *out = a ? b : c;
        return true;
    }
    if (int_op(in, a, b, out)) return true;
    bool single = in->a && f->ins[in->a].type == BK_S;
    if (single && float_compare(in->op, as_f32(a), as_f32(b), out)) return true;
    if (!single && float_compare(in->op, as_f64(a), as_f64(b), out)) return true;
    if (in->type == BK_S && single && f32_op(in->op, as_f32(a), as_f32(b), &s)) return *out = f32_bits(s), true;
    if (in->type == BK_F && f64_op(in->op, as_f64(a), as_f64(b), &d)) return *out = f64_bits(d), true;
    switch (in->op) {
    case BK_I2F: *out = f64_bits((double)(int64_t)a); return true;
    case BK_U2F: *out = f64_bits((double)a); return true;
    case BK_I2S: *out = f32_bits((float)(int64_t)a); return true;
    case BK_F2S: *out = f32_bits((float)as_f64(a)); return true;
    case BK_S2F: *out = f64_bits((double)as_f32(a)); return true;
    case BK_F2I:
        d = as_f64(a);
        *out = d > -9.2233720368547758e18 && d < 9.2233720368547758e18 ? (uint64_t)(int64_t)d : 0;
        return true;
    default: return false;
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static uint64_t load(const char *p, uint8_t mt) {
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 4, 8, 8, 1};
    uint64_t v = 0;
    memcpy(&v, p, sizes[mt]);
    switch (mt) {
    case BK_M_I8: return (uint64_t)(int64_t)(int8_t)v;
    case BK_M_I16: return (uint64_t)(int64_t)(int16_t)v;
    case BK_M_I32: return (uint64_t)(int64_t)(int32_t)v;
    case BK_M_BOOL: return v != 0;
    default: return v;
    }
}

static void store(char *p, uint8_t mt, uint64_t v) {
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 4, 8, 8, 1};
    memcpy(p, &v, sizes[mt]);
}

static char *address(const bk_eval *e, const bk_ins *in) {
    uint64_t p = e->vals[in->a] + (uint64_t)in->imm;
    if (in->b) p += e->vals[in->b] * in->scale;
    return (char *)(uintptr_t)p;
}

static void count(bk_eval *e, bk_ref a, int by) {
    char *p = (char *)(uintptr_t)e->vals[a];
    if (!p) return;
    int64_t n;
    memcpy(&n, p + e->refcnt_offset, sizeof n);
    n += by;
    memcpy(p + e->refcnt_offset, &n, sizeof n);
}

static uint64_t refill(bk_eval *e, const bk_ins *in) {
    char *p = (char *)(uintptr_t)e->vals[in->a];
    int64_t n;
    memcpy(&n, p + e->refcnt_offset, sizeof n);
    if (n != 1) return 0;
    memcpy(p + e->float_offset, &e->vals[in->b], 8);
    return 1;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

typedef enum { GO, LEAVE, STOP } step;

static step overflow_op(bk_eval *e, const bk_ins *in, uint64_t *out) {
    int64_t a = (int64_t)e->vals[in->a], b = (int64_t)e->vals[in->b], v = 0;
    bool over = in->op == BK_ADDOV   ? __builtin_add_overflow(a, b, &v)
                : in->op == BK_SUBOV ? __builtin_sub_overflow(a, b, &v)
                                     : __builtin_mul_overflow(a, b, &v);
    *out = (uint64_t)v;
    return over ? LEAVE : GO;
}

static step memory_op(bk_eval *e, bk_ref r, uint64_t *out) {
    const bk_ins *in = &e->f->ins[r];
    switch (in->op) {
    case BK_LOAD: *out = load(address(e, in), in->mt); return GO;
    case BK_STORE: store(address(e, in), in->mt, e->vals[in->c]); return GO;
    case BK_HLOAD: *out = (uint64_t)(uintptr_t)e->home[in->imm]; return GO;
    case BK_HSTORE: e->home[in->imm] = (void *)(uintptr_t)e->vals[in->a]; return GO;
    case BK_INCREF:
    case BK_XINCREF: count(e, in->a, 1); return GO;
    case BK_DECREFN:
    case BK_DECREFQ:
    case BK_XDECREFN: count(e, in->a, -1); return GO;
    case BK_DECREF:
    case BK_XDECREF:
        count(e, in->a, -1);
        if (e->call) e->call(e, r);
        return GO;
    case BK_REBOXF: *out = refill(e, in); return GO;
    case BK_UNBOXF: memcpy(out, (char *)(uintptr_t)e->vals[in->a] + e->float_offset, 8); return GO;
    default: return STOP;
    }
}

static step guard_op(bk_eval *e, bk_ref r, uint64_t *out) {
    const bk_ins *in = &e->f->ins[r];
    uint64_t t;
    int64_t v;
    switch (in->op) {
    case BK_GUARD: /* a test of a result may be made by a later one, which leaves to where this one would */
        if ((in->flags & BK_F_FPCHECK) && e->crossing) e->crossing(e, r, in->snap);
        return e->vals[in->a] ? GO : LEAVE;
    case BK_GTYPE:
        memcpy(&t, (char *)(uintptr_t)e->vals[in->a] + e->type_offset, sizeof t);
        return t == (uint64_t)in->imm ? GO : LEAVE;
    case BK_POLL:
        if (e->crossing) e->crossing(e, r, in->snap);
        return e->poll && e->poll(e, r) ? LEAVE : GO;
    case BK_GVALID: return GO;
    case BK_BOXF:
    case BK_BOXI:
    case BK_BOXB:
        if (!e->box) return STOP;
        *out = (uint64_t)(uintptr_t)e->box(e, r, e->vals[in->a]);
        return *out ? GO : LEAVE;
    case BK_UNBOXI:
        if (!e->unbox_int) return STOP;
        if (!e->unbox_int(e, (void *)(uintptr_t)e->vals[in->a], &v)) return LEAVE;
        *out = (uint64_t)v;
        return GO;
    default: return STOP;
    }
}

/* a promise that does not hold is a wrong pass */
static void check_nsw(bk_eval *e, bk_ref r) {
    const bk_ins *in = &e->f->ins[r];
    bk_ins checked = *in;
    uint64_t v;
    if (!(in->flags & BK_F_NSW) || in->op > BK_MUL) return;
    checked.op = (uint8_t)(in->op - BK_ADD + BK_ADDOV);
    if (overflow_op(e, &checked, &v) == LEAVE) e->broken = r;
}

static step execute(bk_eval *e, bk_ref r) {
    const bk_ins *in = &e->f->ins[r];
    uint64_t *out = &e->vals[r], scratch = 0;
    if (in->type == BK_V) out = &scratch;
    if (in->op == BK_NOP || in->op == BK_SETIP) return GO;
    if (in->op >= BK_ADDOV && in->op <= BK_MULOV) return overflow_op(e, in, out);
    check_nsw(e, r);
    if (in->op == BK_CALL) {
        if (!e->call) return STOP;
        *out = e->call(e, r);
        return GO;
    }
    if (in->op == BK_UNDOLOG) {
        static _Alignas(64) char undo_log[BK_UNDO_BYTES];
        *out = (uint64_t)(uintptr_t)(undo_log + in->imm);
        return GO;
    }
    if (in->op == BK_STAGE) {
        static _Alignas(64) char stages[BK_STAGES][BK_STAGE_BYTES];
        *out = (uint64_t)(uintptr_t)stages[in->imm];
        return GO;
    }
    if (bk_ops[in->op].nargs != '*' && bk_eval_pure(e->f, r, e->vals[in->a], e->vals[in->b], e->vals[in->c], out))
        return GO;
    step s = memory_op(e, r, out);
    return s == STOP ? guard_op(e, r, out) : s;
}

/* phis take their values all at once */
static bool enter(bk_eval *e, bk_blk b, bk_blk from) {
    const bk_block *bl = &e->f->blocks[b];
    uint64_t now[64];
    uint32_t k = 0, n = 0;
    while (k < bl->npreds && bl->preds[k] != from) k++;
    for (; n < bl->nins && e->f->ins[bl->ins[n]].op == BK_PHI; n++) {
        if (n == 64) return false;
        now[n] = e->vals[e->f->args[e->f->ins[bl->ins[n]].a + k]];
    }
    for (uint32_t i = 0; i < n; i++) e->vals[bl->ins[i]] = now[i];
    return true;
}

bk_ref bk_eval_run(bk_eval *e) {
    bk_blk b = 0;
    for (;;) {
        const bk_block *bl = &e->f->blocks[b];
        for (uint32_t i = 0; i + 1 < bl->nins; i++) {
            bk_ref r = bl->ins[i];
            if (e->f->ins[r].op == BK_PHI) continue;
            if (!e->steps--) return e->steps = 0;
            step s = execute(e, r);
            if (s == LEAVE) return r;
            if (s == STOP) return 0;
        }
        if (!bl->nins || !e->steps--) return e->steps = 0;
        bk_ref t = bl->ins[bl->nins - 1];
        if (e->f->ins[t].op == BK_EXIT) return t;
        if (bl->preheader && e->crossing) e->crossing(e, t, bl->entry_snap);
        bk_blk to = bl->succ[e->f->ins[t].op == BK_BR && !e->vals[e->f->ins[t].a]];
        if (!enter(e, to, b)) return 0;
        b = to;
    }
}
