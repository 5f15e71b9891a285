// Rounded copies of parameters that are kept from step to step: which weights have one, that updates write
// it, the host's writing and a change of sequences refresh it, and that a program that would let it lag
// behind is refused.
#include "compile.h"
#include "reference/folder.h"
#include "reference/gpu_run.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char net[] =
    "net two : 1x8x8 -> 10 {\n"
    "  split(gpu0, gpu1) {\n"
    "    conv(8, 3, pad = 1) -> relu -> pool(2) -> all -> conv(12, 3, pad = 1) -> relu\n"
    "    -> all -> fc(16) -> relu\n"
    "  }\n"
    "  -> fc(10) -> softmax\n"
    "}\n"
    "train two on noise { loss = cross_entropy  batch = 3  solver = sgd(lr = 0.1) }\n"
    "data noise { train = random(10, 1x8x8, seed = 1, count = 6) }\n";

static int open_net(void **state)
{
    if (folder_make(state))
        return 1;
    FILE *f = fopen(in_folder("two.net"), "w");
    if (!f)
        return 1;
    fputs(net, f);
    return fclose(f);
}

static void compile(Compilation *c, const char *target)
{
    CompileOptions o = { .target = target, .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
    if (!compile_file(c, &o, in_folder("two.net")))
        fail_msg("%s: %s", target, c->err);
}

// --- which ----------------------------------------------------------------------------------------

static int count_refreshed(const Sequence *s)
{
    int count = 0;
    for (int i = 0; i < s->launch_count; i++)
        count += s->launches[i].refreshes;
    return count;
}

// Four convolutions and three fully connected layers, whose weights TF32 rounds in the loop.
static void weights_have_copies(void **state)
{
    static const struct { const char *target; int copies; } targets[] = {
        { "sm_80:fp32", 0 }, { "sm_80", 4 }, { "sm_90a:bf16", 7 }, { "avx2", 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        Compilation *c = calloc(1, sizeof *c);
        compile(c, targets[i].target);
        for (int q = 0; q < 2; q++)
            assert_int_equal(count_refreshed(&c->program->sequences[q]), targets[i].copies);
        compile_close(c);
        free(c);
    }
}

// --- what makes a program illegal -------------------------------------------------------------------

static Launch *find_refresh(const Program *p)
{
    for (int i = 0; i < p->sequences[0].launch_count; i++)
        if (p->sequences[0].launches[i].refreshes)
            return &p->sequences[0].launches[i];
    fail_msg("nothing refreshes");
    return NULL;
}

// The launch that writes `tensor` and is not `but`.
static Launch *find_writer(const Program *p, int tensor, const Launch *but)
{
    for (int i = 0; i < p->sequences[0].launch_count; i++) {
        Launch *l = &p->sequences[0].launches[i];
        for (int k = l->tensor_count - l->writes; k < l->tensor_count; k++)
            if (l->tensors[k] == tensor && l != but)
                return l;
    }
    fail_msg("nothing writes tensor %d", tensor);
    return NULL;
}

static void check_refused(const Program *p, const char *what)
{
    char err[PROGRAM_ERROR] = "";
    if (program_validate(p, err) || !strstr(err, what))
        fail_msg("not refused with '%s': %s", what, err);
}

static void copies_may_not_lag(void **state)
{
    Compilation *c = calloc(1, sizeof *c);
    char err[PROGRAM_ERROR];
    (void)state;
    compile(c, "sm_80:bf16");
    const Program *p = c->program;
    Launch *refresh = find_refresh(p), *update = find_writer(p, refresh->tensors[0], refresh);
    Buffer *copy = &p->buffers[p->tensors[refresh->tensors[1]].buffer], before = *copy;
    assert_true(find_writer(p, refresh->tensors[1], refresh) == update);

    int kept = -1;                                         // the update leaves the copy as it was
    for (int k = update->tensor_count - update->writes; k < update->tensor_count; k++)
        if (update->tensors[k] == refresh->tensors[1]) {
            kept = k;
            update->tensors[k] = update->tensors[k - 1];
        }
    assert_true(kept > 0);
    check_refused(p, "or its copy, and not both");
    update->tensors[kept] = refresh->tensors[1];

    update->refreshes = true;                              // a launch that makes something else
    check_refused(p, "refreshes something else");
    update->refreshes = false;

    copy->offset = p->buffers[p->tensors[update->tensors[0]].buffer].offset;       // somebody else's
    assert_true(copy->offset != before.offset);
    check_refused(p, "in use at once");
    *copy = before;
    assert_true(program_validate(p, err));
    compile_close(c);
    free(c);
}

// --- what it makes ----------------------------------------------------------------------------------

static long launches_of(const GpuResult *r)
{
    const char *calls = strstr(r->said, "vgpu: calls: cuLaunchKernel ");
    return calls ? strtol(calls + strlen("vgpu: calls: cuLaunchKernel "), NULL, 10) : 0;
}

// Copies that are kept and copies that every step makes anew: the same bits, whatever comes between.
static void same_bits(const char *target)
{
    for (int way = 0; way < 8; way++) {
        GpuRun run = { .path = in_folder("two.net"), .target = target, .devices = 2, .check = true,
                       .options.no_graphs = way & 1, .halves = way & 2, .tests = way & 4 };
        GpuResult kept, anew;
        gpu_run(&run, &kept);
        run.anew = true;
        gpu_run(&run, &anew);
        if (kept.end != GPU_RUN_DONE || anew.end != GPU_RUN_DONE || gpu_run_reports(&kept))
            fail_msg("%s, way %d: %s\n%s", target, way, kept.err, kept.said);
        bool same = kept.bits == anew.bits;
        for (int i = 0; i < GPU_RUN_STEPS; i++)
            same = same && kept.loss[i] == anew.loss[i] && kept.tested[i] == anew.tested[i];
        if (!same)
            fail_msg("%s, way %d: other bits", target, way);
        if (way == 1)
            assert_true(launches_of(&kept) < launches_of(&anew));
    }
}

static void kept_copies_are_fresh(void **state)
{
    (void)state;
    if (!gpu_run_possible())
        skip();
    same_bits("sm_80");
    same_bits("sm_80:bf16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_copies),
        cmocka_unit_test(copies_may_not_lag),
        cmocka_unit_test(kept_copies_are_fresh),
    };
    return cmocka_run_group_tests(tests, open_net, folder_remove);
}
