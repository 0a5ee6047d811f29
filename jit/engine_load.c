/* A loader for one relocatable ELF object: sections copied into pages of their own, relocated, then made executable and
 * read-only. LLVM's linkers do the same with some 25 kB of bookkeeping per region; regions are small and many. */
#include "engine_load.h"
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* jmp *2(%rip), padding, address: a far call's way, and the address itself for loads of it */
typedef struct {
    uint8_t jump[8];
    uint64_t address;
} stub;

typedef struct {
    const uint8_t *obj;
    const Elf64_Ehdr *h;
    const Elf64_Shdr *sec;
    const Elf64_Sym *sym;
    uint32_t nsym;
    const char *names;
    size_t *place;     /* per section: offset in the image, or SIZE_MAX */
    uint32_t *stub_of; /* per symbol: its stub + 1, or 0 */
    size_t stubs_at;   /* where stubs start */
    uint32_t nstubs;
    uint8_t *base;
    size_t size;
    bk_resolver resolve;
    void *arg;
    char *err;
    size_t errlen;
} loader;

__attribute__((format(printf, 2, 3))) static int refuse(loader *l, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->err, l->errlen, fmt, ap);
    va_end(ap);
    return -1;
}

static bool placed(const Elf64_Shdr *s) {
    return (s->sh_flags & SHF_ALLOC) && (s->sh_type == SHT_PROGBITS || s->sh_type == SHT_X86_64_UNWIND) && s->sh_size;
}

static bool is_frames(const loader *l, const Elf64_Shdr *s) {
    const char *names = (const char *)l->obj + l->sec[l->h->e_shstrndx].sh_offset;
    return placed(s) && strcmp(names + s->sh_name, ".eh_frame") == 0;
}

static int open_object(loader *l, const void *obj, size_t n) {
    l->obj = obj;
    l->h = obj;
    if (n < sizeof *l->h || memcmp(l->h->e_ident, ELFMAG, SELFMAG) || l->h->e_machine != EM_X86_64 ||
        l->h->e_type != ET_REL)
        return refuse(l, "not an object of this machine");
    l->sec = (const void *)(l->obj + l->h->e_shoff);
    for (unsigned k = 0; k < l->h->e_shnum; k++) {
        const Elf64_Shdr *s = &l->sec[k];
        if (s->sh_type == SHT_NOBITS && (s->sh_flags & SHF_ALLOC) && s->sh_size)
            return refuse(l, "object with variables");
        if (s->sh_type != SHT_SYMTAB) continue;
        l->sym = (const void *)(l->obj + s->sh_offset);
        l->nsym = (uint32_t)(s->sh_size / sizeof *l->sym);
        l->names = (const char *)l->obj + l->sec[s->sh_link].sh_offset;
    }
    l->place = malloc(l->h->e_shnum * sizeof *l->place);
    l->stub_of = calloc(l->nsym + 1, sizeof *l->stub_of);
    return l->place && l->stub_of && l->sym ? 0 : refuse(l, "out of memory");
}

/* where everything goes: sections, then stubs */
static void lay_out(loader *l) {
    size_t at = 0;
    for (unsigned k = 0; k < l->h->e_shnum; k++) {
        const Elf64_Shdr *s = &l->sec[k];
        size_t align = s->sh_addralign ? s->sh_addralign : 1;
        l->place[k] = SIZE_MAX;
        if (!placed(s)) continue;
        at = (at + align - 1) & ~(align - 1);
        l->place[k] = at;
        at += s->sh_size;
        if (is_frames(l, s)) at += 4; /* the zero word that ends it */
    }
    l->stubs_at = (at + 15) & ~(size_t)15;
    for (uint32_t k = 1; k < l->nsym; k++)
        if (l->sym[k].st_shndx == SHN_UNDEF && l->sym[k].st_name) l->stub_of[k] = ++l->nstubs;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    l->size = (l->stubs_at + l->nstubs * sizeof(stub) + page - 1) & ~(page - 1);
}

static int fill_stubs(loader *l) {
    static const uint8_t jump[8] = {0xff, 0x25, 2, 0, 0, 0, 0x66, 0x90};
    for (uint32_t k = 1; k < l->nsym; k++) {
        if (!l->stub_of[k]) continue;
        const char *name = l->names + l->sym[k].st_name;
        void *to = l->resolve(l->arg, name);
        if (!to) to = dlsym(RTLD_DEFAULT, name); /* what LLVM calls on its own: memset, floor on old processors */
        if (!to) return refuse(l, "nothing is called %s", name);
        stub s = {.address = (uint64_t)(uintptr_t)to};
        memcpy(s.jump, jump, sizeof jump);
        memcpy(l->base + l->stubs_at + (l->stub_of[k] - 1) * sizeof s, &s, sizeof s);
    }
    return 0;
}

static stub *stub_at(loader *l, uint32_t sym) {
    return (stub *)(void *)(l->base + l->stubs_at) + (l->stub_of[sym] - 1);
}

/* the address of a symbol; for external ones what they stand for */
static int address_of(loader *l, uint32_t sym, uint64_t *out) {
    const Elf64_Sym *s = &l->sym[sym];
    if (l->stub_of[sym]) {
        *out = stub_at(l, sym)->address;
    } else if (s->st_shndx == SHN_ABS) {
        *out = s->st_value;
    } else if (s->st_shndx < l->h->e_shnum && l->place[s->st_shndx] != SIZE_MAX) {
        *out = (uint64_t)(uintptr_t)(l->base + l->place[s->st_shndx]) + s->st_value;
    } else {
        return refuse(l, "symbol %u lies nowhere", sym);
    }
    return 0;
}

static bool fits32(int64_t v) { return v >= INT32_MIN && v <= INT32_MAX; }

static int relocate_one(loader *l, uint8_t *at, const Elf64_Rela *r) {
    uint32_t sym = (uint32_t)ELF64_R_SYM(r->r_info), type = (uint32_t)ELF64_R_TYPE(r->r_info);
    uint64_t target, here = (uint64_t)(uintptr_t)at;
    if (address_of(l, sym, &target)) return -1;
    int64_t value = (int64_t)(target + (uint64_t)r->r_addend), away = value - (int64_t)here;
    switch (type) {
    case R_X86_64_NONE: return 0;
    case R_X86_64_64: memcpy(at, &value, 8); return 0;
    case R_X86_64_PC64: memcpy(at, &away, 8); return 0;
    case R_X86_64_PLT32:
    case R_X86_64_PC32:
        if (!fits32(away) && l->stub_of[sym])
            away = (int64_t)((uint64_t)(uintptr_t)stub_at(l, sym) + (uint64_t)r->r_addend - here);
        break;
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
        if (!l->stub_of[sym]) return refuse(l, "the address of symbol %u is wanted", sym);
        away = (int64_t)((uint64_t)(uintptr_t)&stub_at(l, sym)->address + (uint64_t)r->r_addend - here);
        break;
    default: return refuse(l, "relocation type %u", type);
    }
    if (!fits32(away)) return refuse(l, "relocation out of range");
    memcpy(at, &(int32_t){(int32_t)away}, 4);
    return 0;
}

static int relocate(loader *l) {
    for (unsigned k = 0; k < l->h->e_shnum; k++) {
        const Elf64_Shdr *s = &l->sec[k];
        if (s->sh_type != SHT_RELA || l->place[s->sh_info] == SIZE_MAX) continue;
        const Elf64_Rela *r = (const void *)(l->obj + s->sh_offset);
        for (size_t n = 0; n < s->sh_size / sizeof *r; n++)
            if (relocate_one(l, l->base + l->place[s->sh_info] + r[n].r_offset, &r[n])) return -1;
    }
    return 0;
}

static int fill(loader *l) {
    l->base = mmap(NULL, l->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (l->base == MAP_FAILED) {
        l->base = NULL;
        return refuse(l, "no memory for code");
    }
    for (unsigned k = 0; k < l->h->e_shnum; k++)
        if (l->place[k] != SIZE_MAX) memcpy(l->base + l->place[k], l->obj + l->sec[k].sh_offset, l->sec[k].sh_size);
    if (fill_stubs(l) || relocate(l)) return -1;
    if (mprotect(l->base, l->size, PROT_READ | PROT_EXEC)) return refuse(l, "code can not be made executable");
    return 0;
}

static int find_entry(loader *l, const char *entry, bk_image *out) {
    for (uint32_t k = 1; k < l->nsym; k++) {
        const Elf64_Sym *s = &l->sym[k];
        if (s->st_shndx == SHN_UNDEF || strcmp(l->names + s->st_name, entry)) continue;
        uint64_t at;
        if (address_of(l, k, &at)) return -1;
        /* native functions stand behind the entry, in its section */
        *out = (bk_image){.base = l->base,
                          .size = l->size,
                          .entry = (void *)(uintptr_t)at,
                          .entry_size = l->sec[s->st_shndx].sh_size - s->st_value};
        return 0;
    }
    return refuse(l, "the object has no %s", entry);
}

static void find_frames(const loader *l, bk_image *out) {
    for (unsigned k = 0; k < l->h->e_shnum; k++)
        if (is_frames(l, &l->sec[k])) out->frames = l->base + l->place[k];
}

/* without it the code is as good: no memory is no failure */
static void keep_debug(const loader *l, size_t n, bk_image *out) {
    uint64_t *address = calloc(l->h->e_shnum, sizeof *address);
    if (!address) return;
    for (unsigned k = 0; k < l->h->e_shnum; k++)
        if (l->place[k] != SIZE_MAX) address[k] = (uint64_t)(uintptr_t)(l->base + l->place[k]);
    out->debug = bk_debug_object(l->obj, n, address);
    out->debug_size = n;
    free(address);
}

int bk_load_object(const void *obj, size_t n, const char *entry, bool debug, bk_resolver resolve, void *arg,
                   bk_image *out, char *err, size_t errlen) {
    loader l = {.resolve = resolve, .arg = arg, .err = err, .errlen = errlen};
    int rc = open_object(&l, obj, n);
    if (rc == 0) {
        lay_out(&l);
        rc = fill(&l);
    }
    if (rc == 0) rc = find_entry(&l, entry, out);
    if (rc == 0) find_frames(&l, out);
    if (rc == 0 && debug) keep_debug(&l, n, out);
    if (rc && l.base) munmap(l.base, l.size);
    free(l.place);
    free(l.stub_of);
    return rc;
}

void bk_unload(const bk_image *i) {
    if (i->base) munmap(i->base, i->size);
}
