// Regions of parts: how the parts of a region within another one count.
#include "ir/graph.h"

void split_count(Split *s, SplitKind kind, const Split *outer, int own)
{
    s->kind = kind;
    s->outer = outer;
    s->parts = own * (outer ? outer->parts : 1);
    s->channels = split_channels(outer) * (kind == SPLIT_CHANNELS ? own : 1);
    s->images = split_images(outer) * (kind == SPLIT_BATCH ? own : 1);
}

// The run of an outer part is cut further, or kept.
static int run(const Split *s, int part, SplitKind kind)
{
    if (!s)
        return 0;
    int own = s->parts / (s->outer ? s->outer->parts : 1), outer = run(s->outer, part / own, kind);
    return s->kind == kind ? outer * own + part % own : outer;
}

int split_channel(const Split *s, int part) { return run(s, part, SPLIT_CHANNELS); }
int split_image(const Split *s, int part)   { return run(s, part, SPLIT_BATCH); }
