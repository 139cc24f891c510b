#!/bin/sh
# Replaces the replicas one at a time: starts a new one, and stops an old one when the new one is healthy. For a new
# image, for new settings, or just so. Arguments go to docker compose: deploy/rolling-update.sh -f FILE -f FILE
set -eu
old=$(docker compose "$@" ps --quiet service)
count=$(echo "$old" | wc -l)
for replica in $old; do
    docker compose "$@" up --detach --no-build --no-deps --no-recreate --wait --scale "service=$((count + 1))" service
    docker stop "$replica" >/dev/null
    docker rm "$replica" >/dev/null
done
