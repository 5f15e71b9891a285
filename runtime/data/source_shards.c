// Tar shards (shard.h): a file, or the folder that holds them. They are listed once, with libarchive;
// records are then read where they stand, in any order.
#include "runtime/data/decode.h"
#include "runtime/data/listing.h"
#include "runtime/data/shard.h"
#include "runtime/data/source.h"
#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LABEL_DIGITS = 16, CLASSES_MOST_BYTES = 1 << 26, BLOCK = 1 << 16 };

typedef struct {
    int64_t  name;                                   // of the image in its shard
    int64_t  offset;                                 // of its bytes
    int64_t  bytes;
    uint64_t checksum;
    bool     is_checked;                             // it has a checksum
    int      shard, label;
} Record;

typedef struct {
    NamePool names;                                  // of shards and images
    int64_t *shards;                                 // their paths in `names`
    int64_t  shard_capacity;
    int      shard_count;
    Record  *records;
    int64_t  record_capacity;
    char    *class_text, **classes;                  // of SHARD_CLASSES; NULL: there is none
} ShardState;

static bool no_memory(char err[DATA_ERROR])
{
    snprintf(err, DATA_ERROR, "out of memory");
    return false;
}

// --- what a shard holds ---------------------------------------------------------------------------

// The record that is being put together from entries.
typedef struct {
    char    key[256];
    size_t  key_length;
    Record  record;
    bool    has_image, has_label;
} Open;

typedef struct {
    ImageSource    *source;
    struct archive *tar;
    const char     *path;
    Open            open;
    char           *err;
} Scan;

static bool scan_fails(const Scan *s, const char *what)
{
    snprintf(s->err, DATA_ERROR, "%s: record %.100s %s", s->path, s->open.key, what);
    return false;
}

static bool end_record(Scan *s)
{
    ShardState *x = s->source->state;
    Open *o = &s->open;
    bool whole = o->has_image && o->has_label;
    if (!whole && (o->has_image || o->has_label))
        return scan_fails(s, o->has_image ? "has no .cls: its label is missing" : "has no image");
    if (whole) {
        Record *records = array_room(x->records, s->source->count, &x->record_capacity, sizeof *records);
        if (!records)
            return no_memory(s->err);
        x->records = records;
        records[s->source->count++] = o->record;
        if (o->record.label >= s->source->classes)
            s->source->classes = o->record.label + 1;
    }
    *o = (Open){ .key_length = 0 };
    return true;
}

static bool ends_with(const char *name, const char *const *endings)
{
    for (int i = 0; endings[i]; i++)
        if (!strcasecmp(name, endings[i]))
            return true;
    return false;
}

static bool take_label(Scan *s)
{
    char digits[LABEL_DIGITS];
    la_ssize_t got = archive_read_data(s->tar, digits, sizeof digits - 1);
    if (got < 0)
        return scan_fails(s, "is cut short");
    digits[got] = 0;
    digits[strcspn(digits, " \r\n\t")] = 0;
    s->open.record.label = label_number(digits);
    s->open.has_label = true;
    return s->open.record.label >= 0 || scan_fails(s, "has a .cls that is no label: digits are needed");
}

// The attribute's digits; a checksum that cannot be read is as good as none.
static void take_checksum(Record *r, struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t bytes;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &bytes) == ARCHIVE_OK) {
        char digits[SHARD_CHECKSUM_DIGITS + 1] = "", *end;
        if (!name || strcmp(name, SHARD_CHECKSUM) || bytes != SHARD_CHECKSUM_DIGITS)
            continue;
        memcpy(digits, value, bytes);
        r->checksum = strtoull(digits, &end, 16);
        r->is_checked = !*end;
    }
}

// The header has just been read: the bytes that libarchive has taken end where the entry's data begin.
static bool take_image(Scan *s, struct archive_entry *entry, const char *name)
{
    ShardState *x = s->source->state;
    Record *r = &s->open.record;
    if (s->open.has_image || archive_entry_sparse_count(entry))
        return scan_fails(s, s->open.has_image ? "has two images" : "is stored with holes");
    r->shard = x->shard_count - 1;
    r->offset = archive_filter_bytes(s->tar, 0);
    r->bytes = archive_entry_size(entry);
    r->name = name_pool_add(&x->names, name, strlen(name));
    take_checksum(r, entry);
    s->open.has_image = true;
    return r->name != NO_ROOM || no_memory(s->err);
}

static bool take_entry(Scan *s, struct archive_entry *entry)
{
    static const char *const images[] = { ".jpg", ".jpeg", ".png", NULL };
    static const char *const labels[] = { ".cls", NULL };
    const char *name = archive_entry_pathname(entry);
    if (!name || archive_entry_filetype(entry) != AE_IFREG)
        return true;
    const char *slash = strrchr(name, '/'), *dot = strchr(slash ? slash : name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    if (length >= sizeof s->open.key) {
        snprintf(s->err, DATA_ERROR, "%s: the name %.100s... is too long", s->path, name);
        return false;
    }
    if (length != s->open.key_length || memcmp(name, s->open.key, length)) {
        if (!end_record(s))
            return false;
        memcpy(s->open.key, name, length);
        s->open.key[length] = 0;
        s->open.key_length = length;
    }
    return !dot                    ? true
           : ends_with(dot, images) ? take_image(s, entry, name)
           : ends_with(dot, labels) ? take_label(s)
                                    : true;
}

static bool scan_entries(Scan *s)
{
    struct archive_entry *entry;
    int code;
    while ((code = archive_read_next_header(s->tar, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN)
        if (!take_entry(s, entry))
            return false;
    if (code == ARCHIVE_EOF)
        return end_record(s);
    const char *why = archive_error_string(s->tar);
    snprintf(s->err, DATA_ERROR, "%s: %s at byte %lld", s->path, why ? why : "damaged",
             (long long)archive_read_header_position(s->tar));
    return false;
}

static bool is_compressed(const char *path)
{
    uint8_t head[4] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    bool gzip = head[0] == 0x1f && head[1] == 0x8b, zstd = !memcmp(head, "\x28\xb5\x2f\xfd", 4);
    return got == sizeof head && (gzip || zstd);
}

static bool scan_shard(ImageSource *source, const char *path, char err[DATA_ERROR])
{
    if (is_compressed(path)) {
        snprintf(err, DATA_ERROR, "%s is compressed, which records that are read in any order cannot be: "
                 "gunzip or unzstd it first", path);
        return false;
    }
    Scan s = { .source = source, .tar = archive_read_new(), .path = path, .err = err };
    if (!s.tar)
        return no_memory(err);
    bool ok = archive_read_support_format_tar(s.tar) == ARCHIVE_OK &&
              archive_read_open_filename(s.tar, path, BLOCK) == ARCHIVE_OK;
    if (!ok)
        snprintf(err, DATA_ERROR, "cannot read %s: %s", path, archive_error_string(s.tar));
    ok = ok && scan_entries(&s);
    archive_read_free(s.tar);
    return ok;
}

// --- opening --------------------------------------------------------------------------------------

static bool add_shard(ImageSource *s, const char *path, char err[DATA_ERROR])
{
    ShardState *x = s->state;
    int64_t *shards = array_room(x->shards, x->shard_count, &x->shard_capacity, sizeof *shards);
    if (shards)
        x->shards = shards;
    int64_t at = name_pool_add(&x->names, path, strlen(path));
    if (!shards || at == NO_ROOM)
        return no_memory(err);
    shards[x->shard_count++] = at;
    return scan_shard(s, path, err);
}

static int is_shard(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && dot && !strcmp(dot, ".tar");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_folder(ImageSource *s, const char *folder, char err[DATA_ERROR])
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_shard, by_bytes);
    if (n <= 0)
        snprintf(err, DATA_ERROR, "no shards in %s: it should hold files named *.tar", folder);
    bool ok = n > 0;
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (ok)
            ok = (asprintf(&path, "%s/%s", folder, list[i]->d_name) >= 0 || no_memory(err)) &&
                 add_shard(s, path, err);
        free(path);
        free(list[i]);
    }
    free(list);
    return ok;
}

// Names of classes, if the folder has them: there may be more than the shards use, never fewer.
static bool read_classes(ImageSource *s, const char *folder, char err[DATA_ERROR])
{
    ShardState *x = s->state;
    char *path = NULL;
    size_t bytes = 0;
    if (asprintf(&path, "%s/%s", folder, SHARD_CLASSES) < 0)
        return no_memory(err);
    if (access(path, F_OK)) {
        free(path);
        return true;
    }
    uint8_t *text = source_load_file(path, CLASSES_MOST_BYTES, &bytes, err);
    x->class_text = text ? realloc(text, bytes + 1) : NULL;
    int64_t capacity = 0, count = 0;
    bool ok = x->class_text != NULL;
    if (ok)
        x->class_text[bytes] = 0;
    for (char *rest = x->class_text, *line; ok && rest && (line = strsep(&rest, "\r\n"));) {
        if (!*line)
            continue;
        char **grown = array_room(x->classes, count, &capacity, sizeof *grown);
        ok = grown != NULL;
        if (ok)
            (x->classes = grown)[count++] = line;
    }
    if (!ok && !err[0])
        no_memory(err);
    if (ok && (count < s->classes || count >= LABEL_LIMIT)) {
        snprintf(err, DATA_ERROR, "%s names %lld classes, a label says %d", path, (long long)count,
                 s->classes - 1);
        ok = false;
    }
    s->classes = (int)count;
    s->class_names = (const char *const *)x->classes;
    free(path);
    return ok;
}

static bool shards_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    ShardState *x = s->state = calloc(1, sizeof *x);
    const char *arg = stage_text(o->stage, "path");
    char *path = x && arg ? source_path(o, arg) : NULL;
    struct stat st;
    s->channels = 3;
    bool ok = path != NULL;
    if (!ok) {
        snprintf(err, DATA_ERROR, "%s", arg ? "out of memory" : "a path is missing");
    } else if (stat(path, &st)) {
        snprintf(err, DATA_ERROR, "cannot read %s: %s", path, strerror(errno));
        ok = false;
    } else if (S_ISDIR(st.st_mode)) {
        ok = add_folder(s, path, err) && read_classes(s, path, err);
    } else {
        ok = add_shard(s, path, err);
    }
    if (ok && s->count == 0) {
        snprintf(err, DATA_ERROR, "no records in %s: each is an image and a .cls of one name", path);
        ok = false;
    }
    free(path);
    return ok;
}

static void shards_close(ImageSource *s)
{
    ShardState *x = s->state;
    if (!x)
        return;
    name_pool_free(&x->names);
    free(x->shards);
    free(x->records);
    free(x->class_text);
    free(x->classes);
    free(x);
}

// --- reading --------------------------------------------------------------------------------------

static void shards_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    const ShardState *x = s->state;
    const Record *r = &x->records[index];
    snprintf(to, DATA_ERROR, "%s: %.200s (byte %lld)", x->names.text + x->shards[r->shard],
             x->names.text + r->name, (long long)r->offset);
}

static bool shards_read(const ImageSource *s, int64_t index, Reader *r, int *label, char err[DATA_ERROR])
{
    const ShardState *x = s->state;
    const Record *at = &x->records[index];
    *label = at->label;
    if (!reader_load_part(r, x->names.text + x->shards[at->shard], at->offset, at->bytes, err))
        return false;
    if (at->is_checked && XXH3_64bits(r->file, (size_t)at->bytes) != at->checksum) {
        snprintf(err, DATA_ERROR, "its checksum is another");
        return false;
    }
    return decode_image(r->file, (size_t)at->bytes, &r->image, &r->spare, err);
}

const SourceClass source_shards = { "shards", shards_open, shards_close, shards_read, shards_name };
