#!/bin/sh
# Creates .venv with everything that the program, its tests and its checks need. Does nothing if that is already done.
# PYTHON selects the interpreter; the default is the first suitable one.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.setup-done
# The path is included because scripts in a virtual environment break when it is moved.
wanted="$(pwd) $(cat pyproject.toml constraints.txt tools/setup.sh tools/check_qt.py tools/hatch_build.py | cksum)"
if [ -x $venv/bin/python ] && [ "$(cat $stamp 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}

# Prints the command prefix that apt-get needs here; fails if packages can't be installed.
root_prefix() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then
        return 0
    fi
    sudo -n true >/dev/null 2>&1 || return 1
    echo "sudo -n"
}

install_packages() {
    prefix=$(root_prefix) || return 1
    say "installing system packages: $*"
    $prefix apt-get update -qq >/dev/null || say "apt-get update failed; using the existing package lists"
    $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null </dev/null
}

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suitable "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or later."
        echo "$PYTHON"
        return
    fi
    # Versions that TensorFlow has wheels for come first.
    for candidate in python3.13 python3.12 python3.11 python3 python python3.14; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or later is required. Install it, or specify it: make setup PYTHON=/path/to/python3"
}

make_venv() {
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        packages="python3-venv python$version-venv"
        install_packages $packages || fail "Python cannot create virtual environments. Install python3-venv and try again."
    fi
    say "creating $venv with Python $version"
    "$python" -m venv --clear $venv
}

rm -f $stamp
if ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_venv
elif ! suitable $venv/bin/python; then
    make_venv
fi

say "installing Python packages, including TensorFlow; the first time, this takes a few minutes"
pip="$venv/bin/python -m pip --disable-pip-version-check --no-input -q"
# The build backend is installed first, so that nothing is built with a version other than the pinned one.
$pip install -c constraints.txt hatchling
$pip install -c constraints.txt --no-build-isolation -e '.[dev]'

if ! problem=$($venv/bin/python tools/check_qt.py); then
    packages="libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libxcb-cursor0 libxcb-icccm4
        libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1
        libglib2.0-0 fonts-dejavu-core"
    install_packages $packages || fail "$problem. On Debian or Ubuntu: sudo apt-get install" $packages
    problem=$($venv/bin/python tools/check_qt.py) || fail "$problem, even with the system packages installed."
fi

echo "$wanted" >$stamp
say "done"
