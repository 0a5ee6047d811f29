/* Which loops may be compiled: all, or those in a list (BACKEDGE_ONLY names its file: a loop's identity on each line).
 * For finding the loop that makes a program go wrong. */
#include "select.h"
#include <stdlib.h>
#include <string.h>

bool bk_selecting;
static char *list; /* "\nidentity\nidentity\n" */

static char *read_all(FILE *file) {
    char *text = NULL, part[4096];
    size_t n = 0, got;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    putc('\n', out);
    while ((got = fread(part, 1, sizeof part, file)) > 0) fwrite(part, 1, got, out);
    putc('\n', out);
    if (fclose(out) == 0 && !ferror(file)) return text;
    free(text);
    return NULL;
}

bool bk_select_load(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return false;
    free(list);
    list = read_all(file);
    fclose(file);
    bk_selecting = list != NULL;
    return bk_selecting;
}

bool bk_selected(const bk_anchor *a) {
    char line[1100] = "\n";
    bk_loop_id(a, line + 1, sizeof line - 2);
    strcat(line, "\n");
    return strstr(list, line) != NULL;
}
