#!/usr/bin/env python3
"""AlexNet's training step in PyTorch on a GPU, as fast as it goes without writing kernels: channels last,
cuDNN's benchmark, fused SGD, the step replayed from a CUDA graph; with --compile by torch.compile, too.
  torch_gpu.py [--json FILE] [--compile] [--batch N,...] [--precision tf32,bf16]"""
import argparse
import json
import torch
import torch.nn as nn


def features_2012():
    lrn = lambda: nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)          # PyTorch divides alpha by n
    return [nn.Conv2d(3, 96, 11, 4), nn.ReLU(True), lrn(), nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.ReLU(True), lrn(), nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(True), nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.ReLU(True),
            nn.Conv2d(384, 256, 3, 1, 1, groups=2), nn.ReLU(True), nn.MaxPool2d(3, 2)]


def features_owt():
    return [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2),
            nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(True),
            nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(True), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(True),
            nn.MaxPool2d(3, 2)]


class AlexNet(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.rest = nn.Sequential(nn.Linear(9216, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096),
                                  nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000))

    def forward(self, x):
        return self.rest(self.features(x).flatten(1))


NETS = {"alexnet": (features_2012, 227), "alexnet_owt": (features_owt, 224)}


def make_step(net, batch, precision, compiled):
    features, size = NETS[net]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
    model = AlexNet(features()).cuda().to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, size, size, device="cuda").to(memory_format=torch.channels_last)
    y = torch.randint(0, 1000, (batch,), device="cuda")
    solver = torch.optim.SGD(model.parameters(), 1e-3, 0.9, weight_decay=5e-4, fused=True)
    loss = nn.CrossEntropyLoss()
    forward = torch.compile(model) if compiled else model

    def step():
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16", cache_enabled=False):
            e = loss(forward(x), y)
        e.backward()
        solver.step()
        solver.zero_grad(set_to_none=False)
    return step


def capture(step):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def median_ms(step, count=30):
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    times = []
    for _ in range(count):
        a, b = torch.cuda.Event(True), torch.cuda.Event(True)
        a.record()
        step()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b))
    return sorted(times)[count // 2]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--json")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--batch", default="128,256,512")
    p.add_argument("--precision", default="tf32,bf16")
    o = p.parse_args()
    torch.backends.cudnn.benchmark = True
    out = open(o.json, "w") if o.json else None
    print(torch.__version__, torch.cuda.get_device_name(), "cuDNN", torch.backends.cudnn.version())
    cases = [(net, int(b), prec, way) for way in ["eager", "graph"] + (["compile"] if o.compile else [])
             for net in NETS for prec in o.precision.split(",") for b in o.batch.split(",")]
    for net, batch, precision, way in cases:
        try:
            step = make_step(net, batch, precision, way == "compile")
            ms = median_ms(step if way == "eager" else capture(step))
        except (RuntimeError, torch.cuda.OutOfMemoryError) as e:
            print("%s batch %d %s %s failed: %.200s" % (net, batch, precision, way, e), flush=True)
            continue
        print("%-12s batch %d %s %-7s %8.3f ms %8.0f images/s" % (net, batch, precision, way, ms, batch / ms * 1e3),
              flush=True)
        if out:
            out.write(json.dumps({"net": net, "batch": batch, "precision": precision, "way": way,
                                  "step_ms": ms}) + "\n")
            out.flush()
        del step
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
