/* Settings as Python sees them. */
#ifndef BK_SETTINGS_H
#define BK_SETTINGS_H
#include "embed.h"
/* reads BACKEDGE_NAME for each parameter, and BACKEDGE_STRESS. 0, or -1 with ValueError set */
int bk_settings_init(void);
/* changes those that `dict` names; nothing on failure. 0, or -1 with TypeError or ValueError set */
int bk_settings_update(bk_params *p, PyObject *dict);
/* all of them: a new reference, or NULL with an exception set */
PyObject *bk_settings_dict(const bk_params *p);
#endif
