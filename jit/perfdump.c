/* /tmp/jit-PID.dump (BACKEDGE_PERF=dump): native code itself with source lines and unwind tables, for `perf inject
 * --jit`. The format is tools/perf/Documentation/jitdump-specification.txt of the Linux sources. */
#include "perfmap.h"
#include "clock.h"
#include "perfunwind.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOAD = 0, DEBUG_INFO = 2, UNWINDING_INFO = 4 };

typedef struct {
    uint32_t magic, version, size, machine, pad, pid;
    uint64_t time, flags;
} file_header;

typedef struct {
    uint32_t id, size;
    uint64_t time;
} record;

typedef struct {
    record r;
    uint32_t pid, tid;
    uint64_t vma, address, size, number;
} load_record;

typedef struct {
    record r;
    uint64_t address, count;
} debug_record;

typedef struct {
    uint64_t address;
    int32_t line, discriminator;
} debug_entry;

typedef struct {
    record r;
    uint64_t size, header_size, mapped_size;
} unwind_record;

static void *marker;
static size_t marker_size;
static uint64_t number; /* of the file's pieces of code */

/* the clock of perf record -k mono */
static uint64_t now(void) { return bk_clock_ns(CLOCK_MONOTONIC); }

/* perf finds the file by the executable mapping of it that the program makes */
bool bk_perfdump_begin(FILE *file) {
    file_header h = {0x4A695444, 1, sizeof h, 62 /* EM_X86_64 */, 0, (uint32_t)getpid(), now(), 0};
    number = 0;
    if (fwrite(&h, sizeof h, 1, file) != 1 || fflush(file)) return false;
    if (marker) munmap(marker, marker_size); /* the parent's, in a forked child */
    marker_size = (size_t)sysconf(_SC_PAGESIZE);
    marker = mmap(NULL, marker_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(file), 0);
    if (marker == MAP_FAILED) marker = NULL;
    return marker;
}

static const bk_fn *part_fn(const bk_region *r, uint32_t part) { return part ? r->fn->bodies[part - 1] : r->fn; }

/* the source that a row comes from; NULL: not known */
static const bk_source *row_source(const bk_region *r, const bk_line *row) {
    const bk_fn *fn = part_fn(r, row->part);
    uint16_t org = row->ref < fn->nins ? fn->ins[row->ref].org : 0;
    return row->ref && row->line && org ? bk_region_source(r, fn, fn->origins[org].code) : NULL;
}

static void put_lines(FILE *file, const bk_region *r, uint32_t part) {
    uint64_t entry = (uint64_t)(uintptr_t)r->code.entry;
    debug_record d = {.r = {DEBUG_INFO, sizeof d, now()}, .address = entry + r->code.parts[part].at};
    for (uint32_t k = 0; k < r->code.nlines; k++) {
        const bk_source *s = r->code.lines[k].part == part ? row_source(r, &r->code.lines[k]) : NULL;
        if (!s) continue;
        d.count++;
        d.r.size += (uint32_t)(sizeof(debug_entry) + strlen(s->file) + 1);
    }
    if (!d.count) return;
    fwrite(&d, sizeof d, 1, file);
    for (uint32_t k = 0; k < r->code.nlines; k++) {
        const bk_line *row = &r->code.lines[k];
        const bk_source *s = row->part == part ? row_source(r, row) : NULL;
        if (!s) continue;
        debug_entry e = {entry + row->at, (int32_t)row->line, 0};
        fwrite(&e, sizeof e, 1, file);
        fwrite(s->file, strlen(s->file) + 1, 1, file);
    }
}

/* perf maps the tables behind the code; libunwind, which it may use, reads them there. They must not hide the code that
 * follows (`room`: of bytes until then): such tables are only found by libdw. */
static void put_unwind(FILE *file, const bk_region *r, uint64_t address, uint64_t size, uint64_t room) {
    bk_unwind u;
    if (!bk_perf_unwind(r->code.frames, address, size, &u)) return;
    if (room > u.room) room = u.room;
    unwind_record w = {.r = {UNWINDING_INFO, 0, now()}, .size = u.size, .header_size = BK_UNWIND_HEADER};
    uint32_t padded = (u.size + 7) & ~7U;
    w.r.size = (uint32_t)sizeof w + padded;
    w.mapped_size = padded + 8 <= room ? padded + 8 : 0; /* 8: to where they begin */
    fwrite(&w, sizeof w, 1, file);
    fwrite(u.bytes, padded, 1, file);
}

static void put_code(FILE *file, const char *name, uint64_t address, uint64_t size) {
    load_record l = {.r = {LOAD, (uint32_t)(sizeof l + strlen(name) + 1 + size), now()},
                     .pid = (uint32_t)getpid(),
                     .tid = (uint32_t)syscall(SYS_gettid),
                     .vma = address,
                     .address = address,
                     .size = size,
                     .number = ++number};
    fwrite(&l, sizeof l, 1, file);
    fwrite(name, strlen(name) + 1, 1, file);
    fwrite((const void *)(uintptr_t)address, size, 1, file);
}

/* from the end of one of a region's functions to the beginning of the next */
static uint64_t room_behind(const bk_region *r, uint32_t part) {
    uint32_t end = r->code.parts[part].at + r->code.parts[part].size, next = UINT32_MAX;
    for (uint32_t k = 0; k <= r->code.nbodies; k++)
        if (r->code.parts[k].at >= end && r->code.parts[k].at < next) next = r->code.parts[k].at;
    return next == UINT32_MAX ? UINT64_MAX : next - end;
}

void bk_perfdump_put(FILE *file, const bk_anchor *a, const bk_region *r) {
    char name[400];
    uint64_t entry = (uint64_t)(uintptr_t)r->code.entry;
    bk_perf_name(name, sizeof name, a->of->ci->name, a->of->ci->filename, bk_anchor_line(a));
    if (!r->code.parts) {
        put_unwind(file, r, entry, r->code.code_bytes, UINT64_MAX);
        put_code(file, name, entry, r->code.code_bytes);
    }
    for (uint32_t k = 0; r->code.parts && k <= r->code.nbodies; k++) {
        if (k) {
            const bk_fn *fn = part_fn(r, k);
            uint16_t code = fn->norigins > 1 ? fn->origins[1].code : 0;
            const bk_source *s = bk_region_source(r, fn, code);
            if (s) bk_perf_name(name, sizeof name, s->name, s->file, s->line);
        }
        uint64_t start = entry + r->code.parts[k].at, size = r->code.parts[k].size;
        put_lines(file, r, k);
        put_unwind(file, r, start, size, room_behind(r, k));
        put_code(file, name, start, size);
    }
}
