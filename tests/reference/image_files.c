// Files that tests write into their folder: any bytes, images of one colour.
#include "reference/image_files.h"
#include "reference/folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <png.h>
#include <cmocka.h>

void write_file(const char *name, const void *bytes, size_t count)
{
    FILE *out = fopen(in_folder(name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, count, out), count);
    assert_int_equal(fclose(out), 0);
}

void write_png(const char *name, int height, int width, int value)
{
    uint8_t pixels[64 * 64 * 3];
    memset(pixels, value, sizeof pixels);
    png_image png = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)width,
                      .height = (png_uint_32)height, .format = PNG_FORMAT_RGB };
    assert_true(png_image_write_to_file(&png, in_folder(name), 0, pixels, 0, NULL));
}

size_t jpeg_bytes(uint8_t **to, int height, int width, int value)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    uint8_t row[64 * 3], *rows[1] = { row };
    unsigned long size = 0;
    *to = NULL;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, to, &size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < 3 * width; x++)
            row[x] = (uint8_t)(value + (x * 7 + y * 13) % 64);
        jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return size;
}
