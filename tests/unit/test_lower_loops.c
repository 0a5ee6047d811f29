/* Array loops: right for all trip counts, float sums in program order, and vectorised where that is legal. */
#include "lower_harness.h"
#include <math.h>

/* b[i,j] = 0.25 * (a[i-1,j] + a[i+1,j] + a[i,j-1] + a[i,j+1]); row stride in home 3, unit inner stride.
 * home: a, b, n rows and columns, row stride in bytes. */
static const char stencil[] =
    "fn \"stencil\" home 4 codes 1\n"
    "b0: preheader s1\n  v1 = hload 0\n  v2 = hload 1\n  v3 = hload 2\n  v4 = p2i v3\n  v5 = hload 3\n  v6 = p2i v5\n"
    "  v7 = k.i64 1\n  v8 = sub v4, v7 !nsw\n  v9 = k.f64 0.25\n  jmp b1\n"
    "b1: header preds b0 b5\n  v10 = phi.i v7, v40\n  v11 = lt v10, v8\n  br v11 b2 b6 prob 15 1\n"
    "b2: preheader s1 preds b1\n  v12 = mul v10, v6\n  v13 = padd v1, v12\n  v14 = padd v2, v12\n  v15 = sub v12, v6\n"
    "  v16 = padd v1, v15\n  v17 = add v12, v6\n  v18 = padd v1, v17\n  jmp b3\n"
    "b3: header preds b2 b4\n  v20 = phi.i v7, v31\n  v21 = lt v20, v8\n  br v21 b4 b5 prob 15 1\n"
    "b4: preds b3\n  v22 = load.f64.data v16 + v20*8\n  v23 = load.f64.data v18 + v20*8\n  v24 = load.f64.data v13 + "
    "v20*8 + -8\n"
    "  v25 = load.f64.data v13 + v20*8 + 8\n  v26 = fadd.f v22, v23\n  v27 = fadd.f v26, v24\n  v28 = fadd.f v27, v25\n"
    "  v29 = fmul.f v9, v28\n  store.f64.data v14 + v20*8, v29\n  v31 = add v20, v7 !nsw\n  jmp b3\n"
    "b5: preds b3\n  v40 = add v10, v7 !nsw\n  poll -> s2\n  jmp b1\n"
    "b6: preds b1\n  exit -> s1\n"
    "snap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
    "snap s2 resume poll\n  frame code 0 depth 1 resume 0 func 0 home 0: int v40\n";

/* s += a[i] * b[i] in order; home: a, b, n */
static const char dot[] =
    "fn \"dot\" home 3 codes 1\n"
    "b0: preheader s1\n  v1 = hload 0\n  v2 = hload 1\n  v3 = hload 2\n  v4 = p2i v3\n  v5 = k.i64 0\n  v6 = k.i64 1\n "
    " v7 = k.f64 0\n"
    "  jmp b1\n"
    "b1: header preds b0 b2\n  v10 = phi.i v5, v15\n  v11 = phi.f v7, v14\n  v12 = lt v10, v4\n  br v12 b2 b3 prob 15 "
    "1\n"
    "b2: preds b1\n  v13 = load.f64.data v1 + v10*8\n  v16 = load.f64.data v2 + v10*8\n  v17 = fmul.f v13, v16\n"
    "  v14 = fadd.f v11, v17\n  v15 = add v10, v6 !nsw\n  jmp b1\n"
    "b3: preds b1\n  exit -> s2\n"
    "snap s1 resume none\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
    "snap s2 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: float v11\n";

/* an int sum with known ranges, and b[i] = a[i] < c ? a[i] : c; home: a (i64), b, n */
static const char select_sum[] =
    "fn \"sum\" home 3 codes 1\n"
    "b0: preheader s1\n  v1 = hload 0\n  v2 = hload 1\n  v3 = hload 2\n  v4 = p2i v3\n  v5 = k.i64 0\n  v6 = k.i64 1\n "
    " v7 = k.i64 100\n"
    "  jmp b1\n"
    "b1: header preds b0 b2\n  v10 = phi.i v5, v15\n  v11 = phi.i v5, v14\n  v12 = lt v10, v4\n  br v12 b2 b3 prob 15 "
    "1\n"
    "b2: preds b1\n  v13 = load.i64.data v1 + v10*8\n  v16 = lt v13, v7\n  v17 = select.i v16, v13, v7\n"
    "  store.i64.data v2 + v10*8, v17\n  v14 = add v11, v17 !nsw\n  v15 = add v10, v6 !nsw\n  jmp b1\n"
    "b3: preds b1\n  exit -> s2\n"
    "snap s1 resume none\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"
    "snap s2 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: int v11\n";

enum { N = 203 };
static double a[N * N], b[N * N], want[N * N];

static bool made(unit *u, const char *text, const char *packed) {
    bk_compile_opts o = options();
    o.want_asm = true;
    if (!make_with(u, text, &o)) return false;
    check(!packed || (u->code.asm_text && strstr(u->code.asm_text, packed)), "vectorised", "no %s in\n%s", packed,
          u->code.asm_text);
    return true;
}

static void fill(void) {
    for (int k = 0; k < N * N; k++) a[k] = sin(k) * pow(10, k % 9), b[k] = want[k] = k;
}

static void stencils(void) {
    unit u;
    if (!made(&u, stencil, "vaddpd")) return;
    for (int64_t n = 0; n < 40; n++) {
        fill();
        for (int64_t i = 1; i < n - 1; i++)
            for (int64_t j = 1; j < n - 1; j++)
                want[i * N + j] =
                    0.25 * (a[(i - 1) * N + j] + a[(i + 1) * N + j] + a[i * N + j - 1] + a[i * N + j + 1]);
        void *home[4] = {a, b, (void *)n, (void *)(intptr_t)(N * 8)};
        check(run(&u, home).snap == 1 && !memcmp(b, want, sizeof b), "stencil", "n %" PRId64, n);
    }
    /* the same array in and out: each element must see the one before it */
    fill();
    memcpy(want, a, sizeof a);
    for (int64_t i = 1; i < N - 1; i++)
        for (int64_t j = 1; j < N - 1; j++)
            want[i * N + j] =
                0.25 * (want[(i - 1) * N + j] + want[(i + 1) * N + j] + want[i * N + j - 1] + want[i * N + j + 1]);
    void *home[4] = {a, a, (void *)(intptr_t)N, (void *)(intptr_t)(N * 8)};
    check(run(&u, home).snap == 1 && !memcmp(a, want, sizeof a), "stencil", "in place");
    drop(&u);
}

static void dots(void) {
    unit u;
    if (!made(&u, dot, NULL)) return;
    fill();
    for (int64_t n = 0; n < 3000; n = n < 70 ? n + 1 : n * 2) {
        double s = 0;
        for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
        void *home[4] = {a, b, (void *)n};
        outcome r = run(&u, home);
        check(operand(&r, 0, 0) == bits_of(s), "dot", "n %" PRId64 ": %.17g, expected %.17g", n,
              double_of(operand(&r, 0, 0)), s);
    }
    drop(&u);
}

static void sums(void) {
    unit u;
    static int64_t in[300], out[300];
    if (!made(&u, select_sum, "vpaddq")) return;
    for (int k = 0; k < 300; k++) in[k] = (k * 7919) % 251 - 50;
    for (int64_t n = 0; n < 300; n++) {
        int64_t s = 0;
        memset(out, 0, sizeof out);
        for (int64_t k = 0; k < n; k++) s += in[k] < 100 ? in[k] : 100;
        void *home[4] = {in, out, (void *)n};
        outcome r = run(&u, home);
        bool ok = (int64_t)operand(&r, 0, 0) == s && !out[n];
        for (int64_t k = 0; k < n; k++) ok &= out[k] == (in[k] < 100 ? in[k] : 100);
        check(ok, "sum", "n %" PRId64, n);
    }
    drop(&u);
}

static void speed(void) {
    unit u;
    if (!make(&u, stencil)) return;
    fill();
    void *home[4] = {a, b, (void *)(intptr_t)N, (void *)(intptr_t)(N * 8)};
    double best = 1e9;
    for (int k = 0; k < 200; k++) {
        double t = ms();
        run(&u, home);
        t = ms() - t;
        if (t < best) best = t;
    }
    printf("level %d: stencil %.3f ns per element; %zu bytes, lower %.2f opt %.2f emit %.2f ms\n", level,
           best * 1e6 / ((N - 2) * (N - 2)), u.code.code_bytes, u.code.lower_ms, u.code.opt_ms, u.code.emit_ms);
    drop(&u);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    for (level = 0; level < 3; level++) {
        stencils();
        dots();
        sums();
        speed();
    }
    return finish();
}
