// What the reports of `cleave show` share: compiling up to a pass, choosing layers, figures.
#ifndef CLI_REPORT_H
#define CLI_REPORT_H
#include "cli/show.h"

// Compiles o->path for these modes (1 << GRAPH_TRAIN | ...) up to `stop_after` (NULL: to a program),
// prints what is to be said about the file and, if all was made, calls `print`. Returns the exit code.
typedef int ReportPrint(Compilation *c, const ShowOptions *o, FILE *out);
int  report_compiled(const ShowOptions *o, unsigned modes, const char *stop_after, ReportPrint *print,
                     FILE *out);
// The line that o->about names; -1: it names a layer.
int  report_about_line(const ShowOptions *o);
// True if a layer is what the command line asks about: all of them, one name, or one line.
bool report_wants(const Compilation *c, const ShowOptions *o, const Layer *layer);
int  report_line(const Compilation *c, const Layer *layer);

// 60965224 as "60,965,224" into `to`; returns `to`.
enum { COUNT_TEXT = 32 };
char *report_count(char to[COUNT_TEXT], int64_t count);
#endif
