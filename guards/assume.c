/* The table of facts and the tickets that rely on them. A watcher breaks a fact: that marks its tickets, calls their
 * `broken` functions and frees nothing of theirs; freeing is left to whoever owns the ticket. */
#include "assume.h"
#include "bk_py.h"
#include <stdlib.h>
#include <string.h>

struct bk_ticket {
    bool broken;
    char why[200];
    void (*on_break)(void *);
    void *arg;
    bk_fact **facts;
    uint32_t nfacts, cap;
};

/* first facts of objects, hashed by the object's address */
static bk_fact **table;
static size_t nbuckets, nobjects;
static bk_assume_hooks hooks;

void bk_assume_set_hooks(const bk_assume_hooks *h) { hooks = *h; }

/* --- the table */
static size_t bucket_of(const void *object, size_t n) {
    uint64_t h = (uint64_t)(uintptr_t)object >> 4;
    return (size_t)((h * 0x9e3779b97f4a7c15u) >> 32) & (n - 1);
}

/* where the pointer to the object's first fact stands, or would; the table is not empty */
static bk_fact **chain_of(const void *object) {
    bk_fact **p = &table[bucket_of(object, nbuckets)];
    while (*p && (*p)->object != object) p = &(*p)->next_chain;
    return p;
}

bk_fact *bk_facts_of(const void *object) { return table ? *chain_of(object) : NULL; }

static bool table_grow(void) {
    if (nobjects < nbuckets) return true;
    size_t n = nbuckets ? nbuckets * 2 : 64;
    bk_fact **wider = calloc(n, sizeof *wider);
    if (!wider) return false;
    for (size_t i = 0; i < nbuckets; i++)
        for (bk_fact *f = table[i], *next; f; f = next) {
            next = f->next_chain;
            bk_fact **to = &wider[bucket_of(f->object, n)];
            f->next_chain = *to;
            *to = f;
        }
    free(table);
    table = wider;
    nbuckets = n;
    return true;
}

static void fact_free(bk_fact *f) {
    if (f->key && hooks.drop_key) hooks.drop_key(f->key);
    free(f->tickets);
    free(f->text);
    free(f);
}

bk_fact *bk_fact_new(bk_factkind kind, void *object, void *key, const char *text) {
    if (!table_grow()) return NULL;
    bk_fact *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->text = strdup(text);
    if (!f->text) {
        free(f);
        return NULL;
    }
    f->kind = kind;
    f->object = object;
    f->key = key;
    bk_fact **first = chain_of(object);
    if (*first) { /* behind the first one, which is the one in the bucket */
        f->next = (*first)->next;
        (*first)->next = f;
    } else {
        *first = f;
        nobjects++;
    }
    return f;
}

/* takes the fact out of the table; it is not freed */
static void fact_unlink(bk_fact *f) {
    bk_fact **first = chain_of(f->object);
    if (*first != f) {
        bk_fact *before = *first;
        while (before->next != f) before = before->next;
        before->next = f->next;
    } else if (f->next) {
        f->next->next_chain = f->next_chain;
        *first = f->next;
    } else {
        *first = f->next_chain;
        nobjects--;
    }
}

bool bk_facts_used(const void *object) {
    for (bk_fact *f = bk_facts_of(object); f; f = f->next)
        if (f->ntickets) return true;
    return false;
}

void bk_fact_release(bk_fact *f) {
    if (f->ntickets || f->changes) return;
    fact_unlink(f);
    fact_free(f);
}

/* --- breaking */
static void ticket_break(bk_ticket *t, const char *text, const char *verb) {
    if (t->broken) return;
    t->broken = true;
    snprintf(t->why, sizeof t->why, "%s %s", text, verb);
    if (t->on_break) t->on_break(t->arg);
}

void bk_fact_break(bk_fact *f, const char *verb) {
    f->changes++;
    for (uint32_t i = 0; i < f->ntickets; i++) ticket_break(f->tickets[i], f->text, verb);
}

static void ticket_drop_fact(bk_ticket *t, const bk_fact *f) {
    for (uint32_t i = 0; i < t->nfacts; i++)
        if (t->facts[i] == f) {
            t->facts[i] = t->facts[--t->nfacts];
            return;
        }
}

void bk_facts_forget(void *object, const char *verb) {
    for (bk_fact *f; (f = bk_facts_of(object));) {
        bk_fact_break(f, verb);
        for (uint32_t i = 0; i < f->ntickets; i++) ticket_drop_fact(f->tickets[i], f);
        fact_unlink(f);
        fact_free(f);
    }
}

void bk_facts_clear(const char *verb) {
    for (size_t i = 0; i < nbuckets; i++)
        while (table[i]) bk_facts_forget(table[i]->object, verb);
    free(table);
    table = NULL;
    nbuckets = nobjects = 0;
}

/* --- tickets */
bk_ticket *bk_ticket_new(void) { return calloc(1, sizeof(bk_ticket)); }
bool bk_ticket_alive(const bk_ticket *t) { return !t->broken; }
const char *bk_ticket_broken_by(const bk_ticket *t) { return t->broken ? t->why : NULL; }

void bk_ticket_on_break(bk_ticket *t, void (*broken)(void *), void *arg) {
    t->on_break = broken;
    t->arg = arg;
    if (t->broken && broken) broken(arg);
}

/* makes room for one more element of `size` bytes */
static bool reserve(void *array, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return true;
    uint32_t wanted = *cap ? *cap * 2 : 4;
    void *p = realloc(*(void **)array, wanted * size);
    if (!p) return false;
    *(void **)array = p;
    *cap = wanted;
    return true;
}

bool bk_ticket_rely(bk_ticket *t, bk_fact *f) {
    for (uint32_t i = 0; i < t->nfacts; i++)
        if (t->facts[i] == f) return true;
    if (!reserve(&t->facts, t->nfacts, &t->cap, sizeof *t->facts)) return false;
    if (!reserve(&f->tickets, f->ntickets, &f->cap, sizeof *f->tickets)) return false;
    t->facts[t->nfacts++] = f;
    f->tickets[f->ntickets++] = t;
    return true;
}

static void fact_drop_ticket(bk_fact *f, const bk_ticket *t) {
    for (uint32_t i = 0; i < f->ntickets; i++)
        if (f->tickets[i] == t) {
            f->tickets[i] = f->tickets[--f->ntickets];
            return;
        }
}

void bk_ticket_free(bk_ticket *t) {
    if (!t) return;
    for (uint32_t i = 0; i < t->nfacts; i++) {
        bk_fact *f = t->facts[i];
        fact_drop_ticket(f, t);
        bk_factkind kind = f->kind;
        void *object = f->object;
        bk_fact_release(f);
        if (!bk_facts_used(object) && hooks.unused) hooks.unused(kind, object);
    }
    free(t->facts);
    free(t);
}
