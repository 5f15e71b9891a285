#!/bin/sh
# Fails when a file includes a folder it may not. A folder may always include itself. The table is
# explained in docs/architecture.md.
cd "$(dirname "$0")/../.." || exit 1
grep -rnH '^#include "[a-z_]*/' --include='*.[chly]' compiler grammar runtime | awk -F: '
    BEGIN {
        may["base"] = ""
        may["tensor"] = "base"
        may["recipe"] = "base"
        may["ir"] = "base tensor"
        may["ops"] = "base tensor ir"
        may["grammar"] = "base front"
        may["front"] = "base tensor recipe ir ops grammar"
        may["evaluate"] = "base tensor ir kernels"         # of kernels only random.h
        may["pass"] = "base tensor ir ops"
        may["program"] = "base tensor recipe"
        may["emit"] = "base tensor recipe ir ops program"
        may["look"] = "base tensor ir front pass program emit"
        may["runtime"] = "base tensor recipe program kernels"   # the same
    }
    {
        n = split($1, path, "/"); from = path[1] == "compiler" ? path[2] : path[1]
        if (path[1] == "compiler" && n == 2) next          # compile.c drives all of the compiler
        split($3, q, "\""); split(q[2], to, "/")
        if (to[1] == from) next
        if (index(" " may[from] " ", " " to[1] " ") == 0) {
            print $1 ":" $2 ": " from "/ may not include " to[1] "/"; bad = 1
        }
    }
    END { exit bad }' || exit 1
# Only ast.h of the front end is open to the grammar; devices know device.h and never each other.
! grep -rn '#include "front/' grammar | grep -v 'front/ast.h\|front/parse.h' || exit 1
! grep -rn '#include "runtime/cuda/' runtime/cpu 2>/dev/null || exit 1
# The virtual library shares the declarations of the driver's interface, nothing else.
! grep -rn '#include "runtime/cuda/' runtime/vgpu | grep -v '/driver_abi.h"\|/driver.def"\|/driver_values.def"\|/cublas.def"' || exit 1
! grep -rn '#include "runtime/cpu/' runtime/cuda runtime/vgpu 2>/dev/null || exit 1
