/* What the C versions of corpus programs share. */
#ifndef CORPUS_H
#define CORPUS_H
#include <stdlib.h>
#include <string.h>
#endif
