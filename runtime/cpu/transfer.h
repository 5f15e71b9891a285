// Moves the logical elements of a tensor between two layouts; padding and halos neither travel nor
// change. Everything that depends on shape and layouts only is found when it is opened.
#ifndef RUNTIME_CPU_TRANSFER_H
#define RUNTIME_CPU_TRANSFER_H
#include "runtime/pool.h"
#include "runtime/side.h"

typedef struct {
    Shape shape;
    Side  from, to;
    int  *run;                 // run[c]: so many channels from c on stand side by side on both sides
} Transfer;

bool transfer_open(Transfer *t, Shape s, const Layout *from, const Layout *to);  // false: memory
void transfer_close(Transfer *t);
// Four-byte elements; images are handed out to the pool.
void transfer_run(const Transfer *t, Pool *pool, const void *from, void *to);
// Fills the elements of the receiving side with `word`.
void transfer_fill(const Transfer *t, void *to, uint32_t word);
#endif
