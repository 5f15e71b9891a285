// Sources: where images and labels come from. A source is opened once, then read by several
// threads at once, any sample at any time.
#ifndef RUNTIME_DATA_SOURCE_H
#define RUNTIME_DATA_SOURCE_H
#include "recipe/stage.h"
#include "runtime/data/image.h"

// What a reading thread owns.
typedef struct {
    Image    image, spare;
    uint8_t *file;                   // the bytes of the file being decoded
    size_t   file_capacity;
    size_t   file_bytes;             // of that file; what is no image file leaves it alone
} Reader;
void reader_free(Reader *r);
// A whole file into r->file. False with `err`: why not, without the path.
bool reader_load(Reader *r, const char *path, size_t *bytes, char err[DATA_ERROR]);
// `bytes` of it from byte `offset` on; a file that ends before them is damaged.
bool reader_load_part(Reader *r, const char *path, int64_t offset, int64_t bytes, char err[DATA_ERROR]);

typedef struct ImageSource ImageSource;

// What to open: the stage, where relative paths start, and whether it feeds training or testing
// (a folder of CIFAR batches holds both).
typedef struct {
    const Stage *stage;
    const char  *folder;             // of the .net file
    const char  *path;               // --data: instead of the stage's own path; NULL: none
    bool         testing;
} SourceOptions;

typedef struct {
    const char *kind;                // of the stage
    // Fills count, classes, shape (height 0: differs from image to image) and state.
    bool (*open)(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR]);
    void (*close)(ImageSource *s);
    // Sample `index` into r->image. False: it is damaged; err says what is wrong with it.
    bool (*read)(const ImageSource *s, int64_t index, Reader *r, int *label, char err[DATA_ERROR]);
    // Where the sample comes from: a path, or a file and a number.
    void (*name)(const ImageSource *s, int64_t index, char to[DATA_ERROR]);
} SourceClass;

struct ImageSource {
    const SourceClass *class;
    int64_t            count;        // samples
    int                classes;      // labels are 0 .. classes - 1
    const char *const *class_names;  // NULL: they have none
    int                channels, height, width;
    bool               cheap;        // reading a sample costs less than keeping it
    void              *state;
};

extern const SourceClass source_images, source_list, source_shards, source_idx, source_cifar10,
                         source_cifar100, source_random;

// Image files named one by one (kept by reference); with `channels` 1 they are made grey.
void source_open_files(ImageSource *s, char *const *paths, int count, int channels);

// False with `err` filled; then nothing is left to close.
bool source_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR]);
void source_close(ImageSource *s);
bool source_is_known(const char *kind);

// The path that a stage's argument means: --data first, else relative to the .net file. The caller
// frees it.
char *source_path(const SourceOptions *o, const char *arg);
// A whole file, plain or gzip, into fresh memory; more than `most` bytes are refused. NULL with
// `err` filled.
uint8_t *source_load_file(const char *path, size_t most, size_t *bytes, char err[DATA_ERROR]);
#endif
