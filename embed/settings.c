/* Settings: the table of parameters, the environment, and dicts of settings from Python. */
#include "settings.h"
#include <errno.h>

static int64_t *field(bk_params *p, size_t i) { return (int64_t *)p + i; }

/* name: as the person who set it wrote it */
static bool check(const bk_paraminfo *info, const char *name, int64_t v) {
    if (v >= info->min && v <= info->max) return true;
    PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld, not %lld", name, (long long)info->min,
                 (long long)info->max, (long long)v);
    return false;
}

static bool parse(const char *text, int64_t *v) {
    char *end;
    errno = 0;
    *v = strtoll(text, &end, 0);
    return *text && !*end && !errno;
}

static int from_environment(size_t i) {
    const bk_paraminfo *info = &bk_param_table[i];
    char name[64] = "BACKEDGE_";
    size_t n = strlen(name);
    int64_t v;
    for (const char *p = info->name; *p && n + 1 < sizeof name; p++) name[n++] = (char)Py_TOUPPER(*p);
    name[n] = 0;
    const char *text = getenv(name);
    if (!text) return 0;
    if (!parse(text, &v)) {
        PyErr_Format(PyExc_ValueError, "%s must be a whole number, not '%s'", name, text);
        return -1;
    }
    if (!check(info, name, v)) return -1;
    *field(&bk_config, i) = v;
    return 0;
}

/* exits:SEED[:ONE_IN], verify, memory or loss */
static int stress_from_environment(void) {
    const char *text = getenv("BACKEDGE_STRESS");
    char seed[32], rest = 0;
    unsigned one_in = 50;
    int64_t v;
    if (!text || !*text) return 0;
    if (strcmp(text, "verify") == 0) bk_stress_with = BK_STRESS_VERIFY;
    if (strcmp(text, "memory") == 0) bk_stress_with = BK_STRESS_MEMORY;
    if (strcmp(text, "loss") == 0) bk_stress_with = BK_STRESS_LOSS;
    if (bk_stress_with) return 0;
    int n = sscanf(text, "exits:%31[0-9]:%u%c", seed, &one_in, &rest);
    if (n < 1 || n > 2 || !parse(seed, &v) || v == 0 || one_in == 0 ||
        (n == 1 && strlen(text) != strlen("exits:") + strlen(seed))) {
        PyErr_Format(PyExc_ValueError,
                     "BACKEDGE_STRESS must be exits:SEED, exits:SEED:ONE_IN, verify, memory or loss, not '%s'", text);
        return -1;
    }
    bk_stress_seed = (uint64_t)v;
    bk_stress_one_in = one_in;
    return 0;
}

static int chosen_from_environment(void) {
    const char *path = getenv("BACKEDGE_ONLY");
    if (!path || !*path || bk_select_load(path)) return 0;
    PyErr_Format(PyExc_ValueError, "BACKEDGE_ONLY: cannot read '%s'", path);
    return -1;
}

static int perf_from_environment(void) {
    static const struct {
        const char *text;
        bk_perfmode mode;
    } modes[] = {
        {"", BK_PERF_OFF}, {"0", BK_PERF_OFF}, {"1", BK_PERF_MAP}, {"map", BK_PERF_MAP}, {"dump", BK_PERF_DUMP}};
    const char *text = getenv("BACKEDGE_PERF");
    for (size_t i = 0; text && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(text, modes[i].text) != 0) continue;
        bk_perf_wanted = modes[i].mode;
        return 0;
    }
    if (text) PyErr_Format(PyExc_ValueError, "BACKEDGE_PERF must be map or dump, not '%s'", text);
    return text ? -1 : 0;
}

int bk_settings_init(void) {
    for (size_t i = 0; bk_param_table[i].name; i++)
        if (from_environment(i) < 0) return -1;
    if (perf_from_environment() < 0) return -1;
    const char *gdb = getenv("BACKEDGE_GDB");
    bk_gdb_wanted = gdb && *gdb && strcmp(gdb, "0") != 0;
    return stress_from_environment() < 0 ? -1 : chosen_from_environment();
}

static int set_one(bk_params *p, PyObject *key, PyObject *value) {
    for (size_t i = 0; bk_param_table[i].name; i++) {
        const bk_paraminfo *info = &bk_param_table[i];
        if (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, info->name) != 0) continue;
        if (!PyLong_Check(value)) {
            PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s", info->name, Py_TYPE(value)->tp_name);
            return -1;
        }
        int overflow;
        int64_t v = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow) v = overflow < 0 ? INT64_MIN : INT64_MAX;
        if (!check(info, info->name, v)) return -1;
        *field(p, i) = v;
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "there is no setting %R", key);
    return -1;
}

int bk_settings_update(bk_params *p, PyObject *dict) {
    bk_params changed = *p;
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, &value))
        if (set_one(&changed, key, value) < 0) return -1;
    *p = changed;
    return 0;
}

PyObject *bk_settings_dict(const bk_params *p) {
    PyObject *d = PyDict_New();
    for (size_t i = 0; d && bk_param_table[i].name; i++) {
        PyObject *v = PyLong_FromLongLong(*field((bk_params *)p, i));
        if (!v || PyDict_SetItemString(d, bk_param_table[i].name, v) < 0) Py_CLEAR(d);
        Py_XDECREF(v);
    }
    return d;
}
