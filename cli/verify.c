// cleave verify: what a GPU computes, held against something that computes the same in another way.
#include "cli/verify.h"

int verb_verify(int argc, char **argv)
{
    VerifyVerb o = { .run = { .colour = "auto", .seed = 1 }, .steps = 3, .cases = 12, .one = -1 };
    const Option options[] = {
        WITH_NET(&o.run.net), WITH_TARGET(&o.run.target), WITH_PRECISION(&o.run.precision),
        WITH_PLAN(&o.run.plan), WITH_OVERRIDE(&o.run.override), WITH_BATCH(&o.run.batch),
        WITH_CHUNKS(&o.run.chunks),
        WITH_SET(&o.run.set), WITH_SEED(&o.run.seed), WITH_MAP(&o.run.map), WITH_THREADS(&o.run.threads),
        WITH_GPUS(o.run),
        { "no-fuse", OPTION_FLAG, &o.run.no_fuse, NULL, "every operation in a kernel of its own: more values"
          " are compared", "off" },
        { "reference", OPTION_TEXT, &o.reference, "WORD", "what the CPU computes in: fp32 or tf32",
          "tf32 where the GPU does, else fp32" },
        { "free", OPTION_FLAG, &o.is_free, NULL, "the CPU goes on from its own values, not from the GPU's",
          "off" },
        { "list", OPTION_FLAG, &o.lists, NULL, "a line for every value that is compared", "off" },
        { "steps", OPTION_NUMBER, &o.steps, "N", "training steps on random data", "3" },
        { "kernels", OPTION_FLAG, &o.kernels, NULL, "every kernel on its own, of the file or of small nets",
          "off" },
        { "cases", OPTION_NUMBER, &o.cases, "N", "with --kernels: so many small nets", "12" },
        { "case", OPTION_NUMBER, &o.one, "I", "with --kernels: this one of them only", "all" },
        SHOW_COLOUR(&o.run.colour),
    };
    const Usage usage = { "verify", "FILE.net | --kernels [FILE.net]",
                          "Run training steps on GPUs, do every launch over on the CPU, compare the values.",
                          "cleave verify nets/digits.net --virtual-gpus 1 --batch 4", 0, 1, options,
                          sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    o.run.path = first < argc ? argv[first] : NULL;
    if (o.kernels)
        return verify_kernels(&o);
    if (o.run.path)
        return verify_file(&o);
    fprintf(stderr, "cleave: verify takes a .net file, or --kernels\n");
    return EXIT_USAGE;
}
