#!/bin/sh
# llvm_tables.sh AR OBJCOPY LIBRARY MEMBER OUTPUT: the member of LLVM's library with its scheduling tables, without the
# names of scheduling classes. Only LLVM's debug output reads them; but where LLVM was built with it, each name is a
# pointer that loading relocates: 18 processors' tables, 230 pages of memory, a quarter of the time to load.
set -e
AR=$1 OBJCOPY=$2 LIBRARY=$3 MEMBER=$4 OUTPUT=$5
"$AR" p "$LIBRARY" "$MEMBER" > "$OUTPUT"
"$OBJCOPY" --remove-relocations='*SchedClassesE' "$OUTPUT"
