// The tables of schema.h: one row a field, in the order of program.h and recipe.h. Spans are not
// kept: a program travels without its sources.
#include "program/schema.h"
#include <stddef.h>

#define COUNT(array)          ((int)(sizeof(array) / sizeof *(array)))
#define FIELD(T, f, kind_)    { .key = #f, .kind = kind_, .at = offsetof(T, f) }
#define TEXT(T, f)            FIELD(T, f, FIELD_TEXT)
#define OPTIONAL(T, f)        FIELD(T, f, FIELD_TEXT_OR_NULL)
#define INT(T, f)             FIELD(T, f, FIELD_INT)
#define LONG(T, f)            FIELD(T, f, FIELD_LONG)
#define BOOL(T, f)            FIELD(T, f, FIELD_BOOL)
#define REAL(T, f)            FIELD(T, f, FIELD_REAL)
#define SHAPE(T, f)           FIELD(T, f, FIELD_SHAPE)
#define WORD(T, f, list)      { .key = #f, .kind = FIELD_WORD, .at = offsetof(T, f), \
                                .words = list, .most = COUNT(list) }
#define PART(T, f, of)        { .key = #f, .kind = FIELD_STRUCT, .at = offsetof(T, f), .record = &of }
#define ARRAY(T, f, n, of)    { .key = #f, .kind = FIELD_ARRAY, .at = offsetof(T, f), \
                                .count_at = offsetof(T, n), .record = &of }
#define INTS(T, f, n)         { .key = #f, .kind = FIELD_INTS, .at = offsetof(T, f), \
                                .count_at = offsetof(T, n) }
#define FEW(T, f, n, kind_)   { .key = #f, .kind = kind_, .at = offsetof(T, f), \
                                .count_at = offsetof(T, n), .most = COUNT(((T *)0)->f) }
#define RECORD(name, T, ...)                                              \
    static const Field name##_fields[] = { __VA_ARGS__, { .key = NULL } }; \
    static const Record name = { sizeof(T), name##_fields }

static const char *const roles[] = {
    "param", "velocity", "state", "input", "label", "output", "receive", "value" };
static const char *const layouts[] = {
    "none", "plain", "blocked", "panel", "columns", "filters", "filters_in", "dense",
    "nhwc" };
static const char *const elements[] = { "float", "tf32", "bf16" };
static const char *const fills[] = { "constant", "gaussian", "uniform" };
static const char *const item_kinds[] = { "images", "jobs" };
static const char *const command_kinds[] = { "chain", "group", "copy" };
static const char *const sequence_kinds[] = { "train", "test", "predict" };
static const char *const expr_codes[] = {
    "number", "variable", "negate", "not", "add", "subtract", "multiply", "divide",
    "floor_divide", "modulo", "power", "equal", "not_equal", "less", "more", "less_equal",
    "more_equal", "and", "or", "select", "call" };
static const char *const arg_kinds[] = { "number", "word", "text", "dims" };
static const char *const action_kinds[] = { "set", "test", "save", "stop", "print" };
static const char *const event_kinds[] = { "when", "every_epochs", "every_steps" };
static const char *const metric_kinds[] = { "loss", "top" };

_Static_assert(COUNT(roles) == BUFFER_VALUE + 1, "a word for every role");
_Static_assert(COUNT(layouts) == LAYOUT_NHWC + 1, "a word for every layout");
_Static_assert(COUNT(elements) == ELEMENT_BF16 + 1, "a word for every element");
_Static_assert(COUNT(expr_codes) == EXPR_CALL + 1, "a word for every code");
_Static_assert(COUNT(action_kinds) == ACTION_PRINT + 1, "a word for every action");
_Static_assert(COUNT(event_kinds) == EVENT_EVERY_STEPS + 1, "a word for every event");

// --- the program ----------------------------------------------------------------------------------

RECORD(record_place, SourcePlace,
    TEXT(SourcePlace, path), INT(SourcePlace, line), INT(SourcePlace, column));
RECORD(record_source, ProgramSource, TEXT(ProgramSource, path));
RECORD(record_device, ProgramDevice,
    TEXT(ProgramDevice, name), TEXT(ProgramDevice, target), INT(ProgramDevice, vector),
    LONG(ProgramDevice, arena_bytes));
RECORD(record_buffer, Buffer,
    TEXT(Buffer, name), INT(Buffer, device), WORD(Buffer, role, roles), LONG(Buffer, offset),
    LONG(Buffer, bytes), BOOL(Buffer, shared), BOOL(Buffer, needs_zero));
RECORD(record_pieces, Pieces, FEW(Pieces, channels, count, FIELD_FEW_INTS));
RECORD(record_layout, Layout,
    WORD(Layout, kind, layouts), WORD(Layout, element, elements), INT(Layout, vector),
    INT(Layout, top), INT(Layout, left), INT(Layout, bottom), INT(Layout, right),
    PART(Layout, pieces, record_pieces), PART(Layout, pieces_out, record_pieces),
    INT(Layout, in_h), INT(Layout, in_w),
    LONG(Layout, item_stride), LONG(Layout, pixel_stride));
RECORD(record_tensor, Tensor,
    TEXT(Tensor, name), INT(Tensor, buffer), LONG(Tensor, offset), SHAPE(Tensor, shape),
    PART(Tensor, layout, record_layout), BOOL(Tensor, is_bytes));
RECORD(record_part, ParamPart,
    INT(ParamPart, tensor), INT(ParamPart, velocity), LONG(ParamPart, first_row));
RECORD(record_param, ProgramParam,
    TEXT(ProgramParam, name), TEXT(ProgramParam, layer), BOOL(ProgramParam, is_bias),
    SHAPE(ProgramParam, shape), WORD(ProgramParam, fill, fills), REAL(ProgramParam, fill_value),
    ARRAY(ProgramParam, parts, part_count, record_part));
RECORD(record_unit, KernelUnit,
    TEXT(KernelUnit, target), TEXT(KernelUnit, name), TEXT(KernelUnit, flags),
    TEXT(KernelUnit, text));
RECORD(record_product, LibraryProduct,
    INT(LibraryProduct, m), INT(LibraryProduct, n), INT(LibraryProduct, k),
    INT(LibraryProduct, a_row), INT(LibraryProduct, b_row),
    BOOL(LibraryProduct, b_along_n), WORD(LibraryProduct, element, elements));
RECORD(record_kernel, Kernel,
    TEXT(Kernel, symbol), TEXT(Kernel, title), TEXT(Kernel, body), INT(Kernel, unit),
    LONG(Kernel, scratch), INT(Kernel, threads), LONG(Kernel, shared),
    PART(Kernel, product, record_product), INT(Kernel, first_line),
    INT(Kernel, last_line));
RECORD(record_grid, Grid, INT(Grid, x), INT(Grid, y), INT(Grid, z));
RECORD(record_launch, Launch,
    INT(Launch, kernel), INTS(Launch, tensors, tensor_count), INT(Launch, writes),
    WORD(Launch, item_kind, item_kinds), LONG(Launch, items),
    PART(Launch, grid, record_grid), BOOL(Launch, refreshes), LONG(Launch, flops), LONG(Launch, bytes),
    REAL(Launch, seconds), TEXT(Launch, limiter), TEXT(Launch, plan),
    TEXT(Launch, title), TEXT(Launch, layer), TEXT(Launch, phase),
    ARRAY(Launch, places, place_count, record_place), TEXT(Launch, reason));
RECORD(record_command, Command,
    WORD(Command, kind, command_kinds), INT(Command, device), INT(Command, first),
    INT(Command, count), INTS(Command, waits, wait_count));
RECORD(record_copy, Copy,
    INT(Copy, from), INT(Copy, to), LONG(Copy, bytes), TEXT(Copy, layer), TEXT(Copy, point),
    BOOL(Copy, backward), INT(Copy, chunk), INT(Copy, chunks), PART(Copy, place, record_place));
RECORD(record_port, ProgramPort,
    TEXT(ProgramPort, name), FIELD(ProgramPort, tensors, FIELD_PORT), FIELD(ProgramPort, first, FIELD_PORT),
    SHAPE(ProgramPort, shape));
RECORD(record_sequence, Sequence,
    WORD(Sequence, kind, sequence_kinds), INT(Sequence, batch),
    INT(Sequence, accumulate),
    ARRAY(Sequence, launches, launch_count, record_launch),
    ARRAY(Sequence, copies, copy_count, record_copy),
    ARRAY(Sequence, commands, command_count, record_command),
    ARRAY(Sequence, inputs, input_count, record_port),
    ARRAY(Sequence, outputs, output_count, record_port),
    INTS(Sequence, zero, zero_count), INTS(Sequence, named, named_count));

// --- the recipe -----------------------------------------------------------------------------------

RECORD(record_expr_step, ExprStep,
    WORD(ExprStep, code, expr_codes), REAL(ExprStep, number), OPTIONAL(ExprStep, name),
    INT(ExprStep, count));
RECORD(record_expr, Expr, ARRAY(Expr, steps, count, record_expr_step));
RECORD(record_arg, StageArg,
    OPTIONAL(StageArg, name), WORD(StageArg, kind, arg_kinds), REAL(StageArg, number),
    OPTIONAL(StageArg, text), FEW(StageArg, dims, dim_count, FIELD_FEW_LONGS));
RECORD(record_stage, Stage, TEXT(Stage, kind), ARRAY(Stage, args, arg_count, record_arg));
RECORD(record_pipeline, Pipeline, ARRAY(Pipeline, stages, count, record_stage));
RECORD(record_data, DataRecipe,
    OPTIONAL(DataRecipe, name), PART(DataRecipe, train, record_pipeline),
    PART(DataRecipe, test, record_pipeline), PART(DataRecipe, augment, record_pipeline),
    PART(DataRecipe, views, record_pipeline), PART(DataRecipe, center, record_pipeline));
RECORD(record_setting, Setting,
    TEXT(Setting, name), OPTIONAL(Setting, scope), PART(Setting, value, record_expr));
RECORD(record_action, Action,
    WORD(Action, kind, action_kinds), INT(Action, setting), PART(Action, value, record_expr),
    OPTIONAL(Action, path), INT(Action, keep));
RECORD(record_event, Event,
    WORD(Event, kind, event_kinds), PART(Event, condition, record_expr), LONG(Event, period),
    ARRAY(Event, actions, action_count, record_action));
RECORD(record_metric, Metric,
    WORD(Metric, kind, metric_kinds), INT(Metric, k), OPTIONAL(Metric, name));
RECORD(record_train, TrainRecipe,
    OPTIONAL(TrainRecipe, net), OPTIONAL(TrainRecipe, data), INT(TrainRecipe, batch),
    INT(TrainRecipe, accumulate), LONG(TrainRecipe, epochs),
    ARRAY(TrainRecipe, metrics, metric_count, record_metric),
    ARRAY(TrainRecipe, settings, setting_count, record_setting),
    ARRAY(TrainRecipe, events, event_count, record_event), FIELD(TrainRecipe, seed, FIELD_SEED),
    OPTIONAL(TrainRecipe, precision));
RECORD(record_recipe, Recipe,
    PART(Recipe, data, record_data), PART(Recipe, train, record_train), BOOL(Recipe, has_train));

static const Field program_fields[] = {
    TEXT(Program, net), FIELD(Program, plan_hash, FIELD_HASH),
    ARRAY(Program, sources, source_count, record_source),
    ARRAY(Program, devices, device_count, record_device),
    ARRAY(Program, buffers, buffer_count, record_buffer),
    ARRAY(Program, tensors, tensor_count, record_tensor),
    ARRAY(Program, params, param_count, record_param),
    ARRAY(Program, kernels, kernel_count, record_kernel),
    ARRAY(Program, sequences, sequence_count, record_sequence),
    PART(Program, recipe, record_recipe),
    ARRAY(Program, units, unit_count, record_unit),       // long texts: last
    { .key = NULL },
};
const Record record_program = { sizeof(Program), program_fields };
