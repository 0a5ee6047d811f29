/* CPython 3.12's instructions as canonical bytecodes: X(its name, canonical name, form of the argument).
 * Whatever is not listed decodes to UNKNOWN. Forms: see decode.c. */
// clang-format off
#define BKP_END_FOR_UNITS 1     /* a FOR_ITER that is exhausted goes on behind this many units at its jump's target */
#define BKP_CMP_SHIFT 4
#define BKP_CMP_BOOL 0          /* bit of COMPARE_OP that asks for a bool; 0: there is none */
#define BKP_NB_SUBSCR (-1)      /* argument of BINARY_OP that subscripts; -1: BINARY_SUBSCR does */
#define BKP_COMMON_CONST(i) NULL
#define BK_OPCODES(X)                                                                                                  \
    X(NOP, NOP, NONE) X(RESUME, NOP, NONE)                                                                             \
    X(MAKE_CELL, PROLOGUE, NONE) X(COPY_FREE_VARS, PROLOGUE, NONE)                                                     \
    X(POP_TOP, POP_TOP, NONE) X(PUSH_NULL, PUSH_NULL, NONE) X(COPY, COPY, ARG) X(SWAP, SWAP, ARG)                      \
    X(LOAD_FAST, LOAD_FAST, ARG) X(LOAD_CLOSURE, LOAD_FAST, ARG) X(LOAD_FAST_CHECK, LOAD_FAST_CHECK, ARG)              \
    X(LOAD_FAST_AND_CLEAR, LOAD_FAST_AND_CLEAR, ARG) X(STORE_FAST, STORE_FAST, ARG) X(DELETE_FAST, DELETE_FAST, ARG)   \
    X(LOAD_CONST, LOAD_CONST, CONST) X(LOAD_GLOBAL, LOAD_GLOBAL, LOW1) X(STORE_GLOBAL, STORE_GLOBAL, ARG)              \
    X(LOAD_DEREF, LOAD_DEREF, ARG) X(STORE_DEREF, STORE_DEREF, ARG)                                                    \
    X(UNARY_NEGATIVE, UNARY_NEGATIVE, NONE) X(UNARY_INVERT, UNARY_INVERT, NONE) X(UNARY_NOT, UNARY_NOT, NONE)          \
    X(BINARY_OP, BINARY_OP, ARG) X(BINARY_SUBSCR, BINARY_SUBSCR, NONE) X(STORE_SUBSCR, STORE_SUBSCR, NONE)             \
    X(DELETE_SUBSCR, DELETE_SUBSCR, NONE) X(BINARY_SLICE, BINARY_SLICE, NONE) X(STORE_SLICE, STORE_SLICE, NONE)        \
    X(COMPARE_OP, COMPARE_OP, COMPARE) X(IS_OP, IS_OP, ARG) X(CONTAINS_OP, CONTAINS_OP, ARG)                           \
    X(JUMP_FORWARD, JUMP, FORWARD) X(JUMP_BACKWARD, JUMP_BACKWARD, BACKWARD)                                           \
    X(POP_JUMP_IF_TRUE, POP_JUMP_IF_TRUE, FORWARD) X(POP_JUMP_IF_FALSE, POP_JUMP_IF_FALSE, FORWARD)                    \
    X(POP_JUMP_IF_NONE, POP_JUMP_IF_NONE, FORWARD) X(POP_JUMP_IF_NOT_NONE, POP_JUMP_IF_NOT_NONE, FORWARD)              \
    X(GET_ITER, GET_ITER, NONE) X(FOR_ITER, FOR_ITER, FORITER)                                                         \
    X(LOAD_ATTR, LOAD_ATTR, LOW1) X(STORE_ATTR, STORE_ATTR, ARG) X(DELETE_ATTR, DELETE_ATTR, ARG)                      \
    X(LOAD_SUPER_ATTR, LOAD_SUPER_ATTR, LOW2)                                                                          \
    X(KW_NAMES, KW_NAMES, ARG) X(CALL, CALL, ARG) X(CALL_FUNCTION_EX, CALL_FUNCTION_EX, ARG)                           \
    X(CALL_INTRINSIC_1, CALL_INTRINSIC_1, ARG) X(RETURN_VALUE, RETURN_VALUE, NONE) \
    X(RETURN_CONST, RETURN_CONST, CONST) \
    X(BUILD_TUPLE, BUILD_TUPLE, ARG) X(BUILD_LIST, BUILD_LIST, ARG) X(BUILD_SET, BUILD_SET, ARG)                       \
    X(BUILD_MAP, BUILD_MAP, ARG) X(BUILD_CONST_KEY_MAP, BUILD_CONST_KEY_MAP, ARG) X(BUILD_STRING, BUILD_STRING, ARG)   \
    X(BUILD_SLICE, BUILD_SLICE, ARG) X(LIST_APPEND, LIST_APPEND, ARG) X(LIST_EXTEND, LIST_EXTEND, ARG)                 \
    X(SET_ADD, SET_ADD, ARG) X(SET_UPDATE, SET_UPDATE, ARG) X(MAP_ADD, MAP_ADD, ARG) X(DICT_UPDATE, DICT_UPDATE, ARG)  \
    X(UNPACK_SEQUENCE, UNPACK_SEQUENCE, ARG) X(FORMAT_VALUE, FORMAT_VALUE, FORMAT) X(IMPORT_NAME, IMPORT_NAME, ARG)    \
    X(IMPORT_FROM, IMPORT_FROM, ARG) X(MAKE_FUNCTION, MAKE_FUNCTION, ARG)                                      \
    X(UNPACK_EX, UNPACK_EX, ARG) X(BEFORE_WITH, BEFORE_WITH, NONE) X(GET_LEN, GET_LEN, NONE)                           \
    X(MATCH_SEQUENCE, MATCH_SEQUENCE, NONE) X(MATCH_MAPPING, MATCH_MAPPING, NONE) X(MATCH_KEYS, MATCH_KEYS, NONE)      \
    X(MATCH_CLASS, MATCH_CLASS, ARG)                                                                                   \
    X(LOAD_ASSERTION_ERROR, LOAD_ASSERTION_ERROR, NONE) X(RAISE_VARARGS, RAISE_VARARGS, ARG)
/* jumps among the instructions that stay UNKNOWN */
#define BK_UNKNOWN_JUMPS(X) X(SEND, FORWARD) X(JUMP_BACKWARD_NO_INTERRUPT, BACKWARD)
/* after these nothing follows */
#define BK_ENDS(X) X(RETURN_VALUE) X(RETURN_CONST) X(RAISE_VARARGS) X(RERAISE) X(JUMP_FORWARD) X(JUMP_BACKWARD) \
    X(JUMP_BACKWARD_NO_INTERRUPT) X(INTERPRETER_EXIT)
// clang-format on
