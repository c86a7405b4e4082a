"""The documents that ``--json`` prints, as tables for people. Pure: a document in, text out."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from awstune.amounts import count
from awstune.report.fitting import columns, fitted, wrapped
from awstune.report.words import duration, money, params, spread, too_late, value

Document = Mapping[str, Any]
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
MOST_NAMED = 5
"""Parameters by importance; the rest are in `results --best --json`."""


def instances(found: Sequence[Document], *, ids: bool = False, room: int | None = None) -> str:
    """One's instances, a line each; a sentence where there is none.

    Args:
        found: of ``ls --json``.
        ids: whether to show AWS's ids, too.
        room: the columns that a terminal has; None for all that there is.
    """
    if not found:
        return "no instances"
    rows = [
        (
            one["name"],
            one["type"],
            one["state"],
            duration(one["age_s"]),
            money(one["usd_so_far"]),
            _ends(one),
            one["address"] or "-",
            *([one["id"]] if ids else []),
        )
        for one in found
    ]
    header = ("NAME", "TYPE", "STATE", "AGE", "COST", "ENDS IN", "ADDRESS", *(["ID"] if ids else []))
    spare = [header.index(name) for name in ("AGE", "ADDRESS", "TYPE", "COST")]
    return fitted(rows, header, "lllrrr", room=room, spare=spare, whole="--json has all columns")


def _ends(one: Document) -> str:
    if one["state"] not in ("pending", "running"):
        return "-"
    return "never" if one["ttl_left_s"] is None else duration(one["ttl_left_s"])


def types(rows: Sequence[Document], region: str, *, room: int | None = None) -> str:
    """The GPU types of a region, a line each; as many columns as there is room for."""
    if not rows:
        return f"{region} offers no GPU type"
    cells = [
        (
            row["type"],
            f"{row['gpus']} x {row['gpu']}",
            f"{row['gpu_memory_gib']:g}",
            str(row["vcpus"]),
            money(row["usd_per_hour"]),
            _left(row["quota_vcpus"], row["quota_used_vcpus"]),
            money(row["spot_usd_per_hour"]),
            _left(row["spot_quota_vcpus"], row["spot_quota_used_vcpus"]),
            "" if row["offered"] else "not offered",
        )
        for row in rows
    ]
    header = ("TYPE", "GPU", "GiB EACH", "VCPUS", "AN HOUR", "VCPUS LEFT", "SPOT", "SPOT LEFT", "")
    spare = [header.index(name) for name in ("SPOT LEFT", "VCPUS", "GiB EACH", "VCPUS LEFT")]
    table = fitted(cells, header, "llrrrrrr", room=room, spare=spare, whole="--json has all columns")
    folded = [textwrap.fill(line, room) if room else line for line in _dated(rows)]
    return "\n".join([table, *folded])


def _dated(rows: Sequence[Document]) -> list[str]:
    """Of when the prices on demand are: most of them on one line, the types with others on the next."""
    dates: dict[str, list[str]] = {}
    for row in rows:
        if row["price_date"]:
            dates.setdefault(f"{row['price_region']}, {row['price_date']}", []).append(row["type"])
    by_most = sorted(dates.items(), key=lambda one: -len(one[1]))
    return [
        f"prices on demand: {date}" + (f" ({_few(types)})" if number else "")
        for number, (date, types) in enumerate(by_most)
    ]


def _left(vcpus: float | None, used: float | None) -> str:
    """What one's quota still allows, of how much."""
    return "-" if vcpus is None else f"{max(0.0, vcpus - (used or 0.0)):g} of {vcpus:g}"


def spot_prices(rows: Sequence[Document], region: str, *, room: int | None = None) -> str:
    """The spot prices of a region, a column for each of its zones that there is room for."""
    zones = sorted({zone for row in rows for zone in row["spot_usd_per_hour_by_zone"]})
    if not zones:
        return f"nobody says the spot prices of {region}"
    cells = [
        (row["type"], *(money(row["spot_usd_per_hour_by_zone"].get(zone)) for zone in zones))
        for row in rows
        if row["spot_usd_per_hour_by_zone"]
    ]
    header, spare = ("TYPE", *zones), range(len(zones), 1, -1)
    right = "l" + "r" * len(zones)
    return fitted(cells, header, right, room=room, spare=spare, whole="--json has all zones")


def checks(found: Sequence[Document]) -> str:
    """The doctor's findings, each bad one with its fix below."""
    lines = []
    for check in found:
        lines.append(f"{'ok  ' if check['ok'] else 'MEND'}  {check['check']}: {check['found']}")
        if not check["ok"]:
            lines += _steps(check["steps"])
    return "\n".join(lines)


def _steps(steps: Sequence[str]) -> list[str]:
    """What mends it: one thing a line, numbered where there are several."""
    told = [f"{number}. {step}" for number, step in enumerate(steps, 1)] if len(steps) > 1 else steps
    return [f"      {'     ' if number else 'fix: '}{step}" for number, step in enumerate(told)]


def results(document: Document, *, going_on: bool = False, room: int | None = None) -> str:
    """A sweep's trials, a line each, the best one marked.

    Args:
        document: of ``results --json``.
        going_on: whether the sweep runs: what has not ended is interrupted where it does not.
        room: the columns that a terminal has; None for all that there is.
    """
    trials = document["trials"]
    if not trials:
        return f"{document['sweep']}: no trials yet"
    names = list(dict.fromkeys(name for trial in trials for name in trial["params"]))
    best = document["best"]["trial"] if document["best"] else None
    again = ["new seeds"] if any(trial["confirmed"] for trial in trials) else []
    rows = [
        (
            "*" if trial["trial"] == best else "",
            str(trial["trial"]),
            spread(trial["value"], trial["sd"]),
            *(_confirmed(trial["confirmed"]) for _ in again),
            *(value(trial["params"].get(name)) for name in names),
            duration(trial["seconds"]),
            _outcome(trial, going_on=going_on),
        )
        for trial in trials
    ]
    header = ("", "trial", document["metric"] or "value", *again, *names, "took", "")
    right = "lrr" + "r" * len([*again, *names]) + "r"
    table = wrapped(rows, header, right, room=room, keys=3)
    return "\n".join([table, *_errors(trials), *_commands(trials), *_reruns(document["runs"])])


def _errors(trials: Sequence[Document]) -> list[str]:
    """Why trials failed, each reason once, below the table, which would be too wide with them."""
    alike: dict[str, list[Document]] = {}
    for trial in trials:
        if trial["error"]:
            alike.setdefault(_NUMBER.sub("#", trial["error"]), []).append(trial)
    return ["", *map(_error, alike.values())] if alike else []


def _error(trials: Sequence[Document]) -> str:
    """The reason of trials that failed alike, but for the numbers in it."""
    first, *others = (trial["trial"] for trial in trials)
    if len({trial["error"] for trial in trials}) == 1:
        return f"{_trials([first, *others])}: {trials[0]['error']}"
    return f"trial {first}: {trials[0]['error']}; {_trials(others)} alike"


def _trials(numbers: Sequence[int]) -> str:
    return f"trial{'s' if len(numbers) > 1 else ''} {_few(numbers)}"


def _few(named: Sequence[str] | Sequence[int]) -> str:
    shown = ", ".join(map(str, named[:MOST_NAMED]))
    return f"{shown} and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else shown


def _commands(trials: Sequence[Document]) -> list[str]:
    """Each trial's command line, where trials are programs."""
    lines = [f"trial {trial['trial']}: {trial['command']}" for trial in trials if trial["command"]]
    return ["", *lines] if lines else []


def _reruns(runs: Sequence[Document]) -> list[str]:
    """What ``awstune run`` did outside of the search, a line each."""
    lines = []
    for run in runs:
        seeds = count(sum(one["value"] is not None for one in run["runs"]), "seed")
        scored = spread(run["mean"], run["sd"])
        lines.append(f"run {run['run']}: {scored} over {seeds} ({params(run['params'])})")
    return ["", *lines] if lines else []


def _confirmed(runs: Document | None) -> str:
    return "" if runs is None else spread(runs["mean"], runs["sd"])


def _outcome(trial: Document, *, going_on: bool) -> str:
    if trial["status"] == "running":
        return "running" if going_on else "interrupted"
    if trial["status"] == "succeeded":
        return "baseline" if trial["trial"] == 0 else ""
    return str(trial["status"]).replace("_", " ")


def best(document: Document, folder: Path | None = None) -> str:
    """The best trial beside the baseline.

    Args:
        document: of ``results --json``.
        folder: the sweep's; with it also where the best checkpoint lies, and how to have its values.
    """
    top = document["best"]
    lines = [f"best of {count(len(document['trials']), 'trial')}: {_scored(document, top)}"]
    lines += _again(document, top)
    base = next((trial for trial in document["trials"] if trial["trial"] == 0), None)
    if base is not None and base["value"] is not None:
        lines.append(f"baseline: {_scored(document, base)}")
    if folder is not None and top["command"]:
        lines.append(f"command: {top['command']}")
    if folder is not None and top["checkpoint"]:
        lines.append(f"checkpoint: {folder / top['checkpoint']}")
    if folder is not None:
        lines.append(f"its values: awstune results {document['sweep']} --format args")
        lines.append(f"once more: awstune run {document['sweep']}")
    return "\n".join(lines)


def findings(document: Document, found: Document) -> str:
    """What a sweep tells beside its best trial, a line each; empty where it tells nothing yet.

    Args:
        document: of ``results --json``.
        found: ``Findings.to_json()``.
    """
    lines = []
    if found["importance"]:
        shares = (f"{' x '.join(i['params'])} {_share(i)}" for i in found["importance"][:MOST_NAMED])
        lines.append(f"what mattered: {', '.join(shares)}")
    if found["likely"]:
        lines.append(f"good values: {', '.join(_likely(one) for one in found['likely'])}")
    guess = found["guess"]
    if guess:
        expected = f"{value(guess['value'])} ± {guess['sd']:.2g}"
        metric, known = document["metric"] or "value", document["best"]["params"]
        other = {n: v for n, v in guess["params"].items() if n not in known or v != known[n]}
        where = params(other) if other else "the best trial's values"
        lines.append(f"the model's own guess: {metric} {expected} at {where}")
        if other:
            sets = " ".join(f"--set {shlex.quote(f'{n}={value(v)}')}" for n, v in other.items())
            lines.append(f"to try it: awstune run {document['sweep']} {sets}")
    return "\n".join([*lines, *(one["text"] for one in found["advice"])])


def _likely(where: Document) -> str:
    values = list(dict.fromkeys(value(one) for one in where["values"]))
    words = "..".join(values) if where["ordered"] else " or ".join(values)
    return f"{where['param']} {words} ({where['share']:.0%})"


def _share(importance: Document) -> str:
    return f"{importance['share']:.0%} ± {100 * importance['sd']:.0f}"


def _scored(document: Document, trial: Document) -> str:
    metric, scored = document["metric"] or "value", spread(trial["value"], trial["sd"])
    return f"{metric} {scored} (trial {trial['trial']}: {params(trial['params'])})"


def _again(document: Document, top: Document) -> list[str]:
    """What the best trials did with new seeds, where they were run again."""
    metric, ahead = document["metric"] or "value", document["confirmed"]
    lines = []
    if top["confirmed"]:
        seeds = count(sum(run["value"] is not None for run in top["confirmed"]["runs"]), "new seed")
        lines.append(f"with {seeds}: {metric} {_confirmed(top['confirmed'])}")
    if ahead is not None and ahead != top["trial"]:
        other = next(trial for trial in document["trials"] if trial["trial"] == ahead)
        told = f"{metric} {_confirmed(other['confirmed'])}"
        lines.append(f"with new seeds trial {ahead} is ahead: {told} ({params(other['params'])})")
    return lines


def status(document: Document) -> str:
    """How a sweep is getting on, in a few lines."""
    trials = document["trials"]
    done = trials["succeeded"] + trials["failed"] + trials["stopped_early"]
    planned = "" if trials["planned"] is None else f" of {trials['planned']}"
    parts = [f"{done}{planned} trials done"]
    words = {"stopped_early": "stopped early"}
    parts += [
        f"{trials[key]} {words.get(key, key)}"
        for key in ("running", "interrupted", "confirming", "failed", "stopped_early", "cancelled")
        if trials.get(key)
    ]
    place = "this machine" if document["where"] == "local" else f"the instance {document['where']}"
    lines = [f"{document['sweep']}: {document['state']}, on {place}", f"  {', '.join(parts)}"]
    top = document["best"]
    if top is not None:
        lines.append(f"  best {value(top['value'])} (trial {top['trial']}: {params(top['params'])})")
    lines += _ahead(document)
    if document["usd_so_far"]:
        lines.append(f"  cost so far {money(document['usd_so_far'])}")
    return "\n".join(lines)


def _ahead(document: Document) -> list[str]:
    """What is to come, and what was decided about it."""
    lines = []
    if document["eta_s"] is not None:
        left, each, cost = (document.get(key) for key in ("eta_s", "seconds_per_trial", "usd_at_end"))
        parts = [f"  ends in about {duration(left)}"]
        parts += [f"{duration(each)} a trial"] if each is not None else []
        parts += [f"{money(cost)} in all"] if cost is not None else []
        lines.append(", ".join(parts))
    if document.get("too_late_s"):
        lines.append(f"  {too_late(document['too_late_s'])}")
    if document.get("packing"):
        lines.append(f"  {document['packing']['why']}")
    return lines


def sweeps(documents: Sequence[Document]) -> str:
    """The sweeps of a folder, a line each."""
    if not documents:
        return "no sweeps here"
    rows = [
        (
            one["sweep"],
            one["state"],
            one["where"],
            str(one["trials"]["succeeded"] + one["trials"]["failed"] + one["trials"]["stopped_early"]),
            value(one["best"]["value"]) if one["best"] else "-",
        )
        for one in documents
    ]
    return columns(rows, ("SWEEP", "STATE", "WHERE", "TRIALS", "BEST"), "lllrr")
