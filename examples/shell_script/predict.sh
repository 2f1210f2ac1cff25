#!/bin/sh
# One answer a line, for each row.
set -eu
answer=$(cat "$STREAMPROC_ARTIFACT/answer")
awk -v answer="$answer" '{print answer}' "$STREAMPROC_ROWS" >"$STREAMPROC_ANSWERS"
