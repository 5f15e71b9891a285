// What only the caller knows of a run, and what is worth to be known of it a year later.
#ifndef RUNTIME_TRAIN_MANIFEST_H
#define RUNTIME_TRAIN_MANIFEST_H
#include "base/diag.h"

typedef struct { const char *name, *value; } RunSetting;

typedef struct {
    const char        *version;        // of the program: "0.1.0"
    char *const       *arguments;      // the command line, argument_count of them
    int                argument_count;
    const RunSetting  *settings;       // put over the file's: --set, setting_count of them
    int                setting_count;
    const Source      *sources;        // the texts of the net, source_count of them
    int                source_count;
} RunFacts;
#endif
