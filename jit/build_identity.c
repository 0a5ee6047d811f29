/* Which objects numbers are, across calls of native functions.
 *
 * Numbers are passed and returned unboxed. In a native function the box of a parameter is at first a token that names
 * the parameter: a snapshot hands the token over, and embed puts the caller's object in (or one new one, where the
 * caller has none). A native function returns a word beside its result: NULL for a new object, a token for a
 * parameter's object or for one of its constants, or a new reference to a box. Only where the object itself is needed
 * (it is stored, say) the caller passes the box, if there is one, as a further argument. All this is found out while
 * the function is built (bk_identity); what turns out to be wrong begins its build again. */
#include "build_native.h"

enum { SMALLEST = -5, LARGEST = 256 }; /* ints that are one object each in any case */

static bool has_identity(const bk_obj *type) { return type == bk_types.t_int || type == bk_types.t_float; }
static bk_ref token(bk_builder *b, int64_t n) { return KP(b, (void *)(intptr_t)n); }

static bool is_small(bk_obj *o) {
    int64_t i;
    return bk_py_type(o) == bk_types.t_int && bk_py_as_i64(o, &i) && i >= SMALLEST && i <= LARGEST;
}

/* the number of a constant that is returned; -1: there are too many */
static int const_number(bk_identity *id, bk_obj *o) {
    for (uint32_t i = 0; i < id->nconsts; i++)
        if (id->consts[i] == o) return (int)i;
    if (id->nconsts == BK_MAXRESULTCONSTS) return -1;
    id->consts[id->nconsts] = o;
    return (int)id->nconsts++;
}

bk_identity bk_first_identity(const bk_codeinfo *ci) {
    bk_identity id = {0};
    for (uint32_t k = 0; k < ci->ninsns; k++) {
        const bk_insn *in = &ci->insns[k];
        if (in->op == BC_RETURN_CONST && has_identity(bk_py_type(in->value)) && !is_small(in->value))
            const_number(&id, in->value);
    }
    return id;
}

/* ---- in the callee ---------------------------------------------------------------------------------------------- */

bool bk_wants_box(const bk_identity *id, const bk_param *p, uint32_t i) {
    return p->num && has_identity(p->type) && id->wants >> i & 1;
}

void bk_param_identity(bk_builder *b, uint32_t i, bk_ref box, bk_val *v) {
    if (!has_identity(v->type)) return;
    v->box = box ? box : token(b, BK_BOX_PARAM + i);
    v->maybe = true;
    v->own = O_HOMES; /* the caller keeps it: no slot's, and never counted */
    v->homes = 0;
    b->param_box[i] = box;
}

void bk_need_object(bk_builder *b, bk_ref box) {
    if (!b->body || !box || (b->fn->ins[box].op == BK_K_PTR && !b->fn->ins[box].imm)) return;
    if (b->nneeded == BK_MAXSITES) bk_body_give_up(b);
    b->needed[b->nneeded++] = box;
}

/* what a box may be */
typedef struct {
    uint32_t params;
    bool pointer;
    uint8_t *seen;
} bk_sources;

static void find_sources(bk_builder *b, bk_ref r, bk_sources *s) {
    const bk_ins *in = &b->fn->ins[r];
    if (s->seen[r]) return;
    s->seen[r] = 1;
    if (in->op == BK_K_PTR) {
        bool tok = in->imm >= BK_BOX_PARAM && in->imm < BK_BOX_TOKENS;
        if (tok && in->imm < BK_BOX_CONST) s->params |= 1u << (in->imm - BK_BOX_PARAM);
        s->pointer |= in->imm >= BK_BOX_TOKENS || in->imm < 0;
    } else if (in->op == BK_PHI) {
        for (uint32_t i = 0; i < in->b; i++) find_sources(b, b->fn->args[b->fn->ins[r].a + i], s);
    } else if (in->op == BK_SELECT) {
        bk_ref other = in->c;
        find_sources(b, in->b, s);
        find_sources(b, other, s);
    } else s->pointer = true;
}

static bk_sources sources(bk_builder *b, const bk_ref *r, uint32_t n) {
    bk_sources s = {.seen = alloc(b, b->fn->nins)};
    for (uint32_t i = 0; i < n; i++) find_sources(b, r[i], &s);
    return s;
}

bool bk_learn_identity(bk_builder *b, bk_identity *id) {
    const bk_identity *was = &b->body->id;
    bk_sources needed = sources(b, b->needed, b->nneeded), given = sources(b, b->words, b->nwords);
    *id = *was;
    for (uint32_t i = 0; i < b->nreturned; i++) const_number(id, b->returned[i]);
    id->wants |= needed.params;
    id->returns |= given.params;
    id->boxes |= given.pointer;
    return id->wants != was->wants || id->returns != was->returns || id->boxes != was->boxes ||
           id->nconsts != was->nconsts;
}

/* the token of a constant that is returned; 0: it needs a reference */
static bk_ref const_word(bk_builder *b, bk_obj *o) {
    bk_identity id = b->body->id;
    if (is_small(o)) return KP(b, NULL);
    int n = const_number(&id, o);
    if (n < 0) return 0;
    if (b->nreturned < BK_MAXRESULTCONSTS) b->returned[b->nreturned++] = o;
    return token(b, BK_BOX_CONST + n);
}

static bk_ref counted_word(bk_builder *b, const bk_val *v) {
    if (v->own == O_OWNED || !v->maybe) {
        if (v->own != O_OWNED) E(b, BK_INCREF, v->box, 0);
        return v->box;
    }
    if (b->body->id.boxes) { /* else there are only tokens: bk_learn_identity sees to it */
        bk_ref real = E(b, BK_ULT, KI(b, BK_BOX_TOKENS - 1), E(b, BK_P2I, v->box, 0));
        E(b, BK_XINCREF, Et(b, BK_SELECT, BK_P, real, v->box, KP(b, NULL)), 0);
    }
    return v->box;
}

bk_ref bk_result_word(bk_builder *b, const bk_val *v) {
    bk_ref word = 0;
    if (!has_identity(v->type) || (!v->konst && !v->box)) return KP(b, NULL);
    if (v->konst) word = const_word(b, v->konst);
    for (uint32_t i = 0; i < b->body->nparams && !word; i++)
        if (b->param_box[i] && b->param_box[i] == v->box) word = token(b, BK_BOX_PARAM + i);
    if (!word) word = counted_word(b, v);
    if (b->nwords == BK_MAXSITES) bk_body_give_up(b);
    return b->words[b->nwords++] = word;
}

/* ---- in the caller ---------------------------------------------------------------------------------------------- */

static bool is_token(const bk_builder *b, bk_ref box) {
    const bk_ins *in = &b->fn->ins[box];
    return box && in->op == BK_K_PTR && in->imm >= BK_BOX_PARAM && in->imm < BK_BOX_TOKENS;
}

void bk_box_argument(bk_builder *b, const bk_identity *id, uint32_t i, bk_val *v) {
    if (!has_identity(v->type) || v->konst || !((id->wants | id->returns) >> i & 1) || bk_reuse_box(b, v)) return;
    if (!bk_has_copy(b, v)) return;
    if (!(id->wants >> i & 1) && is_token(b, v->box)) return;
    boxed(b, v);
}

bk_ref bk_argument_box(bk_builder *b, const bk_val *v) {
    if (v->maybe) bk_need_object(b, v->box);
    return v->box ? v->box : KP(b, NULL);
}

/* lives as long as this activation */
static bool outlives(const bk_val *v) { return v->own == O_CONST || (v->own == O_HOMES && !v->homes); }

static bk_ref choose(bk_builder *b, bk_ref word, int64_t tok, bk_ref box, bk_ref other) {
    return Et(b, BK_SELECT, BK_P, E(b, BK_EQ, word, KI(b, tok)), box, other);
}

bk_val bk_call_result(bk_builder *b, bk_ref call, const bk_param *p, const bk_identity *id, const bk_val *args,
                      uint32_t n) {
    bk_val v = v_num(p->type, call);
    bool counted = id->boxes, from = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!(id->returns >> i & 1) || !args[i].box || !args[i].num) continue;
        from = true;
        counted |= !outlives(&args[i]);
    }
    if (!has_identity(p->type) || (!id->boxes && !from && !id->nconsts)) return v;
    bk_ref none = KP(b, NULL), given = E(b, BK_NWORD, call, 0), word = E(b, BK_P2I, given, 0), lent = none;
    for (uint32_t i = 0; i < n; i++) {
        if (!(id->returns >> i & 1) || !args[i].box || !args[i].num) continue;
        if (counted && args[i].maybe) bk_need_object(b, args[i].box);
        lent = choose(b, word, BK_BOX_PARAM + i, args[i].box, lent);
    }
    for (uint32_t i = 0; i < id->nconsts; i++) {
        bk_const(b->fn, id->consts[i]);
        lent = choose(b, word, BK_BOX_CONST + i, KP(b, id->consts[i]), lent);
    }
    v.maybe = true;
    v.own = counted ? O_OWNED : O_HOMES;
    v.box = lent;
    if (counted && lent != none) E(b, BK_XINCREF, lent, 0);
    if (id->boxes) v.box = Et(b, BK_SELECT, BK_P, E(b, BK_ULT, KI(b, BK_BOX_TOKENS - 1), word), given, lent);
    return v;
}
