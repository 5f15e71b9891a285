// How large things may be. No net of this world comes near; a hostile file meets them before it
// can exhaust the machine. docs/language.md lists those that a user can see.
#ifndef FRONT_LIMITS_H
#define FRONT_LIMITS_H

enum {
    LIMIT_FILE_BYTES = 4 << 20,       // of one file
    LIMIT_FILES      = 64,            // read by one compilation through `use`
    LIMIT_TOKENS     = 400000,        // of one file
    LIMIT_NAME       = 64,            // bytes of one word of a name
    LIMIT_DIMS       = 8,             // numbers in 2x64x3x...
    LIMIT_NESTING    = 64,            // brackets within brackets
    LIMIT_TREE       = 256            // nodes of the syntax tree from the root to a leaf
};
#endif
