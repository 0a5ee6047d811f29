/* Harness of the code generator's tests: IR text in, compiled code run in this process, values read where the exit's
 * locations say. Each test program includes it once; the backend is given by argument 1 or BACKEDGE_LLVM,
 * else it is the one of the build directory that the test is in. */
#ifndef LOWER_HARNESS_H
#define LOWER_HARNESS_H
#include "bk_backend.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTMIN INT64_MIN
#define INTMAX INT64_MAX

static const bk_backend *backend;
static int passed, failed, level = 1;
static const int32_t always_valid = 1;

/* a fake object: count, type, then a float's value or an int's tag and digits */
typedef struct {
    uint64_t count;
    void *type;
    union {
        double f;
        struct {
            uint64_t tag;
            uint32_t digit[4];
        };
    };
} object;

static object py_true = {.count = UINT32_MAX, .tag = 1 << 3, .digit = {1}};
static object py_false = {.count = UINT32_MAX, .tag = 1 | 1 << 3, .digit = {0}};
static bk_layout layout = {.refcnt = 0,
                           .frame_obj = 40,
                           .type = 8,
                           .float_value = 16,
                           .long_tag = 16,
                           .long_digits = 24,
                           .long_compact = 16,
                           .breaker_bytes = 8,
                           .breaker_mask = ~UINT64_C(0),
                           .ip_add = -2,
                           .true_obj = &py_true,
                           .false_obj = &py_false};

static bk_compile_opts options(void) {
    return (bk_compile_opts){.layout = &layout,
                             .helpers = bk_helpers,
                             .valid = &always_valid,
                             .level = level,
                             .want_llvm = getenv("SHOW") != NULL,
                             .want_asm = getenv("SHOW") != NULL};
}

__attribute__((format(printf, 3, 4), unused)) static void check(bool ok, const char *what, const char *fmt, ...) {
    if (ok) {
        passed++;
        return;
    }
    failed++;
    va_list ap;
    printf("FAILED (level %d) %s: ", level, what);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

typedef struct {
    bk_fn *fn;
    bk_code code;
} unit;

static inline double ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Compiles IR text; false (and a failed check) if that does not work. */
static bool make_with(unit *u, const char *text, const bk_compile_opts *o) {
    char err[1000] = "";
    memset(u, 0, sizeof *u);
    u->fn = bk_parse(text, err, sizeof err);
    const char *bad = u->fn ? bk_verify(u->fn) : NULL;
    if (!u->fn || bad) {
        check(false, "parse", "%s\n%s", bad ? bad : err, text);
        return false;
    }
    if (backend->compile(u->fn, o, &u->code, err, sizeof err)) {
        check(false, "compile", "%s\n%s", err, text);
        bk_fn_free(u->fn);
        return false;
    }
    if (getenv("SHOW")) printf("%s\n%s\n", u->code.llvm_text, u->code.asm_text);
    return true;
}

static inline bool make(unit *u, const char *text) {
    bk_compile_opts o = options();
    return make_with(u, text, &o);
}

static void drop(unit *u) {
    backend->release(&u->code);
    bk_fn_free(u->fn);
}

/* what a run left behind */
typedef struct {
    const unit *u;
    uint32_t exit, snap;
    uint64_t buf[256];
} outcome;

static uint64_t breaker_word;
static void *saved_ip;
static char bytecode[64];
static bk_ctx context = {.breaker = &breaker_word, .ip = &saved_ip, .code_base = bytecode};

static inline outcome run(const unit *u, void **home) {
    outcome r = {.u = u};
    if (u->code.buf_words > 256) abort();
    memset(r.buf + u->fn->nxhome, 0xA5, sizeof r.buf - u->fn->nxhome * 8);
    r.exit = u->code.entry(home, r.buf, &context);
    if (r.exit >= u->code.nexits) abort();
    r.snap = u->code.exits[r.exit].snap;
    return r;
}

/* operand k (0-2) of the n-th slot entry of the snapshot, all frames in order */
static inline uint64_t operand(const outcome *r, uint32_t n, int k) {
    bk_loc l = r->u->code.locs[r->u->code.exits[r->exit].locs + 3 * n + (uint32_t)k];
    return l < 0 ? r->u->code.consts[-1 - l] : r->buf[l];
}

static inline uint64_t bits_of(double d) {
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}
static inline double double_of(uint64_t u) {
    double d;
    memcpy(&d, &u, 8);
    return d;
}
/* equal, NaNs alike */
static inline bool same_double(uint64_t a, uint64_t b) {
    double x = double_of(a), y = double_of(b);
    return a == b || (x != x && y != y);
}

static int start(int argc, char **argv) {
    char beside[1000];
    const char *path = argc > 1 ? argv[1] : getenv("BACKEDGE_LLVM");
    ssize_t n = path ? 0 : readlink("/proc/self/exe", beside, sizeof beside - 40);
    if (n > 0) { /* a test in the build directory */
        beside[n] = 0;
        strcpy(strrchr(beside, '/'), "/../backedge/_backedge_llvm.so");
        path = beside;
    }
    char err[400] = "";
    void *so = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    const bk_backend *(*open)(char *, size_t) = NULL;
    if (so) *(void **)&open = dlsym(so, "bk_backend_open");
    if (open) backend = open(err, sizeof err);
    if (backend) return 0;
    fprintf(stderr, "no backend: %s\n", !path ? "give its path" : !so ? dlerror() : err);
    return 1;
}

static inline int finish(void) {
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
#endif
