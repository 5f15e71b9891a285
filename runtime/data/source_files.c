// Image files named one by one: what `cleave predict` looks at.
#include "runtime/data/decode.h"
#include "runtime/data/source.h"
#include <stdio.h>

static void files_close(ImageSource *s)
{
    (void)s;
}

static bool files_read(const ImageSource *s, int64_t index, Reader *r, int *label,
                       char err[DATA_ERROR])
{
    char *const *paths = s->state;
    size_t bytes;
    *label = 0;
    if (!reader_load(r, paths[index], &bytes, err) ||
        !decode_image(r->file, bytes, &r->image, &r->spare, err))
        return false;
    if (s->channels == 1)
        image_grey(&r->image);
    return true;
}

static void files_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    char *const *paths = s->state;
    snprintf(to, DATA_ERROR, "%s", paths[index]);
}

static const SourceClass source_files = { "files", NULL, files_close, files_read, files_name };

void source_open_files(ImageSource *s, char *const *paths, int count, int channels)
{
    *s = (ImageSource){ .class = &source_files, .count = count, .classes = 1, .channels = channels,
                        .state = (void *)paths };
}
