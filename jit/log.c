/* The log file: JSON lines, each written whole by one system call, so that a crash loses at most the last. */
#include "bk_event.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int fd = -1;
static char *pattern; /* as given; a forked child makes its own name of it */

static void set_listening(bool on) {
    bk_listening = on ? bk_listening | BK_LISTEN_LOG : bk_listening & ~(unsigned)BK_LISTEN_LOG;
}

/* malloc'ed: the pattern with each %d replaced by the process id, which is appended if `own` asks for a name that no
 * other process has */
static char *name_of(const char *p, bool own) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    bool has = false;
    for (; *p; p++) {
        if (p[0] == '%' && p[1] == 'd') {
            fprintf(out, "%ld", (long)getpid());
            has = true;
            p++;
        } else {
            putc(*p, out);
        }
    }
    if (own && !has) fprintf(out, ".%ld", (long)getpid());
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}

/* The lock is held as long as the file is written: a process that was started with the same environment sees that the
 * file is taken. Not every file system has locks; then the name alone decides. */
static int open_file(const char *name) {
    int f = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (f < 0) return -1;
    if (flock(f, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        close(f);
        errno = EWOULDBLOCK;
        return -1;
    }
    if (ftruncate(f, 0) < 0) errno = 0; /* a pipe or terminal */
    return f;
}

static int open_for(bool own) {
    char *name = name_of(pattern, own);
    int f = name ? open_file(name) : -1, error = errno;
    free(name);
    if (f < 0 && error == EWOULDBLOCK && !own) return open_for(true);
    errno = error;
    return f;
}

static void write_header(void (*header)(bk_writer *w, void *ctx), void *ctx) {
    bk_json j = {0};
    bk_writer w = bk_json_writer(&j);
    w.dict(&j, NULL);
    w.str(&j, "event", "header");
    w.num(&j, "backedge_log", BK_LOG_VERSION);
    w.num(&j, "pid", getpid());
    w.num(&j, "ppid", getppid());
    w.real(&j, "started", bk_clock_ms(CLOCK_REALTIME) * 1e-3);
    if (header) header(&w, ctx);
    w.end(&j);
    if (!j.failed) bk_log_line(j.text, j.n);
    free(j.text);
}

static bool start(bool own, void (*header)(bk_writer *w, void *ctx), void *ctx) {
    fd = open_for(own);
    set_listening(fd >= 0);
    if (fd < 0) return false;
    bk_events_set_clock();
    write_header(header, ctx);
    return true;
}

bool bk_log_open(const char *given, void (*header)(bk_writer *w, void *ctx), void *ctx) {
    char *copy = strdup(given);
    bk_log_close();
    if (!copy) return false;
    free(pattern);
    pattern = copy;
    return start(false, header, ctx);
}

void bk_log_close(void) {
    if (fd >= 0) close(fd);
    fd = -1;
    set_listening(false);
}

void bk_log_after_fork(void (*header)(bk_writer *w, void *ctx), void *ctx) {
    if (fd < 0) return;
    bk_log_close();
    (void)start(true, header, ctx);
}

void bk_log_line(const char *text, size_t n) {
    char *line = fd >= 0 ? malloc(n + 1) : NULL;
    if (!line) return;
    memcpy(line, text, n);
    line[n] = '\n';
    for (size_t done = 0; done < n + 1;) {
        ssize_t k = write(fd, line + done, n + 1 - done);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            bk_log_close();
            break;
        }
        done += (size_t)k;
    }
    free(line);
}
