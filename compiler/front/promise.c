// Promises: `is 96x27x27`. A broken one is explained by the arithmetic of the windows before it, and
// mended by `round = up` where that helps.
#include "front/elaborate.h"
#include <string.h>

bool shape_from_value(Elab *e, Value v, Span at, Shape *out)
{
    *out = (Shape){ 1, 0, 1, 1 };
    if (v.kind == VALUE_UNKNOWN)
        return false;
    int64_t *dims[] = { &out->c, &out->h, &out->w };
    int count = v.kind == VALUE_LIST ? v.count : 1;
    for (int i = 0; i < count && i < 3; i++) {
        Value d = v.kind == VALUE_LIST ? v.items[i] : v;
        if (d.kind == VALUE_UNKNOWN)
            return false;
        if (!value_is_whole(d) || d.number < 1 || d.number > SHAPE_MOST) {
            elab_error(e, at, "E300", "a shape is made of whole numbers from 1 on, not of %s",
                       value_describe(e->arena, d));
            return false;
        }
        *dims[i] = (int64_t)d.number;
    }
    if (count == 1 || count == 3)
        return true;
    elab_error(e, at, "E300", "a shape is maps x rows x columns, or one number; this has %d numbers",
               count);
    return false;
}

void promise_remember(Elab *e, StageUse *u, Node *in, Node *out, const Window *w)
{
    Sized *s = ARENA_NEW(e->arena, Sized);
    *s = (Sized){ .in = in, .out = out, .window = *w, .layer = u->layer, .ast = u->ast,
                  .can_round_up = !w->round_up, .previous = e->sized };
    e->sized = s;
}

// --- looking for the window to blame ------------------------------------------------------------

typedef struct { int64_t h, w; } Size;

// True if the value of `n` is computed from `from`.
static bool comes_from(const Node *n, const Node *from)
{
    for (; n; n = n->inputs ? n->in[0] : NULL)
        if (n == from)
            return true;
    return false;
}

// The size at `end` if `changed` rounded up, through the windows between.
static Size size_if_rounded(const Sized *latest, const Sized *changed, const Node *end)
{
    Window w = changed->window;
    w.round_up = true;
    Size now = { window_outputs_h(&w, changed->in->shape.h), window_outputs_w(&w, changed->in->shape.w) };
    const Sized *chain[64];
    int count = 0;
    for (const Sized *s = latest; s != changed && count < 64; s = s->previous)
        if (comes_from(end, s->out) && comes_from(s->in, changed->out))
            chain[count++] = s;
    while (count--)
        now = (Size){ window_outputs_h(&chain[count]->window, now.h),
                      window_outputs_w(&chain[count]->window, now.w) };
    return now;
}

static const Sized *rounding_that_mends(const Sized *latest, const Node *end, Shape promised)
{
    const Sized *found = NULL;
    for (const Sized *s = latest; s; s = s->previous) {
        if (!s->can_round_up || !comes_from(end, s->out))
            continue;
        Size size = size_if_rounded(latest, s, end);
        if (size.h == promised.h && size.w == promised.w)
            found = s;                           // the earliest one that helps
    }
    return found;
}

static const Sized *last_window(const Sized *latest, const Node *end)
{
    for (const Sized *s = latest; s; s = s->previous)
        if (comes_from(end, s->out))
            return s;
    return NULL;
}

// "54 = floor((224 + 2*0 - 11) / 4) + 1"
static const char *arithmetic(Elab *e, const Sized *s)
{
    const Window *w = &s->window;
    int kernel = (w->kernel_h - 1) * w->dilation_h + 1;
    return arena_printf(e->arena, "%lld = %s((%lld + 2*%d - %d) / %d) + 1", (long long)s->out->shape.h,
                        w->round_up ? "ceil" : "floor", (long long)s->in->shape.h, w->pad_top, kernel,
                        w->stride_h);
}

static const char *name_of(const Node *n)
{
    return n->layer ? n->layer->name : n->name;
}

// The call with `round = up` added before its closing parenthesis.
static const char *with_rounding(Elab *e, const Ast *call)
{
    const char *text = elab_text(e, call->at);
    size_t length = strlen(text);
    if (call->kind != AST_CALL || length == 0 || text[length - 1] != ')')
        return arena_printf(e->arena, "%s(round = up)", text);
    return arena_printf(e->arena, "%.*s%sround = up)", (int)length - 1, text, call->count ? ", " : "");
}

static void blame_rounding(Elab *e, const Ast *is, const Sized *s, const Node *end, Shape promised)
{
    char shape[SHAPE_TEXT];
    Window up = s->window;
    up.round_up = true;
    long long now = (long long)end->shape.h, rounded = (long long)window_outputs_h(&up, s->in->shape.h);
    const char *promise = elab_text(e, is->at);
    if (s->out == end || name_of(end) == s->layer->name) {
        elab_error(e, s->ast->at, "E301", "%s gives %s here, `%s` was promised", s->layer->name,
                   shape_text(shape, s->out->shape), promise);
        diag_detail(e->diag, "%s; with `round = up` it is %lld", arithmetic(e, s), rounded);
    } else {
        elab_error(e, s->ast->at, "E301", "%s gives %s here, `%s` was promised after %s (%lldx%lld)",
                   s->layer->name, shape_text(shape, s->out->shape), promise, name_of(end), now,
                   (long long)end->shape.w);
        diag_detail(e->diag, "%s; with `round = up` it is %lld and %s gives %lld", arithmetic(e, s),
                    rounded, name_of(end), (long long)promised.h);
    }
    diag_fix(e->diag, s->ast->at, "%s", with_rounding(e, s->ast));
}

static void explain_maps(Elab *e, const Node *n, Shape promised)
{
    if (n->shape.c != promised.c)
        diag_detail(e->diag, "it has %lld maps, %lld were promised", (long long)n->shape.c,
                    (long long)promised.c);
}

Value promise_check(Elab *e, const Ast *is, Value v)
{
    Shape promised;
    Value wanted = eval(e, is->children[0]);
    if (!shape_from_value(e, wanted, is->children[0]->at, &promised) || !value_is_tensor(v) || !v.node)
        return v;
    Node *n = v.node;
    if (!shape_is_legal(n->shape))
        return v;
    if (n->shape.c == promised.c && n->shape.h == promised.h && n->shape.w == promised.w) {
        Promise kept = { n, promised, is->at, n };
        ARENA_PUSH(e->arena, e->graph->promises, e->graph->promise_count, e->graph->promise_capacity,
                   kept);
        return v;
    }
    const Sized *s = n->shape.c == promised.c ? rounding_that_mends(e->sized, n, promised) : NULL;
    if (s) {
        blame_rounding(e, is, s, n, promised);
        return UNKNOWN;
    }
    char shape[SHAPE_TEXT];
    elab_error(e, is->at, "E301", "%s gives %s here, `%s` was promised", name_of(n),
               shape_text(shape, n->shape), elab_text(e, is->at));
    explain_maps(e, n, promised);
    const Sized *last = last_window(e->sized, n);
    if (last && (n->shape.h != promised.h || n->shape.w != promised.w))
        diag_detail(e->diag, "%s: %s", last->layer->name, arithmetic(e, last));
    return UNKNOWN;
}
