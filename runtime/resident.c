// Reads /proc/self/status: VmRSS, and VmHWM, its highest value so far.
#include "runtime/resident.h"
#include <stdio.h>

bool resident_bytes(int64_t *now, int64_t *most)
{
    FILE *in = fopen("/proc/self/status", "r");
    char line[256];
    long long kib;
    *now = *most = -1;
    while (in && fgets(line, sizeof line, in)) {
        if (sscanf(line, "VmRSS: %lld kB", &kib) == 1)
            *now = 1024 * kib;
        if (sscanf(line, "VmHWM: %lld kB", &kib) == 1)
            *most = 1024 * kib;
    }
    if (in)
        fclose(in);
    return *now >= 0 && *most >= 0;
}
