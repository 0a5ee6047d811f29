/* Compiles IR text (a file, or - for standard input) and prints LLVM IR, machine code and times; or, with --latency,
 * measures the first compile, small and large regions and the memory they need.
 * Usage: lower_tool FILE [level]   lower_tool --latency   (the backend is named by BACKEDGE_LLVM) */
#include "lower_harness.h"
#include "lower_gen.h"
#include <malloc.h>

static double resident_mb(void) {
    long size, rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &size, &rss) != 2) rss = 0;
    if (f) fclose(f);
    return (double)rss * 4096 / 1e6;
}

static char *read_all(const char *path) {
    FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
    size_t cap = 1 << 20, n = 0;
    char *text = calloc(1, cap);
    if (!f || !text) return NULL;
    n = fread(text, 1, cap - 1, f);
    text[n] = 0;
    if (f != stdin) fclose(f);
    return text;
}

static int show(const char *path) {
    unit u;
    char *text = read_all(path);
    bk_compile_opts o = options();
    o.want_llvm = o.want_asm = true;
    for (size_t k = 0; k < BK_NHELPERS; k++)
        if (!bk_helpers[k].address) bk_helpers[k].address = (void *)(0x10000 + 16 * k);
    if (!text || !make_with(&u, text, &o)) return 1;
    printf("%s\n%s\n", u.code.llvm_text, u.code.asm_text);
    printf("; %zu bytes, %u exits, %u words, lower %.2f opt %.2f emit %.2f ms\n", u.code.code_bytes, u.code.nexits,
           u.code.buf_words, u.code.lower_ms, u.code.opt_ms, u.code.emit_ms);
    drop(&u);
    free(text);
    return 0;
}

static void region(uint32_t guards, uint32_t carried, int rounds) {
    char err[300];
    double best = 1e9;
    bk_code best_code = {0};
    bk_fn *fn = generate(guards, carried);
    const char *bad = bk_verify(fn);
    if (bad) printf("%s\n", bad);
    for (int k = 0; k < rounds && !bad; k++) {
        bk_compile_opts o = options();
        bk_code c;
        double t = ms();
        if (backend->compile(fn, &o, &c, err, sizeof err)) {
            printf("%s\n", err);
            break;
        }
        t = ms() - t;
        if (t < best) best = t, best_code = c;
        backend->release(&c);
    }
    printf("level %d, %4u guards, %3u carried: %7.2f ms (lower %.2f, opt %.2f, emit and link %.2f), %zu bytes\n", level,
           guards, carried, best, best_code.lower_ms, best_code.opt_ms, best_code.emit_ms, best_code.code_bytes);
    bk_fn_free(fn);
}

/* many small regions that stay */
static void keep(int n) {
    char err[300];
    static bk_code kept[2000];
    bk_fn *fn = generate(4, 3);
    double before = resident_mb(), bytes = 0;
    for (int k = 0; k < n; k++) {
        bk_compile_opts o = options();
        if (backend->compile(fn, &o, &kept[k], err, sizeof err)) break;
        bytes += (double)kept[k].code_bytes;
    }
    printf("%d small regions of %.0f bytes: %.1f kB resident each", n, bytes / n, (resident_mb() - before) * 1e3 / n);
    before = resident_mb();
    for (int k = 0; k < n; k++) backend->release(&kept[k]);
    malloc_trim(0);
    printf(", %.1f MB given back on release\n", before - resident_mb());
    bk_fn_free(fn);
}

static int latency(double t0, double rss0) {
    double t1 = ms(), rss1 = resident_mb();
    printf("load and set-up %.2f ms, +%.1f MB\n", t1 - t0, rss1 - rss0);
    region(4, 3, 1);
    printf("resident after the first compile: %.1f MB (%.1f before loading)\n", resident_mb(), rss0);
    for (level = 0; level < 2; level++) {
        region(4, 3, 20);
        region(30, 6, 20);
        region(50, 8, 10);
        region(200, 8, 5);
        region(200, 30, 3);
    }
    malloc_trim(0);
    printf("resident: %.1f MB\n", resident_mb());
    keep(500);
    return 0;
}

int main(int argc, char **argv) {
    double t0 = ms(), rss0 = resident_mb();
    if (argc < 2 || start(1, argv)) return 2;
    level = argc > 2 ? atoi(argv[2]) : 1;
    if (strcmp(argv[1], "--latency") == 0) return latency(t0, rss0);
    return show(argv[1]);
}
