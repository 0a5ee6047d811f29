/* Listeners of events (listen.c): functions of the module, and what the rest of embed calls. */
#ifndef BK_LISTEN_H
#define BK_LISTEN_H
#include "embed.h"
#include "bk_event.h"

PyObject *bk_listen_log(PyObject *self, PyObject *name);      /* a path with %d, or None */
PyObject *bk_listen_call(PyObject *self, PyObject *callback); /* takes JSON text; or None */
PyObject *bk_listen_finish(PyObject *self, PyObject *unused);
PyObject *bk_listen_clock(PyObject *self, PyObject *unused);
PyObject *bk_listen_kinds(PyObject *self, PyObject *unused);
/* opens the log that the environment names. 0, or -1 with an exception set */
int bk_listen_init(void);
void bk_listen_after_fork(void);
/* calls the callback for what has happened; keeps the current exception */
void bk_listen_deliver(void);
#endif
