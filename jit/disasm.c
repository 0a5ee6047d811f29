/* Machine code as text: addresses, labels at jump targets, names of the helpers that are called. */
#include "lower.h"
#include <llvm-c/Disassembler.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *code;
    size_t n;
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

/* one pass over the code; without `out` it only finds the targets */
static void walk(listing *l, LLVMDisasmContextRef dc, FILE *out) {
    char text[256];
    for (size_t at = 0; at < l->n;) {
        uint64_t pc = (uint64_t)(uintptr_t)(l->code + at);
        if (out && l->target[at]) fprintf(out, "L%zx:\n", at);
        size_t step = LLVMDisasmInstruction(dc, (uint8_t *)(uintptr_t)(l->code + at), l->n - at, pc, text, sizeof text);
        if (!step) snprintf(text, sizeof text, "\t.byte\t0x%02x", l->code[at]);
        if (out) fprintf(out, "%12llx %s\n", (unsigned long long)pc, text);
        at += step ? step : 1;
    }
}

char *bk_disassemble(const char *triple, const char *cpu, const char *features, const void *code, size_t n,
                     bk_symbolizer symbol, void *arg) {
    char *text = NULL;
    size_t len = 0;
    listing l = {code, n, calloc(n ? n : 1, 1), symbol, arg};
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
