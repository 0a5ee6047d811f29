/* Unwind tables for jitdump: of one piece of code, as the object that perf makes of it wants them. There, .eh_frame
 * follows the code at the next multiple of 8, and .eh_frame_hdr follows .eh_frame (tools/perf/util/genelf.c). */
#include "perfunwind.h"
#include <string.h>
#include <unistd.h>

enum { PCREL32 = 0x1b, PCREL64 = 0x1c, UDATA4 = 0x03, DATAREL32 = 0x3b }; /* DW_EH_PE_... */

typedef struct {
    uint8_t version, frames_form, count_form, table_form;
    int32_t frames;
    uint32_t count;
    int32_t code, entry; /* the table: one row */
} frame_header;
_Static_assert(sizeof(frame_header) == BK_UNWIND_HEADER, "as the record says");

static uint32_t word(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* how entries of this CIE name their code; 0: none that is understood. LLVM's have the version 1 and "zR": two factors
 * and a register of a byte each, the length of the rest, and the form. */
static uint8_t form_of(const uint8_t *cie) { return cie[8] == 1 && memcmp(cie + 9, "zR", 3) == 0 ? cie[16] : 0; }

static uint64_t code_of(const uint8_t *fde, uint8_t form) {
    int64_t away = 0;
    if (form == PCREL64) memcpy(&away, fde + 8, 8);
    else away = (int32_t)word(fde + 8);
    return (uint64_t)(uintptr_t)(fde + 8) + (uint64_t)away;
}

/* the entry of the code there, and its CIE; *end: behind the tables */
static const uint8_t *find(const uint8_t *frames, uint64_t code, const uint8_t **cie, const uint8_t **end) {
    const uint8_t *found = NULL, *p = frames;
    for (; word(p); p += 4 + word(p)) {
        uint32_t back = word(p + 4);
        if (!back) continue;
        const uint8_t *of = p + 4 - back;
        uint8_t form = form_of(of);
        if ((form == PCREL32 || form == PCREL64) && code_of(p, form) == code) found = p, *cie = of;
    }
    *end = p + 4;
    return found;
}

bool bk_perf_unwind(const void *frames, uint64_t address, uint64_t size, bk_unwind *out) {
    const uint8_t *cie = NULL, *end, *fde = frames ? find(frames, address, &cie, &end) : NULL;
    if (!fde) return false;
    uint32_t ncie = 4 + word(cie), nfde = 4 + word(fde), behind = ncie + nfde + 4;
    if (behind + sizeof(frame_header) > sizeof out->bytes) return false;
    int64_t tables = (int64_t)((size + 7) & ~UINT64_C(7)); /* where they begin, from the code on */
    int64_t away = -(tables + ncie + 8), header = tables + behind;
    frame_header h = {1,
                      PCREL32,
                      UDATA4,
                      DATAREL32,
                      -(int32_t)(behind + offsetof(frame_header, frames)),
                      1,
                      (int32_t)-header,
                      -(int32_t)(nfde + 4)};
    memset(out->bytes, 0, sizeof out->bytes);
    memcpy(out->bytes, cie, ncie);
    memcpy(out->bytes + ncie, fde, nfde);
    memcpy(out->bytes + ncie + 4, &(uint32_t){ncie + 4}, 4);
    memcpy(out->bytes + ncie + 8, &away, form_of(cie) == PCREL64 ? 8 : 4);
    memcpy(out->bytes + behind, &h, sizeof h);
    out->size = behind + (uint32_t)sizeof h;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    out->room = (((uint64_t)(uintptr_t)end + page - 1) & ~(page - 1)) - (address + size);
    return true;
}
