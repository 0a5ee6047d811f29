/* Methods of built-in types and functions that are C and run no Python code for operands of the types listed: called
 * by their C function, with neither lookup nor synced frame. */
#include "build_quiet.h"
#include <string.h>

/* operands: s str, i int, n int or None, z str or None, S str or a constant tuple, l list, L list or tuple, d dict,
 * e set, y bytes, o anything; behind ? they may be missing. Result: s str, i int, b bool, l list, t tuple, d dict,
 * e set, y bytes, N None, K V I views of a dict. `items`: the first operand's items change. */
typedef struct {
    const char *name, *operands;
    char result;
    bool items;
} direct;

static const direct table[] = {
    {"str.isalnum", "s", 'b'},
    {"str.isalpha", "s", 'b'},
    {"str.isascii", "s", 'b'},
    {"str.isdecimal", "s", 'b'},
    {"str.isdigit", "s", 'b'},
    {"str.isidentifier", "s", 'b'},
    {"str.islower", "s", 'b'},
    {"str.isnumeric", "s", 'b'},
    {"str.isspace", "s", 'b'},
    {"str.isupper", "s", 'b'},
    {"str.istitle", "s", 'b'},
    {"str.isprintable", "s", 'b'},
    {"str.lower", "s", 's'},
    {"str.upper", "s", 's'},
    {"str.capitalize", "s", 's'},
    {"str.title", "s", 's'},
    {"str.swapcase", "s", 's'},
    {"str.casefold", "s", 's'},
    {"str.strip", "s?z", 's'},
    {"str.lstrip", "s?z", 's'},
    {"str.rstrip", "s?z", 's'},
    {"str.startswith", "sS?nn", 'b'},
    {"str.endswith", "sS?nn", 'b'},
    {"str.find", "ss?nn", 'i'},
    {"str.rfind", "ss?nn", 'i'},
    {"str.index", "ss?nn", 'i'},
    {"str.rindex", "ss?nn", 'i'},
    {"str.count", "ss?nn", 'i'},
    {"str.replace", "sss?i", 's'},
    {"str.split", "s?zi", 'l'},
    {"str.rsplit", "s?zi", 'l'},
    {"str.splitlines", "s", 'l'},
    {"str.partition", "ss", 't'},
    {"str.rpartition", "ss", 't'},
    {"str.join", "sL", 's'},
    {"str.zfill", "si", 's'},
    {"str.center", "si?s", 's'},
    {"str.ljust", "si?s", 's'},
    {"str.rjust", "si?s", 's'},
    {"str.removeprefix", "ss", 's'},
    {"str.removesuffix", "ss", 's'},
    {"str.encode", "s", 'y'},
    {"bytes.decode", "y", 's'},
    {"bytes.hex", "y", 's'},
    {"list.copy", "l", 'l'},
    {"list.reverse", "l", 'N', true},
    {"list.extend", "lL", 'N', true},
    {"list.insert", "lio", 'N', true},
    {"dict.keys", "d", 'K'},
    {"dict.values", "d", 'V'},
    {"dict.items", "d", 'I'},
    {"dict.copy", "d", 'd'},
    {"set.copy", "e", 'e'},
    {"hex", "i", 's'},
    {"oct", "i", 's'},
    {"bin", "i", 's'},
};

static bool fixed_tuple(const bk_val *v) { return v->konst && bk_py_type(v->konst) == bk_types.t_tuple; }

static bool accepts(char want, const bk_val *v) {
    if (!can_box(v) || v->clean) return false;
    bool none = v->konst == bk_types.t_none;
    switch (want) {
    case 's': return is_type(v, bk_types.t_str);
    case 'i': return is_exact_int(v) && fits(v);
    case 'n': return none || (is_exact_int(v) && fits(v));
    case 'z': return none || is_type(v, bk_types.t_str);
    case 'S': return is_type(v, bk_types.t_str) || fixed_tuple(v);
    case 'l': return is_type(v, bk_types.t_list);
    case 'L': return is_type(v, bk_types.t_list) || is_type(v, bk_types.t_tuple);
    case 'd': return is_type(v, bk_types.t_dict);
    case 'e': return is_type(v, bk_types.t_set);
    case 'y': return is_type(v, bk_types.t_bytes);
    default: return want == 'o';
    }
}

static bool all_accepted(const direct *d, const bk_call *c) {
    uint32_t n = 0;
    bool optional = false;
    for (const char *p = d->operands; *p; p++) {
        if (*p == '?') {
            optional = true;
            continue;
        }
        if (n == c->n) return optional;
        if (!accepts(*p, &c->args[n++])) return false;
    }
    return n == c->n;
}

static bk_obj *result_type(char r) {
    switch (r) {
    case 's': return bk_types.t_str;
    case 'i': return bk_types.t_int;
    case 'l': return bk_types.t_list;
    case 't': return bk_types.t_tuple;
    case 'd': return bk_types.t_dict;
    case 'e': return bk_types.t_set;
    case 'y': return bk_types.t_bytes;
    case 'K': return bk_types.t_dict_keys;
    case 'V': return bk_types.t_dict_values;
    case 'I': return bk_types.t_dict_items;
    default: return NULL;
    }
}

/* the C call; NULL where Python would raise */
static bk_ref call(bk_builder *b, const direct *d, bk_obj *callable, const bk_call *c, bk_temps *t) {
    bool method = bk_py_type(callable) == bk_types.t_method_descriptor;
    bk_ref a[4] = {KP(b, NULL), KP(b, NULL), KP(b, NULL), KP(b, NULL)}, f = KP(b, callable);
    bk_const(b->fn, callable);
    for (uint32_t i = 0; i < c->n; i++) a[i] = temp_box(b, &c->args[i], t);
    if (!method) return CALLH(b, BK_H_pure_function, f, KI(b, c->n), a[0], a[1], a[2]);
    return CALLH(b, d->items ? BK_H_item_method : BK_H_pure_method, f, a[0], KI(b, c->n - 1), a[1], a[2], a[3]);
}

static void give(bk_builder *b, const direct *d, const bk_call *c, bk_ref p) {
    bk_obj *type = result_type(d->result);
    if (d->result == 'b') *c->out = v_bool(E(b, BK_EQ, p, KP(b, bk_types.t_true)));
    else if (d->result == 'N') *c->out = v_konst(b, bk_types.t_none);
    else *c->out = v_fresh(type, p);
}

bool build_direct(bk_builder *b, const char *name, bk_obj *callable, const bk_call *c) {
    const direct *d = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table && !d; i++)
        if (!strcmp(table[i].name, name)) d = &table[i];
    if (!d || c->n > 4) return false;
    for (uint32_t k = 1; k <= 2 && k <= c->n; k++) learn(b, k);
    if (!all_accepted(d, c)) return false;
    for (uint32_t i = 0; i < c->n; i++) {
        if (is_exact_int(&c->args[i])) unbox(b, &c->args[i]);
        check_release(b, &c->args[i]);
    }
    bk_temps t = {.n = 0};
    if (d->items) secure_now(b);
    bk_ref p = call(b, d, callable, c, &t);
    quiet_guard(b, not_null(b, p), BK_G_VALUE, &t);
    if (d->items) did(b);
    else begin_effect(b); /* done once; what is borrowed may be the operands' */
    drop_temps(b, &t);
    give(b, d, c, p);
    return true;
}
