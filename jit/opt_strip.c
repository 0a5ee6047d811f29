/* to come */
#include "opt.h"
bool bk_pass_strip(bk_opt *o) { return o->f != NULL; }
