// What an image costs on one core from its file to the floats of AlexNet, against libjpeg-turbo's own
// decoding plus our resize: data NET.net FOLDER. Every image goes through all three in turn, so that a busy
// machine slows them alike; times are of the thread.
#include "compile.h"
#include "runtime/data/data.h"
#include <stdlib.h>
#include <time.h>
#include <jpeglib.h>

enum { ROUNDS = 5 };

static double core_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Rows of red, green, blue into one and the same row: nothing is kept.
static void decode_alone(const uint8_t *file, size_t bytes)
{
    struct jpeg_decompress_struct info = { .mem = NULL };
    struct jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, file, (unsigned long)bytes);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    uint8_t *row = malloc((size_t)info.output_width * 3);
    while (row && info.output_scanline < info.output_height)
        jpeg_read_scanlines(&info, &row, 1);
    jpeg_finish_decompress(&info);
    free(row);
    jpeg_destroy_decompress(&info);
}

typedef struct { double jpeg, resize, path; int images; } Sums;

static bool add_image(const Feed *f, Reader *r, Reader *whole, float *floats, int index, Sums *s, char *err)
{
    int label;
    FeedKey key = { .seed = 1 };
    if (!f->source->class->read(f->source, index, r, &label, err))
        return false;
    double start = core_seconds();
    decode_alone(r->file, r->file_bytes);
    double decoded = core_seconds();
    if (!feed_apply_bytes(f, r, 0, f->fixed, NULL, index, err))
        return false;
    double resized = core_seconds();
    if (!feed_sample(f, whole, &key, index, floats, &label, err))
        return false;
    s->path += core_seconds() - resized;
    s->resize += resized - decoded;
    s->jpeg += decoded - start;
    s->images++;
    return true;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int measure(const Data *d)
{
    Feed f = d->train;
    Reader r = { .file = NULL }, whole = { .file = NULL };
    float *floats = malloc((size_t)shape_item(f.image) * sizeof *floats);
    double ratios[ROUNDS];
    char err[DATA_ERROR] = "out of memory";
    bool good = floats != NULL;
    f.cache.bytes = NULL;
    for (int round = 0; round < ROUNDS && good; round++) {
        Sums s = { 0 };
        for (int i = 0; i < f.count && good; i++)
            good = add_image(&f, &r, &whole, floats, i, &s, err);
        double each = 1e3 / s.images;
        ratios[round] = s.path / (s.jpeg + s.resize);
        if (good)
            printf("%d images: libjpeg-turbo %.3f ms, resize and crop %.3f ms; whole path %.3f ms, %.0f "
                   "images/s a core, %.3f of both\n", s.images, s.jpeg * each, s.resize * each, s.path * each,
                   s.images / s.path, ratios[round]);
    }
    if (good) {
        qsort(ratios, ROUNDS, sizeof *ratios, compare_doubles);
        printf("the whole path takes %.3f of libjpeg-turbo's decoding plus the resize (median of %d)\n",
               ratios[ROUNDS / 2], ROUNDS);
    } else {
        fprintf(stderr, "data: %s\n", err);
    }
    reader_free(&r);
    reader_free(&whole);
    free(floats);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static Compilation c;
    CompileOptions o = { .stop_after = "shapes", .modes = 1 << GRAPH_TRAIN };
    Data d = { 0 };
    Span at;
    char err[DATA_ERROR];
    if (argc != 3) {
        fputs("usage: data NET.net FOLDER\n", stderr);
        return 2;
    }
    int code = 1;
    if (!compile_file(&c, &o, argv[1])) {
        diag_print(&c.diag, stderr, false);
    } else {
        Shape image = c.graphs[GRAPH_TRAIN]->inputs[0].node->shape;
        image.n = 1;
        DataOptions data = { .recipe = &c.recipe.data, .train_path = argv[2], .train = true, .image = image,
                             .classes = (int)c.graphs[GRAPH_TRAIN]->scores->shape.c, .threads = 2 };
        if (data_open(&d, &data, &at, err))
            code = measure(&d);
        else
            fprintf(stderr, "data: %s\n", err);
    }
    data_close(&d);
    compile_close(&c);
    return code;
}
