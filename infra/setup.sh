#!/usr/bin/env bash
# Install what the project needs: system packages for FFCV and Fashion-MNIST, a virtual environment
# in .venv, the Python packages of constraints.txt in it, and FFCV, built from its sdist.
# Run it as often as you like: what is done is not done again. PYTHON=... chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly stamp=.venv/.setup
readonly log=.venv/setup.log
readonly ffcv_libraries=(opencv4 libturbojpeg) # as pkg-config names them
readonly ffcv_packages=(g++ pkg-config libopencv-dev libturbojpeg0-dev) # as apt names them

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: %s\n' "$@" >&2; }
die() {
    warn "$@"
    exit 1
}

# --- Python -----------------------------------------------------------------

is_recent() { # interpreter
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate candidates=(python3.11 python3.12 python3.13 python3)
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    # Run each: a name on the PATH may be a shim with nothing behind it.
    for candidate in "${candidates[@]}"; do
        if is_recent "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "no Python 3.11 or newer found (looked for: ${candidates[*]})" \
        "install one, or name one: PYTHON=/path/to/python3 make setup"
}

has_headers() { # interpreter
    "$1" - <<'PY' >/dev/null 2>&1
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
PY
}

# --- System packages --------------------------------------------------------

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo -n "$@" # nobody is there to type a password
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

fetch_lists() { # says nothing where it works; waits for whatever a fresh machine fetches by itself
    local tries output
    for ((tries = 0; tries < 60; tries++)); do
        output=$(apt update 2>&1) && return
        [[ $output == *"Could not get lock"* ]] || break # for which apt has a timeout elsewhere, not here
        sleep 5
    done
    echo "$output"
    return 1
}

is_installed() { # package
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

install_packages() { # packages: installs those that dpkg does not know as installed
    local package missing=() output
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing system packages: ${missing[*]}"
    if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
        warn "this needs root; have it done: apt-get install --no-install-recommends ${missing[*]}"
        return 1
    fi
    # The package lists may be absent (fresh images) or stale: fetch them only then.
    output=$(apt install -y --no-install-recommends "${missing[@]}" 2>&1) ||
        output=$(fetch_lists && apt install -y --no-install-recommends "${missing[@]}" 2>&1) || {
        warn "apt-get could not install ${missing[*]}:" "$output"
        return 1
    }
}

# --- Python packages --------------------------------------------------------

make_environment() { # interpreter
    if [[ -d .venv ]] && ! is_recent .venv/bin/python; then
        say "the interpreter of .venv is gone or too old: making it anew"
    elif [[ -d .venv ]]; then
        return 0
    fi
    "$1" -m venv --clear .venv
}

uv_install() {
    # Build requirements are pinned too. What is named explicitly here is .venv, whatever is active.
    .venv/bin/uv pip install --quiet --python .venv/bin/python \
        --constraints constraints.txt --build-constraints constraints.txt "$@"
}

install_python_packages() {
    if ! .venv/bin/uv --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check \
            --constraint constraints.txt uv
    fi
    say "installing Python packages into .venv (several GB the first time, most of it torch)"
    uv_install --editable '.[dev,cluster,s3,gs]'
}

install_ffcv() {
    local library lacking=()
    command -v c++ >/dev/null || lacking+=("a C++ compiler")
    has_headers .venv/bin/python || lacking+=("the headers of $(.venv/bin/python --version)")
    if command -v pkg-config >/dev/null; then
        for library in "${ffcv_libraries[@]}"; do
            pkg-config --exists "$library" || lacking+=("$library with its headers")
        done
    else
        lacking+=(pkg-config "${ffcv_libraries[*]} with their headers")
    fi
    if [[ ${#lacking[@]} -gt 0 ]]; then
        warn "FFCV is left out. It would need: $(printf '%s; ' "${lacking[@]}" | sed 's/; $//')"
        return 1
    fi
    say "building FFCV, or checking the one that is there"
    if ! uv_install --editable '.[dev,cluster,s3,gs,ffcv]' 2>"$log"; then
        warn "FFCV is left out: its build failed (all of it in $log), ending in:" "$(tail -n 20 "$log")"
        return 1
    fi
    if ! .venv/bin/python -c 'import ffcv' 2>"$log"; then
        warn "FFCV is left out: built, but it does not import:" "$(tail -n 3 "$log")"
        .venv/bin/uv pip uninstall --quiet --python .venv/bin/python ffcv
        return 1
    fi
}

# --- All of it --------------------------------------------------------------

main() {
    local made_from python version wanted=("${ffcv_packages[@]}") started=$SECONDS
    made_from=$(cat constraints.txt pyproject.toml infra/setup.sh | cksum)
    if [[ -f $stamp && $(<"$stamp") == "$made_from with FFCV" ]] && is_recent .venv/bin/python; then
        touch "$stamp"
        return
    fi
    rm -f "$stamp"

    python=$(find_python)
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if command -v apt-get >/dev/null; then
        if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            install_packages "$version-venv" || die "without $version-venv there is no environment"
        fi
        has_headers "$python" || wanted+=("$version-dev")
        install_packages "${wanted[@]}" || true # install_ffcv says what this costs
        install_packages dataset-fashion-mnist ||
            warn "going on: Fashion-MNIST is then downloaded by torchvision when first used"
    fi

    make_environment "$python"
    install_python_packages
    if install_ffcv; then
        echo "$made_from with FFCV" >"$stamp"
    else
        warn "going on without FFCV: the in-memory loader (loader=memory) gives the same numbers." \
            "\`make setup\` tries again."
        echo "$made_from without FFCV" >"$stamp"
    fi
    say "done in $((SECONDS - started)) s"
}

main "$@"
