/* What the files that build calls of known C functions share. */
#ifndef BK_BUILD_BUILTIN_H
#define BK_BUILD_BUILTIN_H
#include "build_np.h"

typedef struct {
    uint32_t n;
    bk_val *args, *out;
} bk_call;

static inline bool is_exact_float(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_float; }
static inline bool is_exact_int(const bk_val *v) { return v->kind == V_VAL && v->type == bk_types.t_int; }
static inline bool is_intlike(const bk_val *v) {
    return is_exact_int(v) || (v->kind == V_VAL && v->type == bk_types.t_bool);
}

bool call_real(const bk_val *v);             /* a number that float() converts without running code: not complex */
bk_ref call_index(bk_builder *b, bk_val *v); /* an operand where Python wants an index; 0: none, or it may not fit */
/* results; all give true */
void call_result(bk_builder *b, uint32_t n, bk_val out); /* build_call.c: ends the block, on one of several paths */
bool call_itself(const bk_call *c);                      /* the first argument: its reference goes along */
bool call_number(const bk_call *c, bk_obj *type, bk_ref r);
bool call_float(const bk_call *c, bk_ref r);
bool call_int(const bk_call *c, bk_ref r);
bool call_int_of_double(bk_builder *b, const bk_call *c, bk_ref d); /* d integral; leaves where it does not fit */

/* build_str.c: strings; methods of one character by flag (BK_CHR_*) or by a table of codes */
bool str_is(bk_builder *b, const bk_call *c, int flag);
bool str_mapped(bk_builder *b, const bk_call *c, const int16_t *codes);
bool str_ord(bk_builder *b, const bk_call *c);
bool str_chr(bk_builder *b, const bk_call *c);

/* name without "math."; false: no fast path */
bool build_math(bk_builder *b, const bk_call *c, const char *name);
/* a NumPy scalar type, or the ufunc of that name (without "numpy."); false: no fast path */
bool build_np_call(bk_builder *b, const char *name, bk_obj *callable, const bk_call *c);
#endif
