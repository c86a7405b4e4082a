#!/bin/sh
# Makes an environment for sweeps on an instance. The folder is named first; beside it lie lists of lines:
# FOLDER.constraints, FOLDER.packages, FOLDER.requirements, FOLDER.joined (folders of packages to see), and
# FOLDER.rehome (a program; see rehome.py).
#   environment FOLDER make BASE          over that Python; without one, with a Python that uv brings
#   environment FOLDER torch SPEC INDEX   that build of torch
#   environment FOLDER packages           what awstune needs
#   environment FOLDER requirements DIR FILE INDEX   what the project in DIR wants, by a file of its own if it
#                                         has one; INDEX has what is built for that torch, where it was installed
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

# One release, by its checksum: nothing else is ever run. The sums are those of its SHA256 files.
uv_version=0.11.7
fetch_uv() {
  case "$(uname -m)" in
    x86_64) sum=6681d691eb7f9c00ac6a3af54252f7ab29ae72f0c8f95bdc7f9d1401c23ea868 ;;
    aarch64) sum=f2ee1cde9aabb4c6e43bd3f341dadaf42189a54e001e521346dc31547310e284 ;;
    *) echo "error: no uv is known for a $(uname -m)" && return 1 ;;
  esac
  name="uv-$(uname -m)-unknown-linux-gnu"
  url="https://github.com/astral-sh/uv/releases/download/$uv_version/$name.tar.gz"
  aside=$(mktemp -d)
  if command -v curl > /dev/null 2>&1; then
    said=$(curl -LsSf --max-time 120 -o "$aside/uv.tar.gz" "$url" 2>&1)
  else
    said=$(wget -nv --timeout=120 -O "$aside/uv.tar.gz" "$url" 2>&1)
  fi || { echo "error: uv cannot be fetched from $url: $said" && return 1; }
  echo "$sum  $aside/uv.tar.gz" | sha256sum -c - > /dev/null 2>&1 ||
    { echo "error: what came from $url is not uv $uv_version: its checksum is another one" && return 1; }
  mkdir -p "$HOME/.awstune/bin" && tar -xzf "$aside/uv.tar.gz" -C "$aside" &&
    mv "$aside/$name/uv" "$HOME/.awstune/bin/uv" || return
  rm -rf "$aside"
  found="$HOME/.awstune/bin/uv"
}

has_pip() { "$python" -m pip --version > /dev/null 2>&1; }

# $1 is an index beside the usual one, or empty. Over an image's Python pip sees what is joined, which uv does
# not; uv serves in the environments that it makes itself.
install() {
  index=$1 && shift
  if has_pip; then
    (unset PIP_TARGET && "$python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
      ${index:+--extra-index-url "$index"} "$@")
  else
    run_uv pip install --python "$python" ${index:+--extra-index-url "$index" --index-strategy unsafe-best-match} "$@"
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
  has_pip || run_uv pip install --python "$python" pip || return
  "$1" "$env.rehome" "$python"
}

case "$step" in
  make) make "$3" ;;
  torch) install "" "$3" --index-url "$4" ;;
  packages) install "" --only-binary :all: -c "$env.constraints" -r "$env.packages" ;;
  requirements) cd "$HOME/$3" && install "${5:-}" -c "$env.constraints" -r "${4:-$env.requirements}" ;;
  *) echo "usage: environment FOLDER make|torch|packages|requirements ..." >&2 && exit 2 ;;
esac
