#!/bin/sh
# Keeps sweeps going on their instance: after a reboot, a stop and start, a worker that was killed.
#   keep start NAME   start a sweep, as its user asks, whose script is going/.NAME
#   keep check        start what shall run and does not (a systemd timer calls this, at boot and then on)
#   keep install      have systemd call it from now on
# going/NAME   the script that starts a sweep; there as long as it shall run: whoever ships or resumes a
#              sweep makes it, whoever stops it removes it, and so does the sweep itself at its end
# tries/NAME   how often it was started again without getting any further, and how far it was
# tries/.NAME  there while its user's start is under way, which nobody else's may overtake
# Paths of the system lie below $AWSTUNE_ROOT, and every command is found through PATH, so that the same
# file serves on an instance that is only a folder and some processes.
set -u
home="$HOME/.awstune"
root="${AWSTUNE_ROOT:-}"
most=3

alive() { # whether the process that runs the sweep is there
  pid=$(cat "$home/sweeps/$1/worker.pid" 2> /dev/null) || return 1
  ps -o args= -p "$pid" 2> /dev/null | grep -q 'awstune\.sweeps\.worker'
}

progress() { # how far it is: what a start alone does not write is counted
  grep -c '"event":"\(checkpoint\|finished\)"' "$home/sweeps/$1/journal.jsonl" 2> /dev/null
}

start() {
  mkdir -p "$home/tries" && rm -f "$home/tries/$1" && touch "$home/tries/.$1" || return
  mv "$home/going/.$1" "$home/going/$1" && sh "$home/going/$1"
  started=$?
  rm -f "$home/tries/.$1"
  return "$started"
}

starting() { # not by a start that a power cut left
  [ -n "$(find "$home/tries/.$1" -mmin -2 2> /dev/null)" ]
}

give_up() {
  rm -f "$home/going/$1" "$home/tries/$1"
  echo "error: its process ended $most times without getting any further; it is not started again" \
    >> "$home/sweeps/$1/worker.log"
}

again() {
  far=$(progress "$1")
  read -r tried before 2> /dev/null < "$home/tries/$1" || { tried=0 && before=; }
  [ "$before" = "$far" ] || tried=0
  if [ "$tried" -ge "$most" ]; then give_up "$1" && return; fi
  mkdir -p "$home/tries"
  echo "$((tried + 1)) $far" > "$home/tries/$1"
  sh "$home/going/$1" >> "$home/keep.log" 2>&1
}

check() { # where the end is near nothing is begun; where it is put off, what had stopped goes on
  [ ! -e "$root/run/awstune/notice" ] && [ ! -e "$root/run/awstune/lost" ] || return 0
  for file in "$home"/going/*; do
    name=${file##*/}
    [ ! -e "$file" ] || starting "$name" || alive "$name" || again "$name"
  done
}

unit() { # write a unit's file from what is read, and say whether it is new
  sudo -n mkdir -p "$units" && text=$(cat) || return
  [ "$text" != "$(cat "$units/$1" 2> /dev/null)" ] || return 0
  new=yes
  echo "$text" | sudo -n tee "$units/$1" > /dev/null
}

install() {
  [ -d "$root/run/systemd/system" ] || { echo "there is no systemd" >&2 && return 1; }
  units="$root/etc/systemd/system"
  new=
  unit awstune-keep.service << UNIT || return
[Unit]
Description=awstune: keep sweeps going
[Service]
Type=oneshot
User=$(id -un)
ExecStart=/bin/sh "$home/keep.sh" check
KillMode=process
LogLevelMax=notice
UNIT
  unit awstune-keep.timer << 'UNIT' || return
[Unit]
Description=awstune: look whether all sweeps run
[Timer]
OnBootSec=1s
OnUnitActiveSec=5s
AccuracySec=1s
[Install]
WantedBy=timers.target
UNIT
  [ -z "$new" ] || sudo -n systemctl daemon-reload
  [ -z "$new" ] || sudo -n systemctl enable --now awstune-keep.timer
}

case "${1:-check}" in
  start) start "$2" ;;
  check) check ;;
  install) install ;;
  *) echo "usage: keep start NAME|check|install" >&2 && exit 2 ;;
esac
