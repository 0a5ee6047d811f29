/* Decodes a code object into canonical bytecodes: EXTENDED_ARG and caches merged away, jump targets, exception
 * handlers, lines, and the operand stack depth before each instruction. */
#include "embed.h"
#pragma GCC visibility push(hidden)
#define NEED_OPCODE_TABLES
#define NEED_OPCODE_METADATA
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include BKP_OPCODE_TABLES
#pragma GCC diagnostic pop
#pragma GCC visibility pop
#include "opcode.h"
#include BKP_OPS

/* how an instruction's argument is stored */
typedef enum {
    F_NONE,
    F_ARG,
    F_LOW1,   /* arg2: the low bit */
    F_LOW2,   /* arg2: the two low bits */
    F_PAIR,   /* arg, arg2: four bits each */
    F_CONST,  /* value: the constant */
    F_SMALL,  /* value: the int that the argument is */
    F_COMMON, /* value: a constant that the interpreter keeps */
    F_BINARY, /* may be a subscript */
    F_ONE,    /* arg: 1 */
    F_COMPARE,
    F_FORMAT, /* arg: two low bits, arg2: the third */
    F_FORWARD,
    F_BACKWARD,
    F_FORITER
} bk_form;

typedef struct {
    uint8_t bc, form;
} bk_opinfo_py;
static const bk_opinfo_py ops[256] = {
#define X(name, bc, form) [name] = {BC_##bc, F_##form},
    BK_OPCODES(X)
#undef X
#define X(name, form) [name] = {BC_UNKNOWN, F_##form},
        BK_UNKNOWN_JUMPS(X)
#undef X
};
static const bool ends[256] = {
#define X(name) [name] = true,
    BK_ENDS(X)
#undef X
};

typedef struct {
    uint32_t start, end, target;
    int depth;
} bk_range; /* offsets in bytes; depth at the handler */
typedef struct {
    bk_codeinfo *ci;
    PyCodeObject *co;
    uint8_t *raw; /* the version's opcode of each instruction */
    int32_t *arg; /* its whole argument */
    bk_range *ranges;
    uint32_t nranges;
    uint32_t *work, nwork;
} bk_decoder;

static void set_arg(bk_decoder *d, bk_insn *in, int32_t arg) {
    bk_codeinfo *ci = d->ci;
    in->arg = arg;
    switch (ops[d->raw[in - ci->insns]].form) {
    case F_NONE: in->arg = 0; break;
    case F_LOW1: in->arg = arg >> 1, in->arg2 = arg & 1; break;
    case F_LOW2: in->arg = arg >> 2, in->arg2 = arg & 3; break;
    case F_PAIR: in->arg = arg >> 4, in->arg2 = arg & 15; break;
    case F_CONST:
        if ((uint32_t)arg < ci->nconsts) in->value = ci->consts[arg];
        break;
    case F_SMALL: in->value = PyLong_FromLong(arg), Py_DECREF(in->value); break; /* immortal */
    case F_COMMON: in->value = BKP_COMMON_CONST(arg); break;
    case F_BINARY:
        if (arg == BKP_NB_SUBSCR) in->op = BC_BINARY_SUBSCR, in->arg = 0;
        break;
    case F_ONE: in->arg = 1; break;
    case F_COMPARE: in->arg = arg >> BKP_CMP_SHIFT, in->arg2 = (arg & BKP_CMP_BOOL) != 0; break;
    case F_FORMAT: in->arg = arg & 3, in->arg2 = (arg & 4) != 0; break;
    default: break;
    }
    if (in->op == BC_UNKNOWN) in->arg = d->raw[in - ci->insns];
}

/* splits the code into instructions; false: more than the index can name */
static bool split(bk_decoder *d, const uint8_t *code, uint32_t nunits) {
    bk_codeinfo *ci = d->ci;
    uint32_t u = 0;
    memset(ci->index, 0xff, nunits * sizeof *ci->index);
    while (u < nunits) {
        if (ci->ninsns >= 0xfffe) return false;
        uint32_t n = ci->ninsns++, arg = 0;
        bk_insn *in = &ci->insns[n];
        in->offset = u * 2;
        for (; code[2 * u] == EXTENDED_ARG && u + 1 < nunits; u++) {
            arg = (arg | code[2 * u + 1]) << 8;
            ci->index[u] = (uint16_t)n;
        }
        arg |= code[2 * u + 1];
        ci->index[u] = (uint16_t)n;
        in->last = u * 2;
        d->raw[n] = code[2 * u];
        d->arg[n] = (int32_t)arg;
        in->op = ops[d->raw[n]].bc;
        in->depth = -1;
        in->target = in->handler = -1;
        in->next = n + 1;
        set_arg(d, in, (int32_t)arg);
        u += 1 + _PyOpcode_Caches[d->raw[n]];
    }
    return true;
}

static uint32_t units_end(const bk_decoder *d, uint32_t n) {
    return d->ci->insns[n].last / 2 + 1 + _PyOpcode_Caches[d->raw[n]];
}

static void link_jumps(bk_decoder *d) {
    bk_codeinfo *ci = d->ci;
    for (uint32_t n = 0; n < ci->ninsns; n++) {
        int64_t t;
        switch (ops[d->raw[n]].form) {
        case F_FORWARD: t = (int64_t)units_end(d, n) + d->arg[n]; break;
        case F_BACKWARD: t = (int64_t)units_end(d, n) - d->arg[n]; break;
        case F_FORITER: t = (int64_t)units_end(d, n) + d->arg[n] + BKP_END_FOR_UNITS; break;
        default: continue;
        }
        if (t >= 0 && t < ci->nbytes / 2 && ci->index[t] != 0xffff) ci->insns[n].target = ci->index[t];
    }
}

/* ---- exception table: six bits a byte, most significant first; bit 6: more follow; bit 7: an entry starts ---- */
static uint32_t varint(const uint8_t **p, const uint8_t *end) {
    uint32_t v = 0;
    while (*p < end) {
        uint8_t b = *(*p)++;
        v = v << 6 | (b & 63);
        if (!(b & 64)) break;
    }
    return v;
}

static bool read_ranges(bk_decoder *d) {
    const uint8_t *p = (const uint8_t *)PyBytes_AS_STRING(d->co->co_exceptiontable);
    const uint8_t *end = p + PyBytes_GET_SIZE(d->co->co_exceptiontable);
    d->ranges = PyMem_RawCalloc((size_t)(end - p) / 4 + 1, sizeof *d->ranges);
    if (!d->ranges) return false;
    while (end - p >= 4) {
        bk_range *r = &d->ranges[d->nranges++];
        r->start = varint(&p, end) * 2;
        r->end = r->start + varint(&p, end) * 2;
        r->target = varint(&p, end) * 2;
        uint32_t dl = varint(&p, end);
        r->depth = (int)(dl >> 1) + (dl & 1) + 1;
    }
    return true;
}

/* the interpreter looks handlers up by the unit an instruction stands at, behind its prefixes */
static const bk_range *range_of(const bk_decoder *d, uint32_t offset) {
    for (uint32_t i = 0; i < d->nranges; i++)
        if (offset >= d->ranges[i].start && offset < d->ranges[i].end) return &d->ranges[i];
    return NULL;
}

/* ---- operand stack depth ---- */
static void reach(bk_decoder *d, int64_t n, int depth) {
    if (n < 0 || n >= d->ci->ninsns || depth < 0 || d->ci->insns[n].depth >= 0) return;
    d->ci->insns[n].depth = (int16_t)depth;
    d->work[d->nwork++] = (uint32_t)n;
}

static void flow_for_iter(bk_decoder *d, uint32_t n, int depth) {
    reach(d, n + 1, depth + 1);
    reach(d, d->ci->insns[n].target, depth - BKP_ITER_SLOTS);
    /* an inlined generator returns to the END_FOR before the target, with its value on top of the iterator */
    uint32_t end = (uint32_t)(units_end(d, n) + (uint32_t)d->arg[n]);
    if (end < d->ci->nbytes / 2 && d->ci->index[end] != 0xffff) reach(d, d->ci->index[end], depth + 1);
}

static void flow(bk_decoder *d, uint32_t n) {
    bk_codeinfo *ci = d->ci;
    bk_insn *in = &ci->insns[n];
    int depth = in->depth, op = d->raw[n];
    const bk_range *r = range_of(d, in->last);
    if (r) {
        in->handler = (int32_t)r->target;
        if (r->target / 2 < ci->nbytes / 2) reach(d, ci->index[r->target / 2], r->depth);
    }
    if (op == FOR_ITER) {
        flow_for_iter(d, n, depth);
        return;
    }
    int arg = op >= HAVE_ARGUMENT ? d->arg[n] : 0;
    if (in->target >= 0) {
        int e = PyCompile_OpcodeStackEffectWithJump(op, arg, 1);
        if (e != PY_INVALID_STACK_EFFECT) reach(d, in->target, depth + e);
    }
    if (ends[op]) return;
    int e = PyCompile_OpcodeStackEffectWithJump(op, arg, 0);
    if (op == RETURN_GENERATOR) e = 1; /* the generator starts with what is sent to it */
    if (e != PY_INVALID_STACK_EFFECT) reach(d, n + 1, depth + e);
}

static void find_depths(bk_decoder *d) {
    reach(d, 0, 0);
    while (d->nwork) flow(d, d->work[--d->nwork]);
}

/* ---- lines, by co_lines(): linear where asking for each would be quadratic ---- */
static bool read_lines(bk_decoder *d) {
    bk_codeinfo *ci = d->ci;
    PyObject *it = PyObject_CallMethod((PyObject *)d->co, "co_lines", NULL), *t;
    uint32_t n = 0;
    if (!it) return false;
    while ((t = PyIter_Next(it))) {
        long end = PyLong_AsLong(PyTuple_GET_ITEM(t, 1)), line = 0;
        if (PyTuple_GET_ITEM(t, 2) != Py_None) line = PyLong_AsLong(PyTuple_GET_ITEM(t, 2));
        for (; n < ci->ninsns && ci->insns[n].last < end; n++) ci->insns[n].line = line > 0 ? (uint32_t)line : 0;
        Py_DECREF(t);
    }
    Py_DECREF(it);
    return !PyErr_Occurred();
}

/* ---- the whole ---- */
static const char *text_of(PyObject *str) {
    const char *s = str && PyUnicode_Check(str) ? PyUnicode_AsUTF8(str) : NULL;
    if (s) return s;
    PyErr_Clear();
    return "?";
}

static bool describe(bk_decoder *d, uint32_t nbytes) {
    bk_codeinfo *ci = d->ci;
    PyCodeObject *co = d->co;
    ci->code = (bk_obj *)co;
    ci->nbytes = nbytes;
    ci->nlocals = (uint32_t)co->co_nlocalsplus;
    ci->stacksize = (uint32_t)co->co_stacksize;
    ci->argcount = (uint32_t)co->co_argcount;
    ci->kwonly = (uint32_t)co->co_kwonlyargcount;
    ci->posonly = (uint32_t)co->co_posonlyargcount;
    ci->flags = (uint32_t)co->co_flags;
    ci->ncells = (uint32_t)(co->co_nlocalsplus - co->co_nlocals);
    ci->nfree = (uint32_t)co->co_nfreevars;
    ci->makes_cells = co->co_ncellvars > 0;
    ci->consts = (bk_obj **)((PyTupleObject *)co->co_consts)->ob_item;
    ci->nconsts = (uint32_t)PyTuple_GET_SIZE(co->co_consts);
    ci->names = (bk_obj **)((PyTupleObject *)co->co_names)->ob_item;
    ci->nnames = (uint32_t)PyTuple_GET_SIZE(co->co_names);
    ci->name = text_of(co->co_qualname);
    ci->filename = text_of(co->co_filename);
    ci->firstline = (uint32_t)co->co_firstlineno;
    ci->generator = (co->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0;
    ci->module_level = !(co->co_flags & CO_OPTIMIZED);
    ci->local_names = PyMem_RawCalloc(ci->nlocals + 1, sizeof *ci->local_names);
    if (!ci->local_names) return false;
    for (uint32_t i = 0; i < ci->nlocals; i++)
        ci->local_names[i] = text_of(PyTuple_GET_ITEM(co->co_localsplusnames, i));
    return true;
}

static bool decode(bk_decoder *d, const uint8_t *code, uint32_t nbytes) {
    bk_codeinfo *ci = d->ci;
    uint32_t nunits = nbytes / 2;
    ci->insns = PyMem_RawCalloc(nunits + 1, sizeof *ci->insns);
    ci->index = PyMem_RawCalloc(nunits + 1, sizeof *ci->index);
    d->raw = PyMem_RawCalloc(nunits + 1, 1);
    d->arg = PyMem_RawCalloc(nunits + 1, sizeof *d->arg);
    d->work = PyMem_RawCalloc(nunits + 1, sizeof *d->work);
    if (!ci->insns || !ci->index || !d->raw || !d->arg || !d->work || !describe(d, nbytes)) return false;
    if (!split(d, code, nunits) || !read_ranges(d) || !read_lines(d)) return false;
    link_jumps(d);
    find_depths(d);
    bk_insn *shrunk = PyMem_RawRealloc(ci->insns, (ci->ninsns + 1) * sizeof *shrunk);
    if (shrunk) ci->insns = shrunk;
    return true;
}

void bk_codeinfo_free(bk_codeinfo *ci) {
    if (!ci) return;
    PyMem_RawFree(ci->insns);
    PyMem_RawFree(ci->index);
    PyMem_RawFree(ci->local_names);
    PyMem_RawFree(ci);
}

bk_codeinfo *bk_decode(PyCodeObject *co) {
    bk_decoder d = {.co = co, .ci = PyMem_RawCalloc(1, sizeof(bk_codeinfo))};
    PyObject *saved = PyErr_GetRaisedException();
    PyObject *bytes = d.ci ? PyCode_GetCode(co) : NULL;
    bool ok = bytes && decode(&d, (const uint8_t *)PyBytes_AS_STRING(bytes), (uint32_t)PyBytes_GET_SIZE(bytes));
    Py_XDECREF(bytes);
    PyMem_RawFree(d.raw);
    PyMem_RawFree(d.arg);
    PyMem_RawFree(d.work);
    PyMem_RawFree(d.ranges);
    if (!ok) bk_codeinfo_free(d.ci);
    PyErr_SetRaisedException(saved);
    return ok ? d.ci : NULL;
}
