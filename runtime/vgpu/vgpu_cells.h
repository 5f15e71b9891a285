// What is remembered of memory for the search for races: of every cell, the bytes of one element, the last
// write and the reads since. Eight cells stand side by side, so that a machine's vectors take them at once.
#ifndef RUNTIME_VGPU_CELLS_H
#define RUNTIME_VGPU_CELLS_H
#include <stddef.h>
#include <stdint.h>

// An access as it is remembered.
typedef struct {
    uint32_t epoch;                    // 0: none
    uint32_t insn;                     // in the kernel's code; + ATOMIC_EVENT
    uint16_t who, syncs;               // a thread, or several; the warp's syncs then
} Event;
#define ATOMIC_EVENT 0x80000000u

// Event.who: a thread of the block, or one of these.
enum {
    OF_A_WARP = 0x8000,                // ... + the warp: several of its threads
    OF_OPERATIONS = 0xfffd,            // those of `insn` (vgpu_order.h) besides this one
    OF_THE_BLOCK = 0xfffe,             // threads of several warps
    OF_BLOCKS = 0xffff                 // threads of several blocks
};

typedef struct { Event write, read; } Cell;

enum { GROUP_CELLS = 8, SYNCS_AT = 16 };

typedef struct {
    uint32_t written[GROUP_CELLS], read[GROUP_CELLS];              // epochs; where 0, the rest means nothing
    uint32_t readers[GROUP_CELLS], read_by[GROUP_CELLS];           // who | syncs << SYNCS_AT; the instruction
    uint32_t writers[GROUP_CELLS], written_by[GROUP_CELLS];
} CellGroup;

// Global memory has pages of cells, each as fine as the accesses to it were: most pages have cells of words.
enum { PAGE_BITS = 16, PAGE_BYTES = 1 << PAGE_BITS, WORD_BITS = 2 };

typedef struct {
    CellGroup *groups;                 // the first one: of the cell at the page's first address
    unsigned   grain_bits;             // bytes of a cell: 1 << grain_bits
} CellPage;

// Bytes, all 0, that are not taken from the machine before they are used, in large pages if there are many.
// NULL: there is no memory.
void *vgpu_map(size_t bytes);
void  vgpu_unmap(void *at, size_t bytes);                // NULL is allowed

// So many cells of which nothing is known; memory is taken where they are used. NULL: there is none.
CellGroup *vgpu_cells_open(size_t cells);
void       vgpu_cells_close(CellGroup *groups, size_t cells);              // NULL is allowed

static inline Cell cell_get(const CellGroup *groups, size_t cell)
{
    const CellGroup *g = &groups[cell / GROUP_CELLS];
    size_t k = cell % GROUP_CELLS;
    uint32_t writer = g->writers[k], reader = g->readers[k];
    return (Cell){
        { g->written[k], g->written_by[k], (uint16_t)writer, (uint16_t)(writer >> SYNCS_AT) },
        { g->read[k], g->read_by[k], (uint16_t)reader, (uint16_t)(reader >> SYNCS_AT) }
    };
}

static inline void cell_set(CellGroup *groups, size_t cell, Cell c)
{
    CellGroup *g = &groups[cell / GROUP_CELLS];
    size_t k = cell % GROUP_CELLS;
    g->written[k] = c.write.epoch;
    g->written_by[k] = c.write.insn;
    g->writers[k] = c.write.who | (uint32_t)c.write.syncs << SYNCS_AT;
    g->read[k] = c.read.epoch;
    g->read_by[k] = c.read.insn;
    g->readers[k] = c.read.who | (uint32_t)c.read.syncs << SYNCS_AT;
}
#endif
