/* Debug locations, when asked for: each LLVM instruction has the source line of its bytecode, as column the number of
 * its value in the IR, and as scope the Python function, inlined calls included. A line table of the object then leads
 * from machine code to both; debuggers and profilers see lines and inlined functions. */
#include "lower.h"
#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const bk_source unknown = {"?", "?", 0};

static uint32_t count_sources(const bk_fn *root) {
    uint32_t n = root->ncodes;
    for (uint32_t k = 0; k < root->nbodies; k++) n += root->bodies[k]->ncodes;
    return n;
}

/* number of a code of the part among all sources */
static uint32_t source_number(const bk_lw *L, uint16_t code) {
    uint32_t n = L->part ? L->root->ncodes : 0;
    for (uint32_t k = 0; k + 1 < L->part; k++) n += L->root->bodies[k]->ncodes;
    return n + (code < L->fn->ncodes ? code : 0);
}

static const bk_source *source(const bk_lw *L, uint32_t n) {
    return L->o->sources && n < L->lines.nsources ? &L->o->sources[n] : &unknown;
}

static LLVMMetadataRef file_of(bk_lw *L, const bk_source *s) {
    static char here[4096];
    if (s->file[0] == '/' || !getcwd(here, sizeof here)) here[0] = 0;
    return LLVMDIBuilderCreateFile(L->lines.di, s->file, strlen(s->file), here, strlen(here));
}

static LLVMMetadataRef function_of(bk_lw *L, const bk_source *s) {
    LLVMMetadataRef file = file_of(L, s);
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(L->lines.di, file, NULL, 0, LLVMDIFlagZero);
    return LLVMDIBuilderCreateFunction(L->lines.di, file, s->name, strlen(s->name), "", 0, file, s->line, type, true,
                                       true, s->line, LLVMDIFlagZero, true);
}

static void module_flag(bk_lw *L, const char *name, unsigned value) {
    LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(L->i32, value, 0));
    LLVMAddModuleFlag(L->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name), v);
}

void bk_lines_begin(bk_lw *L) {
    static const char producer[] = "backedge";
    if (!L->o->want_lines) return;
    L->lines.nsources = count_sources(L->root);
    L->lines.inlined = bk_lw_alloc(L, L->lines.nsources, sizeof *L->lines.inlined);
    if (L->failed) return;
    L->lines.di = LLVMCreateDIBuilder(L->mod);
    module_flag(L, "Debug Info Version", LLVMDebugMetadataVersion());
    module_flag(L, "Dwarf Version", 4); /* its line tables are the simplest to read (engine_lines.c) */
    LLVMDIBuilderCreateCompileUnit(L->lines.di, LLVMDWARFSourceLanguagePython, file_of(L, source(L, 0)), producer,
                                   sizeof producer - 1, true, "", 0, 0, "", 0, LLVMDWARFEmissionFull, 0, false, false,
                                   "", 0, "", 0);
}

/* the code that the part is the native code of */
static uint16_t own_code(const bk_fn *fn) {
    for (uint32_t k = 1; k < fn->norigins; k++)
        if (!fn->origins[k].caller) return fn->origins[k].code;
    return 0;
}

void bk_lines_part(bk_lw *L) {
    if (!L->lines.di) return;
    free(L->lines.calls);
    L->lines.calls = bk_lw_alloc(L, L->fn->norigins, sizeof *L->lines.calls);
    if (L->failed) return;
    L->lines.own = function_of(L, source(L, source_number(L, own_code(L->fn))));
    LLVMSetSubprogram(L->f, L->lines.own);
    bk_lines_none(L);
}

static LLVMMetadataRef location(bk_lw *L, const bk_origin *o, unsigned column);

/* The call that an inlined function stands for. Its column keeps two calls in one line apart. */
static LLVMMetadataRef call_of(bk_lw *L, uint16_t origin) {
    if (!L->lines.calls[origin]) L->lines.calls[origin] = location(L, &L->fn->origins[origin], origin);
    return L->lines.calls[origin];
}

static LLVMMetadataRef location(bk_lw *L, const bk_origin *o, unsigned column) {
    LLVMMetadataRef scope = L->lines.own, call = NULL;
    if (o->caller && o->caller < L->fn->norigins) {
        uint32_t n = source_number(L, o->code);
        if (!L->lines.inlined[n]) L->lines.inlined[n] = function_of(L, source(L, n));
        scope = L->lines.inlined[n];
        call = call_of(L, o->caller);
    }
    return LLVMDIBuilderCreateDebugLocation(L->cx, o->line, column, scope, call);
}

void bk_lines_at(bk_lw *L, bk_ref r) {
    uint16_t org = L->fn->ins[r].org;
    if (!L->lines.di) return;
    if (!org || org >= L->fn->norigins) bk_lines_none(L);
    else LLVMSetCurrentDebugLocation2(L->b, location(L, &L->fn->origins[org], r > UINT16_MAX ? 0 : r));
}

/* calls must have a location */
void bk_lines_none(bk_lw *L) {
    if (!L->lines.di) return;
    LLVMSetCurrentDebugLocation2(L->b, LLVMDIBuilderCreateDebugLocation(L->cx, 0, 0, L->lines.own, NULL));
}

void bk_lines_end(bk_lw *L) {
    if (L->lines.di) {
        LLVMDIBuilderFinalize(L->lines.di);
        LLVMDisposeDIBuilder(L->lines.di);
    }
    free(L->lines.calls);
    free(L->lines.inlined);
    memset(&L->lines, 0, sizeof L->lines);
}
