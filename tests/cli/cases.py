"""What people mistype, and what their folders, scripts and files come to: a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ABSENT = "(absent)"


@dataclass(frozen=True)
class Case:
    """One row of the matrix.

    Attributes:
        words: the command line, as a shell would split it.
        message: part of the one message.
        hint: part of its fix.
        kind: of the error document.
        status: the exit status.
        files: what lies in the folder one is in, beside a ``train.py`` that works; `ABSENT` removes one.
        env: beside the embedded cloud and a home of its own; ``{cwd}`` is the folder one is in.
        cloud: whether the embedded cloud runs.
        with_json: whether ``--json`` comes to one document, the error; False where it does not.
    """

    words: str
    message: str
    hint: str
    kind: str = "usage"
    status: int = 2
    files: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    cloud: bool = False
    with_json: bool = True


def _script(body: str) -> dict[str, str]:
    return {"bad.py": body}


SPACE = 'space = {"x": "0..1.0"}\n'
TRAIN = "def train(trial):\n    trial.report(loss=1.0)\n"
SPEC = 'version = 1\ncreated = 1.0\ntarget = "train.py:train"\nmetric = "loss"\nmode = "min"\ntrials = 2\n'
SPEC_SPACE = '[space]\nx = "0..1.0"\n'
JOURNAL = '{"t": 1.0, "event": "writer", "epoch": 1}\n'


def _sweep(spec: str = SPEC + SPEC_SPACE, journal: str | bytes = JOURNAL, **more: Any) -> dict[str, Any]:
    return {"train.py": TRAIN, "sweeps/old/sweep.toml": spec, "sweeps/old/journal.jsonl": journal, **more}


COMMANDS = (
    Case("lunch", "there is no command 'lunch'", "awstune launch"),
    Case("''", "there is no command ''", "awstune --help"),
    Case("'$(x)'", "there is no command '$(x)'", "awstune --help"),
    Case("'ls\nls'", "there is no command 'ls\\nls'", "awstune --help"),
    Case("--cloud mars ls", "'mars'", "awstune --help"),
    Case("--colour ls", "--colour", "awstune --help"),
    Case("ls --ende", "Did you mean '--ended'?", "awstune ls --help"),
    Case("ls lab", "lab", "awstune ls --help"),
    Case("local begin", "begin", "awstune local --help"),
    Case("ls", "embedded cloud is not running", "awstune local start", kind="cloud_not_running"),
    Case("ls", "there is no cloud 'mars'", "aws or local", env={"AWSTUNE_CLOUD": "mars"}),
    Case("ls", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file/home"}),
    Case("ls", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
    Case(
        "local start", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}
    ),
    Case("demo", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
)

LAUNCH = (
    Case("launch --ttl tomorrow", "'tomorrow' is no duration", "awstune launch --help"),
    Case("launch --ttl 8", "'8' is no duration", "awstune launch --help"),
    Case("launch --ttl -1h", "-1h", "awstune launch --help"),
    Case("launch --ttl 0s", "'0s' is no time at all", "awstune launch --help"),
    Case("launch --ttl 99999999999999d", "longer than ten years", "awstune launch --help"),
    Case("launch --idle 0m", "'0m' is no time at all", "awstune launch --help"),
    Case("start --ttl 0s", "'0s' is no time at all", "awstune start --help"),
    Case("extend 0s", "'0s' is no time at all", "awstune extend --help"),
    Case("sweep train.py --trial-timeout 0s", "'0s' is no time at all", "awstune sweep --help"),
    Case("sweep train.py --max-time 0s", "'0s' is no time at all", "awstune sweep --help"),
    Case("sweep train.py --on lab --launch", "two places", "leave one of them out"),
    Case("sweep train.py --stop-when soon", "no rule to stop by", "--stop-when"),
    Case("sweep train.py --env NOPE --on lab", "NOPE is not set here", "export NOPE"),
    Case("launch --idle soon", "'soon' is no duration", "awstune launch --help"),
    Case("launch --tag team", "'team' is no tag; write KEY=VALUE", "awstune launch --help"),
    Case("launch --tag =x", "'=x' is no tag", "awstune launch --help"),
    Case("launch --tag aws:x=1", "tags of awstune: and aws:", "another tag name"),
    Case("launch --tag awstune:ends=1", "tags of awstune: and aws:", "another tag name"),
    Case("launch --count 0", "0 is not in the range", "awstune launch --help"),
    Case("launch --count many", "'many'", "awstune launch --help"),
    Case("launch --disk 0", "0 is not in the range", "awstune launch --help"),
    Case("launch --disk 99999999999", "is not in the range", "awstune launch --help"),
    Case("launch --disk 1.5", "1.5", "awstune launch --help"),
    Case("launch --max-usd 0", "0", "awstune launch --help"),
    Case("launch --max-usd -3", "-3", "awstune launch --help"),
    Case("launch --max-usd nan", "'nan' is no amount of dollars", "awstune launch --help"),
    Case("launch --max-usd inf", "'inf' is no amount of dollars", "awstune launch --help"),
    Case("launch --max-usd free", "'free'", "awstune launch --help"),
    Case("launch --at-end keep", "'keep'", "awstune launch --help"),
    Case("launch --spot --at-end stop", "spot instance cannot be stopped", "leave --at-end out"),
    Case("launch --key nowhere.pem", "nowhere.pem", "awstune launch --help"),
    Case("launch --key-type dsa", "'dsa'", "awstune launch --help"),
    Case("launch a b", "b", "awstune launch --help"),
    Case("launch ''", "'' cannot be an instance's name", "letters"),
    Case("launch ../x", "'../x' cannot be an instance's name", "letters"),
    Case("launch '$(x)'", "'$(x)' cannot be an instance's name", "letters"),
    Case("launch 'a\nb'", "'a\\nb' cannot be an instance's name", "letters"),
    Case("launch -- --", "'--' cannot be an instance's name", "letters"),
    Case("launch -- -rf", "'-rf' cannot be an instance's name", "letters"),
    Case("launch höhle", "'höhle' cannot be an instance's name", "letters"),
    Case(f"launch {'x' * 64}", "cannot be an instance's name", "63"),
    *(
        Case(f"launch --{option} ''", f"'--{option}': it is empty", "awstune launch --help")
        for option in ("ttl", "ssh-from", "region", "type", "ami", "key", "subnet", "tag", "profile")
    ),
    Case("launch --typ p2.xlarge", "--typ", "awstune launch --help"),
)

NAMES = (
    Case("ssh", "embedded cloud is not running", "awstune local start", kind="cloud_not_running"),
    Case("ssh lab nvidia-smi", "'nvidia-smi': a command goes after --", "awstune ssh lab -- nvidia-smi"),
    Case("terminate --all lab", "contradict", "awstune terminate --all"),
    Case("extend", "Missing argument", "awstune extend --help"),
    Case("extend lab", "'lab' is no duration", "awstune extend --help"),
    Case("extend lab 4h 5h", "5h", "awstune extend --help"),
    Case("start --ttl never", "'never' is no duration", "awstune start --help"),
)

SPACES = tuple(
    Case(f"sweep bad.py -p '{text}'", message, hint, kind="space", files=_script(TRAIN))
    for text, message, hint in (
        ("lr=1...5", "1...5", "1..5"),
        ("lr=5..1", "5..1", "1..5"),
        ("lr=1..1", "the range 1..1 is empty", "write 1"),
        ("lr=0..1:log", "reaches 0", "lr=0.001..1:log"),
        ("lr=-1..1:log", "log", ""),
        ("lr=", "", ""),
        ("lr", "'lr'", "lr="),
        ("=1..5", "", ""),
        ("lr=nan..1", "nan", ""),
        ("lr=0..inf", "inf", ""),
        ("lr=0..1e999", "1e999", ""),
        ("n=1..999999999999999999999999999", "", ""),
        ("lr=0..1.0:step=0", "step", ""),
        ("lr=0..1.0:step=-1", "step", ""),
        ("lr=0..1.0:n=0", "n", ""),
        ("lr=0..1.0:n=two", "two", ""),
        ("lr=0..1.0:logg", "logg", "log"),
        ("lr=0..1.0:prior=7", "prior", ""),
        ("lr=0..1.0:default=7", "default", ""),
        ("opt=sgd,sgd", "sgd", ""),
        ("opt=[", "", ""),
        ("opt=[]", "", ""),
        ("opt=,", "", ""),
        ("a b=1..5", "a b", ""),
        ("--=1..5", "", ""),
        ("../x=1..5", "../x", ""),
        ("$(x)=1..5", "$(x)", ""),
        ("a\nb=1..5", "", ""),
        ("lr=1..\uff150..3", "", ""),
    )
)

SWEEP = (
    Case("sweep", "nothing says what to run", "awstune sweep train.py", kind="target"),
    Case("sweep --", "no command after --", "awstune sweep -p", kind="target"),
    Case("sweep trian.py", "trian.py is not there", "train.py", kind="target"),
    Case("sweep .", ". is a folder", "train.py", kind="target"),
    Case("sweep ''", "'' is no TARGET", "train.py:function", kind="target"),
    Case("sweep '$(x)'", "'$(x)' is no TARGET", "train.py:function", kind="target"),
    Case("sweep 'a\nb'", "'a\\nb' is no TARGET", "train.py:function", kind="target"),
    Case("sweep ../x", "../x is not there", "", kind="target"),
    Case("sweep ../x.py", "../x.py is not there", "", kind="target"),
    Case("sweep 'a\nb.py'", "'a\\nb.py' is no TARGET", "train.py:function", kind="target"),
    Case("sweep 'ü/ö.py'", "ü/ö.py is not there", "", kind="target"),
    Case("sweep notes.txt", "notes.txt is no Python file", "--", kind="target", files={"notes.txt": ""}),
    Case("sweep train.py:fit", "train.py has no function fit", "train.py:train", kind="target"),
    Case("sweep nowhere.train", "nowhere", "", kind="target"),
    Case("sweep train.py -- python train.py", "two targets", "leave one of them out", kind="target"),
    Case("sweep train.py --trials 0", "0 is not in the range", "awstune sweep --help"),
    Case("sweep train.py --trials -3", "-3", "awstune sweep --help"),
    Case("sweep train.py --trials many", "'many'", "awstune sweep --help"),
    Case("sweep train.py --trials 2.5", "'2.5'", "awstune sweep --help"),
    Case("sweep train.py --parallel 0", "0 is not in the range", "awstune sweep --help"),
    Case("sweep train.py --search astrology", "'astrology'", "awstune sweep --help"),
    Case("sweep train.py --mode up", "'up'", "awstune sweep --help"),
    Case("sweep train.py --value first", "'first'", "awstune sweep --help"),
    Case("sweep train.py --search-seed pi", "'pi'", "awstune sweep --help"),
    Case("sweep train.py --trial-timeout long", "'long' is no duration", "awstune sweep --help"),
    Case("sweep train.py --max-time -1s", "-1s", "awstune sweep --help"),
    Case("sweep train.py --max-usd nan", "'nan' is no amount of dollars", "awstune sweep --help"),
    Case("sweep train.py --keep some", "'some'", "awstune sweep --help"),
    Case("sweep train.py --search random --acquisition ei", "--acquisition does not belong", "leave one"),
    Case("sweep train.py --stop-when bored", "bored", ""),
    Case("sweep train.py --search grid", "grid search cannot run every value of x", "--trials", kind="space"),
    Case(
        "sweep bad.py -p n=1..9000000000 --search grid",
        "more than 1000000 points",
        "--trials",
        kind="space",
        files={"bad.py": TRAIN},
    ),
    Case(
        "sweep bad.py -p x=0..1.0:step=1e-12 --search grid --trials 5",
        "more than 1000000 points",
        "",
        kind="space",
        files={"bad.py": TRAIN},
    ),
    Case(
        "sweep bad.py -p x=0..1.0:n=99999999999 --search grid",
        "more than 1000000 points",
        "",
        kind="space",
        files={"bad.py": TRAIN},
    ),
    Case("sweep train.py --trials 99999999999999999999", "is not in the range", "awstune sweep --help"),
    Case("sweep train.py --parallel 99999999999", "is not in the range", "awstune sweep --help"),
    Case(
        "sweep train.py --python /nowhere/python", "/nowhere/python cannot be run", "--python", kind="target"
    ),
    Case("sweep train.py --python .", "cannot be run", "--python", kind="target"),
    Case("sweep train.py --name ../x", "'../x' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name '$(x)'", "'$(x)' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name=--", "'--' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name 'a\nb'", "'a\\nb' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name ''", "'--name': it is empty", "awstune sweep --help"),
    Case(f"sweep train.py --name {'x' * 300}", "cannot be the name of a sweep", "letters"),
    Case(
        "sweep train.py -p x=0..1.0 --name old",
        "there is a sweep old here already",
        "awstune resume old",
        kind="name_taken",
        files=_sweep(),
    ),
    Case("sweep train.py", "cannot write", "", files={"sweeps": "a file"}),
    Case("sweep train.py --space nowhere.toml", "cannot read nowhere.toml", "--space", kind="space"),
    Case("sweep train.py --space .", "cannot read .", "--space", kind="space"),
    Case(
        "sweep train.py --space s.toml",
        "s.toml is not TOML",
        'lr = "1e-5..1e-1:log"',
        kind="space",
        files={"s.toml": "lr = 1..2"},
    ),
    Case(
        "sweep train.py --space s.toml",
        "s.toml is not TOML",
        'lr = "1e-5..1e-1:log"',
        kind="space",
        files={"s.toml": b"\xff\xfe"},
    ),
    Case("sweep train.py --space s.toml", "lr", "", kind="space", files={"s.toml": "lr = {low = 1}"}),
    Case(
        "sweep train.py --space s.toml",
        "lr",
        "",
        kind="space",
        files={"s.toml": 'lr = {low = "a", high = 2}'},
    ),
    Case("sweep train.py --space s.toml", "space", "", kind="space", files={"s.toml": "space = 3"}),
    Case("sweep --spec nowhere.toml", "cannot read nowhere.toml", "--spec"),
    Case("sweep --spec s.toml", "s.toml is no TOML", "", files={"s.toml": "target ="}),
    Case("sweep --spec s.toml", "s.toml is no TOML", "", files={"s.toml": b"\xff\xfe"}),
    Case("sweep --spec s.toml", "no target", "", files={"s.toml": "trials = 3"}),
    Case(
        "sweep --spec s.toml",
        "version 99",
        "upgrade",
        files={"s.toml": SPEC.replace("1", "99", 1) + SPEC_SPACE},
    ),
    Case("sweep --spec s.toml", "version", "", files={"s.toml": SPEC.replace("1", '"x"', 1) + SPEC_SPACE}),
    Case(
        "sweep --spec s.toml",
        "trials",
        "",
        files={"s.toml": SPEC.replace("trials = 2", 'trials = "x"') + SPEC_SPACE},
    ),
    Case("sweep --spec s.toml", "mode", "", files={"s.toml": SPEC.replace('"min"', '"up"') + SPEC_SPACE}),
    Case("sweep --spec s.toml", "search", "", files={"s.toml": 'search = "magic"\n' + SPEC + SPEC_SPACE}),
    Case(
        "sweep --spec s.toml",
        "target",
        "",
        files={"s.toml": SPEC.replace('"train.py:train"', "3") + SPEC_SPACE},
    ),
    Case("sweep --spec s.toml", "space", "", kind="space", files={"s.toml": "space = 3\n" + SPEC}),
    Case("sweep -p lr=1..5 -- python x.py", "lr", "{lr}", kind="target"),
    Case("sweep -p lr=1..5 -- python x.py {rl}", "rl", "", kind="target"),
    Case("sweep -p lr=1..5 -- python x.py {lr", "no place for lr", "{lr}", kind="target"),
    Case("sweep -p lr=1..5 --metric-regex '(' -- echo {lr}", "(", ""),
    Case(
        "sweep train.py --on lab",
        "embedded cloud is not running",
        "awstune local start",
        kind="cloud_not_running",
    ),
)

TARGETS = tuple(
    Case(words, message, hint, kind=kind, files=_script(body))
    for words, body, message, hint, kind in (
        ("sweep bad.py", "def train(trial:\n", "bad.py has a syntax error at line 1", "bad.py", "target"),
        (
            "sweep bad.py",
            "import argparse\nargparse.ArgumentParser().add_argument('--lr', required=True)\n"
            "p = argparse.ArgumentParser()\np.add_argument('--lr', required=True)\np.parse_args()\n"
            + SPACE
            + TRAIN,
            "bad.py parses its arguments when it is imported (line 5)",
            "__main__",
            "target",
        ),
        ("sweep bad.py", "raise SystemExit(3)\n", "bad.py exits when it is imported", "__main__", "target"),
        (
            "sweep bad.py",
            "import os\nos._exit(3)\n",
            "bad.py ended the process that imported it",
            "bad.py",
            "target",
        ),
        (
            "sweep bad.py",
            "import os\nos.kill(os.getpid(), 9)\n",
            "ended the process that imported it: SIGKILL",
            "bad.py",
            "target",
        ),
        ("sweep bad.py", "1 / 0\n", "bad.py cannot be imported: ZeroDivisionError", "bad.py", "target"),
        (
            "sweep bad.py",
            "import nosuchpackage\n",
            "bad.py needs nosuchpackage",
            "pip install nosuchpackage",
            "target",
        ),
        ("sweep bad.py", "from . import x\n", "imports relative to itself", "name it as one", "target"),
        (
            "sweep bad.py",
            SPACE + "def fit(trial): pass\n",
            "bad.py has no function train",
            "bad.py:fit",
            "target",
        ),
        ("sweep bad.py", SPACE + "train = 3\n", "bad.py has no function train", "def train(trial)", "target"),
        ("sweep bad.py", SPACE + "def train(): pass\n", "takes 0 arguments", "def train(trial)", "target"),
        (
            "sweep bad.py",
            SPACE + "def train(a, b): pass\n",
            "takes 2 arguments",
            "def train(trial)",
            "target",
        ),
        ("sweep bad.py", "", "bad.py has no function train", "def train(trial)", "target"),
        ("sweep bad.py", b"x = \x00\x01", "bad.py", "bad.py", "target"),
        ("sweep bad.py", b"# \xff\n", "bad.py has no function train", "def train(trial)", "target"),
        ("sweep bad.py", TRAIN, "nothing says what to search", "-p lr=1e-5..1e-1:log", "space"),
        (
            "sweep bad.py",
            "space = {}\n" + TRAIN,
            "nothing says what to search",
            "-p lr=1e-5..1e-1:log",
            "space",
        ),
        ("sweep bad.py", "space = 3\n" + TRAIN, "space is a int", "", "target"),
        ("sweep bad.py", 'space = {"x": "5..1"}\n' + TRAIN, "5..1", "1..5", "space"),
        (
            "sweep bad.py",
            'space = {"x": object()}\n' + TRAIN,
            "x of the space is of type object",
            "Float(",
            "target",
        ),
        (
            "sweep bad.py",
            'space = {"x": {"low": 1, "high": float("nan")}}\n' + TRAIN,
            "1..nan is not finite",
            "two finite bounds",
            "space",
        ),
        ("sweep bad.py", "metric = 3\n" + SPACE + TRAIN, "metric is 3, no name", "val_loss", "target"),
        (
            "sweep bad.py",
            "metric = object()\n" + SPACE + TRAIN,
            "metric is of type object",
            "val_loss",
            "target",
        ),
        ("sweep bad.py", 'mode = "up"\n' + SPACE + TRAIN, "mode is 'up'", 'mode = "min"', "target"),
        ("sweep bad.py", 'mode = ["min"]\n' + SPACE + TRAIN, "mode is", 'mode = "min"', "target"),
        (
            "sweep bad.py",
            "from awstune import sweep\n" + SPACE + TRAIN + "sweep(train, space)\n",
            "bad.py",
            "",
            "target",
        ),
        ("sweep bad.py --on lab", SPACE + TRAIN, "nothing says what bad.py", "--metric", "usage"),
        ("sweep bad.py --on lab --metric speed", SPACE + TRAIN, "higher or a lower speed", "--mode", "usage"),
    )
)

FOLDERS = (
    *(
        Case(f"{command}", "no sweep here", "awstune sweep train.py", kind="unknown_name")
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
    ),
    *(
        Case(f"{command} {name}", "no sweep", "awstune sweeps lists all", kind="unknown_name", files=_sweep())
        for command in ("status", "attach", "logs", "resume", "cancel", "results")
        for name in ("nosuch", "../x", "'$(x)'", "'a\nb'", "-- --")
    ),
    *(
        Case(f"{command} old", "version 99", "upgrade", files=_sweep(SPEC.replace("1", "99", 1) + SPEC_SPACE))
        for command in ("status", "resume", "results")
    ),
    *(
        Case(f"{command} old", "no TOML", "sweep.toml", files=_sweep("target = \n"))
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
    Case("status old", "no sweep", "", kind="unknown_name", files={"sweeps/old/journal.jsonl": JOURNAL}),
    Case(
        "resume old",
        "cannot write",
        "awstune resume old",
        kind="sweep",
        status=1,
        with_json=False,
        files=_sweep(**{"sweeps/old/trials": "a file"}),
    ),
    Case("logs old", "no log", "awstune status old", kind="unknown_name", files=_sweep()),
    Case(
        "logs old --trial 7",
        "trial 7 of old has no log",
        "awstune status old",
        kind="unknown_name",
        files=_sweep(),
    ),
    Case("logs old --trial -1", "-1", "awstune logs --help", files=_sweep()),
    Case("logs old --trial x", "'x'", "awstune logs --help", files=_sweep()),
    Case("cancel old --trial x", "'x'", "awstune cancel --help", files=_sweep()),
    Case("cancel old --trial 7", "not running", "awstune", files=_sweep()),
    Case("resume old --trials x", "--trials x is no number", "+30", files=_sweep()),
    Case("resume old --trials 0", "--trials 0 is no number", "+30", files=_sweep()),
    Case("resume old --trials +0", "--trials +0 is no number", "+30", files=_sweep()),
    Case("resume old --trials -5", "-5", "+30", files=_sweep()),
    Case("resume old --mode up", "'up'", "awstune resume --help", files=_sweep()),
    Case("results old --format xml", "'xml'", "awstune results --help", files=_sweep()),
    *(
        Case(
            f"results old --format {shape}",
            "no trial has succeeded",
            "awstune results old",
            status=3,
            kind="nothing_succeeded",
            files=_sweep(),
            with_json=False,
        )
        for shape in ("args", "toml")
    ),
)

TOML = tuple(
    Case(words, message, hint, files={"awstune.toml": text})
    for words, text, message, hint in (
        ("ls", "cloud =", "is not TOML", "mend"),
        ("ls", b"\xff\xfe", "is not TOML", "mend"),
        ("ls", "colour = 1", "unknown key 'colour'", "cloud, region, profile"),
        ("ls", "region = 3", "region is no text", 'region = "..."'),
        ("ls", "launch = 3", "launch is no section", "[launch]"),
        ("launch", "[launch]\nttll = '4h'", "unknown key 'ttll' in [launch]", "awstune launch --help"),
        ("launch", "[launch]\nttl = 'soon'", "'soon' is no duration", "awstune launch --help"),
        ("launch", "[launch]\nttl = true", "'true' is no duration", "awstune launch --help"),
        ("launch", "[launch]\nttl = 8", "'8' is no duration", "awstune launch --help"),
        ("launch", "[launch]\nttl = nan", "'nan' is no duration", "awstune launch --help"),
        ("launch", "[launch]\ncount = 'x'", "'x'", "awstune launch --help"),
        ("launch", "[launch]\ncount = [1]", "count in [launch] is no single value", 'count = "..."'),
        ("launch", "[launch]\ndisk = 0", "0", "awstune launch --help"),
        ("launch", "[launch]\ntag = [['team=a']]", "tag in [launch] is no single value", "tag ="),
        ("launch", "[launch]\ntag = ['team']", "'team' is no tag", "awstune launch --help"),
        ("launch", "[launch]\nspot = 'maybe'", "'maybe'", "awstune launch --help"),
        ("launch", "[launch]\ntype = ['a']", "type in [launch] is no single value", "type ="),
        ("launch", "[launch.ttl]\na = 1", "ttl in [launch] is no single value", "ttl ="),
        ("launch", "[launch]\nssh-from = ''", "'--ssh-from': it is empty", "awstune launch --help"),
        ("sweep train.py", "[sweep]\ntrials = 0", "0", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\ntrials = 'all'", "'all'", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\nsearch = 'magic'", "'magic'", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\nfoo = 1", "unknown key 'foo' in [sweep]", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\np = ['lr=5..1']", "unknown key 'p' in [sweep]", "awstune sweep --help"),
    )
)

CLOUD = tuple(
    replace(case, cloud=True)
    for case in (
        Case("launch --ssh-from everybody", "everybody", "203.0.113.7/32"),
        Case("launch --ssh-from 10.0.0.300/8", "10.0.0.300/8", "203.0.113.7/32"),
        Case("launch --ssh-from 10.0.0.1/99", "10.0.0.1/99", "203.0.113.7/32"),
        Case("launch --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("launch --region '../x'", "no region '../x'", "--region"),
        Case("launch --region 'us\neast'", "no region 'us\\neast'", "--region"),
        Case("launch --region eu-central-1", "p2.xlarge", "--or-similar", kind="not_offered"),
        Case("launch --type p99.tiny", "p99.tiny", "", kind="not_offered"),
        Case("launch --type '$(x)'", "$(x)", "", kind="not_offered"),
        Case("launch --ami nosuch", "nosuch", ""),
        Case("launch --ami ami-0", "ami-0", ""),
        Case("launch --subnet nosuch", "no subnet 'nosuch'", "--subnet"),
        Case("launch --subnet '$(x)'", "no subnet '$(x)'", "--subnet"),
        Case("launch --subnet subnet-0123456789abcdef0", "no subnet 'subnet-0123456789abcdef0'", "--subnet"),
        Case("launch --security-group nosuch", "no security group 'nosuch'", "--security-group"),
        Case(
            "launch --security-group sg-0123456789abcdef0",
            "no security group 'sg-0123456789abcdef0'",
            "--security-group",
        ),
        Case(
            "launch --key key.pem",
            "others can read",
            "chmod 600",
            kind="key_file",
            status=1,
            files={"key.pem": "nonsense"},
        ),
        Case(
            "launch --key private.pem",
            "private.pem",
            "",
            kind="key_file",
            status=1,
            files={"private.pem": "nonsense"},
        ),
        Case("launch --disk 1", "", ""),
        Case(f"launch --tag {'k' * 200}=1", "is too long", "128 characters"),
        Case(f"launch --tag k={'v' * 300}", "is too long", "256"),
        *(
            Case(f"{command} nosuch", "nosuch", "", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate", "sweep train.py --on")
        ),
        *(
            Case(f"{command} {name}", "", "", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate")
            for name in ("../x", "'$(x)'", "'a\nb'", "''")
        ),
        *(
            Case(f"{command}", "no instance", "awstune launch", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate", "extend 4h")
        ),
        Case("extend nosuch 4h", "nosuch", "", kind="unknown_name"),
        Case("ls --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("types --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("doctor --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("stop --", "no instance", "awstune launch", kind="unknown_name"),
    )
)

CASES = (*COMMANDS, *LAUNCH, *NAMES, *SPACES, *SWEEP, *TARGETS, *FOLDERS, *TOML, *CLOUD)


@dataclass(frozen=True)
class Trials:
    """A row of trials that misbehave.

    Attributes:
        what: a trial that...
        body: of ``def train(trial)``.
        error: part of what the results say.
        status: the sweep's exit status.
        outcome: of each of its two trials.
        options: of the sweep.
        log: part of the newest trial's log.
    """

    what: str
    body: str
    error: str = ""
    status: int = 3
    outcome: str = "failed"
    options: tuple[str, ...] = ()
    log: str = ""

    @property
    def script(self) -> str:
        """The training script."""
        lines = "".join(f"    {line}\n" for line in self.body.splitlines())
        return f'import os, signal, sys, time\nmetric = "loss"\n\n\ndef train(trial):\n{lines}'


FINE = {"status": 0, "outcome": "succeeded"}
TRIALS = (
    Trials("raises", "1 / 0", "ZeroDivisionError", log="ZeroDivisionError"),
    Trials("raises with a message of two lines", "raise ValueError('a\\nb')", "ValueError: a"),
    Trials("raises in unicode", "raise ValueError('größer \\u2713')", "größer", log="größer"),
    Trials("reports NaN", "trial.report(loss=float('nan'))", "nan"),
    Trials("reports infinity", "trial.report(loss=float('inf'))", "inf"),
    Trials("returns NaN", "return float('nan')", "never reported loss, only value"),
    Trials("returns None and never reports", "return None", "report"),
    Trials("returns text", "return 'low'", "never reported loss"),
    Trials("reports text", "trial.report(loss='low')", "takes a number, not a str"),
    Trials("reports nothing", "trial.report()", "report"),
    Trials("reports something else", "trial.report(speed=1.0)", "loss"),
    Trials("exits", "sys.exit(3)", "3"),
    Trials("exits with status 0", "sys.exit(0)", "never reported loss"),
    Trials("exits at once", "os._exit(3)", "status 3"),
    Trials("is killed", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    Trials("crashes", "os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    Trials("takes too long", "time.sleep(60)", "1 s", options=("--trial-timeout", "1s")),
    Trials("misses a parameter", "trial.params['lr']", "KeyError", log="KeyError"),
    Trials(
        "prints 20 MB", "sys.stdout.write('x' * 20_000_000)\ntrial.report(loss=1.0)", log="x" * 1000, **FINE
    ),
    Trials("prints no text", "os.write(1, bytes([255, 0, 10]))\ntrial.report(loss=1.0)", **FINE),
    Trials("forks", "if os.fork() == 0:\n    time.sleep(60)\ntrial.report(loss=1.0)", **FINE),
    Trials("closes its output", "os.close(1)\nos.close(2)\ntrial.report(loss=1.0)", **FINE),
    Trials("goes elsewhere", "os.chdir('/')\ntrial.report(loss=1.0)", **FINE),
)

# Odd, but with a meaning: what they print, and what they say on stderr.
GOES_ON = (
    Case("status old", "old", "", files=_sweep(journal=JOURNAL + '{"t": 2.0, "eve')),
    Case("status old", "old", "", files=_sweep(journal=b"\xff\xfe\x00\n" + JOURNAL.encode())),
    Case("resume old", "best of 2 trials", "", files=_sweep(journal=JOURNAL + '{"t": 2.0, "eve')),
    Case("resume old", "best of 2 trials", "", files=_sweep(journal="[]\n3\n{}\n" + JOURNAL)),
    Case("resume old", "best of 2 trials", "", files=_sweep(journal="")),
    Case(
        "resume old",
        "best of 2 trials",
        "",
        files={"train.py": TRAIN, "sweeps/old/sweep.toml": SPEC + SPEC_SPACE},
    ),
    Case("resume old --trials 1", "best of 1 trial:", "", files=_sweep()),
    Case("results old", "", "", files=_sweep()),
    Case("sweeps", "", "warning: ", files=_sweep("target = \n")),
    Case(
        "sweeps",
        "new",
        "warning: old: a newer awstune",
        files={**_sweep(SPEC.replace("1", "99", 1) + SPEC_SPACE), "sweeps/new/sweep.toml": SPEC + SPEC_SPACE},
    ),
    Case("sweeps", "old", "", files={**_sweep(), "sweeps/a file": "", "sweeps/.hidden/x": ""}),
    Case("sweeps", "", ""),
    Case(
        "sweep bad.py --trials 3 -p 'v=größer,✓,日本'", "best of 3 trials", "größer", files={"bad.py": TRAIN}
    ),
    Case("sweep bad.py --trials 3 -p 'v=$(x),../x,`y`'", "best of 3 trials", "$(x)", files={"bad.py": TRAIN}),
    Case(
        """sweep bad.py --trials 2 -p 'v=["a\\nb","--"]'""", "best of 2 trials", "", files={"bad.py": TRAIN}
    ),
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
            '"usd_worst_case": 3.6',
            "",
            files={"awstune.toml": "[launch]\nttl = '4h'\ntag = ['a=b']"},
        ),
        cloud=True,
    ),
    replace(
        Case(
            "launch --dry-run --json --ttl 1h",
            '"usd_worst_case": 0.9',
            "",
            files={"awstune.toml": "[launch]\nttl = '4h'"},
        ),
        cloud=True,
    ),
)
