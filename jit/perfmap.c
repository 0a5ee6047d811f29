/* /tmp/perf-PID.map (BACKEDGE_PERF=map), by which `perf report` shows native loops by function and line. Regions whose
 * code was freed stay in it: perf takes the later line for an address. perfdump.c writes the other form. */
#include "perfmap.h"
#include <string.h>
#include <unistd.h>

bk_perfmode bk_perf_wanted;
static FILE *file;
static pid_t owner;

void bk_perf_name(char *name, size_t n, const char *function, const char *path, uint32_t line) {
    const char *slash = strrchr(path, '/');
    snprintf(name, n, "py::%s:%s:%u", function, slash ? slash + 1 : path, line);
}

static void put(const bk_anchor *a, const bk_region *r) {
    char name[400];
    const bk_codeinfo *ci = a->of->ci;
    if (bk_perf_wanted == BK_PERF_DUMP) {
        bk_perfdump_put(file, a, r);
        return;
    }
    bk_perf_name(name, sizeof name, ci->name, ci->filename, bk_anchor_line(a));
    fprintf(file, "%lx %lx %s\n", (unsigned long)(uintptr_t)r->code.entry, (unsigned long)r->code.code_bytes, name);
}

static void put_all(void) {
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i <= s->nanchors; i++) {
            const bk_anchor *a = bk_anchor_number(s, i);
            for (bk_region *r = a->region; r; r = r->other) put(a, r);
        }
}

/* a forked child begins a file of its own, with what it has inherited */
static void begin(void) {
    char name[64];
    bool dump = bk_perf_wanted == BK_PERF_DUMP;
    if (file) fclose(file); /* nothing is buffered */
    snprintf(name, sizeof name, dump ? "/tmp/jit-%ld.dump" : "/tmp/perf-%ld.map", (long)getpid());
    unlink(name); /* of a process that had the number before: perhaps not ours to write */
    file = fopen(name, "w+xe");
    owner = getpid();
    if (!file || (dump && !bk_perfdump_begin(file))) bk_perf_wanted = BK_PERF_OFF;
    else put_all();
}

void bk_perf_write(const bk_anchor *a, const bk_region *r) {
    if (!file || owner != getpid()) begin();
    else put(a, r);
    if (file) fflush(file);
}
