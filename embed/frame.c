/* Accessors of interpreter frames, for the JIT. */
#include "embed.h"

bk_frame *bk_py_current_frame(void) { return (bk_frame *)bkp_current(PyThreadState_GET()); }

bk_obj *bk_py_frame_code(bk_frame *f) { return bkp_code((bkp_frame *)f); }

bk_obj *bk_py_frame_func(bk_frame *f) {
    PyObject *func = bkp_func((bkp_frame *)f);
    return func && PyFunction_Check(func) ? func : NULL;
}

bk_obj *bk_py_frame_globals(bk_frame *f) { return ((bkp_frame *)f)->f_globals; }
bk_obj *bk_py_frame_builtins(bk_frame *f) { return ((bkp_frame *)f)->f_builtins; }
bool bk_py_frame_nested(bk_frame *frame) {
    enum { NEAR = 8 };
    bkp_frame *f = (bkp_frame *)frame, *g = f->previous;
    for (int i = 0; g && i < NEAR; i++, g = g->previous)
        if (bkp_code(g) == bkp_code(f)) return true;
    return false;
}

void **bk_py_frame_home(bk_frame *f) { return bkp_home((bkp_frame *)f); }
bk_obj *bk_py_home_get(void **home, uint32_t slot) { return bkp_peek(home[slot]); }
int bk_py_frame_depth(bk_frame *f) { return bkp_depth((bkp_frame *)f); }
