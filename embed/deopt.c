/* Leaves native code: rebuilds the interpreter's frame(s) from an exit's snapshot. All objects are made first, then
 * every slot, depth and instruction pointer is written, and only then what the slots held before is released: a
 * destructor that looks at the frame sees its final state. */
#include "embed.h"

enum { NEAR_VALUES = 192, MAX_FRAMES = 64 };

typedef struct {
    PyThreadState *ts;
    bk_mat m;
    const bk_snap *snap;
    uint32_t nframes;
    bkp_frame *frame[MAX_FRAMES];
    const bk_codeinfo *info[MAX_FRAMES];
    const bk_insn *at[MAX_FRAMES]; /* where each frame goes on, or waits */
    PyObject **values;             /* all frames' slots in order; then the old contents to release */
    uint32_t start[MAX_FRAMES];    /* first value of each frame */
    uint32_t nvalues;
    PyObject *near[NEAR_VALUES];
} bk_leaving;

static const bk_sframe *sframe(const bk_leaving *l, uint32_t i) { return &l->m.fn->sframes[l->snap->frame + i]; }

/* the real frame's values have room for all its home slots: what lies above the new depth is released too */
static void lay_out(bk_leaving *l) {
    const bk_fn *fn = l->m.fn;
    l->nvalues = 0;
    if (l->nframes > MAX_FRAMES) Py_FatalError("backedge: too many frames in a snapshot");
    for (uint32_t i = 0; i < l->nframes; i++) {
        const bk_sframe *s = sframe(l, i);
        const bk_codeinfo *ci = bk_py_codeinfo(fn->codes[s->code]);
        if (!ci || !(l->at[i] = bk_insn_at(ci, s->resume)))
            Py_FatalError("backedge: a snapshot has no place to go on at");
        l->info[i] = ci;
        l->start[i] = l->nvalues;
        l->nvalues += ci->nlocals + s->depth;
        if (i == 0 && l->nvalues < fn->nhome) l->nvalues = fn->nhome;
    }
    l->values = l->near;
    if (l->nvalues > NEAR_VALUES && !(l->values = PyMem_RawMalloc(l->nvalues * sizeof *l->values)))
        Py_FatalError("backedge: out of memory while leaving compiled code");
}

static void make_values(bk_leaving *l) {
    for (uint32_t i = 0; i < l->nframes; i++) {
        const bk_sframe *s = sframe(l, i);
        uint32_t n = l->info[i]->nlocals + s->depth;
        l->m.slot = &l->m.fn->slots[s->first];
        l->m.first_home = s->home;
        for (uint32_t k = 0; k < n; k++) {
            if (i == 0 && l->m.slot->kind == BK_SK_HOME && l->m.slot->sub == k) { /* most slots: they stay */
                l->values[k] = BK_KEEP_SLOT;
                l->m.slot++, l->m.loc += 3;
                continue;
            }
            l->m.index = k;
            l->m.top = true;
            l->values[l->start[i] + k] = bk_mat_slot(&l->m);
        }
    }
}

/* writes the real frame's slots; values becomes what was there */
static void write_real(bk_leaving *l) {
    void **home = l->m.home;
    uint32_t n = l->info[0]->nlocals + sframe(l, 0)->depth, k;
    for (k = 0; k < n; k++) {
        PyObject *v = l->values[k];
        if (v == BK_KEEP_SLOT) {
            l->values[k] = NULL;
            home[k] = bkp_retag(home[k]);
            continue;
        }
        /* the operand stack above the entry's depth holds nothing yet */
        l->values[k] = k < l->m.fn->nhome ? bkp_peek(home[k]) : NULL;
        home[k] = bkp_slot(v);
    }
    for (; k < l->m.fn->nhome; k++) {
        l->values[k] = bkp_peek(home[k]);
        home[k] = bkp_slot(NULL);
    }
    bkp_set_depth(l->frame[0], sframe(l, 0)->depth);
}

static void write_inner(bk_leaving *l, uint32_t i) {
    const bk_sframe *s = sframe(l, i);
    PyFunctionObject *func = l->m.fn->consts[s->func];
    bkp_frame *f = bk_inner_push(l->ts, func, (PyCodeObject *)l->info[i]->code, l->frame[i - 1]);
    uint32_t n = l->info[i]->nlocals + s->depth;
    for (uint32_t k = 0; k < n; k++) {
        bkp_home(f)[k] = bkp_slot(l->values[l->start[i] + k]);
        l->values[l->start[i] + k] = NULL;
    }
    bkp_set_depth(f, s->depth);
    l->frame[i] = f;
}

static int units_of(const bk_codeinfo *ci, const bk_insn *in) {
    uint32_t end = in->next < ci->ninsns ? ci->insns[in->next].offset : ci->nbytes;
    return (int)((end - in->last) / 2);
}

/* The place of the very instruction that fired the event means "not moved" on 3.13: the jump is made, the function
 * started, which is what going on there would do. */
static void set_places(bk_leaving *l) {
    uint32_t last = l->nframes - 1;
    for (uint32_t i = 0; i < last; i++)
        bkp_calling(l->frame[i], bkp_unit(bkp_code(l->frame[i]), l->at[i]->last), units_of(l->info[i], l->at[i]));
    const bk_insn *in = l->at[last];
    /* the interpreter keeps a call's keyword names in a variable of its own: they have to be given again */
    if (l->snap->kind == BK_SNAP_RESUME && in->op == BC_CALL && in > l->info[last]->insns && in[-1].op == BC_KW_NAMES)
        in--;
    _Py_CODEUNIT *u = bkp_unit(bkp_code(l->frame[last]), in->offset);
    if (last) bkp_resume_run(l->frame[last], u);
    else bkp_resume_event(l->frame[0], u);
}

/* what the slots held, virtual homes included. May run any Python code. */
static void release_old(bk_leaving *l) {
    uint64_t *buf = l->m.buf;
    l->ts->tracing--;
    for (uint32_t k = 0; k < l->nvalues; k++) Py_XDECREF(l->values[k]);
    for (unsigned k = 0; k < l->m.nlate; k++) Py_DECREF(l->m.late[k]);
    for (uint32_t k = 0; k < l->m.fn->nxhome; k++) {
        void *w = (void *)(uintptr_t)buf[k];
        buf[k] = 0;
        if (w) bkp_close(w);
    }
    l->ts->tracing++;
    if (l->values != l->near) PyMem_RawFree(l->values);
}

/* ---- function regions: the result is on the stack, the frame goes on at an instruction that returns it ------------
 */
static const bk_insn *return_of(const bk_codeinfo *ci, PyObject *result, const bk_insn *hint) {
    if (hint->op == BC_RETURN_VALUE || (hint->op == BC_RETURN_CONST && hint->value == (bk_obj *)result)) return hint;
    for (uint32_t i = 0; i < ci->ninsns; i++) {
        const bk_insn *in = &ci->insns[i];
        if (in->op == BC_RETURN_VALUE || (in->op == BC_RETURN_CONST && in->value == (bk_obj *)result)) return in;
    }
    return NULL;
}

static void set_return(bk_leaving *l) {
    bkp_frame *f = l->frame[0];
    void **slot = bkp_home(f) + l->info[0]->nlocals;
    PyObject *result = bkp_peek(*slot);
    const bk_insn *in = return_of(l->info[0], result, l->at[0]);
    if (!in) Py_FatalError("backedge: a function has no instruction to return with");
    if (in->op == BC_RETURN_CONST) { /* the constant stays alive in the code */
        *slot = bkp_slot(NULL);
        bkp_set_depth(f, 0);
        Py_DECREF(result);
    }
    bkp_resume_event(f, bkp_unit(bkp_code(f), in->offset));
}

/* ---- ends ---- */
static int below_operands(const bk_insn *in, int depth) {
    int n = bk_operands(in);
    return n >= 0 && in->depth >= n ? in->depth - n : depth;
}

static int run_inner(bk_leaving *l, bool thrown) {
    PyObject *r = bk_inner_run(l->ts, l->frame, l->at, l->info, l->nframes, thrown);
    bkp_frame *f = l->frame[0];
    bkp_set_current(l->ts, f);
    const bk_insn *call = l->at[0];
    if (!r) {
        int rc = bk_raise_at(f, l->info[0], call, bkp_depth(f), PyErr_GetRaisedException());
        bkp_resume_event(f, bkp_unit(bkp_code(f), call->offset));
        return rc;
    }
    bk_push_result(f, call, r);
    bkp_resume_event(f, bkp_unit(bkp_code(f), l->info[0]->insns[call->next].offset));
    return 0;
}

int bk_deopt(PyThreadState *ts, bkp_frame *f, const bk_fn *fn, const bk_code *code, uint64_t *buf, uint32_t n) {
    bk_leaving l;
    const bk_exit *x = &code->exits[n];
    uint32_t last;
    int rc = 0;
    l.ts = ts;
    l.snap = &fn->snaps[x->snap];
    l.nframes = l.snap->nframes;
    l.frame[0] = f;
    l.m.fn = fn, l.m.code = code, l.m.buf = buf, l.m.home = bkp_home(f);
    l.m.loc = code->locs + x->locs;
    bk_mat_start(&l.m);
    PyObject *exc = l.snap->kind == BK_SNAP_RAISE ? PyErr_GetRaisedException() : NULL;
    lay_out(&l);
    make_values(&l);
    bk_mat_end(&l.m);
    write_real(&l);
    last = l.nframes - 1;
    for (uint32_t i = 1; i <= last; i++) write_inner(&l, i);
    set_places(&l);
    if (exc)
        rc = bk_raise_at(l.frame[last], l.info[last], l.at[last], below_operands(l.at[last], bkp_depth(l.frame[last])),
                         exc);
    else if (l.snap->kind == BK_SNAP_RETURN) set_return(&l);
    if (last) bkp_set_current(ts, l.frame[last]); /* destructors run in the innermost frame */
    PyObject *pending = rc < 0 ? PyErr_GetRaisedException() : NULL;
    release_old(&l);
    if (pending) PyErr_SetRaisedException(pending);
    return last ? run_inner(&l, rc < 0) : rc;
}
