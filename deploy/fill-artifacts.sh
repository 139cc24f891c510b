#!/bin/sh
# Fills artifacts/: copies the universal releases in the image that are not there yet, then trains each dataset in
# DATASETS that has no release.
set -eu
for release in universal/*/*/; do
    [ -d "$release" ] || continue  # without universal releases, this is the pattern itself
    version=$(basename "$release")
    dataset=artifacts/$(basename "$(dirname "$release")")
    if [ -e "$dataset/$version" ]; then
        echo "$dataset already has $version"
        continue
    fi
    mkdir -p "$dataset"
    rm -rf "$dataset/.copying"
    cp -r "$release" "$dataset/.copying"
    mv "$dataset/.copying" "$dataset/$version"
    current=$(cat "$dataset/current" 2>/dev/null || true)
    # Do not replace a newer release that the user has made.
    if [ "$(printf '%s\n%s\n' "$current" "$version" | sort | tail -n 1)" = "$version" ]; then
        printf '%s\n' "$version" >"$dataset/.current"
        mv "$dataset/.current" "$dataset/current"
    fi
done
for name in ${DATASETS:-nino12 neracoos-b01}; do
    if [ -e "artifacts/$name/current" ]; then
        echo "artifacts/$name already has a release"
    else
        python -m training --data "data/$name.csv" --name "$name" --quiet
    fi
done
