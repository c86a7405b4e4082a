#!/bin/sh
# Ends this instance when its time is up, its money is spent, or nobody uses it. It needs no
# credentials and no network: only the disk's word and the clock.
#   guard arm    start guarding, now and at every boot
#   guard check  look once (the systemd timer calls this)
#   guard loop   look again and again, where there is no systemd
# etc/awstune/ends     seconds since the epoch, or "none"
# etc/awstune/limits   idle_s=SECONDS, cap=, hourly= and disk_hourly=MICRODOLLARS; left out: no limit
# run/awstune/armed    written at each look: the end that is guarded
# run/awstune/active   whoever touches it uses the instance; run/awstune/hold, touched, delays the end
# run/awstune/notice   why the end is near; run/awstune/ended, why it came
# Every path lies below $AWSTUNE_ROOT and every command is found through PATH, so that the same file
# can guard an instance that is only a folder and some processes.
set -u
root="${AWSTUNE_ROOT:-}"
etc="$root/etc/awstune"
run="$root/run/awstune"
var="$root/var/lib/awstune"
homes="${root:+$root/..}/home"
notice_s=120
hold_s=600

number() { # the digits of file $1, else $2
  word=$(cat "$1" 2> /dev/null)
  case "$word" in '' | *[!0-9]*) echo "$2" ;; *) echo "$word" ;; esac
}

limit() { # the limit called $1; empty where there is none
  sed -n "s/^$1=\([0-9]*\)\$/\1/p" "$etc/limits" 2> /dev/null | tail -n 1
}

young() { # whether file $1 was touched in the last minute or two
  [ -n "$(find "$1" -mmin -2 2> /dev/null)" ]
}

count_hours() { # seconds that it ran, over all starts, and by the kernel's count booting too
  tick=$(sed 's/[.].*//' "$root/proc/uptime" 2> /dev/null)
  step=$((${tick:-0} - $(number "$run/last" 0)))
  if [ -z "$tick" ]; then # by the clock, a gap is a stop or a jump
    tick=$now
    step=$((tick - $(number "$run/last" "$tick")))
    [ "$step" -le 60 ] || step=0
  fi
  [ "$step" -ge 0 ] || step=0
  ran=$(($(number "$var/ran" 0) + step))
  born=$(number "$var/born" "$now")
  echo "$tick" > "$run/last"
  echo "$ran" > "$var/ran.new" && mv "$var/ran.new" "$var/ran"
  [ -e "$var/born" ] || echo "$now" > "$var/born"
}

spent() { # microdollars: hours run, and the disk since it was made
  echo $((ran * $(limit hourly) / 3600 + (now - born) * $(limit disk_hourly) / 3600))
}

sweeping() {
  for file in "$homes"/*/.awstune/sweeps/*/worker.pid "$homes"/*/.awstune/sweeps/*/runs/*/worker.pid; do
    pid=$(number "$file" "")
    [ -n "$pid" ] && ps -o args= -p "$pid" 2> /dev/null | grep -q awstune && return 0
  done
  return 1
}

computing() {
  gpu=$(nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits 2> /dev/null | sort -n | tail -n 1)
  case "$gpu" in '' | *[!0-9]*) ;; *) [ "$gpu" -lt 5 ] || return 0 ;; esac
  [ -e "$root/proc/loadavg" ] || return 1
  awk -v cores="$(nproc)" '{ exit !($1 >= 0.3 * cores) }' "$root/proc/loadavg"
}

typing() {
  [ -n "$(find "$root/dev/pts" -type c -amin -2 ! -name ptmx 2> /dev/null)" ]
}

transferring() { # 20 kB a second or more, in or out; keepalives are less
  [ -e "$root/proc/net/dev" ] || return 1
  bytes=$(sed -n 's/:/ /p' "$root/proc/net/dev" | awk '$1 != "lo" { sum += $2 + $10 } END { printf "%.0f", sum }')
  before=$(number "$run/bytes" "$bytes")
  echo "$bytes" > "$run/bytes"
  [ $((bytes - before)) -ge $((20000 * (since > 0 ? since : 1))) ]
}

used() { # whether anything has happened; bytes are always counted
  transferring && return 0
  young "$run/active" || sweeping || typing || computing
}

idle() { # seconds that nothing has happened; looked into now and then, and always before an end
  awake=$(number "$run/awake" 0)
  since=$((now - $(number "$run/looked" "$now")))
  every=$((idle_s < 120 ? idle_s / 4 : 30))
  if [ "$awake" = 0 ] || [ "$since" -ge "$every" ] || [ $((now - awake)) -ge "$idle_s" ]; then
    echo "$now" > "$run/looked"
    if used || [ "$awake" = 0 ]; then
      awake=$now
      echo "$awake" > "$run/awake"
    fi
  fi
  echo $((now - awake))
}

kept() { # microdollars of the cap $1 for a hold: its whole time, or half of a small cap
  hold=$((hold_s * ($(limit hourly) + $(limit disk_hourly)) / 3600))
  echo $((hold < $1 / 2 ? hold : $1 / 2))
}

why() { # why it has to end; nothing while it need not
  [ "$ends" = none ] || [ "$now" -lt "$ends" ] || { echo "time to live" && return; }
  cap=$(limit cap)
  [ -z "$cap" ] || [ "$(spent)" -lt $((cap - $(kept "$cap"))) ] || { echo "dollar cap" && return; }
  idle_s=$(limit idle_s)
  [ -z "$idle_s" ] || [ "$(idle)" -lt "$idle_s" ] || echo "idle"
}

held() { # whether somebody fetches results, for a while and within the cap
  cap=$(limit cap)
  young "$run/hold" && [ "$now" -lt $(($(number "$run/due" "$now") + hold_s)) ] &&
    { [ -z "$cap" ] || [ "$(spent)" -lt "$cap" ]; }
}

end() { # fails where it has come
  [ -e "$run/due" ] || echo "$now" > "$run/due"
  echo "$1" > "$run/notice"
  if held; then return; fi
  echo "$1" > "$run/ended"
  shutdown -h now
  return 1
}

warn() {
  rm -f "$run/due"
  if [ "$ends" != none ] && [ "$now" -ge $((ends - notice_s)) ]; then
    echo "time to live" > "$run/notice"
  else
    rm -f "$run/notice"
  fi
}

check() {
  mkdir -p "$run" "$var"
  chmod 1777 "$run"
  now=$(date +%s)
  ends=$(cat "$etc/ends" 2> /dev/null)
  case "$ends" in
    none) ;;
    '' | *[!0-9]*) return 1 ;; # no word, no guard: launch finds nothing armed and ends the instance
  esac
  count_hours
  reason=$(why)
  # What goes down is not called guarded: whoever has just started it would take it for ready.
  if [ -n "$reason" ]; then end "$reason" || return 0; else warn; fi
  echo "$ends" > "$run/armed"
}

loop() {
  while :; do
    check
    sleep "${AWSTUNE_GUARD_EVERY_S:-2}"
  done
}

arm() {
  check
  if [ -d "$root/run/systemd/system" ]; then
    systemctl daemon-reload
    systemctl enable --now awstune-guard.timer
  else
    nohup sh "$0" loop > /dev/null 2>&1 < /dev/null &
  fi
}

case "${1:-check}" in
  arm) arm ;;
  loop) loop ;;
  check) check ;;
  *) echo "usage: guard arm|check|loop" >&2 && exit 2 ;;
esac
