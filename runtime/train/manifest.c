// manifest.json: for every start of a run what it was made of.
#include "runtime/train/manifest.h"
#include "runtime/durable.h"
#include "runtime/train/run.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MOST_STARTS = 100, SAMPLES = 64, HASH = 33 };

static json_t *hash_json(uint64_t high, uint64_t low)
{
    char text[HASH];
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, high, low);
    return json_string(text);
}

static json_t *digest(XXH3_state_t *state)
{
    XXH128_hash_t h = XXH3_128bits_digest(state);
    return hash_json(h.high64, h.low64);
}

// --- the net ----------------------------------------------------------------------------------------

// Of every file's text, and of all of them one behind the other. What was put over it (`--set`) is a text,
// too, but stands by itself.
static json_t *sources_json(const RunFacts *f, XXH3_state_t *state)
{
    json_t *files = json_array();
    XXH3_128bits_reset(state);
    for (int i = 0; i < f->source_count; i++) {
        const Source *s = &f->sources[i];
        if (!strncmp(s->path, "--", 2))
            continue;
        XXH128_hash_t h = XXH3_128bits(s->text, (size_t)s->length);
        XXH3_128bits_update(state, s->text, (size_t)s->length);
        json_array_append_new(files, json_pack("{s:s, s:o}", "path", s->path, "hash",
                                               hash_json(h.high64, h.low64)));
    }
    return json_pack("{s:o, s:o}", "hash", digest(state), "files", files);
}

// --- the data ---------------------------------------------------------------------------------------

// The number of images, and 64 of them spread evenly, as they are before anything random: another set of
// images, another order or another preparation is another hash, wherever the files lie.
static json_t *feed_json(const Feed *f, XXH3_state_t *state)
{
    char err[DATA_ERROR];
    Reader r = { .file = NULL };
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, &f->count, sizeof f->count);
    for (int64_t i = 0; i < SAMPLES && i < f->count; i++) {
        int label = -1;
        int64_t index = f->count <= SAMPLES ? i : f->count / SAMPLES * i;
        if (feed_bytes(f, &r, index, &label, err))
            XXH3_128bits_update(state, r.image.pixels, image_bytes(&r.image));
        XXH3_128bits_update(state, &label, sizeof label);
    }
    reader_free(&r);
    return json_pack("{s:I, s:o}", "images", (json_int_t)f->count, "hash", digest(state));
}

static json_t *data_json(const Run *r, XXH3_state_t *state)
{
    const Data *d = r->o->data;
    json_t *all = json_object();
    if (r->recipe->data)
        json_object_set_new(all, "section", json_string(r->recipe->data));
    json_object_set_new(all, "train", feed_json(&d->train, state));
    if (d->has_test)
        json_object_set_new(all, "test", feed_json(&d->test, state));
    return all;
}

// --- the machine ------------------------------------------------------------------------------------

static json_t *machine_json(const Run *r)
{
    struct utsname u = { .machine = "" };
    json_t *devices = json_array();
    uname(&u);
    for (int i = 0; i < r->p->device_count; i++)
        json_array_append_new(devices, json_pack("{s:s, s:s}", "name", r->p->devices[i].name, "target",
                                                 r->p->devices[i].target));
    return json_pack("{s:s, s:s, s:s, s:o}", "system", u.sysname, "release", u.release, "processor",
                     u.machine, "devices", devices);
}

static json_t *command_json(const RunFacts *f)
{
    json_t *all = json_array();
    for (int i = 0; i < f->argument_count; i++)
        json_array_append_new(all, json_string(f->arguments[i]));
    return all;
}

static json_t *settings_json(const RunFacts *f)
{
    json_t *all = json_object();
    for (int i = 0; i < f->setting_count; i++)
        json_object_set_new(all, f->settings[i].name, json_string(f->settings[i].value));
    return all;
}

// --- the file ---------------------------------------------------------------------------------------

static json_t *start_json(const Run *r, XXH3_state_t *state)
{
    const RunFacts *f = r->o->facts;
    char when[40];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_t *start = json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:i, s:I}", "time", when,
                              "program", f->version, "command", command_json(f), "set", settings_json(f),
                              "net", r->p->net, "sources", sources_json(f, state), "plan",
                              hash_json(r->p->plan_hash[0], r->p->plan_hash[1]), "data", data_json(r, state),
                              "seed", (json_int_t)session_seed(r->s), "batch",
                              session_images(r->s, r->sequence), "step", (json_int_t)r->step);
    if (start)
        json_object_set_new(start, "machine", machine_json(r));
    if (start && *r->from)
        json_object_set_new(start, "from", json_string(r->from));
    if (start && r->o->init && !r->resumed)
        json_object_set_new(start, "init", json_string(r->o->init));
    return start;
}

// The starts so far, of a run that goes on; else none.
static json_t *starts_so_far(const Run *r, const char *path)
{
    json_t *old = r->resumed ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *starts = json_incref(json_object_get(old, "starts"));
    json_decref(old);
    if (json_is_array(starts))
        return starts;
    json_decref(starts);
    return json_array();
}

void run_write_manifest(Run *r)
{
    char path[4096], err[DURABLE_ERROR] = "manifest.json: out of memory", text[TRAIN_ERROR];
    snprintf(path, sizeof path, "%s/manifest.json", r->o->out);
    XXH3_state_t *state = XXH3_createState();
    json_t *starts = starts_so_far(r, path), *start = state ? start_json(r, state) : NULL;
    bool fine = start && json_array_append_new(starts, start) == 0;
    while (json_array_size(starts) > MOST_STARTS)
        json_array_remove(starts, 0);
    json_t *root = json_pack("{s:i, s:o}", "schema", 1, "starts", starts);
    char *all = fine ? json_dumps(root, JSON_INDENT(2)) : NULL;
    fine = all && durable_write(path, all, strlen(all), err);
    free(all);
    json_decref(root);
    XXH3_freeState(state);
    snprintf(text, sizeof text, "what the run is made of was not written down: %.400s", err);
    if (!fine)
        run_warn(r, text);
}
