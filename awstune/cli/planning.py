"""What a sweep would do, in words: before it does anything, and as the first thing that it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from awstune.amounts import count, size
from awstune.names import DATA_VARIABLE
from awstune.report.fitting import columns, wrapped
from awstune.report.words import duration, money, value
from awstune.search.compact import show
from awstune.sweeps.spec import AUTO, Spec
from awstune.sweeps.turns import CONFIRM_SEEDS

if TYPE_CHECKING:
    from awstune.search.space import Space

INDENT = "  "


def plan(spec: Spec, *, room: int | None = None) -> str:
    """What will be searched, and how, in a few lines.

    Args:
        spec: the sweep's.
        room: the columns that its tables may have; None for as many as they want.
    """
    number = "all points" if spec.trials is None else count(spec.trials, "trial")
    at_once = "as many as fit" if spec.parallel == AUTO else spec.parallel
    better = {"min": ", lower is better", "max": ", higher is better", None: ""}[spec.mode]
    table = _space(spec.space, None if room is None else room - len(INDENT))
    return "\n".join(
        [
            f"Sweep of {spec.target.text}: {spec.search}, {number}, {at_once} at a time",
            f"  metric: {spec.metric or 'the only one reported'}{better}",
            *(f"{INDENT}{line}" for line in _more(spec)),
            *(f"{INDENT}{line}".rstrip() for line in table.splitlines()),
        ]
    )


def _space(space: Space, room: int | None) -> str:
    """Each parameter's space; where that has no room, without the default, which is the baseline's."""
    baseline, header = space.defaults(), ("", "space", "taken for", "baseline", "")
    told = [(name, type(one).__name__.lower(), value(baseline.get(name))) for name, one in space.items()]
    rows = []
    for default in (True, False):
        shown = [show(one, default=default) for one in space.values()]
        rows = [(name, text, *rest, "") for (name, *rest), text in zip(told, shown, strict=True)]
        table = columns(rows, header)
        if room is None or max(map(len, table.splitlines())) <= room:
            return table
    return wrapped(rows, header, room=room, keys=1)


def _more(spec: Spec) -> list[str]:
    repeats, confirm = spec.options.get("repeats", 1), spec.options.get("confirm")
    lines = []
    if repeats > 1:
        lines.append(f"repeats: each trial runs {repeats} times, with {repeats} seeds; the mean is its value")
    if confirm:
        best = "the best trial runs" if confirm == 1 else f"the best {confirm} trials run"
        lines.append(f"confirm: at the end {best} again, with {CONFIRM_SEEDS} new seeds each")
    return lines


def forecast(ahead: Any, *, room: int | None = None) -> str:
    """What a sweep would do: its plan, its first trials, what travels, and what it costs; `room` as above."""
    rows = [
        (str(number), *(value(one.params.get(name)) for name in ahead.spec.space), "")
        for number, one in enumerate(ahead.suggestions)
    ]
    header = ("trial", *ahead.spec.space, "")
    first = wrapped(rows, header, "r" * len(header), room=room, keys=1)
    whys = "\n".join(_whys([one.why for one in ahead.suggestions]))
    told = [
        beginning(ahead, room=room),
        f"The first trials, if none had reported yet:\n{first}\n{whys}",
        _costs(ahead),
    ]
    return "\n\n".join(told)


def _whys(reasons: Sequence[str]) -> Iterator[str]:
    """Why these points, each reason once."""
    for why in dict.fromkeys(reasons):
        alike = [str(number) for number, other in enumerate(reasons) if other == why]
        yield f"{'trials' if len(alike) > 1 else 'trial'} {', '.join(alike)}: {why}"


def beginning(ahead: Any, *, room: int | None = None) -> str:
    """What is searched, and what travels; `room` as above."""
    told = [plan(ahead.spec, room=room)]
    if ahead.travels is not None:
        told.append(heaviest(ahead.travels))
    if ahead.data is not None:
        told.append(data(ahead.data, travels=ahead.travels is not None))
    return "\n\n".join(told)


def afterwards(launch: Any) -> str:
    """What becomes of an instance that is launched for a sweep, and what can be lost meanwhile."""
    told = "Afterwards: when the sweep has ended and all of it is here, the instance is terminated."
    runs = [run for run in launch.launches if run.at_end == "terminate"]
    if not runs:
        return f"{told}\nUnattended: it stops itself; awstune attach fetches all and terminates it."
    spot = any(run.market == "spot" for run in runs)
    idle = min((run.idle_s for run in runs if run.idle_s is not None), default=None)
    when = "" if idle is None else f", {duration(idle)} after the sweep has ended at the latest,"
    return f"{told}\n{_unattended(spot=spot, bucket=all(run.bucket for run in runs), when=when)}"


def unattended(one: Any) -> str:
    """What of a sweep on an instance that is there already can be lost; empty where that keeps its disk."""
    from awstune.flow import ship

    if ship.at_end_of(one) == "stop":
        return ""
    return _unattended(spot=one.market == "spot", bucket=bool(one.bucket))


def _unattended(*, spot: bool, bucket: bool, when: str = "") -> str:
    told = ["AWS may take it back with two minutes' notice."] if spot else []
    if bucket:
        told += [
            "At its end it is terminated, disk and all: the bucket has what was written until then.",
            "Where it is gone at once, what was written in its last half minute is lost.",
            "awstune attach, or resume --launch, brings the rest here.",
        ]
    else:
        told += [
            f"At its end{when} it is terminated, disk and all.",
            "What nobody has fetched by then (journal, checkpoints, artifacts) is lost.",
            "awstune attach fetches it as it comes; launched with --results-bucket, a bucket has it.",
        ]
    return f"Unattended: {' '.join(told)}"


def _costs(ahead: Any) -> str:
    if ahead.launch is not None:
        from awstune.cli.launching import plan_in_words

        told = [f"The instance:\n{plan_in_words(ahead.launch)}", afterwards(ahead.launch)]
        return "\n\n".join(filter(None, told))
    if ahead.travels is None:
        return "Costs nothing: it runs on this machine."
    costs = "What the instance costs an hour is not known."
    if ahead.usd_per_hour is not None:
        costs = f"Costs {money(ahead.usd_per_hour)} an hour; the first trial tells how long it takes."
    return "\n\n".join(filter(None, [costs, ahead.instance and unattended(ahead.instance)]))


def data(found: Any, *, travels: bool) -> str:
    """What ``--data`` names, and how a trial finds it."""
    told = f"Data: {found.path} ({count(len(found.files), 'file')}, {size(found.size)})"
    if not travels:
        return f"{told}; trials find it by {DATA_VARIABLE}"
    return f"{told}; what the instance has of it does not travel again.\nTrials find it by {DATA_VARIABLE}."


def heaviest(travels: Any) -> str:
    """What of a project would go to an instance, with its largest files."""
    rows = [f"  {size(weight):>9}  {file}" for file, weight in travels.largest(3)]
    files = count(len(travels.files), "file")
    return "\n".join([f"Travels: {travels.root} ({files}, {size(travels.size)}); heaviest:", *rows])
