// A folder under /tmp for the files of a test program: made before its tests, removed after them.
#ifndef REFERENCE_FOLDER_H
#define REFERENCE_FOLDER_H

// For cmocka_run_group_tests.
int folder_make(void **state);
int folder_remove(void **state);

const char *folder_path(void);
// The path of a file in it; the last eight answers stay valid.
const char *in_folder(const char *name);
#endif
