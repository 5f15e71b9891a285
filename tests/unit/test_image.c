// Random draws, resampling, orientation, decoding of whole and damaged files.
#include "runtime/data/decode.h"
#include "runtime/data/draw.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jpeglib.h>
#include <png.h>

static void philox_known_answers(void **state)
{
    (void)state;
    // Random123's kat_vectors, philox4x32 10: all zeros; all ones.
    uint32_t out[4];
    DrawKey zero = { .seed = 0 };
    draw_block(&zero, 0, out);
    const uint32_t want[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    assert_memory_equal(out, want, sizeof want);
}

static void permutations_are_permutations(void **state)
{
    (void)state;
    for (int64_t count = 1; count < 300; count += count < 20 ? 1 : 37) {
        int seen[300] = { 0 }, moved = 0;
        for (int64_t i = 0; i < count; i++) {
            int64_t at = draw_permuted(7, 3, count, i);
            assert_in_range(at, 0, count - 1);
            seen[at]++;
            moved += at != draw_permuted(7, 4, count, i);
        }
        for (int64_t i = 0; i < count; i++)
            assert_int_equal(seen[i], 1);
        assert_true(count < 20 || moved > count / 2);     // another epoch, another order
    }
}

static void draws_are_spread(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    int counts[7] = { 0 };
    DrawKey key = { .seed = 1, .purpose = DRAW_CROP };
    for (uint32_t i = 0; i < 7000; i++) {
        key.sample = i;
        counts[draw_below(&key, 0, 7)]++;
        double z = draw_normal(&key, 1);
        sum += z;
        squares += z * z;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 850, 1150);            // 1000 +- 5 deviations
    assert_true(sum / 7000 > -0.06 && sum / 7000 < 0.06);
    assert_true(squares / 7000 > 0.93 && squares / 7000 < 1.07);
}

static Image image_of(int channels, int height, int width, const uint8_t *pixels)
{
    Image im = { 0 };
    char err[DATA_ERROR];
    assert_true(image_resize_buffer(&im, channels, height, width, err));
    memcpy(im.pixels, pixels, image_bytes(&im));
    return im;
}

static void resampling(void **state)
{
    (void)state;
    static const struct { int h, w, to_h, to_w; uint8_t from[16], want[16]; } rows[] = {
        { 2, 2, 1, 1, { 0, 10, 20, 30 }, { 15 } },                              // area
        { 1, 4, 1, 2, { 0, 10, 20, 40 }, { 5, 30 } },
        { 1, 3, 1, 2, { 0, 30, 90 }, { 10, 70 } },        // (0 + 30/2) / 1.5, (30/2 + 90) / 1.5
        { 1, 2, 1, 4, { 0, 100 }, { 0, 25, 75, 100 } },                         // linear
        { 2, 1, 4, 1, { 0, 100 }, { 0, 25, 75, 100 } },
        { 2, 2, 2, 2, { 1, 2, 3, 4 }, { 1, 2, 3, 4 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char err[DATA_ERROR];
        Image from = image_of(1, rows[i].h, rows[i].w, rows[i].from), to = { 0 };
        assert_true(image_resample(&from, rows[i].to_h, rows[i].to_w, &to, err));
        assert_memory_equal(to.pixels, rows[i].want, image_bytes(&to));
        image_free(&from);
        image_free(&to);
    }
}

static void orientations(void **state)
{
    (void)state;
    // 1 2 3 / 4 5 6 as the camera stored it; what each EXIF value makes of it.
    static const uint8_t from[] = { 1, 2, 3, 4, 5, 6 };
    static const uint8_t want[9][6] = {
        [1] = { 1, 2, 3, 4, 5, 6 }, [2] = { 3, 2, 1, 6, 5, 4 }, [3] = { 6, 5, 4, 3, 2, 1 },
        [4] = { 4, 5, 6, 1, 2, 3 }, [5] = { 1, 4, 2, 5, 3, 6 }, [6] = { 4, 1, 5, 2, 6, 3 },
        [7] = { 6, 3, 5, 2, 4, 1 }, [8] = { 3, 6, 2, 5, 1, 4 },
    };
    for (int o = 1; o <= 8; o++) {
        char err[DATA_ERROR];
        Image im = image_of(1, 2, 3, from), to = { 0 };
        assert_true(image_orient(&im, o, &to, err));
        assert_int_equal(to.height, o < 5 ? 2 : 3);
        assert_memory_equal(to.pixels, want[o], 6);
        image_free(&im);
        image_free(&to);
    }
}

static void crops_mirrors_grey(void **state)
{
    (void)state;
    static const uint8_t from[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    Image im = image_of(1, 3, 3, from);
    image_crop(&im, 1, 1, 2, 2);
    assert_memory_equal(im.pixels, ((uint8_t[]){ 5, 6, 8, 9 }), 4);
    image_mirror(&im);
    assert_memory_equal(im.pixels, ((uint8_t[]){ 6, 5, 9, 8 }), 4);
    image_free(&im);
    im = image_of(3, 1, 1, (uint8_t[]){ 255, 255, 255 });
    image_grey(&im);
    assert_int_equal(im.channels, 1);
    assert_int_equal(im.pixels[0], 255);
    image_free(&im);
}

// --- decoding ------------------------------------------------------------------------------------

// A JPEG of these pixels (`components` a pixel, interleaved: 1 grey, 3 RGB, 4 CMYK). Caller frees.
static uint8_t *make_jpeg(const uint8_t *pixels, int components, int height, int width,
                          size_t *bytes)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, &size);
    info.image_width = (unsigned)width;
    info.image_height = (unsigned)height;
    info.input_components = components;
    info.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + (size_t)info.next_scanline *
                                             (size_t)(width * components));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *bytes = size;
    return out;
}

static uint8_t *make_png(const uint8_t *pixels, int height, int width, size_t *bytes)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = (unsigned)width,
                        .height = (unsigned)height, .format = PNG_FORMAT_RGB };
    png_alloc_size_t size = 0;
    png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, NULL);
    uint8_t *out = malloc(size);
    if (!out || !png_image_write_to_memory(&image, out, &size, 0, pixels, 0, NULL))
        abort();
    *bytes = size;
    return out;
}

typedef struct { Image image, spare; char err[DATA_ERROR]; } Decoded;

static bool decode(Decoded *d, const uint8_t *file, size_t bytes)
{
    return decode_image(file, bytes, &d->image, &d->spare, d->err);
}

static void decoded_free(Decoded *d)
{
    image_free(&d->image);
    image_free(&d->spare);
}

static void assert_near(int a, int b)
{
    assert_true(a - b <= 3 && b - a <= 3);
}

static void decodes_each_kind(void **state)
{
    (void)state;
    enum { H = 16, W = 24 };
    uint8_t pixels[H * W * 4];
    static const struct { int components; uint8_t in[4], want[3]; } rows[] = {
        { 1, { 90 }, { 90, 90, 90 } },
        { 3, { 200, 100, 50 }, { 200, 100, 50 } },
        { 4, { 200, 100, 50, 255 }, { 200, 100, 50 } },      // libjpeg marks it Adobe: inverted
        { 4, { 255, 255, 255, 100 }, { 100, 100, 100 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int p = 0; p < H * W; p++)
            memcpy(pixels + p * rows[i].components, rows[i].in, (size_t)rows[i].components);
        size_t bytes;
        uint8_t *file = make_jpeg(pixels, rows[i].components, H, W, &bytes);
        Decoded d = { 0 };
        assert_true(decode(&d, file, bytes));
        assert_int_equal(d.image.height, H);
        assert_int_equal(d.image.width, W);
        for (int c = 0; c < 3; c++)
            assert_near(d.image.pixels[c * H * W + 17], rows[i].want[c]);
        decoded_free(&d);
        free(file);
    }
}

// The EXIF marker that says 6 (turn right), as cameras write it, right behind the start marker.
static void exif_turns_the_image(void **state)
{
    (void)state;
    static const uint8_t exif[] = {
        0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
        0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0
    };
    enum { H = 8, W = 16 };
    uint8_t pixels[H * W];
    for (int i = 0; i < H * W; i++)
        pixels[i] = i % W < W / 2 ? 30 : 220;                // dark left half
    size_t bytes;
    uint8_t *plain = make_jpeg(pixels, 1, H, W, &bytes), *file = malloc(bytes + sizeof exif);
    memcpy(file, plain, 2);
    memcpy(file + 2, exif, sizeof exif);
    memcpy(file + 2 + sizeof exif, plain + 2, bytes - 2);
    Decoded d = { 0 };
    assert_true(decode(&d, file, bytes + sizeof exif));
    assert_int_equal(d.image.height, W);
    assert_near(d.image.pixels[0], 30);                      // dark upper half now
    assert_near(d.image.pixels[W * H - 1], 220);
    decoded_free(&d);
    free(plain);
    free(file);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    enum { H = 40, W = 40 };
    uint8_t pixels[H * W * 3];
    for (int i = 0; i < H * W * 3; i++)
        pixels[i] = (uint8_t)(i * 7);
    for (int kind = 0; kind < 2; kind++) {
        size_t bytes;
        uint8_t *file = kind ? make_png(pixels, H, W, &bytes) : make_jpeg(pixels, 3, H, W, &bytes);
        Decoded d = { 0 };
        assert_true(decode(&d, file, bytes));
        // A PNG without its end chunk (12 bytes) still holds every pixel, checksums included.
        for (size_t cut = 0; cut < bytes - (kind ? 16 : 2); cut += bytes / 40 + 1) {
            assert_false(decode(&d, file, cut));
            assert_true(d.err[0]);
        }
        uint32_t random = 1;                     // flipped bytes: an answer or an error, no crash
        for (int round = 0; round < 300; round++) {
            random = random * 1664525 + 1013904223;
            uint8_t kept = file[random % bytes];
            file[random % bytes] = (uint8_t)(random >> 24);
            decode(&d, file, bytes);
            file[random % bytes] = kept;
        }
        assert_true(decode(&d, file, bytes));
        decoded_free(&d);
        free(file);
    }
    Decoded d = { 0 };
    assert_false(decode(&d, (const uint8_t *)"GIF89a..", 8));
    assert_string_equal(d.err, "neither JPEG nor PNG");
    decoded_free(&d);
}

// A small file that claims 65500 x 65500 pixels is refused from its header.
static void huge_claims_are_refused(void **state)
{
    (void)state;
    uint8_t pixels[64] = { 0 };
    size_t bytes;
    uint8_t *file = make_jpeg(pixels, 1, 8, 8, &bytes);
    for (size_t i = 2; i + 9 < bytes; i++)
        if (file[i] == 0xFF && file[i + 1] == 0xC0) {
            file[i + 5] = file[i + 7] = 0xFF;
            file[i + 6] = file[i + 8] = 0xDC;
        }
    Decoded d = { 0 };
    assert_false(decode(&d, file, bytes));
    assert_non_null(strstr(d.err, "too large"));
    assert_true(d.image.capacity == 0);
    decoded_free(&d);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(permutations_are_permutations),
        cmocka_unit_test(draws_are_spread),     cmocka_unit_test(resampling),
        cmocka_unit_test(orientations),         cmocka_unit_test(crops_mirrors_grey),
        cmocka_unit_test(decodes_each_kind),    cmocka_unit_test(exif_turns_the_image),
        cmocka_unit_test(damaged_files_are_refused), cmocka_unit_test(huge_claims_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
