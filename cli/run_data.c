// The data of a verb that runs a net on them.
#include "cli/run_data.h"
#include <string.h>
#include <unistd.h>

// What the net tells apart: the channels of its scores.
static int classes_of(const Compilation *c)
{
    for (int g = 0; g < 3; g++)
        if (c->graphs[g] && c->graphs[g]->scores)
            return (int)c->graphs[g]->scores->shape.c;
    return 0;
}

bool run_open_data(Compilation *c, const RunOptions *run, const char *bad, unsigned sets,
                   const CheckpointData *from, Data *data)
{
    char err[DATA_ERROR], folder[4096];
    Span at = NO_SPAN;
    Refused no;
    Shape image = c->program->sequences[0].inputs[0].shape;
    image.n = 1;
    DataOptions o = { .recipe = &c->recipe.data, .folder = run_folder(run->path, folder, sizeof folder),
                      .train_path = run_data_path(run, "train"), .test_path = run_data_path(run, "test"),
                      .train = sets & RUN_TRAIN_SET, .test = sets & RUN_TEST_SET, .image = image,
                      .classes = classes_of(c),
                      .skip_bad = bad && !strcmp(bad, "skip"),
                      .threads = run->threads ? (int)run->threads : (int)sysconf(_SC_NPROCESSORS_ONLN),
                      .cache_bytes = DATA_CACHE_BYTES };
    if (from) {
        o.mean = from->mean;
        o.mean_count = from->mean_count;
        o.class_names = (const char *const *)from->class_names;
        o.class_count = from->class_count;
    }
    if (!data_accepts(o.recipe, &no))
        run_refuse(c, &no, run->colour);
    else if (data_open(data, &o, &at, err))
        return true;
    else
        run_fault(c, at, err, run->colour);
    return false;
}
