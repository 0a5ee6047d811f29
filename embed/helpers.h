/* Declarations of all runtime helpers (bk_h_NAME), from include/bk_helpers.def, and what they share. */
#ifndef BK_HELPERS_H
#define BK_HELPERS_H
#include "objects.h"
#include "objects_version.h"

/* numbers */
double bk_h_fmod_py(double a, double b);
double bk_h_ffloordiv_py(double a, double b);
double bk_h_pow_ff(double a, double b);
bool bk_h_pow_ok(double a, double b);
bool bk_h_ipow_ok(int64_t a, int64_t b);
int64_t bk_h_ipow(int64_t a, int64_t b);
int64_t bk_h_igcd(int64_t a, int64_t b);
bool bk_h_range_fits(int64_t start, int64_t stop, int64_t step);
int64_t bk_h_range_end(int64_t start, int64_t stop, int64_t step);
int64_t bk_h_isqrt(int64_t a);
double bk_h_idiv_true(int64_t a, int64_t b);
int64_t bk_h_icmp_f(int64_t a, double b);
double bk_h_f_round_half_even(double a);
bool bk_h_f2i_ok(double a);
double bk_h_c_quot_re(double ar, double ai, double br, double bi);
double bk_h_c_quot_im(double ar, double ai, double br, double bi);
double bk_h_rc_quot_re(double a, double br, double bi);
double bk_h_rc_quot_im(double a, double br, double bi);
bool bk_h_c_pow_ok(double ar, double ai, double br, double bi);
double bk_h_c_pow_re(double ar, double ai, double br, double bi);
double bk_h_c_pow_im(double ar, double ai, double br, double bi);
double bk_h_c_abs(double re, double im);
/* clang-format off */
#define BK_LIBM1(X)                                                                                                \
    X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(exp) X(exp2) \
    X(expm1) X(log) X(log2) X(log10) X(log1p) X(cbrt) X(erf) X(erfc)
/* clang-format on */
#define X(n) double bk_h_m_##n(double a);
BK_LIBM1(X)
#undef X
double bk_h_m_atan2(double y, double x);
double bk_h_m_hypot(double a, double b);
double bk_h_m_fmod(double a, double b);
double bk_h_m_pow(double a, double b);

/* boxes and containers */
void *bk_h_box_f64(double v);
void *bk_h_box_f64_nofail(double v);
void *bk_h_box_i64(int64_t v);
void *bk_h_box_complex(double re, double im);
void *bk_h_box_np_i(int64_t typenum, int64_t v);
void *bk_h_box_np_f(int64_t typenum, double v);
void *bk_h_box_np_c(int64_t typenum, double re, double im);
bool bk_h_unbox_i64_ok(void *o);
int64_t bk_h_unbox_i64(void *o);
void bk_h_dealloc(void *o);
void bk_h_dealloc_num(void *o);
void bk_h_dealloc_quiet(void *o);
bool bk_h_quiet_deaths2(void *a, void *b);
bool bk_h_quiet_deaths4(void *a, void *b, void *c, void *e);
bool bk_h_quiet_deaths8(void *a, void *b, void *c, void *e, void *f, void *g, void *h, void *i);
void *bk_h_inst_new(void *type, int64_t n, int64_t order, int64_t more);
void *bk_h_nd_view(void *array, int64_t n, int64_t i, int64_t j, int64_t k);
bool bk_h_list_append(void *list, void *item);
void *bk_h_list_new(int64_t n);
void *bk_h_list_repeat1(void *item, int64_t n);
void *bk_h_tuple_new(int64_t n);
void *bk_h_list_pop(void *list);
void *bk_h_dict_get(void *dict, void *key);

/* strings */
bool bk_h_str_eq(void *a, void *b);
int64_t bk_h_str_cmp(void *a, void *b);
int64_t bk_h_str_chr(void *s);
int64_t bk_h_str_ord(void *s);
void *bk_h_chr(int64_t code);
void *bk_h_str_index(void *s, int64_t i);
void *bk_h_str_concat(void *a, void *b);
bool bk_h_str_append(bk_ctx *c, int64_t slot, void *right);
void *bk_h_str_grow(void *s, void *x, void *t);
void *bk_h_local_append(bk_ctx *c, int64_t slot, void *x, void *t);
void *bk_h_str_repeat(void *s, int64_t n);
void *bk_h_str_mod(void *format, void *args);
int64_t bk_h_str_has(void *s, void *sub);
bool bk_h_str_has_chr(void *s, int64_t code);
void *bk_h_str_slice(void *s, int64_t a, int64_t b);
void *bk_h_list_slice(void *l, int64_t a, int64_t b);
void *bk_h_tuple_slice(void *t, int64_t a, int64_t b);
void *bk_h_bytes_slice(void *s, int64_t a, int64_t b);
void *bk_h_str_of_int(int64_t n);
void *bk_h_str_plain(void *o);
void *bk_h_format_plain(void *o, void *spec);
int64_t bk_h_parse_int(void *s);
void *bk_h_float_of_str(void *s);
void *bk_h_str_join_args(bk_ctx *c, int64_t n);

/* C methods, plain keys */
void *bk_h_pure_method(void *descr, void *self, int64_t n, void *a, void *b, void *c);
void *bk_h_item_method(void *descr, void *self, int64_t n, void *a, void *b, void *c);
void *bk_h_pure_function(void *f, int64_t n, void *a, void *b, void *c);
void *bk_h_dict_find(void *dict, void *key);
bool bk_h_dict_put(void *dict, void *key, void *value);
bool bk_h_dict_del(void *dict, void *key);
void *bk_h_dict_pop(void *dict, void *key);
void *bk_h_dict_setdefault(void *dict, void *key, void *value);
int64_t bk_h_set_has(void *set, void *key);
bool bk_h_set_put(void *set, void *key);
int64_t bk_h_set_discard(void *set, void *key);
int64_t bk_h_seq_has(void *seq, void *item);
void *bk_h_iter_new(void *o);
void *bk_h_iter_step(void *it);
int64_t bk_h_iter_pair(bk_ctx *c, void *it);
void bk_h_drop_plain(void *o);
bool bk_h_list_extend_plain(void *list, void *seq);
void *bk_h_dict_new(void);
void *bk_h_set_new(void);
void *bk_h_list_of(void *seq);
void *bk_h_tuple_of(void *seq);
void *bk_h_build_plain(bk_ctx *c, int64_t what, int64_t n);
/* what the build helpers make of n values; new reference */
PyObject *bk_build_container(void *const *values, int64_t what, int64_t n);
/* dict and set iterators are laid out as helpers_dict.c expects */
bool bk_iterators_ok(void);

/* any object */
void *bk_h_binary_op(bk_ctx *c, void *a, void *b, int64_t op);
void *bk_h_unary_op(bk_ctx *c, void *a, int64_t op);
void *bk_h_compare(bk_ctx *c, void *a, void *b, int64_t op);
int64_t bk_h_compare_bool(bk_ctx *c, void *a, void *b, int64_t op);
int64_t bk_h_truth(bk_ctx *c, void *o);
int64_t bk_h_contains(bk_ctx *c, void *container, void *item);
void *bk_h_getitem(bk_ctx *c, void *o, void *key);
int64_t bk_h_setitem(bk_ctx *c, void *o, void *key, void *value);
int64_t bk_h_delitem(bk_ctx *c, void *o, void *key);
void *bk_h_getslice(bk_ctx *c, void *o, void *start, void *stop);
int64_t bk_h_setslice(bk_ctx *c, void *o, void *start, void *stop, void *value);
void *bk_h_getattr(bk_ctx *c, void *o, void *name);
int64_t bk_h_setattr(bk_ctx *c, void *o, void *name, void *value);
int64_t bk_h_delattr(bk_ctx *c, void *o, void *name);
void *bk_h_getmethod(bk_ctx *c, void *o, void *name);
void *bk_h_load_global(bk_ctx *c, void *name);
int64_t bk_h_store_global(bk_ctx *c, void *name, void *value);
void *bk_h_getiter(bk_ctx *c, void *o);
void *bk_h_iternext(bk_ctx *c, void *it);
void *bk_h_call(bk_ctx *c, void *callable, void *kwnames, int64_t owned, int64_t count);
void *bk_h_call_ex(bk_ctx *c, void *callable, void *args, void *kwargs);
void *bk_h_intrinsic1(bk_ctx *c, void *o, int64_t which);
void *bk_h_build(bk_ctx *c, int64_t what, int64_t first, int64_t count);
int64_t bk_h_list_extend(bk_ctx *c, void *list, void *iterable);
int64_t bk_h_set_add(bk_ctx *c, void *set, void *item);
int64_t bk_h_set_update(bk_ctx *c, void *set, void *iterable);
int64_t bk_h_map_add(bk_ctx *c, void *dict, void *key, void *value);
int64_t bk_h_dict_update(bk_ctx *c, void *dict, void *mapping);
int64_t bk_h_unpack(bk_ctx *c, void *iterable, int64_t n);
void *bk_h_format(bk_ctx *c, void *value, void *spec);
void *bk_h_convert_format(bk_ctx *c, void *value, void *spec, int64_t how);
void *bk_h_convert(bk_ctx *c, void *value, int64_t how);
void *bk_h_import_name(bk_ctx *c, void *name, void *fromlist, void *level);
void *bk_h_import_from(void *module, void *name);
void *bk_h_with_method(void *o, int64_t which);
void *bk_h_make_function(bk_ctx *c, void *code);
void bk_h_set_function_attribute(void *func, void *value, int64_t which);
int64_t bk_h_unpack_ex(bk_ctx *c, void *iterable, int64_t before, int64_t after);
void *bk_h_before_with(bk_ctx *c, void *manager);
void *bk_h_super_attr(bk_ctx *c, void *super, void *cls, void *self, void *name, int64_t two);
bool bk_h_dict_lacks(void *dict, void *key);
bool bk_h_dict_can_set(void *dict, void *key);
void bk_h_dict_set(void *dict, void *key, void *value);
void *bk_h_new_rangeiter(int64_t next, int64_t end, int64_t step);
void *bk_h_new_seqiter(void *seq);
void *bk_h_new_enumerate(void *it, int64_t index);
bool bk_h_plain_items(void *o);
void *bk_h_call_plain(bk_ctx *c, void *callable, void *kwnames, int64_t first, int64_t count);
void *bk_h_new_range(void *start, void *stop, void *step);
int64_t bk_h_length(bk_ctx *c, void *o);
void *bk_h_match_class(bk_ctx *c, void *subject, void *cls, int64_t nargs, void *names);
void *bk_h_match_keys(bk_ctx *c, void *map, void *keys);
bool bk_h_has_error(void);
void bk_h_arg_set(bk_ctx *c, int64_t i, void *p);
void *bk_h_arg_get(bk_ctx *c, int64_t i);

/* the frame */
void bk_h_sync_i(bk_ctx *c, int64_t slot, int64_t v, void *box);
void bk_h_sync_b(bk_ctx *c, int64_t slot, int64_t v, void *box);
void bk_h_sync_chr(bk_ctx *c, int64_t slot, int64_t code, void *box);
void bk_h_sync_f(bk_ctx *c, int64_t slot, double v, void *box);
void bk_h_sync_c(bk_ctx *c, int64_t slot, int64_t typenum, double re, double im, void *box);
void bk_h_sync_npf(bk_ctx *c, int64_t slot, int64_t typenum, double v, void *box);
void bk_h_sync_npi(bk_ctx *c, int64_t slot, int64_t typenum, int64_t v, void *box);
bool bk_h_frame_seen(bk_ctx *c);
bool bk_h_np_ignores_underflow(void);
bool bk_h_simple_or_null(void *o);
bool bk_h_quiet_death(void *o);
int64_t bk_h_is_instance(void *o, void *cls);
void bk_h_box_ref(void *o);
void bk_h_box_unref(void *o);

/* Compiled code runs inside an event callback, where events are off: they are on while a helper may run Python code. */
static inline void bk_events_on(PyThreadState *ts) { ts->tracing--; }
static inline void bk_events_off(PyThreadState *ts) { ts->tracing++; }
#endif
