// Bytes in, bytes out: resampling, cropping, mirroring, orientation of images.
#include "runtime/data/image.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool image_resize_buffer(Image *im, int channels, int height, int width, char err[DATA_ERROR])
{
    if (channels < 1 || height < 1 || width < 1 || channels > 4096 ||
        (int64_t)height * width > IMAGE_MOST_PIXELS) {
        snprintf(err, DATA_ERROR, "an image of %d x %d pixels and %d channels is too large",
                 height, width, channels);
        return false;
    }
    size_t bytes = (size_t)channels * (size_t)height * (size_t)width;
    if (bytes > im->capacity) {
        uint8_t *grown = realloc(im->pixels, bytes);
        if (!grown) {
            snprintf(err, DATA_ERROR, "out of memory for an image of %zu bytes", bytes);
            return false;
        }
        im->pixels = grown;
        im->capacity = bytes;
    }
    im->channels = channels;
    im->height = height;
    im->width = width;
    return true;
}

void image_free(Image *im)
{
    free(im->pixels);
    memset(im, 0, sizeof *im);
}

// --- resampling ----------------------------------------------------------------------------------

// What one output pixel reads along one axis: `count` inputs from `first`, with their weights.
typedef struct { int first, count; const float *weights; } Taps;

// The taps of every output along an axis, weights behind them in one allocation.
static Taps *taps_make(int from, int to)
{
    double ratio = (double)from / to;
    int most = ratio > 1 ? (int)ratio + 3 : 2;
    Taps *taps = malloc((size_t)to * (sizeof(Taps) + (size_t)most * sizeof(float)));
    if (!taps)
        return NULL;
    float *w = (float *)(taps + to);
    for (int o = 0; o < to; o++, w += most) {
        if (ratio > 1) {                                    // area: the pixels under [low, high)
            double low = o * ratio, high = (o + 1) * ratio;
            int first = (int)low, last = (int)ceil(high) - 1;
            last = last < from ? last : from - 1;
            for (int i = first; i <= last; i++)
                w[i - first] = (float)((fmin(i + 1, high) - fmax(i, low)) / ratio);
            taps[o] = (Taps){ first, last - first + 1, w };
        } else {                                            // linear between pixel centres
            double at = (o + 0.5) * ratio - 0.5;
            int first = (int)floor(at);
            double part = at - first;
            first = first < 0 ? 0 : first;
            bool inside = at >= 0 && first + 1 < from;
            w[0] = (float)(inside ? 1 - part : 1);
            w[1] = (float)part;
            taps[o] = (Taps){ first, inside ? 2 : 1, w };
        }
    }
    return taps;
}

static void resample_plane(const uint8_t *from, int from_width, const Taps *rows, int height,
                           const Taps *columns, int width, float *row, uint8_t *to)
{
    for (int y = 0; y < height; y++) {
        memset(row, 0, (size_t)from_width * sizeof *row);
        for (int i = 0; i < rows[y].count; i++) {
            const uint8_t *in = from + (size_t)(rows[y].first + i) * (size_t)from_width;
            float w = rows[y].weights[i];
            for (int x = 0; x < from_width; x++)
                row[x] += w * (float)in[x];
        }
        for (int x = 0; x < width; x++) {
            float sum = 0.5f;
            for (int i = 0; i < columns[x].count; i++)
                sum += columns[x].weights[i] * row[columns[x].first + i];
            *to++ = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
}

bool image_resample(const Image *from, int height, int width, Image *to, char err[DATA_ERROR])
{
    if (!image_resize_buffer(to, from->channels, height, width, err))
        return false;
    Taps *rows = taps_make(from->height, height), *columns = taps_make(from->width, width);
    float *row = malloc((size_t)from->width * sizeof *row);
    bool ok = rows && columns && row;
    if (!ok)
        snprintf(err, DATA_ERROR, "out of memory while resizing an image");
    for (int c = 0; ok && c < from->channels; c++)
        resample_plane(from->pixels + (size_t)c * (size_t)from->height * (size_t)from->width,
                       from->width, rows, height, columns, width, row,
                       to->pixels + (size_t)c * (size_t)height * (size_t)width);
    free(rows);
    free(columns);
    free(row);
    return ok;
}

// --- in place ------------------------------------------------------------------------------------

void image_crop(Image *im, int top, int left, int height, int width)
{
    uint8_t *to = im->pixels;
    for (int c = 0; c < im->channels; c++)
        for (int y = 0; y < height; y++, to += width)
            memmove(to, im->pixels + ((size_t)c * (size_t)im->height + (size_t)(top + y)) *
                        (size_t)im->width + (size_t)left, (size_t)width);
    im->height = height;
    im->width = width;
}

void image_mirror(Image *im)
{
    for (int64_t row = 0; row < (int64_t)im->channels * im->height; row++) {
        uint8_t *left = im->pixels + row * im->width, *right = left + im->width - 1;
        for (; left < right; left++, right--) {
            uint8_t kept = *left;
            *left = *right;
            *right = kept;
        }
    }
}

void image_grey(Image *im)
{
    if (im->channels != 3)
        return;
    size_t plane = (size_t)im->height * (size_t)im->width;
    const uint8_t *r = im->pixels, *g = r + plane, *b = g + plane;
    for (size_t i = 0; i < plane; i++)          // weights of ITU-R BT.601, in 1/65536
        im->pixels[i] = (uint8_t)((19595u * r[i] + 38470u * g[i] + 7471u * b[i] + 32768u) >> 16);
    im->channels = 1;
}

bool image_orient(const Image *from, int orientation, Image *to, char err[DATA_ERROR])
{
    bool swap = orientation >= 5;               // 5..8 exchange rows and columns
    if (!image_resize_buffer(to, from->channels, swap ? from->width : from->height,
                             swap ? from->height : from->width, err))
        return false;
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    uint8_t *out = to->pixels;
    for (int c = 0; c < to->channels; c++) {
        const uint8_t *plane = from->pixels +
                               (size_t)c * (size_t)from->height * (size_t)from->width;
        for (int y = 0; y < to->height; y++)
            for (int x = 0; x < to->width; x++) {
                int row = swap ? x : y, column = swap ? y : x;
                row = flip_y ? from->height - 1 - row : row;
                column = flip_x ? from->width - 1 - column : column;
                *out++ = plane[(size_t)row * (size_t)from->width + (size_t)column];
            }
    }
    return true;
}
