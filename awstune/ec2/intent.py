"""What is about to be asked of AWS, written down before it is asked.

A RunInstances whose answer was lost is asked again with the same client token and the same words, so
that AWS answers with the instance that it made then. That needs the whole request, with the host key
in its user-data: a file of mode 600 that lives until the answer is here.

Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awstune.sweeps.aside import whole

# Later than that an instance shows in DescribeInstances, by its name tag.
FRESH_S = 900.0


@dataclass(frozen=True)
class Intent:
    """A RunInstances request that is about to be made.

    Attributes:
        path: where it is written down.
        wishes: what the launch is for; another launch does not take it up.
        written: seconds since the epoch.
        request: RunInstances's arguments.
    """

    path: Path
    wishes: str
    written: float
    request: dict[str, Any]

    def write(self) -> None:
        """Writes it down, readable by its owner only, whole or not at all."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        plain = {"wishes": self.wishes, "written": self.written, "request": self.request}
        with whole(self.path, durable=True) as file:
            file.write(json.dumps(plain).encode())

    def forget(self) -> None:
        """The answer is here: nothing is open any more.

        What a disk does not let go is no reason to forget an instance: it would be asked for with its token.
        """
        with contextlib.suppress(OSError):
            self.path.unlink()


def intent_path(keys_dir: Path, name: str, region: str) -> Path:
    """Where the intent to run ``name`` is written down."""
    return keys_dir / "intents" / f"{name}-{region}.json"


def taken_up(path: Path, wishes: str, now: float) -> Intent | None:
    """The intent that an interrupted launch of the same wishes left; None where there is none to finish."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        written = json.loads(path.read_text(encoding="utf-8"))
        intent = Intent(path, written["wishes"], float(written["written"]), dict(written["request"]))
        if intent.wishes == wishes and 0 <= now - intent.written < FRESH_S:
            return intent
    return None


def forget_all(keys_dir: Path, pair: str, region: str) -> None:
    """Drops the open intents of all instances of a key pair, such as those of a whole fleet."""
    for path in (keys_dir / "intents").glob(f"*-{region}.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(path.read_text(encoding="utf-8"))["request"]["KeyName"] == pair:
                path.unlink()
