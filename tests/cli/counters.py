"""counters.py CLEAVE: runs `show counters` on nets whose kernels' counts can be worked out by hand, and
compares what it prints, as JSON and as text."""
import json
import os
import subprocess
import sys
import tempfile

CLEAVE = sys.argv[1]
os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))
FLOAT = 4


def run(*args, code=0):
    done = subprocess.run([CLEAVE, "show", "counters", *args], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"cleave show counters {' '.join(args)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def expect(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got}, not {want}")


with tempfile.TemporaryDirectory() as folder:
    def write(name, text):
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    # 2 images of 8 channels by 4 by 4: a kernel that reads each value once and writes it once, 16 bytes a lane.
    net = write("map.net", "net map : 8x4x4 -> 8x4x4 { relu -> tanh }\n")
    report = json.loads(run(net, "--json"))
    (kernel,) = report["kernels"]
    values = report["batch"] * 8 * 4 * 4
    expect("batch", report["batch"], 2)
    expect("places", kernel["places"], [f"{net}:1"])
    expect("global", kernel["global"], {"requests": 4, "sectors": 64, "ideal": 64, "read": FLOAT * values,
                                        "written": FLOAT * values})
    expect("shared", kernel["shared"]["requests"], 0)
    expect("lines", kernel["lines"], [])
    text = run(net, "relu1")
    for part in ("one training step of 2 images", "16.00 (16.00)", "kernels/cuda/pointwise.cu:", "map.net:1\n"):
        if part not in text:
            sys.exit(f"no `{part}` in\n{text}")
    said = run(net, "relu7", code=2)
    expect("an unknown layer", "no layer of net map is called `relu7`; did you mean `relu1`?" in said, True)

    # 64 images by 64 inputs to 128 outputs, in 4 tiles of 32 x 64 by 2 warps each.
    images, inputs, outputs, tile_images, tile_outputs = 64, 64, 128, 32, 64
    net = write("fc.net", """net f : 64x1x1 -> 128 { fc(128) -> softmax }
train f on noise { loss = cross_entropy  batch = 64  solver = sgd(lr = 0.1) }
data noise { train = random(128, 64x1x1, seed = 1, count = 64) }
""")
    plan = write("plan.txt", f"cleave plan 1\ncuda:sm_80 {images}x{outputs}x{inputs} groups 1 along k,k : "
                 f"tile {tile_images}x{tile_outputs}x32 warps 32x32 stages 5 split 1\n")
    report = json.loads(run(net, "fc1", "--batch", "64", "--plan", plan, "--json"))
    kernel = report["kernels"][0]
    expect("title", kernel["title"], "fc1 forward: fc 128 + bias")
    expect("launches", kernel["launches"], 1)
    expect("spills", kernel["spills"], 0)
    products = images * inputs * outputs
    expect("flops", kernel["flops"], 2 * products + images * outputs)          # a bias is added
    expect("mma", kernel["classes"]["tensor"], products // (16 * 8 * 8))
    # Images go to shared memory once for each column of tiles, weights once for each row, 16 bytes a lane.
    copied = FLOAT * inputs * (images * (outputs // tile_outputs) + outputs * (images // tile_images))
    expect("copies", kernel["classes"]["copy"], copied // 512)
    # Each sum reads its bias and is written: 8 rows of 8 columns a request, which is a sector a row.
    sums = images * outputs
    requests = copied // 512 + 2 * sums // 64
    expect("global", kernel["global"], {"requests": requests, "sectors": copied // 32 + sums // 64 + sums // 8,
                                        "ideal": copied // 32 + sums // 64 + sums // 8,
                                        "read": copied + FLOAT * sums, "written": FLOAT * sums})
    # 8 warps take 32 images and 32 rows of weights, 8 values of each, in each of 8 steps; no conflicts.
    taken = 8 * (inputs // 8) * 2 * 32 * 8 * FLOAT
    expect("shared", kernel["shared"], {"requests": (copied + taken) // 512, "wavefronts": (copied + taken) // 128,
                                        "ideal": (copied + taken) // 128, "read": taken, "written": copied})
    lines = [line for line in kernel["lines"] if line["shared"]["written"]]
    for line in lines:
        files = [place.split(":")[0] for place in line["places"]]
        expect("where copies stand", (files[0], files[-1]), ("kernels/cuda/prelude.cu", "kernels/cuda/contraction.cu"))
    expect("copied bytes", sum(line["global"]["read"] for line in lines), copied)
    expect("executions of all lines", sum(line["executions"] for line in kernel["lines"]), kernel["executions"])
