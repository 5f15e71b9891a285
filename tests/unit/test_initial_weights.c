// Weights out of files of other programs: which tensor goes where, what is told, what is refused; and the
// reader of safetensors, which believes nothing.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/initial_weights.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char net_text[] =
    "net tiny : 1x4x4 -> 3 { conv(2, 3) -> relu -> fc(3) -> softmax }\n"
    "data made { train = random(3, 1x4x4, count = 8) }\n"
    "train tiny on made { loss = cross_entropy  batch = 8  epochs = 1  solver = sgd(lr = 0) }\n";

static Training *training;

static int open_training(void **state)
{
    if (folder_make(state))
        return -1;
    FILE *out = fopen(in_folder("tiny.net"), "w");
    fputs(net_text, out);
    fclose(out);
    training = training_open(in_folder("tiny.net"), NULL, 1);
    return 0;
}

static int close_training(void **state)
{
    training_free(training);
    return folder_remove(state);
}

// A file of this header, with quotes for its apostrophes, and these bytes.
static const char *write_file(const char *header, const void *data, size_t size)
{
    const char *path = in_folder("w.safetensors");
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 0xff), out);
    for (size_t i = 0; i < length; i++)
        fputc(header[i] == '\'' ? '"' : header[i], out);
    fwrite(data, 1, size, out);
    fclose(out);
    return path;
}

static char lines[1024];

static void told(void *context, const InitLine *l)
{
    static const char *const kinds[] = { "matched", "missing", "misfit", "unexpected" };
    size_t at = strlen(lines);
    (void)context;
    snprintf(lines + at, sizeof lines - at, "%s %s %s %s %s\n", kinds[l->kind], l->param ? l->param : "-",
             l->wants, l->tensor ? l->tensor : "-", l->has);
}

static bool take(const char *path, bool partly, char *err)
{
    lines[0] = 0;
    return initial_weights(training->s, path, partly, told, NULL, err);
}

static void param(const char *name, float *values)
{
    int i = session_find_param(training->s, name);
    assert_true(session_read_param(training->s, i, values, training->err));
}

// --- who is whose ----------------------------------------------------------------------------------

// conv1.weights 2x1x3x3, conv1.biases 2, fc1.weights 3x8, fc1.biases 3: 18 + 2 + 24 + 3 floats.
static void test_names_of_pytorch(void **state)
{
    (void)state;
    float data[47], values[24];
    char err[SAFETENSORS_ERROR];
    for (int i = 0; i < 47; i++)
        data[i] = (float)i;
    const char *path = write_file(
        "{'__metadata__':{'format':'pt'},"
        "'conv1.weight':{'dtype':'F32','shape':[2,1,3,3],'data_offsets':[0,72]},"
        "'conv1.bias':{'dtype':'F32','shape':[2],'data_offsets':[72,80]},"
        "'fc1.weight':{'dtype':'F32','shape':[3,8],'data_offsets':[80,176]},"
        "'fc1.biases':{'dtype':'F32','shape':[3],'data_offsets':[176,188]}}", data, sizeof data);
    if (!take(path, false, err))
        fail_msg("%s", err);
    assert_string_equal(lines, "matched conv1.weights 2x1x3x3 conv1.weight 2x1x3x3\n"
                               "matched conv1.biases 2 conv1.bias 2\n"
                               "matched fc1.weights 3x8 fc1.weight 3x8\n"
                               "matched fc1.biases 3 fc1.biases 3\n");
    param("fc1.weights", values);
    assert_memory_equal(values, data + 20, sizeof values);
    param("conv1.biases", values);
    assert_memory_equal(values, data + 18, 8);
}

static void test_missing_and_misfit(void **state)
{
    (void)state;
    float data[27] = { 0 }, before[24], values[24];
    char err[SAFETENSORS_ERROR];
    data[18] = 7;
    data[19] = 8;
    param("fc1.weights", before);
    const char *path = write_file(
        "{'conv1.biases':{'dtype':'F32','shape':[2],'data_offsets':[72,80]},"
        "'conv1.weights':{'dtype':'F32','shape':[2,1,3,3],'data_offsets':[0,72]},"
        "'fc1.weights':{'dtype':'F32','shape':[2],'data_offsets':[80,88]},"
        "'head.weight':{'dtype':'F32','shape':[5,1],'data_offsets':[88,108]}}", data, sizeof data);
    assert_false(take(path, false, err));
    assert_non_null(strstr(err, "2 parameters of the net are not in it"));
    assert_non_null(strstr(err, "--init-partly"));
    param("conv1.biases", values);
    assert_true(values[0] == 18);                          // nothing was written
    assert_true(take(path, true, err));
    assert_string_equal(lines, "matched conv1.weights 2x1x3x3 conv1.weights 2x1x3x3\n"
                               "matched conv1.biases 2 conv1.biases 2\n"
                               "misfit fc1.weights 3x8 fc1.weights 2\n"
                               "missing fc1.biases 3 - \n"
                               "unexpected -  head.weight 5x1\n");
    param("conv1.biases", values);
    assert_true(values[0] == 7 && values[1] == 8);
    param("fc1.weights", values);
    assert_memory_equal(values, before, sizeof values);
    path = write_file("{'other':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}", data, 4);
    assert_false(take(path, true, err));
    assert_non_null(strstr(err, "no parameter of the net is in it"));
}

// --- numbers ---------------------------------------------------------------------------------------

static void assert_reads(const char *type, const void *data, size_t size, const float *want, int count)
{
    char header[200], err[SAFETENSORS_ERROR];
    float values[8];
    snprintf(header, sizeof header, "{'x':{'dtype':'%s','shape':[%d],'data_offsets':[0,%zu]}}", type, count,
             size);
    Safetensors *f = safetensors_open(write_file(header, data, size), err);
    if (!f)
        fail_msg("%s", err);
    assert_true(safetensors_read(f, safetensors_find(f, "x"), values, err));
    assert_memory_equal(values, want, 4 * (size_t)count);
    safetensors_close(f);
}

static void test_types(void **state)
{
    (void)state;
    // 1, -2, the smallest and the largest that are whole, one below them, infinity, -0.
    static const uint16_t half[] = { 0x3c00, 0xc000, 0x0400, 0x7bff, 0x0001, 0x7c00, 0x8000 };
    static const float halves[] = { 1, -2, 0x1p-14f, 65504, 0x1p-24f, __builtin_inff(), -0.0f };
    static const uint16_t brain[] = { 0x3f80, 0xc040, 0x7f80 };
    static const float brains[] = { 1, -3, __builtin_inff() };
    static const double doubles[] = { 0.1, -1e300 };
    static const float singles[] = { 0.1f, -__builtin_inff() };
    assert_reads("F16", half, sizeof half, halves, 7);
    assert_reads("BF16", brain, sizeof brain, brains, 3);
    assert_reads("F64", doubles, sizeof doubles, singles, 2);
    char err[SAFETENSORS_ERROR];
    const char *path = write_file("{'x':{'dtype':'I8','shape':[4],'data_offsets':[0,4]}}", half, 4);
    Safetensors *f = safetensors_open(path, err);
    float values[4];
    assert_non_null(f);
    assert_false(safetensors_read(f, safetensors_get(f, 0), values, err));
    assert_non_null(strstr(err, "neither F32, F16, BF16 nor F64"));
    safetensors_close(f);
}

// --- what is no safetensors file -------------------------------------------------------------------

static void test_hostile_files(void **state)
{
    (void)state;
    static const struct { const char *header, *says; } cases[] = {
        { "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
          "'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}", "no JSON object" },
        { "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}", "holes" },
        { "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
          "'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}", "overlap" },
        { "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}", "does not fit its shape" },
        { "{'a':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,8]}}",
          "not one of a tensor" },
        { "{'a':{'dtype':'F32','shape':[-2,-1],'data_offsets':[0,8]}}", "not one of a tensor" },
        { "{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}", "does not fit its shape" },
        { "{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}", "does not fit its shape" },
        { "{'a':{'dtype':7,'shape':[2],'data_offsets':[0,8]}}", "not one of a tensor" },
        { "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,9223372036854775807]}}",
          "does not fit its shape" },
        { "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}", "longer than its header says" },
        { "{'a':{'dtype':'F32','shape':[4],'data_offsets':[0,16]}}", "its end is missing" },
        { "[1,2]", "no JSON object" },
        { "{'a':[0,8]}", "not one of a tensor" },
        { "{'__metadata__':{'hash':'00000000000000000000000000000000'}}", "damaged" },
        { "{'__metadata__':{'format':'cleave 2'}}", "damaged" },
    };
    char err[SAFETENSORS_ERROR];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Safetensors *f = safetensors_open(write_file(cases[i].header, "12345678", 8), err);
        if (f || !strstr(err, cases[i].says))
            fail_msg("%s: %s", cases[i].header, f ? "taken" : err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_pytorch),
        cmocka_unit_test(test_missing_and_misfit),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_hostile_files),
    };
    return cmocka_run_group_tests(tests, open_training, close_training);
}
