"""How several runs of a trial are told: beside its value, and in the closing lines."""

from __future__ import annotations

from awstune.report import formats, tables


def trial(number, value, **more):
    """A trial of the results document."""
    plain = {
        **dict.fromkeys(("started", "error", "checkpoint", "sd", "repeats", "confirmed", "command")),
        "status": "succeeded",
        "seconds": 1.0,
        "steps": 1,
        "node": "local",
        "why": "",
        "trial": number,
        "params": {"x": number / 10 if number else 0},
        "value": value,
    }
    return {**plain, **more}


def again(mean, sd, *values):
    """What runs with new seeds came to."""
    return {"mean": mean, "sd": sd, "runs": [{"seed": 1, "value": value} for value in values]}


def document(*trials, best=0, confirmed=None):
    """A results document."""
    return {
        "sweep": "s",
        "metric": "loss",
        "mode": "min",
        "best": trials[best],
        "confirmed": confirmed,
        "trials": list(trials),
        "runs": [],
    }


TWO = (
    trial(0, 0.25, sd=0.0123, confirmed=again(0.31, 0.02, 0.29, 0.33)),
    trial(1, 0.26, sd=0.1, confirmed=again(0.27, 0.01, 0.26, 0.27, 0.28)),
    trial(2, 0.5),
)


def test_the_table():
    """A column more for what was confirmed, and the deviation behind each mean."""
    assert tables.results(document(*TWO, confirmed=1)) == (
        "   trial          loss    new seeds    x   took\n"
        "*      0  0.25 ± 0.012  0.31 ± 0.02    0  1.0 s  baseline\n"
        "       1    0.26 ± 0.1  0.27 ± 0.01  0.1  1.0 s\n"
        "       2           0.5               0.2  1.0 s"
    )


def test_the_closing_lines():
    """What the best did with new seeds; where another one did better with them, that is said."""
    told = tables.best(document(*TWO, confirmed=1))
    assert told == (
        "best of 3 trials: loss 0.25 ± 0.012 (trial 0: x=0)\n"
        "with 2 new seeds: loss 0.31 ± 0.02\n"
        "with new seeds trial 1 is ahead: loss 0.27 ± 0.01 (x=0.1)\n"
        "baseline: loss 0.25 ± 0.012 (trial 0: x=0)"
    )
    assert "is ahead" not in tables.best(document(*TWO, confirmed=0))


def test_no_deviation_is_none_worth_telling():
    """Runs that all came to the same value are told by it alone."""
    told = tables.results(document(trial(0, 0.25, sd=0.0, confirmed=again(0.25, 0.0, 0.25, 0.25))))
    assert "±" not in told
    assert "new seeds" in told


def test_a_sweep_without_either_is_told_as_ever():
    """No column and no deviation where each trial ran once."""
    told = tables.results(document(trial(0, 0.25)))
    assert told == "   trial  loss  x   took\n*      0  0.25  0  1.0 s  baseline"


def test_for_other_programs():
    """CSV has all of it in full, empty where there is nothing."""
    header, first, _, last = formats.as_csv(document(*TWO)).splitlines()
    names = header.split(",")
    row, plain = (
        dict(zip(names, first.split(","), strict=True)),
        dict(zip(names, last.split(","), strict=True)),
    )
    assert (row["sd"], row["confirmed.mean"], row["confirmed.sd"]) == ("0.0123", "0.31", "0.02")
    assert (plain["sd"], plain["confirmed.mean"], plain["confirmed.sd"]) == ("", "", "")
