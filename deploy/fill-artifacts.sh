#!/bin/sh
# Trains each dataset in DATASETS that has no release in artifacts/ yet, and publishes it.
set -eu
for name in ${DATASETS:-nino12 neracoos-b01}; do
    if [ -e "artifacts/$name/current" ]; then
        echo "artifacts/$name already has a release"
    else
        python -m training --data "data/$name.csv" --name "$name" --quiet
    fi
done
