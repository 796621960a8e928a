#!/bin/sh
# Installs what the tests drive and pip cannot bring: Debian's Chromium, PostgreSQL and Redis. Does nothing where
# they are there already.
set -eu
wanted=""
command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ] || wanted="$wanted chromium"
command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
command -v redis-server >/dev/null 2>&1 || wanted="$wanted redis-server"
[ -n "$wanted" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Install these to run the tests (CHROMIUM may name a binary):$wanted" >&2
    exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086  # one word a package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
