"""A sweep that repeats and confirms its trials, and a run of one of them, as somebody sees them."""

from __future__ import annotations

import json
import re

import pytest

from tests.world import World

# Every value follows from the parameter and the seed.
SCRIPT = """
space, metric, mode = {"x": "1..9"}, "loss", "min"


def train(trial):
    print("x is", trial.params["x"])
    trial.report(loss=trial.params["x"] + trial.seed % 100 / 100)
"""

pytestmark = pytest.mark.xdist_group("again")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder in which one such sweep has ended."""
    made = World(tmp_path_factory.mktemp("again") / "home", tmp_path_factory.mktemp("work"))
    (made.cwd / "train.py").write_text(SCRIPT)
    (made.cwd / "numbers.txt").write_text("1 2 3\n")
    done = made.run(*SWEEP, "--name", "s")
    made.said = done.stderr
    made.told = done.stdout
    return made


SWEEP = (
    "sweep",
    "train.py",
    "--trials",
    "3",
    "--search",
    "random",
    "--repeats",
    "2",
    "--confirm",
    "2",
    "--data",
    "numbers.txt",
    "--search-seed",
    "117",
)


def test_the_plan(world):
    """A dry run shows space, metric, baseline, runs, data, the first trials and the price."""
    told = world.run(*SWEEP, "--dry-run").stdout
    assert told.replace(str(world.cwd), "HERE") == (
        "Sweep of train.py:train: random, 3 trials, 1 at a time\n"
        "  metric: loss, lower is better\n"
        "  repeats: each trial runs 2 times, with 2 seeds; the mean is its value\n"
        "  confirm: at the end the best 2 trials run again, with 3 new seeds each\n"
        "     space  taken for  baseline\n"
        "  x  1..9   int        5\n"
        "\n"
        "Data: HERE/numbers.txt (1 file, 6 B); trials find it by AWSTUNE_DATA\n"
        "\n"
        "The first trials, if none had reported yet:\n"
        "trial  x\n"
        "    0  5\n"
        "    1  9\n"
        "    2  1\n"
        "trial 0: baseline\n"
        "trials 1, 2: random draw\n"
        "\n"
        "Costs nothing: it runs on this machine.\n"
    )
    document = world.json(*SWEEP, "--dry-run")
    assert document["data"] == {"path": str(world.cwd / "numbers.txt"), "files": 1, "bytes": 6}
    assert (document["spec"]["repeats"], document["spec"]["confirm"]) == (2, 2)
    assert [one["params"]["x"] for one in document["suggestions"]] == [5, 9, 1]


def test_the_closing_lines(world):
    """Each run to confirm as it ends, then the best with its deviation, and what it is with new seeds."""
    assert len(re.findall(r"^trial \d with the new seed \d+: \d+\.\d+$", world.said, re.MULTILINE)) == 6
    first, again, *_ = world.told.splitlines()
    assert re.fullmatch(r"best of 3 trials: loss 1\.\d+ ± 0\.\d+ \(trial 2: x=1\)", first)
    assert re.fullmatch(r"with 3 new seeds: loss 1\.\d+ ± 0\.\d+", again)
    best = world.run("results", "s", "--best").stdout
    assert world.told.splitlines()[:2] == best.splitlines()[:2]
    assert "once more: awstune run s\n" in best


def test_the_log_of_all_runs(world):
    """A trial has one log, with a line above each of its runs; as JSON it is an object a line."""
    text = world.run("logs", "s", "--trial", "2").stdout
    headings = re.findall(r"^--- (.*), seed \d+ ---\nx is 1$", text, re.MULTILINE)
    assert headings == [
        "run 1 of 2",
        "run 2 of 2",
        "run to confirm 1 of 3",
        "run to confirm 2 of 3",
        "run to confirm 3 of 3",
    ]
    lines = [
        json.loads(line) for line in world.run("logs", "s", "--trial", "2", "--json").stdout.splitlines()
    ]
    assert {line["trial"] for line in lines} == {2}
    assert "".join(f"{line['line']}\n" for line in lines) == text
    newest = world.run("logs", "s", "--json").stdout.splitlines()[0]
    assert json.loads(newest)["trial"] == 2


def test_events_as_they_come(world):
    """The stream has an event for each run, and ends with the results."""
    *events, results = world.lines("attach", "s")
    assert [event["event"] for event in events].count("repeated") == 6
    assert [event["event"] for event in events].count("confirmed") == 6
    assert results == world.json("results", "s")
    assert results["confirmed"] == 2


def test_more_trials_afterwards(world):
    """One more trial of a confirmed sweep goes on; what was confirmed is not run again."""
    before = world.json("results", "s")
    world.run("resume", "s", "--trials", "+1")
    after = world.json("results", "s")
    assert len(after["trials"]) == 4
    best = sorted(after["trials"], key=lambda trial: trial["value"])[:2]
    assert all(len(trial["confirmed"]["runs"]) == 3 for trial in best)
    assert [trial["confirmed"] for trial in after["trials"]][2] == before["trials"][2]["confirmed"]


def test_a_run_with_another_value(world):
    """Says what it runs and where, what each seed came to, and what the trial had."""
    done = world.run("run", "s", "--trial", "2", "--set", "x=3", "--seeds", "2")
    assert done.stderr.startswith("train.py:train once more: x=3, 2 seeds, on this machine\n")
    assert len(re.findall(r"^seed \d+: loss 3(\.\d+)? \(", done.stderr, re.MULTILINE)) == 2
    assert re.fullmatch(r"loss 3\.\d+ ± 0\.\d+ over 2 seeds \(trial 2 had 1\.\d+ ± 0\.\d+\)\n", done.stdout)
    run = world.json("results", "s")["runs"][-1]
    assert (run["params"], len(run["runs"])) == ({"x": 3}, 2)
    listed = world.run("results", "s").stdout.splitlines()[-1]
    assert re.fullmatch(r"run \d+: 3\.\d+ ± 0\.\d+ over 2 seeds \(x=3\)", listed)


def test_a_run_that_fails(world):
    """Status 3, with the reason and the log; with --json its document as ever."""
    (world.cwd / "train.py").write_text(SCRIPT.replace('print("x', 'raise ValueError("no")\n    print("x'))
    try:
        failed = world.run("run", "s", check=3)
        assert "error: no run succeeded: ValueError: no" in failed.stderr
        assert "log.txt" in failed.stderr.partition("hint: ")[2]
        document = world.json("run", "s", check=3)
        assert (document["mean"], document["runs"][0]["status"]) == (None, "failed")
    finally:
        (world.cwd / "train.py").write_text(SCRIPT)
