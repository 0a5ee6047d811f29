/* to come */
#include "opt.h"
bool bk_pass_fpdefer(bk_opt *o) { return o->f != NULL; }
