// Sections of a cubin, by name: .text.KERNEL is code, .nv.shared.KERNEL has the size of its static
// shared memory, .nv.constant0.KERNEL that of its bank 0. .nv.info and .nv.info.KERNEL hold attributes:
// one byte of format, one of attribute, two of value or size; format 4 has that many bytes behind it.
#include "runtime/cuda/cubin.h"
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MACHINE_CUDA    = 190,
    MOST_KERNELS    = 4096,            // they are searched one by one
    // On sm_90 the driver keeps this much of each block's shared memory, and sections count it.
    RESERVED_SHARED = 1024,
    FORMAT_BYTES    = 4,
    INFO_MOST_THREADS = 0x05,          // x, y, z
    INFO_FRAME_SIZE = 0x11,            // symbol, bytes
    INFO_REGISTERS  = 0x2f,            // symbol, registers
    INFO_BARRIERS   = 0x4c,            // the value itself
};

typedef struct {
    const unsigned char *bytes;
    size_t    size;
    Elf64_Ehdr head;
    Elf64_Shdr names;                  // the string table of section names
    Elf64_Shdr symbols, symbol_names;  // sh_size 0: there are none
    bool      reserves_shared;
} Elf;

static bool fail(char *err, const char *what)
{
    snprintf(err, DEVICE_ERROR, "damaged cubin: %s", what);
    return false;
}

// --- ELF ------------------------------------------------------------------------------------------

static bool is_inside(const Elf *e, uint64_t offset, uint64_t size)
{
    return offset <= e->size && size <= e->size - offset;
}

static uint32_t word_at(const unsigned char *at)
{
    uint32_t w;
    memcpy(&w, at, sizeof w);
    return w;
}

// Section `index`; false when there is none, or not all of its bytes are there.
static bool get_section(const Elf *e, unsigned index, Elf64_Shdr *s)
{
    if (index >= e->head.e_shnum)
        return false;
    memcpy(s, e->bytes + e->head.e_shoff + (size_t)index * sizeof *s, sizeof *s);
    return s->sh_type == SHT_NOBITS || is_inside(e, s->sh_offset, s->sh_size);
}

// The string at `offset` of a string table; NULL when it does not end inside.
static const char *get_string(const Elf *e, const Elf64_Shdr *table, uint32_t offset)
{
    if (offset >= table->sh_size)
        return NULL;
    const char *text = (const char *)e->bytes + table->sh_offset + offset;
    return memchr(text, 0, table->sh_size - offset) ? text : NULL;
}

static const char *get_symbol(const Elf *e, uint32_t index)
{
    Elf64_Sym s;
    if (index >= e->symbols.sh_size / sizeof s)
        return NULL;
    memcpy(&s, e->bytes + e->symbols.sh_offset + (size_t)index * sizeof s, sizeof s);
    return get_string(e, &e->symbol_names, s.st_name);
}

static bool read_head(Elf *e, char *err)
{
    Elf64_Ehdr *h = &e->head;
    if (e->size < sizeof *h)
        return fail(err, "it is too short");
    memcpy(h, e->bytes, sizeof *h);
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64
        || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != MACHINE_CUDA)
        return fail(err, "it is no 64-bit ELF for CUDA");
    if (h->e_shentsize != sizeof(Elf64_Shdr)
        || !is_inside(e, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
        return fail(err, "its section table is not inside");
    if (h->e_phnum && !is_inside(e, h->e_phoff, (uint64_t)h->e_phnum * h->e_phentsize))
        return fail(err, "its program headers are not inside");
    if (!get_section(e, h->e_shstrndx, &e->names) || e->names.sh_type != SHT_STRTAB)
        return fail(err, "it has no names of sections");
    return true;
}

// --- kernels --------------------------------------------------------------------------------------

static CubinKernel *find_kernel(const Cubin *c, const char *name)
{
    for (int i = 0; name && i < c->kernel_count; i++)
        if (!strcmp(c->kernels[i].name, name))
            return &c->kernels[i];
    return NULL;
}

const CubinKernel *cubin_kernel(const Cubin *c, const char *name)
{
    return find_kernel(c, name);
}

// The kernel that section `name` is about, if it begins with `prefix`.
static CubinKernel *kernel_behind(const Cubin *c, const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? NULL : find_kernel(c, name + length);
}

static bool add_kernel(Cubin *c, const Elf *e, const char *name, const Elf64_Shdr *s, char *err)
{
    if (s->sh_type != SHT_PROGBITS || s->sh_size % SASS_BYTES || s->sh_size > INT32_MAX)
        return fail(err, "code is not a row of instructions");
    if (!*name || find_kernel(c, name))
        return fail(err, "two kernels have one name");
    if (c->kernel_count == MOST_KERNELS)
        return fail(err, "it holds too many kernels");
    CubinKernel *more = realloc(c->kernels, ((size_t)c->kernel_count + 1) * sizeof *more);
    if (!more)
        return fail(err, "out of memory");
    c->kernels = more;
    more[c->kernel_count++] = (CubinKernel){ .name = name, .code = e->bytes + s->sh_offset,
                                             .instructions = (int)(s->sh_size / SASS_BYTES),
                                             .barriers = (int)(s->sh_flags >> 20 & 0x7f) };   // CUDA 11
    return true;
}

static void take_attribute(const Cubin *c, const Elf *e, CubinKernel *own, int attribute,
                           const unsigned char *value, size_t size)
{
    CubinKernel *k = size == 8 ? find_kernel(c, get_symbol(e, word_at(value))) : NULL;
    int number = size == 8 ? (int)(word_at(value + 4) & INT32_MAX) : 0;
    if (k && attribute == INFO_REGISTERS)
        k->registers = number;
    else if (k && attribute == INFO_FRAME_SIZE)
        k->stack = number;
    else if (own && attribute == INFO_BARRIERS)
        own->barriers = value[0];
    else if (own && attribute == INFO_MOST_THREADS && size == 12) {
        uint64_t x = word_at(value), y = word_at(value + 4), z = word_at(value + 8);
        own->most_threads = x <= 1024 && y <= 1024 && z <= 1024 && x * y * z <= 1024 ? (int)(x * y * z) : 0;
    }
}

// The attributes of one .nv.info section; `own` is the kernel that it is about, NULL: of several.
static bool read_attributes(const Cubin *c, const Elf *e, CubinKernel *own, const Elf64_Shdr *s, char *err)
{
    const unsigned char *at = e->bytes + s->sh_offset;
    if (s->sh_type == SHT_NOBITS)
        return fail(err, "its attributes are missing");
    for (size_t left = s->sh_size; left > 0;) {
        if (left < 4)
            return fail(err, "an attribute is cut off");
        int format = at[0], attribute = at[1];
        size_t size = format == FORMAT_BYTES ? (size_t)(at[2] | at[3] << 8) : 0;
        if (size > left - 4)
            return fail(err, "an attribute is cut off");
        take_attribute(c, e, own, attribute, size ? at + 4 : at + 2, size);
        at += 4 + size;
        left -= 4 + size;
    }
    return true;
}

// The sizes that sections other than code tell.
static bool read_section(Cubin *c, const Elf *e, const char *name, const Elf64_Shdr *s, char *err)
{
    CubinKernel *k;
    uint64_t reserved = e->reserves_shared ? RESERVED_SHARED : 0;
    if (!strcmp(name, ".nv.info"))
        return read_attributes(c, e, NULL, s, err);
    if ((k = kernel_behind(c, name, ".nv.info.")))
        return read_attributes(c, e, k, s, err);
    if ((k = kernel_behind(c, name, ".nv.shared."))) {
        if (s->sh_size < reserved || s->sh_size > INT32_MAX)
            return fail(err, "a size of shared memory cannot be");
        k->shared = (int)(s->sh_size - reserved);
    } else if ((k = kernel_behind(c, name, ".nv.constant0."))) {
        k->constant0 = (int)(s->sh_size & INT32_MAX);
    } else if (!strcmp(name, ".debug_line")) {
        c->has_lines |= s->sh_type != SHT_NOBITS && s->sh_size > 0;
    }
    return true;
}

// Two rounds over the sections: kernels and symbols first, then what is about them.
static bool read_sections(Cubin *c, Elf *e, char *err)
{
    Elf64_Shdr s;
    for (int round = 0; round < 2; round++)
        for (unsigned i = 1; i < e->head.e_shnum; i++) {
            if (!get_section(e, i, &s))
                return fail(err, "a section is not inside");
            const char *name = get_string(e, &e->names, s.sh_name);
            if (!name)
                return fail(err, "a section's name is not inside");
            if (round) {
                if (!read_section(c, e, name, &s, err))
                    return false;
            } else if (!strncmp(name, ".text.", 6)) {
                if (!add_kernel(c, e, name + 6, &s, err))
                    return false;
            } else if (!strncmp(name, ".nv.shared.reserved.", 20)) {
                e->reserves_shared = true;
            } else if (s.sh_type == SHT_SYMTAB) {
                e->symbols = s;
                if (!get_section(e, s.sh_link, &e->symbol_names) || e->symbol_names.sh_type != SHT_STRTAB)
                    return fail(err, "it has no names of symbols");
            }
        }
    return true;
}

bool cubin_read(Cubin *c, const void *bytes, size_t size, char err[DEVICE_ERROR])
{
    Elf e = { .bytes = bytes, .size = size };
    *c = (Cubin){ 0 };
    if (read_head(&e, err) && read_sections(c, &e, err)
        && (c->kernel_count > 0 || fail(err, "it holds no kernel")))
        return true;
    cubin_close(c);
    return false;
}

void cubin_close(Cubin *c)
{
    free(c->kernels);
    *c = (Cubin){ 0 };
}

// --- against the log ------------------------------------------------------------------------------

static bool check_number(const char *kernel, const char *what, int elf, int log, char *err)
{
    if (elf != log)
        snprintf(err, DEVICE_ERROR, "internal error: kernel `%.100s`: %d %s in the cubin, %d in ptxas' "
                 "report; this NVRTC writes one of them in a way that cleave does not know", kernel, elf,
                 what, log);
    return elf == log;
}

bool cubin_check(const Cubin *c, const Report *r, char err[DEVICE_ERROR])
{
    int kernels = 0;
    for (int i = 0; i < r->kernel_count; i++)
        kernels += r->kernels[i].is_kernel;
    if (!check_number("*", "kernels", c->kernel_count, kernels, err))
        return false;
    for (int i = 0; i < c->kernel_count; i++) {
        const CubinKernel *k = &c->kernels[i];
        const ReportKernel *said = report_kernel(r, k->name);
        if (!said) {
            snprintf(err, DEVICE_ERROR, "internal error: ptxas does not report kernel `%.100s`", k->name);
            return false;
        }
        if (!check_number(k->name, "registers", k->registers, said->registers, err)
            || !check_number(k->name, "bytes of stack", k->stack, said->stack, err)
            || !check_number(k->name, "bytes of shared memory", k->shared, said->shared, err)
            || (said->barriers >= 0
                && !check_number(k->name, "barriers", k->barriers, said->barriers, err))
            || (said->constants[0]
                && !check_number(k->name, "bytes of constants", k->constant0, said->constants[0], err)))
            return false;
    }
    return true;
}
