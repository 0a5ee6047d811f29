/* What the builder's files on native functions share. */
#ifndef BK_BUILD_NATIVE_H
#define BK_BUILD_NATIVE_H
#include "build.h"

/* build_bodies.c */
/* its number; -1: it cannot be had. want: with the result and id that it is likely to have */
int bk_body_for(bk_builder *b, bk_body *want);
_Noreturn void bk_body_relearn(bk_builder *b, bk_param result, bk_identity id); /* they are these: begin again */
/* build_identity.c */
bk_identity bk_first_identity(const bk_codeinfo *ci);
bool bk_wants_box(const bk_identity *id, const bk_param *p, uint32_t i);
void bk_param_identity(bk_builder *b, uint32_t i, bk_ref box, bk_val *v); /* box 0: none is passed */
bool bk_learn_identity(bk_builder *b, bk_identity *id);                   /* true: it is not what the build relied on */
bk_ref bk_result_word(bk_builder *b, const bk_val *v); /* v: the result, which is gone from the state */
void bk_box_argument(bk_builder *b, const bk_identity *id, uint32_t i, bk_val *v); /* before effects, if need be */
bk_ref bk_argument_box(bk_builder *b, const bk_val *v);
/* args: what was passed; a box that is owned there is still to be released */
bk_val bk_call_result(bk_builder *b, bk_ref call, const bk_param *p, const bk_identity *id, const bk_val *args,
                      uint32_t n);
#endif
