// What the reports of `show`, `why` and `why-not` share: compiling up to a pass, choosing layers, figures.
#ifndef CLI_REPORT_H
#define CLI_REPORT_H
#include "cli/show.h"

// Compiles o->path for these modes (1 << GRAPH_TRAIN | ...) up to `stop_after` (NULL: to a program),
// prints what is to be said about the file and, if all was made, calls `print`. Returns the exit code.
typedef int ReportPrint(Compilation *c, const ShowOptions *o, FILE *out);
int  report_compiled(const ShowOptions *o, unsigned modes, const char *stop_after, ReportPrint *print,
                     FILE *out);
// The same for a whole program of the net: to train where there is a loss, else to predict.
int  report_program(const ShowOptions *o, ReportPrint *print, FILE *out);
// Cuts `FILE:LINE` at its colon and returns the line; NULL: the path has none.
const char *report_cut_line(char *path);
// Says so when the net has no such layer, or the file no such line.
bool report_is_there(const Diag *diag, const Graph *g, const char *path, const char *text);
// True if a layer is what the command line asks about: all of them, one name, or one line.
bool report_wants(const Compilation *c, const ShowOptions *o, const Layer *layer);
int  report_line(const Compilation *c, const Layer *layer);

// "relu2.part0 128x27x27 blocked halo 2 2 2 2"; the JSON object with the same facts.
void report_tensor(const Program *p, int tensor, FILE *out);
void report_tensor_json(const Program *p, int tensor, FILE *out);
void report_json_text(const char *key, const char *text, FILE *out);     // , "key": "text"
void report_safe(const char *text, FILE *out);         // a name from a file, harmless to a terminal
const char *report_item_word(const Launch *l);         // "images", "job", ...

// 60965224 as "60,965,224" into `to`; returns `to`.
enum { COUNT_TEXT = 32 };
char *report_count(char to[COUNT_TEXT], int64_t count);
#endif
