// Planes of bytes in, bytes of a JPEG or PNG file out; through libjpeg-turbo and libpng.
#include "runtime/data/encode.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <png.h>

// One row, the channels of a pixel side by side.
static void interleave(const Image *im, int y, uint8_t *row)
{
    size_t plane = (size_t)im->height * (size_t)im->width;
    const uint8_t *from = im->pixels + (size_t)y * (size_t)im->width;
    for (int x = 0; x < im->width; x++)
        for (int c = 0; c < im->channels; c++)
            *row++ = from[(size_t)c * plane + (size_t)x];
}

typedef struct {
    struct jpeg_error_mgr base;               // first: libjpeg knows only this part
    jmp_buf               back;
    char                 *err;                // DATA_ERROR bytes
} EncodeErrors;

static void give_up(j_common_ptr info)
{
    char text[JMSG_LENGTH_MAX];
    EncodeErrors *e = (EncodeErrors *)info->err;
    info->err->format_message(info, text);
    snprintf(e->err, DATA_ERROR, "%s", text);
    longjmp(e->back, 1);
}

static void write_rows(struct jpeg_compress_struct *info, const Image *im, int quality, uint8_t *row)
{
    info->image_width = (JDIMENSION)im->width;
    info->image_height = (JDIMENSION)im->height;
    info->input_components = im->channels;
    info->in_color_space = im->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
    info->dct_method = JDCT_ISLOW;
    jpeg_start_compress(info, TRUE);
    for (int y = 0; y < im->height; y++) {
        interleave(im, y, row);
        jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
}

bool encode_jpeg(const Image *im, int quality, Encoded *to, char err[DATA_ERROR])
{
    struct jpeg_compress_struct info = { .mem = NULL };
    EncodeErrors errors = { .err = err };
    unsigned long size = 0;
    unsigned char *bytes = NULL;
    uint8_t *row = malloc((size_t)im->width * (size_t)im->channels);
    volatile bool ok = false;                 // volatile: changed between setjmp and longjmp
    *to = (Encoded){ .bytes = NULL };
    if (!row) {
        snprintf(err, DATA_ERROR, "out of memory while encoding");
        return false;
    }
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = give_up;
    if (!setjmp(errors.back)) {
        jpeg_create_compress(&info);
        jpeg_mem_dest(&info, &bytes, &size);
        write_rows(&info, im, quality, row);
        ok = true;
    }
    jpeg_destroy_compress(&info);
    free(row);
    if (ok)
        *to = (Encoded){ .bytes = bytes, .count = size };
    else
        free(bytes);
    return ok;
}

bool encode_png(const Image *im, Encoded *to, char err[DATA_ERROR])
{
    png_image png = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)im->width,
                      .height = (png_uint_32)im->height,
                      .format = im->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB };
    size_t row = (size_t)im->width * (size_t)im->channels;
    uint8_t *pixels = malloc(row * (size_t)im->height);
    png_alloc_size_t most = PNG_IMAGE_PNG_SIZE_MAX(png);
    *to = (Encoded){ .bytes = malloc(most) };
    bool ok = pixels && to->bytes;
    for (int y = 0; ok && y < im->height; y++)
        interleave(im, y, pixels + (size_t)y * row);
    if (!ok)
        snprintf(err, DATA_ERROR, "out of memory while encoding");
    if (ok && !png_image_write_to_memory(&png, to->bytes, &most, 0, pixels, 0, NULL)) {
        snprintf(err, DATA_ERROR, "%s", png.message);
        ok = false;
    }
    to->count = most;
    free(pixels);
    if (!ok) {
        free(to->bytes);
        *to = (Encoded){ .bytes = NULL };
    }
    return ok;
}
