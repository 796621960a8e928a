#!/bin/sh
# Installs what the tests drive and pip cannot bring into their environment: Debian's Chromium, PostgreSQL and Redis,
# and PyPI's Milvus server, whose requirements are those of 2023. Does nothing where they are there already.
# With the word "node" it installs only what checks JavaScript: Node.js 18 or newer, and npm.
set -eu

node_is_new_enough() {
    command -v node >/dev/null 2>&1 && node -e "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"
}

install_node() {
    wanted=""
    node_is_new_enough || wanted="$wanted nodejs"
    command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
    install_missing
    node_is_new_enough || {
        echo "Checking JavaScript needs Node.js 18 or newer; here is $(node --version)." >&2
        exit 1
    }
}

install_packages() {
    wanted=""
    command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ] || wanted="$wanted chromium"
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
    command -v redis-server >/dev/null 2>&1 || wanted="$wanted redis-server"
    install_missing
}

# shows the same pages in half the time of the processor; without it the tests drive the whole Chromium
install_headless_shell() {
    [ -z "${CHROMIUM:-}" ] || return 0
    ! command -v chromium-headless-shell >/dev/null 2>&1 || return 0
    apt-cache show chromium-headless-shell >/dev/null 2>&1 || return 0
    # nobody is asked for a password for it
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 0
    wanted=chromium-headless-shell
    (install_missing) || echo "The headless shell of Chromium could not be installed: browser tests take longer." >&2
}

install_missing() {
    [ -n "$wanted" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Install these to run the checks and tests (CHROMIUM may name a binary):$wanted" >&2
        exit 1
    fi
    as_root=""
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    # shellcheck disable=SC2086  # one word a package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
}

install_milvus() {
    root="$(dirname "$0")/.."
    home="$root/.services/milvus-2.3.5"
    [ ! -e "$home/installed" ] || return 0
    rm -rf "$home"
    # the tests' own pip installs into it: one of its own takes seconds
    "${PYTHON:-python3}" -m venv --without-pip "$home/env"
    # the last server that came as a wheel; there is none for every platform
    if ! "$root/.venv/bin/python" -m pip --python "$home/env/bin/python" install --quiet \
        --disable-pip-version-check --no-compile "setuptools<80" milvus==2.3.5; then
        echo "No Milvus server for this platform: its tests will be skipped." >&2
        return 0
    fi
    "$home/env/bin/python" -c "import milvus, sys; milvus._initialize_data_files(sys.argv[1])" "$home"
    touch "$home/installed"
}

if [ "${1:-}" = node ]; then
    install_node
else
    install_packages
    install_headless_shell
    install_milvus
fi
