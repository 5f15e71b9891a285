// The writer knows of the value at hand what the language asks of the next stage: its channels, into how many
// runs they are split, and how small its maps may have become.
#include "reference/random_net.h"
#include "look/comm.h"
#include <stdlib.h>
#include <string.h>

enum { REGIONS = 8, NAMES = 32, WIDEST = 48 };

typedef enum { PLAIN, SPLIT, REPLICATE } Kind;

// A region that is open.
typedef struct {
    Kind kind;
    int  parts, runs, images;          // those of the outer regions included
} Region;

// A tensor that a stage was named for.
typedef struct { int width, shared, maps; } Named;

typedef struct {
    FILE      *text;
    uint64_t   state;
    RandomForm form;
    int        devices, unit;          // what the batch is a multiple of
    Region     regions[REGIONS];
    int        depth;                  // regions[depth] is the innermost; 0 stands for none
    int        width, shared;          // of the value at hand: channels, and runs that they are split into
    int        size;                   // at most the shorter side of its maps
    int        maps;                   // counts up whenever the maps change their size
    Named      names[NAMES];
    int        named, layers;
} Writer;

static int draw(Writer *w, int below)
{
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (int)((w->state >> 33) % (uint64_t)below);
}

static bool once_in(Writer *w, int times) { return draw(w, times) == 0; }

static Region *inner(Writer *w) { return &w->regions[w->depth]; }

// --- stages --------------------------------------------------------------------------------------

// Outside of regions a stage may say where it is.
static void place(Writer *w)
{
    int device = draw(w, w->devices);
    if (w->depth == 0 && once_in(w, 3) && w->form == RANDOM_ON_DEVICES)
        fprintf(w->text, " on gpu%d", device);
}

static int draw_width(Writer *w, int unit)
{
    static const int each[] = { 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 17, 20 };
    int width;
    do
        width = unit * each[draw(w, sizeof each / sizeof *each)];
    while (width > WIDEST && width > 2 * unit);
    return width;
}

static void put_conv(Writer *w, int width, int kernel, int stride, int pad, int groups)
{
    fprintf(w->text, " -> conv(%d, %d", width, kernel);
    if (stride > 1)
        fprintf(w->text, ", stride = %d", stride);
    if (pad)
        fprintf(w->text, ", pad = %d", pad);
    if (groups > 1)
        fprintf(w->text, ", groups = %d", groups);
    fprintf(w->text, once_in(w, 3) ? ", bias = 0.1)" : ")");
    place(w);
    int size = (w->size + 2 * pad - kernel) / stride + 1;
    w->maps += stride > 1 || 2 * pad + 1 != kernel;
    w->size = size;
    w->width = width;
    w->shared = inner(w)->runs;
}

// Behind it the value is split, in a region that splits.
static void conv(Writer *w)
{
    int runs = inner(w)->runs, kernel = 1 + draw(w, 3), stride = 1, pad = kernel / 2, groups = 1;
    if (w->size >= 5 && once_in(w, 4))
        stride = 2;
    if (w->size >= 4 && once_in(w, 4))
        pad = 0;
    if (w->size < 3)
        kernel = 3, pad = 1;
    if (w->width / w->shared % 2 == 0 && 2 * w->shared % runs == 0 && once_in(w, 2))
        groups = 2;
    put_conv(w, draw_width(w, runs * groups), kernel, stride, pad, groups);
}

// Keeps the width and the maps.
static void same_conv(Writer *w)
{
    int runs = inner(w)->runs, width = w->width % runs ? runs : w->width, pad = draw(w, 3) > 0;
    bool grouped = width % (2 * runs) == 0 && w->width / w->shared % 2 == 0 && 2 * w->shared % runs == 0;
    put_conv(w, width, 1 + 2 * pad, 1, pad, 1 + (grouped && once_in(w, 2)));
}

// Likewise; `what` is there where filters for every place would be too many.
static void local(Writer *w, const char *what)
{
    int runs = inner(w)->runs, width = w->width % runs ? runs : w->width, pad = draw(w, 2);
    if (w->size > 6) {
        fputs(what, w->text);
        return;
    }
    fprintf(w->text, " -> local(%d, %d, pad = %d)", width, 1 + 2 * pad, pad);
    w->width = width;
    w->shared = runs;
}

static void pointwise(Writer *w)
{
    static const char *const words[] = { "relu", "relu", "tanh", "sigmoid", "scale(-0.75, 0.125)", "swish" };
    fprintf(w->text, " -> %s", words[draw(w, 6)]);
    place(w);
}

static void lrn(Writer *w)
{
    static const char *const words[] = { "lrn(n = 3, alpha = 0.1)", "lrn(alpha = 0.05, k = 1)",
                                         "lrn(n = 3, k = 1, alpha = 0.2, region = map)" };
    fprintf(w->text, " -> %s", words[draw(w, w->size > 2 ? 3 : 2)]);
    place(w);
}

static void pool(Writer *w)
{
    static const char *const words[] = { "pool(2)", "mean_pool(2)", "pool(3, stride = 2, round = up)",
                                         "pool(3, stride = 1, pad = 1)", "mean_pool(3, stride = 2)" };
    if (w->size < 4)
        return;
    fprintf(w->text, " -> %s", words[draw(w, 5)]);
    place(w);
    w->size = w->size / 2 - (w->size % 2 == 0 && w->size > 4);
    w->maps++;
}

static int name_value(Writer *w)
{
    if (w->named >= NAMES)
        return -1;
    w->names[w->named] = (Named){ w->width, w->shared, w->maps };
    return w->named++;
}

// A stage whose value has a name; -1 when there are too many.
static int named_stage(Writer *w)
{
    static const char *const words[] = { "relu", "tanh", "swish", "dropout(0.25)" };
    int name = name_value(w);
    if (name >= 0)
        fprintf(w->text, " -> %s as v%d", words[draw(w, 4)], name);
    return name;
}

// With a value of the same maps that is split alike; only put beside it when its width is another.
static void merge(Writer *w, int name)
{
    static const char *const words[] = { "add", "mul", "gate", "concat" };
    const Named *n = &w->names[name];
    if (n->maps != w->maps || n->shared != w->shared)
        return;
    bool beside = n->width != w->width || w->width + n->width <= WIDEST;
    int word = n->width == w->width ? draw(w, beside ? 4 : 3) : 3;
    fprintf(w->text, " -> %s(v%d)", words[word], name);
    place(w);
    w->width += word == 3 ? n->width : 0;
}

static void branch(Writer *w)
{
    int runs = inner(w)->runs, a = draw_width(w, runs), b = draw_width(w, runs);
    fprintf(w->text, " -> branch { conv(%d, 3, pad = 1) -> relu  conv(%d, 1) }", a, b);
    w->width = a + b;
    w->shared = runs;
}

// The same weights twice.
static void tied(Writer *w)
{
    if (w->shared != inner(w)->runs)
        return;
    int layer = w->layers++;
    fprintf(w->text, " -> conv(%d, 3, pad = 1) as w%d -> tanh -> w%d", w->width, layer, layer);
}

static void slice(Writer *w)
{
    if (w->shared > 1 || w->width < 4)
        return;
    int first = draw(w, 3);
    w->width -= 1 + first;
    fprintf(w->text, " -> slice(%d, %d)", first, w->width);
    place(w);
}

static void stage(Writer *w)
{
    switch (draw(w, 10)) {
    case 0: conv(w); break;
    case 1: case 2: lrn(w); break;
    case 3: pool(w); break;
    case 4: branch(w); break;
    case 5: tied(w); break;
    case 6: slice(w); break;
    case 7: local(w, " -> dropout(0.3)"); break;
    default: pointwise(w); break;
    }
}

static void stages(Writer *w, int most)
{
    conv(w);
    pointwise(w);
    for (int i = draw(w, most + 1); i > 0; i--)
        stage(w);
}

// --- regions -------------------------------------------------------------------------------------

static void put_devices(Writer *w, int count)
{
    int list[4] = { 0, 1, 2, 3 };
    for (int i = 0; i < count; i++) {
        int k = i + draw(w, w->devices - i), device = list[k];
        list[k] = list[i];
        if (w->form == RANDOM_ON_DEVICES)
            fprintf(w->text, "%sgpu%d", i ? ", " : "", device);
    }
    if (w->form == RANDOM_IN_PARTS)
        fprintf(w->text, "%d", count);
}

static int common_multiple(int a, int b)
{
    int m = a;
    while (m % b)
        m += a;
    return m;
}

static void open_region(Writer *w, Kind kind, int count)
{
    const Region *outer = inner(w);
    Region r = { kind, outer->parts * count, outer->runs * (kind == SPLIT ? count : 1),
                 outer->images * (kind == REPLICATE ? count : 1) };
    fprintf(w->text, "\n  -> %s(", kind == SPLIT ? "split" : "replicate");
    if (w->depth == 0)
        put_devices(w, count);
    else
        fprintf(w->text, "%d", count);
    fputs(") {\n    in", w->text);
    w->unit = common_multiple(w->unit, r.images);
    w->regions[++w->depth] = r;
}

static void close_region(Writer *w)
{
    fputs("\n  }", w->text);
    w->depth--;
    if (w->shared > inner(w)->runs)
        w->shared = inner(w)->runs;
}

static void region(Writer *w, Kind kind, int count);

static void inner_region(Writer *w)
{
    int most = 8 / inner(w)->parts;
    if (w->depth < 2 && most >= 2)
        region(w, once_in(w, 3) ? REPLICATE : SPLIT, 2 + (most > 2 && once_in(w, 3)));
}

static bool is_local(Writer *w) { return inner(w)->kind == SPLIT && w->shared == inner(w)->runs; }

// A value goes past an `all` and meets what was made of it behind.
static void skip_across(Writer *w)
{
    int name = named_stage(w);
    fputs("\n    -> all", w->text);
    w->shared = w->regions[w->depth - 1].runs;
    if (once_in(w, 3))
        pointwise(w);
    same_conv(w);
    pointwise(w);
    if (name >= 0)
        merge(w, name);
}

static void gather(Writer *w)
{
    fputs("\n    -> all", w->text);
    w->shared = w->regions[w->depth - 1].runs;
    if (once_in(w, 3))
        lrn(w);
}

// What goes on in a region behind its first stages.
static void piece(Writer *w)
{
    switch (draw(w, 4)) {
    case 0: inner_region(w); break;
    case 1:
        if (is_local(w)) {
            gather(w);
            stages(w, 1);
            break;
        }
        same_conv(w);
        break;
    default:
        if (is_local(w)) {
            skip_across(w);
        } else {
            int name = named_stage(w);
            same_conv(w);
            if (name >= 0)
                merge(w, name);
        }
    }
}

static void fully_connected(Writer *w)
{
    int runs = inner(w)->runs;
    for (int layers = 1 + once_in(w, 3); layers > 0; layers--) {
        w->width = runs * (1 + draw(w, 6));
        fprintf(w->text, " -> fc(%d)", w->width);
        w->shared = runs;
        w->size = 1;
        w->maps++;
        pointwise(w);
        if (once_in(w, 2))
            fputs(" -> dropout(0.5)", w->text);
        if (is_local(w) && layers > 1)
            gather(w);
    }
}

static void region(Writer *w, Kind kind, int count)
{
    open_region(w, kind, count);
    stages(w, w->depth > 1 ? 1 : 2);
    for (int pieces = w->depth > 1 ? draw(w, 2) : 1 + draw(w, 2); pieces > 0; pieces--)
        piece(w);
    close_region(w);
}

// Fully connected layers in a region of their own, as they mostly are.
static void last_region(Writer *w)
{
    open_region(w, once_in(w, 3) ? REPLICATE : SPLIT, 2 + draw(w, w->devices - 1));
    fully_connected(w);
    close_region(w);
}

// --- the net -------------------------------------------------------------------------------------

static void write_body(Writer *w)
{
    if (once_in(w, 3))
        stages(w, 1);
    int name = once_in(w, 3) && w->width > 3 ? named_stage(w) : -1;
    region(w, once_in(w, 4) ? REPLICATE : SPLIT, once_in(w, 4) ? 2 : w->devices);
    if (name >= 0)
        merge(w, name);
    if (once_in(w, 4))
        conv(w);
    if (once_in(w, 5))
        region(w, once_in(w, 2) ? REPLICATE : SPLIT, 2 + draw(w, w->devices - 1));
    else if (once_in(w, 2))
        last_region(w);
    bool split = once_in(w, 3);
    if (split)
        open_region(w, once_in(w, 2) ? REPLICATE : SPLIT, 2 + draw(w, w->devices - 1));
    fprintf(w->text, "\n  -> fc(%d)", RANDOM_NET_CLASSES);
    place(w);
    if (split)
        close_region(w);
    fputs(" -> softmax\n", w->text);
}

char *random_net_text(uint64_t seed, RandomForm form)
{
    char *text = NULL;
    size_t size;
    Writer w = { .text = open_memstream(&text, &size), .state = seed * 7919 + 17, .form = form, .unit = 1,
                 .regions = { { PLAIN, 1, 1, 1 } }, .width = 3, .shared = 1 };
    if (!w.text)
        return NULL;
    draw(&w, 2);
    w.devices = 2 + draw(&w, 3);
    int h = 4 + draw(&w, 5), across = 4 + draw(&w, 5);
    w.size = h < across ? h : across;
    fprintf(w.text, "op swish(x) = x / (1 + exp(-x))\nop gate(x, y) = swish(x) * sigmoid(y)\n\n"
            "net small : 3x%dx%d -> %d {\n  in", h, across, RANDOM_NET_CLASSES);
    write_body(&w);
    int batch = w.unit * (1 + draw(&w, w.unit < 4 ? 3 : 1));
    fprintf(w.text, "}\ndata noise { train = random(%d, 3x%dx%d, count = %d) }\n", RANDOM_NET_CLASSES, h,
            across, batch);
    fprintf(w.text, "train small on noise { loss = cross_entropy  batch = %d  solver = sgd(lr = 0.01) }\n",
            batch);
    fclose(w.text);
    return text;
}

// --- what is in it -------------------------------------------------------------------------------

static bool reaches(const Node *from, const Node *to)
{
    if (from == to)
        return true;
    for (int i = 0; i < from->inputs; i++)
        if (from->in[i]->id >= to->id && reaches(from->in[i], to))
            return true;
    return false;
}

static bool is_over_devices(const Node *n)
{
    return n->split && n->split->parts > 1 && n->split->device[0] != n->split->device[n->split->parts - 1];
}

// One input of `n` was gathered on its way from the other.
static bool passes_all(const Graph *g, const Node *n)
{
    for (int i = 0; i < g->count; i++) {
        const Node *all = g->nodes[i];
        for (int k = 0; all->op == OP_ALL && is_over_devices(all) && k < n->inputs; k++)
            for (int other = 0; other < n->inputs; other++)
                if (k != other && reaches(n->in[k], all) && reaches(all, n->in[other]))
                    return true;
    }
    return false;
}

static void look_at_node(RandomFeatures *f, const Graph *g, const Node *n)
{
    if (!n->split)
        return;
    int64_t each = n->shape.c / (n->shared > 1 ? n->shared : 1);
    f->skip |= n->inputs > 1 && !op_has(n->op, OP_CONTRACTION) && passes_all(g, n);
    f->lrn |= n->op == OP_LRN && n->attr.lrn.parts > 1;
    f->concat |= n->op == OP_CONCAT && n->attr.concat.parts > 1;
    f->uneven |= n->shared > 1 && each > 8 && each % 8 != 0;
    f->nested |= n->split->outer != NULL;
    f->replicate |= n->split->images > 1;
    f->grouped |= n->op == OP_CONV && n->attr.conv.groups > (n->in[0]->shared > 1 ? n->in[0]->shared : 1);
}

RandomFeatures random_net_features(Compilation *logical, Compilation *placed)
{
    const Graph *g = logical->graphs[GRAPH_TRAIN];
    Comm comm = look_comm(placed, &(About){ .kind = ABOUT_ALL });
    RandomFeatures f = { .devices = g->device_count };
    for (int i = 0; i < g->count; i++) {
        look_at_node(&f, g, g->nodes[i]);
        f.on |= !g->nodes[i]->split && g->nodes[i]->device > 0;
    }
    for (int i = 0; i < comm.count; i++) {
        bool again = comm.rows[i].is_weights;
        for (int k = 0; k < i; k++)
            again |= !comm.rows[k].is_weights && comm.rows[k].layer == comm.rows[i].layer;
        f.exchanges += !again;
    }
    return f;
}
