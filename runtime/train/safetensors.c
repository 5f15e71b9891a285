// Safetensors, read with suspicion.
#include "runtime/train/safetensors.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MOST_HEADER = 16 << 20, MOST_TENSORS = 65536, PIECE = 1 << 20, DIGITS = SAFETENSORS_HASH - 1 };

struct Safetensors {
    char       *path;
    FILE       *in;
    json_t     *header;
    int64_t     start, bytes;          // of the data in the file
    SafeTensor *tensors;               // names and types are the header's
    int         count;
    bool        is_sealed;
    char       *err;                   // of the call at hand
};

static bool fail(const Safetensors *f, const char *what)
{
    snprintf(f->err, SAFETENSORS_ERROR, "%.300s: %.180s", f->path, what);
    return false;
}

// --- the seal ---------------------------------------------------------------------------------------

static const char hash_key[] = "\"hash\":\"", data_key[] = "\"data\":\"";
static const char damaged[] = "it is damaged: what it holds is not what was written (checksum)";

static void digits(XXH128_hash_t h, char to[SAFETENSORS_HASH])
{
    snprintf(to, SAFETENSORS_HASH, "%016" PRIx64 "%016" PRIx64, h.high64, h.low64);
}

// Where the digits behind a key stand; NULL. Within texts of the header quotes are escaped, so a key of this
// form is none but ours.
static char *find_digits(char *header, size_t length, const char *key)
{
    char *at = memmem(header, length, key, strlen(key));
    return at && (size_t)(header + length - at) >= strlen(key) + DIGITS ? at + strlen(key) : NULL;
}

static void hash_header(char *header, size_t length, char hash[SAFETENSORS_HASH])
{
    char own[DIGITS], *at = find_digits(header, length, hash_key);
    if (at) {
        memcpy(own, at, DIGITS);
        memset(at, '0', DIGITS);
    }
    digits(XXH3_128bits(header, length), hash);
    if (at)
        memcpy(at, own, DIGITS);
}

void safetensors_seal(char *header, size_t length, const char *data, size_t size, char hash[SAFETENSORS_HASH])
{
    char own[SAFETENSORS_HASH], *at = find_digits(header, length, data_key);
    digits(XXH3_128bits(data, size), hash);
    if (at)
        memcpy(at, hash, DIGITS);
    hash_header(header, length, own);
    if ((at = find_digits(header, length, hash_key)))
        memcpy(at, own, DIGITS);
}

static bool check_header(Safetensors *f, char *text, size_t length)
{
    char hash[SAFETENSORS_HASH];
    const char *format = safetensors_meta(f, "format"), *own = safetensors_meta(f, "hash");
    f->is_sealed = own || (format && !strcmp(format, SAFETENSORS_FORMAT));
    if (!f->is_sealed)
        return true;
    hash_header(text, length, hash);
    return (own && !strcmp(own, hash) && safetensors_meta(f, "data")) || fail(f, damaged);
}

bool safetensors_check(Safetensors *f, char err[SAFETENSORS_ERROR])
{
    char hash[SAFETENSORS_HASH];
    f->err = err;
    if (!f->is_sealed)
        return true;
    XXH3_state_t *state = XXH3_createState();
    char *piece = malloc(PIECE);
    bool fine = state && piece && fseeko(f->in, (off_t)f->start, SEEK_SET) == 0;
    if (fine)
        XXH3_128bits_reset(state);
    for (size_t got; fine && (got = fread(piece, 1, PIECE, f->in)) > 0;)
        XXH3_128bits_update(state, piece, got);
    fine = fine && !ferror(f->in);
    if (fine)
        digits(XXH3_128bits_digest(state), hash);
    free(piece);
    XXH3_freeState(state);
    if (!fine)
        return fail(f, "it cannot be read to its end");
    return !strcmp(hash, safetensors_meta(f, "data")) || fail(f, damaged);
}

// --- the header -------------------------------------------------------------------------------------

// Bytes of an element; 0: a type that is not known here, whose size is not checked.
static int64_t element_bytes(const char *type)
{
    static const struct { const char *name; int bytes; } types[] = {
        { "F64", 8 }, { "I64", 8 }, { "U64", 8 }, { "F32", 4 }, { "I32", 4 }, { "U32", 4 }, { "F16", 2 },
        { "BF16", 2 }, { "I16", 2 }, { "U16", 2 }, { "I8", 1 }, { "U8", 1 }, { "BOOL", 1 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(type, types[i].name))
            return types[i].bytes;
    return 0;
}

static bool read_shape(SafeTensor *t, const json_t *shape)
{
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > SAFETENSORS_RANK)
        return false;
    t->count = 1;
    for (size_t i = 0; i < rank; i++) {
        const json_t *size = json_array_get(shape, i);
        t->shape[t->rank++] = json_integer_value(size);
        if (!json_is_integer(size) || t->shape[i] < 0 ||
            __builtin_mul_overflow(t->count, t->shape[i], &t->count))
            return false;
    }
    return true;
}

static bool read_entry(Safetensors *f, const char *name, const json_t *entry)
{
    SafeTensor *t = &f->tensors[f->count++];
    const json_t *type = json_object_get(entry, "dtype"), *at = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(at, 0), *to = json_array_get(at, 1);
    *t = (SafeTensor){ .name = name, .type = json_string_value(type), .from = json_integer_value(from) };
    if (!t->type || json_array_size(at) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        !read_shape(t, json_object_get(entry, "shape")))
        return fail(f, "an entry of its header is not one of a tensor");
    int64_t element = element_bytes(t->type), bytes;
    if (t->from < 0 || __builtin_sub_overflow(json_integer_value(to), t->from, &t->bytes) || t->bytes < 0 ||
        (element && (__builtin_mul_overflow(t->count, element, &bytes) || bytes != t->bytes)))
        return fail(f, "the place of a tensor does not fit its shape");
    return true;
}

static int by_place(const void *a, const void *b)
{
    const SafeTensor *x = a, *y = b;
    return x->from != y->from ? (x->from < y->from ? -1 : 1) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

// One behind the other, up to the end of the file.
static bool check_places(const Safetensors *f)
{
    int64_t end = 0;
    qsort(f->tensors, (size_t)f->count, sizeof *f->tensors, by_place);
    for (int i = 0; i < f->count; i++) {
        if (f->tensors[i].from != end)
            return fail(f, "its tensors overlap, or there are holes between them");
        end += f->tensors[i].bytes;
    }
    if (end > f->bytes)
        return fail(f, "its end is missing: it is shorter than its header says");
    return end == f->bytes || fail(f, "it is longer than its header says");
}

static bool read_entries(Safetensors *f)
{
    const char *name;
    json_t *entry;
    size_t count = json_object_size(f->header);
    if (count > MOST_TENSORS)
        return fail(f, "its header names more than 65,536 tensors");
    f->tensors = calloc(count + 1, sizeof *f->tensors);
    if (!f->tensors)
        return fail(f, "out of memory");
    json_object_foreach(f->header, name, entry)
        if (strcmp(name, "__metadata__") != 0 && !read_entry(f, name, entry))
            return false;
    return check_places(f);
}

static bool read_header(Safetensors *f)
{
    unsigned char size[8];
    struct stat info;
    uint64_t length = 0;
    if (fstat(fileno(f->in), &info) != 0 || fread(size, 1, 8, f->in) != 8)
        return fail(f, "this is no safetensors file: it is too short");
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)size[i] << 8 * i;
    if (length < 2 || length > MOST_HEADER || (int64_t)length > (int64_t)info.st_size - 8)
        return fail(f, "this is no safetensors file: its header has an impossible length");
    char *text = malloc((size_t)length);
    if (text && fread(text, 1, (size_t)length, f->in) == length)
        f->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
    f->start = 8 + (int64_t)length;
    f->bytes = (int64_t)info.st_size - f->start;
    bool fine = (json_is_object(f->header) || fail(f, "its header is no JSON object")) &&
                check_header(f, text, (size_t)length) && read_entries(f);
    free(text);
    return fine;
}

Safetensors *safetensors_open(const char *path, char err[SAFETENSORS_ERROR])
{
    Safetensors *f = calloc(1, sizeof *f);
    char *copy = strdup(path);
    if (!f || !copy) {
        free(f);
        free(copy);
        snprintf(err, SAFETENSORS_ERROR, "%.300s: out of memory", path);
        return NULL;
    }
    f->path = copy;
    f->err = err;
    f->in = fopen(path, "rbe");
    if (f->in ? read_header(f) : fail(f, strerror(errno)))
        return f;
    safetensors_close(f);
    return NULL;
}

void safetensors_close(Safetensors *f)
{
    if (!f)
        return;
    if (f->in)
        fclose(f->in);
    json_decref(f->header);
    free(f->tensors);
    free(f->path);
    free(f);
}

int               safetensors_count(const Safetensors *f) { return f->count; }
const SafeTensor *safetensors_get(const Safetensors *f, int i) { return &f->tensors[i]; }

const SafeTensor *safetensors_find(const Safetensors *f, const char *name)
{
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->tensors[i].name, name))
            return &f->tensors[i];
    return NULL;
}

const char *safetensors_meta(const Safetensors *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->header, "__metadata__"), key));
}

// --- numbers ----------------------------------------------------------------------------------------

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// IEEE 754 binary16.
static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1f, fraction = h & 0x3ff;
    if (exponent == 0)                                     // 0 and numbers below 2^-14: units of 2^-24
        return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    return from_bits(sign | (exponent == 31 ? 0xffu : exponent + 112) << 23 | fraction << 13);
}

static void widen(const char *type, const void *from, float *to, int64_t count)
{
    const uint16_t *halves = from;
    const double *doubles = from;
    bool is_double = !strcmp(type, "F64"), is_bf16 = !strcmp(type, "BF16");
    for (int64_t i = 0; i < count; i++)
        to[i] = is_double ? (float)doubles[i]
                : is_bf16 ? from_bits((uint32_t)halves[i] << 16) : from_half(halves[i]);
}

bool safetensors_read(Safetensors *f, const SafeTensor *t, float *to, char err[SAFETENSORS_ERROR])
{
    f->err = err;
    bool same = !strcmp(t->type, "F32");
    if (!same && strcmp(t->type, "F16") != 0 && strcmp(t->type, "BF16") != 0 && strcmp(t->type, "F64") != 0)
        return fail(f, "it holds numbers that are neither F32, F16, BF16 nor F64");
    void *raw = same ? to : malloc((size_t)t->bytes + 1);
    bool fine = raw && fseeko(f->in, (off_t)(f->start + t->from), SEEK_SET) == 0 &&
                fread(raw, 1, (size_t)t->bytes, f->in) == (size_t)t->bytes;
    if (fine && !same)
        widen(t->type, raw, to, t->count);
    if (!same)
        free(raw);
    return fine || fail(f, "it cannot be read to its end");
}
