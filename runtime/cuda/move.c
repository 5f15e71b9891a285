// Two kernels move everything between layouts: one thread an element, whose place is a sum of table entries
// (runtime/side.h). Messages run pixel by pixel, as NHWC tensors do, so that both sides are read and written
// in one piece; the host's values are NCHW.
#include "runtime/cuda/move.h"
#include "runtime/cuda/exec.h"
#include "runtime/side.h"
#include <stdlib.h>

enum { BLOCK = 256 };

const char move_text[] =
    "typedef long long i64;\n"
    "typedef unsigned int u32;\n"
    "typedef unsigned short u16;\n"
    "\n"
    "struct Place { const i64 *item, *channel; i64 row, column; int c, h, w, by_pixel; };\n"
    "\n"
    "static __device__ __forceinline__ i64 place(i64 i, const Place &p)\n"
    "{\n"
    "    i64 n, c, h, w;\n"
    "    if (p.by_pixel) {\n"
    "        c = i % p.c; i /= p.c; w = i % p.w; i /= p.w; h = i % p.h; n = i / p.h;\n"
    "    } else {\n"
    "        w = i % p.w; i /= p.w; h = i % p.h; i /= p.h; c = i % p.c; n = i / p.c;\n"
    "    }\n"
    "    return p.item[n] + p.channel[c] + h * p.row + w * p.column;\n"
    "}\n"
    "\n"
    "// element: 0 float, 1 TF32 (ties away from zero), 2 BF16 (ties to even); NaN stays NaN.\n"
    "static __device__ __forceinline__ u32 rounded(u32 x, int element)\n"
    "{\n"
    "    if ((x & 0x7f800000u) == 0x7f800000u)\n"
    "        return element && (x & 0x7fffffu) ? 0x7fc00000u : x;\n"
    "    return element == 1 ? (x + 0x1000u) & ~0x1fffu\n"
    "         : element == 2 ? (x + 0x7fffu + (x >> 16 & 1u)) & 0xffff0000u : x;\n"
    "}\n"
    "\n"
    "#define ARGS void *stored, u32 *dense, const i64 *item, const i64 *channel, i64 row, i64 column, \\\n"
    "    int c, int h, int w, int by_pixel, int element, i64 first, i64 count, const int *stop_from, \\\n"
    "    int *stop_to\n"
    "\n"
    "extern \"C\" __global__ void __launch_bounds__(256) gather(ARGS)\n"
    "{\n"
    "    i64 i = (i64)blockIdx.x * 256 + threadIdx.x;\n"
    "    const Place p = { item, channel, row, column, c, h, w, by_pixel };\n"
    "    if (i == 0 && stop_to)\n"
    "        *stop_to = stop_from ? *stop_from : 0;\n"
    "    if (i >= count)\n"
    "        return;\n"
    "    i64 at = place(first + i, p);\n"
    "    dense[i] = element == 2 ? (u32)((const u16 *)stored)[at] << 16 : ((const u32 *)stored)[at];\n"
    "}\n"
    "\n"
    "// Without dense values: NaN. A `stop` that is set stays set.\n"
    "extern \"C\" __global__ void __launch_bounds__(256) scatter(ARGS)\n"
    "{\n"
    "    i64 i = (i64)blockIdx.x * 256 + threadIdx.x;\n"
    "    const Place p = { item, channel, row, column, c, h, w, by_pixel };\n"
    "    if (i == 0 && stop_to && *stop_from)\n"
    "        *stop_to = 1;\n"
    "    if (i >= count)\n"
    "        return;\n"
    "    i64 at = place(first + i, p);\n"
    "    u32 x = rounded(dense ? dense[i] : 0x7fc00000u, element);\n"
    "    if (element == 2)\n"
    "        ((u16 *)stored)[at] = (u16)(x >> 16);\n"
    "    else\n"
    "        ((u32 *)stored)[at] = x;\n"
    "}\n";

// --- tables ---------------------------------------------------------------------------------------

static bool has_table(const Program *p, int tensor, int device)
{
    const Tensor *t = &p->tensors[tensor];
    return !t->is_bytes && p->buffers[t->buffer].device == device;
}

int64_t move_table_bytes(const Program *p, int device)
{
    int64_t entries = 0;
    for (int i = 0; i < p->tensor_count; i++)
        if (has_table(p, i, device))
            entries += p->tensors[i].shape.n + p->tensors[i].shape.c;
    return entries * (int64_t)sizeof(int64_t);
}

int64_t move_most_floats(const Program *p, int device)
{
    int64_t most = 0;
    for (int i = 0; i < p->tensor_count; i++)
        if (has_table(p, i, device) && shape_count(p->tensors[i].shape) > most)
            most = shape_count(p->tensors[i].shape);
    return most;
}

// Puts the tables of a tensor at `*at` of the host's copy and moves on.
static bool fill_table(Device *d, int tensor, int64_t *table, int64_t *at)
{
    const Tensor *t = &d->program->tensors[tensor];
    DriverAddress base = d->list[cuda_home(d, tensor)].tables;
    Side side;
    bool good = side_open(&side, t->shape, &t->layout);
    if (good) {
        d->sides[tensor] = (CudaSide){ .row = side.row, .column = side.column };
        d->sides[tensor].item = base + (DriverAddress)*at * sizeof *table;
        for (int64_t n = 0; n < t->shape.n; n++)
            table[(*at)++] = side.item[n];
        d->sides[tensor].channel = base + (DriverAddress)*at * sizeof *table;
        for (int64_t c = 0; c < t->shape.c; c++)
            table[(*at)++] = side.channel[c];
    }
    side_close(&side);
    return good;
}

bool move_open(Device *d, int device, char *err)
{
    const Program *p = d->program;
    const CudaDevice *own = &d->list[device];
    int64_t *table = malloc((size_t)own->table_bytes + 1), at = 0;
    bool good = table;
    for (int i = 0; i < p->tensor_count && good; i++)
        good = !has_table(p, i, device) || fill_table(d, i, table, &at);
    if (!good)
        snprintf(err, DEVICE_ERROR, "out of memory");
    good = good && cuda_select(d, device, err)
        && DRIVER_CALL(&d->gpus.driver, err, cuMemcpyHtoDAsync, own->tables, table, (size_t)own->table_bytes,
                       own->compute)
        && cuda_sync(d, device, err);
    free(table);
    return good;
}

// --- launches -------------------------------------------------------------------------------------

// What one launch moves: `count` elements from `first` on of the order chosen.
typedef struct {
    int           tensor;
    DriverAddress dense;               // 0 (scatter only): NaN
    bool          by_pixel;
    int64_t       first, count;
    DriverAddress stop_from, stop_to;  // 0: it is not handed on
} Move;

static bool launch(Device *d, DriverFunction function, const Move *m, char *err)
{
    const Tensor *t = &d->program->tensors[m->tensor];
    const CudaSide *side = &d->sides[m->tensor];
    DriverAddress stored = cuda_address(d, m->tensor), dense = m->dense, item = side->item;
    DriverAddress channel = side->channel, stop_from = m->stop_from, stop_to = m->stop_to;
    long long row = side->row, column = side->column, first = m->first, count = m->count;
    int c = (int)t->shape.c, h = (int)t->shape.h, w = (int)t->shape.w, by_pixel = m->by_pixel;
    int element = (int)t->layout.element;
    void *params[] = { &stored, &dense, &item, &channel, &row, &column, &c, &h, &w, &by_pixel, &element,
                       &first, &count, &stop_from, &stop_to };
    unsigned blocks = (unsigned)((m->count + BLOCK - 1) / BLOCK);
    if (DRIVER_CALL(&d->gpus.driver, err, cuLaunchKernel, function, blocks, 1, 1, BLOCK, 1, 1, 0,
                    d->list[cuda_home(d, m->tensor)].compute, params, NULL))
        return true;
    driver_explain(err, "moving %.100s", t->name);
    return false;
}

bool move_write(Device *d, int tensor, const void *dense, char *err)
{
    int device = cuda_home(d, tensor);
    const CudaDevice *own = &d->list[device];
    int64_t count = shape_count(d->program->tensors[tensor].shape);
    bool good = cuda_select(d, device, err);
    for (int64_t first = 0; first < count && good; first += own->room_floats) {
        int64_t left = count - first, now = left < own->room_floats ? left : own->room_floats;
        const Move m = { .tensor = tensor, .dense = own->room, .first = first, .count = now };
        good = DRIVER_CALL(&d->gpus.driver, err, cuMemcpyHtoDAsync, own->room,
                           (const uint32_t *)dense + first, (size_t)now * sizeof(uint32_t), own->compute)
            && launch(d, own->scatter, &m, err);
    }
    return good && cuda_sync(d, device, err);
}

bool move_read(Device *d, int tensor, void *dense, char *err)
{
    int device = cuda_home(d, tensor);
    const CudaDevice *own = &d->list[device];
    int64_t count = shape_count(d->program->tensors[tensor].shape);
    bool good = cuda_select(d, device, err);
    for (int64_t first = 0; first < count && good; first += own->room_floats) {
        int64_t left = count - first, now = left < own->room_floats ? left : own->room_floats;
        const Move m = { .tensor = tensor, .dense = own->room, .first = first, .count = now };
        good = launch(d, own->gather, &m, err)
            && DRIVER_CALL(&d->gpus.driver, err, cuMemcpyDtoHAsync, (uint32_t *)dense + first, own->room,
                           (size_t)now * sizeof(uint32_t), own->compute);
    }
    return good && cuda_sync(d, device, err);
}

// --- messages -------------------------------------------------------------------------------------

static int64_t stop_offset(const Tensor *t)
{
    return shape_count(t->shape) * (int64_t)sizeof(float);
}

int64_t move_message_bytes(const Tensor *t) { return stop_offset(t) + (int64_t)sizeof(int32_t); }

static Move message(const Device *d, int tensor, DriverAddress at)
{
    const Tensor *t = &d->program->tensors[tensor];
    return (Move){ .tensor = tensor, .dense = at, .by_pixel = true, .count = shape_count(t->shape) };
}

static DriverAddress stop_of(const Device *d, int tensor)
{
    DriverAddress state = d->list[cuda_home(d, tensor)].state;
    return state ? state + offsetof(StepState, stop) : 0;
}

bool move_pack(Device *d, int tensor, DriverAddress at, char *err)
{
    Move m = message(d, tensor, at);
    m.stop_from = stop_of(d, tensor);
    m.stop_to = at + (DriverAddress)stop_offset(&d->program->tensors[tensor]);
    return launch(d, d->list[cuda_home(d, tensor)].gather, &m, err);
}

bool move_unpack(Device *d, int tensor, DriverAddress at, char *err)
{
    Move m = message(d, tensor, at);
    m.stop_from = at + (DriverAddress)stop_offset(&d->program->tensors[tensor]);
    m.stop_to = stop_of(d, tensor);
    return launch(d, d->list[cuda_home(d, tensor)].scatter, &m, err);
}

bool move_poison(Device *d, int tensor, char *err)
{
    const Move m = message(d, tensor, 0);
    return launch(d, d->list[cuda_home(d, tensor)].scatter, &m, err);
}
