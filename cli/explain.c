// cleave explain E301: the paragraph behind a code.
#include "base/diag.h"
#include "cli/options.h"
#include "cli/verb.h"
#include <ctype.h>

int verb_explain(int argc, char **argv)
{
    Usage usage = { .verb = "explain", .operands = "CODE", .least = 1, .most = 1,
                    .what = "Tells what the code of a message means and how to mend its cause.",
                    .example = "cleave explain E104" };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    argv[first][0] = (char)toupper((unsigned char)argv[first][0]);   // e104
    const char *text = diag_explain(argv[first]);
    if (!text) {
        fprintf(stderr, "cleave: there is no code `%s`; codes look like E104\n", argv[first]);
        return EXIT_USAGE;
    }
    fputs(text, stdout);
    return EXIT_OK;
}
