/* The IR's text form read back (jit/ir_text.c describes it). What is printed parses to what prints the same. A `;`
 * starts a comment. Pointers (constants, code objects) are not in the text: they become NULL. */
#include "ir_names.h"
#include "bk_backend.h"
#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *p;
    uint32_t line;
    bk_fn *f;
    bk_blk block; /* being filled; BK_NONE before the first */
    char *err;
    size_t errlen;
    jmp_buf fail;
} parser;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(parser *ps, const char *fmt, ...) {
    int n = snprintf(ps->err, ps->errlen, "line %u: ", ps->line);
    va_list ap;
    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < ps->errlen) vsnprintf(ps->err + n, ps->errlen - (size_t)n, fmt, ap);
    va_end(ap);
    longjmp(ps->fail, 1);
}

static void blanks(parser *ps) {
    while (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\r') ps->p++;
    if (*ps->p == ';')
        while (*ps->p && *ps->p != '\n') ps->p++;
}

/* to the next line that holds something; false at the end */
static bool next_line(parser *ps) {
    for (;;) {
        blanks(ps);
        if (!*ps->p) return false;
        if (*ps->p != '\n') return true;
        ps->p++;
        ps->line++;
    }
}

static void end_line(parser *ps) {
    blanks(ps);
    if (*ps->p && *ps->p != '\n') fail(ps, "unexpected text: %.20s", ps->p);
}

static bool at(parser *ps, const char *s) {
    blanks(ps);
    size_t n = strlen(s);
    if (strncmp(ps->p, s, n) != 0) return false;
    if (isalnum((unsigned char)s[n - 1]) && (isalnum((unsigned char)ps->p[n]) || ps->p[n] == '_')) return false;
    ps->p += n;
    return true;
}

static void need(parser *ps, const char *s) {
    if (!at(ps, s)) fail(ps, "expected '%s' at: %.20s", s, ps->p);
}

static int64_t number(parser *ps) {
    blanks(ps);
    char *end;
    int64_t v = ps->p[0] == '-' ? (int64_t)strtoll(ps->p, &end, 0) : (int64_t)strtoull(ps->p, &end, 0);
    if (end == ps->p) fail(ps, "expected a number at: %.20s", ps->p);
    ps->p = end;
    return v;
}

/* a letter followed by a number: v12, b3, s4 */
static uint32_t numbered(parser *ps, char letter) {
    blanks(ps);
    if (*ps->p != letter || !isdigit((unsigned char)ps->p[1])) fail(ps, "expected %cN at: %.20s", letter, ps->p);
    ps->p++;
    unsigned long v = strtoul(ps->p, (char **)&ps->p, 10);
    if (v > 1000000) fail(ps, "%c%lu is too large", letter, v);
    return (uint32_t)v;
}

static bk_ref ref(parser *ps) { return at(ps, "_") ? 0 : numbered(ps, 'v'); }

/* a name of letters, digits, '.', '_' and '-' */
static void word(parser *ps, char *buf, size_t n) {
    blanks(ps);
    size_t i = 0;
    while (isalnum((unsigned char)*ps->p) || (*ps->p && strchr("._-", *ps->p))) {
        if (i + 1 < n) buf[i++] = *ps->p;
        ps->p++;
    }
    buf[i] = 0;
    if (!i) fail(ps, "expected a name at: %.20s", ps->p);
}

static uint32_t lookup(parser *ps, const char *name, const char *const *names, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return i;
    fail(ps, "unknown name '%s'", name);
}

static void grow(parser *ps, void **p, uint32_t *cap, uint32_t n, size_t size) {
    if (!bk_grow(ps->f, p, cap, n, size)) fail(ps, "out of memory");
}

/* ---- instructions ------------------------------------------------------------------------------------------- */

static void need_block(parser *ps, bk_blk n) {
    while (ps->f->nblocks <= n) {
        bk_block_new(ps->f);
        if (ps->f->oom) fail(ps, "out of memory");
    }
}

static void address(parser *ps, bk_ins *in) {
    in->a = ref(ps);
    if (!at(ps, "+")) return;
    blanks(ps);
    if (*ps->p == 'v' || *ps->p == '_') {
        in->b = ref(ps);
        need(ps, "*");
        in->scale = (uint8_t)number(ps);
        if (!at(ps, "+")) return;
    }
    in->imm = number(ps);
}

static void arguments(parser *ps, bk_ins *in, const char *close) {
    bk_ref v[256];
    uint32_t n = 0;
    blanks(ps);
    bool empty = *ps->p == '\n' || !*ps->p || (close && at(ps, close));
    if (!empty) {
        do {
            if (n == 256) fail(ps, "too many arguments");
            v[n++] = ref(ps);
        } while (at(ps, ","));
        if (close) need(ps, close);
    }
    in->a = bk_args_new(ps->f, v, n);
    in->b = n;
}

static void call(parser *ps, bk_ins *in) {
    if (at(ps, "#")) {
        in->imm = number(ps);
    } else {
        char name[64];
        word(ps, name, sizeof name);
        for (in->imm = 0; in->imm < BK_NHELPERS; in->imm++)
            if (strcmp(bk_helpers[in->imm].name, name) == 0) break;
        if (in->imm == BK_NHELPERS) fail(ps, "unknown helper '%s'", name);
    }
    need(ps, "(");
    arguments(ps, in, ")");
}

static int64_t float_bits(parser *ps) {
    blanks(ps);
    if (ps->p[0] == '0' && ps->p[1] == 'x') return number(ps);
    char *end;
    double d = strtod(ps->p, &end);
    if (end == ps->p) fail(ps, "expected a number at: %.20s", ps->p);
    ps->p = end;
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static void immediate(parser *ps, bk_ins *in) {
    switch (in->op) {
    case BK_K_I1:
    case BK_K_I64:
    case BK_ARG:
    case BK_HLOAD:
    case BK_HSTORE:
    case BK_SEXT:
    case BK_ZEXT:
    case BK_SETIP:
    case BK_K_F32:
    case BK_K_PTR:
    case BK_GTYPE: in->imm = number(ps); break;
    case BK_K_F64: in->imm = float_bits(ps); break;
    case BK_GUARD:
        if (!at(ps, "#")) {
            char name[40];
            word(ps, name, sizeof name);
            in->imm = lookup(ps, name, bk_guard_names, bk_nguard_names);
            break;
        }
        in->imm = number(ps);
        break;
    default:
        if (at(ps, "#")) in->imm = number(ps);
    }
}

static void operands(parser *ps, bk_ins *in) {
    uint8_t n = bk_ops[in->op].nargs;
    if (in->op == BK_CALL) {
        call(ps, in);
    } else if (in->op == BK_LOAD || in->op == BK_STORE) {
        address(ps, in);
        if (in->op == BK_STORE) need(ps, ","), in->c = ref(ps);
    } else if (n == '*') {
        arguments(ps, in, NULL);
    } else {
        bk_ref *v[] = {&in->a, &in->b, &in->c};
        for (uint8_t i = 0; i < n; i++) {
            if (i) need(ps, ",");
            *v[i] = ref(ps);
        }
    }
    if (in->op != BK_LOAD && in->op != BK_STORE && in->op != BK_CALL) immediate(ps, in);
}

static void successors(parser *ps, bk_ins *in) {
    bk_block *b = &ps->f->blocks[ps->block];
    uint8_t n = in->op == BK_BR ? 2 : in->op == BK_JMP ? 1 : 0;
    for (uint8_t i = 0; i < n; i++) b->succ[i] = numbered(ps, 'b');
    b->nsucc = n;
    if (n == 2 && at(ps, "prob")) {
        b->prob[0] = (uint32_t)number(ps);
        b->prob[1] = (uint32_t)number(ps);
    }
}

static void tail(parser *ps, bk_ins *in) {
    if (at(ps, "->")) in->snap = numbered(ps, 's');
    while (at(ps, "!")) {
        static const char *const names[] = {"nsw", "dead", "hoisted", "fpcheck", "onesided"};
        char name[16];
        word(ps, name, sizeof name);
        in->flags |= (uint8_t)(1u << lookup(ps, name, names, 5));
    }
    if (at(ps, "@")) in->org = (uint16_t)number(ps);
}

/* "load.f64.items" is an op with a memory type and an alias class, "phi.i" one with a type, "guard.type" plain */
static void opcode(parser *ps, bk_ins *in) {
    char name[64];
    word(ps, name, sizeof name);
    for (int op = 0; op < BK_NOPS; op++) {
        size_t n = strlen(bk_ops[op].name);
        const char *rest = name + n;
        if (strncmp(name, bk_ops[op].name, n) != 0) continue;
        bool stated = bk_ops[op].type == BK_X && op != BK_LOAD;
        in->op = (uint8_t)op;
        in->type = bk_ops[op].type;
        if (op == BK_LOAD || op == BK_STORE) {
            char *dot = *rest == '.' ? strchr(rest + 1, '.') : NULL;
            if (!dot) continue;
            *dot = 0;
            in->mt = (uint8_t)lookup(ps, rest + 1, bk_memtype_names, bk_nmemtypes);
            in->alias = (uint8_t)lookup(ps, dot + 1, bk_alias_names, BK_NALIAS);
            if (op == BK_LOAD) in->type = (uint8_t)bk_mem_result((bk_memtype)in->mt);
            return;
        }
        if (stated && *rest == '.' && rest[1] && !rest[2]) {
            const char *t = strchr(bk_type_letters, rest[1]);
            if (!t) fail(ps, "unknown type '%c'", rest[1]);
            in->type = (uint8_t)(t - bk_type_letters);
            return;
        }
        if (!stated && !*rest) return;
    }
    fail(ps, "unknown op '%s'", name);
}

static void instruction(parser *ps) {
    bk_ins in = {.block = ps->block};
    bk_ref r = 0;
    blanks(ps);
    if (ps->block == BK_NONE) fail(ps, "an instruction outside a block");
    if (*ps->p == 'v' && isdigit((unsigned char)ps->p[1])) {
        r = numbered(ps, 'v');
        need(ps, "=");
    }
    opcode(ps, &in);
    if ((in.type != BK_V) != (r != 0)) fail(ps, "%s has %s result", bk_ops[in.op].name, r ? "no" : "a");
    operands(ps, &in);
    successors(ps, &in);
    tail(ps, &in);
    if (!r) r = bk_ins_new(ps->f, BK_NOP, BK_V, 0, 0, 0);
    if (ps->f->oom || ps->f->ins[r].op) fail(ps, "v%u is defined twice", r);
    ps->f->ins[r] = in;
    if (!bk_insert(ps->f, ps->block, ps->f->blocks[ps->block].nins, r)) fail(ps, "out of memory");
    if (bk_is_const(ps->f, r)) bk_const_note(ps->f, r);
}

/* ---- the rest ----------------------------------------------------------------------------------------------- */

static void predecessors(parser *ps, bk_block *b) {
    for (blanks(ps); *ps->p == 'b'; blanks(ps)) {
        grow(ps, (void **)&b->preds, &b->pcap, b->npreds + 1, sizeof *b->preds);
        b->preds[b->npreds++] = numbered(ps, 'b');
    }
}

static void block(parser *ps, bk_blk n) {
    need_block(ps, n);
    bk_block *b = &ps->f->blocks[n];
    ps->block = n;
    if (b->nins) fail(ps, "b%u is defined twice", n);
    for (;;) {
        if (at(ps, "header")) b->header = true;
        else if (at(ps, "preheader")) b->preheader = true, b->entry_snap = numbered(ps, 's');
        else if (at(ps, "most")) b->most = (uint32_t)number(ps);
        else if (at(ps, "lanes")) b->lanes = true;
        else if (at(ps, "rare")) b->rare = true;
        else if (at(ps, "count")) b->count = (uint32_t)number(ps);
        else if (at(ps, "preds")) predecessors(ps, b);
        else return;
    }
}

static void origin(parser *ps) {
    bk_fn *f = ps->f;
    uint32_t n = (uint32_t)number(ps);
    if (!n || n > UINT16_MAX) fail(ps, "origin %u", n);
    grow(ps, (void **)&f->origins, &f->ocap, n + 1, sizeof *f->origins);
    if (f->norigins <= n) f->norigins = n + 1;
    bk_origin *o = &f->origins[n];
    need(ps, "code"), o->code = (uint16_t)number(ps);
    need(ps, "depth"), o->depth = (uint16_t)number(ps);
    need(ps, "offset"), o->offset = (uint32_t)number(ps);
    need(ps, "line"), o->line = (uint32_t)number(ps);
    if (at(ps, "in")) o->caller = (uint16_t)number(ps);
}

static void slot(parser *ps, bk_slot *s) {
    char name[32];
    blanks(ps);
    size_t n = 0;
    while (isalnum((unsigned char)*ps->p) && n + 1 < sizeof name) name[n++] = *ps->p++;
    name[n] = 0;
    *s = (bk_slot){.kind = (uint8_t)lookup(ps, name, bk_slotkind_names, BK_NSLOTKINDS)};
    if (at(ps, "#")) s->sub = (uint32_t)number(ps);
    if (at(ps, ".")) s->aux = (uint8_t)number(ps);
    if (at(ps, "/")) s->nkids = (uint16_t)number(ps);
    bk_ref *v[] = {&s->a, &s->b, &s->c};
    for (int i = 0; i < 3; i++) {
        blanks(ps);
        if (*ps->p != 'v' && *ps->p != '_') break;
        *v[i] = ref(ps);
    }
}

static void frame(parser *ps) {
    bk_fn *f = ps->f;
    grow(ps, (void **)&f->sframes, &f->sfcap, f->nsframes + 1, sizeof *f->sframes);
    bk_sframe *fr = &f->sframes[f->nsframes++];
    *fr = (bk_sframe){.first = f->nslots};
    need(ps, "code"), fr->code = (uint16_t)number(ps);
    need(ps, "depth"), fr->depth = (uint16_t)number(ps);
    need(ps, "resume"), fr->resume = (uint32_t)number(ps);
    need(ps, "func"), fr->func = (uint32_t)number(ps);
    need(ps, "home"), fr->home = (uint32_t)number(ps);
    fr->on_stack = at(ps, "on-stack");
    for (uint8_t i = 1; i < BK_NFINISHES && !fr->finish; i++)
        if (at(ps, bk_finish_names[i])) fr->finish = i;
    need(ps, ":");
    blanks(ps);
    if (*ps->p == '\n' || !*ps->p) return;
    do {
        grow(ps, (void **)&f->slots, &f->scap, f->nslots + 1, sizeof *f->slots);
        slot(ps, &f->slots[f->nslots++]);
        fr->nslots++;
    } while (at(ps, "|"));
}

static void snapshot(parser *ps) {
    static const char *const kinds[] = {"resume", "raise", "return", "call"};
    bk_fn *f = ps->f;
    char name[40];
    uint32_t n = numbered(ps, 's');
    grow(ps, (void **)&f->snaps, &f->snapcap, n + 1, sizeof *f->snaps);
    if (f->nsnaps <= n) f->nsnaps = n + 1;
    bk_snap s = {.frame = f->nsframes};
    word(ps, name, sizeof name);
    s.kind = (uint8_t)lookup(ps, name, kinds, 4);
    if (at(ps, "#")) {
        s.reason = (uint8_t)number(ps);
    } else {
        word(ps, name, sizeof name);
        s.reason = (uint8_t)lookup(ps, name, bk_guard_names, bk_nguard_names);
    }
    if (at(ps, "@")) s.org = (uint16_t)number(ps);
    end_line(ps);
    while (next_line(ps) && at(ps, "frame")) {
        frame(ps);
        s.nframes++;
        end_line(ps);
    }
    f->snaps[n] = s;
}

static void pointers(parser *ps, void ***p, uint32_t *n, uint32_t *cap) {
    *n = (uint32_t)number(ps);
    if (*n > 100000) fail(ps, "too many");
    grow(ps, (void **)p, cap, *n + 1, sizeof **p);
}

static void title(parser *ps) {
    bk_fn *f = ps->f;
    need(ps, "fn");
    need(ps, "\"");
    size_t n = strcspn(ps->p, "\"\n");
    if (n >= sizeof f->name) fail(ps, "the name is too long");
    memcpy(f->name, ps->p, n);
    ps->p += n;
    need(ps, "\"");
    if (at(ps, "home")) f->nhome = (uint32_t)number(ps);
    if (at(ps, "xhome")) f->nxhome = (uint32_t)number(ps);
    if (at(ps, "consts")) pointers(ps, &f->consts, &f->nconsts, &f->ccap);
    if (at(ps, "codes")) pointers(ps, &f->codes, &f->ncodes, &f->codecap);
    end_line(ps);
}

/* Results keep their printed numbers; instructions without one are numbered after the largest of those. */
static void reserve(parser *ps, const char *text) {
    uint32_t max = 0;
    for (const char *p = text; *p; p++) {
        if (*p != 'v' || !isdigit((unsigned char)p[1]) || (p > text && isalnum((unsigned char)p[-1]))) continue;
        unsigned long v = strtoul(p + 1, NULL, 10);
        if (v > 1000000) fail(ps, "v%lu is too large", v);
        if (v > max) max = (uint32_t)v;
    }
    grow(ps, (void **)&ps->f->ins, &ps->f->inscap, max + 1, sizeof *ps->f->ins);
    ps->f->nins = max + 1;
}

static void parse_all(parser *ps) {
    if (!next_line(ps)) fail(ps, "empty");
    title(ps);
    while (next_line(ps)) {
        bool is_block = *ps->p == 'b' && isdigit((unsigned char)ps->p[1]);
        if (at(ps, "origin")) {
            origin(ps);
        } else if (at(ps, "snap")) {
            snapshot(ps);
            continue; /* stands at a new line already */
        } else if (is_block) {
            bk_blk n = numbered(ps, 'b');
            need(ps, ":");
            block(ps, n);
        } else {
            instruction(ps);
        }
        end_line(ps);
    }
}

bk_fn *bk_parse(const char *text, char *err, size_t errlen) {
    parser *ps = calloc(1, sizeof *ps);
    bk_fn *f = bk_fn_new("");
    if (errlen) err[0] = 0;
    if (!ps || !f) {
        free(ps);
        bk_fn_free(f);
        snprintf(err, errlen, "out of memory");
        return NULL;
    }
    *ps = (parser){.p = text, .line = 1, .f = f, .block = BK_NONE, .err = err, .errlen = errlen};
    if (setjmp(ps->fail)) {
        bk_fn_free(ps->f);
        free(ps);
        return NULL;
    }
    reserve(ps, text);
    parse_all(ps);
    f = ps->f;
    free(ps);
    return f;
}
