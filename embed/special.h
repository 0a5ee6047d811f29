/* Binary operators by BINARY_OP's argument: their slots and special methods. */
#ifndef BK_SPECIAL_H
#define BK_SPECIAL_H
#include <stddef.h>

enum { BK_NOPERATORS = 13 }; /* in-place ones follow in the same order */
typedef struct {
    size_t slot; /* in PyNumberMethods */
    const char *name, *reflected, *inplace;
} bk_operator;
extern const bk_operator bk_operators[BK_NOPERATORS];
#endif
