/* /tmp/perf-PID.map, by which `perf report` shows native loops by function and line (BACKEDGE_PERF=1). Regions whose
 * code was freed stay in it: perf takes the later line for an address. */
#include "perfmap.h"
#include "codestate.h"
#include <string.h>
#include <unistd.h>

bk_perfmode bk_perf_wanted;
static FILE *file;
static pid_t owner;

static void put(const bk_anchor *a, const bk_region *r) {
    const bk_codeinfo *ci = a->of->ci;
    const char *slash = strrchr(ci->filename, '/');
    fprintf(file, "%lx %lx py::%s:%s:%u\n", (unsigned long)(uintptr_t)r->code.entry, (unsigned long)r->code.code_bytes,
            ci->name, slash ? slash + 1 : ci->filename, ci->insns[a->header].line);
}

static void put_all(void) {
    for (bk_codestate *s = bk_codestates; s; s = s->next)
        for (uint32_t i = 0; i < s->nanchors; i++)
            for (bk_region *r = s->anchors[i].region; r; r = r->other) put(&s->anchors[i], r);
}

/* a forked child begins a file of its own, with what it has inherited */
void bk_perf_write(const bk_anchor *a, const bk_region *r) {
    char name[64];
    bool fresh = !file || owner != getpid();
    if (fresh) {
        if (file) fclose(file); /* nothing is buffered */
        snprintf(name, sizeof name, "/tmp/perf-%ld.map", (long)getpid());
        file = fopen(name, "we");
        owner = getpid();
    }
    if (!file) {
        bk_perf_wanted = BK_PERF_OFF;
        return;
    }
    if (fresh) put_all();
    else put(a, r);
    fflush(file);
}
