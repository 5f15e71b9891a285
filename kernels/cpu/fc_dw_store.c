// What fc_dw_tile.c does with a gradient: stores it.
INLINE void OWN(put)(float *dw, float *unused, long at, real g, const ParamRates *rates)
{
    (void)unused;
    (void)rates;
    r_store(dw, at, g);
}
