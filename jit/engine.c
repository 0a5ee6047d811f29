/* The code generator's engine: target machines, pass pipelines, object code, linking, and the tables that go with it.
 * One call at a time, on any thread; each compile has an LLVM context of its own, so nothing accumulates. */
#include "lower.h"
#include "clock.h"
#include "engine_gdb.h"
#include "engine_lines.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

#define IC "instcombine<max-iterations=1;no-verify-fixpoint>"
/* with a loop that may vectorise, and without. Never default<O2>: its SLP vectoriser takes seconds over exit stores.
 * Our own passes remove repeated guards; LLVM's jump threading and correlated propagation, an eighth of the pipeline's
 * time, found nothing more on the benchmarks and made one of them slower (1.8 times). Elimination of dead stores, a
 * sixth of what was left, found nothing either; without gvn one is 1.2 times slower. */
#define PIPELINE_LOOPS                                                                                                 \
    "function(mem2reg,early-cse<memssa>,simplifycfg," IC ",constraint-elimination,"                                    \
    "loop-mssa(loop-rotate,licm),simplifycfg," IC ",loop(indvars,loop-deletion),gvn,lower-switch,loop-vectorize," IC   \
    ",simplifycfg)"
/* and with loops that are single vectors between which a stage holds results: it becomes registers */
#define PIPELINE_STAGES                                                                                                \
    "function(mem2reg,early-cse<memssa>,simplifycfg," IC ",constraint-elimination,"                                    \
    "loop-mssa(loop-rotate,licm),simplifycfg," IC                                                                      \
    ",loop(indvars,loop-deletion),gvn,dse,lower-switch,loop-vectorize,simplifycfg," IC ",sroa,simplifycfg)"
#define PIPELINE_PLAIN                                                                                                 \
    "function(mem2reg,early-cse<memssa>,simplifycfg," IC ","                                                           \
    "loop-mssa(loop-rotate,licm),simplifycfg," IC ",gvn," IC ",simplifycfg)"

enum { LEVELS = 3 };

static struct {
    bool ready, disassembler;
    char *triple, *cpu, *features, *layout;
    LLVMTargetRef target;
    LLVMTargetMachineRef tm[LEVELS]; /* made when first used */
    uint64_t serial;
} engine;

/* copies and frees LLVM's message; -1 if there was one */
static int report(LLVMErrorRef e, char *err, size_t errlen) {
    if (!e) return 0;
    char *m = LLVMGetErrorMessage(e);
    snprintf(err, errlen, "LLVM: %s", m);
    LLVMDisposeErrorMessage(m);
    return -1;
}

/* ---- set-up ---- */
static int make_machine(int level, char *err, size_t errlen) {
    LLVMCodeGenOptLevel cg = level == 0 ? LLVMCodeGenLevelLess : LLVMCodeGenLevelDefault;
    engine.tm[level] = LLVMCreateTargetMachine(engine.target, engine.triple, engine.cpu, engine.features, cg,
                                               LLVMRelocPIC, LLVMCodeModelSmall);
    if (!engine.tm[level]) {
        snprintf(err, errlen, "LLVM: no code generator for %s", engine.triple);
        return -1;
    }
    if (level == 0) LLVMSetTargetMachineFastISel(engine.tm[level], 1);
    return 0;
}

/* NULL with a message; one takes 0.2 ms to make, and most processes use one level only */
static LLVMTargetMachineRef machine(int level, char *err, size_t errlen) {
    if (!engine.tm[level] && make_machine(level, err, errlen)) return NULL;
    return engine.tm[level];
}

static int find_target(char *err, size_t errlen) {
    char *message = NULL;
    if (LLVMGetTargetFromTriple(engine.triple, &engine.target, &message)) {
        snprintf(err, errlen, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return -1;
    }
    LLVMTargetMachineRef any = machine(1, err, errlen);
    if (!any) return -1;
    LLVMTargetDataRef data = LLVMCreateTargetDataLayout(any);
    engine.layout = LLVMCopyStringRepOfTargetData(data);
    LLVMDisposeTargetData(data);
    return 0;
}

/* ---- passes and object code ---- */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *arg) {
    bk_lw *L = arg;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError) return;
    char *text = LLVMGetDiagInfoDescription(info);
    bk_lw_fail(L, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}

static int verify(LLVMModuleRef m, char *err, size_t errlen) {
    char *message = NULL;
    int bad = LLVMVerifyModule(m, LLVMReturnStatusAction, &message);
    if (bad) snprintf(err, errlen, "invalid LLVM IR: %s", message);
    LLVMDisposeMessage(message);
    return bad ? -1 : 0;
}

static int level_of(const bk_compile_opts *o) { return o->level < 0 ? 0 : o->level >= LEVELS ? LEVELS - 1 : o->level; }

static int run_passes(LLVMModuleRef m, const bk_lw *L, LLVMTargetMachineRef tm, char *err, size_t errlen) {
    LLVMPassBuilderOptionsRef po = LLVMCreatePassBuilderOptions();
    const char *passes = L->staged ? PIPELINE_STAGES : L->vectorize ? PIPELINE_LOOPS : PIPELINE_PLAIN;
    int rc = report(LLVMRunPasses(m, passes, tm, po), err, errlen);
    LLVMDisposePassBuilderOptions(po);
    return rc;
}

/* where the values come from that debug locations name as columns, those without a result too */
static void put_origins(const bk_fn *fn, uint32_t part, FILE *out) {
    fprintf(out, "; origins %u:", part);
    for (bk_ref r = 1; r < fn->nins && r <= UINT16_MAX; r++)
        if (fn->ins[r].org) fprintf(out, " %u@%u", r, fn->ins[r].org);
    fputc('\n', out);
}

static char *module_text(LLVMModuleRef m, const bk_lw *L) {
    char *text = LLVMPrintModuleToString(m), *result = NULL;
    size_t n = 0;
    FILE *out = text ? open_memstream(&result, &n) : NULL;
    if (out) {
        fputs(text, out);
        for (uint32_t k = 0; L->o->want_lines && k <= L->root->nbodies; k++)
            put_origins(k ? L->root->bodies[k - 1] : L->root, k, out);
        if (fclose(out)) free(result), result = NULL;
    }
    LLVMDisposeMessage(text);
    return result;
}

static LLVMMemoryBufferRef emit(LLVMModuleRef m, LLVMTargetMachineRef tm, char *err, size_t errlen) {
    LLVMMemoryBufferRef object = NULL;
    char *message = NULL;
    if (!LLVMTargetMachineEmitToMemoryBuffer(tm, m, LLVMObjectFile, &message, &object)) return object;
    snprintf(err, errlen, "LLVM: %s", message);
    LLVMDisposeMessage(message);
    return NULL;
}

/* ---- linking ---- */
static void *helper_address(void *arg, const char *name) {
    const bk_lw *L = arg;
    if (strncmp(name, "bk_h_", 5)) return NULL;
    for (uint32_t id = 0; id < BK_NHELPERS; id++)
        if (L->helper[id] && strcmp(L->o->helpers[id].name, name + 5) == 0) return L->o->helpers[id].address;
    return NULL;
}

/* what bk_code.handle is */
typedef struct {
    bk_image image;
    bool frames; /* unwinders know it */
    bk_gdb_entry *gdb;
} handle;

static int load(bk_lw *L, LLVMMemoryBufferRef object, const char *name, bk_code *out, char *err, size_t errlen) {
    handle *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(err, errlen, "out of memory");
        return -1;
    }
    if (bk_load_object(LLVMGetBufferStart(object), LLVMGetBufferSize(object), name, L->o->want_lines, helper_address, L,
                       &h->image, err, errlen)) {
        free(h);
        return -1;
    }
    out->handle = h;
    out->entry = (bk_entry)(uintptr_t)h->image.entry;
    out->code_bytes = h->image.entry_size;
    out->frames = h->image.frames;
    return 0;
}

/* after the tables; without memory for it there is no line table */
static void take_lines(bk_lw *L, const char *name, bk_code *out) {
    handle *h = out->handle;
    if (h->image.debug) bk_read_lines(out, h->image.debug, name);
    if (L->o->want_gdb) return;
    free(h->image.debug);
    h->image.debug = NULL;
}

/* of libgcc, which all unwinders of a process ask that are not debuggers */
extern void __register_frame(void *), __deregister_frame(void *);

static void publish(bk_code *c) {
    handle *h = c->handle;
    if (h->image.frames && !h->frames) __register_frame(h->image.frames);
    h->frames = h->image.frames;
    if (h->image.debug && !h->gdb) h->gdb = bk_gdb_add(h->image.debug, h->image.debug_size);
}

static void unload(handle *h) {
    bk_gdb_remove(h->gdb);
    if (h->frames) __deregister_frame(h->image.frames);
    bk_unload(&h->image);
    free(h->image.debug);
    free(h);
}

/* ---- a compile ---- */
static const char *helper_at(void *arg, uint64_t address) {
    const bk_helperinfo *h = arg;
    for (uint32_t k = 0; k < BK_NHELPERS; k++)
        if ((uint64_t)(uintptr_t)h[k].address == address) return h[k].name;
    return NULL;
}

static char *asm_text(const bk_fn *fn, const bk_code *c, const bk_compile_opts *o) {
    if (!engine.disassembler && LLVMInitializeNativeDisassembler()) return NULL;
    engine.disassembler = true;
    return bk_disassemble(engine.triple, engine.cpu, engine.features, fn, c, helper_at, (void *)(uintptr_t)o->helpers);
}

/* the tables of exits become the code's */
static void take_part(bk_tables *t, bk_code *out) {
    out->exits = t->exits, out->nexits = t->nexits;
    out->locs = t->locs, out->nlocs = t->nlocs;
    out->consts = t->consts, out->nconsts = t->nconsts;
    out->buf_words = t->buf_words;
    *t = (bk_tables){0};
}

static int take_tables(bk_lw *L, bk_code *out, char *err, size_t errlen) {
    uint32_t n = L->root->nbodies, first;
    if (n && !(out->bodies = calloc(n, sizeof *out->bodies))) {
        snprintf(err, errlen, "out of memory");
        return -1;
    }
    take_part(&L->tables[0], out);
    first = out->nexits;
    for (uint32_t k = 0; k < n; k++) {
        take_part(&L->tables[k + 1], &out->bodies[k]);
        out->bodies[k].first_exit = first;
        first += out->bodies[k].nexits;
        if (out->record_words <= out->bodies[k].buf_words) out->record_words = out->bodies[k].buf_words + 1;
    }
    out->nbodies = n;
    return 0;
}

/* module -> object; the module is the caller's */
static LLVMMemoryBufferRef to_object(LLVMModuleRef m, bk_lw *L, bk_code *out, char *err, size_t errlen) {
    LLVMSetTarget(m, engine.triple);
    LLVMSetDataLayout(m, engine.layout);
    LLVMTargetMachineRef tm = machine(level_of(L->o), err, errlen);
    if (!tm || verify(m, err, errlen)) return NULL;
    double t0 = bk_thread_ms();
    if (run_passes(m, L, tm, err, errlen)) return NULL;
    double t1 = bk_thread_ms();
    out->opt_ms = t1 - t0;
    if (L->o->want_llvm) out->llvm_text = module_text(m, L);
    t1 = bk_thread_ms();
    LLVMMemoryBufferRef object = emit(m, tm, err, errlen);
    out->emit_ms = bk_thread_ms() - t1;
    if (object && L->failed) { /* a diagnostic; its message is in err */
        LLVMDisposeMemoryBuffer(object);
        return NULL;
    }
    return object;
}

static LLVMMemoryBufferRef build(bk_lw *L, const bk_fn *fn, const bk_compile_opts *o, const char *name, bk_code *out,
                                 char *err, size_t errlen) {
    LLVMContextRef cx = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(cx, !o->want_llvm);
    LLVMContextSetDiagnosticHandler(cx, on_diagnostic, L);
    LLVMMemoryBufferRef object = NULL;
    double t0 = bk_thread_ms();
    LLVMModuleRef m = bk_lower(L, fn, o, cx, name, err, errlen);
    out->lower_ms = bk_thread_ms() - t0;
    if (m) {
        object = to_object(m, L, out, err, errlen);
        LLVMDisposeModule(m);
    }
    LLVMContextDispose(cx);
    return object;
}

/* for tests: asking for lines must not change the code */
static int check_lines(LLVMMemoryBufferRef object, const bk_fn *fn, const bk_compile_opts *o, const char *name,
                       char *err, size_t errlen) {
    static bk_lw L;
    bk_code code = {0};
    bk_compile_opts plain = *o;
    plain.want_lines = plain.want_llvm = false;
    LLVMMemoryBufferRef other = build(&L, fn, &plain, name, &code, err, errlen);
    bk_lower_free(&L);
    if (!other) return -1;
    bool same = bk_same_code(LLVMGetBufferStart(object), LLVMGetBufferStart(other));
    LLVMDisposeMemoryBuffer(other);
    if (!same) snprintf(err, errlen, "the code differs with a line table");
    return same ? 0 : -1;
}

static void free_tables(bk_code *c) {
    free(c->exits);
    free(c->locs);
    free(c->consts);
}

static void release(bk_code *c) {
    if (c->handle) unload(c->handle);
    free_tables(c);
    free(c->lines);
    free(c->parts);
    for (uint32_t k = 0; k < c->nbodies; k++) free_tables(&c->bodies[k]);
    free(c->bodies);
    free(c->llvm_text);
    free(c->asm_text);
    memset(c, 0, sizeof *c);
}

static void symbol_name(const bk_fn *fn, char *name, size_t n) {
    int at = snprintf(name, n, "bk%llu.%s", (unsigned long long)++engine.serial, fn->name);
    for (int k = 0; k < at && name[k]; k++)
        if ((unsigned char)name[k] < 33 || (unsigned char)name[k] > 126 || name[k] == '"' || name[k] == '\\')
            name[k] = '_';
}

static int compile(const bk_fn *fn, const bk_compile_opts *o, bk_code *out, char *err, size_t errlen) {
    static bk_lw L; /* large, and there is one compile at a time */
    char name[160];
    memset(out, 0, sizeof *out);
    if (errlen) err[0] = 0;
    symbol_name(fn, name, sizeof name);
    LLVMMemoryBufferRef object = build(&L, fn, o, name, out, err, errlen);
    int rc = -1;
    if (object) {
        double t0 = bk_thread_ms();
        rc = load(&L, object, name, out, err, errlen);
        if (rc == 0 && o->check_lines) rc = check_lines(object, fn, o, name, err, errlen);
        LLVMDisposeMemoryBuffer(object);
        out->emit_ms += bk_thread_ms() - t0;
    }
    if (rc == 0) rc = take_tables(&L, out, err, errlen);
    if (rc == 0) take_lines(&L, name, out);
    if (rc == 0 && o->want_asm) out->asm_text = asm_text(fn, out, o);
    bk_lower_free(&L);
    if (rc) release(out);
    return rc;
}

/* Options that LLVM's C API has no call for. Linked statically they are this object's own. Off are passes that cost
 * more than they give to code like ours (loops with many cold exits): domain reassignment looks for work in mask
 * registers and costs a tenth of all code generation; loop strength reduction an eighth (and code is 3 % faster without
 * it); tail merging and scheduling after register allocation a twentieth each. The vectoriser may compare the extents
 * of more arrays than the usual four before it gives up (once per entry of an inner loop). */
static void set_options(void) {
    static const char *const options[] = {"backedge",
                                          "-disable-x86-domain-reassignment",
                                          "-disable-lsr",
                                          "-disable-post-ra",
                                          "-enable-tail-merge=0",
                                          "-runtime-memory-check-threshold=24",
                                          "-epilogue-vectorization-minimum-VF=8"};
    LLVMParseCommandLineOptions(sizeof options / sizeof *options, options, "");
}

static int set_up(char *err, size_t errlen) {
    if (LLVMInitializeNativeTarget() || LLVMInitializeNativeAsmPrinter()) {
        snprintf(err, errlen, "LLVM has no code generator for this machine");
        return -1;
    }
    set_options();
    engine.triple = LLVMGetDefaultTargetTriple();
    engine.cpu = LLVMGetHostCPUName();
    engine.features = LLVMGetHostCPUFeatures();
    return find_target(err, errlen);
}

__attribute__((visibility("default"))) const bk_backend *bk_backend_open(char *err, size_t errlen) {
    static char version[32];
    static const bk_backend backend = {.version = version, .compile = compile, .publish = publish, .release = release};
    unsigned major, minor, patch;
    if (!engine.ready && set_up(err, errlen)) return NULL;
    engine.ready = true;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(version, sizeof version, "LLVM %u.%u.%u", major, minor, patch);
    return &backend;
}
