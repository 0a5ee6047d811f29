/* What 3.14's and 3.15's instructions have in common. Included by ops_314.h and ops_315.h alone. */
// clang-format off
#define BK_OPCODES_(X, GET_ITER_FORM)                                                                                  \
    X(NOP, NOP, NONE) X(RESUME, NOP, NONE) X(NOT_TAKEN, NOP, NONE)                                                     \
    X(MAKE_CELL, PROLOGUE, NONE) X(COPY_FREE_VARS, PROLOGUE, NONE)                                                     \
    X(POP_TOP, POP_TOP, NONE) X(PUSH_NULL, PUSH_NULL, NONE) X(COPY, COPY, ARG) X(SWAP, SWAP, ARG)                      \
    X(END_FOR, POP_TOP, NONE) X(LOAD_FAST, LOAD_FAST, ARG) X(LOAD_FAST_CHECK, LOAD_FAST_CHECK, ARG)                    \
    X(LOAD_FAST_BORROW, LOAD_FAST, ARG) X(LOAD_FAST_LOAD_FAST, LOAD_FAST_LOAD_FAST, PAIR)                              \
    X(LOAD_FAST_BORROW_LOAD_FAST_BORROW, LOAD_FAST_LOAD_FAST, PAIR)                                                    \
    X(STORE_FAST_LOAD_FAST, STORE_FAST_LOAD_FAST, PAIR) X(STORE_FAST_STORE_FAST, STORE_FAST_STORE_FAST, PAIR)          \
    X(LOAD_FAST_AND_CLEAR, LOAD_FAST_AND_CLEAR, ARG) X(STORE_FAST, STORE_FAST, ARG) X(DELETE_FAST, DELETE_FAST, ARG)   \
    X(LOAD_CONST, LOAD_CONST, CONST) X(LOAD_SMALL_INT, LOAD_CONST, SMALL) X(LOAD_COMMON_CONSTANT, LOAD_CONST, COMMON)  \
    X(LOAD_GLOBAL, LOAD_GLOBAL, LOW1) X(STORE_GLOBAL, STORE_GLOBAL, ARG)                                               \
    X(LOAD_DEREF, LOAD_DEREF, ARG) X(STORE_DEREF, STORE_DEREF, ARG) X(TO_BOOL, TO_BOOL, NONE)                          \
    X(UNARY_NEGATIVE, UNARY_NEGATIVE, NONE) X(UNARY_INVERT, UNARY_INVERT, NONE) X(UNARY_NOT, UNARY_NOT, NONE)          \
    X(BINARY_OP, BINARY_OP, BINARY) X(STORE_SUBSCR, STORE_SUBSCR, NONE)                                                \
    X(DELETE_SUBSCR, DELETE_SUBSCR, NONE) X(BINARY_SLICE, BINARY_SLICE, NONE) X(STORE_SLICE, STORE_SLICE, NONE)        \
    X(COMPARE_OP, COMPARE_OP, COMPARE) X(IS_OP, IS_OP, ARG) X(CONTAINS_OP, CONTAINS_OP, ARG)                           \
    X(JUMP_FORWARD, JUMP, FORWARD) X(JUMP_BACKWARD, JUMP_BACKWARD, BACKWARD)                                           \
    X(POP_JUMP_IF_TRUE, POP_JUMP_IF_TRUE, FORWARD) X(POP_JUMP_IF_FALSE, POP_JUMP_IF_FALSE, FORWARD)                    \
    X(POP_JUMP_IF_NONE, POP_JUMP_IF_NONE, FORWARD) X(POP_JUMP_IF_NOT_NONE, POP_JUMP_IF_NOT_NONE, FORWARD)              \
    X(GET_ITER, GET_ITER, GET_ITER_FORM) X(FOR_ITER, FOR_ITER, FORITER)                                                \
    X(LOAD_ATTR, LOAD_ATTR, LOW1) X(STORE_ATTR, STORE_ATTR, ARG) X(DELETE_ATTR, DELETE_ATTR, ARG)                      \
    X(LOAD_SUPER_ATTR, LOAD_SUPER_ATTR, LOW2)                                                                          \
    X(CALL, CALL, ARG) X(CALL_KW, CALL_KW, ARG) X(CALL_FUNCTION_EX, CALL_FUNCTION_EX, ONE)                             \
    X(CALL_INTRINSIC_1, CALL_INTRINSIC_1, ARG) X(RETURN_VALUE, RETURN_VALUE, NONE)                                     \
    X(BUILD_TUPLE, BUILD_TUPLE, ARG) X(BUILD_LIST, BUILD_LIST, ARG) X(BUILD_SET, BUILD_SET, ARG)                       \
    X(BUILD_MAP, BUILD_MAP, ARG) X(BUILD_STRING, BUILD_STRING, ARG)                                                    \
    X(BUILD_SLICE, BUILD_SLICE, ARG) X(LIST_APPEND, LIST_APPEND, ARG) X(LIST_EXTEND, LIST_EXTEND, ARG)                 \
    X(SET_ADD, SET_ADD, ARG) X(SET_UPDATE, SET_UPDATE, ARG) X(MAP_ADD, MAP_ADD, ARG) X(DICT_UPDATE, DICT_UPDATE, ARG)  \
    X(UNPACK_SEQUENCE, UNPACK_SEQUENCE, ARG) X(CONVERT_VALUE, CONVERT_VALUE, ARG)                                      \
    X(FORMAT_SIMPLE, FORMAT_SIMPLE, NONE) X(FORMAT_WITH_SPEC, FORMAT_WITH_SPEC, NONE) X(IMPORT_NAME, IMPORT_NAME, ARG)
#define BK_OPCODES(X) BK_OPCODES_(X, BKP_GET_ITER_FORM) BKP_POP_ITER(X)
/* the object that LOAD_COMMON_CONSTANT pushes: the interpreter keeps it */
#define BKP_COMMON_CONST(i) (PyInterpreterState_Get()->common_consts[i])
/* jumps among the instructions that stay UNKNOWN */
#define BK_UNKNOWN_JUMPS(X) X(SEND, FORWARD) X(JUMP_BACKWARD_NO_INTERRUPT, BACKWARD)
/* after these nothing follows */
#define BK_ENDS(X) X(RETURN_VALUE) X(RAISE_VARARGS) X(RERAISE) X(JUMP_FORWARD) X(JUMP_BACKWARD) \
    X(JUMP_BACKWARD_NO_INTERRUPT) X(INTERPRETER_EXIT)
// clang-format on
