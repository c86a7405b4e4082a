"""Odd, but with a meaning."""

from __future__ import annotations

from dataclasses import replace

from tests.cli.cases.case import JOURNAL, SPEC, SPEC_SPACE, TRAIN, Case, sweep

_TWO = JOURNAL + "".join(
    f'{{"t": 1, "event": "asked", "trial": {n}, "epoch": 1, "params": {{"x": 0.5}}}}\n'
    f'{{"t": 2, "event": "finished", "trial": {n}, "epoch": 1, "status": "succeeded", '
    f'"value": {0.5 - n / 8}}}\n'
    for n in range(2)
)

# Odd, but with a meaning: what they print, and what they say on stderr.
GOES_ON = (
    Case("status old", "old", "", files=sweep(journal=JOURNAL + '{"t": 2.0, "eve')),
    Case("status old", "old", "", files=sweep(journal=b"\xff\xfe\x00\n" + JOURNAL.encode())),
    Case("resume old", "best of 2 trials", "", files=sweep(journal=JOURNAL + '{"t": 2.0, "eve')),
    Case("resume old", "best of 2 trials", "", files=sweep(journal="[]\n3\n{}\n" + JOURNAL)),
    Case("resume old", "best of 2 trials", "", files=sweep(journal="")),
    *(
        Case("resume old", "best of 2 trials", "", files=sweep(journal=f"{JOURNAL}{line}\n"))
        for line in (
            '{"t": 1, "event": "report", "trial": 0, "metrics": {"loss": "low"}, "step": null}',
            '{"t": 1, "event": "asked", "trial": "x", "params": 3}',
            '{"t": 1, "event": "asked", "trial": 0, "params": 3}',
        )
    ),
    Case(
        "resume old",
        "best of 2 trials",
        "",
        files={"train.py": TRAIN, "sweeps/old/sweep.toml": SPEC + SPEC_SPACE},
    ),
    Case("resume old --trials 1", "best of 1 trial:", "", files=sweep()),
    Case("results old", "", "", files=sweep()),
    Case("results old --format csv", "params.x\n0,0.5,", "", files=sweep(journal=_TWO)),
    Case("results old --best --format csv", "params.x\n1,0.375,", "", files=sweep(journal=_TWO)),
    Case("sweeps", "", "warning: ", files=sweep("target = \n")),
    Case(
        "sweeps",
        "new",
        "warning: old: a newer awstune",
        files={**sweep(SPEC.replace("1", "99", 1) + SPEC_SPACE), "sweeps/new/sweep.toml": SPEC + SPEC_SPACE},
    ),
    Case("sweeps", "old", "", files={**sweep(), "sweeps/a file": "", "sweeps/.hidden/x": ""}),
    Case("sweeps", "", ""),
    Case(
        "sweep bad.py --trials 3 -p 'v=größer,✓,日本'", "best of 3 trials", "größer", files={"bad.py": TRAIN}
    ),
    Case("sweep bad.py --trials 3 -p 'v=$(x),../x,`y`'", "best of 3 trials", "$(x)", files={"bad.py": TRAIN}),
    Case(
        """sweep bad.py --trials 2 -p 'v=["a\\nb","--"]'""", "best of 2 trials", "", files={"bad.py": TRAIN}
    ),
    Case("sweep bad.py --trials 2 -p 'v=a\udcff,b'", "best of 2 trials", "a\\udcff", files={"bad.py": TRAIN}),
    Case(
        "sweep --trials 2 -p 'v=$(touch x),;ls' --metric loss -- echo awstune: loss=1 {v}",
        "best of 2 trials",
        "",
    ),
    Case(
        "sweep --trials 2 -p v=1,2 --metric loss -- echo awstune: loss=1 epoch=nan {v}",
        "best of 2 trials",
        "",
    ),
    Case("sweep 'ü ö.py' --trials 1 -p v=1..3", "best of 1 trial", "", files={"ü ö.py": TRAIN}),
    Case("local status", "not running", "", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
    Case("local stop", "not running", "", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
    Case("sweep train.py", "best of 2 trials", "2 trials", files={"awstune.toml": "[sweep]\ntrials = 2"}),
    Case("sweep train.py --trials 1", "best of 1 trial", "", files={"awstune.toml": "[sweep]\ntrials = 2"}),
    replace(
        Case(
            "launch --dry-run --json",
            '"usd_worst_case": 3.8',
            "",
            files={"awstune.toml": "[launch]\nttl = '4h'\ntag = ['a=b']"},
        ),
        cloud=True,
    ),
    replace(Case("ls", "no instances", ""), cloud=True),
    replace(Case("ls --everyone", "theirs", ""), cloud=True),
    replace(Case("terminate --all", "no instances", ""), cloud=True),
    replace(
        Case(
            "launch --dry-run --json --ttl 1h",
            '"usd_worst_case": 1.0',
            "",
            files={"awstune.toml": "[launch]\nttl = '4h'"},
        ),
        cloud=True,
    ),
)
