/* Ownership of references: who holds a value, what dies when it goes, what locals lend. */
#include "build.h"
#include "ir_priv.h"
#include <string.h>

/* ---- ownership -------------------------------------------------------------------------------------------------- */

void secure(bk_builder *b, bk_val *v) {
    if (v->kind == V_TUPLE || v->kind == V_SLICE || v->kind == V_ZIP || v->kind == V_ENUM) {
        for (int i = 0; i < v->nkids; i++) secure(b, &v->kids[i]);
        return;
    }
    view_secure(b, v);
    if (v->own != O_VOLATILE || !v->box) return;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
}

void each_val(bk_builder *b, void (*fn)(bk_builder *, bk_val *, uint64_t), uint64_t arg) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) fn(b, &f->slots[k], arg);
    }
}

static void secure_volatile(bk_builder *b, bk_val *v, uint64_t unused) {
    (void)unused;
    secure(b, v);
}

/* the real frame's locals borrow from their own home slots only: stacks and inlined frames are left to look at, and the
 * value that is being stored */
static void each_borrower(bk_builder *b, void (*fn)(bk_builder *, bk_val *, uint64_t), uint64_t arg) {
    if (b->in_hand) fn(b, b->in_hand, arg);
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = i ? 0 : f->ci->nlocals; k < f->ci->nlocals + f->sp; k++) fn(b, &f->slots[k], arg);
    }
}

void secure_homes(bk_builder *b, bk_val *v, uint64_t mask) {
    if (v->kind == V_RANGEIT) return; /* of its step, only the number matters */
    view_secure_homes(b, v, mask);
    for (int i = 0; i < v->nkids && v->kind != V_INST; i++) secure_homes(b, &v->kids[i], mask);
    if (v->own != O_HOMES || v->clean || !v->box || !(v->homes & mask)) return;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
}

void secure_borrowers(bk_builder *b, uint64_t mask) { each_borrower(b, secure_homes, mask); }

void begin_effect(bk_builder *b) {
    each_val(b, secure_volatile, 0);
    b->effects = true;
    if (b->nmade) bk_share_boxes(b);
    b->neffects++;
}

/* an object that is never counted: no reference to it needs to be taken */
static bool immortal(const bk_val *v) {
    return v->type == bk_types.t_bool || v->type == bk_types.t_none_type || (v->konst && bk_py_is_immortal(v->konst));
}

bk_ref take(bk_builder *b, bk_val *v) {
    bk_ref p = boxed(b, v);
    if (v->own != O_OWNED && !immortal(v)) E(b, BK_INCREF, p, 0);
    v->own = O_NONE;
    return p;
}

/* Does the instance go here for the first time? Several of the values that go may hold it. */
static bool goes_first(bk_builder *b, uint32_t vid) {
    for (uint32_t i = 0; i < b->ngone; i++)
        if (b->gone[i] == vid) return false;
    if (b->ngone == BK_MOSTDYING) bk_abort(b, BK_AB_TOO_BIG);
    b->gone[b->ngone++] = vid;
    return true;
}

static void collect(bk_builder *b, const bk_val *v, const bk_val *going, uint32_t n) {
    if (v->kind == V_INST) { /* its attributes go with its last copy */
        uint32_t copies = 0;
        for (uint32_t i = 0; i < n; i++) copies += inst_count(&going[i], v->vid);
        if (inst_copies(b, v->vid) > copies || !goes_first(b, v->vid)) return;
    }
    for (int i = 0; i < v->nkids; i++) collect(b, &v->kids[i], going, n);
    if ((v->kind != V_VAL && v->kind != V_SEQIT && v->kind != V_REVERSED) || v->own != O_OWNED ||
        simple_type(v->type) || v->konst)
        return;
    b->fresh_dies |= v->fresh;
    collect_object(b, v->box);
}

void collect_object(bk_builder *b, bk_ref p) {
    if (b->ndying == BK_MOSTDYING) bk_abort(b, BK_AB_TOO_BIG);
    b->dying[b->ndying++] = p;
}

void collect_deaths(bk_builder *b, const bk_val *going, uint32_t n) {
    b->ngone = 0;
    for (uint32_t i = 0; i < n; i++) collect(b, &going[i], going, n);
}

void collect_copies(bk_builder *b, const bk_val *v, uint32_t n) {
    bk_val *going = alloc(b, (n + 1) * sizeof *going);
    for (uint32_t i = 0; i < n; i++) going[i] = *v;
    b->ngone = 0;
    collect(b, v, going, n);
}

/* every object has more references than go; few are compared, of many each may be all the same one */
static void guard_survival(bk_builder *b, const bk_ref *d, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        bk_ref count = Eload(b, BK_M_U32, BK_A_REFCNT, d[i], bk_py->layout.refcnt);
        bk_ref go = KI(b, n <= 3 ? 1 : n);
        for (uint32_t k = 0; k < n && n <= 3; k++)
            if (k != i) go = E(b, BK_ADD, go, d[k] == d[i] ? KI(b, 1) : E(b, BK_B2I, E(b, BK_EQ, d[k], d[i]), 0));
        guard(b, n == 1 ? E(b, BK_NE, count, go) : E(b, BK_GT, count, go), BK_G_LAST_REF);
    }
}

void guard_deaths(bk_builder *b) {
    uint32_t n = b->ndying;
    bool dies = (prof(b)->flags & BK_PF_DIES) || b->fresh_dies;
    b->ndying = 0;
    b->fresh_dies = false;
    if (!dies || n > 8) {
        guard_survival(b, b->dying, n);
        return;
    }
    bk_ref d[8], ok = 0;
    for (uint32_t i = 0; i < 8; i++) d[i] = i < n ? b->dying[i] : KP(b, NULL);
    if (n == 1) ok = CALLH(b, BK_H_quiet_death, d[0]);
    else if (n == 2) ok = CALLH(b, BK_H_quiet_deaths2, d[0], d[1]);
    else if (n <= 4) ok = CALLH(b, BK_H_quiet_deaths4, d[0], d[1], d[2], d[3]);
    else if (n) ok = CALLH(b, BK_H_quiet_deaths8, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
    if (n) guard(b, ok, BK_G_DESTRUCTOR);
}

void check_releases(bk_builder *b, const bk_val *going, uint32_t n) {
    collect_deaths(b, going, n);
    guard_deaths(b);
}

void check_death(bk_builder *b, bk_ref p) {
    collect_object(b, p);
    guard_deaths(b);
}

void check_release(bk_builder *b, const bk_val *v) { check_releases(b, v, 1); }

void check_survives(bk_builder *b, const bk_val *v) {
    if (v->own == O_OWNED && !simple_type(v->type)) guard_survival(b, &v->box, 1);
}

static void release_one(bk_builder *b, bk_val *v);

static void release_inst(bk_builder *b, bk_val *v) {
    bk_val gone = *v;
    *v = v_null();
    if (inst_copies(b, gone.vid) || !goes_first(b, gone.vid)) return;
    for (int i = 0; i < gone.nkids; i++) {
        bk_val kid = gone.kids[i];
        release_one(b, &kid);
    }
}

static void release_one(bk_builder *b, bk_val *v) {
    if (v->kind == V_INST) {
        release_inst(b, v);
        return;
    }
    for (int i = 0; i < v->nkids; i++) release_one(b, &v->kids[i]);
    if (v->own != O_OWNED || !v->box) return;
    bool simple = simple_type(v->type) || v->konst || v->maybe;
    E(b, v->maybe ? BK_XDECREFN : simple ? BK_DECREFN : BK_DECREFQ, v->box, 0);
    v->own = O_NONE;
}

void release_all(bk_builder *b, bk_val *v, uint32_t n) {
    b->ngone = 0;
    for (uint32_t i = 0; i < n; i++) release_one(b, &v[i]);
}

void release(bk_builder *b, bk_val *v) { release_all(b, v, 1); }

/* ---- locals ------------------------------------------------------------------------------------------------------ */

void lend_kids(bk_builder *b, bk_val *v) {
    bk_val *kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) {
        if (kids[i].own == O_OWNED) kids[i].own = O_VOLATILE;
        if (kids[i].kind == V_TUPLE || kids[i].kind == V_SLICE) lend_kids(b, &kids[i]);
    }
    v->kids = kids;
}

bk_val load_local(bk_builder *b, uint32_t slot) {
    bk_val *l = &TOPF(b)->slots[slot];
    if (l->kind == V_NULL) return *l;
    if (is_outer(b) && l->clean && !l->box && l->kind == V_VAL) {
        l->box = Eimm(b, BK_HLOAD, 0, slot);
        l->own = O_HOMES;
        l->homes = home_bit(slot);
        l->maybe = false;
    }
    bk_val v = *l;
    v.clean = false;
    /* what a local of an inlined frame owns is lent to its copies: they take their own reference at an effect */
    if (v.own == O_OWNED) v.own = O_VOLATILE;
    if (v.kind == V_TUPLE || v.kind == V_SLICE) lend_kids(b, &v);
    return v;
}

/* the old content of a home slot that is overwritten or dropped, known to be simple or not the last reference */
static void drop_home(bk_builder *b, bk_ref old) { E(b, BK_XDECREFN, old, 0); }

static bool cross_borrows(bk_builder *b, uint32_t slot) {
    const bk_val *l = &b->st.f[0].slots[slot];
    return l->kind == V_VAL && !l->clean && l->box && l->own == O_HOMES && (l->homes & ~home_bit(slot));
}

/* Locals of the real frame whose boxes may stand in other locals' home slots get them into their own: those slots are
 * about to change; so do those that are the same number. All references are taken before the first slot is written, for
 * the borrowing may go in circles. */
void settle_boxes(bk_builder *b, uint64_t mask) {
    const bk_codeinfo *ci = b->st.f[0].ci;
    const bk_val *l = b->st.f[0].slots;
    bool any = false;
    for (uint32_t i = 0; i < ci->nlocals; i++) any |= cross_borrows(b, i) && (l[i].homes & mask);
    if (!any) return;
    bk_ref *boxes = alloc(b, ci->nlocals * sizeof *boxes);
    bool *written = alloc(b, ci->nlocals);
    uint64_t homes = 0;
    for (uint32_t i = 0; i < ci->nlocals; i++) {
        if (!cross_borrows(b, i)) continue;
        for (uint32_t k = 0; k < ci->nlocals; k++) written[k] |= k == i || bk_one_local(b, &l[i], &l[k]);
    }
    for (uint32_t i = 0; i < ci->nlocals; i++) homes |= written[i] ? home_bit(i) : 0;
    each_borrower(b, secure_homes, homes);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (cross_borrows(b, i)) CALLH(b, BK_H_box_ref, boxes[i] = l[i].box);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (written[i]) bk_sync_shared(b, i);
    for (uint32_t i = 0; i < ci->nlocals; i++)
        if (boxes[i]) CALLH(b, BK_H_box_unref, boxes[i]);
}

void vacate_homes(bk_builder *b, uint64_t mask) {
    settle_boxes(b, mask);
    each_borrower(b, secure_homes, mask);
}

/* does a value borrow from the slot, but those of the locals slot and other? then its object outlives the slot */
static bool is_lent(bk_builder *b, uint64_t bit, uint32_t slot, uint32_t other) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) {
            const bk_val *v = &f->slots[k];
            if (!(i == 0 && (k == slot || k == other)) && v->own == O_HOMES && v->homes == bit && slot < 63 && v->box &&
                !v->maybe)
                return true;
        }
    }
    return false;
}

static bool holds_object(bk_builder *b, uint32_t slot, uint32_t other) {
    const bk_val *l = &TOPF(b)->slots[slot];
    return is_outer(b) && l->clean && l->kind != V_NULL && !l->simple && !simple_type(l->type) &&
           !is_lent(b, home_bit(slot), slot, other);
}

bool dies_loudly(bk_builder *b) { return (prof(b)->flags & (BK_PF_DIES | BK_PF_LOUD)) == (BK_PF_DIES | BK_PF_LOUD); }

bool store_kills(bk_builder *b, uint32_t slot) { return dies_loudly(b) && holds_object(b, slot, slot); }

void check_overwrite(bk_builder *b, uint32_t slot) { check_overwrites(b, slot, slot); }

void check_overwrites(bk_builder *b, uint32_t first, uint32_t second) {
    bk_val went[2] = {TOPF(b)->slots[first], TOPF(b)->slots[second]};
    uint32_t n = 0;
    for (uint32_t k = 0; k < (first == second ? 1 : 2); k++) {
        uint32_t slot = k ? second : first;
        if (holds_object(b, slot, k ? first : second)) {
            bk_ref old = load_local(b, slot).box;
            guard(b, E(b, BK_NE, old, KP(b, NULL)), BK_G_UNBOUND); /* a merge may have made it unbound or bound */
            collect_object(b, old);
        }
        if (!is_outer(b) || went[k].kind == V_INST) went[n++] = went[k];
    }
    collect_deaths(b, went, n);
    guard_deaths(b);
}

void store_dying(bk_builder *b, uint32_t slot, bk_val v) {
    uint32_t at = TOPF(b)->sp++; /* on the stack while the frame is synced */
    bk_val *t = &TOPF(b)->slots[TOPF(b)->ci->nlocals + at];
    *t = v;
    if (v.kind != V_NULL) boxed(b, t);
    unknown_begin(b);
    each_borrower(b, secure_homes, home_bit(slot)); /* the old object may die: others that borrow it, and v itself */
    v = *t;
    TOPF(b)->sp--;
    bk_ref p = v.kind == V_NULL ? KP(b, NULL) : v.box;
    if (v.kind != V_NULL && v.own != O_OWNED) E(b, BK_INCREF, p, 0);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    E(b, BK_XDECREF, old, 0);
    v.own = v.konst ? O_CONST : O_HOMES;
    v.homes = home_bit(slot);
    v.clean = true;
    TOPF(b)->slots[slot] = v;
}

void put_home(bk_builder *b, uint32_t slot, bk_ref p) {
    uint64_t bit = home_bit(slot);
    settle_boxes(b, bit);
    each_borrower(b, secure_homes, bit);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    drop_home(b, old);
}

/* before a home slot is written: who borrows its object, or one of a slot that is written for its sake, gets a
 * reference */
static void free_home(bk_builder *b, uint64_t bit, bk_val *v) {
    begin_effect(b);
    b->in_hand = v;
    settle_boxes(b, bit);
    each_borrower(b, secure_homes, bit);
    b->in_hand = NULL;
}

static void store_outer(bk_builder *b, uint32_t slot, bk_val v) {
    bk_bframe *f = TOPF(b);
    bk_val *l = &f->slots[slot];
    uint64_t bit = home_bit(slot);
    bool object = l->clean && l->kind != V_NULL && !l->simple && !simple_type(l->type);
    bool keep_unboxed = (v.kind == V_VAL && v.num && (!v.box || v.own == O_CONST || v.maybe)) || v.kind == V_INST;
    if (!keep_unboxed && v.kind != V_NULL) boxed(b, &v);
    if (keep_unboxed) {
        if (object || v.own == O_OWNED) free_home(b, bit, &v);
        if (object) {
            bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
            Eimm(b, BK_HSTORE, KP(b, NULL), slot);
            E(b, BK_DECREFQ, old, 0);
        }
        if (v.own == O_OWNED && v.box) { /* owned but perhaps NULL: the slot holds it, or nothing */
            bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
            Eimm(b, BK_HSTORE, v.box, slot);
            drop_home(b, old);
            v.own = O_HOMES;
            v.homes = bit;
        }
        v.clean = false;
        *l = v;
        return;
    }
    free_home(b, bit, &v);
    bk_ref p = v.kind == V_NULL ? KP(b, NULL) : v.box;
    if (v.kind != V_NULL && v.own != O_OWNED) E(b, BK_INCREF, p, 0);
    bk_ref old = Eimm(b, BK_HLOAD, 0, slot);
    Eimm(b, BK_HSTORE, p, slot);
    if (object) E(b, BK_DECREFQ, old, 0);
    else if (!(l->clean && l->kind == V_NULL)) drop_home(b, old);
    v.own = v.konst ? O_CONST : O_HOMES;
    v.homes = bit;
    v.clean = true;
    *l = v;
}

static bool owns(const bk_val *v) {
    if (v->own == O_OWNED) return true;
    for (int i = 0; i < v->nkids; i++)
        if (owns(&v->kids[i])) return true;
    return false;
}

void store_local(bk_builder *b, uint32_t slot, bk_val v) {
    bk_val *l = &TOPF(b)->slots[slot], was = *l;
    if (is_outer(b)) view_own(b, &v);
    if (was.kind == V_INST) { /* the new value first: it may be the same instance */
        begin_effect(b);
        secure(b, &v);
        if (is_outer(b)) *l = (bk_val){.kind = V_NULL};
    }
    if (is_outer(b)) store_outer(b, slot, v);
    else {
        if (was.kind != V_INST && owns(&was)) {
            begin_effect(b);
            secure(b, &v);
            release(b, &was);
        }
        *l = v;
    }
    if (was.kind == V_INST) release(b, &was);
}
