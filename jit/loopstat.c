/* Counts of regions that were replaced, invalidated or given up, added up by the place and kind of their exits. */
#include "loopstat.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_EXITS = 64 }; /* places kept per loop */

const bk_origin *bk_exit_origin(const bk_region *r, uint32_t exit, const char **function) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    const bk_origin *o = &fn->origins[fn->snaps[x->snap].org];
    if (function) *function = bk_region_name(r, fn, o->code);
    return o;
}

bool bk_exit_hoisted(const bk_region *r, uint32_t exit) {
    const bk_fn *fn;
    const bk_exit *x = bk_region_exit(r, exit, &fn);
    return x->ins && (fn->ins[x->ins].flags & BK_F_HOISTED);
}

static bk_exitstat *find(bk_loopstat *st, const bk_exitstat *like) {
    for (uint32_t i = 0; i < st->n; i++) {
        bk_exitstat *e = &st->list[i];
        if (e->offset == like->offset && e->line == like->line && e->kind == like->kind && e->hoisted == like->hoisted)
            return e;
    }
    return NULL;
}

static bk_exitstat *append(bk_loopstat *st, const bk_exitstat *e, const char *function) {
    if (st->n == MAX_EXITS) return NULL;
    if (st->n == st->room) {
        uint32_t room = st->room ? st->room * 2 : 8;
        bk_exitstat *list = realloc(st->list, room * sizeof *list);
        if (!list) return NULL;
        st->list = list;
        st->room = room;
    }
    st->list[st->n] = *e;
    st->list[st->n].function = function ? strdup(function) : NULL;
    return &st->list[st->n++];
}

void bk_loopstat_add(bk_loopstat *st, const bk_region *r) {
    st->entries += r->entries;
    st->regions++;
    st->code_bytes += r->code.code_bytes;
    for (uint32_t i = 0; r->exit_counts && i < bk_region_exits(r); i++) {
        if (!r->exit_counts[i]) continue;
        const char *function;
        const bk_origin *o = bk_exit_origin(r, i, &function);
        bk_exitstat e = {
            .line = o->line, .offset = o->offset, .kind = bk_exit_kind(r, i), .hoisted = bk_exit_hoisted(r, i)};
        bk_exitstat *have = find(st, &e);
        if (!have) have = append(st, &e, function);
        if (have) have->count += r->exit_counts[i];
        st->exits += r->exit_counts[i];
    }
}

void bk_loopstat_free(bk_loopstat *st) {
    for (uint32_t i = 0; i < st->n; i++) free(st->list[i].function);
    free(st->list);
    *st = (bk_loopstat){0};
}
