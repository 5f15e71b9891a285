// cleave show comm FILE.net [LAYER|LINE]: what crosses between devices, value by value. The image
// itself goes from the host to every device that reads it and does not count.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/comm.h"

static const char *layer_name(const Layer *layer)
{
    return layer ? layer->name : "";
}

static void print_text(const Comm *comm, FILE *out)
{
    char forward[COUNT_TEXT], backward[COUNT_TEXT];
    const Graph *g = comm->graph;
    fprintf(out, "net %s, bytes an image\n  %-14s %-14s %-18s %12s %12s\n", g->name, "value", "read by",
            "devices", "forward", "backward");
    for (int i = 0; i < comm->count; i++) {
        const Crossing *r = &comm->rows[i];
        int width = fprintf(out, "  %-14s %-14s %s -> %s", layer_name(r->layer), layer_name(r->to),
                            g->devices[r->from], g->devices[r->copy->device]);
        fprintf(out, "%*s %12s %12s%s\n", width < 50 ? 50 - width : 0, "",
                report_count(forward, r->forward), report_count(backward, r->backward),
                r->is_weights ? " a step" : "");
    }
    fprintf(out, "  %-48s %12s %12s\n", "all", report_count(forward, comm->forward),
            report_count(backward, comm->backward));
    fprintf(out, "a step of %d images: %s bytes\n", g->batch, report_count(forward, comm->step));
}

static void print_point(const Comm *comm, const Crossing *r, bool is_backward, FILE *out)
{
    const Graph *g = comm->graph;
    int from = is_backward ? r->copy->device : r->from, to = is_backward ? r->from : r->copy->device;
    fputs("    {\"layer\": ", out);
    text_print_json(out, layer_name(r->layer));
    fputs(", \"to\": ", out);
    text_print_json(out, layer_name(r->to));
    fputs(", \"direction\": ", out);
    char direction[160];
    snprintf(direction, sizeof direction, "%s->%s", g->devices[from], g->devices[to]);
    text_print_json(out, direction);
    fprintf(out, ", \"bytes\": %lld, \"backward\": %s, \"weights\": %s}",
            (long long)(is_backward ? r->backward : r->forward), is_backward ? "true" : "false",
            r->is_weights ? "true" : "false");
}

static void print_json(const Comm *comm, FILE *out)
{
    const char *between = "\n";
    fputs("{\n  \"net\": ", out);
    text_print_json(out, comm->graph->name);
    fprintf(out, ",\n  \"batch\": %d,\n  \"bytes_per_image_per_pass\": %lld,\n"
            "  \"bytes_per_image_backward\": %lld,\n  \"bytes_per_step\": %lld,\n  \"points\": [",
            comm->graph->batch, (long long)comm->forward, (long long)comm->backward, (long long)comm->step);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < comm->count; i++) {
            if (pass == 1 && comm->rows[i].backward == 0)
                continue;
            fputs(between, out);
            print_point(comm, &comm->rows[i], pass == 1, out);
            between = ",\n";
        }
    fputs("\n  ]\n}\n", out);
}

static int print_comm(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    Comm comm = look_comm(c, &about);
    (o->json ? print_json : print_text)(&comm, out);
    return EXIT_OK;
}

int show_comm(const ShowOptions *o, FILE *out)
{
    return report_compiled(o, 1u << GRAPH_TRAIN, "simplify", print_comm, out);
}
