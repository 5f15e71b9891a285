// Tells the virtual GPU which tensors lie in an arena, so that its checks know them one by one. NVIDIA's
// driver has no such function, and nothing is told.
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include "program/validate.h"
#include <dlfcn.h>
#include <string.h>

typedef int NameRegion(DriverAddress at, size_t bytes, const char *name);

static void name_copies(const Device *d, NameRegion *name)
{
    for (int s = 0; s < d->program->sequence_count; s++)
        for (int i = 0; i < d->program->sequences[s].copy_count; i++) {
            const CudaCopy *c = &d->sequences[s].copies[i];
            const Tensor *t = &d->program->tensors[d->program->sequences[s].copies[i].to];
            name(c->sent, (size_t)move_message_bytes(t), t->name);
            name(c->received, (size_t)move_message_bytes(t), t->name);
        }
}

void cuda_name_regions(const Device *d)
{
    NameRegion *name = NULL;
    void *symbol = dlsym(d->gpus.driver.library, "cleave_vgpu_region");
    memcpy(&name, &symbol, sizeof name);           // ISO C has no cast from object to function
    if (!name)
        return;
    for (int i = 0; i < d->program->tensor_count; i++)
        name(cuda_address(d, i), (size_t)tensor_bytes(&d->program->tensors[i]), d->program->tensors[i].name);
    for (int i = 0; i < d->program->device_count; i++) {
        const CudaDevice *own = &d->list[i];
        name(own->tables, (size_t)own->table_bytes, "tables of offsets");
        name(own->room, (size_t)own->room_floats * sizeof(float), "values of the host");
    }
    name_copies(d, name);
}
