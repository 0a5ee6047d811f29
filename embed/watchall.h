/* Watching a whole program (watchall.c), and running it as python itself would (runmain.c). */
#ifndef BK_WATCHALL_H
#define BK_WATCHALL_H
#include "embed.h"

/* watch(decide): watch all code for which decide(file name, module name) is true from its next start on; None: no more
 */
PyObject *bk_watchall_set(PyObject *self, PyObject *decide);
bool bk_watchall_on(void);
/* a code object starts; true: it is watched from now on */
bool bk_watchall_start(bkp_frame *f, PyObject *code);

/* before_spawn(f): f() is called when multiprocessing is about to start a process; None: no more */
PyObject *bk_watchall_before_spawn(PyObject *self, PyObject *f);
/* a module is being imported (the arguments of the audit event) */
void bk_watchall_import(PyObject *args);

/* run_script(path), run_module(name, alter_argv): runs the program in sys.modules['__main__'] by CPython's own code,
 * which shows its errors; nothing below can be seen on its stack. The status: 0, 1, or -1: by an uncaught
 * KeyboardInterrupt. SystemExit ends the process */
PyObject *bk_run_script(PyObject *self, PyObject *path);
PyObject *bk_run_command(PyObject *self, PyObject *text); /* as `python -c text` */
PyObject *bk_run_module(PyObject *self, PyObject *args);
#endif
