/* An object for debuggers: a copy of what was loaded, whose sections have their addresses and whose debug sections are
 * relocated. */
#include "engine_load.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>

static Elf64_Shdr *sections(const void *obj) {
    const Elf64_Ehdr *h = obj;
    return (Elf64_Shdr *)((uintptr_t)obj + h->e_shoff);
}

static const Elf64_Sym *symbols(const void *obj, uint32_t *n, const char **names) {
    const Elf64_Ehdr *h = obj;
    const Elf64_Shdr *s = sections(obj);
    for (unsigned k = 0; k < h->e_shnum; k++) {
        if (s[k].sh_type != SHT_SYMTAB) continue;
        *n = (uint32_t)(s[k].sh_size / sizeof(Elf64_Sym));
        *names = (const char *)obj + s[s[k].sh_link].sh_offset;
        return (const void *)((const char *)obj + s[k].sh_offset);
    }
    *n = 0;
    return NULL;
}

/* debug sections refer to code by addresses, and to one another by offsets: those have the address 0 */
static bool relocate(void *obj, const Elf64_Shdr *rela, const Elf64_Sym *sym, uint32_t nsym) {
    const Elf64_Shdr *s = sections(obj);
    const Elf64_Rela *r = (const void *)((const char *)obj + rela->sh_offset);
    for (size_t k = 0; k < rela->sh_size / sizeof *r; k++) {
        uint32_t n = (uint32_t)ELF64_R_SYM(r[k].r_info), type = (uint32_t)ELF64_R_TYPE(r[k].r_info);
        const Elf64_Sym *to = n < nsym ? &sym[n] : NULL;
        if (!to) return false;
        uint64_t base = to->st_shndx < SHN_LORESERVE ? s[to->st_shndx].sh_addr : 0;
        uint64_t value = base + to->st_value + (uint64_t)r[k].r_addend;
        char *at = (char *)obj + s[rela->sh_info].sh_offset + r[k].r_offset;
        if (type == R_X86_64_64) memcpy(at, &value, 8);
        else if (type == R_X86_64_32) memcpy(at, &(uint32_t){(uint32_t)value}, 4);
        else return false;
    }
    return true;
}

void *bk_debug_object(const void *obj, size_t n, const uint64_t *address) {
    char *copy = malloc(n);
    if (!copy) return NULL;
    memcpy(copy, obj, n);
    const Elf64_Ehdr *h = (const void *)copy;
    Elf64_Shdr *s = sections(copy);
    uint32_t nsym;
    const char *names;
    const Elf64_Sym *sym = symbols(copy, &nsym, &names);
    bool ok = sym;
    for (unsigned k = 0; k < h->e_shnum; k++) s[k].sh_addr = address[k];
    for (unsigned k = 0; k < h->e_shnum && ok; k++)
        if (s[k].sh_type == SHT_RELA && !(s[s[k].sh_info].sh_flags & SHF_ALLOC)) ok = relocate(copy, &s[k], sym, nsym);
    if (ok) return copy;
    free(copy);
    return NULL;
}

const void *bk_debug_section(const void *obj, const char *name, size_t *size) {
    const Elf64_Ehdr *h = obj;
    const Elf64_Shdr *s = sections(obj);
    const char *names = (const char *)obj + s[h->e_shstrndx].sh_offset;
    for (unsigned k = 0; k < h->e_shnum; k++) {
        if (strcmp(names + s[k].sh_name, name)) continue;
        *size = s[k].sh_size;
        return (const char *)obj + s[k].sh_offset;
    }
    return NULL;
}

bool bk_debug_function(const void *obj, const char *name, uint64_t *address, uint64_t *size) {
    uint32_t n;
    const char *names;
    const Elf64_Sym *sym = symbols(obj, &n, &names);
    for (uint32_t k = 1; k < n; k++) {
        if (sym[k].st_shndx == SHN_UNDEF || strcmp(names + sym[k].st_name, name)) continue;
        *address = sections(obj)[sym[k].st_shndx].sh_addr + sym[k].st_value;
        *size = sym[k].st_size;
        return true;
    }
    return false;
}

/* the next section, from *from on, that is loaded or relocates one that is */
static const Elf64_Shdr *next_loaded(const void *obj, unsigned *from) {
    const Elf64_Ehdr *h = obj;
    const Elf64_Shdr *s = sections(obj);
    while (*from < h->e_shnum) {
        const Elf64_Shdr *x = &s[(*from)++];
        if ((x->sh_flags & SHF_ALLOC) || (x->sh_type == SHT_RELA && (s[x->sh_info].sh_flags & SHF_ALLOC))) return x;
    }
    return NULL;
}

/* symbols are numbered through: those of debug sections shift the numbers of the others */
static bool same_relocations(const Elf64_Rela *a, const Elf64_Rela *b, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (a[k].r_offset != b[k].r_offset || a[k].r_addend != b[k].r_addend ||
            ELF64_R_TYPE(a[k].r_info) != ELF64_R_TYPE(b[k].r_info))
            return false;
    return true;
}

bool bk_same_code(const void *a, const void *b) {
    unsigned at = 0, bt = 0;
    for (;;) {
        const Elf64_Shdr *x = next_loaded(a, &at), *y = next_loaded(b, &bt);
        if (!x || !y) return x == y;
        const char *p = (const char *)a + x->sh_offset, *q = (const char *)b + y->sh_offset;
        if (x->sh_type != y->sh_type || x->sh_size != y->sh_size) return false;
        if (x->sh_type == SHT_RELA) {
            if (!same_relocations((const void *)p, (const void *)q, x->sh_size / sizeof(Elf64_Rela))) return false;
        } else if (memcmp(p, q, x->sh_size) != 0) return false;
    }
}
