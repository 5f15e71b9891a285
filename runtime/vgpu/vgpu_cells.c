// Memory for cells: six times what they are of, most of it never used, so that it is mapped and not cleared.
#include "runtime/vgpu/vgpu_cells.h"
#include <sys/mman.h>

void *vgpu_map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    madvise(at, bytes, MADV_HUGEPAGE);                         // page by page it takes longer than the checks
    return at;
}

void vgpu_unmap(void *at, size_t bytes)
{
    if (at)
        munmap(at, bytes);
}

static size_t bytes_of(size_t cells) { return (cells / GROUP_CELLS + 1) * sizeof(CellGroup); }

CellGroup *vgpu_cells_open(size_t cells) { return vgpu_map(bytes_of(cells)); }

void vgpu_cells_close(CellGroup *groups, size_t cells) { vgpu_unmap(groups, bytes_of(cells)); }
