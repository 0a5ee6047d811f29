/* Finds and loads the backend: the shared object _backedge_llvm*.so beside this module's own file. */
#include "embed.h"
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const bk_backend *backend;
static char failure[256];

static bool find(char *path, size_t n) {
    static const char prefix[] = "_backedge_llvm", suffix[] = ".so";
    Dl_info me;
    struct dirent *e;
    bool found = false;
    if (!dladdr((void *)bk_py_backend, &me) || !me.dli_fname) return false;
    const char *slash = strrchr(me.dli_fname, '/');
    int dirlen = slash ? (int)(slash - me.dli_fname) : 1;
    const char *dir = slash ? me.dli_fname : ".";
    if (snprintf(path, n, "%.*s", dirlen, dir) >= (int)n) return false;
    DIR *d = opendir(path);
    if (!d) return false;
    while (!found && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) != 0 || len < sizeof suffix) continue;
        if (strcmp(e->d_name + len - (sizeof suffix - 1), suffix) != 0) continue;
        found = snprintf(path, n, "%.*s/%s", dirlen, dir, e->d_name) < (int)n;
    }
    closedir(d);
    return found;
}

static void load(void) {
    char path[4096];
    if (!find(path, sizeof path)) {
        snprintf(failure, sizeof failure, "the code generator _backedge_llvm is not beside _core");
        return;
    }
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        snprintf(failure, sizeof failure, "%s", dlerror());
        return;
    }
    const bk_backend *(*open)(char *, size_t);
    *(void **)&open = dlsym(so, "bk_backend_open");
    if (!open) snprintf(failure, sizeof failure, "the code generator has no bk_backend_open");
    else if (!(backend = open(failure, sizeof failure)) && !*failure) snprintf(failure, sizeof failure, "LLVM failed");
}

const bk_backend *bk_py_backend(char *err, size_t errlen) {
    pthread_mutex_lock(&lock);
    if (!backend && !*failure) load();
    if (!backend && errlen) snprintf(err, errlen, "%s", failure);
    pthread_mutex_unlock(&lock);
    return backend;
}
