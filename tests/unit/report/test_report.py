"""Documents as people and as other programs read them, compared as whole text."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest

from awstune import amounts
from awstune.errors import NothingSucceeded
from awstune.report import formats, tables, words
from awstune.search.findings import Findings


def trial(number, value=None, **fields):
    """A TRIAL of `results --json`."""
    made = {
        "trial": number,
        "params": {"lr": 0.001 * (number + 1), "opt": "adam"},
        "value": value,
        "status": "succeeded" if value is not None else "failed",
        "started": "2026-11-23T14:21:49Z",
        "seconds": 1.25,
        "steps": 3,
        "error": None,
        "node": "vm",
        "why": "baseline",
        "checkpoint": None,
        "command": None,
        "sd": None,
        "repeats": None,
        "confirmed": None,
    }
    return {**made, **fields}


RESULTS = {
    "confirmed": None,
    "sweep": "train-1",
    "target": "train.py:train",
    "metric": "accuracy",
    "mode": "max",
    "best": trial(1, 0.97531),
    "trials": [trial(0, 0.95), trial(1, 0.97531), trial(2, error="ValueError: no data")],
    "runs": [],
}
EMPTY = {"sweep": "train-2", "metric": None, "mode": None, "best": None, "trials": [], "runs": []}


def test_the_results_as_a_table():
    """A line a trial, the best marked, the baseline named, a failure with its reason."""
    assert tables.results(RESULTS) == (
        "   trial  accuracy     lr   opt   took\n"
        "       0      0.95  0.001  adam  1.2 s  baseline\n"
        "*      1    0.9753  0.002  adam  1.2 s\n"
        "       2         -  0.003  adam  1.2 s  failed\n"
        "\n"
        "trial 2: ValueError: no data"
    )


@pytest.mark.parametrize(("going_on", "told"), [(True, "running"), (False, "interrupted")])
def test_a_trial_that_has_not_ended(going_on, told):
    """It runs only where its sweep does; it was interrupted where that has stopped."""
    document = {**RESULTS, "trials": [trial(0, status="running", seconds=None)], "best": None}
    assert tables.results(document, going_on=going_on).endswith(f"-  0.001  adam     -  {told}")


def test_reasons_that_are_alike_are_told_once():
    """The same words once for all; where only numbers differ, the first one's, and who else."""
    same = [trial(n, error="no data") for n in range(7)]
    assert tables.results({**RESULTS, "trials": same}).endswith(
        "\n\ntrials 0, 1, 2, 3, 4 and 2 more: no data"
    )
    own = [trial(n, error=f"no file {n}/1e-{n}") for n in (0, 3, 4)]
    assert tables.results({**RESULTS, "trials": own}).endswith(
        "\n\ntrial 0: no file 0/1e-0; trials 3, 4 alike"
    )


def test_no_trials_yet():
    """A sweep that has not begun says so instead of drawing an empty table."""
    assert tables.results(EMPTY) == "train-2: no trials yet"


def test_the_best_beside_the_baseline(tmp_path):
    """The best trial is shown with what it is better than, and how to run it again."""
    best = {**RESULTS, "best": trial(1, 0.97531, checkpoint="trials/0001/checkpoint/epoch-0003.pt")}
    assert tables.best(best, tmp_path).splitlines() == [
        "best of 3 trials: accuracy 0.9753 (trial 1: lr=0.002 opt=adam)",
        "baseline: accuracy 0.95 (trial 0: lr=0.001 opt=adam)",
        f"checkpoint: {tmp_path}/trials/0001/checkpoint/epoch-0003.pt",
        "its values: awstune results train-1 --format args",
        "once more: awstune run train-1",
    ]


def test_the_status_in_words():
    """Done, running and failed trials, the best so far, what is left, and the cost."""
    counts = {"running": 1, "succeeded": 3, "failed": 1, "stopped_early": 0, "planned": 12}
    document = {
        "sweep": "train-1",
        "where": "lab",
        "state": "running",
        "trials": counts,
        "best": {"trial": 2, "value": 0.97, "params": {"lr": 0.01}},
        "usd_so_far": 0.0042,
        "eta_s": 95.0,
    }
    assert tables.status(document) == (
        "train-1: running, on the instance lab\n"
        "  4 of 12 trials done, 1 running, 1 failed\n"
        "  best 0.97 (trial 2: lr=0.01)\n"
        "  ends in about 95 s\n"
        "  cost so far $0.0042"
    )


def test_instances_as_a_table():
    """What one has, what it cost by now, and when it ends; never where nothing ends it."""
    one = {
        "name": "lab",
        "type": "p2.xlarge",
        "state": "running",
        "age_s": 3725,
        "usd_so_far": 0.93,
        "ttl_left_s": None,
        "address": "203.0.113.7",
        "id": "i-1",
    }
    assert tables.instances([one]) == (
        "NAME  TYPE       STATE           AGE   COST  ENDS IN  ADDRESS\n"
        "lab   p2.xlarge  running  1 h 02 min  $0.93    never  203.0.113.7"
    )
    assert tables.instances([one], ids=True).endswith("203.0.113.7  i-1")
    assert tables.instances([]) == "no instances"


def test_csv_has_every_trial_in_full():
    """CSV has a header, a line a trial and numbers that lose nothing."""
    lines = formats.as_csv(RESULTS).splitlines()
    assert lines[0].startswith("trial,value,status,started,seconds,steps,error")
    assert lines[0].endswith("params.lr,params.opt")
    assert lines[2].startswith("1,0.97531,succeeded,")
    assert len(lines) == 4


def test_parquet_reads_back():
    """Parquet has the same rows, also where a choice holds several types."""
    mixed = {**RESULTS, "trials": [trial(0, 0.9, params={"x": 1}), trial(1, 0.8, params={"x": "one"})]}
    table = pq.read_table(io.BytesIO(formats.as_parquet(mixed)))
    assert table.column("params.x").to_pylist() == ["1", "one"]
    assert table.column("value").to_pylist() == [0.9, 0.8]


def test_the_best_as_arguments_and_as_toml():
    """The best trial's values, ready for a command line or a file."""
    assert formats.as_args(RESULTS) == "--lr 0.002 --opt adam"
    odd = {"target": "-- ./it {args}", "best": {"params": {"a": True, "b": None, "c": [1, "x y"]}}}
    assert formats.as_args(odd) == """--a true --b none --c '[1, "x y"]'"""
    assert formats.as_args({**odd, "target": "-- ./it {hydra}"}) == """a=true b=null 'c=[1, "x y"]'"""
    assert formats.as_toml(RESULTS) == 'lr = 0.002\nopt = "adam"\n'
    with pytest.raises(NothingSucceeded):
        formats.refuse_without_best(EMPTY)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0.04, "0.0 s"), (42, "42 s"), (600, "10 min"), (7500, "2 h 05 min"), (273600, "3 d 04 h")],
)
def test_durations(seconds, said):
    """Times as people say them."""
    assert words.duration(seconds) == said


MONEY = [
    (None, "-"),
    (0.0, "$0.00"),
    (0.0031, "$0.0031"),
    (0.004, "$0.004"),
    (0.00099, "$0.00099"),
    (0.0000123, "$0.000012"),
    (1e-14, "$0.00"),
    (0.00996, "$0.01"),
    (0.9, "$0.90"),
    (7.2, "$7.20"),
    (1250, "$1,250.00"),
]


@pytest.mark.parametrize(("usd", "said"), MONEY)
def test_money(usd, said):
    """Two decimals from a cent on, two digits below; nothing that costs is called nothing."""
    assert words.money(usd) == said


@pytest.mark.parametrize(
    ("count", "said"), [(512, "512 B"), (1300, "1.3 kB"), (2.5e9, "2.5 GB"), (3e12, "3.0 TB")]
)
def test_sizes(count, said):
    """Bytes in the units of the shops."""
    assert amounts.size(count) == said


def test_findings_are_lines_with_the_command_that_tries_the_guess():
    """What mattered, the model's guess with the values that differ from the best trial's, and the advice."""
    document = {"sweep": "s-1", "metric": "loss", "best": {"params": {"lr": 0.1, "opt": "a b"}}}
    found = {
        "importance": [
            {"params": ["lr"], "share": 0.7, "sd": 0.05},
            {"params": ["opt"], "share": 0.1, "sd": 0},
        ],
        "likely": [
            {"param": "lr", "values": [0.01, 0.1], "ordered": True, "share": 0.83},
            {"param": "width", "values": [64, 64], "ordered": True, "share": 0.9},
            {"param": "opt", "values": ["a b", "c"], "ordered": False, "share": 0.95},
        ],
        "guess": {"params": {"lr": 0.1, "opt": "c d"}, "value": 0.25, "sd": 0.011},
        "advice": [{"param": "lr", "text": "the best lr is at the upper end"}],
    }
    assert tables.findings(document, found) == (
        "what mattered: lr 70% ± 5, opt 10% ± 0\n"
        "good values: lr 0.01..0.1 (83%), width 64 (90%), opt a b or c (95%)\n"
        "the model's own guess: loss 0.25 ± 0.011 at opt=c d\n"
        "to try it: awstune run s-1 --set 'opt=c d'\n"
        "the best lr is at the upper end"
    )
    same = {
        **found,
        "importance": [],
        "likely": [],
        "guess": {**found["guess"], "params": {"lr": 0.1, "opt": "a b"}},
    }
    assert tables.findings(document, same).startswith(
        "the model's own guess: loss 0.25 ± 0.011 at the best trial's values\nthe best lr"
    )
    assert tables.findings(document, Findings().to_json()) == ""
