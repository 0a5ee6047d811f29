/* Leaves native code: rebuilds the interpreter's frame(s) from an exit's snapshot. All objects are made first, then
 * every slot, depth and instruction pointer is written, and only then what the slots held before is released: a
 * destructor that looks at the frame sees its final state. */
#include "embed.h"

enum { NEAR_VALUES = 192, NEAR_FRAMES = 24 };

typedef struct {
    PyThreadState *ts;
    bk_mat m;
    const bk_fn *fn;     /* the main function */
    const bk_snap *snap; /* the innermost frame's */
    uint32_t nframes;
    bk_leftframe *f;   /* outermost first */
    PyObject **values; /* all frames' slots in order; then the old contents to release */
    uint32_t nvalues;
    PyObject *near_values[NEAR_VALUES];
    bk_leftframe near_frames[NEAR_FRAMES];
    PyObject *passed[BK_BOX_CONST - BK_BOX_PARAM]; /* to the native function whose frames are made */
} bk_leaving;

/* The main function's part of an exit, or a native function's: outermost first, as the records lie from their top. */
typedef struct {
    const bk_fn *fn;
    const bk_code *code;
    const bk_exit *exit;
    uint64_t *buf;
} bk_part;

static bool next_part(bk_part *p, const bk_fn *fn, const bk_code *code, const uint64_t *records, const uint64_t **top) {
    if (*top == records) return false;
    uint64_t word = *--*top;
    p->fn = fn->bodies[bk_record_body(word)];
    p->code = &code->bodies[bk_record_body(word)];
    p->exit = &p->code->exits[bk_record_exit(word)];
    *top -= p->code->buf_words;
    p->buf = (uint64_t *)(uintptr_t)*top;
    return true;
}

static void *must_have(void *p) {
    if (!p) Py_FatalError("backedge: out of memory while leaving compiled code");
    return p;
}

static void more_frames(bk_leaving *l, uint32_t *room) {
    bk_leftframe *more = must_have(PyMem_RawMalloc((size_t)*room * 2 * sizeof *more));
    memcpy(more, l->f, l->nframes * sizeof *more);
    if (l->f != l->near_frames) PyMem_RawFree(l->f);
    l->f = more;
    *room *= 2;
}

static void add_frames(bk_leaving *l, const bk_part *p, uint32_t *room) {
    const bk_snap *s = l->snap = &p->fn->snaps[p->exit->snap];
    for (uint32_t i = 0; i < s->nframes; i++) {
        const bk_sframe *shape = &p->fn->sframes[s->frame + i];
        const bk_codeinfo *ci = bk_py_codeinfo(p->fn->codes[shape->code]);
        const bk_insn *at = ci ? bk_insn_at(ci, shape->resume) : NULL;
        if (!at) Py_FatalError("backedge: a snapshot has no place to go on at");
        if (l->nframes == *room) more_frames(l, room);
        l->f[l->nframes] = (bk_leftframe){.info = ci, .at = at, .shape = shape, .fn = p->fn, .start = l->nvalues};
        l->nvalues += ci->nlocals + shape->depth;
        /* the real frame's values have room for all its home slots: what lies above the new depth is released too */
        if (l->nframes++ == 0 && l->nvalues < p->fn->nhome) l->nvalues = p->fn->nhome;
    }
}

static void lay_out(bk_leaving *l, const bk_part *main, const uint64_t *records, const uint64_t *top) {
    uint32_t room = NEAR_FRAMES;
    bk_part p = *main;
    l->f = l->near_frames;
    l->nframes = l->nvalues = 0;
    do add_frames(l, &p, &room);
    while (next_part(&p, main->fn, main->code, records, &top));
    l->values = l->near_values;
    if (l->nvalues > NEAR_VALUES) l->values = must_have(PyMem_RawMalloc(l->nvalues * sizeof *l->values));
}

/* the values of one part's frames, the first being number `at` */
static void make_part(bk_leaving *l, const bk_part *p, uint32_t at) {
    uint32_t n = p->fn->snaps[p->exit->snap].nframes;
    l->m.fn = p->fn, l->m.code = p->code, l->m.buf = p->buf;
    l->m.loc = p->code->locs + p->exit->locs;
    l->m.chains = 0; /* objects are shared within a part: locations mean something else in another */
    l->m.nmade = 0;
    for (uint32_t i = at; i < at + n; i++) {
        uint32_t slots = l->f[i].info->nlocals + l->f[i].shape->depth;
        l->m.slot = &p->fn->slots[l->f[i].shape->first];
        l->m.first_home = l->f[i].shape->home;
        for (uint32_t k = 0; k < slots; k++) {
            if (i == 0 && l->m.slot->kind == BK_SK_HOME && l->m.slot->sub == k) { /* most slots: they stay */
                l->values[k] = BK_KEEP_SLOT;
                l->m.slot++, l->m.loc += 3;
                continue;
            }
            l->m.index = k;
            l->m.top = true;
            l->values[l->f[i].start + k] = bk_mat_slot(&l->m);
        }
    }
}

/* what a native function was passed, or nothing more, takes the place of what its caller was */
static void pass_on(bk_leaving *l, const bk_part *p) {
    const bk_snap *s = &p->fn->snaps[p->exit->snap];
    const bk_sframe *f = &p->fn->sframes[s->frame + s->nframes - 1];
    PyObject *next[BK_BOX_CONST - BK_BOX_PARAM] = {0};
    l->m.top = false;
    for (unsigned k = 0; l->m.slot < &p->fn->slots[f->first + f->nslots] && k < sizeof next / sizeof *next; k++)
        next[k] = bk_mat_slot(&l->m);
    for (unsigned k = 0; k < sizeof next / sizeof *next; k++) Py_XDECREF(l->passed[k]); /* numbers */
    memcpy(l->passed, next, sizeof next);
}

static void make_values(bk_leaving *l, const bk_part *main, const uint64_t *records, const uint64_t *top) {
    uint32_t at = 0;
    bk_part p = *main;
    do {
        make_part(l, &p, at);
        pass_on(l, &p);
        at += p.fn->snaps[p.exit->snap].nframes;
    } while (next_part(&p, main->fn, main->code, records, &top));
}

/* writes the real frame's slots; values becomes what was there */
static void write_real(bk_leaving *l) {
    void **home = l->m.home;
    uint32_t n = l->f[0].info->nlocals + l->f[0].shape->depth, k;
    for (k = 0; k < n; k++) {
        PyObject *v = l->values[k];
        if (v == BK_KEEP_SLOT) {
            l->values[k] = NULL;
            home[k] = bkp_retag(home[k]);
            continue;
        }
        /* the operand stack above the entry's depth holds nothing yet */
        l->values[k] = k < l->fn->nhome ? bkp_peek(home[k]) : NULL;
        home[k] = bkp_slot(v);
    }
    for (; k < l->fn->nhome; k++) {
        l->values[k] = bkp_peek(home[k]);
        home[k] = bkp_slot(NULL);
    }
    bkp_set_depth(l->f[0].frame, l->f[0].shape->depth);
}

/* takes the function of frame i from where it waits, the caller's stack */
static PyObject *waiting_function(bk_leaving *l, uint32_t i) {
    PyObject *func = bk_pop_operand(l->f[i - 1].frame);
    assert(PyFunction_Check(func));
    return func;
}

static void write_inner(bk_leaving *l, uint32_t i) {
    bk_leftframe *in = &l->f[i];
    PyObject *func =
        in->shape->on_stack ? waiting_function(l, i) : Py_NewRef((PyObject *)in->fn->consts[in->shape->func]);
    bkp_frame *f = bk_inner_push(l->ts, (PyFunctionObject *)func, (PyCodeObject *)in->info->code, l->f[i - 1].frame);
    uint32_t n = in->info->nlocals + in->shape->depth;
    for (uint32_t k = 0; k < n; k++) {
        bkp_home(f)[k] = bkp_slot(l->values[in->start + k]);
        l->values[in->start + k] = NULL;
    }
    bkp_set_depth(f, in->shape->depth);
    in->frame = f;
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
        bkp_calling(l->f[i].frame, bkp_unit(bkp_code(l->f[i].frame), l->f[i].at->last),
                    units_of(l->f[i].info, l->f[i].at));
    const bk_leftframe *f = &l->f[last];
    const bk_insn *in = f->at;
    /* the interpreter keeps a call's keyword names in a variable of its own: they have to be given again */
    if (l->snap->kind == BK_SNAP_RESUME && in->op == BC_CALL && in > f->info->insns && in[-1].op == BC_KW_NAMES) in--;
    _Py_CODEUNIT *u = bkp_unit(bkp_code(f->frame), in->offset);
    if (last) bkp_resume_run(f->frame, u);
    else bkp_resume_event(f->frame, u);
}

/* what the slots held, virtual homes included. May run any Python code. */
static void release_old(bk_leaving *l, uint64_t *buf) {
    l->ts->tracing--;
    for (uint32_t k = 0; k < l->nvalues; k++) Py_XDECREF(l->values[k]);
    for (unsigned k = 0; k < l->m.nlate; k++) Py_DECREF(l->m.late[k]);
    for (uint32_t k = 0; k < l->fn->nxhome; k++) {
        void *w = (void *)(uintptr_t)buf[k];
        buf[k] = 0;
        if (w) bkp_close(w);
    }
    l->ts->tracing++;
    if (l->values != l->near_values) PyMem_RawFree(l->values);
}

/* ---- function regions: the result is on the stack, the frame goes on at an instruction that returns it ---- */
static const bk_insn *return_of(const bk_codeinfo *ci, PyObject *result, const bk_insn *hint) {
    if (hint->op == BC_RETURN_VALUE || (hint->op == BC_RETURN_CONST && hint->value == (bk_obj *)result)) return hint;
    for (uint32_t i = 0; i < ci->ninsns; i++) {
        const bk_insn *in = &ci->insns[i];
        if (in->op == BC_RETURN_VALUE || (in->op == BC_RETURN_CONST && in->value == (bk_obj *)result)) return in;
    }
    return NULL;
}

static void set_return(bk_leaving *l) {
    bkp_frame *f = l->f[0].frame;
    void **slot = bkp_home(f) + l->f[0].info->nlocals;
    PyObject *result = bkp_peek(*slot);
    const bk_insn *in = return_of(l->f[0].info, result, l->f[0].at);
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
    PyObject *r = bk_inner_run(l->ts, l->f, l->nframes, thrown);
    bkp_frame *f = l->f[0].frame;
    bkp_set_current(l->ts, f);
    const bk_insn *call = l->f[0].at;
    if (!r && PyErr_Occurred()) {
        int rc = bk_raise_at(f, l->f[0].info, call, bkp_depth(f), PyErr_GetRaisedException());
        bkp_resume_event(f, bkp_unit(bkp_code(f), call->offset));
        return rc;
    }
    bkp_resume_event(f, bkp_unit(bkp_code(f), l->f[0].info->insns[bk_inner_next(&l->f[0], r)].offset));
    return 0;
}

int bk_deopt(PyThreadState *ts, bkp_frame *f, const bk_fn *fn, const bk_code *code, uint64_t *buf, uint32_t n,
             const uint64_t *records, const uint64_t *top) {
    bk_leaving l;
    const bk_part main = {.fn = fn, .code = code, .exit = &code->exits[n], .buf = buf};
    uint32_t last;
    int rc = 0;
    l.ts = ts;
    l.fn = fn;
    l.m.home = bkp_home(f);
    bk_mat_start(&l.m);
    memset(l.passed, 0, sizeof l.passed);
    l.m.passed = l.passed;
    lay_out(&l, &main, records, top);
    l.f[0].frame = f;
    PyObject *exc = l.snap->kind == BK_SNAP_RAISE ? PyErr_GetRaisedException() : NULL;
    make_values(&l, &main, records, top);
    bk_mat_end(&l.m);
    write_real(&l);
    last = l.nframes - 1;
    for (uint32_t i = 1; i <= last; i++) write_inner(&l, i);
    set_places(&l);
    const bk_leftframe *in = &l.f[last];
    if (exc) rc = bk_raise_at(in->frame, in->info, in->at, below_operands(in->at, bkp_depth(in->frame)), exc);
    else if (l.snap->kind == BK_SNAP_RETURN) set_return(&l);
    if (last) bkp_set_current(ts, in->frame); /* destructors run in the innermost frame */
    PyObject *pending = rc < 0 ? PyErr_GetRaisedException() : NULL;
    release_old(&l, buf);
    if (pending) PyErr_SetRaisedException(pending);
    if (last) rc = run_inner(&l, rc < 0);
    if (l.f != l.near_frames) PyMem_RawFree(l.f);
    return rc;
}
