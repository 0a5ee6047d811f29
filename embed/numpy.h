/* NumPy as far as embed knows it: the public array and scalar layouts (no NumPy header needed to build). */
#ifndef BK_NUMPY_H
#define BK_NUMPY_H
#include "objects_version.h"

typedef enum {
    NP_BOOL,
    NP_BYTE,
    NP_UBYTE,
    NP_SHORT,
    NP_USHORT,
    NP_INT,
    NP_UINT,
    NP_LONG,
    NP_ULONG,
    NP_LONGLONG,
    NP_ULONGLONG,
    NP_FLOAT,
    NP_DOUBLE,
    NP_LONGDOUBLE,
    NP_CFLOAT,
    NP_CDOUBLE,
    NP_CLONGDOUBLE,
    NP_HALF = 23,
    NP_NTYPES
} bk_nptype;

/* PyArrayObject_fields */
typedef struct {
    PyObject head;
    char *data;
    int nd;
    Py_ssize_t *dims, *strides;
    PyObject *base, *descr;
    int flags;
} bk_ndarray;

enum { ND_ALIGNED = 0x100, ND_WRITEABLE = 0x400 };
#define ND_WARN_ON_WRITE 0x80000000u

/* scalar objects: the value follows the head */
enum { BK_NP_VALUE = sizeof(PyObject) };

/* item size of a type number that code may be specialised for; 0 for others */
size_t bk_np_itemsize(int64_t typenum);
/* numpy.False_, numpy.True_: borrowed, NULL before NumPy is known */
extern PyObject *bk_np_bools[2];
/* fills bk_types' NumPy entries from an imported NumPy, once; false if there is none or it looks unexpected */
bool bk_np_load(void);
/* array[indices] for an exact ndarray, a new reference; NULL with an exception. Runs no Python code. */
PyObject *bk_np_view(PyObject *array, PyObject *const *indices, Py_ssize_t n);
/* sys.modules[name] if it is a module, borrowed; never imports, leaves no exception */
PyObject *bk_loaded_module(const char *name);
#endif
