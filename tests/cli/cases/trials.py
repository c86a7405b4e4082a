"""Trials that misbehave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trials:
    """A row of trials that misbehave.

    Attributes:
        what: a trial that...
        body: of ``def train(trial)``.
        error: part of what the results say.
        status: the sweep's exit status.
        outcome: of each of its two trials.
        options: of the sweep.
        log: part of the newest trial's log.
        spec: a line of a ``sweep.toml``, for what has no option.
    """

    what: str
    body: str
    error: str = ""
    status: int = 3
    outcome: str = "failed"
    options: tuple[str, ...] = ()
    log: str = ""
    spec: str = ""

    @property
    def script(self) -> str:
        """The training script."""
        lines = "".join(f"    {line}\n" for line in self.body.splitlines())
        return f'import os, signal, sys, time\nmetric = "loss"\n\n\ndef train(trial):\n{lines}'


FINE = {"status": 0, "outcome": "succeeded"}
TRIALS = (
    Trials("raises", "1 / 0", "ZeroDivisionError", log="ZeroDivisionError"),
    Trials("raises with a message of two lines", "raise ValueError('a\\nb')", "ValueError: a"),
    Trials("raises in unicode", "raise ValueError('größer \\u2713')", "größer", log="größer"),
    Trials(
        "raises in colour", "raise ValueError('\x1b[31mred\x1b[0m\\rover\\x07')", "red", log="\x1b[31mred"
    ),
    Trials("reports NaN", "trial.report(loss=float('nan'))", "nan"),
    Trials("reports infinity", "trial.report(loss=float('inf'))", "inf"),
    Trials("returns NaN", "return float('nan')", "never reported loss, only value"),
    Trials("returns None and never reports", "return None", "report"),
    Trials("returns text", "return 'low'", "never reported loss"),
    Trials("reports text", "trial.report(loss='low')", "takes a number, not a str"),
    Trials("reports nothing", "trial.report()", "report"),
    Trials("reports something else", "trial.report(speed=1.0)", "loss"),
    Trials("exits", "sys.exit(3)", "3"),
    Trials("exits with status 0", "sys.exit(0)", "never reported loss"),
    Trials("exits at once", "os._exit(3)", "status 3"),
    Trials("is killed", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    Trials("crashes", "os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    Trials("takes too long", "time.sleep(60)", "1 s", options=("--trial-timeout", "1s")),  # until it is ended
    Trials("misses a parameter", "trial.params['lr']", "KeyError", log="KeyError"),
    Trials("wants more memory than there is", "bytearray(1 << 60)", "more memory than there is"),
    Trials(
        "fills its memory",
        "held = []\nwhile True:\n    held.append(bytearray(1 << 24))",
        "more memory than there is",
        spec="trial_memory = 1",
    ),
    Trials("is killed for its memory", "os.kill(os.getpid(), signal.SIGKILL)", "out of memory most likely"),
    Trials(
        "prints 50 MB", "sys.stdout.write('x' * 50_000_000)\ntrial.report(loss=1.0)", log="x" * 1000, **FINE
    ),
    Trials("prints no text", "os.write(1, bytes([255, 0, 10]))\ntrial.report(loss=1.0)", **FINE),
    # What it leaves behind stays until it is ended.
    Trials("forks", "if os.fork() == 0:\n    time.sleep(60)\ntrial.report(loss=1.0)", **FINE),
    Trials("closes its output", "os.close(1)\nos.close(2)\ntrial.report(loss=1.0)", **FINE),
    Trials("goes elsewhere", "os.chdir('/')\ntrial.report(loss=1.0)", **FINE),
)
