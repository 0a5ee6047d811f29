/* The sampler's switch (sample.c). */
#ifndef BK_EMBED_SAMPLE_H
#define BK_EMBED_SAMPLE_H
#include "bk_sample.h"
#include "embed.h"

/* in the parent: go on sampling when the fork is over */
void bk_sample_after_fork(void);
/* sample(interval in ms): look that often where the time goes; 0: no more */
PyObject *bk_sample_set(PyObject *self, PyObject *interval);
#endif
