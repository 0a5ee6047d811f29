/* Every runtime helper called with its own signature. On x86-64 integers and floats travel in registers of their own,
 * so three functions can stand for all helpers and see what was passed; and what compiled code may assume of a helper.
 */
#include "lower_harness.h"

static uint64_t ints_seen[6];
static double floats_seen[4];
static int calls;

static void note(const uint64_t *i, const double *f) {
    memcpy(ints_seen, i, sizeof ints_seen);
    memcpy(floats_seen, f, sizeof floats_seen);
    calls++;
}
#define SIGNATURE                                                                                                      \
    uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t g, double w, double x, double y, double z
#define NOTE note((uint64_t[]){a, b, c, d, e, g}, (double[]){w, x, y, z})
static uint64_t gives_int(SIGNATURE) { return NOTE, 0x8877665544332211; }
static double gives_float(SIGNATURE) { return NOTE, -0.625; }
static bool gives_true(SIGNATURE) { return NOTE, true; }

/* argument k: home slot k % 4 in the form that letter c wants; gives the length written */
static int argument(char *out, size_t n, char c, int k) {
    int v = 10 + 4 * k, s = k % 4;
    switch (c) {
    case 'P': return snprintf(out, n, "  v%d = hload %d\n", v, s);
    case 'I': return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n", v + 1, s, v, v + 1);
    case 'F':
        return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n  v%d = bitsf v%d\n", v + 1, s, v + 2, v + 1, v,
                        v + 2);
    default:
        return snprintf(out, n, "  v%d = hload %d\n  v%d = p2i v%d\n  v%d = ne v%d, v1\n", v + 1, s, v + 2, v + 1, v,
                        v + 2);
    }
}

static const uint64_t homes[4] = {0x4008000000000000, 0xc010000000000001, 0x123456789abcdef0, 0x7fefffffffffffff};

static void text_of(char *out, size_t n, const bk_helperinfo *h) {
    char list[200] = "";
    const char *args = h->args + (h->args[0] == 'C');
    size_t at = (size_t)snprintf(out, n, "fn \"call\" home 4 codes 1\nb0:\n  v1 = k.i64 0\n");
    for (int k = 0; args[k]; k++) {
        at += (size_t)argument(out + at, n - at, args[k], k);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%sv%d", k ? ", " : "", 10 + 4 * k);
    }
    const char *dot = h->result == '1'   ? "1"
                      : h->result == 'I' ? "i"
                      : h->result == 'F' ? "f"
                      : h->result == 'P' ? "p"
                                         : "v";
    const char *slot = h->result == '1'   ? "bool v2"
                       : h->result == 'I' ? "int v2"
                       : h->result == 'F' ? "float v2"
                       : h->result == 'P' ? "owned v2"
                                          : "null";
    snprintf(out + at, n - at,
             "  %scall.%s %s(%s)\n  exit -> s1\nsnap s1 resume loop-end\n"
             "  frame code 0 depth 1 resume 0 func 0 home 0: %s\n",
             h->result == 'V' ? "" : "v2 = ", dot, h->name, list, slot);
}

static void check_arguments(const bk_helperinfo *h) {
    int ni = 0, nf = 0, k = 0;
    for (const char *c = h->args; *c; c++) {
        if (*c == 'C') {
            check(ints_seen[ni++] == (uint64_t)(uintptr_t)&context, h->name, "context");
            continue;
        }
        uint64_t v = homes[k++ % 4];
        if (*c != 'F' && ni == sizeof ints_seen / sizeof *ints_seen) break; /* the others are not in registers */
        if (*c == 'F') check(bits_of(floats_seen[nf++]) == v, h->name, "float argument %d", k);
        else if (*c == '1') check((uint8_t)ints_seen[ni++] == 1, h->name, "bool argument %d", k);
        else check(ints_seen[ni++] == v, h->name, "argument %d", k);
    }
}

static void one_helper(const bk_helperinfo *h) {
    char text[2000];
    unit u;
    text_of(text, sizeof text, h);
    if (!make(&u, text)) return;
    void *home[4];
    memcpy(home, homes, sizeof home);
    calls = 0;
    outcome r = run(&u, home);
    uint64_t want = h->result == 'F'   ? bits_of(-0.625)
                    : h->result == '1' ? 1
                    : h->result == 'V' ? 0
                                       : 0x8877665544332211;
    check(operand(&r, 0, 0) == want, h->name, "result 0x%" PRIx64, operand(&r, 0, 0));
    if (h->result == 'V' && h->effect == BK_E_PURE) return drop(&u);
    check(calls == 1, h->name, "%d calls", calls);
    check_arguments(h);
    drop(&u);
}

/* An unknown call sees what was stored before it and may change what is loaded behind it, the frame's slots too. */
static void **frame;
static uint64_t frame_seen;
static void *changes_frame(bk_ctx *c, void *p, int64_t what) {
    (void)c, (void)what;
    frame_seen = (uint64_t)(uintptr_t)frame[1];
    frame[1] = (void *)0x99;
    *(int64_t *)p = 31;
    return NULL;
}
static void effects(void) {
    unit u;
    void *saved = bk_helpers[BK_H_intrinsic1].address;
    if (saved && bk_helpers[BK_H_intrinsic1].address != (void *)changes_frame) return;
    bk_helpers[BK_H_intrinsic1].address = (void *)changes_frame;
    if (!make(
            &u,
            "fn \"effects\" home 2 codes 1\nb0:\n  v1 = hload 0\n  v2 = k.ptr 0x11\n  v3 = k.ptr 0x22\n  v4 = k.i64 1\n"
            "  v5 = load.i64.data v1\n  hstore v2 1\n  v6 = call.p intrinsic1(v1, v4)\n  v7 = hload 1\n"
            "  v8 = load.i64.data v1\n  hstore v3 1\n  exit -> s1\n"
            "snap s1 resume loop-end\n  frame code 0 depth 3 resume 0 func 0 home 0: int v5 | borrowed v7 | int v8\n"))
        return;
    int64_t cell = 30;
    void *home[2] = {&cell, NULL};
    frame = home;
    outcome r = run(&u, home);
    check(frame_seen == 0x11, "effects", "the call saw 0x%" PRIx64, frame_seen);
    check(operand(&r, 0, 0) == 30 && operand(&r, 1, 0) == 0x99 && operand(&r, 2, 0) == 31, "effects",
          "values behind the call");
    check(home[1] == (void *)0x22, "effects", "the last store");
    drop(&u);
}

/* Messages, not crashes: a helper that has no address, a call that does not fit. */
static void refusals(void) {
    static const char *const texts[] = {
        "fn \"bad\" codes 1\nb0:\n  v1 = call.p import_name(v2, v2, v2)\n  exit -> s1\n",
        "fn \"bad\" codes 1\nb0:\n  v1 = arg.i 3\n  exit -> s1\n",
        "fn \"bad\" codes 1\nb0:\n  v1 = hload 3\n  exit -> s1\n",
        "fn \"bad\" codes 1\nb0:\n  v2 = k.i64 1\n  v1 = call.f m_sin(v2)\n  exit -> s1\n",
        "fn \"bad\" codes 1\nb0:\n  v2 = k.i64 1\n  v1 = sext v2 7\n  exit -> s1\n",
        "fn \"bad\" codes 1\nb0:\n  v2 = k.i64 1\n  exit -> s9\n",
        "fn \"bad\" codes 1\nb0: header preds b0\n  jmp b0\n",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char text[500], err[300] = "";
        bk_code code;
        bk_compile_opts o = options();
        snprintf(text, sizeof text, "%ssnap s1 resume loop-end\n  frame code 0 depth 0 resume 0 func 0 home 0: null\n",
                 texts[k]);
        bk_fn *fn = bk_parse(text, err, sizeof err);
        if (!fn) continue; /* the parser already refuses it */
        int rc = backend->compile(fn, &o, &code, err, sizeof err);
        check(rc == -1 && err[0] && !code.entry && !code.exits, "refusal", "text %zu: %d %s", k, rc, err);
        if (!rc) backend->release(&code);
        bk_fn_free(fn);
    }
}

/* frame_seen is a load of the frame's frame object */
static void frame_is_seen(void) {
    char text[2000];
    unit u;
    text_of(text, sizeof text, &bk_helpers[BK_H_frame_seen]);
    if (!make(&u, text)) return;
    void *fields[16] = {NULL}, *home[4];
    context.frame = fields;
    for (int seen = 0; seen < 2; seen++) {
        fields[layout.frame_obj / sizeof *fields] = seen ? fields : NULL;
        memcpy(home, homes, sizeof home);
        outcome r = run(&u, home);
        check(operand(&r, 0, 0) == (uint64_t)seen, "frame_seen", "%d", seen);
    }
    context.frame = NULL;
    drop(&u);
}

int main(int argc, char **argv) {
    if (start(argc, argv)) return 1;
    for (level = 0; level < 3; level++) {
        refusals();
        effects();
        frame_is_seen();
        for (size_t k = 0; k < BK_NHELPERS; k++) {
            bk_helperinfo *h = &bk_helpers[k];
            if (k == BK_H_intrinsic1 || k == BK_H_frame_seen) continue; /* no calls */
            h->address = h->result == 'F'   ? (void *)gives_float
                         : h->result == '1' ? (void *)gives_true
                                            : (void *)gives_int;
            one_helper(h);
        }
    }
    return finish();
}
