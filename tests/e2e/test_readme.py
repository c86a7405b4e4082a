"""The README is true: its commands run, and its Python works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme import picture
from tests.world import World, living_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.xdist_group("readme")]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks(language):
    """The README's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def world(tmp_path):
    """A copy of what the commands name, and a home of its own."""
    examples = tmp_path / "work" / "awstune" / "examples"
    examples.mkdir(parents=True)
    digits = (ROOT / "awstune" / "examples" / "digits.py").read_text()
    assert "EPOCHS = 15\n" in digits  # the demo trains as long as that
    (examples / "digits.py").write_text(digits.replace("EPOCHS = 15\n", "EPOCHS = 3\n"))
    made = World(tmp_path / "home", tmp_path / "work")
    yield made
    made.run("local", "stop")
    assert living_of(made.home) == []


def test_the_commands_by_hand(world):
    """The guide's commands, each a process of its own, in the order in which one would type them."""
    _, *by_hand = blocks("sh")
    bin_folder = Path(sys.executable).parent
    script = "".join(by_hand).replace(". .venv/bin/activate", "set -eux")
    env = {**world.env, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=world.cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("best of 12 trials: val_accuracy") == 2
    assert "lab: gone. Nothing is left" in done.stdout
    assert "and is gone; nothing of it is left" in done.stderr
    assert "best of 8 trials: val_accuracy" in done.stdout


def test_the_two_commands_on_top_are_scripts():
    """The first block names the demo and the tests; CI runs the latter, the test below the former."""
    commands = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert commands == ["scripts/demo", "scripts/test"]
    assert all(os.access(ROOT / command, os.X_OK) for command in commands)


def test_the_demo(tmp_path):
    """`scripts/demo` goes all the way, prints what the README's picture shows, and leaves nothing."""
    others = [place for place in os.get_exec_path() if not Path(place, "awstune").exists()]
    elsewhere = {"COLUMNS": str(picture.COLUMNS), "PATH": os.pathsep.join(others)}
    env = {**World(tmp_path / "home", tmp_path).env, **elsewhere}
    done = subprocess.run(
        [str(ROOT / "scripts" / "demo")],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    demo = done.stdout[done.stdout.index("starting the embedded cloud") :]
    # Nobody has activated .venv by then: what comes next is said so that it works as it stands.
    told, _, following = demo.rpartition("next: ")
    following = " ".join(following.split())  # a long path folds it
    first, _, second = following.partition(" · ")
    shown = subprocess.run(
        ["sh", "-c", first], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert "val_accuracy" in shown.stdout
    program = first.partition(" ")[0]
    assert second.startswith(f"{program} ")
    demo = f"{told}next: {following}\n".replace(program, "awstune")
    assert picture.shape(picture.tidy(demo, tmp_path)) == picture.shape(picture.PRINTED.read_text()), (
        "the README's picture is of another demo: run scripts/readme"
    )
    assert living_of(tmp_path / "home") == []
    assert not (tmp_path / "home" / "local").exists()


def test_the_python(world):
    """The README's training script can be swept as it stands, and its loop of one's own finds the minimum."""
    train, loop = blocks("python")
    (world.cwd / "train.py").write_text(train)
    document = world.lines("sweep", "train.py", "--trials", "3")[-1]
    assert [trial["status"] for trial in document["trials"]] == ["succeeded"] * 3
    found = subprocess.run(
        [sys.executable, "-c", loop], cwd=world.cwd, env=world.env, capture_output=True, text=True, check=True
    )
    assert float(found.stdout.split("}")[1]) < 0.01


def test_the_common_jobs(world):
    """The jobs that need no cloud run as they are written."""
    (world.cwd / "train.py").write_text(blocks("python")[0])
    shutil.copy(ROOT / "awstune" / "examples" / "plain.py", world.cwd / "awstune" / "examples")
    env = {**world.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-eux", "-c", "".join(blocks("bash"))],
        cwd=world.cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("best of ") == 5
    assert done.stdout.count("new seeds: loss") == 3
    assert len((world.cwd / "trials.csv").read_text().splitlines()) == 1 + 7


def test_the_refusals(world):
    """Each refusal that the README shows is what the command prints, to the letter."""
    (world.cwd / "train.py").write_text(blocks("python")[0])
    (world.cwd / "sweeps").mkdir()
    shown = [block.split("\n", 1) for block in blocks("console")]
    shown = [(command.removeprefix("$ awstune ").split(), printed.strip()) for command, printed in shown]
    assert printed_by(world, shown[0][0]) == shown[0][1]
    world.run("launch", "lab")
    for words, printed in shown[1:]:
        assert printed_by(world, words) == printed
    world.run("terminate", "lab")


def printed_by(world, words):
    """What a command says when it refuses, at 80 columns, without the line of progress above it."""
    done = world.run(*words, check=None, COLUMNS="80")
    assert done.returncode in (1, 2)
    return done.stderr[done.stderr.index("error: ") :].strip()
