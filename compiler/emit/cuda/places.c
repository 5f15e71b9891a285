// In: strides of a tensor, a window. Out: the functions by which a contraction finds its operands.
#include "emit/cuda/places.h"
#include <assert.h>
#include <inttypes.h>

enum { CLASSES_MOST = AXIS_CLASSES * AXIS_CLASSES, BITS_SPARE = 1 };    // places.cu keeps one bit, EDGE

Strides strides_of(const Node *n)
{
    const Layout *l = &n->layout;
    bool is_flattened = n->shape.h * n->shape.w == 1 && l->in_h * l->in_w > 1;
    Strides s = { .pixel = layout_pixel(l, n->shape) };
    Shape map = n->shape;
    if (is_flattened)
        map = (Shape){ map.n, map.c / (l->in_h * l->in_w), l->in_h, l->in_w };
    s.origin = layout_address(l, map, 0, 0, 0, 0);
    s.item = layout_address(l, map, 1, 0, 0, 0) - s.origin;
    s.row = layout_address(l, map, 0, 0, 1, 0) - s.origin;
    s.column = layout_address(l, map, 0, 0, 0, 1) - s.origin;
    return s;
}

int windows_classes(const Windows *w) { return w->rows.classes * w->columns.classes; }

static int most_taps(const Axis *a)
{
    int most = 0;
    for (int i = 0; i < a->classes; i++)
        most = a->at[i].taps > most ? a->at[i].taps : most;
    return most;
}

static int64_t most_outputs(const Axis *a)
{
    int64_t most = 0;
    for (int i = 0; i < a->classes; i++)
        most = a->at[i].outputs > most ? a->at[i].outputs : most;
    return most;
}

int windows_row_taps(const Windows *w) { return most_taps(&w->rows); }
int windows_column_taps(const Windows *w) { return most_taps(&w->columns); }
int64_t windows_most(const Windows *w) { return most_outputs(&w->rows) * most_outputs(&w->columns); }
int64_t windows_most_taps(const Windows *w) { return windows_row_taps(w) * windows_column_taps(w); }

int windows_bits(const Windows *w)
{
    int taps = windows_row_taps(w) + windows_column_taps(w) + BITS_SPARE;
    return !w->beside || taps <= 32 ? 32 : taps <= 64 ? 64 : 0;
}

// --- classes ------------------------------------------------------------------------------------

void map_by_class(Emit *e, const char *name, const int64_t *values, int classes)
{
    assert(classes > 0);
    bool differ = false;
    assert(classes > 0);
    for (int i = 1; i < classes; i++)
        differ = differ || values[i] != values[0];
    if (!differ) {
        head_constant(e, arena_printf(e->arena, "%s(q)", name), values[0]);
        return;
    }
    head_function(e, "index", name, "int q");
    fprintf(e->text, "    static const index of_class[] = {");
    for (int i = 0; i < classes; i++)
        fprintf(e->text, " %" PRId64 ",", values[i]);
    fprintf(e->text, " };\n    return of_class[q];\n}\n");
}

typedef int64_t OfClass(const AxisClass *c);

static int64_t outputs_of(const AxisClass *c) { return c->outputs; }
static int64_t taps_of(const AxisClass *c) { return c->taps; }
static int64_t tap_of(const AxisClass *c) { return c->tap; }
static int64_t start_of(const AxisClass *c) { return c->start; }

// q counts classes of columns within classes of rows.
static void print_axis(Emit *e, const char *name, const Windows *w, bool is_rows, OfClass *of)
{
    int64_t values[CLASSES_MOST];
    int columns = w->columns.classes;
    for (int q = 0; q < windows_classes(w); q++)
        values[q] = of(is_rows ? &w->rows.at[q / columns] : &w->columns.at[q % columns]);
    map_by_class(e, name, values, windows_classes(w));
}

void map_classes(Emit *e, const Windows *w)
{
    head_constant(e, "CLASSES", windows_classes(w));
    head_constant(e, "ROW_CLASSES", w->rows.classes);
    head_constant(e, "COLUMN_CLASSES", w->columns.classes);
    print_axis(e, "ROWS", w, true, outputs_of);
    print_axis(e, "COLUMNS", w, false, outputs_of);
    print_axis(e, "ROW_TAPS", w, true, taps_of);
    print_axis(e, "COLUMN_TAPS", w, false, taps_of);
    print_axis(e, "ROW_START", w, true, start_of);
    print_axis(e, "COLUMN_START", w, false, start_of);
    print_axis(e, "ROW_TAP", w, true, tap_of);
    print_axis(e, "COLUMN_TAP", w, false, tap_of);
}

// --- maps ---------------------------------------------------------------------------------------

static void open_map(Emit *e, const char *name)
{
    head_function(e, "Place", name, "int g, int q, index i");
}

static void print_group(Emit *e, int64_t group)
{
    if (group)
        fprintf(e->text, " + g * %" PRId64, group);
}

static const char *kind_of(bool is_tap) { return is_tap ? "tap_place" : "window_place"; }

void map_rows(Emit *e, const char *name, int64_t count, int64_t stride, int64_t group, bool is_tap)
{
    open_map(e, name);
    fprintf(e->text, "    return %s(i * %" PRId64, kind_of(is_tap), stride);
    print_group(e, group);
    fprintf(e->text, ", i < %" PRId64 ", %s);\n}\n", count, is_tap ? "TAP" : "0");
}

void map_features(Emit *e, const char *name, int64_t count, const Strides *s, bool is_tap)
{
    if (s->column == s->pixel) {
        map_rows(e, name, count, 1, 0, is_tap);
        return;
    }
    open_map(e, name);
    fprintf(e->text, "    return %s(i / %" PRId64 " * %" PRId64 " + i %% %" PRId64, kind_of(is_tap), s->pixel,
            s->column, s->pixel);
    fprintf(e->text, ", i < %" PRId64 ", %s);\n}\n", count, is_tap ? "TAP" : "0");
}

void map_windows(Emit *e, const char *name, const Windows *w, int64_t images, const Strides *s,
                 int64_t group)
{
    open_map(e, name);
    fprintf(e->text, "    index x = i %% COLUMNS(q) * %d + COLUMN_START(q);\n", w->columns.step);
    fprintf(e->text, "    index y = i / COLUMNS(q) %% ROWS(q) * %d + ROW_START(q);\n", w->rows.step);
    fprintf(e->text, "    index n = i / (COLUMNS(q) * ROWS(q));\n");
    if (w->beside)
        fprintf(e->text, "    BITS beside = taps_beside(y, %d, %" PRId64 ", %d)\n"
                "                | taps_beside(x, %d, %" PRId64 ", %d) << %d;\n", w->rows.in_step, w->height,
                windows_row_taps(w), w->columns.in_step, w->width, windows_column_taps(w),
                windows_row_taps(w));
    fprintf(e->text, "    return window_place(n * %" PRId64 " + y * %" PRId64 " + x * %" PRId64 " + %" PRId64,
            s->item, s->row, s->column, s->origin);
    print_group(e, group);
    fprintf(e->text, ", n < %" PRId64 ", %s);\n}\n", images, w->beside ? "beside" : "0");
}

void map_pixels(Emit *e, const char *name, int64_t images, const Strides *s)
{
    open_map(e, name);
    fprintf(e->text, "    index x = i %% COLUMNS(q), y = i / COLUMNS(q) %% ROWS(q);\n"
            "    index n = i / (COLUMNS(q) * ROWS(q));\n");
    fprintf(e->text, "    return window_place(n * %" PRId64 " + y * %" PRId64 " + x * %" PRId64 " + %" PRId64
            ", n < %" PRId64 ", 0);\n}\n", s->item, s->row, s->column, s->origin, images);
}

static const char *tap_bits(Emit *e, const Windows *w)
{
    if (!w->beside)
        return "TAP";
    return arena_printf(e->arena, "(BITS)1 << r | (BITS)1 << (s + %d)", windows_row_taps(w));
}

// Lines for term i: its row r and column s of the taps, its channel c.
static void print_term(Emit *e, int64_t channels)
{
    fprintf(e->text, "    index c = i %% %" PRId64 ", s = i / %" PRId64 " %% COLUMN_TAPS(q);\n"
            "    index r = i / (%" PRId64 " * COLUMN_TAPS(q));\n", channels, channels, channels);
}

void map_taps(Emit *e, const char *name, const Windows *w, int64_t channels, const Strides *s, bool is_run)
{
    open_map(e, name);
    if (is_run) {
        fprintf(e->text, "    index r = i / %" PRId64 ", c = i %% %" PRId64 ";\n", channels, channels);
        fprintf(e->text, "    return tap_place(r * %" PRId64 " + c, r < ROW_TAPS(q), TAP);\n}\n",
                w->rows.in_step * s->row);
        return;
    }
    print_term(e, channels);
    fprintf(e->text, "    return tap_place(r * %" PRId64 " + s * %" PRId64 " + c, r < ROW_TAPS(q), %s);\n}\n",
            w->rows.in_step * s->row, w->columns.in_step * s->column, tap_bits(e, w));
}

void map_filters(Emit *e, const char *name, const Windows *w, int64_t channels, int64_t filters,
                 const Strides *s)
{
    open_map(e, name);
    print_term(e, channels);
    fprintf(e->text, "    index row = %d - ROW_TAP(q) - r * %d, column = %d - COLUMN_TAP(q) - s * %d;\n",
            w->last_row, w->rows.tap_step, w->last_column, w->columns.tap_step);
    fprintf(e->text, "    return tap_place(c * %" PRId64 " + row * %" PRId64 " + column * %" PRId64, s->item,
            s->row, s->column);
    print_group(e, filters * s->item);
    fprintf(e->text, ", r < ROW_TAPS(q) && c < %" PRId64 ", TAP);\n}\n", filters);
}
