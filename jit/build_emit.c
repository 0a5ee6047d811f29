/* What the builder emits: instructions, constants, guards, and the snapshots of the abstract state they leave by. */
#include "build.h"
#include "ir_priv.h"
#include <string.h>

/* ---- emission ----------------------------------------------------------------------------------------------- */

bk_ref placed(bk_builder *b, bk_ref r) {
    if (b->fn->oom) bk_abort(b, BK_AB_MEMORY);
    if (r) b->fn->ins[r].org = b->org;
    return r;
}

bk_ref Et(bk_builder *b, bk_op op, bk_type t, bk_ref x, bk_ref y, bk_ref z) {
    return placed(b, bk_emit(b->fn, b->st.blk, op, t, x, y, z));
}

bk_ref E(bk_builder *b, bk_op op, bk_ref x, bk_ref y) { return Et(b, op, BK_X, x, y, 0); }

bk_ref Eimm(bk_builder *b, bk_op op, bk_ref x, int64_t imm) {
    bk_ref r = E(b, op, x, 0);
    b->fn->ins[r].imm = imm;
    return r;
}

bk_ref guard_by(bk_builder *b, bk_ref r, uint32_t snap) {
    b->fn->ins[r].snap = snap;
    if (++b->guards > (uint32_t)b->rq.params->region_guards) bk_abort(b, BK_AB_TOO_BIG);
    return r;
}

bk_ref Eguarded(bk_builder *b, bk_op op, bk_ref x, bk_ref y, bk_guardkind kind) {
    uint32_t snap = snap_start(b);
    bk_ref r = E(b, op, x, y);
    b->fn->ins[r].imm = kind;
    return guard_by(b, r, snap);
}

bk_ref Eloadx(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off) {
    return placed(b, bk_load(b->fn, b->st.blk, mt, al, base, idx, (uint8_t)scale, off));
}

bk_ref Eload(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, int64_t off) {
    return Eloadx(b, mt, al, base, 0, 0, off);
}

void Estore(bk_builder *b, bk_memtype mt, bk_alias al, bk_ref base, bk_ref idx, int scale, int64_t off, bk_ref v) {
    placed(b, bk_store(b->fn, b->st.blk, mt, al, base, idx, (uint8_t)scale, off, v));
}

bk_ref Ecall(bk_builder *b, bk_helper h, uint32_t n, const bk_ref *args) {
    static const char letters[] = "V1IFSP";
    bk_type t = (bk_type)(strchr(letters, bk_helpers[h].result) - letters);
    return placed(b, bk_emit_list(b->fn, b->st.blk, BK_CALL, t, args, n, h));
}

bk_ref KI(bk_builder *b, int64_t v) { return placed(b, bk_ki(b->fn, v)); }
bk_ref KF(bk_builder *b, double v) { return placed(b, bk_kf(b->fn, v)); }
bk_ref KP(bk_builder *b, const void *p) { return placed(b, bk_kp(b->fn, p)); }

bool is_const(const bk_builder *b, bk_ref r, bk_op op) { return r && b->fn->ins[r].op == op; }
bool is_constant(const bk_builder *b, bk_ref r) {
    bk_op op = (bk_op)b->fn->ins[r].op;
    return op == BK_K_I64 || op == BK_K_F64 || op == BK_K_I1 || op == BK_K_F32;
}

/* A number is known by its instruction: a new object of the value of another is another instruction. */
bk_ref renamed(bk_builder *b, bk_ref num) {
    if (is_constant(b, num)) return num;
    return Et(b, BK_SELECT, (bk_type)b->fn->ins[num].type, bk_kb(b->fn, true), num, num);
}

void guard(bk_builder *b, bk_ref cond, bk_guardkind kind) {
    if (is_const(b, cond, BK_K_I1)) {
        if (b->fn->ins[cond].imm) return;
    }
    Eguarded(b, BK_GUARD, cond, 0, kind);
}

void guard_type(bk_builder *b, bk_val *v, bk_obj *type) {
    if (v->type == type) return;
    uint32_t snap = snap_start(b);
    bk_ref r = E(b, BK_GTYPE, v->box, 0);
    b->fn->ins[r].imm = (int64_t)(intptr_t)type;
    bk_const(b->fn, type); /* its address stays its own */
    guard_by(b, r, snap);
    v->type = type;
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

#define GROW_FN(arr, cap, need)                                                                                        \
    if (!bk_grow(b->fn, (void **)&b->fn->arr, &b->fn->cap, (need), sizeof *b->fn->arr)) bk_abort(b, BK_AB_MEMORY)

static void add_slot(bk_builder *b, bk_slot s) {
    GROW_FN(slots, scap, b->fn->nslots + 1);
    b->fn->slots[b->fn->nslots++] = s;
}

/* a number, with its box where it has one, or a box alone */
static bk_slot plain_slot(bk_builder *b, const bk_val *v) {
    if (v->box && !v->maybe) {
        if (v->own == O_CONST && v->konst) return (bk_slot){.kind = BK_SK_CONST, .sub = bk_const(b->fn, v->konst)};
        return (bk_slot){.kind = v->own == O_OWNED ? BK_SK_OWNED : BK_SK_BORROWED, .a = v->box};
    }
    bk_slot s = {.a = v->num, .b = v->box, .kind = BK_SK_I64};
    if (v->type == bk_types.t_float) s.kind = BK_SK_F64;
    else if (v->type == bk_types.t_bool) s.kind = BK_SK_BOOL;
    else if (v->type == bk_types.t_str) s.kind = BK_SK_CHR;
    else if (v->type == bk_types.t_complex)
        s = (bk_slot){.kind = BK_SK_COMPLEX, .a = v->num, .b = v->num2, .c = v->box};
    else if (v->type != bk_types.t_int)
        s = (bk_slot){
            .kind = BK_SK_NP, .sub = (uint32_t)bk_py_np_typenum(v->type), .a = v->num, .b = v->num2, .c = v->box};
    s.aux = v->own == O_OWNED; /* box, where there is one, is owned by the value */
    if (!is_constant(b, v->num)) s.who = v->num;
    return s;
}

static void snap_val(bk_builder *b, const bk_val *v, uint32_t home);

static void snap_kids(bk_builder *b, const bk_val *v, bk_slot s) {
    s.nkids = v->nkids;
    add_slot(b, s);
    for (int i = 0; i < v->nkids; i++) snap_val(b, &v->kids[i], 0);
}

static void snap_instance(bk_builder *b, const bk_val *v) {
    uint16_t n = (uint16_t)(1 + 2 * v->nkids);
    add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_INSTANCE, .nkids = n, .sub = v->vid});
    add_slot(b, (bk_slot){.kind = BK_SK_CONST, .sub = bk_const(b->fn, v->type)});
    for (int i = 0; i < v->nkids; i++) {
        add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = KI(b, v->where[i])});
        snap_val(b, &v->kids[i], 0);
    }
}

static bk_slot iterator_slot(bk_builder *b, const bk_val *v) {
    if (v->kind == V_SEQIT)
        return (bk_slot){.kind = BK_SK_SEQITER,
                         .aux = (uint8_t)((v->own == O_OWNED) << 1 | v->seq << 2),
                         .sub = v->obj,
                         .a = v->box,
                         .b = v->num};
    return (bk_slot){
        .kind = BK_SK_RANGE, .sub = v->obj, .a = v->num, .b = v->num2, .c = v->nkids ? v->kids[0].num : KI(b, v->step)};
}

static void snap_val(bk_builder *b, const bk_val *v, uint32_t home) {
    bool counts = v->kind == V_RANGEIT || v->kind == V_SEQIT; /* an iterator, also where its object is clean */
    if (v->clean && !counts) {
        add_slot(b, (bk_slot){.kind = BK_SK_HOME, .sub = home});
        return;
    }
    switch (v->kind) {
    case V_NULL: add_slot(b, (bk_slot){.kind = BK_SK_NULL}); break;
    case V_RANGEIT:
    case V_SEQIT: add_slot(b, iterator_slot(b, v)); break;
    case V_TUPLE: snap_kids(b, v, (bk_slot){.kind = BK_SK_TUPLE, .who = v->vid}); break;
    case V_SLICE: snap_kids(b, v, (bk_slot){.kind = BK_SK_SLICE, .who = v->vid}); break;
    case V_INST:
        if (is_array_view(v)) snap_kids(b, v, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_VIEW, .sub = v->vid});
        else snap_instance(b, v);
        break;
    case V_ENUM:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_ENUMERATE, .nkids = 2, .sub = v->obj});
        snap_val(b, &v->kids[0], 0);
        add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = v->num});
        break;
    case V_ZIP: snap_kids(b, v, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_ZIP, .sub = v->obj}); break;
    case V_RANGE:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_RANGE, .nkids = 3});
        for (int i = 0; i < 3; i++) snap_val(b, &v->kids[i], 0);
        break;
    case V_REVERSED:
        add_slot(b, (bk_slot){.kind = BK_SK_VIRTUAL, .aux = BK_VO_REVERSED, .nkids = 2, .sub = v->obj});
        add_slot(b, (bk_slot){.kind = v->own == O_OWNED ? BK_SK_OWNED : BK_SK_BORROWED, .a = v->box});
        add_slot(b, (bk_slot){.kind = BK_SK_I64, .a = v->num});
        break;
    default: add_slot(b, plain_slot(b, v));
    }
}

static uint32_t snap_frames(bk_builder *b, const bk_val *inner, uint32_t inner_sp, uint32_t resume, int kind,
                            int reason) {
    uint32_t first = b->fn->nsframes, skip = b->body ? 1 : 0, n = b->st.n - skip;
    GROW_FN(sframes, sfcap, first + n);
    b->fn->nsframes += n;
    for (uint32_t i = 0; i < n; i++) {
        const bk_bframe *f = &b->st.f[i + skip];
        bool last = i + 1 == n;
        const bk_val *slots = last ? inner : f->slots;
        uint32_t sp = last ? inner_sp : f->sp;
        bk_sframe sf = {.code = f->code,
                        .depth = (uint16_t)sp,
                        .first = b->fn->nslots,
                        .resume = last ? resume : f->ci->insns[f->pc].offset};
        if (f->func) sf.func = bk_const(b->fn, f->func);
        sf.on_stack = f->on_stack;
        sf.finish = f->finish;
        for (uint32_t k = 0; k < f->ci->nlocals + sp; k++) snap_val(b, &slots[k], i + skip == 0 ? k : 0);
        if (last)
            for (uint32_t k = 0; k < b->npassed; k++) snap_val(b, &b->passed[k], 0);
        sf.nslots = b->fn->nslots - sf.first;
        b->fn->sframes[first + i] = sf;
    }
    GROW_FN(snaps, snapcap, b->fn->nsnaps + 1);
    b->fn->snaps[b->fn->nsnaps] =
        (bk_snap){.frame = first, .nframes = n, .kind = (uint8_t)kind, .reason = (uint8_t)reason, .org = b->org};
    return b->fn->nsnaps++;
}

/* a CALL behind KW_NAMES is one instruction with it: the names are not kept in the frame */
static uint32_t f_resume(bk_builder *b) {
    const bk_bframe *f = TOPF(b);
    uint32_t pc = b->kwnames && f->pc > 0 && f->ci->insns[f->pc - 1].op == BC_KW_NAMES ? f->pc - 1 : f->pc;
    return f->ci->insns[pc].offset;
}

/* a modular int cannot be made whole again: leave to where its computation began */
static uint32_t modular_snap(bk_builder *b) {
    const bk_bframe *f = TOPF(b);
    for (uint32_t k = 0; k < b->saved_sp; k++) {
        const bk_val *v = &b->saved[f->ci->nlocals + k];
        if (v->modular) return v->mod_snap;
    }
    return 0;
}

uint32_t snap_start(bk_builder *b) {
    if (!b->snap_start && !b->effects) b->snap_start = modular_snap(b);
    if (!b->snap_start) {
        if (b->effects) bk_abort(b, BK_AB_VERIFY); /* a guard behind an effect: an error of the builder */
        b->snap_start = snap_frames(b, b->saved, b->saved_sp, f_resume(b), BK_SNAP_RESUME, BK_G_NONE);
    }
    return b->snap_start;
}

uint32_t snap_now(bk_builder *b, uint32_t pc, int kind, int reason) {
    bk_bframe *f = TOPF(b);
    return snap_frames(b, f->slots, f->sp, f->ci->insns[pc].offset, kind, reason);
}

void leave_at(bk_builder *b, uint32_t pc, bk_guardkind reason) {
    uint32_t snap = snap_now(b, pc, BK_SNAP_RESUME, reason);
    bk_ref r = E(b, BK_EXIT, 0, 0);
    b->fn->ins[r].snap = snap;
    b->fn->ins[r].imm = reason;
    b->ended = true;
}

void leave(bk_builder *b, bk_guardkind reason) {
    if (b->body && reason == BK_G_NYI && !bk_leaves_here(b) && bk_is_hot_place(b)) bk_body_give_up(b);
    bk_ref r = E(b, BK_EXIT, 0, 0);
    b->fn->ins[r].snap = snap_start(b);
    b->fn->ins[r].imm = reason;
    b->ended = true;
}
