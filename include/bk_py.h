/* All that the JIT may ask of Python; implemented in embed/, called with the GIL held. Objects are opaque. */
#ifndef BK_PY_H
#define BK_PY_H
#include "bk_backend.h"

typedef void bk_obj;              /* a PyObject; `borrowed`, `new`, `stolen` as stated */
typedef struct bk_frame bk_frame; /* an interpreter frame */

typedef enum {
#define BK_BC(name) BC_##name,
#include "bk_bytecodes.def"
#undef BK_BC
    BC_COUNT
} bk_bytecode;
extern const char *const bk_bytecode_names[BC_COUNT]; /* jit/bytecodes.c */

typedef struct {
    uint8_t op;    /* bk_bytecode */
    uint8_t arg2;  /* or a local below 256 */
    int16_t depth; /* operand stack depth before it; -1: not reachable */
    int32_t arg;
    uint32_t offset; /* in bytes, of the first EXTENDED_ARG if any */
    uint32_t last;   /* in bytes, of the instruction itself (where INSTRUCTION fires again) */
    uint32_t next;   /* index of the instruction behind it */
    int32_t target;  /* index of the jump target, -1 none */
    int32_t handler; /* offset of the exception handler that covers it, -1 none */
    uint32_t line;
    bk_obj *value; /* LOAD_CONST, RETURN_CONST: the constant (borrowed from the code) */
} bk_insn;

typedef struct bk_codeinfo {
    bk_obj *code; /* borrowed: lives as long as this */
    bk_insn *insns;
    uint32_t ninsns;
    uint16_t *index;
    uint32_t nbytes;  /* index[offset/2]: instruction that starts or stands there, 0xffff none */
    uint32_t nlocals; /* co_nlocalsplus */
    uint32_t stacksize, argcount, kwonly, posonly, flags; /* flags: co_flags */
    uint32_t ncells; /* cell and free slots are the last of nlocals; arguments may be cells too */
    uint32_t nfree;  /* the last of these: cells that the function brings with it */
    bk_obj **consts, **names;
    uint32_t nconsts, nnames; /* borrowed */
    const char *name, *filename;
    uint32_t firstline; /* UTF-8, borrowed (qualname) */
    const char **local_names;
    bool generator, module_level; /* never compiled: generators and coroutines (as region roots); no fast locals */
    bool makes_cells;             /* MAKE_CELL occurs */
} bk_codeinfo;
/* where an instruction stands in the source; column: characters of UTF-8 before it, in bytes, from 1 on; 0: not known
 */
typedef struct {
    uint32_t line, column;
} bk_where;
bk_where bk_py_place(bk_obj *code, uint32_t offset);

/* decoded form of a code object; cached with it. NULL: out of memory (no exception set) */
bk_codeinfo *bk_py_codeinfo(bk_obj *code);

/* What differs between versions and is needed outside embed. */
typedef struct {
    bk_layout layout;
    bool null_first;      /* LOAD_GLOBAL/CALL: NULL below the callable (3.12), else above it */
    bool lends_locals;    /* LOAD_FAST may push a local without a reference of its own (3.14+) */
    bool locals_writable; /* f_locals of a running frame writes through (3.13+) */
    int version;          /* 0x030d */
    /* object layouts beyond layout, in bytes */
    uint32_t list_items, var_size, tuple_items;
    uint32_t rangeiter_start, rangeiter_step, rangeiter_len; /* long fields */
    uint32_t listiter_index, listiter_seq, tupleiter_index, tupleiter_seq;
    /* enumerate, zip, a reversed list's iterator; 0: they look different */
    uint32_t enum_index, enum_iter, enum_long, zip_iters, zip_strict, revlist_index, revlist_seq;
    uint32_t complex_real, complex_imag;
    bool real_is_real; /* in complex arithmetic a real operand has no imaginary part (3.14+); before it is 0 */
    uint32_t cell_value;
    uint32_t range_start, range_stop, range_step, range_length; /* PyObject * fields of a range */
    uint32_t str_length, str_state;                             /* and what identifies compact ASCII: */
    uint32_t str_ascii_mask, str_ascii_value, str_ascii_data;
    /* by Latin-1 code: the string of that one character (immortal), BK_CHR_* flags, code of its lower() and upper()
     * (-1: that is no single Latin-1 character) */
    void *const *chr_objects;
    const uint8_t *chr_flags;
    const int16_t *chr_lower, *chr_upper;
    uint32_t dict_used, set_used;
    uint32_t bytes_data, bytearray_start;
    uint32_t type_flags; /* of a type: 64 bits, and which of them mark patterns */
    int64_t flag_sequence, flag_mapping;
    uint32_t func_code, func_defaults, func_kwdefaults, func_globals, func_builtins, func_closure, func_vectorcall;
    uint32_t method_func, method_self;
    uint32_t array_items, array_descr; /* array.array: item pointer, descriptor (address identifies the type code) */
    uint32_t memview_buf, memview_ndim, memview_itemsize, memview_len, memview_format, memview_readonly,
        memview_strides, memview_shape, memview_flags, memview_bad_flags;
    /* NumPy (the public array and scalar layouts) */
    uint32_t nd_data, nd_ndim, nd_dims, nd_strides, nd_descr, nd_flags, np_value;
} bk_traits;
extern const bk_traits *bk_py; /* set once by bk_py_init */

/* what str's methods say of one character */
enum {
    BK_CHR_ALNUM = 1,
    BK_CHR_ALPHA = 2,
    BK_CHR_DIGIT = 4,
    BK_CHR_SPACE = 8,
    BK_CHR_UPPER = 16,
    BK_CHR_LOWER = 32,
    BK_CHR_DECIMAL = 64,
    BK_CHR_NUMERIC = 128
};

/* Types and singletons the builder knows by name (borrowed, immortal or never freed; NULL if not loaded). */
/* clang-format off */
#define BK_KNOWN(X)                                                                                                    \
    X(int)                                                                                                             \
    X(float)                                                                                                           \
    X(bool) X(complex) X(str) X(bytes) X(bytearray) X(list) X(tuple) X(dict) X(set) X(frozenset) X(range)              \
        X(range_iterator) X(list_iterator) X(tuple_iterator) X(generator) X(enumerate) X(zip) X(reversed) X(super) X(list_reverseiterator) \
            X(slice) X(function) X(method) X(builtin) X(method_descriptor) X(module) X(type) X(cell) X(none_type)      \
                X(memoryview) X(str_ascii_iterator) X(str_iterator) X(bytes_iterator)              \
                    X(bytearray_iterator) X(seq_iterator) X(dict_keys) X(dict_values) X(dict_items) X(dict_keyiterator)               \
                        X(dict_valueiterator) X(dict_itemiterator) X(set_iterator) X(none) X(true) X(false) X(not_implemented) X(stop_iteration) X(array_array) X(ndarray)
/* clang-format on */
typedef struct {
#define X(n) bk_obj *t_##n;
    BK_KNOWN(X)
#undef X
    /* NumPy's scalar types and built-in descriptors by type number (0 bool .. 16 clongdouble, 23 half); NULL otherwise
     */
    bk_obj *np_scalar[24], *np_descr[24];
} bk_known;
extern bk_known bk_types;
/* fills in array_array, ndarray and the NumPy entries if those modules have been imported by now (never imports them)
 */
void bk_py_refresh_known(void);

/* ---- objects ----------------------------------------------------------------------------------------------- */
bk_obj *bk_py_type(bk_obj *o); /* borrowed */
void bk_py_incref(bk_obj *o);
void bk_py_decref(bk_obj *o);
const char *bk_py_type_name(bk_obj *type);
bool bk_py_as_i64(bk_obj *o, int64_t *v);     /* an exact int or bool that fits */
double bk_py_as_f64(bk_obj *o);               /* an exact float */
int64_t bk_py_len(bk_obj *tuple);             /* exact tuple or str */
bk_obj *bk_py_item(bk_obj *tuple, int64_t i); /* borrowed */
bool bk_py_str_is(bk_obj *str, const char *text);
enum { BK_STR_ASCII = 1, BK_STR_CHAR = 2 }; /* only ASCII characters; one Latin-1 character */
uint8_t bk_py_str_form(bk_obj *str);        /* exact str */
int bk_py_chr_code(bk_obj *o);              /* of an exact str of one Latin-1 character; -1: it is none */
const char *bk_py_text(bk_obj *str);        /* UTF-8, borrowed; "?" on failure */
bool bk_py_is_heap_type(bk_obj *type);      /* instances' __class__ can be assigned */
bool bk_py_type_is_simple(
    bk_obj *type); /* freeing an instance runs no Python code (numbers, str, bytes, None, NumPy scalars) */
bool bk_py_is_immortal(bk_obj *o);
bool bk_py_dies_quietly(bk_obj *o); /* dropping a reference runs no Python code, even if it is the last one */
/* what identifies an array's fast paths (array.array, memoryview: typenum is the type code, a character); false if `a`
 * is no exact ndarray of a plain native dtype, aligned */
typedef struct {
    uint8_t typenum, ndim;
    bool writeable;
    uint8_t unit_inner; /* last stride == itemsize */
} bk_ndkey;
bool bk_py_ndkey(bk_obj *a, bk_ndkey *key);
int bk_py_np_typenum(bk_obj *type);    /* of a scalar type; -1 if it is none */
bool bk_py_np_ignores_underflow(void); /* NumPy's setting in this thread now; false also if it cannot be told */

/* ---- what code assumes: registered on a ticket before the fact is read (guards/assume.c, embed/watch.c) ---- */
typedef struct bk_ticket bk_ticket;
bk_ticket *bk_ticket_new(void); /* NULL: out of memory */
bool bk_ticket_alive(const bk_ticket *t);
const char *bk_ticket_broken_by(const bk_ticket *t); /* short text, or NULL */
/* calls `broken` (under the GIL, inside a watcher: it must only set flags) when any assumption breaks */
void bk_ticket_on_break(bk_ticket *t, void (*broken)(void *), void *arg);
void bk_ticket_free(bk_ticket *t);
/* the value that `name` has now as a global of `globals` (falling back to `builtins`), borrowed; it is assumed not to
 * change. NULL: not bound, not watchable or rewritten often: use the load_global helper */
bk_obj *bk_assume_global(bk_ticket *t, bk_obj *globals, bk_obj *builtins, bk_obj *name);
/* the same for a module's attribute (no __getattr__ needed) */
bk_obj *bk_assume_module_attr(bk_ticket *t, bk_obj *module, bk_obj *name);
/* __code__, __defaults__ and vectorcall of a Python function stay as they are; false: cannot be watched */
bool bk_assume_function(bk_ticket *t, bk_obj *func);
/* the vectorcall of Python functions that nobody took over; NULL: unknown */
const void *bk_py_plain_vectorcall(void);
/* a type's attributes (and its bases') stay as they are */
bool bk_assume_type(bk_ticket *t, bk_obj *type);

typedef enum {
    BK_AT_GENERIC,        /* use getattr/setattr helpers */
    BK_AT_INLINE,         /* instance value kept inline, at `index` */
    BK_AT_SLOT,           /* __slots__ member at byte `offset` of the instance */
    BK_AT_METHOD,         /* plain function `value` of the type, not shadowed while the layout guards hold */
    BK_AT_CLASSVAR,       /* other non-descriptor class attribute `value` */
    BK_AT_BUILTIN_METHOD, /* method descriptor `value` of a built-in type (list.append): cannot be shadowed */
    BK_AT_PROPERTY,       /* property with Python getter `value` */
    BK_AT_NPFIELD         /* ndarray attribute known to the builder: shape, size, ndim, T, dtype (compare the name) */
} bk_attrkind;
typedef struct {
    uint8_t kind;
    bool inst_values; /* the instance keeps inline values: for INLINE, METHOD, CLASSVAR guard them valid (below) */
    uint32_t index;   /* INLINE: number of the value */
    uint32_t offset;  /* SLOT */
    bk_obj *value;    /* borrowed from the type (assumed by the ticket) */
    /* inline values of an instance o: 3.13+: byte at o+valid_off is 1; values at o+values_off.
     * 3.12: word w at o+valid_off has bit 0 set (and is not 1), values at (w - 1) + values_off */
    bool indirect; /* the 3.12 form */
    int32_t valid_off, values_off;
    /* METHOD, CLASSVAR of a type with inline values: not shadowed as long as the int64 at keys_addr is keys_value */
    const void *keys_addr;
    int64_t keys_value;
    uint32_t keys_bytes;
} bk_attr;
/* resolves `name` on instances whose type is exactly `type`; registers on the ticket what that relies on */
void bk_py_attr(bk_ticket *t, bk_obj *type, bk_obj *name, bool store, bk_attr *out);

/* isinstance(o, cls) for an o of exactly `type`: 1, 0, or -1: not known without running code */
int bk_py_isinstance(bk_ticket *t, bk_obj *type, bk_obj *cls);
bool bk_py_is_plain_class(bk_obj *cls); /* its metaclass is type itself */
/* the attributes (borrowed names) that n positional patterns of cls ask for; NULL: the subject itself. false: not known
 */
bool bk_py_match_args(bk_ticket *t, bk_obj *cls, uint32_t n, bk_obj **names);
/* the function or method descriptor that super(cls, o).name binds to an o of exactly `type`, borrowed; NULL: other */
bk_obj *bk_py_super_method(bk_ticket *t, bk_obj *cls, bk_obj *type, bk_obj *name);
/* the function or method descriptor (borrowed) that LOAD_SPECIAL finds on a type; NULL: other, or what it finds is
 * bound */
bk_obj *bk_py_with_method(bk_ticket *t, bk_obj *type, int which);
/* What calling a class does: an instance is made as object.__new__ does it, and `init` is called on it, a Python
 * function (borrowed; NULL: object.__init__). Its attributes are in inline values or slots, its death runs no code of
 * its own. false: something else happens. */
bool bk_py_class(bk_ticket *t, bk_obj *type, bk_obj **init);
/* instances of a Python class are true without being asked */
bool bk_py_always_true(bk_ticket *t, bk_obj *type);
/* the value of an attribute that an instance keeps itself, borrowed; NULL: none, or not without running code */
bk_obj *bk_py_peek_attr(bk_obj *o, bk_obj *name);
/* the layout fields of `out` for instances of a class that bk_py_class accepted */
void bk_py_layout(bk_obj *type, bk_attr *out);
/* The Python function that an instruction calls by itself on operands of these exact types (types[0]: the one on top;
 * NULL: not known), and how. Without a ticket: only for the recorder. false: there is none, or other code may run too.
 */
typedef struct {
    bk_obj *func; /* borrowed */
    bk_finish finish;
    uint8_t nargs, arg[3]; /* each argument's operand, 1: the one on top */
    uint8_t nops;          /* operands of the instruction */
    bool waits;            /* it needs them if the method returns NotImplemented */
} bk_special;
bool bk_py_special(bk_ticket *t, const bk_insn *in, bk_obj *const *types, bk_special *out);
/* the same for len(o) and for o(...): the function under that name */
bk_obj *bk_py_special_method(bk_ticket *t, bk_obj *type, const char *name);
/* the Python getter of the property of that name, borrowed; NULL: it is none */
bk_obj *bk_py_property(bk_obj *type, bk_obj *name);
/* what a type or its bases have under a name, if it is a Python function (borrowed) */
bk_obj *bk_py_type_function(bk_obj *type, const char *name);

/* ---- functions ---------------------------------------------------------------------------------------------- */
bk_obj *bk_py_func_code(bk_obj *func); /* borrowed */
bk_obj *bk_py_func_globals(bk_obj *func);
bk_obj *bk_py_func_builtins(bk_obj *func);
bk_obj *bk_py_func_default(bk_obj *func, uint32_t param); /* positional parameter's default, borrowed; NULL none */
/* the dict of defaults of keyword-only parameters, borrowed, and in it the key of that name; NULL: it has none */
bk_obj *bk_py_func_kwdefault(bk_obj *func, const char *name, bk_obj **key);
bk_obj *bk_py_empty_tuple(void);          /* borrowed, immortal */
bk_obj *bk_py_func_closure(bk_obj *func); /* tuple of cells, borrowed; NULL */
/* a C function known by name to the builder ("len", "math.sqrt", "list.append"), see embed/builtins.def; NULL unknown
 */
const char *bk_py_builtin_name(bk_obj *callable);

/* ---- frames (valid only during an event) --------------------------------------------------------------------- */
bk_frame *bk_py_current_frame(void);
bk_obj *bk_py_frame_code(bk_frame *f); /* borrowed */
bk_obj *bk_py_frame_func(bk_frame *f); /* the function object, borrowed; NULL if it has none */
bk_obj *bk_py_frame_globals(bk_frame *f);
bk_obj *bk_py_frame_builtins(bk_frame *f);
bool bk_py_frame_nested(bk_frame *f);               /* one of the next frames outside runs the same code */
void **bk_py_frame_home(bk_frame *f);               /* localsplus */
bk_obj *bk_py_home_get(void **home, uint32_t slot); /* borrowed, NULL empty (tags removed) */
int bk_py_frame_depth(bk_frame *f);                 /* operand stack depth during JUMP and PY_START */

/* Enters compiled code on frame f (during its JUMP or PY_START event) and handles its exit: writes the frame(s) by the
 * snapshot, arms a pending exception, sets where the interpreter goes on. Runs inner frames of inlined calls to their
 * end first. Gives the exit number; *snap the snapshot; -1: an error is set that must be returned from the callback.
 * buf has code->buf_words words. */
int64_t bk_py_enter(bk_frame *f, const bk_fn *fn, const bk_code *code, uint64_t *buf, uint64_t *passes);
/* true if native code may be entered now: no tool traces this thread or code, C stack left, no pending exit */
bool bk_py_may_enter(bk_frame *f);

/* ---- events ---------------------------------------------------------------------------------------------------- */
enum { BK_EV_JUMP = 1, BK_EV_START = 2, BK_EV_INSN = 4 };
enum { BK_KEEP = 0, BK_DISABLE = 1 };
/* sets the local events of a code object; all its disabled places fire again if `rearm`. 0, or -1 with an exception set
 */
int bk_py_set_events(bk_obj *code, unsigned events, bool rearm);
/* the driver's handlers, called by embed with tracing on (events off). They return BK_KEEP or BK_DISABLE. `offset`s are
 * bytes. */
int bk_on_jump(bk_obj *code, bk_frame *f, uint32_t from, uint32_t to);
int bk_on_start(bk_obj *code, bk_frame *f);
int bk_on_insn(bk_obj *code, bk_frame *f, uint32_t offset);
/* the driver's state of a code object: made by bk_codestate_new, freed by bk_codestate_free when the code dies */
typedef struct bk_codestate bk_codestate;
bk_codestate *bk_py_codestate(bk_obj *code, bool make); /* borrowed; NULL if there is none, or out of memory */
bk_codestate *bk_codestate_new(bk_obj *code);
void bk_codestate_free(bk_codestate *s);

/* clock ticks that an event costs, estimated once */
double bk_py_event_ticks(void);
/* asks, from any thread and without the GIL, for a call of bk_on_wake on a Python thread; false: not now */
bool bk_py_wake_soon(void);
int bk_on_wake(void);

/* around a wait: other threads may run Python meanwhile */
void *bk_py_release_gil(void);
void bk_py_take_gil(void *released);

/* loads the backend's shared object beside this module (once, any thread); NULL with a message */
const bk_backend *bk_py_backend(char *err, size_t errlen);

/* What the build helper makes of the `count` values in ctx.args from `first` on. */
typedef enum {
    BK_B_TUPLE,
    BK_B_LIST,
    BK_B_SET,
    BK_B_MAP,           /* key, value, key, value... */
    BK_B_CONST_KEY_MAP, /* values, then the tuple of keys */
    BK_B_STRING,        /* exact strings, joined */
    BK_B_SLICE2,
    BK_B_SLICE3
} bk_build;
#endif
