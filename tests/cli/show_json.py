"""show_json.py CLEAVE: runs every report with --json on two nets, whole and for a layer or line, and
compares all keys it prints with those of the "Keys:" paragraph of its section in docs/cli.md: none is
missing there, none is listed in vain. Also the figures that docs and issues promise."""
import json
import re
import subprocess
import sys
import tempfile

CLEAVE = sys.argv[1]
SHOWN = "ast graph shapes cost comm plan kernels cpu memory schedule timeline fusion".split()
NETS = {"nets/alexnet.net": ["conv2", "12"], "nets/digits.net": ["fc1", "7"]}


def run(*args):
    done = subprocess.run([CLEAVE, *args, "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cleave {' '.join(args)}: exit {done.returncode}\n{done.stderr}")
    try:
        return json.loads(done.stdout)
    except ValueError as e:
        sys.exit(f"cleave {' '.join(args)} --json: {e}")


def keys(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def documented(title):
    text = open("docs/cli.md").read()
    section = re.search(rf"^##+ `{re.escape(title)}.*?(?=^##)", text, re.M | re.S)
    listed = re.search(r"^Keys: (.*?)(?=\n\n|\n[#$]|\Z)", section.group(), re.M | re.S) if section else None
    if not listed:
        sys.exit(f"docs/cli.md lists no keys of `{title}`")
    return {name.removesuffix("[]") for name in re.findall(r"`([a-z_]+(?:\[\])?)`", listed.group(1))}


def compare(title, seen):
    told = documented(title)
    if seen != told:
        sys.exit(f"`{title}`: printed and not in docs/cli.md {sorted(seen - told)}, "
                 f"there and not printed {sorted(told - seen)}")


for noun in SHOWN:
    found = set()
    for net, about in NETS.items():
        found |= keys(run("show", noun, net))
        for one in about:
            found |= keys(run("show", noun, net, one))
    compare(f"show {noun}", found)

# What concerns GPUs, on a net that needs one body only; NVRTC may be missing.
with tempfile.NamedTemporaryFile("w", suffix=".net") as small:
    small.write("net small : 6x4x4 -> 6x4x4 { relu -> dropout(0.5) -> tanh }\n")
    small.flush()
    compare("show cuda", keys(run("show", "cuda", small.name)) | keys(run("show", "cuda", small.name, "1")))
    if subprocess.run([CLEAVE, "doctor"], capture_output=True, text=True).stdout.find("nvrtc     missing") < 0:
        compare("show ptx", keys(run("show", "ptx", small.name)))
        compare("show counters", keys(run("show", "counters", small.name, "1")))
        compare("show sass", keys(run("show", "sass", small.name, "1")))
        compare("cleave time FILE --target cuda", keys(run("time", "nets/digits.net", "--virtual-gpus", "1", "--batch",
                                                           "2", "--steps", "1")))
    else:
        print("not tested: show ptx, show sass, show counters and time on GPUs, NVRTC is missing")

compare("show split", keys(run("show", "split", "nets/alexnet.net"))
        | keys(run("show", "split", "nets/digits.net", "--batch", "13")))
compare("cleave why FILE", keys(run("why", "nets/alexnet.net:12")) | keys(run("why", "nets/digits.net", "fc1")))
compare("cleave why-not", keys(run("why-not", "nets/alexnet.net", "relu2", "lrn2")))
compare("cleave compile FILE", keys(run("compile", "nets/digits.net")))
compare("cleave time FILE", keys(run("time", "nets/digits.net", "--steps", "1")))

cost = run("show", "cost", "nets/alexnet.net")
assert (cost["parameters"], cost["macs"]) == (60965224, 724406816), cost
assert [d["parameters"] for d in cost["devices"]] == [32531112, 28434112], cost["devices"]
assert sum(d["macs"] for d in cost["devices"]) == cost["macs"], cost["devices"]
comm = run("show", "comm", "nets/alexnet.net")
assert comm["bytes_per_image_per_pass"] == 234496, comm
assert sum(p["bytes"] for p in comm["points"] if not p["backward"]) == 234496, comm["points"]
split = {a["alternative"]: a for a in run("show", "split", "nets/alexnet.net", "--batch", "128")["alternatives"]}
assert [split[a]["bytes_per_step"] for a in ("channel split", "one weird trick", "whole")] == \
    [60030976, 34401280, 0], split
assert split["channel split"]["as_written"] and len(split) == 4, split
assert split["one weird trick"]["bytes_per_image_per_pass"] == 61440, split
assert split["one weird trick"]["bytes_of_weights"] == 8 * 2334080, split
memory = run("show", "memory", "nets/alexnet.net")
assert all(d["bytes"] > 0 for d in memory["devices"]) and len(memory["devices"]) == 2, memory["devices"]

# A report about a layer holds less than the whole, and what it holds is of that layer.
whole, some = run("show", "kernels", "nets/alexnet.net"), run("show", "kernels", "nets/alexnet.net", "conv2")
assert 0 < len(some["kernels"]) < len(whole["kernels"])
assert {k["layer"] for k in some["kernels"]} == {"conv2"}, some["kernels"]
assert {t["kernel"] for t in some["texts"]} == {k["kernel"] for k in some["kernels"]}
assert all(t["kernel"] in t["text"] for t in some["texts"])
assert whole["texts"] == []
why = run("why", "nets/alexnet.net", "conv2")
assert [k["kernel"] for k in why["kernels"]] == [k["kernel"] for k in some["kernels"]]
assert {k["phase"] for k in why["kernels"]} >= {"forward", "input gradient", "weight gradient", "update"}
assert {k["device"] for k in why["kernels"]} == {"gpu0", "gpu1"}
