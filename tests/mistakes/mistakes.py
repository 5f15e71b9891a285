#!/usr/bin/env python3
"""Puts 1 to 9 mistakes, one a line, into every net of nets/ and counts how many of them
`cleave check` reports at their line, and how many reports stand elsewhere.

    tests/mistakes/mistakes.py CLEAVE [SEED [TEXTS_PER_NET]]

Fails below 95 % found, above 5 % extra reports, or on any crash. The same seed gives the same texts.
A text may hold more than 20 errors' worth of lines, never more than 9 mistakes.
"""
import collections
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

STAGES = "conv|fc|relu|pool|lrn|dropout|softmax"
ARGUMENTS = "stride|pad|bias|init|groups|size|kind|alpha|beta|scale|round"
SETTINGS = "loss|report|batch|epochs|solver"
DATA = "images|idx|resize|crop|mirror|mean|hold"


def misspell(rng, word):
    """One letter doubled, dropped, swapped with its neighbour, or replaced."""
    i = rng.randrange(1, len(word) - 1) if len(word) > 2 else 0
    return rng.choice([
        word[:i] + word[i] + word[i:], word[:i] + word[i + 1:],
        word[:i] + word[i + 1:i + 2] + word[i] + word[i + 2:], word[:i] + "q" + word[i + 1:]])


def replace_one(rng, line, pattern, make):
    """`line` with one match of `pattern` (its group 1) changed by `make`; None: no match, no change."""
    found = list(re.finditer(pattern, line.split("#")[0]))
    if not found:
        return None
    m = rng.choice(found)
    new = make(m.group(1))
    if new == m.group(1):
        return None
    return line[:m.start(1)] + new + line[m.end(1):]


def misspelt(pattern):
    def change(rng, line):
        words = set(pattern.replace("\\b", "").strip("()").split("|"))
        new = replace_one(rng, line, r"\b(" + pattern + r")\b", lambda w: misspell(rng, w))
        # A misspelling that is another word of the language is no mistake of this kind.
        return None if new and set(re.findall(r"\w+", new)) - set(re.findall(r"\w+", line)) <= words else new
    return change


def swap(pattern, new):
    return lambda rng, line: replace_one(rng, line, pattern, lambda w: new)


KINDS = {
    "misspelt stage": lambda r, l: replace_one(r, l, r"(?:->|\{|^) *(" + STAGES + r")\b(?! *\.)",
                                               lambda w: misspell(r, w)),
    "misspelt argument": lambda r, l: replace_one(r, l, r"[(,] *(" + ARGUMENTS + r") =",
                                                  lambda w: misspell(r, w)),
    "word for a number": swap(r"(?:stride|pad|bias|alpha|size) = (\d[\d.e-]*)", "four"),
    "misspelt word": swap(r"(?:round = )(up)", "upp"),
    "kernel too large": swap(r"conv\( *\d+, (\d+)", "999"),
    "groups that do not divide": swap(r"groups = (\d+)", "7"),
    "unknown name": swap(r"fc\((classes)", "clases"),
    "no arrow": swap(r"^ *(->) ", ""),
    "no closing bracket": swap(r"(\)) *->", ""),
    "bad byte": swap(r"( )->", " \x01"),
    "open string": swap(r"\"[^\"]*(\")", ""),
    "wrong promise": swap(r"is \d+x\d+x(\d+)", "97"),
    "misspelt setting": lambda r, l: replace_one(r, l, r"^ *(" + SETTINGS + r") *=",
                                                 lambda w: misspell(r, w)),
    "misspelt rate": lambda r, l: replace_one(r, l, r"[(,] *(momentum|decay) =", lambda w: misspell(r, w)),
    "misspelt source or change": lambda r, l: replace_one(r, l, r"(?:=|->) *(" + DATA + r")\(",
                                                          lambda w: misspell(r, w)),
    "zero": swap(r"(?:conv|fc|pool)\( *(\d+)", "0"),
    "unknown variable": swap(r"when (epoch) ", "epcoh"),
    "misspelt layer": lambda r, l: replace_one(r, l, r"(?:drop|after|before|replace) +([a-z]+\d)\b",
                                               lambda w: misspell(r, w)),
    "misspelt layer's setting": lambda r, l: replace_one(r, l, r"\b(conv\d)\.init", lambda w: misspell(r, w)),
    "misspelt edit": swap(r"\b(drop|after) [a-z]+\d", "aftre"),
    "no equals sign": swap(r"^ *(?:batch|epochs|loss) *(=)", ""),
}


def make_mistakes(rng, text, count):
    """The changed text, {line number: kind}."""
    lines = text.split("\n")
    made = {}
    for _ in range(200):
        if len(made) == count:
            break
        kind = rng.choice(sorted(KINDS))
        at = rng.randrange(len(lines))
        if at + 1 in made:
            continue
        new = KINDS[kind](rng, lines[at])
        if new is not None:
            lines[at] = new
            made[at + 1] = kind
    return "\n".join(lines), made


def check(cleave, folder, text):
    """Line numbers of the errors of `text`, a file in `folder`; None after a crash."""
    path = os.path.join(folder, "changed.net")
    with open(path, "w") as f:
        f.write(text)
    run = subprocess.run([cleave, "check", "--json", path], capture_output=True, timeout=60)
    if run.returncode not in (0, 3):
        sys.stderr.write(run.stderr.decode("utf-8", "replace"))
        return None
    found = json.loads(run.stdout or b"{}")
    found = found.get("diagnostics", []) if isinstance(found, dict) else found
    errors = [d for d in found if d.get("kind", d.get("severity")) == "error"]
    return [d["line"] if d["path"] == path else 0 for d in errors]         # 0: in a file that it uses


def main():
    cleave = sys.argv[1]
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "nets")
    made_all = found_all = extra_all = crashes = 0
    folder = tempfile.TemporaryDirectory()
    for path in glob.glob(os.path.join(root, "*.net")):
        shutil.copy(path, folder.name)               # nets use each other
    missed = collections.Counter()
    for path in sorted(glob.glob(os.path.join(root, "*.net"))):
        with open(path) as f:
            text = f.read()
        for _ in range(rounds):
            changed, made = make_mistakes(rng, text, rng.randint(1, 9))
            lines = check(cleave, folder.name, changed)
            if lines is None:
                crashes += 1
                continue
            hit = set(lines) & set(made)
            made_all += len(made)
            found_all += len(hit)
            extra_all += sum(1 for line in set(lines) if line not in made)
            for line in set(made) - hit:
                missed[made[line]] += 1
            if os.environ.get("SHOW") and (set(made) - hit or set(lines) - set(made)):
                print("----", os.path.basename(path), "missed",
                      {l: made[l] for l in set(made) - hit}, "extra", set(lines) - set(made))
                for l in sorted(set(made) | set(lines)):
                    print("   %3d %s" % (l, changed.split("\n")[l - 1] if l else "in another file"))
    print("%d mistakes, %d at their line (%.1f %%), %d extra reports (%.1f %%), %d crashes" % (
        made_all, found_all, 100 * found_all / made_all, extra_all, 100 * extra_all / made_all, crashes))
    for kind, count in missed.most_common():
        print("  missed %3d: %s" % (count, kind))
    sys.exit(crashes > 0 or found_all < 0.95 * made_all or extra_all > 0.05 * made_all)


if __name__ == "__main__":
    main()
