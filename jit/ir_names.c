/* Name tables of the IR's text form. */
#include "ir_names.h"

const char *const bk_memtype_names[] = {"i8", "u8", "i16", "u16", "i32", "u32", "i64", "f32", "f64", "ptr", "bool"};
#define X(n, size) +1
_Static_assert(sizeof bk_memtype_names / sizeof *bk_memtype_names == (0 BK_MEMTYPES(X)), "a name per memory type");
#undef X
const uint32_t bk_nmemtypes = sizeof bk_memtype_names / sizeof *bk_memtype_names;

const char *const bk_alias_names[BK_NALIAS] = {
#define X(n, text) text,
    BK_ALIASES(X)
#undef X
};
const char *const bk_slotkind_names[BK_NSLOTKINDS] = {
#define X(n, text) text,
    BK_SLOTKINDS(X)
#undef X
};
const char *const bk_guard_names[] = {
#define BK_GUARD(name, text, sentence) text,
#include "bk_guards.def"
#undef BK_GUARD
};
const uint32_t bk_nguard_names = sizeof bk_guard_names / sizeof *bk_guard_names;
const char *const bk_finish_names[BK_NFINISHES] = {
#define X(name, text) text,
    BK_FINISHES(X)
#undef X
};
const char bk_type_letters[] = "v1ifspx";
