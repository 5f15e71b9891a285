// Which tensor is whose.
#include "runtime/train/initial_weights.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Session           *s;
    Safetensors       *f;
    const SafeTensor **of;             // by parameter; NULL: it is drawn
    int                counts[INIT_KINDS];
    InitTold          *told;
    void              *context;
} Mapping;

// --- names and shapes -------------------------------------------------------------------------------

// The other spelling of a parameter's name, PyTorch's; false: it has none.
static bool other_name(const char *name, char to[256])
{
    static const char *const endings[][2] = { { ".weights", ".weight" }, { ".biases", ".bias" } };
    size_t length = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t tail = strlen(endings[i][0]);
        if (length > tail && !strcmp(name + length - tail, endings[i][0])) {
            snprintf(to, 256, "%.*s%s", (int)(length - tail), name, endings[i][1]);
            return true;
        }
    }
    return false;
}

static const SafeTensor *find(const Mapping *m, const char *name)
{
    char other[256];
    const SafeTensor *t = safetensors_find(m->f, name);
    return t || !other_name(name, other) ? t : safetensors_find(m->f, other);
}

// Sizes of a parameter without those of 1 that nobody writes: a bias of each channel, or of each place of a
// map, a matrix, or filters.
static int sizes_of(const ProgramParam *p, int64_t sizes[4])
{
    const int64_t all[] = { p->shape.n, p->shape.c, p->shape.h, p->shape.w };
    int from = p->is_bias ? 1 : 0, rank = (p->shape.h * p->shape.w == 1 ? 2 : 4) - from;
    memcpy(sizes, all + from, (size_t)rank * sizeof *sizes);
    return rank;
}

static bool fits(const SafeTensor *t, const ProgramParam *p)
{
    int64_t want[4];
    int rank = sizes_of(p, want);
    if (t->count != shape_count(p->shape))
        return false;
    if (!p->is_bias && t->rank == 2 && t->shape[0] == want[0])
        return true;                                   // as many elements a row as a filter has
    for (int i = 0; i < rank || i < t->rank; i++)
        if ((i < t->rank ? t->shape[i] : 1) != (i < rank ? want[i] : 1))
            return false;
    return true;
}

static void write_shape(char to[64], const int64_t *shape, int rank)
{
    size_t at = 0;
    to[0] = 0;
    for (int i = 0; i < rank && at < 40; i++)
        at += (size_t)snprintf(to + at, 64 - at, i ? "x%lld" : "%lld", (long long)shape[i]);
}

// --- lines ------------------------------------------------------------------------------------------

static void tell(Mapping *m, InitLine *line, const SafeTensor *t)
{
    m->counts[line->kind]++;
    line->tensor = t ? t->name : NULL;
    if (t)
        write_shape(line->has, t->shape, t->rank);
    m->told(m->context, line);
}

static void map_params(Mapping *m)
{
    const Program *p = session_program(m->s);
    for (int i = 0; i < p->param_count; i++) {
        const ProgramParam *param = &p->params[i];
        const SafeTensor *t = find(m, param->name);
        InitLine line = { .param = param->name,
                          .kind = !t ? INIT_MISSING : fits(t, param) ? INIT_MATCHED : INIT_MISFIT };
        int64_t sizes[4];
        write_shape(line.wants, sizes, sizes_of(param, sizes));
        m->of[i] = line.kind == INIT_MATCHED ? t : NULL;
        tell(m, &line, t);
    }
}

// Velocities and the mean are parts of a checkpoint, not of a net.
static bool is_expected(const Mapping *m, const SafeTensor *t)
{
    static const char ending[] = ".velocity";
    const Program *p = session_program(m->s);
    size_t length = strlen(t->name), tail = sizeof ending - 1;
    if (!strcmp(t->name, "data.mean") || (length > tail && !strcmp(t->name + length - tail, ending)))
        return true;
    for (int i = 0; i < p->param_count; i++)
        if (find(m, p->params[i].name) == t)
            return true;
    return false;
}

static void tell_unexpected(Mapping *m)
{
    for (int i = 0; i < safetensors_count(m->f); i++) {
        const SafeTensor *t = safetensors_get(m->f, i);
        InitLine line = { .kind = INIT_UNEXPECTED };
        if (!is_expected(m, t))
            tell(m, &line, t);
    }
}

// --- weights ----------------------------------------------------------------------------------------

static bool fill(Mapping *m, char *err)
{
    const Program *p = session_program(m->s);
    for (int i = 0; i < p->param_count; i++) {
        if (!m->of[i])
            continue;
        float *values = malloc((size_t)m->of[i]->count * sizeof *values + 1);
        if (!values)
            snprintf(err, SAFETENSORS_ERROR, "out of memory");
        bool fine = values && safetensors_read(m->f, m->of[i], values, err) &&
                    session_write_param(m->s, i, values, err);
        free(values);
        if (!fine)
            return false;
    }
    return true;
}

static bool is_enough(const Mapping *m, const char *path, bool partly, char *err)
{
    int open = m->counts[INIT_MISSING] + m->counts[INIT_MISFIT];
    if (m->counts[INIT_MATCHED] && (!open || partly))
        return true;
    if (!m->counts[INIT_MATCHED])
        snprintf(err, SAFETENSORS_ERROR, "%.300s: no parameter of the net is in it", path);
    else
        snprintf(err, SAFETENSORS_ERROR, "%.300s: %d parameter%s of the net %s not in it with that shape; "
                 "`--init-partly` draws %s", path, open, open > 1 ? "s" : "", open > 1 ? "are" : "is",
                 open > 1 ? "them" : "it");
    return false;
}

bool initial_weights(Session *s, const char *path, bool partly, InitTold *told, void *context,
                     char err[SAFETENSORS_ERROR])
{
    Mapping m = { .s = s, .told = told, .context = context, .f = safetensors_open(path, err) };
    if (!m.f)
        return false;
    m.of = calloc((size_t)session_program(s)->param_count + 1, sizeof *m.of);
    bool fine = m.of != NULL;
    if (fine) {
        map_params(&m);
        tell_unexpected(&m);
        fine = is_enough(&m, path, partly, err) && safetensors_check(m.f, err) && fill(&m, err);
    } else {
        snprintf(err, SAFETENSORS_ERROR, "out of memory");
    }
    free(m.of);
    safetensors_close(m.f);
    return fine;
}
