// Times the memory-bound kernels of AlexNet's first two layers and of its loss on one thread:
// maps [TARGET]. Milliseconds an item (an image, or a job), and the bytes it must move a second.
#include "pass/pass.h"
#include "reference/kernel_graph.h"
#include "reference/nets.h"
#include <stdio.h>

enum { BATCH = 16, ROUNDS = 20 };

static void build(Net *n)
{
    net_open(n, FORM_PARTS, GRAPH_TRAIN, BATCH, 3, 227, 227);
    net_conv(n, "conv1", 96, net_window(11, 4, 0, false), 1);
    net_relu(n);
    net_lrn(n, 5);
    net_max_pool(n, net_window(3, 2, 0, false));
    net_conv(n, "conv2", 256, net_window(5, 1, 2, false), 1);
    net_relu(n);
    net_lrn(n, 5);
    net_max_pool(n, net_window(3, 2, 0, false));
    net_conv(n, "conv5", 256, net_window(3, 1, 1, false), 1);
    net_relu(n);
    net_max_pool(n, net_window(3, 2, 0, false));
    net_fc(n, "fc8", 1000);
    net_loss(n);
}

int main(int argc, char **argv)
{
    static Net n;
    static KernelUnitCase u;
    const Target *target = argc > 1 ? target_find(argv[1]) : target_native();
    if (!target) {
        fprintf(stderr, "usage: maps [avx512|avx2|sse2|neon]\n");
        return 2;
    }
    build(&n);
    PassOptions t = { target, true, false, true, 1, NULL };
    if (!pass_run(n.g, &t, NULL)) {
        diag_print(&n.diag, stderr, false);
        return 1;
    }
    unit_open(&u, &n.arena, target);
    KernelGraph *k = kernel_graph_add(&u, n.g, NULL);
    if (!unit_compile(&u, NULL)) {
        fprintf(stderr, "maps: %s\n", u.err);
        return 1;
    }
    printf("%s: kernel, body, items, ms an item, GB/s\n", target->name);
    for (int i = 0; i < n.g->group_count; i++) {
        const KernelCase *c = k->kernels[i];
        if (!c)
            continue;
        double seconds = kernel_graph_seconds(&u, k, i, ROUNDS);
        printf("%-32s %-16s %6lld %9.4f %6.1f\n", c->kern.title, c->body, (long long)c->kern.items,
               seconds * 1e3, (double)c->kern.bytes / (double)c->kern.items / seconds * 1e-9);
    }
    unit_close(&u);
    net_close(&n);
    return 0;
}
