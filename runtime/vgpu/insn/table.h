// Included behind the functions of a family: turns the rows of its .def into rows of a table. No guard.
#undef OP1
#undef OP2
#undef OP3
#undef OP4
#define OP1(id, text, D, A, result)          { text, id, { sizeof(D), sizeof(A) } },
#define OP2(id, text, D, A, B, result)       { text, id, { sizeof(D), sizeof(A), sizeof(B) } },
#define OP3(id, text, D, A, B, C, result)    { text, id, { sizeof(D), sizeof(A), sizeof(B), sizeof(C) } },
#define OP4(id, text, D, A, B, C, E, result) \
    { text, id, { sizeof(D), sizeof(A), sizeof(B), sizeof(C), sizeof(E) } },
