// Dense values in and out of tensors: by the host, and as messages between GPUs. Padding and halos neither
// travel nor change; elements are rounded to what the tensor stores.
#ifndef CUDA_MOVE_H
#define CUDA_MOVE_H
#include "runtime/device.h"
#include "runtime/cuda/driver_abi.h"

extern const char move_text[];         // CUDA: the kernels `gather` and `scatter`

// Fills the tables of a logical device's tensors; its memory is there, its functions are found.
bool    move_open(Device *d, int device, char *err);
int64_t move_table_bytes(const Program *p, int device);        // that those tables take
int64_t move_most_floats(const Program *p, int device);        // of its largest tensor

// Host memory: dense NCHW floats, or labels. They return when the host's memory is free again.
bool move_write(Device *d, int tensor, const void *dense, char *err);
bool move_read(Device *d, int tensor, void *dense, char *err);

// A message: the tensor's values, then a word that hands on StepState.stop. Enqueued on the compute stream
// of the tensor's device.
int64_t move_message_bytes(const Tensor *t);
bool move_pack(Device *d, int tensor, DriverAddress message, char *err);
bool move_unpack(Device *d, int tensor, DriverAddress message, char *err);
bool move_poison(Device *d, int tensor, char *err);            // NaN into every element
#endif
