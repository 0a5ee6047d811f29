/* Control flow and exits: phis, loops, snapshots' locations, columns and constants, numbering, failing on purpose. */
#include "lower_harness.h"

/* Fibonacci by phis that swap, an overflow exit, values that differ by exit and one that never does. */
static void loop(void) {
    unit u;
    if (!make(&u, "fn \"fib\" home 2 codes 1\nb0: preheader s1\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 0\n  v4 = "
                  "k.i64 1\n"
                  "  jmp b1\n"
                  "b1: header preds b0 b2\n  v5 = phi.i v3, v10\n  v6 = phi.i v3, v7\n  v7 = phi.i v4, v9\n"
                  "  v8 = lt v5, v2\n  br v8 b2 b3 prob 15 1\n"
                  "b2: preds b1\n  v9 = add.ov v6, v7 -> s2\n  v10 = add v5, v4 !nsw\n  jmp b1\n"
                  "b3: preds b1\n  exit -> s3\n"
                  "snap s1 resume none\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
                  "snap s2 resume overflow\n  frame code 0 depth 0 resume 4 func 0 home 0: int v5 | int v6 | int v7 | "
                  "int v2\n"
                  "snap s3 resume loop-end\n  frame code 0 depth 0 resume 8 func 0 home 0: int v5 | int v6 | int v4 | "
                  "int v2\n"))
        return;
    int64_t fib[100] = {0, 1};
    for (int k = 2; k < 93; k++) fib[k] = fib[k - 1] + fib[k - 2];
    for (int64_t n = -1; n < 100; n++) {
        void *home[2] = {(void *)n};
        outcome r = run(&u, home);
        int64_t i = n < 0 ? 0 : n > 91 ? 91 : n;
        check(r.snap == (n > 91 ? 2u : 3u), "fib", "%" PRId64 " leaves by %u", n, r.snap);
        check((int64_t)operand(&r, 0, 0) == i && (int64_t)operand(&r, 1, 0) == fib[i], "fib", "%" PRId64, n);
        check((int64_t)operand(&r, 2, 0) == (n > 91 ? fib[92] : 1) && (int64_t)operand(&r, 3, 0) == n, "fib",
              "rest, %" PRId64, n);
    }
    const bk_exit *x = u.code.exits;
    check(u.code.nexits == 2 && u.fn->ins[x[0].ins].snap == x[0].snap && u.fn->ins[x[1].ins].snap == x[1].snap, "exits",
          "table");
    check(u.code.buf_words == 4, "columns", "%u words", u.code.buf_words);
    drop(&u);
}

/* a branch with both sides to one block, and a nested loop */
static void branches(void) {
    unit u;
    if (!make(&u, "fn \"branch\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 10\n  v4 = lt v2, "
                  "v3\n  v5 = k.i64 1\n"
                  "  v6 = k.i64 2\n  br v4 b1 b1 prob 3 9\nb1: preds b0 b0\n  v7 = phi.i v5, v6\n  exit -> s1\n"
                  "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: int v7\n"))
        return;
    for (int64_t n = 9; n < 11; n++) {
        void *home[2] = {(void *)n};
        outcome r = run(&u, home);
        check(operand(&r, 0, 0) == (n < 10 ? 1 : 2), "branch", "two edges, %" PRId64, n);
    }
    drop(&u);
    if (!make(&u, "fn \"nest\" home 2 codes 1\nb0: preheader s1\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 0\n  v4 = "
                  "k.i64 1\n  jmp b1\n"
                  "b1: header preds b0 b4\n  v5 = phi.i v3, v11\n  v6 = phi.i v3, v8\n  v7 = lt v5, v2\n  br v7 b2 b5 "
                  "prob 16 1\n"
                  "b2: preheader s1 preds b1\n  jmp b3\n"
                  "b3: header preds b2 b3\n  v8 = phi.i v6, v9\n  v10 = phi.i v3, v12\n  v9 = add v8, v10\n  v12 = add "
                  "v10, v4\n"
                  "  v13 = lt v12, v5\n  br v13 b3 b4 prob 16 2\n"
                  "b4: preds b3\n  v11 = add v5, v4\n  jmp b1\nb5: preds b1\n  exit -> s1\n"
                  "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"))
        return;
    drop(&u);
}

/* inlined frames, trees of slots, one value in several slots, absent operands, constants shared by value */
static void locations(void) {
    unit u;
    if (!make(&u,
              "fn \"locs\" home 4 xhome 1 consts 2 codes 2\nb0:\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = hload 1\n  v4 = "
              "p2i v3\n"
              "  v5 = bitsf v4\n  v6 = k.i64 7\n  v7 = k.f64 7\n  v8 = k.ptr 0x7\n  v9 = k.i64 5\n  v11 = k.ptr 0x1\n"
              "  v10 = lt v2, v9\n  guard v10 range -> s2\n  guard v10 bounds -> s2\n  v12 = gt v2, v6\n  exit -> s1\n"
              "snap s1 resume loop-end\n"
              "  frame code 0 depth 2 resume 0 func 0 home 0: tuple/3 | int v2 v3 | tuple/1 | float v5 | int v2 | "
              "range v2 v6 v9\n"
              "  frame code 1 depth 1 resume 2 func 1 home 4: float v7 v11 | bool v10 | null\n"
              "snap s2 resume range\n"
              "  frame code 0 depth 1 resume 0 func 0 home 0: borrowed v3 | owned v8 | int v2 | np#12 v5\n"))
        return;
    void *home[4] = {(void *)3, (void *)bits_of(2.5)};
    outcome r = run(&u, home);
    const struct {
        uint32_t slot;
        int k;
        uint64_t want;
    } want[] = {{0, 0, 0},
                {1, 0, 3},
                {1, 1, bits_of(2.5)},
                {1, 2, 0},
                {3, 0, bits_of(2.5)},
                {4, 0, 3},
                {5, 0, 3},
                {5, 1, 7},
                {5, 2, 5},
                {6, 0, bits_of(7)},
                {6, 1, 1},
                {7, 0, 1},
                {8, 0, 0}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++)
        check(operand(&r, want[k].slot, want[k].k) == want[k].want, "locs", "slot %u operand %d: 0x%" PRIx64,
              want[k].slot, want[k].k, operand(&r, want[k].slot, want[k].k));
    check(u.code.nexits == 3 && u.code.exits[0].locs == u.code.exits[1].locs, "locs",
          "exits of one snapshot share them");
    check(u.code.consts[0] == 0 || u.code.nconsts > 0, "consts", "%u", u.code.nconsts);
    uint32_t sevens = 0;
    for (uint32_t k = 0; k < u.code.nconsts; k++) sevens += u.code.consts[k] == 7;
    check(sevens == 1, "consts", "7 is there %u times", sevens);
    home[0] = (void *)8;
    r = run(&u, home);
    check(r.snap == 2 && u.fn->ins[u.code.exits[r.exit].ins].imm == 5 /* range */ &&
              operand(&r, 0, 0) == bits_of(2.5) && operand(&r, 1, 0) == 7 && operand(&r, 2, 0) == 8 &&
              operand(&r, 3, 0) == bits_of(2.5),
          "locs", "exit %u", r.exit);
    drop(&u);
}

/* single floats and booleans that change in a loop travel in columns of their own */
static void column_classes(void) {
    unit u;
    if (!make(&u, "fn \"classes\" home 2 codes 1\nb0: preheader s1\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 0\n  "
                  "v4 = k.i64 1\n"
                  "  v5 = k.f32 0x3f000000\n  v6 = k.i1 0\n  v20 = k.f64 1\n  jmp b1\n"
                  "b1: header preds b0 b2\n  v7 = phi.i v3, v12\n  v8 = phi.s v5, v13\n  v9 = phi.1 v6, v14\n  v10 = "
                  "phi.p v1, v15\n"
                  "  v21 = phi.f v20, v22\n  v11 = lt v7, v2\n  guard v11 range -> s2\n  jmp b2\n"
                  "b2: preds b1\n  v12 = add v7, v4\n  v13 = fadd.s v8, v8\n  v14 = not v9\n  v15 = padd v10, v4\n  "
                  "v22 = fadd.f v21, v20\n"
                  "  poll -> s3\n  jmp b1\n"
                  "snap s1 resume none\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
                  "snap s2 resume range\n  frame code 0 depth 0 resume 0 func 0 home 0: int v7 | np#11 v8 | bool v9 | "
                  "borrowed v10 | "
                  "float v21\n"
                  "snap s3 resume poll\n  frame code 0 depth 0 resume 0 func 0 home 0: int v12 | np#11 v13 | bool v14 "
                  "| borrowed v15 | "
                  "float v22\n"))
        return;
    for (int64_t n = 0; n < 20; n++) {
        void *home[2] = {(void *)n};
        outcome r = run(&u, home);
        check(r.snap == 2 && (int64_t)operand(&r, 0, 0) == n &&
                  double_of(operand(&r, 1, 0)) == 0.5 * (double)(1 << n) && operand(&r, 2, 0) == (n & 1) &&
                  (int64_t)operand(&r, 3, 0) == 2 * n && double_of(operand(&r, 4, 0)) == (double)n + 1,
              "classes", "round %" PRId64, n);
    }
    check(u.code.buf_words == 5, "classes", "%u words", u.code.buf_words);
    drop(&u);
}

/* ---- failing on purpose ---- */
static int appended;
static bool h_append(void *l, void *x) { return (void)l, (void)x, appended++, true; }
static void *h_box(double d) { return (void)d, appended++, (void *)0x10; }

static const char stressed[] =
    "fn \"stress\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 3\n  v4 = lt v2, v3\n  guard v4 "
    "range -> s2\n"
    "  v5 = add.ov v2, v3 -> s3\n  v6 = bitsf v5\n  v7 = box.f v6 -> s4\n  v8 = call.1 list_append(v1, v7)\n"
    "  guard v8 memory -> s5\n  poll -> s6\n  guard.valid -> s7\n  v9 = eq v2, v3\n  v10 = not v9\n  guard v10 value "
    "-> s8\n  exit -> s1\n"
    "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
    "snap s2 resume range\n  frame code 0 depth 0 resume 0 func 0 home 0: int v2\n"
    "snap s3 resume overflow\n  frame code 0 depth 0 resume 0 func 0 home 0: int v2\n"
    "snap s4 resume memory\n  frame code 0 depth 0 resume 0 func 0 home 0: int v5\n"
    "snap s5 resume memory\n  frame code 0 depth 0 resume 0 func 0 home 0: int v5\n"
    "snap s6 resume poll\n  frame code 0 depth 0 resume 0 func 0 home 0: int v5\n"
    "snap s7 resume invalid\n  frame code 0 depth 0 resume 0 func 0 home 0: int v5\n"
    "snap s8 raise exception\n  frame code 0 depth 0 resume 0 func 0 home 0: int v5\n";

static void stress(void) {
    unit u;
    uint64_t state = 88172645463325252u + (uint64_t)level;
    int left[9] = {0}, effects[9] = {0};
    bk_compile_opts o = options();
    o.stress_seed = 1, o.stress_one_in = 4, o.stress_state = &state;
    bk_helpers[BK_H_list_append].address = (void *)h_append;
    bk_helpers[BK_H_box_f64].address = (void *)h_box;
    if (!make_with(&u, stressed, &o)) return;
    for (int k = 0; k < 4000; k++) {
        void *home[2] = {(void *)1};
        appended = 0;
        outcome r = run(&u, home);
        left[r.snap]++;
        effects[r.snap] += appended;
        if (r.snap == 2 || r.snap == 3) check(operand(&r, 0, 0) == 1, "stress", "value");
        if (r.snap == 4) check(operand(&r, 0, 0) == 4, "stress", "value");
    }
    check(left[2] > 800 && left[2] < 1200 && left[3] > 600 && left[3] < 900 && left[4] > 400 && left[4] < 700, "stress",
          "guards left %d, %d, %d times of 4000", left[2], left[3], left[4]);
    check(!effects[2] && !effects[3] && !effects[4], "stress", "left behind an effect");
    check(!left[5] && !left[6] && !left[7] && !left[8] && effects[1] == 2 * left[1], "stress",
          "a test of an effect, a poll or a raise failed on purpose");
    drop(&u);
    state = 1;
    if (!make(&u, stressed)) return;
    void *home[2] = {(void *)1};
    for (int k = 0; k < 100; k++) check(run(&u, home).snap == 1, "stress", "off");
    check(state == 1, "stress", "off: the state changed");
    drop(&u);
}

/* many units at once, released in another order; texts when asked for */
static void many(void) {
    enum { N = 60 };
    static unit u[N];
    char text[500];
    for (int k = 0; k < N; k++) {
        snprintf(
            text, sizeof text,
            "fn \"same name\" home 1 codes 1\nb0:\n  v1 = hload 0\n  v2 = p2i v1\n  v3 = k.i64 %d\n  v4 = mul v2, v3\n"
            "  exit -> s1\nsnap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: int v4\n",
            k);
        if (!make(&u[k], text)) return;
    }
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < N; k++) {
            if (round && k % 3 == 0) continue;
            void *home[1] = {(void *)5};
            outcome r = run(&u[k], home);
            check(operand(&r, 0, 0) == (uint64_t)(5 * k) && u[k].code.code_bytes > 0, "many", "unit %d", k);
        }
        for (int k = 0; k < N; k++)
            if ((k % 3 == 0) != round) drop(&u[k]);
    }
    bk_compile_opts o = options();
    o.want_asm = o.want_llvm = true;
    bk_helpers[BK_H_m_sin].address = (void *)h_box;
    if (!make_with(&u[0],
                   "fn \"text\" home 1 codes 1\nb0:\n  v1 = k.f64 2\n  v2 = call.f m_sin(v1)\n  exit -> s1\n"
                   "snap s1 resume loop-end\n  frame code 0 depth 1 resume 0 func 0 home 0: float v2\n",
                   &o))
        return;
    check(u[0].code.llvm_text && strstr(u[0].code.llvm_text, "call double @bk_h_m_sin"), "llvm_text", "%s",
          u[0].code.llvm_text);
    check(u[0].code.asm_text && strstr(u[0].code.asm_text, "bk_h_m_sin"), "asm_text", "%s", u[0].code.asm_text);
    drop(&u[0]);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    for (level = 0; level < 3; level++) {
        loop();
        branches();
        locations();
        column_classes();
        stress();
        many();
    }
    return finish();
}
