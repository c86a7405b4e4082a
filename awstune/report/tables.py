"""The documents that ``--json`` prints, as tables for people. Pure: a document in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from awstune.report.words import count, duration, money, params, value

Document = Mapping[str, Any]


def columns(rows: Iterable[Sequence[str]], header: Sequence[str], right: str = "") -> str:
    """Columns of text, each as wide as its widest cell.

    Args:
        rows: cells, as many in each row as in the header.
        header: the columns' names.
        right: a letter per column: ``r`` aligns it to the right.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    sides = right.ljust(len(header), "l")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def instances(found: Sequence[Document]) -> str:
    """One's instances, a line each; a sentence where there is none."""
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
            one["id"],
        )
        for one in found
    ]
    return columns(rows, ("NAME", "TYPE", "STATE", "AGE", "COST", "ENDS IN", "ADDRESS", "ID"), "lllrrr")


def _ends(one: Document) -> str:
    return "never" if one["ttl_left_s"] is None else duration(one["ttl_left_s"])


def types(rows: Sequence[Document], region: str) -> str:
    """The GPU types of a region, a line each."""
    if not rows:
        return f"{region} offers no GPU type"
    cells = [
        (
            row["type"],
            f"{row['gpus']} x {row['gpu']}",
            f"{row['gpu_memory_gib']:g}",
            str(row["vcpus"]),
            money(row["usd_per_hour"]),
            money(row["spot_usd_per_hour"]),
            _quota(row),
            "" if row["offered"] else "not offered",
        )
        for row in rows
    ]
    header = ("TYPE", "GPU", "GiB EACH", "VCPUS", "AN HOUR", "SPOT", "QUOTA USED", "")
    return columns(cells, header, "llrrrrr")


def _quota(row: Document) -> str:
    if row["quota_vcpus"] is None:
        return "-"
    return f"{row['quota_used_vcpus'] or 0:g} of {row['quota_vcpus']:g}"


def checks(found: Sequence[Document]) -> str:
    """The doctor's findings, each bad one with its fix below."""
    lines = []
    for check in found:
        lines.append(f"{'ok  ' if check['ok'] else 'MEND'}  {check['check']}: {check['found']}")
        if not check["ok"] and check["fix"]:
            lines.append(f"      fix: {check['fix']}")
    return "\n".join(lines)


def results(document: Document) -> str:
    """A sweep's trials, a line each, the best one marked."""
    trials = document["trials"]
    if not trials:
        return f"{document['sweep']}: no trials yet"
    names = list(dict.fromkeys(name for trial in trials for name in trial["params"]))
    best = document["best"]["trial"] if document["best"] else None
    rows = [
        (
            "*" if trial["trial"] == best else "",
            str(trial["trial"]),
            value(trial["value"]),
            *(value(trial["params"].get(name)) for name in names),
            duration(trial["seconds"]),
            _outcome(trial),
        )
        for trial in trials
    ]
    header = ("", "trial", document["metric"] or "value", *names, "took", "")
    return columns(rows, header, "lrr" + "r" * len(names) + "r")


def _outcome(trial: Document) -> str:
    if trial["status"] == "succeeded":
        return "baseline" if trial["trial"] == 0 else ""
    word = trial["status"].replace("_", " ")
    return f"{word}: {trial['error']}" if trial["error"] else word


def best(document: Document, folder: Path | None = None) -> str:
    """The best trial beside the baseline.

    Args:
        document: of ``results --json``.
        folder: the sweep's; with it also where the best checkpoint lies, and how to have its values.
    """
    top = document["best"]
    if top is None:
        return f"{document['sweep']}: no trial has succeeded"
    lines = [f"best of {count(len(document['trials']), 'trial')}: {_scored(document, top)}"]
    base = next((trial for trial in document["trials"] if trial["trial"] == 0), None)
    if base is not None and base["value"] is not None:
        lines.append(f"baseline: {_scored(document, base)}")
    if folder is not None and top["checkpoint"]:
        lines.append(f"checkpoint: {folder / top['checkpoint']}")
    if folder is not None:
        lines.append(f"its values: awstune results {document['sweep']} --format args")
    return "\n".join(lines)


def _scored(document: Document, trial: Document) -> str:
    metric = document["metric"] or "value"
    return f"{metric} {value(trial['value'])} (trial {trial['trial']}: {params(trial['params'])})"


def status(document: Document) -> str:
    """How a sweep is getting on, in a few lines."""
    trials = document["trials"]
    done = trials["succeeded"] + trials["failed"] + trials["stopped_early"]
    planned = "" if trials["planned"] is None else f" of {trials['planned']}"
    parts = [f"{done}{planned} trials done"]
    parts += [
        f"{trials[key]} {key.replace('_', ' ')}"
        for key in ("running", "failed", "stopped_early")
        if trials[key]
    ]
    lines = [f"{document['sweep']} ({document['where']}): {document['state']}", f"  {', '.join(parts)}"]
    top = document["best"]
    if top is not None:
        lines.append(f"  best {value(top['value'])} (trial {top['trial']}: {params(top['params'])})")
    if document["eta_s"] is not None:
        lines.append(f"  ends in about {duration(document['eta_s'])}")
    if document["usd_so_far"]:
        lines.append(f"  cost so far {money(document['usd_so_far'])}")
    return "\n".join(lines)


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
