"""What was asked of a sweep: ``sweep.toml``, written so that a person can read and edit it."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import tomlkit

from awstune import names
from awstune.errors import SweepError, UsageError
from awstune.search.space import Space
from awstune.sweeps import kinds
from awstune.sweeps.aside import whole
from awstune.sweeps.target import Target, mode_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awstune.search.trials import Mode

VERSION = 1
AUTO: Literal["auto"] = "auto"  # as many at a time as fit
_OWN = (
    "version",
    "created",
    "target",
    "metric",
    "mode",
    "search",
    "trials",
    "parallel",
    "seed",
    "value",
    "python",
)

OPTIONS = frozenset(
    (
        "acquisition",
        "confirm",
        "data",
        "env",
        "keep",
        "max_time",
        "max_usd",
        "data_from",
        "metric_regex",
        "metric_file",
        "repeats",
        "seeds",
        "start",
        "stop_early",
        "stop_when",
        "trial_memory",
        "trial_threads",
        "trial_timeout",
        "usd_per_hour",
    )
)
# Those that say how one trial runs, also outside of the sweep.
OF_A_TRIAL = frozenset(
    (
        "data",
        "data_from",
        "env",
        "metric_file",
        "metric_regex",
        "start",
        "trial_memory",
        "trial_threads",
        "trial_timeout",
    )
)
_EXAMPLE = f"{names.SPEC_FILE} of any sweep shows how it looks"


@dataclass(frozen=True)
class Spec:
    """The spec of a sweep.

    Attributes:
        target: what one trial runs.
        space: what is searched.
        metric: the name of what a trial reports; None until the first report tells.
        mode: the better direction; None until the metric's name tells.
        search: "bayes", "random" or "grid".
        trials: how many to start, the baseline among them; None for all of a grid.
        parallel: how many at a time; "auto" is as many as fit, by what the first trial takes.
        seed: the search's.
        value: whether a trial's value is its "last" report or its "best" one.
        python: the interpreter of the trials; None is the one that runs awstune.
        options: whatever else was typed, by long option name with underscores (``trial_timeout``: seconds,
            ``trial_memory``: GiB, ``keep``: "all", "best" or "none", ``metric_regex``, ``stop_early``,
            ``repeats``, ``confirm``, ``data`` ...); never a secret.
        created: seconds since the epoch.
    """

    target: Target
    space: Space
    metric: str | None = None
    mode: Mode | None = None
    search: str = "bayes"
    trials: int | None = names.DEFAULT_TRIALS
    parallel: int | Literal["auto"] = 1
    seed: int = 0
    value: Literal["last", "best"] = "last"
    python: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    created: float = field(default_factory=time.time)

    def with_mode(self) -> Spec:
        """The same, with the mode that follows from the metric's name where none was said."""
        if self.mode is None and self.metric is not None:
            return replace(self, mode=mode_of(self.metric))
        return self

    def to_json(self) -> dict[str, Any]:
        """The spec as plain values, what is None left out; the journal's ``sweep`` event has it too."""
        target = list(self.target.command) if self.target.kind == "command" else self.target.text
        plain = {
            "version": VERSION,
            "created": self.created,
            "target": target,
            "metric": self.metric,
            "mode": self.mode,
            "search": self.search,
            "trials": self.trials,
            "parallel": self.parallel,
            "seed": self.seed,
            "value": self.value,
            "python": self.python,
            **self.options,
            "space": self.space.to_toml(),
        }
        return {key: value for key, value in plain.items() if value is not None}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Spec:
        """The spec of plain values, an older version's brought up to this one's.

        Raises:
            UsageError: it is of a newer version, or has no target or space.
            SpaceError: its space says nothing, or nonsense.
        """
        kinds.refuse_others(plain, "the spec says")
        if plain.get("version", VERSION) > VERSION:
            raise UsageError(
                f"a newer awstune wrote this spec (version {plain['version']})", "upgrade awstune"
            )
        for needed in ("target", "space"):
            if needed not in plain:
                raise UsageError(f"the spec has no {needed}", _EXAMPLE)
        known = {key: plain[key] for key in _OWN if key in plain and key not in ("version", "target")}
        return cls(
            target=_target(plain["target"]),
            space=Space.from_toml(plain["space"]),
            options={key: value for key, value in plain.items() if key not in (*_OWN, "space")},
            **{"trials": None, **known},
        )

    def write(self, path: Path) -> None:
        """Write it as TOML, aside and then in place.

        Raises:
            SweepError: it cannot be written.
        """
        plain = self.to_json()
        document = tomlkit.document()
        document.add(tomlkit.comment("A sweep's spec. awstune sweep --spec FILE runs it again."))
        for key, value in plain.items():
            document.add(key, _table(value) if key == "space" else value)
        try:
            with whole(path, durable=True) as file:  # a journal with an empty spec goes on with nothing
                file.write(tomlkit.dumps(document).encode())
        except OSError as error:
            hint = f"make room in {path.parent}, or see to its permissions; then repeat the command"
            raise SweepError(f"cannot write {path}: {error.strerror}", hint) from error

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Read a ``sweep.toml``.

        Raises:
            UsageError: it is not there, no TOML, or no spec.
        """
        try:
            plain = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            hint = f"--spec names a file such as sweeps/train-1/{names.SPEC_FILE}"
            raise UsageError(f"cannot read {path}: {error.strerror}", hint) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no TOML: {error}", f"mend it; {_EXAMPLE}") from None
        return cls.from_json(plain)


def _table(space: Mapping[str, Any]) -> Any:
    table = tomlkit.table()
    for name, value in space.items():
        table.add(tomlkit.key(name), value)
    return table


def _target(plain: Any) -> Target:
    if not isinstance(plain, str):
        return Target("command", command=tuple(plain))
    where, _, function = plain.rpartition(":")
    if where.endswith(".pkl"):
        return Target("pickle", file=where, function=function)
    if where.endswith(".py"):
        return Target("function", file=where, function=function)
    return Target("function", module=where, function=function)
