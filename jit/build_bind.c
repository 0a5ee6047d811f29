/* Arguments of inlined calls: by position, by name, defaults, keyword-only ones and *args become the callee's locals.
 */
#include "build.h"

enum { CO_VARARGS = 4, MOST_EXTRA = 8 };

static uint32_t names_given(const bk_builder *b) { return b->kwnames ? (uint32_t)bk_py_len(b->kwnames) : 0; }

/* the number of the parameter with that name, which may be given by name; -1: there is none */
static int named_param(const bk_codeinfo *ci, bk_obj *name) {
    for (uint32_t i = ci->posonly; i < ci->argcount + ci->kwonly; i++)
        if (bk_py_str_is(name, ci->local_names[i])) return (int)i;
    return -1;
}

/* where each parameter's argument stands; -1: its default is taken. false: Python raises, or there are too many */
static bool match(const bk_builder *b, const bk_codeinfo *ci, uint32_t nargs, int *from) {
    uint32_t nkw = names_given(b), npos = nargs - nkw, all = ci->argcount + ci->kwonly;
    bool more = ci->flags & CO_VARARGS;
    if (all > BK_MOSTPARAMS || nkw > nargs || (npos > ci->argcount && !more)) return false;
    if (npos > ci->argcount + MOST_EXTRA) return false;
    for (uint32_t i = 0; i < all; i++) from[i] = i < npos && i < ci->argcount ? (int)i : -1;
    for (uint32_t k = 0; k < nkw; k++) {
        int i = named_param(ci, bk_py_item(b->kwnames, k));
        if (i < 0 || from[i] >= 0) return false;
        from[i] = (int)(npos + k);
    }
    return true;
}

bool bk_binds(bk_builder *b, bk_obj *func, const bk_codeinfo *ci, uint32_t nargs) {
    int from[BK_MOSTPARAMS];
    if (!match(b, ci, nargs, from)) return false;
    for (uint32_t i = 0; i < ci->argcount + ci->kwonly; i++) {
        if (from[i] >= 0 || (!func && i < ci->argcount)) continue;
        if (!func) return false;
        if (i < ci->argcount ? !bk_py_func_default(func, i) : !bk_py_func_kwdefault(func, ci->local_names[i], NULL))
            return false;
    }
    return true;
}

/* the default is looked up where Python does: nobody tells when the dict changes */
static bk_val keyword_default(bk_builder *b, bk_obj *func, const char *name) {
    bk_obj *key = NULL, *dict = bk_py_func_kwdefault(func, name, &key);
    bk_const(b->fn, dict);
    bk_const(b->fn, key);
    bk_ref now = Eload(b, BK_M_PTR, BK_A_KEYS, KP(b, func), bk_py->func_kwdefaults);
    guard(b, E(b, BK_EQ, now, KP(b, dict)), BK_G_VALUE);
    bk_ref p = CALLH(b, BK_H_dict_get, KP(b, dict), KP(b, key));
    guard(b, E(b, BK_NE, p, KP(b, NULL)), BK_G_VALUE);
    return v_volatile(NULL, p);
}

/* of a function that is only known by its code: those that it has at the call */
static bk_val default_now(bk_builder *b, const bk_val *func, const bk_codeinfo *ci, uint32_t param) {
    bk_ref t = Eload(b, BK_M_PTR, BK_A_TYPE, func->box, bk_py->func_defaults);
    guard(b, E(b, BK_NE, t, KP(b, NULL)), BK_G_VALUE);
    bk_ref len = Eload(b, BK_M_I64, BK_A_CONST, t, bk_py->var_size), first = E(b, BK_SUB, len, KI(b, ci->argcount));
    b->fn->ins[first].flags |= BK_F_NSW;
    guard(b, E(b, BK_GE, first, KI(b, -(int64_t)param)), BK_G_VALUE);
    int64_t off = (int64_t)bk_py->tuple_items + 8 * (int64_t)param;
    return v_volatile(NULL, Eloadx(b, BK_M_PTR, BK_A_CONST, t, first, 8, off));
}

static bk_val positional_default(bk_builder *b, bk_obj *func, const bk_val *now, const bk_codeinfo *ci,
                                 uint32_t param) {
    return func ? v_konst(b, bk_py_func_default(func, param)) : default_now(b, now, ci, param);
}

void bk_bind(bk_builder *b, bk_obj *func, const bk_val *now, const bk_codeinfo *ci, const bk_val *args, uint32_t nargs,
             bk_val *slots) {
    int from[BK_MOSTPARAMS];
    uint32_t npos = nargs - names_given(b), all = ci->argcount + ci->kwonly;
    if (!match(b, ci, nargs, from)) bk_abort(b, BK_AB_VERIFY);
    for (uint32_t i = 0; i < all; i++)
        slots[i] = from[i] >= 0       ? args[from[i]]
                   : i < ci->argcount ? positional_default(b, func, now, ci, i)
                                      : keyword_default(b, func, ci->local_names[i]);
    if (!(ci->flags & CO_VARARGS)) return;
    uint32_t extra = npos > ci->argcount ? npos - ci->argcount : 0;
    if (!extra) {
        slots[all] = v_konst(b, bk_py_empty_tuple());
        return;
    }
    slots[all] = (bk_val){.kind = V_TUPLE, .type = bk_types.t_tuple, .nkids = (uint8_t)extra};
    slots[all].kids = alloc(b, extra * sizeof *slots);
    for (uint32_t i = 0; i < extra; i++) slots[all].kids[i] = args[ci->argcount + i];
}
