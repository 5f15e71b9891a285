// A folder of image files: every folder in it is a class, both sorted bytewise, so that the order
// never depends on the file system. Names beginning with a dot are not looked at.
#include "runtime/data/decode.h"
#include "runtime/data/listing.h"
#include "runtime/data/source.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct { int64_t name; int label; } ImageFile;

typedef struct {
    char      *root;
    char     **classes;                               // names of folders
    NamePool   names;                                 // of files
    ImageFile *files;
    int64_t    file_capacity;
} FolderState;

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static int list_folder(const char *path, struct dirent ***list, char err[DATA_ERROR])
{
    int n = scandir(path, list, is_visible, by_bytes);
    if (n < 0)
        snprintf(err, DATA_ERROR, "cannot read %s: %s", path, strerror(errno));
    return n;
}

static void free_list(struct dirent **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

// DT_UNKNOWN and links have to be asked for.
static bool is_kind(const char *folder, const struct dirent *d, unsigned char kind)
{
    if (d->d_type != DT_UNKNOWN && d->d_type != DT_LNK)
        return d->d_type == kind;
    char *path = NULL;
    struct stat st;
    bool ok = asprintf(&path, "%s/%s", folder, d->d_name) >= 0 && stat(path, &st) == 0 &&
              (kind == DT_DIR ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
    free(path);
    return ok;
}

static bool add_file(ImageSource *s, const char *name, int label, char err[DATA_ERROR])
{
    FolderState *x = s->state;
    int64_t at = name_pool_add(&x->names, name, strlen(name));
    ImageFile *files = array_room(x->files, s->count, &x->file_capacity, sizeof *files);
    if (files)
        x->files = files;
    if (!files || at == NO_ROOM) {
        snprintf(err, DATA_ERROR, "out of memory for the names of image files");
        return false;
    }
    x->files[s->count++] = (ImageFile){ .name = at, .label = label };
    return true;
}

static bool add_class(ImageSource *s, const char *name, char err[DATA_ERROR])
{
    FolderState *x = s->state;
    char *path = NULL, **grown = realloc(x->classes, (size_t)(s->classes + 1) * sizeof *grown);
    if (grown)
        x->classes = grown;
    if (!grown || !(grown[s->classes] = strdup(name)) ||
        asprintf(&path, "%s/%s", x->root, name) < 0) {
        snprintf(err, DATA_ERROR, "out of memory");
        return false;
    }
    struct dirent **list = NULL;
    int label = s->classes++, n = list_folder(path, &list, err);
    bool ok = n >= 0;
    for (int i = 0; ok && i < n; i++)
        if (is_kind(path, list[i], DT_REG))
            ok = add_file(s, list[i]->d_name, label, err);
    free_list(list, n);
    free(path);
    return ok;
}

static bool images_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    FolderState *x = s->state = calloc(1, sizeof *x);
    const char *arg = stage_text(o->stage, "path");
    if (!x || !arg || !(x->root = source_path(o, arg))) {
        snprintf(err, DATA_ERROR, "%s", arg ? "out of memory" : "a path is missing");
        return false;
    }
    s->channels = 3;
    assert(s->count == 0 && s->classes == 0);
    struct dirent **list = NULL;
    int n = list_folder(x->root, &list, err);
    bool ok = n >= 0;
    for (int i = 0; ok && i < n; i++)
        if (is_kind(x->root, list[i], DT_DIR))
            ok = add_class(s, list[i]->d_name, err);
    free_list(list, n);
    s->class_names = (const char *const *)x->classes;
    if (ok && s->count == 0)
        snprintf(err, DATA_ERROR, "no images in %s: it should hold a folder for every class",
                 x->root);
    return ok && s->count > 0;
}

static void images_close(ImageSource *s)
{
    FolderState *x = s->state;
    if (!x)
        return;
    for (int i = 0; i < s->classes; i++)
        free(x->classes[i]);
    free(x->classes);
    name_pool_free(&x->names);
    free(x->files);
    free(x->root);
    free(x);
}

static void images_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    const FolderState *x = s->state;
    snprintf(to, DATA_ERROR, "%s/%s/%s", x->root, x->classes[x->files[index].label],
             x->names.text + x->files[index].name);
}

static bool images_read(const ImageSource *s, int64_t index, Reader *r, int *label,
                        char err[DATA_ERROR])
{
    const FolderState *x = s->state;
    char path[DATA_ERROR];
    *label = x->files[index].label;
    images_name(s, index, path);
    size_t bytes;
    return reader_load(r, path, &bytes, err) &&
           decode_image(r->file, bytes, &r->image, &r->spare, err);
}

const SourceClass source_images = { "images", images_open, images_close, images_read, images_name };
