/* Lowering's frame: the module and function, the walk over blocks, values, errors. */
#include "lower.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void bk_lw_fail(bk_lw *L, const char *fmt, ...) {
    if (L->failed) return;
    L->failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(L->err, L->errlen, fmt, ap);
    va_end(ap);
}

void *bk_lw_alloc(bk_lw *L, size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    if (!p) bk_lw_fail(L, "out of memory");
    return p;
}

bool bk_lw_grow(bk_lw *L, void **p, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return true;
    uint32_t want = *cap ? *cap * 2 : 32;
    void *q = realloc(*p, (size_t)want * size);
    if (!q) {
        bk_lw_fail(L, "out of memory");
        return false;
    }
    *p = q;
    *cap = want;
    return true;
}

LLVMTypeRef bk_lw_type(bk_lw *L, bk_type t) {
    switch (t) {
    case BK_1: return L->i1;
    case BK_I: return L->i64;
    case BK_F: return L->f64;
    case BK_S: return L->f32;
    case BK_P: return L->ptr;
    case BK_V: return L->vd;
    case BK_X: break;
    }
    bk_lw_fail(L, "an instruction has no type");
    return L->i64;
}

LLVMValueRef bk_lw_ki(bk_lw *L, int64_t v) { return LLVMConstInt(L->i64, (unsigned long long)v, 1); }

LLVMValueRef bk_lw_kp(bk_lw *L, const void *p) {
    return p ? LLVMConstIntToPtr(bk_lw_ki(L, (int64_t)(intptr_t)p), L->ptr) : LLVMConstNull(L->ptr);
}

const bk_ins *bk_lw_ins(bk_lw *L, bk_ref r) {
    if (r && r < L->fn->nins) return &L->fn->ins[r];
    bk_lw_fail(L, "operand %u is no instruction", r);
    return NULL;
}

static LLVMValueRef constant(bk_lw *L, const bk_ins *i) {
    float s;
    double d;
    uint32_t low = (uint32_t)i->imm;
    switch (i->op) {
    case BK_K_I1: return LLVMConstInt(L->i1, i->imm != 0, 0);
    case BK_K_I64: return bk_lw_ki(L, i->imm);
    case BK_K_F64: memcpy(&d, &i->imm, 8); return LLVMConstBitCast(bk_lw_ki(L, i->imm), L->f64);
    case BK_K_F32: memcpy(&s, &low, 4); return LLVMConstBitCast(LLVMConstInt(L->i32, low, 0), L->f32);
    case BK_K_PTR: return bk_lw_kp(L, (const void *)(intptr_t)i->imm);
    default: return NULL;
    }
}

LLVMValueRef bk_lw_val(bk_lw *L, bk_ref r) {
    const bk_ins *i = bk_lw_ins(L, r);
    if (!i) return LLVMGetPoison(L->i64);
    if (!L->val[r]) L->val[r] = constant(L, i);
    if (L->val[r]) return L->val[r];
    bk_lw_fail(L, "%%%u (%s) is used but has no value", r, bk_ops[i->op].name);
    return LLVMGetPoison(i->type == BK_V ? L->i64 : bk_lw_type(L, (bk_type)i->type));
}

LLVMBasicBlockRef bk_lw_block(bk_lw *L, const char *name) {
    return LLVMAppendBasicBlockInContext(L->cx, L->f, L->named ? name : "");
}

LLVMValueRef bk_lw_weights(bk_lw *L, uint32_t a, uint32_t b) {
    LLVMMetadataRef m[3] = {
        LLVMMDStringInContext2(L->cx, "branch_weights", 14),
        LLVMValueAsMetadata(LLVMConstInt(L->i32, a, 0)),
        LLVMValueAsMetadata(LLVMConstInt(L->i32, b, 0)),
    };
    return LLVMMetadataAsValue(L->cx, LLVMMDNodeInContext2(L->cx, m, 3));
}

void bk_lw_branch(bk_lw *L, LLVMValueRef cond, LLVMBasicBlockRef then, LLVMBasicBlockRef other, LLVMValueRef weights) {
    LLVMValueRef br = LLVMBuildCondBr(L->b, cond, then, other);
    if (weights) LLVMSetMetadata(br, L->md_prof, weights);
    LLVMPositionBuilderAtEnd(L->b, then);
}

LLVMValueRef bk_lw_intrinsic(bk_lw *L, const char *name, LLVMTypeRef over, LLVMValueRef *args, unsigned n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(L->mod, id, &over, 1);
    return LLVMBuildCall2(L->b, LLVMIntrinsicGetType(L->cx, id, &over, 1), f, args, n, "");
}

void bk_lw_attr(bk_lw *L, LLVMValueRef f, unsigned where, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(f, where, LLVMCreateEnumAttribute(L->cx, kind, value));
}

void bk_lw_unwindable(bk_lw *L, LLVMValueRef f) {
    static const char name[] = "frame-pointer";
    bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "nounwind", 0);
    bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "uwtable", 2); /* unwinders get through it, at any instruction */
    if (!L->o->frame_pointers) return;
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(L->cx, name, sizeof name - 1, "all", 3));
}

/* `home` is not noalias: residual calls read and write the frame through other pointers. The exit buffer and the
 * context are known to nobody else (helpers that use the context are given it). */
static void function_attrs(bk_lw *L) {
    bk_lw_unwindable(L, L->f);
    for (unsigned p = 1; p <= 3; p++) {
        bk_lw_attr(L, L->f, p, "noundef", 0);
        bk_lw_attr(L, L->f, p, "nonnull", 0);
        bk_lw_attr(L, L->f, p, "align", 8); /* or loads from them could not be speculated */
        if (p > 1) bk_lw_attr(L, L->f, p, "noalias", 0);
    }
    if (L->fn->nhome) bk_lw_attr(L, L->f, 1, "dereferenceable", (uint64_t)L->fn->nhome * 8);
    if (L->fn->nxhome + L->x.ncols)
        bk_lw_attr(L, L->f, 2, "dereferenceable", (uint64_t)(L->fn->nxhome + L->x.ncols) * 8);
    bk_lw_attr(L, L->f, 3, "dereferenceable", sizeof(bk_ctx));
}

static void init_types(bk_lw *L) {
    L->i1 = LLVMInt1TypeInContext(L->cx);
    L->i8 = LLVMInt8TypeInContext(L->cx);
    L->i16 = LLVMInt16TypeInContext(L->cx);
    L->i32 = LLVMInt32TypeInContext(L->cx);
    L->i64 = LLVMInt64TypeInContext(L->cx);
    L->f32 = LLVMFloatTypeInContext(L->cx);
    L->f64 = LLVMDoubleTypeInContext(L->cx);
    L->ptr = LLVMPointerTypeInContext(L->cx, 0);
    L->vd = LLVMVoidTypeInContext(L->cx);
    L->md_tbaa = LLVMGetMDKindIDInContext(L->cx, "tbaa", 4);
    L->md_prof = LLVMGetMDKindIDInContext(L->cx, "prof", 4);
    L->md_invariant = LLVMGetMDKindIDInContext(L->cx, "invariant.load", 14);
    L->empty_md = LLVMMetadataAsValue(L->cx, LLVMMDNodeInContext2(L->cx, NULL, 0));
    L->weights_exit = bk_lw_weights(L, 2000, 1);
    L->weights_cold = bk_lw_weights(L, 1, 2000);
}

static void init_function(bk_lw *L, const char *name) {
    if (L->part) {
        bk_native_begin(L);
        return;
    }
    LLVMTypeRef args[3] = {L->ptr, L->ptr, L->ptr};
    L->f = LLVMAddFunction(L->mod, name, LLVMFunctionType(L->i32, args, 3, 0));
    L->home = LLVMGetParam(L->f, 0);
    L->buf = LLVMGetParam(L->f, 1);
    L->ctx = LLVMGetParam(L->f, 2);
    LLVMSetValueName2(L->home, "home", 4);
    LLVMSetValueName2(L->buf, "buf", 3);
    LLVMSetValueName2(L->ctx, "ctx", 3);
    LLVMPositionBuilderAtEnd(L->b, LLVMAppendBasicBlockInContext(L->cx, L->f, "entry"));
    if (L->root->count_passes) {
        L->passes = LLVMBuildAlloca(L->b, L->i64, "passes");
        LLVMBuildStore(L->b, bk_lw_ki(L, 0), L->passes);
    }
    bk_native_declare(L); /* behind the entry in the code */
}

static void init_blocks(bk_lw *L) {
    char name[24];
    for (uint32_t k = 0; k < L->nrpo; k++) {
        snprintf(name, sizeof name, "b%u", L->rpo[k]);
        L->first[L->rpo[k]] = L->last[L->rpo[k]] = bk_lw_block(L, name);
    }
    LLVMBuildBr(L->b, L->first[0]);
}

/* Everything that is not plain arithmetic. Sets *v for operations with a result; false: not an operation of these. */
static bool lower_effect(bk_lw *L, bk_blk blk, bk_ref r, const bk_ins *i, LLVMValueRef *v) {
    switch (i->op) {
    case BK_PHI:
        bk_flow_phi(L, r);
        *v = L->val[r];
        break;
    case BK_LOAD: *v = bk_mem_load(L, i); break;
    case BK_STORE: bk_mem_store(L, i); break;
    case BK_HLOAD: *v = bk_mem_hload(L, i); break;
    case BK_HSTORE: bk_mem_hstore(L, i); break;
    case BK_INCREF: bk_box_incref(L, i, false); break;
    case BK_XINCREF: bk_box_incref(L, i, true); break;
    case BK_DECREF: bk_box_decref(L, i, false, false); break;
    case BK_XDECREF: bk_box_decref(L, i, true, false); break;
    case BK_DECREFN: bk_box_decref(L, i, false, true); break;
    case BK_DECREFQ: bk_box_decref_quiet(L, i); break;
    case BK_XDECREFN: bk_box_decref(L, i, true, true); break;
    case BK_BOXF:
    case BK_BOXI: *v = bk_box_new(L, r, i); break;
    case BK_BOXB: *v = bk_box_bool(L, i); break;
    case BK_UNBOXF: *v = bk_box_unboxf(L, i); break;
    case BK_UNBOXI: *v = bk_box_unboxi(L, r, i); break;
    case BK_REBOXF: *v = bk_box_refill(L, i); break;
    case BK_GUARD: bk_exit_guard(L, r, i); break;
    case BK_GTYPE: bk_box_gtype(L, r, i); break;
    case BK_POLL: bk_box_poll(L, blk, r); break;
    case BK_GVALID: bk_box_gvalid(L, r); break;
    case BK_CALL: *v = bk_call_ins(L, i); break;
    case BK_ARG: *v = bk_native_arg(L, i); break;
    case BK_NCALL: *v = bk_native_call(L, r, i); break;
    case BK_NWORD: *v = bk_native_word(L, i); break;
    case BK_RET: bk_native_return(L, i); break;
    case BK_SETIP: bk_box_setip(L, i); break;
    case BK_JMP: bk_flow_jump(L, blk); break;
    case BK_BR: bk_flow_branch(L, blk, i); break;
    case BK_EXIT: bk_exit_jump(L, r); break;
    default: return false;
    }
    return true;
}

static void name_value(bk_lw *L, bk_ref r, const bk_ins *i) {
    char name[24];
    if (!L->named || !L->val[r] || i->type == BK_V || LLVMIsConstant(L->val[r])) return;
    int n = snprintf(name, sizeof name, "v%u", r);
    LLVMSetValueName2(L->val[r], name, (size_t)n);
}

static void lower_ins(bk_lw *L, bk_blk blk, bk_ref r) {
    const bk_ins *i = bk_lw_ins(L, r);
    if (!i) return;
    if (i->op >= BK_NOPS) {
        bk_lw_fail(L, "%%%u has no known operation", r);
        return;
    }
    if (i->op == BK_NOP || (i->flags & BK_F_DEAD) || constant(L, i)) return;
    bk_lines_at(L, r);
    if ((bk_ops[i->op].flags & BK_OF_GUARD) && L->o->stress_seed) bk_exit_stress(L, r);
    LLVMValueRef v = NULL;
    if (!lower_effect(L, blk, r, i, &v)) v = bk_lower_op(L, r, i);
    L->val[r] = v;
    name_value(L, r, i);
}

static void lower_blocks(bk_lw *L) {
    for (uint32_t k = 0; k < L->nrpo && !L->failed; k++) {
        bk_blk b = L->rpo[k];
        const bk_block *bl = &L->fn->blocks[b];
        LLVMPositionBuilderAtEnd(L->b, L->first[b]);
        for (uint32_t n = 0; n < bl->nins && !L->failed; n++) {
            if (n + 1 == bl->nins) L->last[b] = LLVMGetInsertBlock(L->b);
            lower_ins(L, b, bl->ins[n]);
        }
    }
}

static bool alloc_tables(bk_lw *L) {
    L->val = bk_lw_alloc(L, L->fn->nins, sizeof *L->val);
    L->first = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->first);
    L->last = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->last);
    L->tramp = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->tramp);
    L->rpo = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->rpo);
    L->loop = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->loop);
    L->parent = bk_lw_alloc(L, L->fn->nblocks, sizeof *L->parent);
    return !L->failed;
}

/* the tables of exits are kept, all else of the part goes */
static void end_part(bk_lw *L) {
    bk_exits *x = &L->x;
    L->tables[L->part] = (bk_tables){.exits = x->exits,
                                     .nexits = x->nexits,
                                     .locs = x->locs,
                                     .nlocs = x->nlocs,
                                     .consts = x->consts,
                                     .nconsts = x->nconsts,
                                     .buf_words = L->fn->nxhome + x->ncols};
    x->exits = NULL, x->locs = NULL, x->consts = NULL;
}

static void free_part(bk_lw *L) {
    free(L->val);
    free(L->first);
    free(L->last);
    free(L->tramp);
    free(L->rpo);
    free(L->loop);
    free(L->parent);
    bk_exits_free(&L->x);
    L->val = NULL, L->first = L->last = L->tramp = NULL, L->rpo = L->loop = L->parent = NULL;
    L->nrpo = 0;
    memset(&L->x, 0, sizeof L->x);
    L->passes = NULL; /* of the main function only */
}

static void lower_part(bk_lw *L, const char *name) {
    if (!alloc_tables(L)) return;
    init_function(L, name);
    bk_lines_part(L);
    bk_flow_order(L);
    if (L->failed) return;
    bk_flow_loops(L);
    init_blocks(L);
    bk_exits_plan(L);
    if (L->failed) return;
    if (!L->part) function_attrs(L);
    lower_blocks(L);
    if (L->failed) return;
    bk_lines_none(L);
    bk_flow_finish_phis(L);
    bk_exits_finish(L);
    if (!L->failed) end_part(L);
}

static void lower_all(bk_lw *L, const char *name) {
    init_types(L);
    bk_mem_init(L);
    bk_lines_begin(L);
    for (L->part = 0; L->part <= L->root->nbodies && !L->failed; L->part++) {
        if (L->part) free_part(L);
        L->fn = L->part ? L->root->bodies[L->part - 1] : L->root;
        if (L->fn->oom || !L->fn->nblocks) bk_lw_fail(L, "a function is incomplete");
        else if (bk_native_called(L)) lower_part(L, name);
    }
    bk_lines_end(L);
}

LLVMModuleRef bk_lower(bk_lw *L, const bk_fn *fn, const bk_compile_opts *o, LLVMContextRef cx, const char *name,
                       char *err, size_t errlen) {
    memset(L, 0, sizeof *L);
    *L = (bk_lw){.root = fn, .fn = fn, .o = o, .cx = cx, .err = err, .errlen = errlen, .named = o->want_llvm};
    L->tables = bk_lw_alloc(L, fn->nbodies + 1, sizeof *L->tables);
    if (L->failed) return NULL;
    L->mod = LLVMModuleCreateWithNameInContext(fn->name, cx);
    L->b = LLVMCreateBuilderInContext(cx);
    lower_all(L, name);
    LLVMDisposeBuilder(L->b);
    if (!L->failed) return L->mod;
    LLVMDisposeModule(L->mod);
    return NULL;
}

void bk_lower_free(bk_lw *L) {
    free_part(L);
    for (uint32_t k = 0; L->tables && k <= L->root->nbodies; k++) {
        free(L->tables[k].exits);
        free(L->tables[k].locs);
        free(L->tables[k].consts);
    }
    free(L->tables);
    free(L->native);
    free(L->native_type);
}
