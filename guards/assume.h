/* Assumptions: facts that compiled code relies on, and the tickets of the regions that do. Knows no Python: objects are
 * addresses. bk_py.h declares what the JIT calls of it (bk_ticket_*); this is what embed/watch.c calls. GIL held. */
#ifndef BK_ASSUME_H
#define BK_ASSUME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bk_ticket bk_ticket;
typedef enum { BK_FACT_NAME, BK_FACT_TYPE, BK_FACT_FUNCTION } bk_factkind;

/* What an object, or a name in a dict, is assumed to be. Lives until its object dies, or until nothing relies on it
 * and it never changed. */
typedef struct bk_fact {
    bk_factkind kind;
    void *object;        /* dict, type or function; not owned */
    void *key;           /* NAME: the name, given up through bk_assume_hooks.drop_key; else NULL */
    const void *value;   /* NAME: what it is bound to, NULL: nothing. Compared, never followed */
    uint32_t changes;    /* how often it changed while it was watched */
    char *text;          /* "global 'x' of module m" */
    bk_ticket **tickets; /* that rely on it, broken ones included */
    uint32_t ntickets, cap;
    struct bk_fact *next;       /* of the same object */
    struct bk_fact *next_chain; /* first facts of objects in one bucket */
} bk_fact;

typedef struct {
    void (*drop_key)(void *key);                    /* a fact is freed: its key is no longer needed */
    void (*unused)(bk_factkind kind, void *object); /* no ticket relies on the object any more (not in watchers) */
} bk_assume_hooks;
void bk_assume_set_hooks(const bk_assume_hooks *hooks);

/* the first fact about an object (go on with ->next), NULL: nobody asked */
bk_fact *bk_facts_of(const void *object);
/* a new fact; takes over `key`; copies text. NULL: out of memory (then key is still the caller's) */
bk_fact *bk_fact_new(bk_factkind kind, void *object, void *key, const char *text);
/* the ticket relies on the fact from now on; false: out of memory */
bool bk_ticket_rely(bk_ticket *t, bk_fact *f);
/* the fact changed: breaks its tickets, "<text> <verb>" being the reason */
void bk_fact_break(bk_fact *f, const char *verb);
/* the object dies: breaks the tickets of its facts and frees the facts */
void bk_facts_forget(void *object, const char *verb);
/* breaks and forgets everything */
void bk_facts_clear(const char *verb);
/* whether any ticket is linked to a fact about the object */
bool bk_facts_used(const void *object);
/* frees the fact if nothing relies on it and it never changed */
void bk_fact_release(bk_fact *f);
#endif
