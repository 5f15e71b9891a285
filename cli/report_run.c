// cleave report RUN: the curves of a run, for other programs.
#include "cli/run.h"
#include "runtime/train/history.h"
#include <stdlib.h>

typedef struct {
    bool        csv;
    const char *tensorboard;
} ReportVerb;

static int write_board(const History *h, const char *folder)
{
    char err[HISTORY_ERROR], *path;
    if (!run_make_folder(folder))
        return EXIT_RUN;
    bool fine = history_tensorboard(h, folder, &path, err);
    fprintf(stderr, fine ? "wrote %s\n" : "cleave: %s\n", fine ? path : err);
    free(path);
    return fine ? EXIT_OK : EXIT_RUN;
}

static int write_reports(const ReportVerb *v, const char *folder)
{
    History h;
    char err[HISTORY_ERROR];
    int code = EXIT_OK;
    if (history_read(&h, folder, err)) {
        if (v->csv)
            history_csv(&h, stdout);
        if (v->tensorboard)
            code = write_board(&h, v->tensorboard);
    } else {
        fprintf(stderr, "cleave: %s\n", err);
        code = EXIT_INPUT;
    }
    history_free(&h);
    return code;
}

int verb_report(int argc, char **argv)
{
    ReportVerb v = { .csv = false };
    Option options[] = {
        { "csv", OPTION_FLAG, &v.csv, NULL, "print a table: 50 steps, an epoch, a test a line", "off" },
        { "tensorboard", OPTION_TEXT, &v.tensorboard, "FOLDER", "write an event file into it", "none" },
    };
    Usage usage = { .verb = "report", .operands = "RUN", .least = 1, .most = 1,
                    .what = "The figures of a run, out of run.jsonl in its folder.",
                    .example = "cleave report runs/digits --tensorboard runs/digits/board",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    if (v.csv || v.tensorboard)
        return write_reports(&v, argv[first]);
    fprintf(stderr, "cleave: report wants --csv or --tensorboard FOLDER\n");
    return EXIT_USAGE;
}
