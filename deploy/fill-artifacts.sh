#!/bin/sh
# Trains and publishes each series of DATASETS of which artifacts/ holds no release yet.
set -eu
for name in ${DATASETS:-nino12 neracoos-b01}; do
    if [ -e "artifacts/$name/current" ]; then
        echo "artifacts/$name: a release is there already"
    else
        python -m training --data "data/$name.csv" --name "$name" --quiet
    fi
done
