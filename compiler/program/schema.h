// The shape of a saved program: every struct of program.h as a table of fields. save.c and load.c
// walk the same tables, so what one writes the other reads.
#ifndef PROGRAM_SCHEMA_H
#define PROGRAM_SCHEMA_H
#include "program/program.h"

typedef enum {
    FIELD_TEXT,                // const char *
    FIELD_TEXT_OR_NULL,
    FIELD_INT,                 // int or int32_t
    FIELD_LONG,                // int64_t
    FIELD_SEED,                // uint64_t, as text: JSON readers lose its upper bits
    FIELD_BOOL,
    FIELD_REAL,                // double; finite
    FIELD_WORD,                // an enum, by its word
    FIELD_HASH,                // uint64_t[2], as 32 hexadecimal digits
    FIELD_SHAPE,               // Shape, as [n, c, h, w]
    FIELD_STRUCT,              // a struct within the struct
    FIELD_ARRAY,               // pointer to structs, and a count
    FIELD_INTS,                // pointer to int, and a count
    FIELD_FEW_INTS,            // int32_t[most], and a count
    FIELD_FEW_LONGS,           // int64_t[most], and a count
    FIELD_PORT                 // int[PROGRAM_PORT_TENSORS], ended by -1
} FieldKind;

typedef struct Record Record;

typedef struct {
    const char        *key;
    FieldKind          kind;
    size_t             at;         // offset in the struct
    size_t             count_at;   // arrays: offset of the int that counts
    const Record      *record;     // FIELD_STRUCT, FIELD_ARRAY
    const char *const *words;      // FIELD_WORD
    int                most;       // FIELD_WORD: how many words; FIELD_FEW_*: room
} Field;

struct Record {
    size_t       size;
    const Field *fields;           // ended by key NULL
};

extern const Record record_program;
#endif
