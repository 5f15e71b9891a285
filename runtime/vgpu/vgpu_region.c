// Named parts of allocations, and those that a launch has pointers to.
#include "runtime/vgpu/vgpu_region.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SEEN = 64 };

typedef struct { uint64_t at, bytes; char name[64]; } Region;

struct VgpuRegions {
    Region *list;                      // by address; they may overlap
    int     count, capacity;
    Region *seen[MOST_SEEN];           // that the launch has pointers to
    int     seen_count, last;          // where the last access was
    bool    aimed;
};

VgpuRegions *vgpu_regions_open(void) { return calloc(1, sizeof(VgpuRegions)); }

void vgpu_regions_close(VgpuRegions *r)
{
    if (r)
        free(r->list);
    free(r);
}

bool vgpu_regions_add(VgpuRegions *r, uint64_t at, uint64_t bytes, const char *name)
{
    int i = 0;
    while (i < r->count && (r->list[i].at < at || (r->list[i].at == at && r->list[i].bytes < bytes)))
        i++;
    bool again = i < r->count && r->list[i].at == at && r->list[i].bytes == bytes;
    if (!again && r->count == r->capacity) {
        int capacity = r->capacity ? 2 * r->capacity : 64;
        Region *list = realloc(r->list, (size_t)capacity * sizeof *list);
        if (!list)
            return false;
        r->list = list;
        r->capacity = capacity;
    }
    if (!again) {
        memmove(r->list + i + 1, r->list + i, (size_t)(r->count - i) * sizeof *r->list);
        r->count++;
    }
    r->list[i] = (Region){ .at = at, .bytes = bytes };
    snprintf(r->list[i].name, sizeof r->list[i].name, "%s", name);
    return true;
}

void vgpu_regions_remove(VgpuRegions *r, uint64_t at, uint64_t bytes)
{
    int kept = 0;
    for (int i = 0; r && i < r->count; i++)
        if (r->list[i].at < at || r->list[i].at - at >= bytes)
            r->list[kept++] = r->list[i];
    if (r)
        r->count = kept;
}

static bool holds(const Region *g, uint64_t at, uint64_t bytes)
{
    return at >= g->at && at - g->at <= g->bytes && g->bytes - (at - g->at) >= bytes;
}

static void see(VgpuRegions *r, Region *g)
{
    for (int i = 0; i < r->seen_count; i++)
        if (r->seen[i] == g)
            return;
    if (r->seen_count == MOST_SEEN)
        r->aimed = false;                                     // too many to tell apart
    else
        r->seen[r->seen_count++] = g;
}

static void aim_at(VgpuRegions *r, uint64_t at)
{
    bool begins = false;
    for (int i = 0; i < r->count; i++)
        if (r->list[i].at == at) {
            see(r, &r->list[i]);
            begins = true;
        }
    for (int i = 0; i < r->count && !begins; i++)
        if (holds(&r->list[i], at, 1))
            see(r, &r->list[i]);
}

void vgpu_regions_aim(VgpuRegions *r, const uint8_t *params, size_t bytes)
{
    if (!r)
        return;
    r->seen_count = r->last = 0;
    r->aimed = true;
    for (size_t k = 0; k + 8 <= bytes; k += 8) {
        uint64_t at;
        memcpy(&at, params + k, 8);
        aim_at(r, at);
    }
}

void vgpu_regions_end(VgpuRegions *r)
{
    if (r)
        r->aimed = false;
}

bool vgpu_regions_apply(const VgpuRegions *r, uint64_t at, uint64_t bytes)
{
    if (!r || !r->aimed)
        return false;
    int low = 0, high = r->count;
    while (low < high) {                                      // the first that begins at or behind it
        int middle = (low + high) / 2;
        if (r->list[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->list[low].at - at < bytes;
}

bool vgpu_regions_hold(VgpuRegions *r, uint64_t at, uint64_t bytes)
{
    if (r->last < r->seen_count && holds(r->seen[r->last], at, bytes))
        return true;
    for (int i = 0; i < r->seen_count; i++)
        if (holds(r->seen[i], at, bytes)) {
            r->last = i;
            return true;
        }
    return false;
}

void vgpu_regions_part(VgpuRegions *r, uint64_t at, uint64_t bytes, uint64_t *first, uint64_t *size)
{
    *size = 0;
    if (!vgpu_regions_hold(r, at, bytes))
        return;
    *first = r->seen[r->last]->at;
    *size = r->seen[r->last]->bytes;
}

const char *vgpu_regions_name(const VgpuRegions *r, uint64_t at, uint64_t *offset)
{
    for (int i = 0; r && r->aimed && i < r->seen_count; i++)
        if (holds(r->seen[i], at, 1)) {
            *offset = at - r->seen[i]->at;
            return r->seen[i]->name;
        }
    return NULL;
}

// The last that begins at or before it, of those that are seen or of all.
static const Region *before(const VgpuRegions *r, uint64_t at, bool seen)
{
    const Region *found = NULL;
    for (int i = 0; i < (seen ? r->seen_count : r->count); i++) {
        const Region *g = seen ? r->seen[i] : &r->list[i];
        if (g->at <= at && (!found || g->at + g->bytes >= found->at + found->bytes))
            found = g;
    }
    return found;
}

void vgpu_regions_describe(const VgpuRegions *r, uint64_t at, char *to, size_t size)
{
    const Region *g = before(r, at, true), *other = before(r, at, false);
    char where[80] = "";
    if (other && other != g && holds(other, at, 1))
        snprintf(where, sizeof where, ", in '%.48s'", other->name);
    if (g && at - g->at < g->bytes)
        snprintf(to, size, "at byte %" PRIu64 " of the %" PRIu64 " of '%.40s', across its end", at - g->at,
                 g->bytes, g->name);
    else if (g)
        snprintf(to, size, "%" PRIu64 " bytes behind the end of '%.40s' (%" PRIu64 " bytes)%s",
                 at - g->at - g->bytes, g->name, g->bytes, where);
    else
        snprintf(to, size, "where it has no pointer to%s", where);
}
