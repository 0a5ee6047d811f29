/* Every arithmetic operation, comparison and conversion, at edge values, against C references of Python's semantics;
 * operands from memory and as constants. */
#include "lower_harness.h"
#include <math.h>

static const int64_t ints[] = {0,
                               1,
                               -1,
                               2,
                               -2,
                               3,
                               -3,
                               7,
                               -7,
                               10,
                               63,
                               64,
                               255,
                               256,
                               -128,
                               65535,
                               INT32_MAX,
                               INT32_MIN,
                               (int64_t)1 << 53,
                               INTMAX,
                               INTMIN,
                               INTMAX - 1,
                               INTMIN + 1,
                               0x123456789abcdef};
enum { NINTS = sizeof ints / sizeof *ints };
static double floats[] = {0.0,  -0.0,  1.0,    -1.0,   0.5,  1.5, 2.5,      -2.5,      3.7,
                          -3.7, 1e300, -1e300, 5e-324, 1e17, NAN, INFINITY, -INFINITY, 4503599627370497.5,
                          0.1};
enum { NFLOATS = sizeof floats / sizeof *floats };

typedef struct {
    bool leaves, skip; /* leaves by the guard; not defined for these operands */
    uint64_t v;
} result;
typedef result (*ref2)(uint64_t, uint64_t);

#define I(x) ((int64_t)(x))
#define VALUE(x) ((result){.v = (uint64_t)(x)})
#define FVALUE(x) ((result){.v = bits_of(x)})
static result r_add(uint64_t a, uint64_t b) { return VALUE(a + b); }
static result r_sub(uint64_t a, uint64_t b) { return VALUE(a - b); }
static result r_mul(uint64_t a, uint64_t b) { return VALUE(a * b); }
static result r_addov(uint64_t a, uint64_t b) {
    int64_t v;
    return (result){.leaves = __builtin_add_overflow(I(a), I(b), &v), .v = (uint64_t)v};
}
static result r_subov(uint64_t a, uint64_t b) {
    int64_t v;
    return (result){.leaves = __builtin_sub_overflow(I(a), I(b), &v), .v = (uint64_t)v};
}
static result r_mulov(uint64_t a, uint64_t b) {
    int64_t v;
    return (result){.leaves = __builtin_mul_overflow(I(a), I(b), &v), .v = (uint64_t)v};
}
/* floor by 128-bit arithmetic, independent of how lowering does it */
static __int128 floor_div(__int128 a, __int128 b) {
    __int128 q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
static result r_idiv(uint64_t a, uint64_t b) {
    if (!b || (I(a) == INTMIN && I(b) == -1)) return (result){.skip = true};
    return VALUE((int64_t)floor_div(I(a), I(b)));
}
static result r_imod(uint64_t a, uint64_t b) {
    if (!b || (I(a) == INTMIN && I(b) == -1)) return (result){.skip = true};
    return VALUE((int64_t)(I(a) - floor_div(I(a), I(b)) * I(b)));
}
static result r_udiv(uint64_t a, uint64_t b) { return b ? VALUE(a / b) : (result){.skip = true}; }
static result r_urem(uint64_t a, uint64_t b) { return b ? VALUE(a % b) : (result){.skip = true}; }
static result r_and(uint64_t a, uint64_t b) { return VALUE(a & b); }
static result r_or(uint64_t a, uint64_t b) { return VALUE(a | b); }
static result r_xor(uint64_t a, uint64_t b) { return VALUE(a ^ b); }
static result r_shl(uint64_t a, uint64_t b) { return b < 64 ? VALUE(a << b) : (result){.skip = true}; }
static result r_sar(uint64_t a, uint64_t b) { return b < 64 ? VALUE(I(a) >> b) : (result){.skip = true}; }
static result r_shr(uint64_t a, uint64_t b) { return b < 64 ? VALUE(a >> b) : (result){.skip = true}; }
static result r_eq(uint64_t a, uint64_t b) { return VALUE(a == b); }
static result r_ne(uint64_t a, uint64_t b) { return VALUE(a != b); }
static result r_lt(uint64_t a, uint64_t b) { return VALUE(I(a) < I(b)); }
static result r_le(uint64_t a, uint64_t b) { return VALUE(I(a) <= I(b)); }
static result r_gt(uint64_t a, uint64_t b) { return VALUE(I(a) > I(b)); }
static result r_ge(uint64_t a, uint64_t b) { return VALUE(I(a) >= I(b)); }
static result r_ult(uint64_t a, uint64_t b) { return VALUE(a < b); }
static result r_ule(uint64_t a, uint64_t b) { return VALUE(a <= b); }
static result r_sext8(uint64_t a, uint64_t b) { return (void)b, VALUE((int8_t)a); }
static result r_sext16(uint64_t a, uint64_t b) { return (void)b, VALUE((int16_t)a); }
static result r_sext32(uint64_t a, uint64_t b) { return (void)b, VALUE((int32_t)a); }
static result r_zext8(uint64_t a, uint64_t b) { return (void)b, VALUE((uint8_t)a); }
static result r_zext16(uint64_t a, uint64_t b) { return (void)b, VALUE((uint16_t)a); }
static result r_zext32(uint64_t a, uint64_t b) { return (void)b, VALUE((uint32_t)a); }
static result r_ctz(uint64_t a, uint64_t b) { return (void)b, VALUE(a ? __builtin_ctzll(a) : 64); }
static result r_clz(uint64_t a, uint64_t b) { return (void)b, VALUE(a ? __builtin_clzll(a) : 64); }
static result r_popcnt(uint64_t a, uint64_t b) { return (void)b, VALUE(__builtin_popcountll(a)); }
static result r_i2f(uint64_t a, uint64_t b) { return (void)b, FVALUE((double)I(a)); }
static result r_u2f(uint64_t a, uint64_t b) { return (void)b, FVALUE((double)a); }
static result r_i2s(uint64_t a, uint64_t b) { return (void)b, FVALUE((float)I(a)); }
static result r_same(uint64_t a, uint64_t b) { return (void)b, VALUE(a); }

#define D(x) double_of(x)
#define S(x) ((float)D(x))
static result r_fadd(uint64_t a, uint64_t b) { return FVALUE(D(a) + D(b)); }
static result r_fsub(uint64_t a, uint64_t b) { return FVALUE(D(a) - D(b)); }
static result r_fmul(uint64_t a, uint64_t b) { return FVALUE(D(a) * D(b)); }
static result r_fdiv(uint64_t a, uint64_t b) { return FVALUE(D(a) / D(b)); }
static result r_fcopysign(uint64_t a, uint64_t b) { return FVALUE(copysign(D(a), D(b))); }
static result r_fneg(uint64_t a, uint64_t b) { return (void)b, FVALUE(-D(a)); }
static result r_fabs(uint64_t a, uint64_t b) { return (void)b, FVALUE(fabs(D(a))); }
static result r_fsqrt(uint64_t a, uint64_t b) { return (void)b, FVALUE(sqrt(D(a))); }
static result r_ffloor(uint64_t a, uint64_t b) { return (void)b, FVALUE(floor(D(a))); }
static result r_fceil(uint64_t a, uint64_t b) { return (void)b, FVALUE(ceil(D(a))); }
static result r_ftrunc(uint64_t a, uint64_t b) { return (void)b, FVALUE(trunc(D(a))); }
static result r_frint(uint64_t a, uint64_t b) { return (void)b, FVALUE(rint(D(a))); }
static result r_f2i(uint64_t a, uint64_t b) {
    (void)b;
    if (!(D(a) >= -9223372036854775808.0 && D(a) < 9223372036854775808.0)) return (result){.skip = true};
    return VALUE((int64_t)D(a));
}
static result r_f2s(uint64_t a, uint64_t b) { return (void)b, FVALUE(S(a)); }
static result r_feq(uint64_t a, uint64_t b) { return VALUE(D(a) == D(b)); }
static result r_fne(uint64_t a, uint64_t b) { return VALUE(D(a) != D(b)); }
static result r_flt(uint64_t a, uint64_t b) { return VALUE(D(a) < D(b)); }
static result r_fle(uint64_t a, uint64_t b) { return VALUE(D(a) <= D(b)); }
static result r_fgt(uint64_t a, uint64_t b) { return VALUE(D(a) > D(b)); }
static result r_fge(uint64_t a, uint64_t b) { return VALUE(D(a) >= D(b)); }
static result r_ffinite(uint64_t a, uint64_t b) { return (void)b, VALUE(isfinite(D(a)) != 0); }
/* single precision: operands rounded first, result read as a double */
static result r_sadd(uint64_t a, uint64_t b) { return FVALUE(S(a) + S(b)); }
static result r_ssub(uint64_t a, uint64_t b) { return FVALUE(S(a) - S(b)); }
static result r_smul(uint64_t a, uint64_t b) { return FVALUE(S(a) * S(b)); }
static result r_sdiv(uint64_t a, uint64_t b) { return FVALUE(S(a) / S(b)); }
static result r_scopysign(uint64_t a, uint64_t b) { return FVALUE(copysignf(S(a), S(b))); }
static result r_sneg(uint64_t a, uint64_t b) { return (void)b, FVALUE(-S(a)); }
static result r_sabs(uint64_t a, uint64_t b) { return (void)b, FVALUE(fabsf(S(a))); }
static result r_ssqrt(uint64_t a, uint64_t b) { return (void)b, FVALUE(sqrtf(S(a))); }
static result r_sfloor(uint64_t a, uint64_t b) { return (void)b, FVALUE(floorf(S(a))); }
static result r_srint(uint64_t a, uint64_t b) { return (void)b, FVALUE(rintf(S(a))); }
static result r_slt(uint64_t a, uint64_t b) { return VALUE(S(a) < S(b)); }
static result r_sfinite(uint64_t a, uint64_t b) { return (void)b, VALUE(isfinite(S(a)) != 0); }

/* operand type i, f or s; result type; `imm` is printed behind the operands */
typedef struct {
    const char *op, *imm;
    char in, out;
    int n;
    ref2 ref;
} operation;

static const operation operations[] = {
    {"add", "", 'i', 'i', 2, r_add},
    {"sub", "", 'i', 'i', 2, r_sub},
    {"mul", "", 'i', 'i', 2, r_mul},
    {"add.ov", " -> s2", 'i', 'i', 2, r_addov},
    {"sub.ov", " -> s2", 'i', 'i', 2, r_subov},
    {"mul.ov", " -> s2", 'i', 'i', 2, r_mulov},
    {"idiv", "", 'i', 'i', 2, r_idiv},
    {"imod", "", 'i', 'i', 2, r_imod},
    {"udiv", "", 'i', 'i', 2, r_udiv},
    {"urem", "", 'i', 'i', 2, r_urem},
    {"and.i", "", 'i', 'i', 2, r_and},
    {"or.i", "", 'i', 'i', 2, r_or},
    {"xor.i", "", 'i', 'i', 2, r_xor},
    {"shl", "", 'i', 'i', 2, r_shl},
    {"sar", "", 'i', 'i', 2, r_sar},
    {"shr", "", 'i', 'i', 2, r_shr},
    {"sext", " 8", 'i', 'i', 1, r_sext8},
    {"sext", " 16", 'i', 'i', 1, r_sext16},
    {"sext", " 32", 'i', 'i', 1, r_sext32},
    {"zext", " 8", 'i', 'i', 1, r_zext8},
    {"zext", " 16", 'i', 'i', 1, r_zext16},
    {"zext", " 32", 'i', 'i', 1, r_zext32},
    {"ctz", "", 'i', 'i', 1, r_ctz},
    {"clz", "", 'i', 'i', 1, r_clz},
    {"popcnt", "", 'i', 'i', 1, r_popcnt},
    {"i2f", "", 'i', 'f', 1, r_i2f},
    {"u2f", "", 'i', 'f', 1, r_u2f},
    {"i2s", "", 'i', 's', 1, r_i2s},
    {"bitsf", "", 'i', 'f', 1, r_same},
    {"i2p", "", 'i', 'p', 1, r_same},
    {"eq", "", 'i', '1', 2, r_eq},
    {"ne", "", 'i', '1', 2, r_ne},
    {"lt", "", 'i', '1', 2, r_lt},
    {"le", "", 'i', '1', 2, r_le},
    {"gt", "", 'i', '1', 2, r_gt},
    {"ge", "", 'i', '1', 2, r_ge},
    {"ult", "", 'i', '1', 2, r_ult},
    {"ule", "", 'i', '1', 2, r_ule},
    {"eq", "", 'p', '1', 2, r_eq},
    {"ne", "", 'p', '1', 2, r_ne},
    {"p2i", "", 'p', 'i', 1, r_same},
    {"fadd.f", "", 'f', 'f', 2, r_fadd},
    {"fsub.f", "", 'f', 'f', 2, r_fsub},
    {"fmul.f", "", 'f', 'f', 2, r_fmul},
    {"fdiv.f", "", 'f', 'f', 2, r_fdiv},
    {"fcopysign.f", "", 'f', 'f', 2, r_fcopysign},
    {"fneg.f", "", 'f', 'f', 1, r_fneg},
    {"fabs.f", "", 'f', 'f', 1, r_fabs},
    {"fsqrt.f", "", 'f', 'f', 1, r_fsqrt},
    {"ffloor.f", "", 'f', 'f', 1, r_ffloor},
    {"fceil.f", "", 'f', 'f', 1, r_fceil},
    {"ftrunc.f", "", 'f', 'f', 1, r_ftrunc},
    {"frint.f", "", 'f', 'f', 1, r_frint},
    {"f2i", "", 'f', 'i', 1, r_f2i},
    {"f2s", "", 'f', 's', 1, r_f2s},
    {"fbits", "", 'f', 'i', 1, r_same},
    {"feq", "", 'f', '1', 2, r_feq},
    {"fne", "", 'f', '1', 2, r_fne},
    {"flt", "", 'f', '1', 2, r_flt},
    {"fle", "", 'f', '1', 2, r_fle},
    {"fgt", "", 'f', '1', 2, r_fgt},
    {"fge", "", 'f', '1', 2, r_fge},
    {"ffinite", "", 'f', '1', 1, r_ffinite},
    {"fadd.s", "", 's', 's', 2, r_sadd},
    {"fsub.s", "", 's', 's', 2, r_ssub},
    {"fmul.s", "", 's', 's', 2, r_smul},
    {"fdiv.s", "", 's', 's', 2, r_sdiv},
    {"fcopysign.s", "", 's', 's', 2, r_scopysign},
    {"fneg.s", "", 's', 's', 1, r_sneg},
    {"fabs.s", "", 's', 's', 1, r_sabs},
    {"fsqrt.s", "", 's', 's', 1, r_ssqrt},
    {"ffloor.s", "", 's', 's', 1, r_sfloor},
    {"frint.s", "", 's', 's', 1, r_srint},
    {"flt", "", 's', '1', 2, r_slt},
    {"ffinite", "", 's', '1', 1, r_sfinite},
};

/* how an operand comes to be: from home slot `slot` */
static int fetch(char *out, size_t n, char type, int slot, int v) {
    switch (type) {
    case 'p': return snprintf(out, n, "  v%d = hload %d\n", v, slot);
    case 'i': return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n", v + 10, slot, v, v + 10);
    case 'f':
        return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n  v%d = bitsf v%d\n", v + 10, slot, v + 20, v + 10,
                        v, v + 20);
    default:
        return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n  v%d = bitsf v%d\n  v%d = f2s v%d\n", v + 10, slot,
                        v + 20, v + 10, v + 30, v + 20, v, v + 30);
    }
}

static const char *slot_of(char type) {
    return type == 'i' ? "int" : type == '1' ? "bool" : type == 'p' ? "owned" : type == 's' ? "np#11" : "float";
}

static void text_of(char *out, size_t n, const operation *o, const uint64_t *consts) {
    size_t at = (size_t)snprintf(out, n, "fn \"op\" home 2 codes 1\nb0:\n");
    for (int k = 0; k < 2; k++) {
        bool fixed = consts && (k == 1 || o->n == 1);
        if (!fixed) at += (size_t)fetch(out + at, n - at, o->in, k, k + 1);
        else if (o->in == 'i')
            at += (size_t)snprintf(out + at, n - at, "  v%d = k.i64 %" PRId64 "\n", k + 1, I(consts[k]));
        else at += (size_t)snprintf(out + at, n - at, "  v%d = k.f64 0x%" PRIx64 "\n", k + 1, consts[k]);
    }
    at +=
        (size_t)snprintf(out + at, n - at, "  v3 = %s v1%s%s\n  exit -> s1\n", o->op, o->n == 2 ? ", v2" : "", o->imm);
    snprintf(out + at, n - at,
             "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: %s v3\n"
             "snap s2 resume overflow\n  frame code 0 depth 1 resume 0 func 0 home 0: null\n",
             slot_of(o->out));
}

static void compare(const unit *u, const operation *o, const char *how, uint64_t a, uint64_t b) {
    result want = o->ref(a, b);
    if (want.skip) return;
    void *home[2] = {(void *)a, (void *)b};
    outcome r = run(u, home);
    uint64_t got = operand(&r, 0, 0);
    bool ok = want.leaves ? r.snap == 2
                          : r.snap == 1 && (o->out == 'f' || o->out == 's' ? same_double(got, want.v) : got == want.v);
    check(ok, o->op, "%s %c 0x%" PRIx64 ", 0x%" PRIx64 ": exit %u, got 0x%" PRIx64 ", expected %s0x%" PRIx64, how,
          o->in, a, b, r.snap, got, want.leaves ? "to leave, " : "", want.v);
}

static uint64_t input(const operation *o, int k) {
    bool f = o->in == 'f' || o->in == 's';
    return f ? bits_of(floats[k % NFLOATS]) : (uint64_t)ints[k % NINTS];
}

static void dynamic(const operation *o) {
    char text[2000];
    unit u;
    text_of(text, sizeof text, o, NULL);
    if (!make(&u, text)) return;
    for (int a = 0; a < NINTS; a++)
        for (int b = 0; b < (o->n == 2 ? NINTS : 1); b++) compare(&u, o, "values", input(o, a), input(o, b));
    drop(&u);
}

/* the last operand as a constant */
static void with_constant(const operation *o) {
    char text[2000];
    unit u;
    if (o->in == 's' || o->in == 'p') return;
    for (int k = 0; k < NINTS; k += level == 1 ? 1 : 4) {
        uint64_t c[2] = {input(o, k), input(o, k)};
        if (o->n == 2 && o->ref(1, c[1]).skip) continue;
        text_of(text, sizeof text, o, c);
        if (!make(&u, text)) return;
        for (int a = 0; a < (o->n == 2 ? NINTS : 1); a++)
            compare(&u, o, "constant", o->n == 2 ? input(o, a) : c[0], c[1]);
        drop(&u);
    }
}

/* i1 operations, select, b2i, constants of every type */
static void booleans(void) {
    unit u;
    if (!make(&u,
              "fn \"bools\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = hload 1\n  v3 = p2i v1\n  v4 = p2i v2\n  v5 = "
              "k.i64 0\n"
              "  v6 = ne v3, v5\n  v7 = ne v4, v5\n  v8 = and.1 v6, v7\n  v9 = or.1 v6, v7\n  v10 = xor.1 v6, v7\n"
              "  v11 = not v6\n  v12 = eq v6, v7\n  v13 = b2i v6\n  v14 = select.i v6, v3, v4\n"
              "  v15 = k.i1 1\n  v16 = k.f32 0x3fc00000\n  v17 = k.f64 -2.5\n  v18 = k.ptr 0x1234\n"
              "  v20 = k.f64 1\n  v19 = select.f v6, v17, v20\n  v21 = select.p v7, v1, v18\n  v22 = k.i1 0\n"
              "  v23 = ne v6, v7\n  exit -> s1\n"
              "snap s1 resume loop-end\n  frame code 0 depth 16 resume 0 func 0 home 0: bool v8 | bool v9 | bool v10 | "
              "bool v11 | bool v12 | int v13 | int v14 | bool v15 | np#11 v16 | float v17 | owned v18 | float v19 | "
              "owned v21 | bool v22 | bool v23 | null\n"))
        return;
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            void *home[2] = {(void *)(intptr_t)(a * 5), (void *)(intptr_t)(b * 9)};
            outcome r = run(&u, home);
            uint64_t want[16] = {a & b,
                                 a | b,
                                 a ^ b,
                                 !a,
                                 a == b,
                                 a,
                                 a ? a * 5 : b * 9,
                                 1,
                                 bits_of(1.5),
                                 bits_of(-2.5),
                                 0x1234,
                                 bits_of(a ? -2.5 : 1.0),
                                 b ? a * 5 : 0x1234,
                                 0,
                                 a != b,
                                 0};
            for (uint32_t k = 0; k < 16; k++)
                check(operand(&r, k, 0) == want[k], "booleans", "slot %u for %d, %d: 0x%" PRIx64, k, a, b,
                      operand(&r, k, 0));
        }
    drop(&u);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    for (level = 0; level < 3; level++) {
        for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
            dynamic(&operations[k]);
            with_constant(&operations[k]);
        }
        booleans();
    }
    return finish();
}
