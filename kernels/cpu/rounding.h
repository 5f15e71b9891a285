// What the prelude says more of a CPU that rounds as GPUs do: behind it where the target is one of ":tf32".
#define r_round_tf32(a)        R_FORM(round_tf32)(a)
#define r_store_tf32(p, at, v) r_store((p), (at), r_round_tf32(v))

// To the nearest of 10 bits of fraction, ties away from zero: cvt.rna.tf32. What is too large becomes
// infinite; infinity and NaN stay.
INLINE vector_real vector_round_tf32(vector_real a)
{
    vector_bits x = (vector_bits)a;
    vector_mask is_number = (vector_mask)(x & 0x7fffffffu) < 0x7f800000;
    return vector_select(is_number, (vector_real)((x + 0x1000u) & ~0x1fffu), a);
}
INLINE float scalar_round_tf32(float a)
{
    vector_real v = { a };
    return vector_round_tf32(v)[0];
}
