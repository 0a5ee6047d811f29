/* to come */
#include "opt.h"
bool bk_pass_range(bk_opt *o) { return o->f != NULL; }
