/* Loads and stores: C types, alias classes as TBAA, home slots. */
#include "lower.h"
#include <string.h>

/* an access tag for a class of its own below the root */
static LLVMValueRef access_tag(bk_lw *L, LLVMMetadataRef root, const char *name) {
    LLVMMetadataRef zero = LLVMValueAsMetadata(bk_lw_ki(L, 0));
    LLVMMetadataRef type[3] = {LLVMMDStringInContext2(L->cx, name, strlen(name)), root, zero};
    LLVMMetadataRef node = LLVMMDNodeInContext2(L->cx, type, 3);
    LLVMMetadataRef tag[3] = {node, node, zero};
    return LLVMMetadataAsValue(L->cx, LLVMMDNodeInContext2(L->cx, tag, 3));
}

void bk_mem_init(bk_lw *L) {
    static const char *const names[] = {
#define X(n, text) text,
        BK_ALIASES(X)
#undef X
            "virtual home",
        "exit"};
    LLVMMetadataRef top = LLVMMDStringInContext2(L->cx, "backedge", 8);
    LLVMMetadataRef root = LLVMMDNodeInContext2(L->cx, &top, 1);
    for (unsigned k = 0; k < BK_NALIAS + 2; k++) L->tbaa[k] = access_tag(L, root, names[k]);
}

LLVMValueRef bk_mem_at(bk_lw *L, LLVMValueRef base, int64_t offset) {
    LLVMValueRef n = bk_lw_ki(L, offset);
    return offset ? LLVMBuildGEP2(L->b, L->i8, base, &n, 1, "") : base;
}

LLVMValueRef bk_mem_get(bk_lw *L, LLVMTypeRef t, LLVMValueRef base, int64_t offset, int tag) {
    LLVMValueRef v = LLVMBuildLoad2(L->b, t, bk_mem_at(L, base, offset), "");
    LLVMSetMetadata(v, L->md_tbaa, L->tbaa[tag]);
    return v;
}

void bk_mem_put(bk_lw *L, LLVMValueRef v, LLVMValueRef base, int64_t offset, int tag) {
    LLVMSetMetadata(LLVMBuildStore(L->b, v, bk_mem_at(L, base, offset)), L->md_tbaa, L->tbaa[tag]);
}

static const uint8_t sizes[] = {
#define X(n, size) size,
    BK_MEMTYPES(X)
#undef X
};

static LLVMTypeRef memory_type(bk_lw *L, uint8_t mt) {
    switch (mt) {
    case BK_M_I8:
    case BK_M_U8:
    case BK_M_BOOL: return L->i8;
    case BK_M_I16:
    case BK_M_U16: return L->i16;
    case BK_M_I32:
    case BK_M_U32: return L->i32;
    case BK_M_I64: return L->i64;
    case BK_M_F32: return L->f32;
    case BK_M_F64: return L->f64;
    case BK_M_PTR: return L->ptr;
    default: bk_lw_fail(L, "unknown memory type %u", mt); return L->i64;
    }
}

/* a + b * scale + imm. The constant comes last, so that a[i-1], a[i], a[i+1] share the rest and fold it into their
 * addressing modes. Inbounds and the no-wrap that follows let the vectoriser reason about strides: every address that
 * is used lies within its object, and unused ones may be poison. */
static LLVMValueRef address(bk_lw *L, const bk_ins *i) {
    LLVMValueRef p = bk_lw_val(L, i->a);
    if (i->b) {
        LLVMValueRef n = bk_lw_val(L, i->b);
        LLVMTypeRef unit = i->scale == 8 ? L->i64 : i->scale == 4 ? L->i32 : i->scale == 2 ? L->i16 : L->i8;
        if (i->scale != 8 && i->scale != 4 && i->scale != 2 && i->scale != 1)
            n = LLVMBuildNSWMul(L->b, n, bk_lw_ki(L, i->scale), "");
        p = LLVMBuildInBoundsGEP2(L->b, unit, p, &n, 1, "");
    }
    LLVMValueRef off = bk_lw_ki(L, i->imm);
    return i->imm ? LLVMBuildInBoundsGEP2(L->b, L->i8, p, &off, 1, "") : p;
}

/* Immutable fields may be read at any time while their object lives. Only for embedded objects is that always: moving
 * another's load behind the release of its last reference would read freed memory, so those stay ordinary loads. */
static bool always_there(const bk_lw *L, const bk_ins *i) {
    return i->alias == BK_A_CONST && L->fn->ins[i->a].op == BK_K_PTR && !i->b;
}

LLVMValueRef bk_mem_load(bk_lw *L, const bk_ins *i) {
    LLVMTypeRef t = memory_type(L, i->mt);
    LLVMValueRef at = address(L, i);
    if (L->failed || i->alias >= BK_NALIAS) {
        bk_lw_fail(L, "unknown alias class %u", i->alias);
        return NULL;
    }
    LLVMValueRef v = LLVMBuildLoad2(L->b, t, at, "");
    LLVMSetAlignment(v, sizes[i->mt]);
    LLVMSetMetadata(v, L->md_tbaa, L->tbaa[i->alias]);
    if (always_there(L, i)) LLVMSetMetadata(v, L->md_invariant, L->empty_md);
    switch (i->mt) {
    case BK_M_I8:
    case BK_M_I16:
    case BK_M_I32: return LLVMBuildSExt(L->b, v, L->i64, "");
    case BK_M_U8:
    case BK_M_U16:
    case BK_M_U32: return LLVMBuildZExt(L->b, v, L->i64, "");
    case BK_M_BOOL: return LLVMBuildICmp(L->b, LLVMIntNE, v, LLVMConstInt(L->i8, 0, 0), "");
    default: return v;
    }
}

void bk_mem_store(bk_lw *L, const bk_ins *i) {
    LLVMTypeRef t = memory_type(L, i->mt);
    LLVMValueRef v = bk_lw_val(L, i->c), at = address(L, i);
    if (L->failed || i->alias >= BK_NALIAS) {
        bk_lw_fail(L, "unknown alias class %u", i->alias);
        return;
    }
    if (i->mt == BK_M_BOOL) v = LLVMBuildZExt(L->b, v, t, "");
    else if (i->mt <= BK_M_U32) v = LLVMBuildTrunc(L->b, v, t, "");
    if (LLVMTypeOf(v) != t) {
        bk_lw_fail(L, "a store of the wrong type (memory type %u)", i->mt);
        return;
    }
    LLVMValueRef s = LLVMBuildStore(L->b, v, at);
    LLVMSetAlignment(s, sizes[i->mt]);
    LLVMSetMetadata(s, L->md_tbaa, L->tbaa[i->alias]);
}

/* where home slot n is: base, byte offset and tag */
static bool home_slot(bk_lw *L, int64_t n, LLVMValueRef *base, int64_t *offset, int *tag) {
    if (n < 0 || n >= (int64_t)L->fn->nhome + L->fn->nxhome) {
        bk_lw_fail(L, "home slot %lld does not exist", (long long)n);
        return false;
    }
    bool real = n < (int64_t)L->fn->nhome;
    *base = real ? L->home : L->buf;
    *offset = (real ? n : n - (int64_t)L->fn->nhome) * 8;
    *tag = real ? BK_A_HOME : BK_TAG_VHOME;
    return true;
}

LLVMValueRef bk_mem_hload(bk_lw *L, const bk_ins *i) {
    LLVMValueRef base;
    int64_t offset;
    int tag;
    if (!home_slot(L, i->imm, &base, &offset, &tag)) return NULL;
    LLVMValueRef v = bk_mem_get(L, L->ptr, base, offset, tag);
    if (!L->o->layout->home_tag || tag != BK_A_HOME) return v;
    v = LLVMBuildPtrToInt(L->b, v, L->i64, "");
    v = LLVMBuildAnd(L->b, v, bk_lw_ki(L, ~(int64_t)L->o->layout->home_tag), "");
    return LLVMBuildIntToPtr(L->b, v, L->ptr, "");
}

void bk_mem_hstore(bk_lw *L, const bk_ins *i) {
    LLVMValueRef base;
    int64_t offset;
    int tag;
    if (!home_slot(L, i->imm, &base, &offset, &tag)) return;
    LLVMValueRef v = bk_lw_val(L, i->a);
    if (L->o->layout->home_tag && tag == BK_A_HOME) { /* the frame may be looked at: an empty slot is not 0 there */
        LLVMValueRef none = LLVMBuildIntToPtr(L->b, bk_lw_ki(L, L->o->layout->home_tag), L->ptr, "");
        v = LLVMBuildSelect(L->b, LLVMBuildIsNull(L->b, v, ""), none, v, "");
    }
    bk_mem_put(L, v, base, offset, tag);
}
