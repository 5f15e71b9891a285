// A feed: one pipeline of a data section, opened. Gives any sample, any time, to several threads,
// as the floats that the net takes. What a sample looks like in an epoch is a pure function of
// (seed, epoch, sample).
#ifndef RUNTIME_DATA_FEED_H
#define RUNTIME_DATA_FEED_H
#include "runtime/data/source.h"
#include "tensor/shape.h"

enum { FEED_STEPS = 32 };

typedef enum {
    FEED_RESIZE, FEED_CROP, FEED_MIRROR, FEED_GREY,       // on bytes
    FEED_CENTER, FEED_CROP_FLOATS, FEED_MIRROR_FLOATS, FEED_LIGHT     // after the change to floats
} FeedStepKind;

typedef enum { CROP_CENTER, CROP_RANDOM, CROP_CORNERS } CropAt;

typedef struct {
    FeedStepKind kind;
    int          height, width;      // resize, crop
    bool         shorter;            // resize: `height` is that of the shorter side
    CropAt       at;
    double       p;                  // mirror: probability; light: deviation
    bool         both;               // mirror: as two views
    uint32_t     stage;              // number of the stage: keys its random draws
    Span         span;
} FeedStep;

// Decoded samples, kept after the first time they are read.
typedef struct {
    uint8_t         *bytes;          // count x item; pages are taken as they are written
    size_t           item;
    _Atomic uint8_t *state;          // 0 empty, 1 being written, 2 there
    int32_t         *labels;
} FeedCache;

typedef struct Feed {
    const ImageSource *source;
    int64_t      count;              // samples of this feed
    int64_t      every;              // 0: all of the source; else every n-th is held out,
    bool         held;               // and this feed is those, not the others
    const int   *label_map;          // source label -> class; NULL: the same
    int          classes;            // of the net; labels are below it
    FeedStep     steps[FEED_STEPS];
    int          step_count;
    int          fixed;              // the first `fixed` steps are on bytes and draw nothing
    int          byte_steps;         // the first `byte_steps` are on bytes
    double       by, add;            // to floats: by * byte + add
    int          fixed_channels, fixed_height, fixed_width;    // after the fixed steps
    Shape        image;              // what comes out: n = 1
    int          views;              // 1, or so many different views of each sample (testing)
    const float *mean;               // FEED_CENTER subtracts it; shape of the image there
    double       colours[3][3];      // FEED_LIGHT adds random multiples of these: red, green, blue
    FeedCache    cache;
} Feed;

// Which sample of the source is number `index` of the feed.
int64_t feed_source_index(const Feed *f, int64_t index);

typedef struct { uint64_t seed; uint32_t epoch; int view; } FeedKey;

// Sample `index` into `to` (shape_count(image) floats), its class into `label`. False: the sample
// is damaged; err says where it comes from and what is wrong with it.
bool feed_sample(const Feed *f, Reader *r, const FeedKey *key, int64_t index, float *to,
                 int *label, char err[DATA_ERROR]);
// The same up to and including the fixed steps: bytes, in r->image.
bool feed_bytes(const Feed *f, Reader *r, int64_t index, int *label, char err[DATA_ERROR]);
// Applies steps [first, last) on bytes to r->image.
bool feed_apply_bytes(const Feed *f, Reader *r, int first, int last, const FeedKey *key,
                      int64_t index, char err[DATA_ERROR]);
// What follows on floats: bytes that have been through all steps on bytes become the sample.
void feed_floats(const Feed *f, const Image *im, const FeedKey *key, int64_t index, float *to);
#endif
