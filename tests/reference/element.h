// Numbers as the elements of a GPU's tensors hold them.
#ifndef REFERENCE_ELEMENT_H
#define REFERENCE_ELEMENT_H
#include "tensor/layout.h"

uint16_t element_bf16(float x);                        // ties to even
double   element_rounded(double value, Element e);
double   element_load(const char *at, int64_t i, Element e);
#endif
