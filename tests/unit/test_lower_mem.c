/* Loads and stores of every C type, addresses of every form, home slots, virtual home slots, alias classes. */
#include "lower_harness.h"

typedef struct {
    const char *name;
    char type;
    int size;
    uint64_t in, loaded; /* memory's bytes; what the load gives */
    uint64_t value;      /* stored: its low bytes, unless it is a float */
} memory_type;

static const memory_type types[] = {
    {"i8", 'i', 1, 0x80, (uint64_t)-128, 0x1ff},
    {"u8", 'i', 1, 0x80, 128, 0x1fe},
    {"i16", 'i', 2, 0x8001, (uint64_t)-32767, 0x12345},
    {"u16", 'i', 2, 0x8001, 0x8001, 0x12345},
    {"i32", 'i', 4, 0x80000001, (uint64_t)INT32_MIN + 1, 0x123456789},
    {"u32", 'i', 4, 0x80000001, 0x80000001, 0x123456789},
    {"i64", 'i', 8, 0x8000000000000001, 0x8000000000000001, 0xfedcba9876543210},
    {"f64", 'f', 8, 0x7ff0000000000000, 0x7ff0000000000000, 0xc004000000000000},
    {"ptr", 'p', 8, 0x1234567890, 0x1234567890, 0x77},
};

static const char *slot_of(char t) { return t == 'i' ? "int" : t == 'f' ? "float" : "owned"; }

/* base (home 0) + index (home 1) * scale + 24: load, then store home 2 at base + 48 */
static void one_type(const memory_type *m, int scale, int64_t index) {
    char text[1500];
    uint64_t area[8] = {0}, stored = 0;
    unit u;
    snprintf(
        text, sizeof text,
        "fn \"mem\" home 3 codes 1\nb0:\n  v1 = hload 0\n  v2 = hload 1\n  v3 = p2i v2\n  v4 = hload 2\n  v5 = p2i v4\n"
        "  v6 = bitsf v5\n  v7 = load.%s.data v1 + v3*%d + 24\n  store.%s.data v1 + 48, v%d\n  exit -> s1\n"
        "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: %s v7\n",
        m->name, scale, m->name,
        m->type == 'i'   ? 5
        : m->type == 'f' ? 6
                         : 4,
        slot_of(m->type));
    if (!make(&u, text)) return;
    char *at = (char *)area + 24 + index * scale;
    memcpy(at, &m->in, (size_t)m->size);
    area[7] = ~UINT64_C(0);
    void *home[3] = {area, (void *)index, (void *)m->value};
    outcome r = run(&u, home);
    check(operand(&r, 0, 0) == m->loaded, m->name, "scale %d: loaded 0x%" PRIx64, scale, operand(&r, 0, 0));
    memcpy(&stored, (char *)area + 48, 8);
    uint64_t mask = m->size == 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * m->size)) - 1;
    check(stored == (m->value & mask) && area[7] == ~UINT64_C(0), m->name, "stored 0x%" PRIx64, stored);
    drop(&u);
}

/* bool loads any byte but 0 as true and stores 0 or 1; f32 is single precision */
static void bools_and_singles(void) {
    unit u;
    uint8_t area[32] = {0, 2, 0xff, 1};
    float in = 0.1f, out;
    if (!make(
            &u,
            "fn \"bool\" home 1 codes 1\nb0:\n  v1 = hload 0\n  v2 = load.bool.data v1\n  v3 = load.bool.data v1 + 1\n"
            "  v4 = load.bool.data v1 + 2\n  v5 = load.f32.data v1 + 8\n  v6 = fadd.s v5, v5\n"
            "  store.bool.data v1 + 3, v2\n  store.bool.data v1 + 4, v4\n  store.f32.data v1 + 12, v6\n  exit -> s1\n"
            "snap s1 resume loop-end\n  frame code 0 depth 5 resume 0 func 0 home 0: bool v2 | bool v3 | bool v4 | "
            "np#11 v5 "
            "| np#11 v6\n"))
        return;
    memcpy(area + 8, &in, 4);
    void *home[1] = {area};
    outcome r = run(&u, home);
    memcpy(&out, area + 12, 4);
    check(operand(&r, 0, 0) == 0 && operand(&r, 1, 0) == 1 && operand(&r, 2, 0) == 1, "bool", "loads");
    check(area[3] == 0 && area[4] == 1, "bool", "stores");
    check(operand(&r, 3, 0) == bits_of(in) && out == in + in && operand(&r, 4, 0) == bits_of(out), "f32", "values");
    drop(&u);
}

/* real home slots are the frame's (tag bits are masked off on loads), virtual ones words of the buffer */
static void home_slots(uint32_t tag) {
    unit u;
    static object a, b;
    layout.home_tag = tag;
    bool ok = make(
        &u, "fn \"home\" home 3 xhome 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = hload 1\n  v3 = hload 4\n  hstore v1 1\n"
            "  hstore v2 3\n  hstore v1 4\n  v4 = hload 1\n  v5 = hload 4\n"
            "  v6 = k.ptr 0\n  hstore v6 2\n  hstore v3 0\n  exit -> s1\n"
            "snap s1 resume loop-end\n  frame code 0 depth 5 resume 0 func 0 home 0: borrowed v1 | borrowed v2 | "
            "borrowed v3 | borrowed v4 | borrowed v5\n");
    layout.home_tag = 0;
    if (!ok) return;
    void *home[3] = {(char *)&a + (tag & 1), (char *)&b + (tag & 2), NULL};
    outcome r = run(&u, home);
    uint64_t pa = (uint64_t)(uintptr_t)&a, pb = (uint64_t)(uintptr_t)&b, want[5] = {pa, pb, 0, pa, pa};
    for (uint32_t k = 0; k < 5; k++) check(operand(&r, k, 0) == want[k], "home", "slot %u, tag %u", k, tag);
    check(home[1] == &a && r.buf[0] == pb && r.buf[1] == pa, "home", "stored, tag %u", tag);
    /* an empty slot holds the tag; one known only when it runs, and a constant */
    check(home[0] == (void *)(uintptr_t)tag && home[2] == home[0], "home", "emptied, tag %u", tag);
    drop(&u);
}

/* a store of one class must not be moved over a load of the same class, nor over a call that may read it */
static void order(void) {
    unit u;
    int64_t cell = 5;
    if (!make(&u, "fn \"order\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = hload 1\n  v3 = k.i64 7\n  v4 = "
                  "load.i64.data v1\n"
                  "  store.i64.data v2, v3\n  v5 = load.i64.data v1\n  v7 = load.i32.data v1\n  exit -> s1\n"
                  "snap s1 resume loop-end\n  frame code 0 depth 3 resume 0 func 0 home 0: int v4 | int v5 | int v7\n"))
        return;
    void *home[2] = {&cell, &cell};
    outcome r = run(&u, home);
    check(operand(&r, 0, 0) == 5 && operand(&r, 1, 0) == 7 && operand(&r, 2, 0) == 7, "order",
          "same cell by two pointers");
    drop(&u);
}

/* every alias class has a tag of its own; pointer arithmetic */
static void classes(void) {
#define X(n, t) t,
    static const char *const names[] = {BK_ALIASES(X)};
#undef X
    for (size_t k = 0; k < BK_NALIAS; k++) {
        char text[900];
        unit u;
        int64_t area[4] = {1, 2, 3, 4};
        snprintf(text, sizeof text,
                 "fn \"class\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = hload 1\n  v3 = p2i v2\n  v4 = padd v1, v3\n"
                 "  v5 = load.i64.%s v4 + -8\n  store.i64.%s v4 + 8, v5\n  exit -> s1\n"
                 "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: int v5\n",
                 names[k], names[k]);
        if (!make(&u, text)) return;
        void *home[2] = {area, (void *)(intptr_t)16};
        outcome r = run(&u, home);
        check(operand(&r, 0, 0) == 2 && area[3] == 2, names[k], "load and store");
        drop(&u);
    }
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    for (level = 0; level < 3; level++) {
        for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
            one_type(&types[k], 0, 0);
            one_type(&types[k], 1, -3);
            one_type(&types[k], 2, 2);
            one_type(&types[k], 4, -2);
            one_type(&types[k], 8, 1);
            one_type(&types[k], 12, 1);
        }
        bools_and_singles();
        home_slots(0);
        home_slots(3);
        order();
        classes();
    }
    return finish();
}
