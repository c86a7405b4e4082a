"""What holds for every file of the house, however it came there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 400
# What a program has written is as long as it is: pictures, measurements, texts of the command line.
BY_HAND = {"", ".py", ".sh", ".toml", ".yaml"}
FILES = sorted(
    path
    for folder in ("awstune", "infra", "scripts", "tests", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix in BY_HAND
)
MODULES = {path: path.read_text() for path in FILES if path.suffix == ".py"}
# A trial of another process takes its time there, and a benchmark measures time.
MAY_SLEEP = ("tests/waiting.py", "tests/contracts/trials.py", "tests/bench/")
LEFT_OUT = ("pytest.skip", "pytest.importorskip")
BROAD = {"Exception", "BaseException"}
EXCUSE = re.compile(r"# *(?:noqa: *[A-Z]+\d+(?:, *[A-Z]+\d+)*|type: *ignore\[[\w, -]+\])")


def named(path):
    """A file's place in the repository."""
    return path.relative_to(ROOT).as_posix()


def sleeps(text):
    """The lines on which a module sleeps itself; what it has others run is text to it."""
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if ast.unparse(call.func) == "time.sleep"]


def unusual(text):
    """The lines on which a module sleeps, catches whatever comes, or leaves a test out."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or {*words(node.type)} & BROAD):
            yield node.lineno
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            swallows = called.endswith("suppress") and {*words(node.args)} & BROAD
            if swallows or called.split(".")[-1] == "sleep" or called in LEFT_OUT:
                yield node.lineno


def words(found):
    """The names that a piece of code is made of."""
    pieces = found if isinstance(found, list) else [found]
    return [node.id for piece in pieces for node in ast.walk(piece) if isinstance(node, ast.Name)]


def test_no_file_is_too_long():
    """A file can be read in one go."""
    assert len(FILES) > 200
    long = {named(path): lines for path in FILES if (lines := path.read_bytes().count(b"\n")) > LINES}
    assert long == {}


def test_tests_wait_in_one_place():
    """No test sleeps by itself: what it waits for has a name and a limit there."""
    found = {named(path) for path, text in MODULES.items() if "sleep" in text and sleeps(text)}
    assert "tests/waiting.py" in found
    assert [name for name in found if name.startswith("tests/") and not name.startswith(MAY_SLEEP)] == []


def test_every_exception_has_its_reason():
    """Where a checker is told to look away, the same line says why."""
    lines = [
        (f"{named(path)}:{number}", line)
        for path, text in MODULES.items()
        for number, line in enumerate(text.splitlines(), start=1)
    ]
    excused = [(place, EXCUSE.split(line)[-1]) for place, line in lines if EXCUSE.search(line)]
    assert len(excused) > 20
    assert [place for place, reason in excused if not re.search(r"\w", reason)] == []


def test_what_is_unusual_has_its_reason():
    """A sleep, a net for all errors, a test that is left out: the line, or the one above, says what for."""
    found, bare = 0, []
    for path, text in MODULES.items():
        lines = text.splitlines()
        for number in unusual(text):
            found += 1
            above = lines[number - 2].lstrip() if number > 1 else ""
            if not re.search(r"#.*\w", lines[number - 1]) and not above.startswith("#"):
                bare.append(f"{named(path)}:{number}")
    assert found > 50
    assert bare == []


@pytest.mark.xdist_group("house")
def test_groups_stay_together(request):
    """Where several processes share the tests, a test's name is dealt out with its group's."""
    shared = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@house") == shared
