// Nets of locally connected layers, for their kernels in every target: channels that fill no vectors and
// come in pieces, windows of every kind, maps of one place.
#ifndef REFERENCE_LOCAL_NET_H
#define REFERENCE_LOCAL_NET_H
#include "reference/small_net.h"

enum { LOCAL_NETS = 8 };

// Adds net `which` (modulo LOCAL_NETS), loss included, to the open graph.
void local_net(SmallNet *s, unsigned which);
#endif
