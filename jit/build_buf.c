/* array.array and memoryview elements. */
#include "build.h"

/* memory type of an element and the Python type it reads as, by the struct/array type code; false: no fast path */
static bool code_type(char code, bk_memtype *mt, bk_obj **type) {
    static const struct {
        char code;
        uint8_t mt;
    } table[] = {{'b', BK_M_I8},  {'B', BK_M_U8},  {'h', BK_M_I16}, {'H', BK_M_U16}, {'i', BK_M_I32},
                 {'I', BK_M_U32}, {'l', BK_M_I64}, {'q', BK_M_I64}, {'f', BK_M_F32}, {'d', BK_M_F64}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code) {
            *mt = (bk_memtype)table[i].mt;
            *type = code == 'f' || code == 'd' ? bk_types.t_float : bk_types.t_int;
            return true;
        }
    return false;
}

static int item_size(bk_memtype mt) {
    static const uint8_t size[] = {
#define X(n, s) s,
        BK_MEMTYPES(X)
#undef X
    };
    return size[mt];
}

typedef struct {
    bk_ref data, len;
    bk_memtype mt;
    bk_obj *type;
} buf_t;

/* the buffer's facts, guarded; nd.typenum of the value is the type code found at entry or by recording */
static bool open_buffer(bk_builder *b, bk_val *o, bool write, buf_t *u) {
    char code = (char)o->nd.typenum;
    if (!o->type || !o->nd.ndim || !code_type(code, &u->mt, &u->type)) return false;
    if (bk_types.t_array_array && o->type == bk_types.t_array_array) {
        bk_ref d = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->array_descr);
        guard(b, E(b, BK_EQ, Eload(b, BK_M_U8, BK_A_CONST, d, 0), KI(b, code)), BK_G_ARRAY);
        u->data = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->array_items);
        u->len = Eload(b, BK_M_I64, BK_A_BUFHEAD, o->box, bk_py->var_size);
        return true;
    }
    if (o->type != bk_types.t_memoryview) return false;
    if (write && !o->nd.writeable) return false;
    bk_ref f = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->memview_format);
    guard(b, E(b, BK_NE, f, KP(b, NULL)), BK_G_ARRAY);
    guard(b, E(b, BK_EQ, Eload(b, BK_M_U16, BK_A_CONST, f, 0), KI(b, (uint8_t)code)), BK_G_ARRAY);
    guard(b, E(b, BK_EQ, Eload(b, BK_M_I32, BK_A_BUFHEAD, o->box, bk_py->memview_ndim), KI(b, 1)), BK_G_ARRAY);
    bk_ref strides = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->memview_strides);
    guard(b, E(b, BK_EQ, Eload(b, BK_M_I64, BK_A_BUFHEAD, strides, 0), KI(b, item_size(u->mt))), BK_G_ARRAY);
    guard(b, bk_buffer_live(b, o), BK_G_ARRAY);
    if (write)
        guard(b, E(b, BK_EQ, Eload(b, BK_M_I32, BK_A_BUFHEAD, o->box, bk_py->memview_readonly), KI(b, 0)), BK_G_ARRAY);
    u->data = Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->memview_buf);
    u->len = Eload(b, BK_M_I64, BK_A_BUFHEAD, Eload(b, BK_M_PTR, BK_A_BUFHEAD, o->box, bk_py->memview_shape), 0);
    return true;
}

/* not released, and without suboffsets: in the flags the memoryview keeps of itself */
bk_ref bk_buffer_live(bk_builder *b, bk_val *o) {
    bk_ref flags = Eload(b, BK_M_I32, BK_A_BUFHEAD, o->box, bk_py->memview_flags);
    return E(b, BK_EQ, E(b, BK_AND, flags, KI(b, bk_py->memview_bad_flags)), KI(b, 0));
}

bool buffer_getitem(bk_builder *b, bk_val *o, bk_ref i, bk_val *out) {
    buf_t u;
    if (!open_buffer(b, o, false, &u)) return false;
    i = checked_index(b, i, u.len);
    bk_ref v = Eloadx(b, u.mt, BK_A_DATA, u.data, i, item_size(u.mt), 0);
    *out = v_num(u.type, u.mt == BK_M_F32 ? E(b, BK_S2F, v, 0) : v);
    return true;
}

bool buffer_setitem(bk_builder *b, bk_val *o, bk_ref i, bk_val *v) {
    static const int64_t lo[] = {INT8_MIN, 0, INT16_MIN, 0, INT32_MIN, 0},
                         hi[] = {INT8_MAX, UINT8_MAX, INT16_MAX, UINT16_MAX, INT32_MAX, UINT32_MAX};
    buf_t u;
    if (v->kind != V_VAL || !v->type) return false;
    bool is_float = v->type == bk_types.t_float, is_int = v->type == bk_types.t_int;
    if (!is_float && !is_int) return false;
    if (!open_buffer(b, o, true, &u) || u.mt == BK_M_F32) return false;
    if (is_float != (u.type == bk_types.t_float)) return false;
    bk_ref n = unbox(b, v);
    i = checked_index(b, i, u.len);
    if (is_int && u.mt < BK_M_I64) {
        bk_ref ok = E(b, BK_AND, E(b, BK_GE, n, KI(b, lo[u.mt])), E(b, BK_LE, n, KI(b, hi[u.mt])));
        guard(b, ok, BK_G_RANGE);
    }
    check_release(b, o);
    Estore(b, u.mt, BK_A_DATA, u.data, i, item_size(u.mt), 0, n);
    b->effects = true;
    b->neffects++;
    release(b, v);
    return true;
}
