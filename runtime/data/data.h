// The data of a run: the training and the test pipeline of a data section, opened together,
// because they share sources, classes and the mean.
#ifndef RUNTIME_DATA_DATA_H
#define RUNTIME_DATA_DATA_H
#include "runtime/data/colour.h"
#include "runtime/data/feed.h"
#include "runtime/refusals.h"

typedef struct {
    const DataRecipe *recipe;
    const char  *folder;             // of the .net file; "" or NULL: the working folder
    const char  *train_path, *test_path;     // --data train=..., test=...; NULL: the recipe's
    bool         train, test;        // which to open; test without a pipeline is simply not there
    Shape        image;              // what the net takes: c, h, w
    int          classes;            // what the net tells apart
    bool         skip_bad;           // --bad skip
    int          threads;            // for the mean
    int64_t      cache_bytes;        // a feed whose decoded bytes fit is kept in memory
    // From a checkpoint: then neither is taken from the training set.
    const float *mean;               // of feed->mean's shape, mean_count floats; NULL: compute it
    int64_t      mean_count;
    const char *const *class_names;  // class_count of them, or NULL
    int          class_count;
} DataOptions;

typedef struct Data {
    ImageSource  train_source, test_source;
    Feed         train, test;
    bool         has_train, has_test;
    float       *mean;               // NULL: nothing is subtracted
    Shape        mean_shape;
    int         *label_map;          // of the test source
    char       **class_names;        // NULL: they have none
    int          class_count;
} Data;

enum { DATA_CACHE_BYTES = 1 << 30 };

// False with what is wrong in `err` and, where a stage is at fault, its place in *at (else
// NO_SPAN); data_close is right in both cases.
bool data_open(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR]);
void data_close(Data *d);
// The same for image files named one by one, as d->test: they go through what test images go
// through; the recipe's own sources are not opened. Sample i is paths[i], its label 0.
bool data_open_files(Data *d, const DataOptions *o, char *const *paths, int count, Span *at,
                     char err[DATA_ERROR]);

// Which stages of a pipeline the runtime cannot do yet: false with the place and the reason.
// Opens nothing, so that `train` can refuse a recipe before it compiles the net.
bool data_accepts(const DataRecipe *recipe, Refused *no);

// The mean of the training images and the sums of their colours (either may be NULL), computed with
// `threads` threads; the sums are of integers, so their number changes nothing. data_open calls it
// when a `center` or a `light` asks for it.
bool data_mean(const Feed *f, bool per_channel, bool skip_bad, int threads, float *mean,
               ColourSums *colours, char err[DATA_ERROR]);
#endif
