/* The graph's control flow: versions of a place by the types and representations of its slots, merges (phis),
 * loop headers with preheaders, branches.
 *
 * A place (inline context, instruction, enclosing loop versions) has few versions; a state that fits none makes a new
 * one, and past the limit a generic one that takes every state. A loop header reached by its back edge with other types
 * than on entry so becomes a second version of the loop: the first iteration is peeled. */
#include "build.h"
#include <string.h>

typedef struct {
    bool outer_local, outer_stack, dead, generic;
    uint32_t slot;
} place_t;

void *alloc(bk_builder *b, size_t size) {
    void *p = bk_arena_alloc(&b->arena, size);
    if (!p) bk_abort(b, BK_AB_MEMORY);
    return p;
}

/* what is built on one side of a branch changes parts of virtual values (boxes, ownership) for that side only */
static void own_kids(bk_builder *b, bk_val *v) {
    if (!v->nkids) return;
    v->kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) own_kids(b, &v->kids[i]);
}

/* for what is written at once: zeroing it showed in profiles of building */
static void *alloc_raw(bk_builder *b, size_t size) {
    void *p = bk_arena_take(&b->arena, size);
    if (!p) bk_abort(b, BK_AB_MEMORY);
    return p;
}

bk_state *state_copy(bk_builder *b, const bk_state *s) {
    bk_state *c = alloc_raw(b, sizeof *c);
    *c = *s;
    for (uint32_t i = 0; i < s->n; i++) {
        size_t n = (s->f[i].ci->nlocals + s->f[i].ci->stacksize + 2) * sizeof(bk_val);
        c->f[i].slots = alloc_raw(b, n);
        memcpy(c->f[i].slots, s->f[i].slots, n);
        for (uint32_t k = 0; k < s->f[i].ci->nlocals + s->f[i].sp; k++) own_kids(b, &c->f[i].slots[k]);
    }
    return c;
}

bk_aside flow_aside(bk_builder *b, bk_blk now, bk_blk later) {
    bk_aside a = {.st = state_copy(b, &b->st), .saved_sp = b->saved_sp, .org = b->org};
    const bk_bframe *now_top = TOPF(b), *later_top = &a.st->f[a.st->n - 1];
    uint32_t n = now_top->ci->nlocals + b->saved_sp;
    a.saved = alloc(b, (n + 1) * sizeof *a.saved);
    memcpy(a.saved, b->saved, n * sizeof *a.saved);
    for (uint32_t i = 0; i < n && i < now_top->ci->nlocals + now_top->sp; i++) /* what is as it was stays so */
        if (a.saved[i].nkids && a.saved[i].kids == now_top->slots[i].kids) a.saved[i].kids = later_top->slots[i].kids;
    a.st->blk = later;
    b->st.blk = now;
    return a;
}

void flow_back(bk_builder *b, const bk_aside *a) {
    b->st = *a->st;
    b->saved = a->saved;
    b->saved_cap = 0;
    b->saved_sp = a->saved_sp;
    b->org = a->org;
    b->snap_start = 0;
    b->ended = false;
}

bool flow_outside(const bk_builder *b, uint32_t pc) {
    return b->st.n == 1 && b->rq.header >= 0 && !bk_in_body(b->st.f[0].flow, (uint32_t)b->rq.header, pc);
}

void begin_insn(bk_builder *b, uint32_t pc) {
    bk_bframe *f = TOPF(b);
    f->pc = pc;
    uint32_t n = f->ci->nlocals + f->sp;
    if (n >= b->saved_cap) { /* else what was saved before is needed no more */
        b->saved_cap = f->ci->nlocals + f->ci->stacksize + 2;
        b->saved = alloc_raw(b, b->saved_cap * sizeof(bk_val));
    }
    memcpy(b->saved, f->slots, n * sizeof(bk_val));
    b->saved_sp = f->sp;
    b->snap_start = 0;
    b->nmade = 0;
    b->effects = false;
    bk_fn *fn = b->fn;
    bk_origin o = {.code = f->code,
                   .depth = (uint16_t)(b->st.n - 1),
                   .offset = f->ci->insns[pc].offset,
                   .line = f->ci->insns[pc].line,
                   .caller = f->call};
    const bk_origin *last = &fn->origins[b->org];
    if (b->org && last->code == o.code && last->depth == o.depth && last->offset == o.offset &&
        last->caller == o.caller)
        return;
    b->org = bk_origin_new(fn, o);
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

/* keeps the active loops that the current place is still inside of */
static void trim_loops(bk_builder *b) {
    bk_state *s = &b->st;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->nloops; i++) {
        const bk_version *v = b->versions[s->loops[i]];
        bool inside = false;
        for (uint32_t k = 0; k < s->n; k++) {
            const bk_bframe *f = &s->f[k];
            if (f->ctx == v->ctx) inside = bk_in_body(f->flow, v->pc, f->pc) && !(k + 1 == s->n && f->pc == v->pc);
        }
        if (inside) s->loops[n++] = s->loops[i];
    }
    s->nloops = n;
}

static bool same_loops(const bk_state *a, const bk_state *b, uint32_t ignore_last) {
    if (a->nloops != b->nloops + ignore_last) return false;
    return memcmp(a->loops, b->loops, b->nloops * sizeof *b->loops) == 0;
}

/* ---- one slot of a version --------------------------------------------------------------------------------------- */

static bool same_nd(const bk_ndkey *a, const bk_ndkey *b) {
    return a->typenum == b->typenum && a->ndim == b->ndim && a->writeable == b->writeable &&
           a->unit_inner == b->unit_inner;
}

/* the unboxed type that a dead local has at a place: what it had last when the build was begun again for it */
static bk_obj *preferred(bk_builder *b, uint32_t ctx, uint32_t pc, uint32_t slot, uint32_t *times) {
    bk_obj *type = NULL;
    *times = 0;
    for (uint32_t i = 0; i < b->nprefs; i++) {
        const bk_pref *p = &b->prefs[i];
        if (!p->type || p->ctx != ctx || p->pc != pc || p->slot != slot) continue;
        type = p->type;
        ++*times;
    }
    return type;
}

/* A dead local arrives unboxed in another form than the version has: build again with its type. The second type stays:
 * first iterations, whose types are often others, are seen first. */
static void prefer(bk_builder *b, const bk_version *ver, const bk_val *v, uint32_t slot) {
    uint32_t times;
    bk_obj *now = preferred(b, ver->ctx, ver->pc, slot, &times);
    if (v->clean || v->kind != V_VAL || !v->num || !v->type || now == v->type || times >= 2) return;
    if (b->nprefs == 256 || b->restarts >= 30) return;
    b->prefs[b->nprefs++] = (bk_pref){ver->ctx, ver->pc, slot, v->type, 0};
    bk_restart(b);
}

/* home slots that boxes of the local may come from at this place, besides its own */
static uint64_t preferred_homes(bk_builder *b, uint32_t ctx, uint32_t pc, uint32_t slot) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < b->nprefs; i++)
        if (b->prefs[i].ctx == ctx && b->prefs[i].pc == pc && b->prefs[i].slot == slot) mask |= b->prefs[i].homes;
    return mask;
}

/* a box borrowed from a slot that the version does not expect: build again, expecting it */
static void expect_homes(bk_builder *b, const bk_version *ver, const bk_vslot *s, const bk_val *v, uint32_t slot) {
    if (v->kind != V_VAL || !v->box || v->own != O_HOMES || v->clean || !(v->homes & ~s->homes)) return;
    if (b->nprefs == 256) bk_abort(b, BK_AB_TOO_MANY_VERSIONS);
    b->prefs[b->nprefs++] = (bk_pref){ver->ctx, ver->pc, slot, NULL, v->homes};
    bk_restart(b);
}

/* An int arrives unboxed where the version has it boxed in its home: build again, unboxing it on every way there. A
 * version for each combination would multiply with those of the loops around. */
static void prefer_unboxed(bk_builder *b, const bk_version *ver, const bk_vslot *s, const bk_val *v, uint32_t slot) {
    if (s->type == bk_types.t_int && v->type == bk_types.t_int) prefer(b, ver, v, slot);
}

/* an int in a box, which may turn out not to fit 64 bits */
static bool boxed_int(const bk_val *v) {
    return v->kind == V_VAL && v->type == bk_types.t_int && !v->num && !v->maybe && (v->clean || v->box);
}

static bool num_without_guard(const bk_val *v) {
    return v->num || (v->box && !v->maybe && fits(v) && v->type != bk_types.t_int);
}

static bool boxable(const bk_val *v) { return v->kind == V_VAL || v->kind == V_TUPLE || v->kind == V_INST; }

/* A function that is inlined, or a cell of its: counting it at each merge would cost more than the call's work. */
static bool lent_callee(const bk_val *v) {
    return v->own == O_HOMES && !v->maybe && (v->type == bk_types.t_function || v->type == bk_types.t_cell);
}

static void choose(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, bk_obj *pref) {
    *s = (bk_vslot){.repr = R_NULL, .dead = p.dead, .type = v->type, .nd = v->nd, .nd_ok = v->nd_ok};
    if (p.generic) {
        s->type = NULL;
        s->nd_ok = s->simple = false;
        if (p.outer_local) s->repr = R_HOME;
        else if (boxable(v)) s->repr = R_PTR;
        if (p.outer_local || v->kind == V_NULL || boxable(v)) return;
    }
    if (p.outer_local && pref && p.dead && v->kind != V_INST &&
        (!v->clean || v->kind == V_NULL || v->simple || simple_type(v->type))) {
        s->repr = R_NUM;
        s->type = pref;
        return;
    }
    if (p.outer_local && !p.dead && pref == bk_types.t_int && boxed_int(v)) {
        s->repr = R_NUM;
        s->unboxes = true;
        return;
    }
    s->simple = v->kind == V_NULL || v->simple || simple_type(v->type);
    if (v->kind == V_NULL) {
        if (p.outer_local && p.dead) s->repr = R_HOME;
        return;
    }
    if (v->kind != V_VAL) {
        s->repr = R_VIRT;
        s->vkind = v->kind;
        s->own = v->own == O_VOLATILE ? O_OWNED : v->own;
        s->homes = v->own == O_HOMES ? v->homes : 0;
        s->step = v->step;
        s->obj = v->obj;
        s->seq = v->seq;
        s->nkids = v->nkids;
        s->where = v->where;
        if (v->nkids) s->kids = alloc(b, v->nkids * sizeof *s->kids);
        for (int i = 0; i < v->nkids; i++) choose(b, &s->kids[i], &v->kids[i], (place_t){0}, NULL);
        return;
    }
    if (v->konst && !is_num(v)) {
        s->konst = v->konst;
        s->repr = R_KONST;
        if (!p.outer_local) return;
    }
    if (p.outer_local || p.outer_stack) {
        s->repr = is_num(v) && num_without_guard(v) ? R_NUM : R_HOME;
        if (p.outer_local && p.dead && s->repr == R_HOME) {
            s->type = NULL;
            s->nd_ok = false;
        }
        return;
    }
    bool plain = !v->box || v->own == O_CONST || v->own == O_HOMES;
    s->repr = v->num && plain ? R_NUM : R_PTR;
    if (s->repr == R_NUM && v->own == O_HOMES) s->homes = v->homes;
    if (s->repr == R_PTR && !p.generic && lent_callee(v)) {
        s->own = O_HOMES;
        s->homes = v->homes;
    }
}

/* boxing it costs nothing and cannot fail */
static bool is_char(const bk_val *v) { return v->kind == V_VAL && v->num && v->type == bk_types.t_str && !v->clean; }

static bool fits_slot(bk_builder *b, const bk_vslot *s, const bk_val *v, place_t p, bk_version *ver) {
    switch (s->repr) {
    case R_NULL: return v->kind == V_NULL;
    case R_HOME:
        if (p.generic && p.outer_local) return true;
        if (v->kind == V_NULL) return p.dead && s->simple;
        if (v->clean) {
            if (s->simple && !v->simple && !simple_type(v->type)) return false;
            if (s->type && s->type != v->type) return false;
            return !s->nd_ok || (v->nd_ok && same_nd(&s->nd, &v->nd));
        }
        if (p.outer_local && is_char(v) && (!s->type || s->type == v->type)) return true;
        if (p.dead) prefer(b, ver, v, p.slot);
        else if (p.outer_local) prefer_unboxed(b, ver, s, v, p.slot);
        return false;
    case R_NUM:
        if (p.outer_local && p.dead && v->type != s->type) prefer(b, ver, v, p.slot);
        if (p.outer_local && p.dead && v->kind == V_INST) return false;
        if (p.outer_local && p.dead) /* what the slot holds may be kept, if nobody waits for its death */
            return !v->clean || v->kind == V_NULL || v->simple || simple_type(v->type);
        if (s->unboxes && boxed_int(v)) return true;
        if (v->kind != V_VAL || v->type != s->type || !num_without_guard(v)) return false;
        if (p.outer_local) return true;
        if (!v->box || v->own == O_CONST) return true;
        return v->own == O_HOMES && !(v->homes & ~s->homes);
    case R_PTR:
        if (p.generic) return boxable(v);
        if (is_char(v) && s->type == v->type) return true;
        if (v->kind != V_VAL || !v->box || v->maybe) return false;
        if (s->own == O_HOMES && (v->own != O_HOMES || (v->homes & ~s->homes))) return false;
        if (s->type && s->type != v->type) return false;
        return !s->nd_ok || (v->nd_ok && same_nd(&s->nd, &v->nd));
    case R_KONST: return v->kind == V_VAL && v->konst == s->konst && (!p.outer_local || v->clean);
    case R_VIRT:
        if (v->kind != s->vkind || v->step != s->step || v->obj != s->obj || v->seq != s->seq || v->nkids != s->nkids ||
            (v->own == O_VOLATILE ? O_OWNED : v->own) != s->own || (v->own == O_HOMES && v->homes != s->homes))
            return false;
        if (v->kind == V_SEQIT && v->seq == BK_SEQ_ND && !same_nd(&v->nd, &s->nd)) return false;
        if (v->kind == V_INST &&
            (v->type != s->type || (v->nkids && memcmp(v->where, s->where, v->nkids * sizeof *v->where) != 0)))
            return false;
        for (int i = 0; i < v->nkids; i++)
            if (!fits_slot(b, &s->kids[i], &v->kids[i], (place_t){0}, ver)) return false;
        return true;
    }
    return false;
}

static bk_ref new_phi(bk_builder *b, bk_blk blk, bk_type t) {
    bk_ref r = bk_phi(b->fn, blk, t);
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    return r;
}

static bk_type num_type(bk_obj *type) {
    int tn = bk_py_np_typenum(type);
    if (type == bk_types.t_float || type == bk_types.t_complex || tn == 12 || tn == 15) return BK_F;
    if (tn == 11 || tn == 14) return BK_S;
    if (type == bk_types.t_bool || tn == 0) return BK_1;
    return BK_I;
}

static bool is_complex(bk_obj *type) {
    int tn = bk_py_np_typenum(type);
    return type == bk_types.t_complex || tn == 14 || tn == 15;
}

/* makes the slot's phis in the block (which 0) or preheader (1) */
static void make_phis(bk_builder *b, bk_vslot *s, bk_blk blk, int which) {
    if (s->repr == R_NUM) {
        s->num[which] = new_phi(b, blk, num_type(s->type));
        if (is_complex(s->type)) s->num2[which] = new_phi(b, blk, num_type(s->type));
        s->box[which] = new_phi(b, blk, BK_P);
    } else if (s->repr == R_PTR) s->box[which] = new_phi(b, blk, BK_P);
    else if (s->repr == R_VIRT) {
        if (s->vkind == V_RANGEIT) {
            s->num[which] = new_phi(b, blk, BK_I);
            s->num2[which] = new_phi(b, blk, BK_I);
        } else if (s->vkind == V_SEQIT || s->vkind == V_REVERSED) {
            s->num[which] = new_phi(b, blk, BK_I);
            s->box[which] = new_phi(b, blk, BK_P);
        } else if (s->vkind == V_ENUM) s->num[which] = new_phi(b, blk, BK_I);
        for (int i = 0; i < s->nkids; i++) make_phis(b, &s->kids[i], blk, which);
    }
}

static bk_val slot_value(bk_builder *b, const bk_vslot *s, place_t p, int which) {
    bk_val v = {.kind = V_VAL, .type = s->type, .nd = s->nd, .nd_ok = s->nd_ok};
    switch (s->repr) {
    case R_NULL: return (bk_val){.kind = V_NULL, .clean = p.outer_local};
    case R_HOME:
        v.clean = true;
        v.simple = s->simple;
        return v;
    case R_NUM:
        v.num = s->num[which];
        v.num2 = s->num2[which];
        v.box = s->box[which];
        v.maybe = true;
        v.own = O_HOMES;
        v.homes = s->homes;
        return v;
    case R_PTR:
        v.own = s->own == O_HOMES ? O_HOMES : O_OWNED;
        v.homes = s->homes;
        v.box = s->box[which];
        return v;
    case R_KONST:
        v = v_konst(b, s->konst);
        v.clean = p.outer_local;
        return v;
    case R_VIRT:
        v = (bk_val){.kind = s->vkind,
                     .num = s->num[which],
                     .num2 = s->num2[which],
                     .box = s->box[which],
                     .own = s->own,
                     .homes = s->homes,
                     .step = s->step,
                     .obj = s->obj,
                     .seq = s->seq,
                     .nd = s->nd,
                     .nkids = s->nkids,
                     .type = s->type,
                     .where = s->where};
        if (s->vkind == V_INST) v.vid = ++b->nvid;
        if (s->nkids) v.kids = alloc(b, s->nkids * sizeof *v.kids);
        for (int i = 0; i < s->nkids; i++) v.kids[i] = slot_value(b, &s->kids[i], (place_t){0}, which);
    }
    return v;
}

static void phi_arg(bk_builder *b, bk_ref phi, bk_ref v) {
    if (phi && bk_phi_add(b->fn, phi, v) < 0) bk_abort(b, BK_AB_MEMORY);
}

static bk_ref zero_of(bk_builder *b, bk_obj *type) {
    switch (num_type(type)) {
    case BK_F: return KF(b, 0);
    case BK_S: return E(b, BK_F2S, KF(b, 0), 0);
    case BK_1: return bk_kb(b->fn, false);
    default: return KI(b, 0);
    }
}

static bool takes_number(const bk_vslot *s, const bk_val *v) {
    return v->kind == V_VAL && v->type == s->type && num_without_guard(v);
}

/* before the jump: brings the value into the slot's form, emitting code */
static void convert(bk_builder *b, const bk_vslot *s, bk_val *v, place_t p) {
    if (s->repr == R_PTR) {
        boxed(b, v);
        if (s->own == O_HOMES) return;
        secure(b, v);
        if (v->own != O_OWNED) {
            E(b, BK_INCREF, v->box, 0);
            v->own = O_OWNED;
        }
    } else if (s->repr == R_NUM) {
        if (p.outer_local && p.dead && !takes_number(s, v)) {
            if (!v->clean && v->kind != V_NULL) bk_sync_slot(b, p.slot, v);
            *v =
                (bk_val){.kind = V_VAL, .type = s->type, .num = zero_of(b, s->type), .box = KP(b, (void *)BK_BOX_KEEP)};
            if (is_complex(s->type)) v->num2 = v->num;
            return;
        }
        if (v->clean && !v->box) v->box = Eimm(b, BK_HLOAD, 0, p.slot);
        unbox(b, v);
    } else if (s->repr == R_HOME && !v->clean && v->kind != V_NULL && p.outer_local) {
        if (v->kind != V_VAL) force(b, v);
        if (v->clean) return; /* an instance, made there */
        bk_sync_slot(b, p.slot, v);
    } else if (s->repr == R_VIRT) {
        if (!v->nkids) secure(b, v);
        if (v->nkids) v->kids = copy_kids(b, v, v->nkids);
        for (int i = 0; i < v->nkids; i++) convert(b, &s->kids[i], &v->kids[i], (place_t){0});
    }
}

static void edge_args(bk_builder *b, const bk_vslot *s, const bk_val *v, int which) {
    if (s->repr == R_NUM) {
        phi_arg(b, s->num[which], v->num);
        phi_arg(b, s->num2[which], v->num2);
        phi_arg(b, s->box[which], v->box ? v->box : KP(b, NULL));
    } else if (s->repr == R_PTR) phi_arg(b, s->box[which], v->box);
    else if (s->repr == R_VIRT) {
        phi_arg(b, s->num[which], v->num);
        phi_arg(b, s->num2[which], v->num2);
        phi_arg(b, s->box[which], v->box);
        for (int i = 0; i < s->nkids; i++) edge_args(b, &s->kids[i], &v->kids[i], which);
    }
}

/* ---- versions ---- */

typedef void (*slot_fn)(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg);

/* visits every slot of a state beside the version's */
static void each_slot(bk_builder *b, bk_version *ver, bk_state *s, slot_fn fn, void *arg) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        bk_bframe *f = &s->f[i];
        for (uint32_t j = 0; j < f->ci->nlocals + f->sp; j++) {
            place_t p = {.slot = j, .generic = ver->generic};
            if (i == 0) {
                p.outer_local = j < f->ci->nlocals;
                p.outer_stack = !p.outer_local && f->slots[j].clean;
            }
            if (j < f->ci->nlocals) p.dead = !bk_live(f->flow, f->pc, j) && i + 1 == s->n;
            fn(b, &ver->slots[k++], &f->slots[j], p, arg);
        }
    }
}

static void choose_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    bk_version *ver = arg;
    uint32_t times;
    choose(b, s, v, p, p.outer_local ? preferred(b, ver->ctx, ver->pc, p.slot, &times) : NULL);
    if (s->repr != R_NUM || !(p.outer_local || p.outer_stack)) return;
    s->homes = home_bit(p.slot);
    if (p.outer_local) s->homes |= preferred_homes(b, ver->ctx, ver->pc, p.slot);
    if (v->kind == V_VAL && v->box && v->own == O_HOMES && !v->clean) s->homes |= v->homes;
}

typedef struct {
    bk_version *ver;
    bool ok;
} fit_t;
static void fit_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    fit_t *f = arg;
    if (f->ok) f->ok = fits_slot(b, s, v, p, f->ver);
}
static void expect_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    if (p.outer_local && s->repr == R_NUM && v->type == s->type) expect_homes(b, arg, s, v, p.slot);
}
/* what needs a guard comes before the conversions that have effects */
static void unbox_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    bool *begun = arg;
    if (s->repr != R_NUM || !s->unboxes || !boxed_int(v)) return;
    if (!*begun) begin_insn(b, TOPF(b)->pc);
    *begun = true;
    if (v->clean && !v->box) {
        v->box = Eimm(b, BK_HLOAD, 0, p.slot);
        v->own = O_HOMES;
        v->homes = home_bit(p.slot);
    }
    unbox(b, v);
}
static void convert_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    (void)arg;
    convert(b, s, v, p);
}
/* home slots that the conversions are about to write */
static void vacated_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    (void)b;
    if (!p.outer_local || v->clean || v->kind == V_NULL) return;
    if (s->repr == R_HOME || (s->repr == R_NUM && p.dead && !takes_number(s, v))) *(uint64_t *)arg |= home_bit(p.slot);
}
static void edge_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    (void)p;
    edge_args(b, s, v, *(int *)arg);
}
typedef struct {
    bk_blk blk;
    int which;
} phis_t;
static void phis_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    (void)v;
    (void)p;
    make_phis(b, s, ((phis_t *)arg)->blk, ((phis_t *)arg)->which);
}
static void value_slot(bk_builder *b, bk_vslot *s, bk_val *v, place_t p, void *arg) {
    *v = slot_value(b, s, p, *(int *)arg);
}

static bk_version *version_new(bk_builder *b) {
    if (b->nversions == b->vcap) {
        uint32_t cap = b->vcap ? b->vcap * 2 : 64;
        bk_version **p = alloc(b, cap * sizeof *p);
        if (b->nversions) memcpy(p, b->versions, b->nversions * sizeof *p);
        b->versions = p;
        b->vcap = cap;
    }
    if (b->nversions > 2000) bk_abort(b, BK_AB_TOO_BIG);
    bk_version *v = alloc(b, sizeof *v);
    v->no = b->nversions;
    return b->versions[b->nversions++] = v;
}

static bk_blk new_block(bk_builder *b) {
    bk_blk blk = bk_block_new(b->fn);
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    return blk;
}

/* a new version for the current state (its place is the top frame's pc) */
static bk_version *make_version(bk_builder *b, bool generic) {
    bk_bframe *f = TOPF(b);
    bk_version *v = version_new(b);
    v->ctx = f->ctx;
    v->pc = f->pc;
    v->generic = generic;
    v->header = f->flow->header[f->pc];
    for (uint32_t i = 0; i < b->st.n; i++) v->nslots += b->st.f[i].ci->nlocals + b->st.f[i].sp;
    v->slots = alloc(b, (v->nslots + 1) * sizeof *v->slots);
    each_slot(b, v, &b->st, choose_slot, v);
    v->blk = new_block(b);
    int which = 0;
    phis_t ph = {v->blk, 0};
    v->start = state_copy(b, &b->st);
    v->start->blk = v->blk;
    each_slot(b, v, v->start, phis_slot, &ph);
    if (!v->header) {
        bk_note_twins(b, v);
        each_slot(b, v, v->start, value_slot, &which);
        return v;
    }
    /* the preheader, with the state that leaving there goes back to */
    v->pre = new_block(b);
    ph = (phis_t){v->pre, 1};
    each_slot(b, v, v->start, phis_slot, &ph);
    bk_note_twins(b, v);
    bk_state keep = b->st, *pre = state_copy(b, v->start);
    which = 1;
    each_slot(b, v, pre, value_slot, &which);
    bk_val *saved = b->saved;
    uint32_t saved_sp = b->saved_sp, snap = b->snap_start;
    b->st = *pre;
    b->st.blk = v->pre;
    b->fn->blocks[v->pre].entry_snap = snap_now(b, v->pc, BK_SNAP_RESUME, BK_G_NONE);
    b->fn->blocks[v->pre].preheader = true;
    b->fn->blocks[v->blk].header = true;
    which = 0;
    for (uint32_t i = 0, k = 0; i < pre->n; i++)
        for (uint32_t j = 0; j < pre->f[i].ci->nlocals + pre->f[i].sp; j++, k++)
            edge_args(b, &v->slots[k], &pre->f[i].slots[j], 0);
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, v->pre, v->blk);
    b->st = keep;
    b->saved = saved;
    b->saved_sp = saved_sp;
    b->snap_start = snap;
    each_slot(b, v, v->start, value_slot, &which);
    if (v->start->nloops < 32) v->start->loops[v->start->nloops++] = v->no;
    return v;
}

/* `newer`: versions made before that one do not count (a back edge never returns to an earlier version of its header:
 * types that alternate so end in the generic one, and every cycle is a natural loop) */
static bk_version *find_version(bk_builder *b, const bk_version *newer) {
    bk_bframe *f = TOPF(b);
    uint32_t count = 0;
    bk_version *generic = NULL;
    for (uint32_t i = 0; i < b->nversions; i++) {
        bk_version *v = b->versions[i];
        if (v->exact || v->ctx != f->ctx || v->pc != f->pc || !same_loops(v->start, &b->st, v->header)) continue;
        if (newer && v->no < newer->no) {
            count++;
            continue;
        }
        fit_t fit = {v, true};
        if (v->start->f[v->start->n - 1].sp != f->sp) continue;
        each_slot(b, v, &b->st, fit_slot, &fit);
        if (fit.ok && !v->generic) return v;
        if (v->generic && fit.ok) generic = v;
        count++;
    }
    if (generic) return generic;
    if (count < (uint32_t)b->rq.params->versions) return make_version(b, false);
    if (count > (uint32_t)b->rq.params->versions + 4) bk_abort(b, BK_AB_TOO_MANY_VERSIONS);
    return make_version(b, true);
}

static void jump_to(bk_builder *b, bk_blk to) {
    E(b, BK_JMP, 0, 0);
    bk_edge(b->fn, b->st.blk, to);
    b->ended = true;
}

void flow_goto(bk_builder *b, uint32_t pc, bool back) {
    bk_bframe *f = TOPF(b);
    f->pc = pc;
    if (flow_outside(b, pc)) {
        leave_at(b, pc, BK_G_LOOP_END);
        return;
    }
    if (f->flow->merge[pc]) force_shared(b);
    bk_state before = b->st;
    trim_loops(b);
    if (!f->flow->merge[pc]) {
        bk_version *v = version_new(b);
        v->exact = true;
        v->ctx = f->ctx;
        v->pc = pc;
        v->blk = new_block(b);
        v->start = state_copy(b, &b->st);
        v->start->blk = v->blk;
        jump_to(b, v->blk);
        return;
    }
    merge_modular(b);
    const bk_version *active = NULL;
    for (uint32_t i = 0; back && i < before.nloops; i++) {
        const bk_version *l = b->versions[before.loops[i]];
        if (l->ctx == f->ctx && l->pc == pc) active = l;
    }
    bk_version *v = find_version(b, active);
    each_slot(b, v, &b->st, expect_slot, v);
    bool is_back = false, begun = false;
    for (uint32_t i = 0; back && i < before.nloops; i++) is_back |= before.loops[i] == v->no;
    each_slot(b, v, &b->st, unbox_slot, &begun);
    uint64_t vacated = 0;
    each_slot(b, v, &b->st, vacated_slot, &vacated);
    if (vacated) vacate_homes(b, vacated);
    each_slot(b, v, &b->st, convert_slot, NULL);
    int which = v->header && !is_back;
    each_slot(b, v, &b->st, edge_slot, &which);
    jump_to(b, which ? v->pre : v->blk);
}

void flow_continue(bk_builder *b, uint32_t pc) {
    bk_bframe *f = TOPF(b);
    f->pc = pc;
    if (b->unknown) {
        b->unknown = false;
        unknown_end(b);
    }
    if (b->result_of) {
        const bk_prof *p = b->result_of;
        b->result_of = NULL;
        begin_insn(b, pc);
        apply_seen(b, top(b, 1), p);
    }
    if (f->flow->merge[pc]) {
        begin_insn(b, pc);
        flow_goto(b, pc, false);
    } else if (flow_outside(b, pc)) {
        begin_insn(b, pc);
        leave_at(b, pc, BK_G_LOOP_END);
    }
}

/* ends the current block with a branch; the true side goes on as the current block */
bk_blk flow_split(bk_builder *b, bk_ref cond, bool cold_else) {
    bk_blk yes = new_block(b), no = new_block(b), at = b->st.blk;
    E(b, BK_BR, cond, 0);
    b->fn->blocks[at].prob[0] = cold_else ? 2000 : 1;
    b->fn->blocks[at].prob[1] = 1;
    bk_edge(b->fn, at, yes);
    bk_edge(b->fn, at, no);
    b->st.blk = yes;
    return no;
}

void flow_branch(bk_builder *b, bk_ref cond, uint32_t pc_true, uint32_t pc_false, uint32_t n_true, uint32_t n_false) {
    const bk_ins *c = &b->fn->ins[cond];
    if (c->op == BK_K_I1) {
        b->unknown = b->check_targets;
        flow_continue(b, c->imm ? pc_true : pc_false);
        return;
    }
    bk_blk at = b->st.blk;
    const bk_prof *pr = TOPF(b)->prof;
    bool seen_true = n_true || pr[pc_true].visits, seen_false = n_false || pr[pc_false].visits;
    if (!seen_true && seen_false) seen_true = side_needs_no_profile(b, pc_true);
    else if (!seen_false && seen_true) seen_false = side_needs_no_profile(b, pc_false);
    bk_blk no = flow_split(b, cond, false);
    b->fn->blocks[at].prob[0] = n_true + seen_true;
    b->fn->blocks[at].prob[1] = n_false + seen_false;
    bk_state *other = state_copy(b, &b->st);
    uint16_t org = b->org;
    for (int side = 0; side < 2; side++) {
        uint32_t pc = side ? pc_false : pc_true;
        if (side) {
            b->st = *other;
            b->st.blk = no;
        }
        b->ended = false;
        b->org = org;
        TOPF(b)->pc = pc;
        if (side ? !seen_false && seen_true : !seen_true && seen_false) {
            leave_at(b, pc, BK_G_BRANCH);
            continue;
        }
        if (b->check_targets) unknown_end(b);
        begin_insn(b, pc);
        flow_goto(b, pc, false);
    }
    b->ended = true;
}

/* the copies of an object have this type */
static void set_type(bk_state *s, bk_ref box, bk_obj *type) {
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->f[i].ci->nlocals + s->f[i].sp; k++) {
            bk_val *v = &s->f[i].slots[k];
            if (v->kind == V_VAL && v->box == box && !v->maybe && !v->type) v->type = type;
        }
}

void flow_by_type(bk_builder *b) {
    const bk_prof *p = prof(b);
    const bk_val *o = top(b, 1);
    if (o->kind != V_VAL || o->type || !o->box || o->maybe || o->clean || (p->flags & BK_PF_GENERIC)) return;
    if (!p->opnd_many[0] || !p->nothers || p->nothers > 3) return;
    bk_obj *types[4] = {p->opnd[0].type};
    for (int i = 0; i < p->nothers; i++) types[i + 1] = p->others[i];
    for (int i = 0; i <= p->nothers; i++)
        if (!bk_py_is_heap_type(types[i])) return;
    bk_ref box = o->box, type = Eload(b, BK_M_PTR, BK_A_TYPE, box, bk_py->layout.type);
    for (int i = 0; i < p->nothers; i++) {
        bk_const(b->fn, types[i]);
        bk_blk other = flow_split(b, E(b, BK_EQ, type, KP(b, types[i])), false);
        bk_version *v = version_new(b);
        v->exact = true;
        v->ctx = TOPF(b)->ctx;
        v->pc = TOPF(b)->pc;
        v->blk = b->st.blk;
        v->start = state_copy(b, &b->st);
        set_type(v->start, box, types[i]);
        b->st.blk = other;
    }
    bk_val last = *o;
    guard_type(b, &last, types[p->nothers]);
    set_type(&b->st, box, types[p->nothers]);
}

bool flow_next(bk_builder *b) {
    if (b->queue >= b->nversions) return false;
    bk_version *v = b->versions[b->queue++];
    bk_state *s = state_copy(b, v->start);
    b->st = *s;
    b->ended = b->unknown = false;
    return true;
}
