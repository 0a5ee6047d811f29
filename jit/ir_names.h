/* Names of the IR's enumerations as the text form writes them. */
#ifndef BK_IR_NAMES_H
#define BK_IR_NAMES_H
#include "ir_priv.h"

extern const char *const bk_memtype_names[];
extern const char *const bk_alias_names[BK_NALIAS];
extern const char *const bk_slotkind_names[BK_NSLOTKINDS];
extern const char *const bk_guard_names[];
extern const char *const bk_finish_names[BK_NFINISHES];
extern const uint32_t bk_nguard_names, bk_nmemtypes;
extern const char bk_type_letters[]; /* by bk_type */
#endif
