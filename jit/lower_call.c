/* Runtime helpers: declarations with what LLVM may assume of them, and calls. */
#include "lower.h"
#include <string.h>

/* LLVM's memory attribute: two bits (1 read, 2 write) for each of arguments' memory, memory inaccessible to us, other
 */
enum { MEM_NONE = 0, MEM_READ = 1 | 1 << 2 | 1 << 4, MEM_ALLOC = 3 << 2, MEM_ALLOC_ARGS = 3 | 3 << 2 };

static bk_type letter_type(char c) {
    switch (c) {
    case '1': return BK_1;
    case 'I': return BK_I;
    case 'F': return BK_F;
    case 'S': return BK_S;
    case 'P': return BK_P;
    case 'V': return BK_V;
    default: return BK_X;
    }
}

/* A helper that only allocates changes no memory that compiled code can name, except by its arguments (the reference
 * count of an item, the object it frees). Those that change containers or run code may write anything. */
static void effects(bk_lw *L, LLVMValueRef f, const bk_helperinfo *h) {
    bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "nounwind", 0);
    switch (h->effect) {
    case BK_E_PURE: bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "memory", MEM_NONE); break;
    case BK_E_READ: bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "memory", MEM_READ); break;
    case BK_E_ALLOC:
        bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "memory", strpbrk(h->args, "CP") ? MEM_ALLOC_ARGS : MEM_ALLOC);
        break;
    default: return;
    }
    bk_lw_attr(L, f, LLVMAttributeFunctionIndex, "willreturn", 0);
}

static void declare(bk_lw *L, uint32_t id) {
    const bk_helperinfo *h = &L->o->helpers[id];
    LLVMTypeRef types[16];
    unsigned n = 0;
    char name[64];
    for (const char *c = h->args; *c && n < 16; c++) types[n++] = *c == 'C' ? L->ptr : bk_lw_type(L, letter_type(*c));
    snprintf(name, sizeof name, "bk_h_%s", h->name);
    L->helper_type[id] = LLVMFunctionType(bk_lw_type(L, letter_type(h->result)), types, n, 0);
    LLVMValueRef f = L->helper[id] = LLVMAddFunction(L->mod, name, L->helper_type[id]);
    effects(L, f, h);
    for (unsigned k = 0; k < n; k++)
        if (types[k] == L->i1) bk_lw_attr(L, f, k + 1, "zeroext", 0); /* C's bool is a whole byte, 0 or 1 */
    if (h->result == '1') bk_lw_attr(L, f, LLVMAttributeReturnIndex, "zeroext", 0);
}

/* The arguments as passed: the context where the signature says so, then args. False (failed) if they do not fit. */
static bool arguments(bk_lw *L, const bk_helperinfo *h, const LLVMValueRef *args, uint32_t n, LLVMValueRef *out,
                      unsigned *nout) {
    uint32_t used = 0;
    for (const char *c = h->args; *c && *nout < 16; c++) {
        if (*c == 'C') {
            out[(*nout)++] = L->ctx;
            continue;
        }
        if (used == n || LLVMTypeOf(args[used]) != bk_lw_type(L, letter_type(*c))) break;
        out[(*nout)++] = args[used++];
    }
    if (used == n && *nout == strlen(h->args)) return true;
    bk_lw_fail(L, "arguments of helper %s do not fit \"%s\"", h->name, h->args);
    return false;
}

LLVMValueRef bk_call_helper(bk_lw *L, uint32_t id, const LLVMValueRef *args, uint32_t n) {
    const bk_helperinfo *h = &L->o->helpers[id];
    LLVMValueRef out[16];
    unsigned nout = 0;
    LLVMTypeRef result = bk_lw_type(L, letter_type(h->result));
    if (!h->address) bk_lw_fail(L, "helper %s has no address", h->name);
    if (L->failed || !arguments(L, h, args, n, out, &nout)) return result == L->vd ? NULL : LLVMGetPoison(result);
    if (!L->helper[id]) declare(L, id);
    return LLVMBuildCall2(L->b, L->helper_type[id], L->helper[id], out, nout, "");
}

/* Helpers of one load or store are made in line: those of the context's argument words, and the frame's object. */
static bool in_line(bk_lw *L, const bk_ins *i, LLVMValueRef *v) {
    const bk_ref *args = &L->fn->args[i->a];
    const bk_ins *index = i->b ? &L->fn->ins[args[0]] : NULL;
    if (i->imm == BK_H_frame_seen) {
        LLVMValueRef frame = bk_mem_get(L, L->ptr, L->ctx, offsetof(bk_ctx, frame), BK_A_CONST);
        LLVMValueRef seen = bk_mem_get(L, L->ptr, frame, L->o->layout->frame_obj, BK_A_STATE);
        *v = LLVMBuildICmp(L->b, LLVMIntNE, seen, LLVMConstNull(L->ptr), "");
        return true;
    }
    if ((i->imm != BK_H_arg_set && i->imm != BK_H_arg_get) || index->op != BK_K_I64) return false;
    int64_t at = (int64_t)offsetof(bk_ctx, args) + 8 * index->imm;
    if (i->imm == BK_H_arg_get) *v = bk_mem_get(L, L->ptr, L->ctx, at, BK_A_STATE);
    else bk_mem_put(L, bk_lw_val(L, args[1]), L->ctx, at, BK_A_STATE);
    return true;
}

LLVMValueRef bk_call_ins(bk_lw *L, const bk_ins *i) {
    LLVMValueRef args[16], v = NULL;
    if (i->imm < 0 || i->imm >= BK_NHELPERS || i->b > 16 || (uint64_t)i->a + i->b > L->fn->nargs) {
        bk_lw_fail(L, "a call of helper %lld with %u arguments", (long long)i->imm, i->b);
        return NULL;
    }
    if (in_line(L, i, &v)) return v;
    for (uint32_t k = 0; k < i->b; k++) args[k] = bk_lw_val(L, L->fn->args[i->a + k]);
    return bk_call_helper(L, (uint32_t)i->imm, args, i->b);
}
