/* A bk_writer that makes JSON text. */
#include "bk_event.h"
#include <stdlib.h>
#include <string.h>

static void put(bk_json *j, const char *s, size_t n) {
    if (j->failed) return;
    if (j->n + n + 1 > j->room) {
        size_t room = (j->n + n + 1) * 2 + 512;
        char *text = realloc(j->text, room);
        if (!text) {
            j->failed = true;
            return;
        }
        j->text = text;
        j->room = room;
    }
    memcpy(j->text + j->n, s, n);
    j->text[j->n += n] = 0;
}

static void quoted(bk_json *j, const char *s) {
    put(j, "\"", 1);
    while (*s) {
        size_t plain = 0;
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\') plain++;
        put(j, s, plain);
        if (!*(s += plain)) break;
        char esc[8];
        if (*s == '"' || *s == '\\') snprintf(esc, sizeof esc, "\\%c", *s);
        else snprintf(esc, sizeof esc, "\\u%04x", (unsigned)(unsigned char)*s);
        put(j, esc, strlen(esc));
        s++;
    }
    put(j, "\"", 1);
}

static void key_of(bk_json *j, const char *key) {
    if (j->comma) put(j, ",", 1);
    j->comma = true;
    if (!key) return;
    quoted(j, key);
    put(j, ":", 1);
}

static void w_open(bk_json *j, const char *key, const char *bracket) {
    key_of(j, key);
    put(j, bracket, 1);
    j->comma = false;
    if (j->depth < sizeof j->closers) j->closers[j->depth++] = *bracket == '{' ? '}' : ']';
    else j->failed = true;
}
static void w_dict(void *j, const char *key) { w_open(j, key, "{"); }
static void w_list(void *j, const char *key) { w_open(j, key, "["); }
static void w_end(void *ctx) {
    bk_json *j = ctx;
    if (!j->depth) return;
    put(j, &j->closers[--j->depth], 1);
    j->comma = true;
}
static void w_str(void *ctx, const char *key, const char *v) {
    key_of(ctx, key);
    if (v) quoted(ctx, v);
    else put(ctx, "null", 4);
}
static void w_num(void *ctx, const char *key, int64_t v) {
    char text[32];
    key_of(ctx, key);
    put(ctx, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v));
}
static void w_real(void *ctx, const char *key, double v) {
    char text[40];
    key_of(ctx, key);
    put(ctx, text, (size_t)snprintf(text, sizeof text, "%.3f", v));
}

bk_writer bk_json_writer(bk_json *j) { return (bk_writer){j, w_dict, w_list, w_end, w_str, w_num, w_real}; }

void bk_json_reset(bk_json *j) {
    j->n = j->depth = 0;
    j->failed = j->comma = false;
}
