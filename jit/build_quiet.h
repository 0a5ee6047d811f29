/* What the files share that build operations which run no Python code. */
#ifndef BK_BUILD_QUIET_H
#define BK_BUILD_QUIET_H
#include "build_builtin.h"

/* objects made for the current instruction only */
typedef struct {
    struct {
        bk_ref box;
        bool tuple;
    } t[32];
    uint32_t n;
} bk_temps;

bool can_box(const bk_val *v);
/* a pointer to the value, which keeps what it was; new objects are noted in `t`. Before effects. */
bk_ref temp_box(bk_builder *b, bk_val *v, bk_temps *t);
void drop_temps(bk_builder *b, const bk_temps *t);
/* leaves at the start of the instruction unless ok, without the temporaries */
void quiet_guard(bk_builder *b, bk_ref ok, bk_guardkind kind, const bk_temps *t);
/* before a helper that changes containers: all borrowed values get references, and leaving still goes back here */
void secure_now(bk_builder *b);
void did(bk_builder *b);                          /* the helper was called and must not be again */
void release_operands(bk_builder *b, uint32_t n); /* pops them; check_release was done */
bk_val v_fresh(bk_obj *type, bk_ref box);         /* owned, probably the only reference */
bk_ref not_null(bk_builder *b, bk_ref p);
bool is_type(const bk_val *v, bk_obj *type);

/* build_dict.c */
bool dict_item(bk_builder *b, bk_val *o, bk_val *key, bk_val *out);
bool dict_store(bk_builder *b, bk_val *o, bk_val *key, bk_val *v);
bool dict_delete(bk_builder *b);
bool build_contains(bk_builder *b, bool invert);
bool quiet_getiter(bk_builder *b, bk_val *o, bk_val *out);
bool quiet_foriter(bk_builder *b);
bool dict_get(bk_builder *b, const bk_call *c);
bool dict_setdefault(bk_builder *b, const bk_call *c);
bool dict_pop(bk_builder *b, const bk_call *c);
bool set_add(bk_builder *b, const bk_call *c);
bool set_discard(bk_builder *b, const bk_call *c);
bool set_remove(bk_builder *b, const bk_call *c);
/* build_text.c: concatenation, slices, formatting */
bool text_binary(bk_builder *b, int op, bk_val *x, bk_val *y, bk_val *out);
bool text_append(bk_builder *b, int op);
bool build_slice(bk_builder *b);
bool build_format(bk_builder *b, const bk_insn *in);
bool text_str(bk_builder *b, const bk_call *c);
bool text_int(bk_builder *b, const bk_call *c);
bool text_float(bk_builder *b, const bk_call *c);
/* build_make.c: new containers */
bool build_make(bk_builder *b, const bk_insn *in);
bool make_empty(bk_builder *b, const bk_call *c, const char *name);
/* build_direct.c: C methods that run no Python code, by name */
bool build_direct(bk_builder *b, const char *name, bk_obj *callable, const bk_call *c);
#endif
