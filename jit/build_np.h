/* What the NumPy files of the builder share: the dtypes that have fast paths, and conversions between them. */
#ifndef BK_BUILD_NP_H
#define BK_BUILD_NP_H
#include "build.h"

typedef enum { NK_NONE, NK_BOOL, NK_INT, NK_UINT, NK_FLOAT, NK_COMPLEX } np_kind;
enum {
    NP_BOOL = 0,
    NP_LONG = 7,
    NP_LONGLONG = 9,
    NP_ULONGLONG = 10,
    NP_FLOAT = 11,
    NP_DOUBLE = 12,
    NP_CFLOAT = 14,
    NP_CDOUBLE = 15,
    NP_FAST = 16
};

/* by type number; kind NK_NONE: no fast path. Complex: mem is that of one part. */
typedef struct {
    uint8_t kind, bits, mem, size;
} np_dtype;
extern const np_dtype np_dtypes[NP_FAST];

enum { BK_MAXVIEW = 4 }; /* kids of a view: the array and up to 3 indices */
bk_val view_new(bk_builder *b, const bk_val *array, const bk_ref *indices, int n); /* array: its facts hold */
/* iteration over arrays (build_np.c) */
bool np_iterates(bk_builder *b, bk_val *a);              /* the operand on top: it can be stepped over */
void np_guard_iterator(bk_builder *b, const bk_val *it); /* before a step: the array is what it was */
bk_ref np_iterator_len(bk_builder *b, const bk_val *it); /* then: how long it is now */
bk_val np_next(bk_builder *b, const bk_val *it);         /* and its next element or row */
bk_ndkey view_key(const bk_val *v);

np_kind np_kind_of(const bk_val *v);        /* of a number, Python's or NumPy's; NK_NONE: no number */
bool np_is_2(void);                         /* NumPy 2: Python numbers are weak operands (NEP 50) */
bk_ref np_int(bk_builder *b, bk_val *v);    /* bools and ints as i64; uint64: its bits */
bk_ref np_double(bk_builder *b, bk_val *v); /* real numbers, as C converts them */
/* a double as float32; leaves when that turns a finite value infinite, of which NumPy warns */
bk_ref np_narrow(bk_builder *b, bk_ref d);
bk_ref np_single(bk_builder *b, bk_val *v); /* real numbers as float32 the way NumPy converts them; 0: no way */
bool np_may_underflow(bk_builder *b);       /* before an operation of which NumPy might say so; false: it would */
bk_ref np_in_range(bk_builder *b, bk_ref n, int tn); /* the signed i64 n is a value of the integer type tn */
/* real and imaginary part of any number in the precision of tn (NP_CFLOAT, NP_CDOUBLE); false: no way */
bool np_parts(bk_builder *b, bk_val *v, int tn, bk_ref *re, bk_ref *im);
/* the type of an operation on two numbers, one of them NumPy's; -1: no fast path */
int np_result_type(const bk_val *x, const bk_val *y);
/* v as NumPy's setitem and scalar types convert it to tn; im: 0 unless complex; false: no fast path */
bool np_convert(bk_builder *b, bk_val *v, int tn, bk_ref *re, bk_ref *im);
#endif
