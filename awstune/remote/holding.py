"""How whoever fetches from an instance has its end wait, and who leaves has it wait no longer."""

from __future__ import annotations

from awstune.names import HELD_S, HOLD_FILE, ROOT_VARIABLE

# Whoever fetches holds the instance's end off for a while.
HOLD = f'touch "${{{ROOT_VARIABLE}:-}}{HOLD_FILE}" 2>/dev/null'
# Who leaves takes it back, but for a moment in which anybody else who fetches touches it again. First in the
# words of GNU's touch, then of BSD's, which has it in hhmmss.
_AGED_S = int(HELD_S) - 15
_AGED = f"{_AGED_S // 3600:02}{_AGED_S // 60 % 60:02}{_AGED_S % 60:02}"
LET_GO = (
    f'hold="${{{ROOT_VARIABLE}:-}}{HOLD_FILE}"; '
    f'touch -c -d "{_AGED_S} seconds ago" "$hold" 2>/dev/null || touch -c -A -{_AGED} "$hold"'
)
LET_GO_S = 4.0
