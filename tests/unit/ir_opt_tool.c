/* Reads one function in the IR's text form, runs passes over it and prints it.
 *
 *   ir_opt_tool [--strip N] [--no-hoist] [--stats] PASS... < in > out     (PASS: a name of BK_PASSES, or "all")
 *
 * The function is verified at the start and after each pass, and its print must parse to an identical print. */
#define _POSIX_C_SOURCE 200809L
#include "bk_ir.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *read_all(FILE *in) {
    size_t n = 0, cap = 1 << 16;
    char *buf = malloc(cap);
    while (buf) {
        n += fread(buf + n, 1, cap - n - 1, in);
        if (n + 1 < cap) break;
        char *more = realloc(buf, cap *= 2);
        if (!more) free(buf);
        buf = more;
    }
    if (buf) buf[n] = 0;
    return buf;
}

static char *print_text(const bk_fn *f) {
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    if (!m) exit(3);
    bk_print(f, m);
    fclose(m);
    return text;
}

static void check(const bk_fn *f, const char *when) {
    const char *wrong = bk_verify(f);
    if (wrong) {
        bk_print(f, stdout);
        fprintf(stderr, "not valid after %s: %s\n", when, wrong);
        exit(2);
    }
    char err[200], *one = print_text(f);
    bk_fn *g = bk_parse(one, err, sizeof err);
    char *two = g ? print_text(g) : NULL;
    if (!two || strcmp(one, two) != 0) {
        fprintf(stderr, "after %s the text does not survive parsing: %s\n%s\n----\n%s", when, err, one, two ? two : "");
        exit(2);
    }
    bk_fn_free(g);
    free(one);
    free(two);
}

static void after(void *ctx, const char *pass, const bk_fn *f) {
    (void)ctx;
    check(f, pass);
}

/* one pass with nothing switched off, timed over copies of the function */
static void time_all(const char *text, const bk_optparams *p) {
    char err[200];
    double best = 1e9;
    for (int i = 0; i < 50; i++) {
        bk_fn *f = bk_parse(text, err, sizeof err);
        bk_optstats st = {0};
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        bk_optimize(f, p, &st, NULL, NULL);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
        if (us < best) best = us;
        bk_fn_free(f);
    }
    fprintf(stderr, "%.1f us\n", best);
}

int main(int argc, char **argv) {
    bk_optparams p = {.strip = 1024};
    bk_optstats st = {0};
    bool stats = false, timing = false;
    char err[200], *text = read_all(stdin);
    bk_fn *f = text ? bk_parse(text, err, sizeof err) : NULL;
    if (!f) {
        fprintf(stderr, "%s\n", text ? err : "out of memory");
        return 2;
    }
    check(f, "parsing");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--strip") && i + 1 < argc) p.strip = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--no-hoist")) p.no_hoist = true;
        else if (!strcmp(argv[i], "--stats")) stats = true;
        else if (!strcmp(argv[i], "--time")) timing = true;
        else if (!strcmp(argv[i], "all")) bk_optimize(f, &p, &st, after, NULL);
        else if (bk_run_pass(f, argv[i], &p, &st) < 0) {
            fprintf(stderr, "no such pass: %s\n", argv[i]);
            return 2;
        }
        check(f, argv[i]);
    }
    bk_print(f, stdout);
    if (timing) time_all(text, &p);
    if (stats)
        fprintf(stderr,
                "folded %u cse %u guards_removed %u hoisted %u ov_removed %u bounds_hoisted %u dead %u fpdeferred %u\n",
                st.folded, st.cse, st.guards_removed, st.hoisted, st.ov_removed, st.bounds_hoisted, st.dead,
                st.fpdeferred);
    bk_fn_free(f);
    free(text);
    return 0;
}
