"""Spaces as they are typed: what is shown can be typed again, and nonsense is refused with a hint."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from awstune.cli.main import run
from awstune.search.compact import parse, show
from awstune.search.conditions import combinations
from awstune.search.space import Space
from tests.unit.search.spaces import NAMES, parameters, spaces

# What people write in spaces, and what they may mean by it.
PIECES = st.sampled_from(
    [
        *"0123456789.,:=-+e[]{}\"' ",
        "..",
        "...",
        "1e-5",
        "log",
        "step=",
        "n=",
        "default=",
        "prior=",
        "when=",
        "weights=",
        "sgd",
        "adam",
        "true",
        "none",
        "nan",
        "inf",
        "²",
        "\uff11",
        "ö",
        "\n",
        "\udcff",
        "$(x)",
    ]
)
NONSENSE = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12)
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dry_run(*assignments, command=("echo", "{args}")):
    """The status, stdout and stderr of a sweep that would be made, without a process for it."""
    words = [word for text in assignments for word in ("-p", text)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        status = run(["sweep", *words, "--search", "random", "--dry-run", "--json", "--", *command])
    out.flush()
    err.flush()
    return status, *(stream.buffer.getvalue().decode() for stream in (out, err))


@LAW
@given(parameters)
def test_what_is_shown_can_be_typed_again(parameter):
    """Typed, understood, shown, and typed again: the same parameter, by way of the command."""
    text = show(parameter)
    status, out, err = dry_run(f"x={text}")
    assert status == 0, err
    understood = json.loads(out)["spec"]["space"]["x"]
    assert understood == text
    assert parse(understood) == parameter


@LAW
@given(spaces())
def test_whole_spaces_can_be_typed_again(space):
    """A space with its conditions and its order comes through the command as it is."""
    status, out, err = dry_run(*(f"{name}={text}" for name, text in space.to_toml().items()))
    assert status == 0, err
    again = Space.from_toml(json.loads(out)["spec"]["space"])
    assert dict(again) == dict(space)
    assert list(again) == list(space)
    assert again.size == (None if space.size is None else sum(combinations(space)))


@LAW
@given(NONSENSE)
@example("\udcff")
@example("1..2:when=y=1")
@example('{"a": NaN}')
@example("1e999")
@example("0..1.0:prior=" + "9" * 400)
def test_nonsense_is_refused_with_a_hint(text):
    """Whatever is typed is a space that can be shown, or status 2 with one message and a hint."""
    status, out, _ = dry_run(f"x={text}")
    document = json.loads(out)
    if status == 0:
        assert show(parse(text)) == document["spec"]["space"]["x"]
        return
    assert status == 2
    assert document["error"]["kind"] == "space"
    assert document["error"]["message"]
    assert document["error"]["hint"]


@LAW
@given(NONSENSE.filter(lambda name: "=" not in name))
@example("joint")
@example("constraints")
@example("")
def test_nonsense_for_a_name_is_refused_with_a_hint(name):
    """A name that cannot be one is status 2 with a hint; any other is taken as it is."""
    status, out, _ = dry_run(f"{name}=1..4")
    document = json.loads(out)
    if status == 0:
        assert list(document["spec"]["space"]) == [name]
    else:
        assert (status, document["error"]["kind"]) == (2, "space")
        assert document["error"]["hint"]


@LAW
@given(NAMES.filter(lambda name: name not in ("joint", "constraints")), parameters)
def test_a_name_reaches_its_hole(name, parameter):
    """Every parameter has a hole of its name, and a command without it is refused."""
    text = f"{name}={show(parameter)}"
    assert dry_run(text, command=("echo", f"{{{name}}}"))[0] == 0
    status, out, _ = dry_run(text, command=("echo", "nothing"))
    assert (status, json.loads(out)["error"]["kind"]) == (2, "target")
