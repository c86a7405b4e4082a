"""A sweep's results for other programs: CSV, Parquet, and the best trial as arguments or TOML."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tomlkit

from awstune.errors import NothingSucceeded, UsageError
from awstune.sweeps import words

Document = Mapping[str, Any]
FIELDS = (
    "trial",
    "value",
    "status",
    "started",
    "seconds",
    "steps",
    "error",
    "node",
    "why",
    "checkpoint",
    "command",
    "sd",
)
CONFIRMED = ("mean", "sd")


def rows(document: Document) -> list[dict[str, Any]]:
    """A flat row a trial: its own fields, and its parameters as ``params.NAME``."""
    names = list(dict.fromkeys(name for trial in document["trials"] for name in trial["params"]))
    return [
        {
            **{field: trial[field] for field in FIELDS},
            **{f"confirmed.{field}": (trial["confirmed"] or {}).get(field) for field in CONFIRMED},
            **{f"params.{name}": _flat(trial["params"].get(name)) for name in names},
        }
        for trial in document["trials"]
    ]


def as_csv(document: Document) -> str:
    """All trials, a line each, with a header; numbers in full."""
    flat = rows(document)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(flat[0]) if flat else FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def as_parquet(document: Document) -> bytes:
    """All trials as a Parquet file.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", "pip install 'awstune[parquet]'"
        ) from error
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_of_one_type(rows(document))), sink)
    return sink.getvalue()


def as_args(document: Document) -> str:
    """The best trial as ``--name value ...``, quoted for a shell; ``name=value ...`` for a Hydra script."""
    hole = "{hydra}" if "hydra" in words.holes([document["target"]]) else "{args}"
    return shlex.join(words.fill([hole], document["best"]["params"]))


def as_toml(document: Document) -> str:
    """The best trial as TOML, a line a parameter."""
    # TOML has no word for None: such a parameter is left out.
    params = document["best"]["params"]
    return tomlkit.dumps({name: number for name, number in params.items() if number is not None})


FORMATS: Mapping[str, Callable[[Document], str | bytes]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "args": as_args,
    "toml": as_toml,
}


def refuse_without_best(document: Document) -> None:
    """What is about the best trial needs one.

    Raises:
        NothingSucceeded: there is none.
    """
    if document["best"] is None:
        name = document["sweep"]
        raise NothingSucceeded(f"{name}: no trial has succeeded", f"awstune results {name} shows all of them")


def _flat(number: Any) -> Any:
    return json.dumps(number) if isinstance(number, (list, dict)) else number


def _of_one_type(flat: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    # A column of Parquet holds one type; a choice may hold several, and is then text.
    columns = {name for row in flat for name in row}
    mixed = {name for name in columns if len({type(row[name]) for row in flat if row[name] is not None}) > 1}
    return [
        {name: str(cell) if name in mixed and cell is not None else cell for name, cell in row.items()}
        for row in flat
    ]
