// The timeline as a picture: SVG, which every browser shows.
#include "look/timeline.h"
#include <math.h>
#include <string.h>

enum { WIDTH = 1240, LEFT = 110, RIGHT = 20, TOP = 56, LANE = 40, BAR_HEIGHT = 26, SAY = 400 };

typedef struct { const char *name, *colour; } Paint;

static const Paint phases[] = {
    { "forward", "#4c78a8" }, { "input gradient", "#f58518" }, { "weight gradient", "#e0b13c" },
    { "update", "#54a24b" }, { "copy", "#b0408f" }, { "wait", "#e2e2e2" },
};
enum { PHASES = sizeof phases / sizeof *phases, PHASE_COPY = PHASES - 2, PHASE_WAIT = PHASES - 1 };

static const Paint *paint_of(const Timeline *t, const Bar *b)
{
    if (b->kind != BAR_WORK)
        return &phases[b->kind == BAR_COPY ? PHASE_COPY : PHASE_WAIT];
    const char *phase = t->sequence->launches[t->sequence->commands[b->command].first].phase;
    for (int i = 0; i < PHASE_COPY; i++)
        if (!strcmp(phases[i].name, phase))
            return &phases[i];
    return &phases[0];
}

// A name from a file within an attribute or an element.
static void print_xml(const char *text, FILE *out)
{
    for (; *text; text++)
        switch (*text) {
        case '<':  fputs("&lt;", out); break;
        case '>':  fputs("&gt;", out); break;
        case '&':  fputs("&amp;", out); break;
        case '"':  fputs("&quot;", out); break;
        default:   fputc((unsigned char)*text < ' ' ? '?' : *text, out);
        }
}

static bool has_messages(const Timeline *t, int device)
{
    for (int i = 0; i < t->count; i++)
        if (t->bars[i].device == device && t->bars[i].on_the_way)
            return true;
    return false;
}

// Lanes from the top: a device's own stream, then its messages if there are any.
static int lane_of(const Timeline *t, int device, bool on_the_way)
{
    int lane = on_the_way;
    for (int d = 0; d < device; d++)
        lane += 1 + has_messages(t, d);
    return lane;
}

static double x_of(const Timeline *t, double seconds)
{
    return LEFT + seconds / t->seconds * (WIDTH - LEFT - RIGHT);
}

static void print_bar(const Timeline *t, const Bar *b, FILE *out)
{
    char say[SAY];
    double x = x_of(t, b->begin), width = x_of(t, b->end) - x;
    timeline_say(t, b->command, say, sizeof say);
    fprintf(out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>", x,
            TOP + LANE * lane_of(t, b->device, b->on_the_way), width, BAR_HEIGHT, paint_of(t, b)->colour);
    fputs(b->kind == BAR_WAIT ? "waits for: " : "", out);
    print_xml(say, out);
    fprintf(out, " (%.3f to %.3f ms)</title></rect>\n", 1e3 * b->begin, 1e3 * b->end);
}

static void print_lanes(const Timeline *t, FILE *out)
{
    for (int d = 0; d < t->program->device_count; d++)
        for (int way = 0; way < (has_messages(t, d) ? 2 : 1); way++) {
            int y = TOP + LANE * lane_of(t, d, way) + BAR_HEIGHT / 2 + 4;
            fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 8, y);
            print_xml(t->program->devices[d].name, out);
            fputs(way ? " sends</text>\n" : "</text>\n", out);
        }
}

// A line about every hundredth pixel, at a round number of milliseconds.
static void print_axis(const Timeline *t, int height, FILE *out)
{
    double all = 1e3 * t->seconds, step = pow(10, floor(log10(all / 2)));
    if (all / step > 12)
        step *= 2;
    if (all / step > 12)
        step *= 2.5;
    for (int i = 0; i * step <= all; i++) {
        double x = x_of(t, 1e-3 * i * step);
        fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#ccc\"/>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g%s</text>\n", x, x, TOP - 6, height - 24,
                x, height - 8, i * step, i ? "" : " ms");
    }
}

static void print_legend(FILE *out)
{
    for (int i = 0; i < PHASES; i++)
        fprintf(out, "<rect x=\"%d\" y=\"32\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                "<text x=\"%d\" y=\"42\">%s</text>\n", LEFT + 130 * i, phases[i].colour, LEFT + 130 * i + 18,
                phases[i].name);
}

void timeline_print_svg(const Timeline *t, FILE *out)
{
    int lanes = lane_of(t, t->program->device_count, false), height = TOP + LANE * lanes + 36;
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
            " font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" "
            "fill=\"white\"/>\n", WIDTH, height);
    fprintf(out, "<text x=\"%d\" y=\"20\" font-size=\"14\">", LEFT);
    print_xml(t->program->net, out);
    fprintf(out, ", batch %d: a step of %.3f ms, %s</text>\n", t->sequence->batch, 1e3 * t->seconds,
            t->steps ? "measured" : "predicted");
    print_legend(out);
    print_axis(t, height, out);
    print_lanes(t, out);
    for (int i = 0; i < t->count; i++)
        print_bar(t, &t->bars[i], out);
    fputs("</svg>\n", out);
}
