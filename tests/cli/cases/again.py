"""``awstune run``, and the options of a sweep that repeat a trial, bring data, or tell of the end."""

from __future__ import annotations

from tests.cli.cases.case import SPEC, SPEC_SPACE, Case, sweep

_ENDED = (
    '{"t": 1.0, "event": "writer", "epoch": 1}\n'
    '{"t": 1.0, "event": "asked", "trial": 0, "epoch": 1, "params": {"x": 0.5}}\n'
    '{"t": 1.0, "event": "finished", "trial": 0, "epoch": 1, "status": "succeeded", "value": 0.25}\n'
    '{"t": 1.0, "event": "ended", "epoch": 1, "reason": "finished"}\n'
)
_OLD = sweep(journal=_ENDED)
_TWO = sweep(journal=_ENDED + '{"t": 2.0, "event": "asked", "trial": 1, "epoch": 1, "params": {"x": 0.5}}\n')
_INTS = sweep(SPEC + '[space]\nx = "1..4"\n', journal=_ENDED.replace("0.5", "2"))
_SILENT = (
    '{"t": 1.0, "event": "report", "trial": 0, "epoch": 1, "step": 0, "metrics": {"a": 1.0, "b": 2.0}}\n'
)
_UNKNOWN = sweep(
    SPEC.replace('metric = "loss"\n', "") + SPEC_SPACE,
    journal="".join([*_ENDED.splitlines(keepends=True)[:2], _SILENT]),
)

AGAIN = (
    Case("run old --trial 7", "old has no trial 7", "trials are 0 to 0", kind="unknown_name", files=_OLD),
    Case("run old --trial worst", "old has no trial worst", "trials are 0", kind="unknown_name", files=_OLD),
    Case("run old --trial -1", "old has no trial -1", "trials are 0", kind="unknown_name", files=_OLD),
    Case("run old --trial ''", "'--trial': it is empty", "awstune run --help", files=_OLD),
    Case("run old", "old has no best trial", "awstune run old --trial 0", files=sweep()),
    Case("run old --trial 0", "no trial 0", "no trial has begun", kind="unknown_name", files=sweep()),
    Case("run old --set y=3", "there is no parameter y", "they are x", files=_OLD),
    Case("run old --set x", "--set x gives no value", "--set x=VALUE", files=_OLD),
    Case("run old --set x=", "x", "", kind="space", files=_OLD),
    Case("run old --set x=0..1.0", "no single value", "--set x=VALUE", files=_OLD),
    Case("run old --set x=1,2", "no single value", "--set x=VALUE", files=_OLD),
    Case("run old --set x=abc", "x is a number, and abc is none", "--set x=0.5", files=_OLD),
    Case(f"run old --set x={'9' * 400}", "x is a number, and 999", "--set x=0.5", files=_OLD),
    Case("run old --set x=true", "x is a number, and True is none", "--set x=0.5", files=_OLD),
    Case("run old --set x=1.5", "x is an int, and 1.5 is none", "--set x=2", files=_INTS),
    Case("run old --set '$(x)=1'", "$(x)", "", kind="space", files=_OLD),
    Case("run old --seeds 0", "0", "awstune run --help", files=_OLD),
    Case("run old --seeds many", "'many'", "awstune run --help", files=_OLD),
    Case("run old new", "new", "awstune run --help", files=_OLD),
    Case(
        "run old",
        "does not know yet what its trials are measured by",
        "awstune resume old --metric",
        files=sweep(SPEC.replace('metric = "loss"\n', "") + SPEC_SPACE, journal=_ENDED),
    ),
    Case(
        "run old",
        "cannot read the data nowhere",
        "--data names a file or a folder",
        files=sweep(SPEC + 'data = "nowhere"\n' + SPEC_SPACE, journal=_ENDED),
    ),
    Case("sweep train.py --repeats 0", "0", "awstune sweep --help"),
    Case("sweep train.py --repeats twice", "'twice'", "awstune sweep --help"),
    Case("sweep train.py --repeats 101", "101", "awstune sweep --help"),
    Case("sweep train.py --confirm 0", "0", "awstune sweep --help"),
    Case("sweep train.py --confirm 1.5", "'1.5'", "awstune sweep --help"),
    *(
        Case(f"sweep train.py --notify {url}", "that is no address", "awstune sweep --help")
        for url in (
            "ftp://host/x",
            "nonsense",
            "http://",
            "https:///path",
            "file:///etc/passwd",
            "'http://a b/'",
            "'http://a/\nb'",
            "http://host:99999/",
            "http://höst/",
            "http://[::1/",
        )
    ),
    Case("sweep train.py --notify ''", "'--notify': it is empty", "awstune sweep --help"),
    Case("resume old --metric y", "have values of loss, which y is not", "awstune sweep --spec", files=_OLD),
    Case(
        "resume old --metric nope",
        "the trials of old report a, b, and no nope",
        "awstune resume old --metric a goes on",
        files=_UNKNOWN,
    ),
    Case("resume old --notify gopher://x", "that is no address", "awstune resume --help", files=_OLD),
    Case("sweep train.py --data nowhere", "cannot read the data nowhere", "--data names"),
    Case("sweep train.py --data nowhere --on lab", "cannot read the data", "--data names"),
    Case("sweep train.py --data nowhere --launch", "cannot read the data", "--data names"),
    Case("sweep train.py --data nowhere --dry-run", "cannot read the data", "--data names"),
    Case("sweep train.py --data nowhere --try", "cannot read the data", "--data names"),
    Case("sweep train.py --data ''", "'--data': it is empty", "awstune sweep --help"),
    Case("sweep train.py --env NOPE", "NOPE is not set here", "export NOPE"),
    Case("sweep train.py --env KEY=1", "'KEY=1' is no name of a variable", "--env API_KEY"),
    Case("resume old --trials 1", "has 2 trials already", "awstune resume old --trials +2", files=_TWO),
    Case("sweep train.py --env NOPE --try", "NOPE is not set here", "export NOPE"),
    *(
        Case(
            "sweep --spec s.toml",
            line.replace('"', "'"),
            f"{line.partition(' ')[0]} is ",
            files={"s.toml": f"{SPEC}{line}\n{SPEC_SPACE}"},
        )
        for line in (
            "repeats = 0",
            'confirm = "x"',
            "data = 3",
            'trial_timeout = "60s"',
            "max_usd = -1",
            'keep = "some"',
            'env = "KEY"',
        )
    ),
    Case(
        "sweep --spec s.toml",
        "cannot read the data",
        "--data names",
        files={"s.toml": SPEC + 'data = "nowhere"\n' + SPEC_SPACE},
    ),
    *(
        Case(f"{command} old", "version 99", "upgrade", files=sweep(SPEC.replace("1", "99", 1) + SPEC_SPACE))
        for command in ("attach", "logs", "cancel", "run")
    ),
    Case("run", "no sweep here", "awstune sweep train.py", kind="unknown_name"),
    *(
        Case(f"run {name}", "no sweep", "awstune sweeps lists all", kind="unknown_name", files=sweep())
        for name in ("nosuch", "../x", "'$(x)'", "'a\nb'", "-- --")
    ),
)
