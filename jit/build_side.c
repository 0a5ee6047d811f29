/* Sides of branches that were never taken while recording. They become exits, as nothing is known of the types there;
 * and when one is taken often, the region is compiled again: for lack of an `n += 1`, half of all that is compiled. A
 * side that is only arithmetic of locals whose types are known anyway, and that soon is back where recording has been,
 * needs no recording: it is built with the rest. */
#include "build.h"

enum { LONGEST = 12, DEPTH = 6 };
enum { ADD = 0, AND = 1, MUL = 5, OR = 7, SUB = 10, XOR = 12, INPLACE = 13 }; /* of BINARY_OP, as in build_num.c */

/* types of the locals as the side finds them, and of what it pushes */
typedef struct {
    bk_builder *b;
    bk_obj *stack[DEPTH];
    uint32_t sp;
    bool failed;
} walk;

static bool is_number(const bk_obj *type) { return type == bk_types.t_int || type == bk_types.t_float; }

static bk_obj *local_type(const walk *w, int32_t slot) {
    const bk_val *l = &TOPF(w->b)->slots[slot];
    bool plain = l->kind == V_VAL && l->num && !l->modular && is_number(l->type);
    return plain ? l->type : NULL;
}

static void push_type(walk *w, bk_obj *type) {
    if (!type || w->sp == DEPTH) w->failed = true;
    else w->stack[w->sp++] = type;
}

static bk_obj *pop_type(walk *w) {
    if (!w->sp) w->failed = true;
    return w->sp ? w->stack[--w->sp] : NULL;
}

/* another type would be another version of all that follows */
static void store(walk *w, int32_t slot) {
    if (pop_type(w) != local_type(w, slot)) w->failed = true;
}

static bk_obj *const_type(bk_obj *c) {
    int64_t v;
    bk_obj *type = bk_py_type(c);
    return type == bk_types.t_float || (type == bk_types.t_int && bk_py_as_i64(c, &v)) ? type : NULL;
}

static void binary(walk *w, int op) {
    const bk_obj *y = pop_type(w), *x = pop_type(w);
    bool floats = x == bk_types.t_float || y == bk_types.t_float;
    if (op >= INPLACE) op -= INPLACE;
    bool any = op == ADD || op == SUB || op == MUL;
    bool ints = op == AND || op == OR || op == XOR;
    push_type(w, any || (ints && !floats) ? (floats ? bk_types.t_float : bk_types.t_int) : NULL);
}

static void step(walk *w, const bk_insn *in) {
    switch (in->op) {
    case BC_NOP:
    case BC_JUMP: break;
    case BC_LOAD_FAST: push_type(w, local_type(w, in->arg)); break;
    case BC_LOAD_FAST_LOAD_FAST:
        push_type(w, local_type(w, in->arg));
        push_type(w, local_type(w, in->arg2));
        break;
    case BC_LOAD_CONST: push_type(w, const_type(in->value)); break;
    case BC_STORE_FAST: store(w, in->arg); break;
    case BC_STORE_FAST_LOAD_FAST:
        store(w, in->arg);
        push_type(w, local_type(w, in->arg2));
        break;
    case BC_STORE_FAST_STORE_FAST:
        store(w, in->arg);
        store(w, in->arg2);
        break;
    case BC_BINARY_OP: binary(w, in->arg); break;
    default: w->failed = true;
    }
}

bool side_needs_no_profile(bk_builder *b, uint32_t pc) {
    walk w = {.b = b};
    const bk_bframe *f = TOPF(b);
    for (uint32_t n = 0; n < LONGEST && !w.failed && pc < f->ci->ninsns && !flow_outside(b, pc); n++) {
        const bk_insn *in = &f->ci->insns[pc];
        if (f->prof[pc].visits || in->op == BC_JUMP_BACKWARD) return w.sp == 0;
        step(&w, in);
        pc = in->op == BC_JUMP ? (uint32_t)in->target : in->next;
    }
    return false;
}
