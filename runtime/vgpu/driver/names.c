// Names of errors, and of functions: cuGetProcAddress.
#include "runtime/vgpu/driver/driver.h"
#include <stdio.h>
#include <string.h>

DriverResult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags,
                                 DriverQuery *query);
DriverResult cuGetProcAddress(const char *name, void **function, int version, uint64_t flags);

typedef struct { DriverResult code; const char *name; } ErrorName;
static const ErrorName errors[] = {
#define VALUE(ours, theirs, number) { number, #theirs },
#include "runtime/cuda/driver_values.def"
#undef VALUE
};

static const ErrorName *find_error(DriverResult code)
{
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
        if (errors[k].code == code && strncmp(errors[k].name, "CUDA_", 5) == 0)
            return &errors[k];
    return NULL;
}

DriverResult cuGetErrorName(DriverResult result, const char **name)
{
    ENTER(NEEDS_NOTHING);
    const ErrorName *e = find_error(result);
    *name = e ? e->name : NULL;
    return e ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_VALUE;
}

// The name again, as words.
DriverResult cuGetErrorString(DriverResult result, const char **text)
{
    static char words[sizeof errors / sizeof *errors][48];
    ENTER(NEEDS_NOTHING);
    const ErrorName *e = find_error(result);
    if (!e) {
        *text = NULL;
        return DRIVER_ERROR_INVALID_VALUE;
    }
    char *to = words[e - errors];
    snprintf(to, sizeof *words, "%s", e->name + (result ? 11 : 5));
    for (; *to; to++)
        *to = *to == '_' ? ' ' : *to >= 'A' && *to <= 'Z' ? (char)(*to - 'A' + 'a') : *to;
    *text = words[e - errors];
    return DRIVER_SUCCESS;
}

typedef struct { const char *name; int version; void (*function)(void); } FunctionName;
static const FunctionName functions[] = {
#define DRIVER(name, symbol, version, params) { #name, version, (void (*)(void))symbol },
#include "runtime/cuda/driver.def"
#include "runtime/vgpu/driver/extra.def"
#undef DRIVER
    { "cuGetProcAddress", 12000, (void (*)(void))cuGetProcAddress_v2 },
    { "cuGetProcAddress", 11030, (void (*)(void))cuGetProcAddress },
};

static DriverQuery find_function(const char *name, int version, void (**function)(void))
{
    DriverQuery query = DRIVER_QUERY_NOT_FOUND;
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
        if (strcmp(functions[k].name, name) != 0)
            continue;
        query = DRIVER_QUERY_TOO_OLD;
        if (functions[k].version > version)
            continue;
        *function = functions[k].function;
        return DRIVER_QUERY_SUCCESS;
    }
    return query;
}

DriverResult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags,
                                 DriverQuery *query)
{
    ENTER(NEEDS_NOTHING);
    (void)flags;
    if (!name || !function)
        return DRIVER_ERROR_INVALID_VALUE;
    void (*found)(void) = NULL;
    DriverQuery how = find_function(name, version, &found);
    memcpy(function, &found, sizeof *function);
    if (query)
        *query = how;
    return how == DRIVER_QUERY_SUCCESS ? DRIVER_SUCCESS : DRIVER_ERROR_NOT_FOUND;
}

DriverResult cuGetProcAddress(const char *name, void **function, int version, uint64_t flags)
{
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}

// Some libraries ask for tables of functions that have no names, and crash when they cannot ask.
DriverResult cuGetExportTable(const void **table, const void *id)
{
    ENTER(NEEDS_NOTHING);
    (void)id;
    *table = NULL;
    return DRIVER_ERROR_NOT_FOUND;
}
