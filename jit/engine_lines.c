/* Line tables: the .debug_line section of an object (DWARF 4, as LLVM makes it for jit/lower_lines.c, columns being
 * values of the IR) becomes rows by address. */
#include "engine_lines.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *p, *end;
} reader;

/* a row of the table being made, and the machine's registers */
typedef struct {
    bk_code *c;
    uint64_t entry, address;
    uint32_t line, column, cap;
    bool ok;
} machine;

static uint64_t fixed(reader *r, unsigned n) {
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < n) n = (unsigned)(r->end - r->p);
    memcpy(&v, r->p, n);
    r->p += n;
    return v;
}

static uint64_t leb(reader *r, bool sign) {
    uint64_t v = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while (r->p < r->end && (byte & 0x80) && shift < 64) {
        byte = *r->p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    if (sign && shift < 64 && (byte & 0x40)) v |= ~UINT64_C(0) << shift;
    return v;
}

static uint32_t part_at(const bk_code *c, uint32_t at) {
    for (uint32_t k = 0; k <= c->nbodies; k++)
        if (at - c->parts[k].at < c->parts[k].size) return k;
    return 0;
}

static void add_row(machine *m) {
    bk_code *c = m->c;
    uint64_t at = m->address - m->entry;
    if (at > c->code_bytes) return;
    if (c->nlines && c->lines[c->nlines - 1].at == at) c->nlines--; /* the last word on an address */
    if (c->nlines == m->cap) {
        uint32_t want = m->cap ? m->cap * 2 : 64;
        bk_line *p = realloc(c->lines, want * sizeof *p);
        if (!p) {
            m->ok = false;
            return;
        }
        c->lines = p;
        m->cap = want;
    }
    c->lines[c->nlines++] = (bk_line){(uint32_t)at, m->line, m->line ? m->column : 0, part_at(c, (uint32_t)at)};
}

static void extended(machine *m, reader *r) {
    uint64_t n = leb(r, false);
    const uint8_t *next = n <= (uint64_t)(r->end - r->p) ? r->p + n : r->end;
    uint8_t op = (uint8_t)fixed(r, 1);
    if (op == 2) m->address = fixed(r, 8);
    if (op == 1) { /* end of a sequence: nothing is known from here on */
        m->line = 0;
        add_row(m);
        m->line = 1, m->column = 0, m->address = 0;
    }
    r->p = next;
}

typedef struct {
    uint8_t min_inst, line_range, opcode_base;
    int8_t line_base;
    const uint8_t *lengths; /* operands of the standard opcodes */
} header;

static void standard(machine *m, reader *r, const header *h, uint8_t op) {
    switch (op) {
    case 1: add_row(m); break;
    case 2: m->address += leb(r, false) * h->min_inst; break;
    case 3: m->line += (uint32_t)leb(r, true); break;
    case 5: m->column = (uint32_t)leb(r, false); break;
    case 8: m->address += (uint64_t)((255 - h->opcode_base) / h->line_range) * h->min_inst; break;
    case 9: m->address += fixed(r, 2); break;
    default: /* files, statements, blocks, prologues: of no interest */
        for (uint8_t k = 0; k < h->lengths[op - 1]; k++) leb(r, false);
    }
}

static void special(machine *m, const header *h, uint8_t op) {
    unsigned n = op - h->opcode_base;
    m->address += (uint64_t)(n / h->line_range) * h->min_inst;
    m->line += (uint32_t)(h->line_base + (int)(n % h->line_range));
    add_row(m);
}

static bool run(machine *m, reader *r) {
    uint64_t length = fixed(r, 4);
    if (length > (uint64_t)(r->end - r->p)) return false;
    const uint8_t *end = r->p + length;
    if (fixed(r, 2) != 4) return false;
    uint64_t header_length = fixed(r, 4);
    if (header_length > (uint64_t)(end - r->p)) return false;
    const uint8_t *program = r->p + header_length;
    header h = {.min_inst = (uint8_t)fixed(r, 1)};
    fixed(r, 2); /* operations per instruction, is a row a statement by default */
    h.line_base = (int8_t)fixed(r, 1);
    h.line_range = (uint8_t)fixed(r, 1);
    h.opcode_base = (uint8_t)fixed(r, 1);
    h.lengths = r->p;
    if (!h.line_range || !h.opcode_base) return false;
    reader code = {program, end};
    m->line = 1;
    while (code.p < code.end && m->ok) {
        uint8_t op = (uint8_t)fixed(&code, 1);
        if (op >= h.opcode_base) special(m, &h, op);
        else if (op) standard(m, &code, &h, op);
        else extended(m, &code);
    }
    r->p = end;
    return m->ok;
}

static int by_address(const void *a, const void *b) {
    uint32_t x = ((const bk_line *)a)->at, y = ((const bk_line *)b)->at;
    return (x > y) - (x < y);
}

bool bk_read_lines(bk_code *c, const void *debug, const char *entry) {
    size_t n = 0;
    const uint8_t *section = bk_debug_section(debug, ".debug_line", &n);
    machine m = {.c = c, .entry = (uint64_t)(uintptr_t)c->entry, .ok = true};
    c->parts = calloc(c->nbodies + 1, sizeof *c->parts);
    if (!section || !c->parts) return false;
    for (uint32_t k = 0; k <= c->nbodies; k++) {
        char native[32];
        uint64_t address, size;
        snprintf(native, sizeof native, "native.%u", k - 1);
        if (bk_debug_function(debug, k ? native : entry, &address, &size))
            c->parts[k] = (bk_extent){(uint32_t)(address - m.entry), (uint32_t)size};
    }
    reader r = {section, section + n};
    while (r.p < r.end && run(&m, &r)) {}
    if (c->nlines) qsort(c->lines, c->nlines, sizeof *c->lines, by_address);
    return m.ok;
}

const bk_line *bk_line_at(const bk_code *c, uint32_t at) {
    uint32_t low = 0, high = c->nlines;
    while (low < high) { /* the last row not behind `at` */
        uint32_t mid = low + (high - low) / 2;
        if (c->lines[mid].at <= at) low = mid + 1;
        else high = mid;
    }
    return low ? &c->lines[low - 1] : NULL;
}
