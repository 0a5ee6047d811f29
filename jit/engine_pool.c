/* The memory of LLVM's C++ objects: operator new and delete of this shared object, with the C++ library that is linked
 * into it. A compile makes and drops some ten thousand small objects. malloc gives a thread an arena that grows by a
 * system call and many page faults at a time: a tenth of a first compile. Here it is a huge page or two, and freed
 * objects wait in lists by size. No lock: compiles take turns (jit/worker.c), as LLVM's own state needs too. Nothing is
 * given back: the next compile uses it again. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(BK_OWN_CXX) && !defined(__SANITIZE_ADDRESS__)

enum {
    HUGE_PAGE = 2 << 20,
    POOL = 64 << 20, /* of addresses; what does not fit comes from malloc */
    UNIT = 16 << 10, /* has objects of one size class */
    LARGEST = 64 << 10,
    FINE = 16, /* classes: multiples of this up to its square, 2^8, then four for each power of two */
    NCLASSES = FINE + 1 + 4 * 8
};

typedef struct free_object {
    struct free_object *next;
} free_object;

static struct {
    char *base; /* NULL: there is none, or not yet */
    bool tried;
    size_t used;
    uint8_t class_of[POOL / UNIT];
    struct {
        free_object *freed;
        char *at, *end; /* what is left of its last units */
    } classes[NCLASSES];
} pool;

static bool make_pool(void) {
    pool.tried = true;
    char *p = mmap(NULL, POOL + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    pool.base = (char *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    madvise(pool.base, POOL, MADV_HUGEPAGE);
    return true;
}

/* n > 0 */
static unsigned class_for(size_t n) {
    if (n <= FINE * FINE) return (unsigned)((n + FINE - 1) / FINE);
    unsigned log = 63 - (unsigned)__builtin_clzl(n - 1); /* 2^log < n <= 2^(log+1) */
    return FINE + 1 + 4 * (log - 8) + (unsigned)((n - 1) >> (log - 2) & 3);
}

static size_t size_of_class(unsigned c) {
    if (c <= FINE) return (size_t)c * FINE;
    unsigned log = 8 + (c - FINE - 1) / 4;
    return ((size_t)1 << log) + (((size_t)1 << (log - 2)) * ((c - FINE - 1) % 4 + 1));
}

static void *more(unsigned c, size_t size) {
    size_t n = ((size > UNIT ? size : UNIT) + UNIT - 1) / UNIT;
    if ((!pool.base && (pool.tried || !make_pool())) || pool.used + n * UNIT > POOL) return NULL;
    char *p = pool.base + pool.used;
    for (size_t k = 0; k < n; k++) pool.class_of[pool.used / UNIT + k] = (uint8_t)c;
    pool.used += n * UNIT;
    pool.classes[c].at = p + size;
    pool.classes[c].end = p + n * UNIT;
    return p;
}

static void *from_pool(size_t n) {
    unsigned c = class_for(n);
    free_object *o = pool.classes[c].freed;
    if (o) {
        pool.classes[c].freed = o->next;
        return o;
    }
    size_t size = size_of_class(c);
    char *p = pool.classes[c].at;
    if (!p || (size_t)(pool.classes[c].end - p) < size) return more(c, size);
    pool.classes[c].at = p + size;
    return p;
}

void *_Znwm(size_t n);
void *_Znwm(size_t n) {
    void *p = n && n <= LARGEST ? from_pool(n) : NULL;
    if (!p && !(p = malloc(n ? n : 1))) abort(); /* as LLVM does, which is built without exceptions */
    return p;
}

void _ZdlPv(void *p);
void _ZdlPv(void *p) {
    size_t at = (size_t)((char *)p - pool.base);
    if (!pool.base || at >= POOL) {
        free(p);
        return;
    }
    free_object *o = p;
    unsigned c = pool.class_of[at / UNIT];
    o->next = pool.classes[c].freed;
    pool.classes[c].freed = o;
}

/* the alignment that LLVM asks for is mostly that of all objects */
void *_ZnwmSt11align_val_t(size_t n, size_t align);
void *_ZnwmSt11align_val_t(size_t n, size_t align) {
    if (align <= FINE) return _Znwm(n);
    void *p = aligned_alloc(align, (n + align - 1) / align * align);
    if (!p) abort();
    return p;
}

void _ZdlPvSt11align_val_t(void *p, size_t align);
void _ZdlPvSt11align_val_t(void *p, size_t align) {
    (void)align;
    _ZdlPv(p);
}
#endif
