/* Numbers that several variables hold where states meet.
 *
 * Each variable has a phi of its own there, so that a box made for one would not be given to the others. Which phis are
 * one number is known when the function is built (build_who.c). So the pairs that were asked for are noted; where one
 * that was taken for two is one, the function is built again knowing that. */
#include "build.h"
#include <stdlib.h>

enum { MOST_ASKED = 512, MOST_TWINS = 512, MOST_PAIRS = 64, MOST_RESTARTS = 20 };

/* two slots of a place; kept over restarts */
typedef struct {
    uint32_t ctx, pc, slot[2];
    bool apart; /* they turned out to be two */
} bk_pair;

typedef struct {
    bk_ref num[2];
    uint32_t pair;
} bk_twin;

typedef struct {
    bk_ref num[2], box[2];
    uint32_t pair; /* number + 1 of what they were taken for; 0: for two */
} bk_question;

struct bk_twins {
    bk_pair pair[MOST_PAIRS];
    uint32_t npairs;
    bk_twin twin[MOST_TWINS];
    bk_question asked[MOST_ASKED];
    uint32_t ntwins, nasked; /* of this attempt */
};

bk_twins *bk_twins_new(void) { return calloc(1, sizeof(bk_twins)); }

void bk_twins_reset(bk_twins *t) { t->ntwins = t->nasked = 0; }

static bool matches(const bk_ref *a, bk_ref p, bk_ref q) {
    return (a[0] == p && a[1] == q) || (a[0] == q && a[1] == p);
}

/* an unboxed number as it came out of phis */
static bool is_merged(const bk_builder *b, const bk_val *v) {
    return v->kind == V_VAL && v->num && v->box && v->maybe && !v->clean && v->own == O_HOMES &&
           b->fn->ins[v->num].op == BK_PHI && b->fn->ins[v->box].op == BK_PHI;
}

bool bk_is_twin(bk_builder *b, const bk_val *v, const bk_val *w) {
    bk_twins *t = b->twins;
    if (v->num == w->num || v->type != w->type || !is_merged(b, v) || !is_merged(b, w)) return false;
    if (b->fn->ins[v->num].block != b->fn->ins[w->num].block) return false;
    uint32_t pair = 0;
    for (uint32_t i = 0; i < t->ntwins && !pair; i++)
        if (matches(t->twin[i].num, v->num, w->num)) pair = t->twin[i].pair + 1;
    for (uint32_t i = 0; i < t->nasked; i++)
        if (matches(t->asked[i].num, v->num, w->num)) return pair != 0;
    if (t->nasked == MOST_ASKED) return false;
    t->asked[t->nasked++] = (bk_question){{v->num, w->num}, {v->box, w->box}, pair};
    return pair != 0;
}

bk_ref bk_twin_box(bk_builder *b, const bk_val *w, bk_ref box) {
    bk_need_object(b, w->box);
    return Et(b, BK_SELECT, BK_P, E(b, BK_NE, w->box, KP(b, NULL)), w->box, box);
}

static void add_twin(bk_twins *t, const bk_version *v, uint32_t pair, int which) {
    const bk_vslot *p = &v->slots[t->pair[pair].slot[0]], *q = &v->slots[t->pair[pair].slot[1]];
    if (t->ntwins < MOST_TWINS) t->twin[t->ntwins++] = (bk_twin){{p->num[which], q->num[which]}, pair};
}

static bool may_be_twins(const bk_vslot *p, const bk_vslot *q) { /* what is dead may have no box, but BK_BOX_KEEP */
    return p->repr == R_NUM && q->repr == R_NUM && !p->dead && !q->dead && p->type == q->type;
}

void bk_note_twins(bk_builder *b, const bk_version *v) {
    bk_twins *t = b->twins;
    for (uint32_t i = 0; i < t->npairs; i++) {
        const bk_pair *p = &t->pair[i];
        if (p->apart || p->ctx != v->ctx || p->pc != v->pc || p->slot[0] >= v->nslots || p->slot[1] >= v->nslots)
            continue;
        if (!may_be_twins(&v->slots[p->slot[0]], &v->slots[p->slot[1]])) continue;
        add_twin(t, v, i, 0);
        if (v->header) add_twin(t, v, i, 1);
    }
}

static bool slot_of(const bk_version *v, bk_ref num, uint32_t *slot) {
    for (*slot = 0; *slot < v->nslots; ++*slot)
        if (v->slots[*slot].num[0] == num || v->slots[*slot].num[1] == num) return true;
    return false;
}

static bool known_pair(const bk_twins *t, const bk_version *v, const uint32_t *slot) {
    for (uint32_t i = 0; i < t->npairs; i++) {
        const bk_pair *p = &t->pair[i];
        if (p->ctx == v->ctx && p->pc == v->pc && matches(p->slot, slot[0], slot[1])) return true;
    }
    return false;
}

/* the phis are one number; true: that is new */
static bool learn_pair(bk_builder *b, const bk_question *q) {
    bk_twins *t = b->twins;
    bk_blk blk = b->fn->ins[q->num[0]].block;
    uint32_t slot[2];
    if (t->npairs == MOST_PAIRS || b->restarts >= MOST_RESTARTS) return false;
    for (uint32_t i = 0; i < b->nversions; i++) {
        const bk_version *v = b->versions[i];
        if ((v->blk != blk && v->pre != blk) || v->exact) continue;
        if (!slot_of(v, q->num[0], &slot[0]) || !slot_of(v, q->num[1], &slot[1])) return false;
        if (!may_be_twins(&v->slots[slot[0]], &v->slots[slot[1]]) || known_pair(t, v, slot)) return false;
        t->pair[t->npairs++] = (bk_pair){v->ctx, v->pc, {slot[0], slot[1]}, false};
        return true;
    }
    return false;
}

void bk_learn_twins(bk_builder *b, bool (*one)(const void *who, const bk_ref *num, const bk_ref *box),
                    const void *who) {
    bk_twins *t = b->twins;
    bool again = false;
    for (uint32_t i = 0; i < t->nasked; i++) {
        const bk_question *q = &t->asked[i];
        if (one(who, q->num, q->box)) again |= !q->pair && learn_pair(b, q);
        else if (q->pair) again = t->pair[q->pair - 1].apart = true;
    }
    if (again) bk_restart(b);
}
