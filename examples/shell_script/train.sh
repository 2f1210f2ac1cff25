#!/bin/sh
# Retrain with the tools of a shell: the model is the label that is most frequent.
# retrain: {command: [./train.sh], predict: [./predict.sh]}
set -eu
sed 's/.*"label":\([^,]*\),"label_time".*/\1/' "$STREAMPROC_TRAINING" |
    sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}' >"$STREAMPROC_ARTIFACT/answer"
echo "trained for $STREAMPROC_MODEL_ID"
