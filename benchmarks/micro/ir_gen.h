// A generated loop nest of the shape that the graph builder makes, of about a given number of instructions: list and
// array elements with their guards, int arithmetic that may overflow, boxed locals, diamonds. Uses the builder's API
// only.
#ifndef BK_IR_GEN_H
#define BK_IR_GEN_H
#include <cstdlib>
extern "C" {
#include "bk_ir.h"
}

namespace ir_gen {
constexpr int64_t type_list = 0x1000, type_float = 0x2000, type_array = 0x3000, type_int = 0x4000;
// home slots: lists, then arrays, a boxed local, the limit, and the iterator on the operand stack
constexpr uint32_t lists = 4, arrays = 4, boxed = 8, bound = 9, iterator = 10;

class Loop {
  public:
    // a loop of at least `size` instructions; the caller frees it
    explicit Loop(uint32_t size) : f(bk_fn_new("generated")) {
        if (!f) std::abort();
        reserve(size);
        f->nhome = iterator + 1;
        f->ncodes = 1;
        begin();
        for (uint32_t part = 0; f->nins < size; part++) piece(part);
        end();
    }
    bk_fn *const f;

  private:
    bk_blk cur = 0, header = 0, leave = 0;
    bk_ref limit = 0, next = 0, phi_i = 0, phi_sum = 0, phi_count = 0;
    bk_ref i = 0, sum = 0, count = 0, item = 0, element = 0;
    bk_ref zero = 0, one = 0;

    // snapshots have no builder of their own: room for one per guard
    void reserve(uint32_t size) {
        f->scap = (size + 100) * 13, f->sfcap = f->snapcap = size + 100;
        f->slots = static_cast<bk_slot *>(std::calloc(f->scap, sizeof *f->slots));
        f->sframes = static_cast<bk_sframe *>(std::calloc(f->sfcap, sizeof *f->sframes));
        f->snaps = static_cast<bk_snap *>(std::calloc(f->snapcap, sizeof *f->snaps));
        if (!f->slots || !f->sframes || !f->snaps) std::abort();
        f->nsnaps = 1;
    }

    void slot(bk_slotkind kind, bk_ref a, bk_ref b = 0, bk_ref c = 0, uint32_t sub = 0) {
        bk_slot s{};
        s.kind = static_cast<uint8_t>(kind);
        s.a = a, s.b = b, s.c = c, s.sub = sub;
        f->slots[f->nslots++] = s;
    }

    uint32_t snapshot(bk_ref at) {
        bk_sframe frame{};
        frame.first = f->nslots, frame.nslots = iterator + 3, frame.depth = 1, frame.resume = 10 + 2 * f->nsnaps;
        for (uint32_t k = 0; k < iterator; k++) slot(BK_SK_HOME, 0, 0, 0, k);
        slot(BK_SK_F64, sum);
        slot(BK_SK_I64, count);
        if (at) slot(BK_SK_RANGE, at, limit, one, iterator + 1);
        else slot(BK_SK_HOME, 0, 0, 0, iterator);
        bk_snap snap{};
        snap.frame = f->nsframes, snap.nframes = 1;
        f->sframes[f->nsframes++] = frame;
        f->snaps[f->nsnaps] = snap;
        return f->nsnaps++;
    }

    bk_ref op(bk_op o, bk_ref a, bk_ref b = 0, bk_type type = BK_X) { return bk_emit(f, cur, o, type, a, b, 0); }
    bk_ref guarded(bk_op o, bk_ref a, bk_ref b, int64_t imm) {
        bk_ref r = op(o, a, b);
        f->ins[r].snap = snapshot(next);
        f->ins[r].imm = imm;
        return r;
    }
    bk_ref home(uint32_t n) {
        bk_ref r = op(BK_HLOAD, 0);
        f->ins[r].imm = n;
        return r;
    }
    bk_blk fork(bk_blk from) {
        bk_blk b = bk_block_new(f);
        bk_edge(f, from, b);
        return b;
    }

    void begin() {
        cur = bk_block_new(f);
        zero = bk_ki(f, 0), one = bk_ki(f, 1), sum = bk_kf(f, 0.0), count = zero;
        bk_ref n = home(bound);
        guarded(BK_GTYPE, n, 0, type_int);
        limit = guarded(BK_UNBOXI, n, 0, BK_G_OVERFLOW);
        bk_blk before = cur;
        f->blocks[before].preheader = true;
        f->blocks[before].entry_snap = snapshot(zero);
        op(BK_JMP, 0);
        cur = header = fork(before);
        f->blocks[header].header = true;
        phi_i = bk_phi(f, header, BK_I), phi_sum = bk_phi(f, header, BK_F), phi_count = bk_phi(f, header, BK_I);
        bk_phi_add(f, phi_i, zero), bk_phi_add(f, phi_sum, sum), bk_phi_add(f, phi_count, count);
        i = phi_i, sum = phi_sum, count = phi_count;
        op(BK_BR, op(BK_LT, i, limit));
        bk_blk body = fork(header);
        leave = fork(header);
        cur = body;
        next = bk_emit(f, cur, BK_ADD, BK_X, i, one, 0);
        f->ins[next].flags |= BK_F_NSW;
    }

    void end() {
        guarded(BK_POLL, 0, 0, 0);
        op(BK_JMP, 0);
        bk_edge(f, cur, header);
        bk_phi_add(f, phi_i, next), bk_phi_add(f, phi_sum, sum), bk_phi_add(f, phi_count, count);
        sum = phi_sum, count = phi_count;
        cur = leave;
        bk_ref x = op(BK_EXIT, 0);
        f->ins[x].snap = snapshot(phi_i);
    }

    // each element has an index of its own: CSE is not to fold the whole body into one
    bk_ref index(uint32_t part) { return op(BK_ADD, i, bk_ki(f, part / 5)); }
    void list_item(uint32_t part) {
        bk_ref list = home(part / 5 % lists), at = index(part);
        guarded(BK_GTYPE, list, 0, type_list);
        bk_ref size = bk_load(f, cur, BK_M_I64, BK_A_SIZE, list, 0, 0, 16);
        guarded(BK_GUARD, op(BK_ULT, at, size), 0, BK_G_BOUNDS);
        bk_ref items = bk_load(f, cur, BK_M_PTR, BK_A_ITEMPTR, list, 0, 0, 24);
        item = bk_load(f, cur, BK_M_PTR, BK_A_ITEMS, items, at, 8, 0);
        guarded(BK_GTYPE, item, 0, type_float);
        sum = op(BK_FADD, sum, op(BK_FMUL, op(BK_UNBOXF, item), bk_kf(f, 0.5), BK_F), BK_F);
    }
    void boxed_local() {
        op(BK_INCREF, item);
        bk_ref old = home(boxed), set = op(BK_HSTORE, item);
        f->ins[set].imm = boxed;
        op(BK_XDECREFN, old);
    }
    void ints(uint32_t part) {
        bk_ref x = op(BK_XOR, i, bk_ki(f, part), BK_I);
        count = guarded(BK_ADDOV, count, op(BK_AND, x, bk_ki(f, 255), BK_I), BK_G_OVERFLOW);
    }
    void array_element(uint32_t part) {
        bk_ref a = home(lists + part / 5 % arrays), at = index(part);
        guarded(BK_GTYPE, a, 0, type_array);
        bk_ref ndim = bk_load(f, cur, BK_M_I32, BK_A_NDHEAD, a, 0, 0, 24);
        guarded(BK_GUARD, op(BK_EQ, ndim, one), 0, BK_G_ARRAY);
        bk_ref shape = bk_load(f, cur, BK_M_PTR, BK_A_NDHEAD, a, 0, 0, 32);
        bk_ref len = bk_load(f, cur, BK_M_I64, BK_A_NDHEAD, shape, 0, 0, 0);
        guarded(BK_GUARD, op(BK_ULT, at, len), 0, BK_G_BOUNDS);
        bk_ref data = bk_load(f, cur, BK_M_PTR, BK_A_NDHEAD, a, 0, 0, 16);
        element = bk_load(f, cur, BK_M_F64, BK_A_DATA, data, at, 8, 0);
        sum = op(BK_FADD, sum, element, BK_F);
    }
    void diamond() {
        op(BK_BR, op(BK_FLT, sum, bk_kf(f, 1e6)));
        bk_blk from = cur, yes = fork(from), no = fork(from);
        cur = yes;
        bk_ref t = op(BK_FADD, sum, bk_kf(f, 1.0), BK_F);
        op(BK_JMP, 0);
        cur = no;
        op(BK_JMP, 0);
        cur = fork(yes);
        bk_edge(f, no, cur);
        bk_ref phi = bk_phi(f, cur, BK_F);
        bk_phi_add(f, phi, t), bk_phi_add(f, phi, sum);
        sum = phi;
    }
    void piece(uint32_t part) {
        switch (part % 5) {
        case 0: list_item(part); break;
        case 1: ints(part); break;
        case 2: boxed_local(); break;
        case 3: diamond(); break;
        default: array_element(part); break;
        }
    }
};
} // namespace ir_gen
#endif
