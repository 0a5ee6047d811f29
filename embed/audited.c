/* An audit hook, even one that wants nothing of it, makes every `id(x)` cost twice as much (66 instead of 31 ns), of
 * which code that copies or pickles has many. While our hook is the only one, `id` leaves out its audit event, which
 * would tell nobody: behind the built-in function stands ours. */
#include "listen.h"
#include "internal/pycore_runtime.h"

static PyCFunction audited_id; /* CPython's; NULL: it is still the built-in function */

/* does nobody but us hear audit events? */
static bool alone(void) {
    const _Py_AuditHookEntry *first = _PyRuntime.audit_hooks.head;
    return first && !first->next && first->hookCFunction == bk_events_audit && !PyInterpreterState_Get()->audit_hooks;
}

static PyObject *id_of(PyObject *module, PyObject *o) {
    return alone() ? PyLong_FromVoidPtr(o) : audited_id(module, o);
}

void bk_audited_init(void) {
#ifndef WITH_DTRACE /* that hears audit events too */
    PyObject *builtins = PyEval_GetBuiltins(), *id = builtins ? PyDict_GetItemString(builtins, "id") : NULL;
    if (!id || !PyCFunction_CheckExact(id) || PyCFunction_GET_FLAGS(id) != METH_O) return;
    PyMethodDef *def = ((PyCFunctionObject *)id)->m_ml;
    if (strcmp(def->ml_name, "id") != 0 || def->ml_meth == id_of) return;
    audited_id = def->ml_meth;
    def->ml_meth = id_of;
#endif
}
