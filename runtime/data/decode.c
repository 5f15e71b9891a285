// Bytes of a JPEG or PNG file in, planes out; through libjpeg-turbo and libpng. Never crashes on a
// damaged file: libjpeg's errors come back by longjmp.
#include "runtime/data/decode.h"
#include "base/levels.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <png.h>

// --- JPEG ----------------------------------------------------------------------------------------

typedef struct {
    struct jpeg_error_mgr base;               // first: libjpeg knows only this part
    jmp_buf               back;
    char                 *err;                // DATA_ERROR bytes: the first complaint
} JpegErrors;

static void jpeg_keep_message(j_common_ptr info)
{
    char text[JMSG_LENGTH_MAX];
    JpegErrors *e = (JpegErrors *)info->err;
    info->err->format_message(info, text);
    if (!e->err[0])
        snprintf(e->err, DATA_ERROR, "%s", text);
}

static void jpeg_give_up(j_common_ptr info)
{
    jpeg_keep_message(info);
    longjmp(((JpegErrors *)info->err)->back, 1);
}

static void jpeg_note(j_common_ptr info, int level)
{
    if (level >= 0)
        return;                               // a trace, not a warning
    info->err->num_warnings++;
    jpeg_keep_message(info);
}

static unsigned read16(const uint8_t *p, bool little)
{
    return little ? p[0] | (unsigned)p[1] << 8 : p[1] | (unsigned)p[0] << 8;
}

static unsigned read32(const uint8_t *p, bool little)
{
    return little ? read16(p, true) | read16(p + 2, true) << 16
                  : read16(p + 2, false) | read16(p, false) << 16;
}

// The orientation tag (0x0112) in the first directory of an EXIF marker; 1 when there is none.
static int exif_orientation(const uint8_t *m, size_t length)
{
    if (length < 14 || memcmp(m, "Exif\0\0", 6))
        return 1;
    const uint8_t *tiff = m + 6;
    size_t size = length - 6;
    bool little = tiff[0] == 'I';
    size_t at = read32(tiff + 4, little);
    if (size < 2 || at > size - 2)
        return 1;
    unsigned entries = read16(tiff + at, little);
    at += 2;
    for (unsigned i = 0; i < entries && at + 12 <= size; i++, at += 12)
        if (read16(tiff + at, little) == 0x0112) {
            unsigned value = read16(tiff + at + 8, little);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    return 1;
}

static int jpeg_orientation(const struct jpeg_decompress_struct *info)
{
    for (const struct jpeg_marker_struct *m = info->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1)
            return exif_orientation(m->data, m->data_length);
    return 1;
}

// Twice as fast where bytes can be shuffled within a register.
FOR_EVERY_LEVEL
static void spread_colours(const uint8_t *restrict row, int width, uint8_t *restrict r, uint8_t *restrict g,
                           uint8_t *restrict b)
{
    for (int x = 0; x < width; x++) {
        r[x] = row[3 * x];
        g[x] = row[3 * x + 1];
        b[x] = row[3 * x + 2];
    }
}

// One row as it was decoded into the three planes. Four components are ink, and as Adobe writes
// them inverted: 255 is no ink, so red = cyan * black / 255.
static void spread_row(const uint8_t *row, int components, Image *to, int y)
{
    size_t plane = (size_t)to->height * (size_t)to->width;
    uint8_t *r = to->pixels + (size_t)y * (size_t)to->width, *g = r + plane, *b = g + plane;
    if (components == 3)
        spread_colours(row, to->width, r, g, b);
    for (int x = 0; x < to->width && components == 4; x++, row += 4) {
        r[x] = (uint8_t)(row[0] * row[3] / 255);
        g[x] = (uint8_t)(row[1] * row[3] / 255);
        b[x] = (uint8_t)(row[2] * row[3] / 255);
    }
}

static bool jpeg_read_rows(struct jpeg_decompress_struct *info, uint8_t **row, Image *to, char *err)
{
    bool ink = info->num_components == 4;
    info->out_color_space = ink ? JCS_CMYK : JCS_RGB;
    if (!image_resize_buffer(to, 3, (int)info->image_height, (int)info->image_width, err))
        return false;
    bool invert = ink && !info->saw_Adobe_marker;
    int components = ink ? 4 : 3;
    jpeg_start_decompress(info);
    *row = malloc((size_t)info->output_width * (size_t)components);
    if (!*row) {
        snprintf(err, DATA_ERROR, "out of memory while decoding");
        return false;
    }
    while (info->output_scanline < info->output_height) {
        int y = (int)info->output_scanline;
        if (jpeg_read_scanlines(info, row, 1) != 1)
            return false;
        for (unsigned i = 0; invert && i < info->output_width * 4; i++)
            (*row)[i] = (uint8_t)(255 - (*row)[i]);
        spread_row(*row, components, to, y);
    }
    jpeg_finish_decompress(info);
    return true;
}

static bool decode_jpeg(const uint8_t *file, size_t bytes, Image *to, int *orientation,
                        char err[DATA_ERROR])
{
    struct jpeg_decompress_struct info = { .mem = NULL };
    JpegErrors errors = { .err = err };
    uint8_t *volatile row = NULL;             // volatile: changed between setjmp and longjmp
    volatile bool ok = false;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_give_up;
    errors.base.emit_message = jpeg_note;
    if (!setjmp(errors.back)) {
        jpeg_create_decompress(&info);
        jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
        jpeg_mem_src(&info, file, (unsigned long)bytes);
        jpeg_read_header(&info, TRUE);
        *orientation = jpeg_orientation(&info);
        ok = jpeg_read_rows(&info, (uint8_t **)&row, to, err) && errors.base.num_warnings == 0;
    }
    free(row);
    jpeg_destroy_decompress(&info);
    return ok;
}

// --- PNG -----------------------------------------------------------------------------------------

static bool decode_png(const uint8_t *file, size_t bytes, Image *to, Image *spare,
                       char err[DATA_ERROR])
{
    png_image png = { .version = PNG_IMAGE_VERSION };
    png_color black = { 0, 0, 0 };            // what shows through transparent pixels
    bool ok = png_image_begin_read_from_memory(&png, file, bytes);
    if (ok && (png.width > IMAGE_MOST_PIXELS || png.height > IMAGE_MOST_PIXELS)) {
        snprintf(err, DATA_ERROR, "a PNG of %u x %u pixels is too large", png.height, png.width);
        ok = false;
    }
    png.format = PNG_FORMAT_RGB;
    ok = ok && image_resize_buffer(spare, 3, (int)png.height, (int)png.width, err) &&
         image_resize_buffer(to, 3, (int)png.height, (int)png.width, err) &&
         png_image_finish_read(&png, &black, spare->pixels, 0, NULL);
    if (!ok && !err[0])
        snprintf(err, DATA_ERROR, "%s", png.message);
    for (int y = 0; ok && y < to->height; y++)
        spread_row(spare->pixels + 3 * (size_t)y * (size_t)to->width, 3, to, y);
    png_image_free(&png);
    return ok;
}

bool decode_image(const uint8_t *file, size_t bytes, Image *to, Image *spare, char err[DATA_ERROR])
{
    static const uint8_t png_magic[] = { 0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A };
    err[0] = 0;
    if (bytes >= sizeof png_magic && !memcmp(file, png_magic, sizeof png_magic))
        return decode_png(file, bytes, to, spare, err);
    if (bytes < 3 || file[0] != 0xFF || file[1] != 0xD8 || file[2] != 0xFF) {
        snprintf(err, DATA_ERROR, "%s", bytes ? "neither JPEG nor PNG" : "an empty file");
        return false;
    }
    int orientation = 1;
    if (!decode_jpeg(file, bytes, to, &orientation, err)) {
        if (!err[0])
            snprintf(err, DATA_ERROR, "a damaged JPEG");
        return false;
    }
    if (orientation == 1)
        return true;
    if (!image_orient(to, orientation, spare, err))
        return false;
    Image turned = *spare;
    *spare = *to;
    *to = turned;
    return true;
}
