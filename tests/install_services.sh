#!/bin/sh
# Installs what the tests drive and pip cannot bring: Debian's Chromium. Does nothing where it is there already.
set -eu
if command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Install Chromium, or name its binary in CHROMIUM, to run the browser tests." >&2
    exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
