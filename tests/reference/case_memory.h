// What stands in memory before and after the kernel of a group: tensors as they are stored, velocities,
// state, places of maxima, partial sums; and whose each element is.
#ifndef REFERENCE_CASE_MEMORY_H
#define REFERENCE_CASE_MEMORY_H
#include "reference/cuda_case.h"

#define CASE_LR       0.125f
#define CASE_MOMENTUM 0.75f
#define CASE_DECAY    0.0625f
enum { CASE_PARAMS = 64 };

typedef struct { StepState state; ParamRates rates[CASE_PARAMS]; } CaseState;

// What one argument is in memory.
typedef struct CaseRoom { char *at; int64_t bytes; } CaseRoom;

// Who an element belongs to: what is nobody's must stay as it was.
typedef enum { NOBODYS, PADDING_OF_A_RESULT, RESULT } CaseMark;

typedef struct {
    CudaCase   *of;
    Group      *group;
    const char *body;
    CaseRoom   *value, *velocity;  // by node id, of the node whose memory it is
    char      **before;            // what stood in `value` before the launch
    uint8_t   **mark;              // of each element of `value`: a CaseMark
    CaseRoom    state, partial;
} CaseRun;

// Calls `visit` with the index and the address of every logical element.
typedef void CaseVisit(void *with, int64_t index, int64_t address);
void case_each_element(const Node *n, CaseVisit *visit, void *with);

int64_t case_bytes_of(const Node *n);
char *case_tensor(CaseRun *r, const Node *n);
char *case_velocity(CaseRun *r, const Node *param);
const double *case_velocity_before(CaseRun *r, const Node *param);
// What a kernel has as its argument i.
char *case_argument(CaseRun *r, const Kern *k, int i);
// Inputs as they are stored, zeros in their padding, and copies that updates overwrite; everything else is
// no number.
void case_fill_tensors(CaseRun *r);
// Remembers everything, and what may change.
void case_remember(CaseRun *r);
#endif
