// run.jsonl to rows, rows to CSV.
#include "runtime/train/history.h"
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "step", "epoch", "test" };

const char *history_kind(HistoryKind kind) { return kinds[kind]; }

// Every row has room for so many values, so that columns may be found on the way.
enum { MOST_COLUMNS = 1024 };

static int find_column(History *h, const char *name)
{
    for (int i = 0; i < h->column_count; i++)
        if (!strcmp(h->columns[i], name))
            return i;
    if (h->column_count == MOST_COLUMNS || !(h->columns[h->column_count] = strdup(name)))
        return -1;
    return h->column_count++;
}

static void add_value(History *h, HistoryRow *row, const char *name, const json_t *value)
{
    int column = json_is_number(value) ? find_column(h, name) : -1;
    if (column >= 0)
        row->values[column] = json_number_value(value);
}

static void add_values(History *h, HistoryRow *row, json_t *line)
{
    static const char *const others[] = { "epoch", "step", "time" };
    const char *key, *layer;
    char name[300];
    json_t *value, *size;
    json_object_foreach(line, key, value) {
        bool is_other = false;
        for (int i = 0; i < 3; i++)
            is_other |= !strcmp(key, others[i]);
        if (!is_other)
            add_value(h, row, key, value);
        json_object_foreach(value, layer, size) {
            snprintf(name, sizeof name, "%.40s/%.200s", key, layer);
            add_value(h, row, name, size);
        }
    }
}

static bool add_row(History *h, json_t *line, int *room)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    int kind = -1;
    for (int i = 0; event && i < 3; i++)
        kind = !strcmp(event, kinds[i]) ? i : kind;
    if (kind < 0)
        return true;
    if (h->row_count == *room) {
        HistoryRow *more = realloc(h->rows, (size_t)(*room ? 2 * *room : 256) * sizeof *more);
        if (!more)
            return false;
        *room = *room ? 2 * *room : 256;
        h->rows = more;
    }
    HistoryRow *row = &h->rows[h->row_count++];
    *row = (HistoryRow){ (HistoryKind)kind, json_integer_value(json_object_get(line, "epoch")),
                         json_integer_value(json_object_get(line, "step")),
                         json_number_value(json_object_get(line, "time")),
                         malloc(MOST_COLUMNS * sizeof *row->values), 0 };
    for (int i = 0; row->values && i < MOST_COLUMNS; i++)
        row->values[i] = NAN;
    if (row->values)
        add_values(h, row, line);
    // Only those found so far are kept: a long run has many rows.
    double *less = row->values ? realloc(row->values, ((size_t)h->column_count + 1) * sizeof *less) : NULL;
    row->values = less ? less : row->values;
    row->value_count = h->column_count;
    return row->values != NULL;
}

static bool read_lines(History *h, FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    int room = 0;
    bool fine = true;
    h->columns = calloc(MOST_COLUMNS, sizeof *h->columns);
    while (fine && h->columns && getline(&line, &size, in) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        fine = add_row(h, o, &room);
        json_decref(o);
    }
    free(line);
    return fine && h->columns;
}

bool history_read(History *h, const char *folder, char err[HISTORY_ERROR])
{
    char path[PATH_MAX];
    *h = (History){ .rows = NULL };
    snprintf(path, sizeof path, "%s/run.jsonl", folder);
    FILE *in = fopen(path, "re");
    if (!in) {
        snprintf(err, HISTORY_ERROR, "%.300s: %.100s", path, strerror(errno));
        return false;
    }
    bool fine = read_lines(h, in);
    fclose(in);
    if (!fine)
        snprintf(err, HISTORY_ERROR, "%.300s: out of memory", path);
    return fine;
}

void history_free(History *h)
{
    for (int i = 0; i < h->column_count; i++)
        free(h->columns[i]);
    for (int i = 0; i < h->row_count; i++)
        free(h->rows[i].values);
    free(h->columns);
    free(h->rows);
    *h = (History){ .rows = NULL };
}

double history_value(const History *h, int row, int column)
{
    return column < h->rows[row].value_count ? h->rows[row].values[column] : NAN;
}

void history_csv(const History *h, FILE *out)
{
    fputs("event,epoch,step,time", out);
    for (int i = 0; i < h->column_count; i++)
        fprintf(out, ",%s", h->columns[i]);
    fputc('\n', out);
    for (int i = 0; i < h->row_count; i++) {
        const HistoryRow *row = &h->rows[i];
        fprintf(out, "%s,%lld,%lld,%.3f", kinds[row->kind], (long long)row->epoch, (long long)row->step,
                row->time);
        for (int k = 0; k < h->column_count; k++) {
            double x = history_value(h, i, k);
            fputc(',', out);
            if (!isnan(x))
                fprintf(out, "%.9g", x);
        }
        fputc('\n', out);
    }
}
