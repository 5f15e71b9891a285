// The folder of a test program.
#include "reference/folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[32];

int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cleave-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int folder_remove(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

const char *folder_path(void) { return folder; }

const char *in_folder(const char *name)
{
    static char path[8][128];
    static int next;
    char *to = path[next++ % 8];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}
