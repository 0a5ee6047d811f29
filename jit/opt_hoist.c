/* to come */
#include "opt.h"
bool bk_pass_hoist(bk_opt *o) { return o->f != NULL; }
