/* Virtual instances: an instance of a Python class that nobody else has seen yet is not made. Its attributes are values
 * of the builder, in the order in which they were set; copies of it in the state share an identity. It is made where it
 * escapes (inst_force) and where native code is left.
 *
 * What an attribute holds it owns, if its reference counts, so copies of states may share the attributes. */
#include "build_np.h"
#include <string.h>

enum { MAX_ATTRS = 16 };

bk_val inst_new(bk_builder *b, bk_obj *type) {
    bk_const(b->fn, type);
    return (bk_val){.kind = V_INST, .type = type, .vid = ++b->nvid};
}

/* ---- identity ---- */

uint32_t inst_count(const bk_val *v, uint32_t vid) {
    uint32_t n = v->kind == V_INST && v->vid == vid;
    for (int i = 0; i < v->nkids; i++) n += inst_count(&v->kids[i], vid);
    return n;
}

uint32_t inst_copies(bk_builder *b, uint32_t vid) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->st.n; i++) {
        const bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) n += inst_count(&f->slots[k], vid);
    }
    return n;
}

bool holds_inst(const bk_val *v) {
    if (v->kind == V_INST) return true;
    for (int i = 0; i < v->nkids; i++)
        if (holds_inst(&v->kids[i])) return true;
    return false;
}

/* every copy of the instance becomes `to` */
static void replace(bk_builder *b, bk_val *v, uint32_t vid, const bk_val *to) {
    if (v->kind == V_INST && v->vid == vid) {
        *v = *to;
        return;
    }
    if (!inst_count(v, vid)) return;
    v->kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) replace(b, &v->kids[i], vid, to);
}

void inst_replace(bk_builder *b, uint32_t vid, const bk_val *to) {
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) replace(b, &f->slots[k], vid, to);
    }
}

/* ---- attributes ---- */

static int find(const bk_val *o, uint32_t where) {
    for (int i = 0; i < o->nkids; i++)
        if (o->where[i] == where) return i;
    return -1;
}

static int64_t place(const bk_attr *at) {
    if (at->kind == BK_AT_INLINE && at->index < 255) return at->index;
    if (at->kind == BK_AT_SLOT && at->offset < 65536) return at->offset;
    return -1;
}

bool inst_load(bk_builder *b, const bk_val *o, bk_obj *name, bool method, bk_val *out, bk_val *self) {
    bk_attr at;
    *self = v_null();
    bk_py_attr(b->rq.ticket, o->type, name, false, &at);
    if (at.kind == BK_AT_CLASSVAR || (at.kind == BK_AT_METHOD && method)) {
        *out = v_konst(b, at.value); /* no instance has an attribute of that name */
        if (at.kind == BK_AT_METHOD) self->kind = V_VAL;
        return true;
    }
    int64_t where = place(&at);
    int i = where < 0 ? -1 : find(o, (uint32_t)where);
    if (i < 0) return false;
    *out = o->kids[i];
    if (out->own == O_OWNED) out->own = O_VOLATILE;
    return true;
}

/* the value as an attribute keeps it; false: it is no plain value */
static bool keep(bk_builder *b, bk_val *v) {
    v->clean = false;
    if (v->kind == V_INST) return true;
    if (v->kind != V_VAL) return false;
    if (!v->box || v->own == O_OWNED || v->own == O_CONST || (v->own == O_HOMES && !v->homes)) return true;
    E(b, v->maybe ? BK_XINCREF : BK_INCREF, v->box, 0);
    v->own = O_OWNED;
    return true;
}

bool inst_can_store(bk_builder *b, const bk_val *o, bk_obj *name, const bk_val *v, int64_t *where) {
    bk_attr at;
    if (v->kind != V_VAL && v->kind != V_INST) return false;
    if (v->kind == V_VAL && !v->box && !v->num) return false;
    if (v->kind == V_INST && inst_count(v, o->vid)) return false; /* a cycle */
    bk_py_attr(b->rq.ticket, o->type, name, true, &at);
    *where = place(&at);
    return *where >= 0 && (find(o, (uint32_t)*where) >= 0 || o->nkids < MAX_ATTRS);
}

/* the value (not in the state any more) becomes an attribute; what it replaces was checked before */
void inst_store(bk_builder *b, bk_val *o, int64_t where, bk_val v) {
    uint32_t vid = o->vid;
    int i = find(o, (uint32_t)where);
    bk_val fresh = *o, old = {.kind = V_NULL};
    keep(b, &v);
    fresh.kids = copy_kids(b, o, (uint8_t)(o->nkids + 1));
    if (i < 0) {
        i = fresh.nkids++;
        uint16_t *at = alloc(b, fresh.nkids * sizeof *at);
        if (i) memcpy(at, o->where, (size_t)i * sizeof *at);
        at[i] = (uint16_t)where;
        fresh.where = at;
    } else old = fresh.kids[i];
    fresh.kids[i] = v;
    inst_replace(b, vid, &fresh);
    *o = fresh;
    release(b, &old);
}

/* before effects: what the attribute holds can be dropped */
void inst_check_store(bk_builder *b, const bk_val *o, int64_t where) {
    int i = find(o, (uint32_t)where);
    if (i < 0) return;
    collect_copies(b, &o->kids[i], inst_copies(b, o->vid)); /* each copy of o holds one */
    guard_deaths(b);
}

/* ---- making ---- */

static int64_t order_word(const bk_val *v, int from) {
    uint64_t w = 0;
    for (int i = from; i < v->nkids && i < from + 8; i++) w |= (uint64_t)(v->where[i] & 0xff) << (8 * (i - from));
    return (int64_t)w;
}

/* The object with its attributes, a new reference. Guards (memory) come first; then references move. */
static bk_ref make(bk_builder *b, bk_val *v, bk_ref *boxes) {
    bk_attr at;
    bk_py_layout(v->type, &at);
    bk_val *kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) {
        int same = 0; /* one number in two attributes is one object */
        while (same < i && !(kids[i].num && !v->kids[i].box && !v->kids[same].box && v->kids[same].num == kids[i].num &&
                             v->kids[same].num2 == kids[i].num2 && v->kids[same].type == kids[i].type))
            same++;
        boxes[i] = same < i ? boxes[same] : boxed(b, &kids[i]);
    }
    bk_ref n = KI(b, at.inst_values ? v->nkids : 0);
    bk_ref o = CALLH(b, BK_H_inst_new, KP(b, v->type), n, KI(b, order_word(v, 0)), KI(b, order_word(v, 8)));
    guard(b, E(b, BK_NE, o, KP(b, NULL)), BK_G_MEMORY);
    bk_ref base = o;
    int64_t first = 0, unit = 1;
    if (at.inst_values) {
        first = at.values_off;
        unit = 8;
        if (at.indirect) base = E(b, BK_I2P, E(b, BK_SUB, Eload(b, BK_M_I64, BK_A_KEYS, o, at.valid_off), KI(b, 1)), 0);
    }
    for (int i = 0; i < v->nkids; i++) {
        if (kids[i].own != O_OWNED) E(b, BK_INCREF, boxes[i], 0);
        Estore(b, BK_M_PTR, BK_A_INST, base, 0, 0, first + unit * v->where[i], boxes[i]);
    }
    return o;
}

static bool is_outer_local(bk_builder *b, const bk_val *v, uint32_t *slot) {
    const bk_bframe *f = &b->st.f[0];
    *slot = (uint32_t)(v - f->slots);
    return v >= f->slots && v < f->slots + f->ci->nlocals;
}

void inst_share_box(bk_builder *b, const bk_val *v, const bk_val *was, bk_ref box) {
    uint32_t vid = v->vid;
    bk_val fresh = *v;
    fresh.kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) {
        bk_val *k = &fresh.kids[i];
        if (k->kind != V_VAL || !k->num || k->num != was->num || k->num2 != was->num2 || k->type != was->type) continue;
        if (k->box != was->box || (k->box && !k->maybe)) continue;
        E(b, BK_INCREF, box, 0);
        if (k->own == O_OWNED && k->box) E(b, BK_XDECREFN, k->box, 0);
        k->box = box;
        k->maybe = false;
        k->own = O_OWNED;
    }
    inst_replace(b, vid, &fresh);
    for (int i = 0; i < fresh.nkids; i++)
        if (fresh.kids[i].kind == V_INST) inst_share_box(b, &fresh.kids[i], was, box);
}

/* An instance that is made, and how far the state knows of it: whether a copy has the new reference yet, and the
 * instances that have it as an attribute, with their attributes then. */
typedef struct {
    uint32_t vid;
    bk_val made;
    bool taken;
    uint32_t nholders, holder[BK_MOSTDYING];
    bk_val *kids[BK_MOSTDYING];
} bk_settling;

static void settle_copy(bk_builder *b, bk_val *v, bk_settling *s);

/* copies of an instance have the same attributes, and these one reference */
static void settle_kids(bk_builder *b, bk_val *v, bk_settling *s) {
    uint32_t n = 0;
    bool inst = v->kind == V_INST;
    while (n < s->nholders && !(inst && s->holder[n] == v->vid)) n++;
    if (n < s->nholders) {
        v->kids = s->kids[n];
        return;
    }
    v->kids = copy_kids(b, v, v->nkids);
    for (int i = 0; i < v->nkids; i++) settle_copy(b, &v->kids[i], s);
    if (!inst) return;
    if (s->nholders == BK_MOSTDYING) bk_abort(b, BK_AB_TOO_BIG);
    s->holder[s->nholders] = v->vid;
    s->kids[s->nholders++] = v->kids;
}

/* copies in the state get references of their own; the first takes the new one */
static void settle_copy(bk_builder *b, bk_val *v, bk_settling *s) {
    if (v->kind != V_INST || v->vid != s->vid) {
        if (inst_count(v, s->vid)) settle_kids(b, v, s);
        return;
    }
    if (s->taken) E(b, BK_INCREF, s->made.box, 0);
    s->taken = true;
    uint32_t slot;
    if (!is_outer_local(b, v, &slot)) {
        *v = s->made;
        return;
    }
    *v = v_null(); /* nothing stands in the slot that matters while boxes are settled */
    put_home(b, slot, s->made.box);
    *v = s->made;
    v->own = O_HOMES;
    v->homes = home_bit(slot);
    v->clean = true;
}

static bk_val *find_in(bk_val *v, uint32_t vid) {
    bk_val *found = v->kind == V_INST && v->vid == vid ? v : NULL;
    for (int i = 0; i < v->nkids && !found; i++) found = find_in(&v->kids[i], vid);
    return found;
}

static bk_val *find_in_state(bk_builder *b, uint32_t vid) {
    bk_val *found = NULL;
    for (uint32_t i = 0; i < b->st.n && !found; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp && !found; k++) found = find_in(&f->slots[k], vid);
    }
    return found;
}

/* an instance in the value whose attributes hold none; NULL: there is none */
static const bk_val *innermost(const bk_val *v) {
    const bk_val *found = NULL;
    for (int i = 0; i < v->nkids && !found; i++) found = innermost(&v->kids[i]);
    return found ? found : v->kind == V_INST ? v : NULL;
}

/* makes one whose attributes hold no instance; afterwards the kids of all values that had it are others */
static void force_one(bk_builder *b, uint32_t vid) {
    bk_val *v = find_in_state(b, vid);
    if (!v) bk_abort(b, BK_AB_VERIFY); /* only what stands in the state can be forced */
    bk_val gone = *v;
    bool view = is_array_view(v);
    if (view) view_check_make(b, v);
    bk_ref boxes[MAX_ATTRS] = {0};
    bk_val made = v_owned(v->type, view ? view_make(b, v) : make(b, v, boxes));
    if (view) {
        made.nd = view_key(v);
        made.nd_ok = true;
    }
    uint32_t nmade = b->nmade;
    b->nmade = 0; /* numbers that were boxed are shared when the instance holds them */
    begin_effect(b);
    if (view) gone = *v; /* perhaps secured by that */
    bk_settling s = {.vid = vid, .made = made};
    for (uint32_t i = 0; i < b->st.n; i++) {
        bk_bframe *f = &b->st.f[i];
        for (uint32_t k = 0; k < f->ci->nlocals + f->sp; k++) settle_copy(b, &f->slots[k], &s);
    }
    b->nmade = nmade;
    b->share_operands = true;
    bk_share_boxes(b);
    b->share_operands = false;
    if (view) {
        bk_val array = gone.kids[0];
        release(b, &array);
    }
    begin_insn(b, TOPF(b)->pc);
}

void inst_force(bk_builder *b, bk_val *v) {
    if (v->kind != V_INST) return;
    uint32_t vid = v->vid;
    for (const bk_val *o = v; o; o = find_in_state(b, vid)) force_one(b, innermost(o)->vid);
}

void inst_force_all(bk_builder *b, bk_val *v) {
    for (const bk_val *o; (o = innermost(v));) force_one(b, o->vid);
}

void force_operands(bk_builder *b, uint32_t n) {
    for (uint32_t k = 1; k <= n && k <= TOPF(b)->sp; k++)
        if (holds_inst(top(b, k))) inst_force_all(b, top(b, k));
}

void force_outer_locals(bk_builder *b) {
    bk_bframe *f = &b->st.f[0];
    for (uint32_t i = 0; i < f->ci->nlocals; i++)
        if (holds_inst(&f->slots[i])) inst_force_all(b, &f->slots[i]);
}

/* At a merge an instance has one place: those with more are made. */
static bool force_shared_in(bk_builder *b, bk_val *v) {
    if (v->kind == V_INST && inst_copies(b, v->vid) > 1) {
        inst_force(b, v);
        return true;
    }
    for (int i = 0; i < v->nkids; i++)
        if (force_shared_in(b, &v->kids[i])) return true;
    return false;
}

void force_shared(bk_builder *b) {
    for (uint32_t i = 0; i < b->st.n; i++)
        for (uint32_t k = 0; k < b->st.f[i].ci->nlocals + b->st.f[i].sp; k++)
            while (force_shared_in(b, &b->st.f[i].slots[k])) {}
}
