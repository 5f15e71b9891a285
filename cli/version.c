// cleave version
#include "cli/verb.h"
#include <stdio.h>

int verb_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("cleave 0.1.0\n");
    return EXIT_OK;
}
