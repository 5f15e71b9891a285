// Writes a program as one JSON document, by the tables of schema.h: for program_load and `compile -o`.
#include "program/schema.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *save_record(const Record *r, const char *base);

// JSON holds UTF-8 only. A path may be anything: bytes that are no UTF-8 become '?'.
static json_t *save_text(const char *text)
{
    json_t *j = json_string(text);
    if (j)
        return j;
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    j = json_string(copy);
    free(copy);
    return j;
}

static json_t *save_longs(const int64_t *values, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

static json_t *save_ints(const int *values, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

static json_t *save_array(const Field *f, const char *elements, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, save_record(f->record, elements + (size_t)i * f->record->size));
    return list;
}

static json_t *save_hex(const uint64_t *words, int count)
{
    char text[33] = "";
    for (int i = 0; i < count; i++)
        snprintf(text + 16 * i, 17, "%016" PRIx64, words[i]);
    return json_string(text);
}

static json_t *save_port(const int *tensors)
{
    int count = 0;
    while (count < PROGRAM_PORT_TENSORS && tensors[count] >= 0)
        count++;
    return save_ints(tensors, count);
}

static json_t *save_field(const Field *f, const char *base)
{
    const void *at = base + f->at;
    int count;                             // meaningful for arrays only
    memcpy(&count, base + f->count_at, sizeof count);
    switch (f->kind) {
    case FIELD_TEXT:      return save_text(*(const char *const *)at ? *(const char *const *)at : "");
    case FIELD_TEXT_OR_NULL:
        return *(const char *const *)at ? save_text(*(const char *const *)at) : json_null();
    case FIELD_INT:       return json_integer(*(const int *)at);
    case FIELD_LONG:      return json_integer(*(const int64_t *)at);
    case FIELD_SEED:      return save_hex(at, 1);
    case FIELD_BOOL:      return json_boolean(*(const bool *)at);
    case FIELD_REAL:      return json_real(*(const double *)at);
    case FIELD_WORD:      return json_string(f->words[*(const int *)at]);
    case FIELD_HASH:      return save_hex(at, 2);
    case FIELD_SHAPE: {
        const Shape *s = at;
        return save_longs((int64_t[]){ s->n, s->c, s->h, s->w }, 4);
    }
    case FIELD_STRUCT:    return save_record(f->record, at);
    case FIELD_ARRAY:     return save_array(f, *(const char *const *)at, count);
    case FIELD_INTS:      return save_ints(*(const int *const *)at, count);
    case FIELD_FEW_INTS:  return save_ints(at, count);
    case FIELD_FEW_LONGS: return save_longs(at, count);
    case FIELD_PORT:      return save_port(at);
    }
    return NULL;
}

static json_t *save_record(const Record *r, const char *base)
{
    json_t *object = json_object();
    for (const Field *f = r->fields; f->key; f++)
        json_object_set_new(object, f->key, save_field(f, base));
    return object;
}

// jansson's calls take NULL for a failed allocation and pass it on, so one check is enough: a
// member that is missing would make program_load refuse the file, never misread it.
static bool save_program(const Program *p, FILE *out)
{
    json_t *object = json_object();
    json_object_set_new(object, "cleave_program", json_integer(PROGRAM_VERSION));
    json_t *body = save_record(&record_program, (const char *)p);
    json_object_update(object, body);
    bool good = object && body
        && json_dumpf(object, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0
        && fputc('\n', out) != EOF;
    json_decref(body);
    json_decref(object);
    return good;
}

bool program_save(const Program *p, FILE *out, char err[PROGRAM_ERROR])
{
    if (save_program(p, out) && fflush(out) == 0)
        return true;
    snprintf(err, PROGRAM_ERROR, "the program cannot be written: disk full or out of memory");
    return false;
}
