"""Bad input, as a matrix: one message with its fix, the right status, nothing launched and nothing left."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from pathlib import Path

import pytest

from awstune import names
from awstune.cli.main import run
from awstune.cli.wrapping import fold, visible
from awstune.ec2.session import Endpoint, open_cloud
from awstune.localcloud import lifecycle
from tests.cli.cases import ABSENT, CASES, GOES_ON, SUBJECTS, TRIALS, Case, Trials
from tests.cli.cases.case import PIPE, RING, sweep
from tests.cli.cases.promised import WORDS
from tests.cli.places import seen
from tests.cli.stub import refusing
from tests.cli.test_help import leaves
from tests.cli.texts import Texts, heading, settled
from tests.world import TRAIN, World, living_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("matrix")


def _id(case: Case) -> str:
    return case.words.replace("/", "|").encode("unicode_escape").decode()[:80] or "nothing"


def _heading(case: Case) -> str:
    usual = sweep()
    env = "".join(f"{name}={value} " for name, value in case.env.items())
    files = dict(case.files)
    if usual.items() <= files.items():
        files = {"sweeps/old": "a sweep of train.py that has not begun", **files}
        files = {name: content for name, content in files.items() if name not in usual}
    return heading(case.words, files).replace("$ awstune", f"$ {env}awstune")


TEXTS = {
    subject: Texts(f"refused-{subject}", [_heading(case) for case in cases])
    for subject, cases in SUBJECTS.items()
}


def _prepare(case: Case, cwd: Path) -> None:
    (cwd / ".git").mkdir()
    for name, text in {"train.py": TRAIN, **case.files}.items():
        path = cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is ABSENT:
            path.unlink(missing_ok=True)
        elif text is RING:
            path.symlink_to(path.name)
        elif text is PIPE:
            os.mkfifo(path)
        elif isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
            path.chmod(0o600 if name == "private.pem" else 0o644)


def _kept(before: dict[str, bytes | None], after: dict[str, bytes | None]) -> bool:
    """Whether all that was there is there, and has at most grown."""
    return all((after[name] or b"").startswith(content or b"") for name, content in before.items())


def _ec2(home: Path):
    cloud = lifecycle.find(home)
    endpoint = Endpoint(cloud.endpoint_url, cloud.access_key, cloud.secret_key)
    return open_cloud(region="us-east-1", profile=None, endpoint=endpoint).ec2


def _launch_for_somebody_else(home: Path) -> None:
    """An instance that carries a NAME and another owner."""
    ec2 = _ec2(home)
    image = ec2.describe_images(IncludeDeprecated=True)["Images"][0]
    tags = {names.TAG_NAME: "theirs", names.TAG_OWNER: "arn:aws:iam::123456789012:user/somebody-else"}
    ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="p2.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
        ],
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One embedded cloud for the rows that need one; nothing of it may be left afterwards."""
    made = World(tmp_path_factory.mktemp("matrix") / "home", tmp_path_factory.mktemp("work"))
    made.run("local", "start")
    try:
        _launch_for_somebody_else(made.home)
        yield made
    finally:
        made.run("local", "stop")
    assert living_of(made.home) == []


@pytest.fixture(scope="module")
def refusing_aws():
    """The address of an AWS that refuses everything."""
    with refusing() as address:
        yield address


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A new place for each row; no process that knows any of them may be left."""
    whole = tmp_path_factory.mktemp("rows")
    yield (whole / str(number) for number in itertools.count())
    assert living_of(whole) == []


@pytest.fixture
def world(request, places, monkeypatch):
    """The folder, the home and the environment of one row."""
    case, place = request.param, next(places)
    cwd = place / "project"
    cwd.mkdir(parents=True)
    _prepare(case, cwd)
    home = request.getfixturevalue("lab").home if case.cloud else place / "home"
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("AWSTUNE_HOME", str(home))
    monkeypatch.setenv("AWSTUNE_CLOUD", "local")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # a place is as long as it is; its text is folded below
    monkeypatch.setenv("TMPDIR", str(place))
    if case.env.get("AWSTUNE_CLOUD") == "aws":
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("refusing_aws"))
    for name, value in case.env.items():
        if value is ABSENT:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value.format(cwd=cwd))
    return case, cwd, home


def _words(case: Case) -> list[str]:
    return shlex.split(case.words)


def _with_json(words: list[str]) -> list[str]:
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], "--json", *words[at:]]


@pytest.mark.parametrize("world", CASES, indirect=True, ids=_id)
def test_refused(world, capfd):
    """One message with its fix, the right status, one JSON document where asked for, and nothing is left."""
    case, cwd, home = world
    before = seen(cwd)
    status = run(_words(case))
    prose = capfd.readouterr()
    assert status == case.status, prose
    assert "Traceback" not in prose.err + prose.out
    assert "unforeseen" not in prose.err
    assert len(re.findall(r"^error: ", prose.err, re.MULTILINE)) == 1
    assert case.message in prose.err
    assert case.hint in prose.err.partition("\n\nhint: ")[2]
    assert prose.out == ""
    subject = next(subject for subject, cases in SUBJECTS.items() if case in cases)
    refusal = prose.err[prose.err.index("error: ") :]
    places = {cwd: "HERE", home: "HOME", cwd.parent: "ABOVE"}
    TEXTS[subject].compare(_heading(case), fold(settled(refusal, places), 80))
    assert _kept(before, seen(cwd)) if case.begins else seen(cwd) == before
    assert case.cloud or not (home / "local").exists()

    if not case.with_json:
        return
    assert run(_with_json(_words(case))) == case.status
    document = json.loads(capfd.readouterr().out)["error"]
    assert document["kind"] == case.kind
    assert case.message in document["message"]
    assert case.hint in document["hint"]
    assert document["hint"]
    assert "\n" not in document["message"]
    assert seen(cwd) == before


@pytest.mark.parametrize("row", TRIALS, ids=lambda row: row.what)
def test_a_trial_that(row, places, monkeypatch, capfd):
    """A trial that misbehaves is told in the results with its reason, and nothing of it runs on."""
    assert isinstance(row, Trials)
    place = next(places)
    home, cwd = place / "home", place / "project"
    cwd.mkdir(parents=True)
    (cwd / "bad.py").write_text(row.script)
    (cwd / "s.toml").write_text(f'target = "bad.py:train"\n{row.spec}\n[space]\nx = "0..1.0"\n')
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("AWSTUNE_HOME", str(home))
    status = run(["sweep", "--spec", "s.toml", "--trials", "2", "--name", "s", *row.options, "--json"])
    printed = capfd.readouterr()
    assert status == row.status, printed
    assert "Traceback" not in printed.err
    document = json.loads(printed.out.splitlines()[-1])
    assert [trial["status"] for trial in document["trials"]] == [row.outcome] * 2
    for trial in document["trials"]:
        assert row.error in (trial["error"] or ""), trial
    assert living_of(home) == []
    assert {path.name for path in cwd.iterdir()} - {"__pycache__"} == {"bad.py", "s.toml", "sweeps"}
    assert run(["results", "s"]) == 0
    told = capfd.readouterr()
    assert visible(told.out + told.err) == told.out + told.err
    assert run(["logs", "s"]) == 0
    assert row.log in capfd.readouterr().out


@pytest.mark.parametrize("world", GOES_ON, indirect=True, ids=_id)
def test_goes_on(world, capfd):
    """What is odd, but has a meaning, is done: status 0, no message of a failure."""
    case, _, _ = world
    assert run(_words(case)) == 0
    printed = capfd.readouterr()
    assert "error: " not in printed.err
    assert case.message in printed.out
    assert case.hint in printed.err


def test_nothing_was_launched(lab):
    """After all rows that talk to the embedded cloud it has no instance in any state, no key and no group."""
    assert lab.json("ls", "--ended") == []
    ec2 = _ec2(lab.home)
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]] == ["default"]
    assert list(lab.home.rglob("*.pem")) == []


@pytest.mark.parametrize("promise", WORDS)
def test_every_promise_has_its_rows(promise):
    """What was promised of bad input is held by rows that are there."""
    trials = {f"a trial that {row.what}" for row in TRIALS}
    for named in WORDS[promise]:
        words, _, message = named.partition(" → ")
        file, _, test = words.partition("::")
        if test:
            assert f"def {test}(" in (ROOT / file).read_text(), named
        elif words not in trials:
            rows = [row for row in (*CASES, *GOES_ON) if row.words == words and message in row.message]
            assert rows, named
            assert message or len(rows) == 1, f"{named} → ...: it is not said which row of {len(rows)}"


def test_every_command_has_its_rows():
    """No command is left out: each refuses an option that it does not have."""
    rows = [row.words.split() for row in CASES]
    for words, _ in leaves():
        own = [row for row in rows if row[: len(words) - 1] == list(words[1:])]
        assert [*words[1:], "--nosuch"] in own
