// The public interface of libcleave: open a net, feed it, read what it learnt, close it.
//
//     cleave *c;
//     char why[CLEAVE_WHY];
//     if (cleave_open(&c, "nets/digits.net", NULL, why) != CLEAVE_OK) ...
//     cleave_step(c, images, labels, &result);
//     cleave_read(c, "conv1.weights", weights, count);
//     cleave_close(c);
//
// Tensors are dense float arrays in logical order, whatever the layout inside: images n x c x h x w,
// convolution weights k x c x r x s, fully connected weights outputs x inputs. The library never
// prints and never exits. A handle is used by one thread at a time; different handles are
// independent.
#ifndef CLEAVE_H
#define CLEAVE_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleave cleave;

typedef enum {
    CLEAVE_OK = 0,
    CLEAVE_RUN = 1,            // the run failed
    CLEAVE_USAGE = 2,          // a wrong argument of a call
    CLEAVE_INPUT = 3,          // a bad .net file or weights file
    CLEAVE_MACHINE = 4,        // a device, driver or compiler is missing or fails
    CLEAVE_NUMERICAL = 5       // the loss was not finite; nothing was applied
} cleave_status;

enum { CLEAVE_WHY = 4096 };    // bytes for the text of an error: may hold several lines with carets

typedef struct {
    const char *net;           // which net of the file; NULL: the one that is trained, else the last
    int         batch;         // images at a time; 0: what the file says
    uint64_t    seed;          // of the parameters and of all draws
    int         threads;       // 0: as many as this process may use
    const char *map;           // "gpu0=cpu:0,gpu1=cpu:1"; NULL: all devices on one group of threads
    const char *const *settings;       // "solver.lr=0.001", ..., ended by NULL; NULL: none
} cleave_options;

typedef struct {
    double loss;               // mean over the images that count
    double top1, top5;         // share of images whose label is among the 1, 5 best; NaN: not reported
    int    images;             // that counted
} cleave_result;

// Compiles the net and binds it to devices. `options` may be NULL. On failure *c is NULL and `why`
// (CLEAVE_WHY bytes) says what is wrong.
cleave_status cleave_open(cleave **c, const char *file, const cleave_options *options, char *why);
void          cleave_close(cleave *c);                         // NULL is allowed

// One training step: forward, backward, update. images: cleave_step_images x c x h x w; labels: as many of
// them, -1 where there is no image. `result` may be NULL.
cleave_status cleave_step(cleave *c, const float *images, const int32_t *labels, cleave_result *result);
// Loss and metrics of a batch, nothing learnt.
cleave_status cleave_test(cleave *c, const float *images, const int32_t *labels, cleave_result *result);
// The net's output for a batch: `output` holds batch x outputs.
cleave_status cleave_predict(cleave *c, const float *images, float *output, size_t count);

// What the last failed call on this handle had to say; "" after a success.
const char   *cleave_why(const cleave *c);

int           cleave_batch(const cleave *c);
int           cleave_step_images(const cleave *c);             // the batch, times `accumulate` of the file
size_t        cleave_image_size(const cleave *c);              // c * h * w
size_t        cleave_output_size(const cleave *c);             // numbers an image
// The parameters, 0 .. count - 1: name ("conv1.weights"), and shape as n, c, h, w.
int           cleave_parameter_count(const cleave *c);
const char   *cleave_parameter_name(const cleave *c, int i, int64_t shape[4]);

// Any parameter, or any value that is in memory after the last step, by name. `count` is the number
// of floats that `data` holds: it must be the tensor's.
cleave_status cleave_size(cleave *c, const char *name, size_t *count);
cleave_status cleave_read(cleave *c, const char *name, float *data, size_t count);
cleave_status cleave_write(cleave *c, const char *name, const float *data, size_t count);   // parameters

// Bytes that crossed between logical devices since cleave_open.
int64_t       cleave_copied_bytes(const cleave *c);
const char   *cleave_version(void);                            // "0.1.0"

#ifdef __cplusplus
}
#endif
#endif
