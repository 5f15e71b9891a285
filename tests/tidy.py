#!/usr/bin/env python3
"""clang-tidy over the files that are named, as build/dev compiles them; prints what it finds.

A file that was clean is not looked at again before its text, headers included, its flags,
.clang-tidy or clang-tidy itself changes: the hash of all these is kept in build/dev/tidy.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

BUILD = pathlib.Path("build/dev")
CLEAN = BUILD / "tidy"


def flags_of(entry):
    """The compiler's arguments, without the launcher, the compiler, the output and the input."""
    words = shlex.split(entry["command"])
    words = words[next(i for i, word in enumerate(words) if word.startswith("-")):]
    without = [i for i, word in enumerate(words) if word == "-o"]
    return [word for i, word in enumerate(words)
            if word != "-c" and word != entry["file"] and not any(i in (o, o + 1) for o in without)]


def key_of(entry, flags, rules):
    """None when the file cannot be preprocessed: clang-tidy will say why."""
    text = subprocess.run(["clang", "-E", "-C", *flags, entry["file"]], cwd=entry["directory"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    parts = [rules, " ".join(flags).encode(), text.stdout]
    return None if text.returncode else hashlib.sha256(b"\0".join(parts)).hexdigest()


def look(file, entry, rules):
    """The findings in one file, "" when it is clean."""
    key = key_of(entry, flags_of(entry), rules)
    if key and (CLEAN / key).exists():
        return ""
    run = subprocess.run(["clang-tidy", "-p", str(BUILD), "--quiet", "--warnings-as-errors=*", file],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode == 0 and not run.stdout.strip():
        if key:
            (CLEAN / key).touch()
        return ""
    return run.stdout if run.stdout.strip() else run.stderr


def main(files):
    CLEAN.mkdir(exist_ok=True)
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    entries = {os.path.relpath(entry["file"]): entry for entry in commands}
    missing = [file for file in files if file not in entries]
    if missing:
        sys.exit("not in build/dev/compile_commands.json: " + " ".join(missing))
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    rules = version + pathlib.Path(".clang-tidy").read_bytes()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for found in pool.map(lambda file: look(file, entries[file], rules), files):
            bad += bool(found)
            print(found, end="", flush=True)
    sys.exit(f"clang-tidy: findings in {bad} files" if bad else 0)


main(sys.argv[1:])
