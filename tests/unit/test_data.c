// Sources, pipelines and means, on files that the test writes: good ones, truncated
// ones, damaged ones.
#include "reference/folder.h"
#include "reference/image_files.h"
#include "reference/stages.h"
#include "runtime/data/decode.h"
#include "runtime/data/loader.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <jpeglib.h>
#include <png.h>
#include <cmocka.h>

// --- files ---------------------------------------------------------------------------------------

// Samples of 2 x 3 bytes, sample i being i, i+1, ..., i+5; labels i % 4.
static size_t idx_images(uint8_t *to, int count)
{
    static const uint8_t head[] = { 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3 };
    memcpy(to, head, sizeof head);
    to[7] = (uint8_t)count;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 6; k++)
            to[16 + 6 * i + k] = (uint8_t)(i + k);
    return 16 + 6 * (size_t)count;
}

static size_t idx_labels(uint8_t *to, int count)
{
    static const uint8_t head[] = { 0, 0, 8, 1, 0, 0, 0, 0 };
    memcpy(to, head, sizeof head);
    to[7] = (uint8_t)count;
    for (int i = 0; i < count; i++)
        to[8 + i] = (uint8_t)(i % 4);
    return 8 + (size_t)count;
}

static void write_idx(int count)
{
    uint8_t bytes[2048];
    write_file("images.idx", bytes, idx_images(bytes, count));
    write_file("labels.idx", bytes, idx_labels(bytes, count));
}

// --- sources -------------------------------------------------------------------------------------

static void check_idx_sample(const char *images, const char *labels)
{
    char err[DATA_ERROR];
    Builder b = {0};
    add_idx(&b, images, labels);
    ImageSource s;
    SourceOptions o = { &b.stages[0], folder_path(), NULL, false };
    assert_true(source_open(&s, &o, err));
    assert_int_equal(s.count, 20);
    assert_int_equal(s.classes, 4);
    Reader r = { .file = NULL };
    int label;
    assert_true(s.class->read(&s, 9, &r, &label, err));
    assert_int_equal(label, 1);
    assert_int_equal(r.image.height, 2);
    assert_int_equal(r.image.pixels[5], 14);
    reader_free(&r);
    source_close(&s);
}

static void test_idx(void **state)
{
    (void)state;
    write_idx(20);
    check_idx_sample("images.idx", "labels.idx");
    uint8_t bytes[2048];
    size_t size = idx_images(bytes, 20);
    gzFile out = gzopen(in_folder("images.idx.gz"), "wb");
    assert_int_equal(gzwrite(out, bytes, (unsigned)size), size);
    gzclose(out);
    check_idx_sample("images.idx.gz", "labels.idx");
}

static void refuse_source(Builder *b, const char *want)
{
    char err[DATA_ERROR];
    ImageSource s;
    SourceOptions o = { &b->stages[0], folder_path(), NULL, false };
    assert_false(source_open(&s, &o, err));
    if (!strstr(err, want))
        fail_msg("expected '%s' in '%s'", want, err);
}

static void test_idx_faults(void **state)
{
    (void)state;
    uint8_t bytes[2048], zipped[4096];
    size_t size = idx_images(bytes, 20);
    for (size_t cut = 0; cut < size; cut += 7) {           // every truncation is noticed
        write_file("short.idx", bytes, cut);
        Builder b = {0};
        add_idx(&b, "short.idx", "labels.idx");
        refuse_source(&b, "short.idx");
    }
    bytes[4] = bytes[5] = bytes[6] = bytes[7] = 0xFF;      // 4 G samples promised, 20 there
    bytes[8] = bytes[12] = 0xFF;
    write_file("huge.idx", bytes, size);
    Builder huge = {0};
    add_idx(&huge, "huge.idx", "labels.idx");
    refuse_source(&huge, "does not fit");
    FILE *in = fopen(in_folder("images.idx.gz"), "rb");
    size = fread(zipped, 1, sizeof zipped, in);
    fclose(in);
    write_file("cut.idx.gz", zipped, size - 9);
    zipped[size / 2] ^= 0x40;
    write_file("bad.idx.gz", zipped, size);
    Builder cut = {0}, bad = {0}, none = {0};
    add_idx(&cut, "cut.idx.gz", "labels.idx");
    refuse_source(&cut, "cut.idx.gz");
    add_idx(&bad, "bad.idx.gz", "labels.idx");
    refuse_source(&bad, "bad.idx.gz");
    add_idx(&none, "images.idx", "nowhere.idx");
    refuse_source(&none, "nowhere.idx");
}

static void test_cifar(void **state)
{
    (void)state;
    static uint8_t records[6][3073];
    for (int i = 0; i < 6; i++) {
        memset(records[i], 10 * i, sizeof records[i]);
        records[i][0] = (uint8_t)i;
    }
    assert_int_equal(mkdir(in_folder("cifar"), 0700), 0);
    write_file("cifar/data_batch_1.bin", records, 2 * 3073);
    write_file("cifar/data_batch_2.bin", records[2], 3 * 3073);
    write_file("cifar/test_batch.bin", records[5], 3073);
    Builder b = {0}, cut = {0};
    add_one(&b, "cifar10", arg_text("path", "cifar"));
    char err[DATA_ERROR];
    for (int testing = 0; testing < 2; testing++) {
        ImageSource s;
        SourceOptions o = { &b.stages[0], folder_path(), NULL, testing };
        assert_true(source_open(&s, &o, err));
        assert_int_equal(s.count, testing ? 1 : 5);
        Reader r = { .file = NULL };
        int label;
        assert_true(s.class->read(&s, testing ? 0 : 3, &r, &label, err));
        assert_int_equal(label, testing ? 5 : 3);
        assert_int_equal(r.image.pixels[3071], testing ? 50 : 30);
        reader_free(&r);
        source_close(&s);
    }
    write_file("cifar/data_batch_3.bin", records, 3000);
    refuse_source(&b, "data_batch_3.bin");
    remove(in_folder("cifar/data_batch_3.bin"));
    add_one(&cut, "cifar100", arg_text("path", "cifar"));
    refuse_source(&cut, "no train.bin");
}

static void test_cifar_labels(void **state)
{
    (void)state;
    static uint8_t records[2][3073];
    records[1][0] = 11;                                    // there are ten classes
    write_file("labels.bin", records, sizeof records);
    Builder b = {0};
    add_one(&b, "cifar10", arg_text("path", "labels.bin"));
    DataRecipe recipe = { .train = pipeline(&b) };
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, folder_path(), &recipe, (Shape){ 1, 3, 32, 32 }, 10, false, err));
    Reader r = { .file = NULL };
    int label;
    assert_true(feed_bytes(&d.train, &r, 0, &label, err));
    assert_false(feed_bytes(&d.train, &r, 1, &label, err));
    assert_non_null(strstr(err, "labels.bin record 1: label 11"));
    reader_free(&r);
    data_close(&d);
}

// --- image files ---------------------------------------------------------------------------------

static void test_damaged_jpeg_is_noticed(void **state)
{
    (void)state;
    uint8_t *jpeg;
    size_t size = jpeg_bytes(&jpeg, 32, 48, 90);
    Image im = { .pixels = NULL }, spare = { .pixels = NULL };
    char err[DATA_ERROR];
    assert_true(decode_image(jpeg, size, &im, &spare, err));
    assert_int_equal(im.height, 32);
    assert_int_equal(im.width, 48);
    for (size_t cut = 0; cut + 2 < size; cut += 11) {
        assert_false(decode_image(jpeg, cut, &im, &spare, err));
        assert_true(err[0]);
    }
    uint64_t draw = 1;                                     // damage may go unseen, never crash
    for (int i = 0; i < 500; i++) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        uint8_t *byte = &jpeg[(draw >> 33) % size], kept = *byte;
        *byte = (uint8_t)(draw >> 20);
        decode_image(jpeg, size, &im, &spare, err);
        *byte = kept;
    }
    image_free(&im);
    image_free(&spare);
    free(jpeg);
}

static void make_image_folder(void)
{
    static bool made;
    if (made)
        return;
    made = true;
    mkdir(in_folder("photos"), 0700);
    mkdir(in_folder("photos/ant"), 0700);
    mkdir(in_folder("photos/bee"), 0700);
    write_png("photos/ant/1.png", 8, 12, 10);
    write_png("photos/ant/2.jpg", 16, 8, 20);              // what it is, its bytes say
    write_png("photos/bee/1.png", 8, 8, 30);
    write_file("photos/bee/2.png", "not an image", 12);
}

static DataRecipe photo_recipe(Builder *b)
{
    make_image_folder();
    add_one(b, "images", arg_text("path", "photos"));
    StageArg resize[] = { arg_number("size", 8), arg_word("side", "shorter") };
    add(b, "resize", 2, resize);
    add_one(b, "crop", arg_number("size", 8));
    return (DataRecipe){ .train = pipeline(b) };
}

static void test_image_folder(void **state)
{
    (void)state;
    Builder b = {0};
    DataRecipe recipe = photo_recipe(&b);
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, folder_path(), &recipe, (Shape){ 1, 3, 8, 8 }, 2, false, err));
    assert_int_equal(d.class_count, 2);
    assert_string_equal(d.class_names[1], "bee");
    Reader r = { .file = NULL };
    FeedKey key = { .seed = 1 };
    float x[3 * 8 * 8];
    int label;
    for (int again = 0; again < 2; again++) {              // the second time from the cache
        assert_true(feed_sample(&d.train, &r, &key, 1, x, &label, err));
        assert_int_equal(label, 0);
        assert_float_equal(x[100], 20, 0);
    }
    assert_false(feed_sample(&d.train, &r, &key, 3, x, &label, err));
    assert_non_null(strstr(err, "photos/bee/2.png: neither JPEG nor PNG"));
    reader_free(&r);
    data_close(&d);
}

static void test_bad_samples_stop_or_are_skipped(void **state)
{
    (void)state;
    Builder b = {0};
    DataRecipe recipe = photo_recipe(&b);
    char err[DATA_ERROR];
    for (int skip = 0; skip < 2; skip++) {
        Data d;
        assert_true(open_data(&d, folder_path(), &recipe, (Shape){ 1, 3, 8, 8 }, 2, skip, err));
        LoaderOptions o = { .batch = 4, .seed = 3, .skip_bad = skip, .threads = 1, .ahead = 2 };
        Loader *l = loader_open(&d.train, &o, err);
        assert_non_null(l);
        Batch *batch = loader_next(l, err);
        if (skip) {
            assert_non_null(batch);
            assert_int_equal(batch->filled, 4);
            assert_true(batch->bad >= 1);
            assert_non_null(strstr(batch->bad_text[0], "bee/2.png"));
            loader_done(l, batch);
        } else {
            assert_null(batch);
            assert_non_null(strstr(err, "bee/2.png"));
        }
        loader_close(l);
        data_close(&d);
    }
}

// What `cleave predict` does: the test pipeline over files that are named, without its sources.
static void test_named_files(void **state)
{
    (void)state;
    Builder train = {0}, test = {0};
    make_image_folder();
    add_random(&train, 4, 8, 8, 16);
    add_one(&test, "images", arg_text("path", "nowhere"));
    add_one(&test, "crop", arg_number("size", 8));
    DataRecipe recipe = { .train = pipeline(&train), .test = pipeline(&test) };
    DataOptions o = { .recipe = &recipe, .image = { 1, 1, 8, 8 } };        // grey: one channel
    char *paths[2], err[DATA_ERROR];
    paths[0] = strdup(in_folder("photos/ant/1.png"));
    paths[1] = strdup(in_folder("photos/bee/2.png"));
    Data d;
    Span at;
    assert_true(data_open_files(&d, &o, paths, 2, &at, err));
    Reader r = { .file = NULL };
    FeedKey key = { .seed = 1 };
    float x[64];
    int label;
    assert_true(feed_sample(&d.test, &r, &key, 0, x, &label, err));
    assert_float_equal(x[63], 10, 0);
    assert_false(feed_sample(&d.test, &r, &key, 1, x, &label, err));
    assert_non_null(strstr(err, "bee/2.png"));
    reader_free(&r);
    data_close(&d);
    free(paths[0]);
    free(paths[1]);
}

// --- pipelines -----------------------------------------------------------------------------------

static void test_held_out(void **state)
{
    (void)state;
    write_idx(23);
    Builder train = {0}, test = {0};
    add_idx(&train, "images.idx", "labels.idx");
    StageArg hold[] = { arg_word("from", "train"), arg_number("every", 5) };
    add(&test, "hold", 2, hold);
    DataRecipe recipe = { .train = pipeline(&train), .test = pipeline(&test) };
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, folder_path(), &recipe, (Shape){ 1, 1, 2, 3 }, 4, false, err));
    assert_int_equal(d.train.count, 19);
    assert_int_equal(d.test.count, 4);
    bool seen[23] = {0};
    for (int64_t i = 0; i < d.train.count + d.test.count; i++) {
        bool held = i >= d.train.count;
        int64_t at = feed_source_index(held ? &d.test : &d.train, held ? i - d.train.count : i);
        assert_in_range(at, 0, 22);
        assert_false(seen[at]);
        assert_int_equal(held, at % 5 == 4);
        seen[at] = true;
    }
    data_close(&d);
}

static void test_mean_and_scale(void **state)
{
    (void)state;
    write_idx(20);
    Builder train = {0}, center = {0};
    add_idx(&train, "images.idx", "labels.idx");
    add_one(&train, "scale", arg_number("by", 0.5));
    add_one(&center, "mean", arg_word("of", "pixel"));
    DataRecipe recipe = { .train = pipeline(&train), .center = pipeline(&center) };
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, folder_path(), &recipe, (Shape){ 1, 1, 2, 3 }, 4, false, err));
    assert_float_equal(d.mean[4], 0.5 * (9.5 + 4), 1e-6);
    Reader r = { .file = NULL };
    FeedKey key = { .seed = 1 };
    float x[6];
    int label;
    assert_true(feed_sample(&d.train, &r, &key, 12, x, &label, err));
    assert_float_equal(x[4], 0.5 * (12 - 9.5), 1e-6);
    reader_free(&r);
    data_close(&d);
}

static void refuse_recipe(const DataRecipe *r, const char *want, int at_stage)
{
    Refused no;
    assert_false(data_accepts(r, &no));
    if (!strstr(refusals[no.what].message, want))
        fail_msg("expected '%s' in '%s'", want, refusals[no.what].message);
    assert_int_equal(no.at.start, at_stage);
}

static void test_what_cannot_be_run_is_refused_at_its_place(void **state)
{
    (void)state;
    Builder train = {0}, test = {0}, views = {0}, light = {0};
    add_random(&train, 4, 8, 8, 16);
    add_random(&test, 4, 8, 8, 16);
    add_one(&light, "mirror", arg_number("p", 0.5));
    add_one(&light, "light", arg_number("pca", 0.1));
    add_one(&light, "light", arg_number("pca", 0.1));
    refuse_recipe(&(DataRecipe){ .train = pipeline(&train), .augment = pipeline(&light) },
                  "light", 2);
    StageArg corners[] = { arg_number("size", 4), arg_word("at", "random") };
    add(&views, "crop", 2, corners);
    refuse_recipe(&(DataRecipe){ .train = pipeline(&train), .test = pipeline(&test),
                                 .views = pipeline(&views) }, "random", 0);
    Builder late = {0};
    add_random(&late, 4, 8, 8, 16);
    add_one(&late, "scale", arg_number("by", 2));
    add(&late, "grey", 0, NULL);
    refuse_recipe(&(DataRecipe){ .train = pipeline(&late) }, "behind `scale`", 2);
}

static void test_sizes_must_be_the_nets(void **state)
{
    (void)state;
    Builder train = {0};
    add_random(&train, 4, 8, 8, 16);
    DataRecipe recipe = { .train = pipeline(&train) };
    char err[DATA_ERROR];
    Data d;
    assert_false(open_data(&d, folder_path(), &recipe, (Shape){ 1, 3, 9, 8 }, 4, false, err));
    assert_non_null(strstr(err, "3x8x8"));
    data_close(&d);
    assert_false(open_data(&d, folder_path(), &recipe, (Shape){ 1, 3, 8, 8 }, 3, false, err));
    assert_non_null(strstr(err, "4 classes"));
    data_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx),
        cmocka_unit_test(test_idx_faults),
        cmocka_unit_test(test_cifar),
        cmocka_unit_test(test_cifar_labels),
        cmocka_unit_test(test_damaged_jpeg_is_noticed),
        cmocka_unit_test(test_image_folder),
        cmocka_unit_test(test_bad_samples_stop_or_are_skipped),
        cmocka_unit_test(test_named_files),
        cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_mean_and_scale),
        cmocka_unit_test(test_what_cannot_be_run_is_refused_at_its_place),
        cmocka_unit_test(test_sizes_must_be_the_nets),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
