// Where a contraction finds its operands. An element stands where a place across (of a row or column of
// the result) meets one along the sum: their offsets are added up. It is read as zero where a bit is
// set in both: a window's place has a bit for each tap that falls beside the map, and EDGE; a tap's place
// has its own bits; a place that is not there has all.
// Holes: index; BITS, an unsigned type with a bit for each row and column of taps and one more.
struct Place { index at; BITS beside; };
enum : BITS { TAP = 1, EDGE = (BITS)1 << (8 * sizeof(BITS) - 1), NOWHERE = ~(BITS)0 };

INLINE Place window_place(index at, bool is_there, BITS beside)
{
    return Place{ at, is_there ? beside | EDGE : (BITS)NOWHERE };
}

INLINE Place tap_place(index at, bool is_there, BITS tap)
{
    return Place{ at, is_there ? tap : (BITS)NOWHERE };
}

INLINE bool meet(Place a, Place b) { return (a.beside & b.beside) == 0; }

INLINE int least(index a, int b) { return a < b ? (int)a : b; }

// A bit for each of `taps` taps that is not in 0..size-1: tap i stands at first + i * step.
INLINE BITS taps_beside(index first, int step, int size, int taps)
{
    int before = first < 0 ? least((step - 1 - first) / step, taps) : 0;
    int ends = first < size ? least((size - 1 - first) / step + 1, taps) : 0;
    BITS all = ((BITS)1 << taps) - 1;
    return all & ~((((BITS)1 << ends) - 1) & ~(((BITS)1 << before) - 1));
}

// What a block makes: from m, n on, of group g and class q, the z-th part of the terms.
struct Job { int g, q, z; index m, n; };
