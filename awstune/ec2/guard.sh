#!/bin/sh
# Ends this instance when its time is up. It needs no credentials and no network: only the disk's
# word (etc/awstune/ends: seconds since the epoch, or "none") and the clock.
#   guard arm    start guarding, now and at every boot
#   guard check  look once (the systemd timer calls this)
#   guard loop   look again and again, where there is no systemd
# Every path lies below $AWSTUNE_ROOT and every command is found through PATH, so that the same
# file can guard an instance that is only a folder and some processes.
set -u
root="${AWSTUNE_ROOT:-}"
etc="$root/etc/awstune"
run="$root/run/awstune"

end_instance() {
  echo "$1" > "$run/ended"
  shutdown -h now
}

check() {
  mkdir -p "$run"
  ends=$(cat "$etc/ends" 2>/dev/null)
  now=$(date +%s)
  case "$ends" in
    none) ;;
    '' | *[!0-9]*) return 1 ;; # no word, no guard: launch finds nothing armed and ends the instance
    *) [ "$now" -lt "$ends" ] || end_instance "time to live" ;;
  esac
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
