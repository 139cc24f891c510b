#!/bin/sh
# Replaces the replicas one at a time after a change of the image or the settings: starts a new replica, waits until it
# is healthy, then stops an old one. Finally, it replaces the worker, which nobody calls.
# Arguments are passed to docker compose: deploy/rolling-update.sh -f FILE -f FILE
set -eu
old=$(docker compose "$@" ps --quiet service)
count=$(echo "$old" | wc -l)
for replica in $old; do
    docker compose "$@" up --detach --no-build --no-deps --no-recreate --wait --scale "service=$((count + 1))" service
    docker stop "$replica" >/dev/null
    docker rm "$replica" >/dev/null
done
docker compose "$@" up --detach --no-build --no-deps --wait worker
