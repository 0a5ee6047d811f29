// A host of CPython for measurements: starts an interpreter, runs a file of Python functions in it, calls them.
#ifndef BK_HOST_H
#define BK_HOST_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace host {
// a Python exception, as text
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline std::string take_exception() {
    PyObject *e = PyErr_GetRaisedException(), *s = e ? PyObject_Str(e) : nullptr;
    const char *text = s ? PyUnicode_AsUTF8(s) : nullptr;
    std::string result = e ? std::string(Py_TYPE(e)->tp_name) + ": " + (text ? text : "") : "no exception";
    Py_XDECREF(s);
    Py_XDECREF(e);
    PyErr_Clear();
    return result;
}

inline PyObject *must(PyObject *o) {
    if (!o) throw Error(take_exception());
    return o;
}

// an owned reference
class Ref {
  public:
    Ref() = default;
    explicit Ref(PyObject *stolen) : o(must(stolen)) {}
    Ref(const Ref &r) : o(Py_XNewRef(r.o)) {}
    Ref &operator=(Ref r) {
        std::swap(o, r.o);
        return *this;
    }
    ~Ref() { Py_XDECREF(o); }
    PyObject *get() const { return o; }

  private:
    PyObject *o = nullptr;
};

inline PyObject *names; // of the file of functions; borrowed from the module

inline Ref number(long n) { return Ref(PyLong_FromLong(n)); }
inline Ref text(const char *s) { return Ref(PyUnicode_FromString(s)); }
inline Ref item(const Ref &mapping, const char *key) { return Ref(PyMapping_GetItemString(mapping.get(), key)); }
inline Ref name(const char *s) { return Ref(PyMapping_GetItemString(names, s)); }
inline Ref evaluate(const char *s) { return Ref(PyRun_String(s, Py_eval_input, names, names)); }

inline double field(const Ref &mapping, const char *key) {
    double d = PyFloat_AsDouble(item(mapping, key).get());
    if (PyErr_Occurred()) throw Error(take_exception());
    return d;
}

inline Ref call(const char *function, std::initializer_list<Ref> args = {}) {
    std::vector<PyObject *> stack;
    for (const Ref &a : args) stack.push_back(a.get());
    return Ref(PyObject_Vectorcall(name(function).get(), stack.data(), stack.size(), nullptr));
}

// `python` tells where the standard library is, `package` is put on the path, `cases` is the file of functions
inline bool start(const char *python, const std::string &package, const char *cases) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, python);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    names = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *path = PySys_GetObject("path"), *where = PyUnicode_FromString(package.c_str());
    bool ok = path && where && PyList_Insert(path, 0, where) == 0;
    Py_XDECREF(where);
    FILE *in = ok ? std::fopen(cases, "r") : nullptr;
    PyObject *r = in ? PyRun_FileEx(in, cases, Py_file_input, names, names, 1) : nullptr;
    if (!r && PyErr_Occurred()) PyErr_Print();
    else if (!r) std::perror(cases);
    Py_XDECREF(r);
    return r != nullptr;
}

inline int stop() { return Py_FinalizeEx() < 0 ? 1 : 0; }
} // namespace host
#endif
