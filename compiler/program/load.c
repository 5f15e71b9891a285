// Reads what program_save wrote, by the tables of schema.h. The file is untrusted: every field is
// checked for its type and range here, every relation between fields by program_validate.
#include "program/schema.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOAD_MOST_BYTES = 256 << 20,   // of a file
    LOAD_MOST       = 1 << 20,     // elements of an array
    LOAD_PATH       = 128
};

// Where in the document the reader stands, for messages: "sequences[0].commands[3].waits".
typedef struct {
    Arena *arena;
    char  *err;
    char   path[LOAD_PATH];
} Loader;

static bool load_record(Loader *l, const Record *r, const json_t *j, char *base);

static bool refuse(Loader *l, const char *what)
{
    snprintf(l->err, PROGRAM_ERROR, "program file: %s %s", l->path[0] ? l->path : "the file", what);
    return false;
}

// Extends the path by a key, or by an index where there is none; the caller cuts it back to the
// length that is returned.
static size_t enter(Loader *l, const char *key, int index)
{
    size_t length = strlen(l->path);
    if (key)
        snprintf(l->path + length, LOAD_PATH - length, "%s%s", length ? "." : "", key);
    else
        snprintf(l->path + length, LOAD_PATH - length, "[%d]", index);
    return length;
}

static bool load_integer(Loader *l, const json_t *j, int64_t least, int64_t most, int64_t *out)
{
    if (!json_is_integer(j))
        return refuse(l, "is not an integer");
    *out = json_integer_value(j);
    return (*out >= least && *out <= most) || refuse(l, "is out of range");
}

static bool load_int(Loader *l, const json_t *j, int *out)
{
    int64_t value = 0;
    if (!load_integer(l, j, INT32_MIN, INT32_MAX, &value))
        return false;
    *out = (int)value;
    return true;
}

static bool load_text(Loader *l, const json_t *j, const char **out)
{
    if (!json_is_string(j))
        return refuse(l, "is not a text");
    *out = arena_copy(l->arena, json_string_value(j), json_string_length(j));
    return true;
}

static bool load_hex(Loader *l, const json_t *j, uint64_t *words, int count)
{
    const char *text = json_string_value(j);
    size_t length = text ? strlen(text) : 0;
    if (length != (size_t)count * 16 || strspn(text, "0123456789abcdef") != length)
        return refuse(l, "is not a hexadecimal number of the right length");
    for (int i = 0; i < count; i++) {
        char word[17];
        snprintf(word, sizeof word, "%.16s", text + 16 * i);
        words[i] = strtoull(word, NULL, 16);
    }
    return true;
}

static bool load_real(Loader *l, const json_t *j, double *out)
{
    if (!json_is_number(j))
        return refuse(l, "is not a number");
    *out = json_number_value(j);
    return isfinite(*out) || refuse(l, "is not finite");
}

static bool load_word(Loader *l, const Field *f, const json_t *j, int *out)
{
    for (int i = 0; json_is_string(j) && i < f->most; i++)
        if (!strcmp(f->words[i], json_string_value(j))) {
            *out = i;
            return true;
        }
    return refuse(l, "is not a word that is known here");
}

static bool load_count(Loader *l, const json_t *j, int most, int *count)
{
    if (!json_is_array(j))
        return refuse(l, "is not an array");
    if (json_array_size(j) > (size_t)most)
        return refuse(l, "has too many elements");
    *count = (int)json_array_size(j);
    return true;
}

static bool load_ints(Loader *l, const json_t *j, int *to, int count)
{
    for (int i = 0; i < count; i++) {
        size_t back = enter(l, NULL, i);
        if (!load_int(l, json_array_get(j, (size_t)i), &to[i]))
            return false;
        l->path[back] = 0;
    }
    return true;
}

static bool load_longs(Loader *l, const json_t *j, int64_t *to, int count)
{
    for (int i = 0; i < count; i++) {
        size_t back = enter(l, NULL, i);
        if (!load_integer(l, json_array_get(j, (size_t)i), INT64_MIN, INT64_MAX, &to[i]))
            return false;
        l->path[back] = 0;
    }
    return true;
}

static bool load_shape(Loader *l, const json_t *j, Shape *to)
{
    int64_t d[4];
    int count = 0;
    if (!load_count(l, j, 4, &count))
        return false;
    if (count != 4)
        return refuse(l, "is not a shape of four dimensions");
    if (!load_longs(l, j, d, 4))
        return false;
    *to = (Shape){ d[0], d[1], d[2], d[3] };
    return true;
}

static bool load_array(Loader *l, const Field *f, const json_t *j, char *base)
{
    int count = 0;
    if (!load_count(l, j, LOAD_MOST, &count))
        return false;
    char *elements = arena_array(l->arena, (size_t)count, f->record->size);
    for (int i = 0; i < count; i++) {
        size_t back = enter(l, NULL, i);
        if (!load_record(l, f->record, json_array_get(j, (size_t)i),
                         elements + (size_t)i * f->record->size))
            return false;
        l->path[back] = 0;
    }
    memcpy(base + f->at, &elements, sizeof elements);
    memcpy(base + f->count_at, &count, sizeof count);
    return true;
}

static bool load_int_array(Loader *l, const Field *f, const json_t *j, char *base)
{
    int count = 0;
    if (!load_count(l, j, LOAD_MOST, &count))
        return false;
    int *values = ARENA_ARRAY(l->arena, int, count);
    memcpy(base + f->at, &values, sizeof values);
    memcpy(base + f->count_at, &count, sizeof count);
    return load_ints(l, j, values, count);
}

static bool load_few(Loader *l, const Field *f, const json_t *j, char *base)
{
    int count = 0;
    if (!load_count(l, j, f->most, &count))
        return false;
    memcpy(base + f->count_at, &count, sizeof count);
    return f->kind == FIELD_FEW_INTS ? load_ints(l, j, (int *)(base + f->at), count)
                                     : load_longs(l, j, (int64_t *)(base + f->at), count);
}

static bool load_port(Loader *l, const json_t *j, int *tensors)
{
    int count = 0;
    if (!load_count(l, j, PROGRAM_PORT_TENSORS, &count) || !load_ints(l, j, tensors, count))
        return false;
    for (int i = count; i < PROGRAM_PORT_TENSORS; i++)
        tensors[i] = -1;
    return true;
}

static bool load_field(Loader *l, const Field *f, const json_t *j, char *base)
{
    void *at = base + f->at;
    switch (f->kind) {
    case FIELD_TEXT_OR_NULL:
        if (json_is_null(j))
            return true;
        return load_text(l, j, at);
    case FIELD_TEXT:      return load_text(l, j, at);
    case FIELD_INT:       return load_int(l, j, at);
    case FIELD_LONG:      return load_integer(l, j, INT64_MIN, INT64_MAX, at);
    case FIELD_SEED:      return load_hex(l, j, at, 1);
    case FIELD_HASH:      return load_hex(l, j, at, 2);
    case FIELD_BOOL:
        *(bool *)at = json_is_true(j);
        return json_is_boolean(j) || refuse(l, "is not true or false");
    case FIELD_REAL:      return load_real(l, j, at);
    case FIELD_WORD:      return load_word(l, f, j, at);
    case FIELD_SHAPE:     return load_shape(l, j, at);
    case FIELD_STRUCT:    return load_record(l, f->record, j, at);
    case FIELD_ARRAY:     return load_array(l, f, j, base);
    case FIELD_INTS:      return load_int_array(l, f, j, base);
    case FIELD_FEW_INTS:
    case FIELD_FEW_LONGS: return load_few(l, f, j, base);
    case FIELD_PORT:      return load_port(l, j, at);
    }
    return false;
}

static bool load_record(Loader *l, const Record *r, const json_t *j, char *base)
{
    if (!json_is_object(j))
        return refuse(l, "is not an object");
    size_t fields = 0;
    for (const Field *f = r->fields; f->key; f++, fields++) {
        size_t back = enter(l, f->key, -1);
        const json_t *value = json_object_get(j, f->key);
        if (!value)
            return refuse(l, "is missing");
        if (!load_field(l, f, value, base))
            return false;
        l->path[back] = 0;
    }
    if (json_object_size(j) != fields)
        return refuse(l, "has fields that are not known here");
    return true;
}

static json_t *load_document(FILE *in, char *err)
{
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    while (text) {
        size += fread(text + size, 1, room - size, in);
        if (size < room || room >= LOAD_MOST_BYTES)
            break;
        char *more = realloc(text, room *= 2);
        if (!more)
            free(text);
        text = more;
    }
    json_t *j = NULL;
    json_error_t error;
    if (!text)
        snprintf(err, PROGRAM_ERROR, "program file: out of memory");
    else if (ferror(in) || size >= LOAD_MOST_BYTES)
        snprintf(err, PROGRAM_ERROR, "program file: cannot be read or is too large");
    else if (!(j = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error)))
        snprintf(err, PROGRAM_ERROR, "program file: line %d: %.160s", error.line, error.text);
    free(text);
    return j;
}

static bool load_version(json_t *j, char *err)
{
    const json_t *version = json_object_get(j, "cleave_program");
    if (!json_is_integer(version))
        snprintf(err, PROGRAM_ERROR, "program file: not a program of cleave");
    else if (json_integer_value(version) != PROGRAM_VERSION)
        snprintf(err, PROGRAM_ERROR, "program file: version %" JSON_INTEGER_FORMAT
                 ", this cleave reads version %d", json_integer_value(version), PROGRAM_VERSION);
    else
        return json_object_del(j, "cleave_program") == 0;
    return false;
}

// The arena's owner handles exhaustion, but the document has to be freed first: its jump is taken
// here and passed on.
Program *program_load(FILE *in, Arena *arena, char err[PROGRAM_ERROR])
{
    json_t *j = load_document(in, err);
    if (!j)
        return NULL;
    jmp_buf *outer = arena->exhausted, inner;
    if (setjmp(inner)) {
        json_decref(j);
        arena->exhausted = outer;
        longjmp(*outer, 1);
    }
    // cppcheck-suppress autoVariables ; both ways out of this function put `outer` back
    arena->exhausted = &inner;
    Program *p = ARENA_NEW(arena, Program);
    Loader l = { .arena = arena, .err = err };
    bool good = load_version(j, err) && load_record(&l, &record_program, j, (char *)p);
    json_decref(j);
    arena->exhausted = outer;
    return good && program_validate(p, err) ? p : NULL;
}
