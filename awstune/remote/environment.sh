#!/bin/sh
# Makes an environment for sweeps on an instance. The folder is named first; beside it lie lists of lines:
# FOLDER.constraints, FOLDER.packages, FOLDER.requirements, FOLDER.joined (folders of packages to see).
#   environment FOLDER make BASE          over that Python; without one, with a Python that uv brings
#   environment FOLDER torch SPEC INDEX   that build of torch
#   environment FOLDER packages           what awstune needs
#   environment FOLDER requirements DIR FILE   what the project in DIR wants, by a file of its own if it has one
set -u
case "$1" in /*) env=$1 ;; *) env="$HOME/$1" ;; esac
step=$2
python="$env/bin/python"
ours=3.11

run_uv() { # not by its own name, or it would find itself
  if [ -z "${found:-}" ]; then
    for place in uv "$HOME/.local/bin/uv" "$HOME/.awstune/bin/uv"; do
      if command -v "$place" > /dev/null 2>&1; then found=$(command -v "$place") && break; fi
    done
  fi
  [ -n "${found:-}" ] || fetch_uv || return
  "$found" "$@"
}

fetch_uv() {
  script=$(mktemp)
  url=https://astral.sh/uv/install.sh
  if command -v curl > /dev/null 2>&1; then
    curl -LsSf --max-time 120 -o "$script" "$url" || { echo "error: uv cannot be fetched from $url" && return 1; }
  else
    wget -nv --timeout=120 -O "$script" "$url" || { echo "error: uv cannot be fetched from $url" && return 1; }
  fi
  UV_UNMANAGED_INSTALL="$HOME/.awstune/bin" sh "$script" || return
  rm -f "$script"
  found="$HOME/.awstune/bin/uv"
}

install() { # pip sees what the environment is joined with, uv does not: it serves where there is no pip
  if "$python" -m pip --version > /dev/null 2>&1; then
    (unset PIP_TARGET && "$python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@")
  else
    run_uv pip install --python "$python" "$@"
  fi
}

make() {
  if [ -z "$1" ]; then
    run_uv venv --python "$ours" "$env"
    return
  fi
  "$1" -m venv --without-pip "$env" || return
  site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])') || return
  # Its own packages come first: what is installed here wins over what is joined.
  cat "$env.joined" > "$site/awstune-joined.pth"
}

case "$step" in
  make) make "$3" ;;
  torch) install "$3" --index-url "$4" ;;
  packages) install --only-binary :all: -c "$env.constraints" -r "$env.packages" ;;
  requirements) cd "$HOME/$3" && install -c "$env.constraints" -r "${4:-$env.requirements}" ;;
  *) echo "usage: environment FOLDER make|torch|packages|requirements ..." >&2 && exit 2 ;;
esac
