/* Machine code as text: addresses, labels at jump targets, names of the helpers that are called. */
#include "engine_lines.h"
#include "lower.h"
#include <llvm-c/Disassembler.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *code;
    size_t n;
    const bk_fn *fn;
    const bk_code *of;
    uint8_t *target; /* per byte: something jumps there */
    bk_symbolizer symbol;
    void *arg;
} listing;

static bool inside(const listing *l, uint64_t at) {
    return at >= (uint64_t)(uintptr_t)l->code && at - (uint64_t)(uintptr_t)l->code < l->n;
}

/* A linker's stub for a far call is `jmp *slot(%rip)`, perhaps behind endbr64: gives where it leads, else `at`. */
static uint64_t through_stub(uint64_t at) {
    static const uint8_t landing[4] = {0xf3, 0x0f, 0x1e, 0xfa};
    const uint8_t *p = (const uint8_t *)(uintptr_t)at;
    if (memcmp(p, landing, 4) == 0) p += 4;
    if (p[0] != 0xff || p[1] != 0x25) return at;
    int32_t disp;
    uint64_t to;
    memcpy(&disp, p + 2, 4);
    memcpy(&to, p + 6 + disp, 8);
    return to;
}

static const char *on_symbol(void *arg, uint64_t value, uint64_t *type, uint64_t pc, const char **name) {
    static _Thread_local char text[96];
    listing *l = arg;
    (void)pc;
    *name = NULL;
    bool branch = *type == LLVMDisassembler_ReferenceType_In_Branch;
    *type = LLVMDisassembler_ReferenceType_InOut_None;
    if (!branch) return NULL;
    if (inside(l, value)) {
        size_t off = value - (uint64_t)(uintptr_t)l->code;
        l->target[off] = 1;
        snprintf(text, sizeof text, "L%zx", off);
        return text;
    }
    const char *helper = l->symbol ? l->symbol(l->arg, value) : NULL;
    if (!helper && l->symbol) helper = l->symbol(l->arg, through_stub(value));
    if (!helper) return NULL;
    snprintf(text, sizeof text, "bk_h_%s", helper);
    return text;
}

/* where a native function of the region starts */
static void put_heading(const listing *l, size_t at, FILE *out) {
    for (uint32_t k = 1; l->of->parts && k <= l->of->nbodies; k++)
        if (l->of->parts[k].size && l->of->parts[k].at == at) fprintf(out, "native.%u:\n", k - 1);
}

static void put_origin(const listing *l, size_t at, FILE *out) {
    const bk_line *row = bk_line_at(l->of, (uint32_t)at);
    if (!row || !row->line) return;
    const bk_fn *fn = row->part ? l->fn->bodies[row->part - 1] : l->fn;
    if (row->ref && row->ref < fn->nins) fprintf(out, " @%u v%u", fn->ins[row->ref].org, row->ref);
    else fprintf(out, " line %u", row->line);
}

/* one pass over the code; without `out` it only finds the targets */
static void walk(listing *l, LLVMDisasmContextRef dc, FILE *out) {
    char text[256];
    for (size_t at = 0; at < l->n;) {
        uint64_t pc = (uint64_t)(uintptr_t)(l->code + at);
        if (out) put_heading(l, at, out);
        if (out && l->target[at]) fprintf(out, "L%zx:\n", at);
        size_t step = LLVMDisasmInstruction(dc, (uint8_t *)(uintptr_t)(l->code + at), l->n - at, pc, text, sizeof text);
        if (!step) snprintf(text, sizeof text, "\t.byte\t0x%02x", l->code[at]);
        if (out) {
            fprintf(out, "%12llx %s", (unsigned long long)pc, text);
            put_origin(l, at, out);
            fputc('\n', out);
        }
        at += step ? step : 1;
    }
}

char *bk_disassemble(const char *triple, const char *cpu, const char *features, const bk_fn *fn, const bk_code *code,
                     bk_symbolizer symbol, void *arg) {
    char *text = NULL;
    size_t len = 0, n = code->code_bytes;
    listing l = {(const uint8_t *)(uintptr_t)code->entry, n, fn, code, calloc(n ? n : 1, 1), symbol, arg};
    LLVMDisasmContextRef dc =
        l.target ? LLVMCreateDisasmCPUFeatures(triple, cpu, features, &l, 0, NULL, on_symbol) : NULL;
    FILE *out = dc ? open_memstream(&text, &len) : NULL;
    if (out) {
        LLVMSetDisasmOptions(dc, LLVMDisassembler_Option_PrintImmHex);
        walk(&l, dc, NULL);
        walk(&l, dc, out);
        if (fclose(out)) free(text), text = NULL;
    }
    if (dc) LLVMDisasmDispose(dc);
    free(l.target);
    return text;
}
