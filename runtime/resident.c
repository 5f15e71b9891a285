// Reads /proc/self/status: VmRSS, and VmHWM, its highest value so far.
#include "runtime/resident.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "VmRSS:     1234 kB" in bytes; `other` when the line is another.
static int64_t field_bytes(const char *line, const char *field, int64_t other)
{
    size_t length = strlen(field);
    return strncmp(line, field, length) == 0 ? 1024 * strtoll(line + length, NULL, 10) : other;
}

bool resident_bytes(int64_t *now, int64_t *most)
{
    FILE *in = fopen("/proc/self/status", "r");
    char line[256];
    *now = *most = -1;
    while (in && fgets(line, sizeof line, in)) {
        *now = field_bytes(line, "VmRSS:", *now);
        *most = field_bytes(line, "VmHWM:", *most);
    }
    if (in)
        fclose(in);
    return *now >= 0 && *most >= 0;
}
