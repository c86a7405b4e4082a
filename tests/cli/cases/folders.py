"""Sweeps that are not there, damaged, or of another time."""

from __future__ import annotations

from tests.cli.cases.case import JOURNAL, SPEC, SPEC_SPACE, Case, sweep

FOLDERS = (
    *(
        Case(f"{command}", "no sweep here", "awstune sweep train.py", kind="unknown_name")
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
    ),
    *(
        Case(f"{command} {name}", "no sweep", "awstune sweeps lists all", kind="unknown_name", files=sweep())
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
        for name in ("nosuch", "../x", "'$(x)'", "'a\nb'", "-- --")
    ),
    *(
        Case(f"{command} old", "version 99", "upgrade", files=sweep(SPEC.replace("1", "99", 1) + SPEC_SPACE))
        for command in ("status", "resume", "results")
    ),
    *(
        Case(f"{command} old", "no TOML", "sweep.toml", files=sweep("target = \n"))
        for command in ("status", "resume", "results")
    ),
    *(
        Case(
            f"{command} old",
            "journal.jsonl",
            "awstune sweep --spec sweeps/old/sweep.toml",
            kind="journal",
            status=1,
            files={"sweeps/old/sweep.toml": SPEC + SPEC_SPACE, "sweeps/old/journal.jsonl/x": ""},
        )
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
    ),
    *(
        Case(
            f"{command} old",
            "where.json does not say where old runs",
            "awstune attach old",
            kind="sweep",
            status=1,
            files=sweep(**{f"sweeps/old/where.json{below}": content}),
        )
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
        for below, content in (("", "{}"), ("/x", "a folder"))
    ),
    *(
        Case(
            f"{command} elsewhere/sweeps/old",
            "elsewhere/sweeps/old is no sweep of the folder that you are in",
            "name it old",
            files={"elsewhere/sweeps/old/sweep.toml": SPEC + SPEC_SPACE},
        )
        for command in ("status", "attach", "logs", "resume", "cancel", "results", "run")
    ),
    Case("logs sweeps/old/", "no log", "awstune status old", kind="unknown_name", files=sweep()),
    Case("status old", "no sweep", "", kind="unknown_name", files={"sweeps/old/journal.jsonl": JOURNAL}),
    Case(
        "resume old",
        "cannot write",
        "awstune resume old",
        kind="sweep",
        status=1,
        with_json=False,
        begins=True,
        files=sweep(**{"sweeps/old/trials": "a file"}),
    ),
    Case("logs old", "no log", "awstune status old", kind="unknown_name", files=sweep()),
    Case(
        "logs old --trial 7",
        "trial 7 of old has no log",
        "awstune status old",
        kind="unknown_name",
        files=sweep(),
    ),
    Case("logs old --trial -1", "-1", "awstune logs --help", files=sweep()),
    Case("logs old --trial x", "'x'", "awstune logs --help", files=sweep()),
    Case("cancel old --trial x", "'x'", "awstune cancel --help", files=sweep()),
    Case("cancel old --trial 7", "not running", "awstune", files=sweep()),
    Case("resume old --trials x", "--trials x is no number", "+30", files=sweep()),
    Case("resume old --trials 0", "--trials 0 is no number", "+30", files=sweep()),
    Case("resume old --trials +0", "--trials +0 is no number", "+30", files=sweep()),
    Case("resume old --trials -5", "-5", "+30", files=sweep()),
    Case("resume old --trials +999999999", "no number of trials from 1 to 1000000", "+30", files=sweep()),
    Case("resume old --mode up", "'up'", "awstune resume --help", files=sweep()),
    Case("results old --format xml", "'xml'", "awstune results --help", files=sweep()),
    *(
        Case(
            f"results old {options}",
            "no trial has succeeded",
            "awstune results old",
            status=3,
            kind="nothing_succeeded",
            files=sweep(),
            with_json=False,
        )
        for options in (
            "--best",
            *(f"--format {shape}" for shape in ("args", "toml")),
            *(f"--best --format {shape}" for shape in ("csv", "parquet")),
        )
    ),
)
