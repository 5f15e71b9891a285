#!/usr/bin/env python3
"""What bench/gpu.sh makes of the JSON of `cleave time` on GPUs (lines of {"net", "times"}):
  speed TIMES [TORCH]    a table of steps, with PyTorch's beside them
  launches TIMES         CSV: every launch, predicted and measured
  fit CSV                the rates of the cost model by least squares, and its new row
  tune TIMES PLAN        the fastest tile of every contraction, as a plan file"""
import csv
import json
import os
import re
import sys

TILES = os.path.join(os.path.dirname(__file__), "../compiler/emit/cuda/tiles.c")
LAUNCH_US = 1.5                                  # of the model, LAUNCH_SECONDS


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f if line.strip()]


def precision_of(target):
    return target.split(":")[2] if target.count(":") == 2 else "tf32"


# --- speed ------------------------------------------------------------------------------------------

def speed(times, torch=None):
    best = {}
    for t in read_lines(torch) if torch else []:
        key = (t["net"], t["precision"], t["batch"])
        best[key] = min(t["step_ms"], best.get(key, float("inf")))
    print("net            batch  prec     step ms   images/s  predicted  roofline  share  with input"
          "  PyTorch ms  times as fast")
    for line in read_lines(times):
        t = line["times"]
        peer = best.get((line["net"], precision_of(t["target"]), t["batch"]))
        print("%-14s %5d  %s  %10.3f %10.0f  %9.3f %9.3f  %4.1f%%  %10.3f  %s" % (
            line["net"], t["batch"], precision_of(t["target"]), t["step_ms"], t["images_per_second"],
            t["predicted_ms"], t["roofline_ms"], 100 * t["roofline_ms"] / t["step_ms"], t["fed_step_ms"],
            "%10.3f  %13.2f" % (peer, peer / t["step_ms"]) if peer else "         -              -"))


# --- launches ---------------------------------------------------------------------------------------

COLUMNS = ["net", "target", "batch", "symbol", "kernel", "plan", "predicted_us", "measured_us", "roofline_us",
           "limiter", "flops", "bytes"]


def launches(times):
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    for line in read_lines(times):
        t = line["times"]
        for k in t["kernels"]:
            out.writerow([line["net"], t["target"], t["batch"], k["symbol"], k["kernel"], k["plan"],
                          "%.3f" % (1e3 * k["predicted_ms"]), "%.3f" % (1e3 * k["ms"]),
                          "%.3f" % (1e3 * k["roofline_ms"]), k["limiter"], k["flops"], k["bytes"]])


# --- fit --------------------------------------------------------------------------------------------

def solve(a, b):
    """Gauss, with pivots; a is square and small."""
    n = len(b)
    rows = [a[i][:] + [b[i]] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(n):
            if r != i and rows[i][i]:
                f = rows[r][i] / rows[i][i]
                rows[r] = [x - f * y for x, y in zip(rows[r], rows[i])]
    return [rows[i][n] / rows[i][i] if rows[i][i] else 0 for i in range(n)]


def factors(rows):
    """How much longer than predicted each unit takes, and a launch: least squares of the relative error of
    measured = launch + factor[limiter] * (predicted - 1.5 us). Each limiter of arithmetic by precision."""
    names = sorted({r["unit"] for r in rows})
    n = len(names) + 1
    a, b = [[0.0] * n for _ in range(n)], [0.0] * n
    for r in rows:
        x = [0.0] * n
        x[0] = 1 / r["measured"]
        x[1 + names.index(r["unit"])] = max(r["predicted"] - LAUNCH_US, 0) / r["measured"]
        for i in range(n):
            b[i] += x[i]
            for j in range(n):
                a[i][j] += x[i] * x[j]
    found = solve(a, b)
    return found[0], dict(zip(names, found[1:]))


def read_launches(path):
    rows = []
    with open(path) as f:
        for r in csv.DictReader(f):
            unit = r["limiter"]
            if unit == "arithmetic":
                unit += " " + precision_of(r["target"])
            if float(r["measured_us"]) > 0:
                rows.append({"unit": unit, "predicted": float(r["predicted_us"]), "name": r["symbol"],
                             "measured": float(r["measured_us"]), "target": r["target"]})
    return rows


def spread(rows, predict):
    ratios = sorted(r["measured"] / max(predict(r), 1e-3) for r in rows)
    n = len(ratios)
    return "%d launches, measured / predicted: median %.2f, from %.2f to %.2f, nine in ten within %.2f and %.2f" % (
        n, ratios[n // 2], ratios[0], ratios[-1], ratios[n // 20], ratios[n - 1 - n // 20])


def new_row(compute, factor):
    """The row of tiles.c for this GPU, each rate divided by its factor."""
    with open(TILES) as f:
        text = f.read()
    row = re.search(r"\{ (%d, .*?)\}" % compute, text, re.S)
    if not row:
        return "tiles.c has no row for sm_%d" % compute
    values = [v.strip() for v in re.sub(r"//.*", "", row.group(1)).split(",")]
    places = {"DRAM": 3, "L2 cache": 4, "arithmetic fp32": 6, "arithmetic tf32": 7, "arithmetic bf16": 8}
    for unit, at in places.items():
        if factor.get(unit, 0) > 0:
            rate = 1.0
            for part in values[at].split("*"):
                rate *= float(part)
            rate /= factor[unit]
            values[at] = "%.2e" % rate if rate > 1e6 else "%.0f" % rate
    return "    { %s,\n      %s }," % (", ".join(values[:6]), ", ".join(values[6:]))


def fit(path):
    rows = read_launches(path)
    if not rows:
        sys.exit("no launches in " + path)
    launch, factor = factors(rows)
    print(spread(rows, lambda r: r["predicted"]))
    print("a launch takes %.2f us (LAUNCH_SECONDS says %.2f)" % (launch, LAUNCH_US))
    for unit, f in factor.items():
        count = sum(r["unit"] == unit for r in rows)
        print("  %-20s %4d launches take %.3f of what is predicted%s" % (
            unit, count, f, "" if count >= 5 else " (few: keep the rate)"))
    print("refitted: " + spread(rows, lambda r: launch + factor[r["unit"]] * max(r["predicted"] - LAUNCH_US, 0)))
    kept = {u: f for u, f in factor.items() if sum(r["unit"] == u for r in rows) >= 5}
    print("the row of compiler/emit/cuda/tiles.c (shared memory, issue and latency are constants there):")
    print(new_row(int(re.search(r"sm_(\d+)", rows[0]["target"]).group(1)), kept))
    print("farthest from it:")
    ratio = {id(r): r["measured"] / max(r["predicted"], 1e-3) for r in rows}
    for r in sorted(rows, key=lambda r: -max(ratio[id(r)], 1 / max(ratio[id(r)], 1e-9)))[:10]:
        print("  %-28s %-18s %-16s %9.2f us, %9.2f predicted" % (
            r["name"], r["target"], r["unit"], r["measured"], r["predicted"]))


# --- tune -------------------------------------------------------------------------------------------

def contraction_times(line):
    """Of every plan row: the sum over the launches of its tile, the second kernel of a split one included."""
    total = {}
    for k in line["times"]["kernels"]:
        if k["plan"]:
            at = total.setdefault(k["plan"], [0.0, k["kernel"]])
            at[0] += k["ms"]
    return total


def tune(times, path):
    best, first = {}, {}
    for line in read_lines(times):
        for plan, (ms, title) in contraction_times(line).items():
            problem = plan.split(" : ")[0]
            first.setdefault(problem, ms)                    # the model's choice comes first
            if problem not in best or ms < best[problem][0]:
                best[problem] = (ms, plan, title)
    if not best:
        sys.exit("no contraction was timed")
    with open(path, "w") as f:
        f.write("cleave plan 1\n")
        for problem, (ms, plan, title) in sorted(best.items()):
            f.write("%s   # %.4f ms, the model's choice %.4f\n" % (plan, ms, first[problem]))
    won = sum(first[p] for p in first) - sum(b[0] for b in best.values())
    print("%d contractions, %d of them by another tile than the model's: %.4f of %.4f ms less; %s" % (
        len(best), sum(first[p] > b[0] for p, b in best.items()), won, sum(first.values()), path))


if __name__ == "__main__":
    verbs = {"speed": speed, "launches": launches, "fit": fit, "tune": tune}
    if len(sys.argv) < 3 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verbs[sys.argv[1]](*sys.argv[2:])
