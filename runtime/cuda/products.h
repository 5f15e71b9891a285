// Products that cuBLAS makes. The library is loaded only for programs that have some: from the virtual GPU's
// library, which has its own, else libcublas.so.
#ifndef CUDA_PRODUCTS_H
#define CUDA_PRODUCTS_H
#include "runtime/cuda/exec.h"

bool program_has_products(const Program *p);
// Loads cuBLAS and opens a handle with a fixed workspace on the stream of every logical device. False, with
// what is missing in `err`; closed in any case.
bool products_open(Device *d, char err[DEVICE_ERROR]);
void products_close(Device *d);
// Puts launch `l` of a logical device into its stream.
bool products_launch(const Device *d, int device, const Launch *l, const CudaLaunch *c,
                     char err[DEVICE_ERROR]);
#endif
