/* References, boxes and type guards on fake objects; polls, validity, the instruction pointer; helpers of each
 * signature. */
#include "lower_harness.h"

static object *freed, *freed_number;
static bool no_memory;
static int long_calls;

static void h_dealloc(void *p) { freed = p; }
static void h_dealloc_num(void *p) { freed_number = p; }
static void *h_box_f64(double d) {
    if (no_memory) return NULL;
    object *o = calloc(1, sizeof *o);
    *o = (object){.count = 1, .f = d};
    return o;
}
static void *h_box_i64(int64_t v) {
    if (no_memory) return NULL;
    object *o = calloc(1, sizeof *o);
    *o = (object){.count = 1, .tag = (uint64_t)v};
    return o;
}
/* a long int of the tests keeps its value in its digits; tag 1000 does not fit */
static bool h_unbox_ok(void *p) {
    long_calls++;
    return ((object *)p)->tag != 1000;
}
static int64_t h_unbox(void *p) {
    int64_t v;
    memcpy(&v, ((object *)p)->digit, 8);
    return v;
}

static void set(bk_helper id, void *address) { bk_helpers[id].address = address; }

/* ---- reference counts ---- */
typedef struct {
    const char *op;
    uint64_t before, after;
    int frees; /* 1: any object, 2: a number */
} count_case;

static void counts(uint32_t immortal) {
    uint64_t top = UINT32_MAX, half = immortal ? (UINT64_C(5) << 28) * 1 | UINT64_C(1) << 31 : top;
    const count_case cases[] = {
        {"incref", 1, 2, 0},
        {"incref", top, top, 0},
        {"incref", half, half, 0},
        {"incref", 0x7ffffffe, 0x7fffffff, 0},
        {"xincref", 3, 4, 0},
        {"decref", 2, 1, 0},
        {"decref", 1, 0, 1},
        {"decref", top, top, 0},
        {"decref", 0x80000000, 0x80000000, 0},
        {"decref.n", 1, 0, 2},
        {"decref.n", 5, 4, 0},
        {"xdecref", 1, 0, 1},
        {"xdecref", 9, 8, 0},
        {"xdecref.n", 1, 0, 2},
        {"xdecref.n", top, top, 0},
    };
    layout.immortal = immortal;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const count_case *c = &cases[k];
        char text[400];
        unit u;
        snprintf(text, sizeof text,
                 "fn \"count\" home 1 codes 1\nb0:\n  v1 = hload 0\n  %s v1\n  exit -> s1\n"
                 "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n",
                 c->op);
        if (!make(&u, text)) break;
        object o = {.count = c->before};
        void *home[1] = {&o};
        freed = freed_number = NULL;
        run(&u, home);
        check(o.count == c->after, c->op, "%" PRIu64 " became %" PRIu64, c->before, o.count);
        check((freed == &o) == (c->frees == 1) && (freed_number == &o) == (c->frees == 2), c->op, "freed");
        if (c->op[0] == 'x') {
            void *none[1] = {NULL};
            freed = freed_number = NULL;
            run(&u, none);
            check(!freed && !freed_number, c->op, "NULL");
        }
        drop(&u);
    }
    layout.immortal = 0;
}

/* ---- boxes ---- */
static void boxes(void) {
    unit u;
    if (!make(&u,
              "fn \"box\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = bitsf v2\n  v4 = box.f v3 -> s2\n"
              "  v5 = box.i v2 -> s3\n  v6 = k.i64 0\n  v7 = lt v2, v6\n  v8 = box.b v7\n  exit -> s1\n"
              "snap s1 resume loop-end\n  frame code 0 depth 3 resume 0 func 0 home 0: owned v4 | owned v5 | borrowed "
              "v8\n"
              "snap s2 resume memory\n  frame code 0 depth 1 resume 0 func 0 home 0: int v2\n"
              "snap s3 resume memory\n  frame code 0 depth 1 resume 0 func 0 home 0: owned v4\n"))
        return;
    int64_t values[] = {0, -1, INTMIN, 42};
    for (int k = 0; k < 4; k++) {
        void *home[2] = {(void *)values[k]};
        outcome r = run(&u, home);
        object *f = (object *)operand(&r, 0, 0), *i = (object *)operand(&r, 1, 0);
        check(r.snap == 1 && bits_of(f->f) == (uint64_t)values[k] && (int64_t)i->tag == values[k], "box", "values");
        check((object *)operand(&r, 2, 0) == (values[k] < 0 ? &py_true : &py_false), "box.b", "object");
        free(f);
        free(i);
    }
    no_memory = true;
    void *home[2] = {(void *)7};
    outcome r = run(&u, home);
    check(r.snap == 2 && operand(&r, 0, 0) == 7, "box.f", "no memory: exit %u", r.snap);
    no_memory = false;
    drop(&u);
}

static void unbox_floats(void) {
    unit u;
    if (!make(&u,
              "fn \"unbox\" home 1 codes 1\nb0:\n  v1 = hload 0\n  guard.type v1 0x1230 -> s2\n  v2 = unbox.f v1\n"
              "  v3 = fadd.f v2, v2\n  v4 = rebox.f v1, v3\n  v5 = unbox.f v1\n  exit -> s1\n"
              "snap s1 resume loop-end\n  frame code 0 depth 3 resume 0 func 0 home 0: float v2 | bool v4 | float v5\n"
              "snap s2 resume type\n  frame code 0 depth 1 resume 0 func 0 home 0: borrowed v1\n"))
        return;
    for (uint64_t count = 1; count < 4; count++) {
        object o = {.count = count == 3 ? UINT32_MAX : count, .type = (void *)0x1230, .f = 1.25};
        void *home[1] = {&o};
        outcome r = run(&u, home);
        bool refilled = count == 1;
        check(r.snap == 1 && operand(&r, 0, 0) == bits_of(1.25), "unbox.f", "value");
        check(operand(&r, 1, 0) == refilled && o.f == (refilled ? 2.5 : 1.25) && operand(&r, 2, 0) == bits_of(o.f),
              "rebox.f", "count %" PRIu64, o.count);
        o.type = (void *)0x1238;
        r = run(&u, home);
        check(r.snap == 2 && operand(&r, 0, 0) == (uint64_t)(uintptr_t)&o, "guard.type", "exit %u", r.snap);
    }
    drop(&u);
}

static void unbox_ints(void) {
    unit u;
    if (!make(&u, "fn \"unbox.i\" home 1 codes 1\nb0:\n  v1 = hload 0\n  v2 = unbox.i v1 -> s2\n  exit -> s1\n"
                  "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: int v2\n"
                  "snap s2 resume overflow\n  frame code 0 depth 1 resume 0 func 0 home 0: borrowed v1\n"))
        return;
    const struct {
        uint64_t tag;
        int64_t digits, want;
        bool leaves;
    } cases[] = {{1, 0, 0, false},
                 {1 << 3, 5, 5, false},
                 {1 << 3 | 2, 0x3fffffff, -0x3fffffff, false},
                 {2 << 3, INTMAX, INTMAX, false},
                 {3 << 3 | 2, INTMIN, INTMIN, false},
                 {1000, 0, 0, true},
                 {1, 77, 0, false}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        object o = {.count = 1, .tag = cases[k].tag};
        memcpy(o.digit, &cases[k].digits, 8);
        void *home[1] = {&o};
        long_calls = 0;
        outcome r = run(&u, home);
        check(r.snap == (cases[k].leaves ? 2u : 1u), "unbox.i", "case %zu leaves by %u", k, r.snap);
        if (!cases[k].leaves) check((int64_t)operand(&r, 0, 0) == cases[k].want, "unbox.i", "case %zu", k);
        check(long_calls == (cases[k].tag >= 16), "unbox.i", "case %zu: %d helper calls", k, long_calls);
    }
    drop(&u);
}

/* ---- the interpreter's state ---- */
static void polls(uint32_t bytes, uint64_t mask) {
    unit u;
    int32_t valid = 1;
    bk_compile_opts o = options();
    o.valid = &valid;
    layout.breaker_bytes = bytes;
    layout.breaker_mask = mask;
    bool ok = make_with(&u,
                        "fn \"poll\" home 1 codes 1\nb0:\n  poll -> s2\n  guard.valid -> s3\n  setip 20\n  exit -> s1\n"
                        "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
                        "snap s2 resume poll\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
                        "snap s3 resume invalid\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n",
                        &o);
    layout.breaker_bytes = 8;
    layout.breaker_mask = ~UINT64_C(0);
    if (!ok) return;
    void *home[1] = {NULL};
    saved_ip = NULL;
    check(run(&u, home).snap == 1 && saved_ip == bytecode + 18, "setip", "%p", saved_ip);
    breaker_word = ~mask;
    if (bytes == 4) breaker_word = ~mask & UINT32_MAX;
    check(run(&u, home).snap == 1, "poll", "bits outside the mask count, %u bytes", bytes);
    breaker_word |= mask & -mask;
    saved_ip = NULL;
    check(run(&u, home).snap == 2 && !saved_ip, "poll", "leaves, %u bytes", bytes);
    breaker_word = 0;
    valid = 0;
    check(run(&u, home).snap == 3, "guard.valid", "leaves");
    drop(&u);
}

/* A poll in a loop must be read again in each round. */
static void h_arms_breaker(bk_ctx *c, int64_t n, void *p) {
    if (n == 1000) breaker_word = 1;
    c->args[0] = p;
}
static void poll_in_loop(void) {
    unit u;
    set(BK_H_arg_set, (void *)h_arms_breaker);
    if (!make(&u,
              "fn \"poll loop\" home 1 codes 1\nb0: preheader s1\n  v1 = k.i64 0\n  v2 = k.i64 1\n  v9 = hload 0\n  "
              "jmp b1\n"
              "b1: header preds b0 b1\n  v3 = phi.i v1, v4\n  v4 = add v3, v2\n  call.v arg_set(v4, v9)\n  poll -> s2\n"
              "  v7 = ge v4, v1\n  br v7 b1 b2 prob 16 0\nb2: preds b1\n  exit -> s1\n"
              "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
              "snap s2 resume poll\n  frame code 0 depth 1 resume 0 func 0 home 0: home | int v4\n"))
        return;
    void *home[1] = {NULL};
    outcome r = run(&u, home);
    check(r.snap == 2 && operand(&r, 1, 0) == 1000, "poll", "seen in round %" PRIu64, operand(&r, 1, 0));
    breaker_word = 0;
    drop(&u);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    set(BK_H_dealloc, (void *)h_dealloc);
    set(BK_H_dealloc_num, (void *)h_dealloc_num);
    set(BK_H_box_f64, (void *)h_box_f64);
    set(BK_H_box_i64, (void *)h_box_i64);
    set(BK_H_unbox_i64_ok, (void *)h_unbox_ok);
    set(BK_H_unbox_i64, (void *)h_unbox);
    for (level = 0; level < 3; level++) {
        counts(0);
        counts(1);
        boxes();
        unbox_floats();
        unbox_ints();
        polls(8, ~UINT64_C(0));
        polls(8, 0xff);
        polls(4, UINT32_MAX);
        polls(4, 0x10);
        poll_in_loop();
    }
    return finish();
}
