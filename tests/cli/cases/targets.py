"""Scripts that cannot be used as they are."""

from __future__ import annotations

from tests.cli.cases.case import SPACE, TRAIN, Case, script

HANGS = (
    Case(
        "sweep bad.py",
        "bad.py is still busy being imported after 1 s (line 2)",
        "AWSTUNE_IMPORT_S=300",
        kind="target",
        files=script(f"import time\ntime.sleep(600)\n{SPACE}{TRAIN}"),  # until it is ended
        env={"AWSTUNE_IMPORT_S": "1"},
    ),
    *(
        Case(
            "sweep train.py",
            "is no number of seconds",
            "AWSTUNE_IMPORT_S=300",
            env={"AWSTUNE_IMPORT_S": text},
        )
        for text in ("soon", "0", "-1", "nan", "1e99")
    ),
)
TARGETS = HANGS + tuple(
    Case(words, message, hint, kind=kind, files=script(body))
    for words, body, message, hint, kind in (
        ("sweep bad.py", "def train(trial:\n", "bad.py has a syntax error at line 1", "bad.py", "target"),
        (
            "sweep bad.py",
            f"{SPACE}def train(trial):\n    yield 1.0\n",
            "train has a yield: called, it runs nothing",
            "trial.report(...) in its place",
            "target",
        ),
        (
            "sweep bad.py",
            f"{SPACE}async def train(trial):\n    trial.report(loss=1.0)\n",
            "train is async: called, it runs nothing",
            "asyncio.run(...)",
            "target",
        ),
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
        (
            "sweep bad.py",
            "import torch\nw = torch.nn.Parameter(torch.ones(1))\noptimizer = torch.optim.SGD([w], lr=0.1)\n"
            "while True:\n    (w**2).sum().backward()\n    optimizer.step()\n" + TRAIN,
            "bad.py trains when it is imported (line 6)",
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
            "install what provides nosuchpackage",
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
        ("sweep bad.py", "space = 3\n" + TRAIN, "space is of type int", "", "target"),
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
        (
            "sweep bad.py",
            "metric = 3\n" + SPACE + TRAIN,
            "metric is 3, which is no name",
            "val_loss",
            "target",
        ),
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
        (
            "sweep -- python3 bad.py --lr {lr}",
            "import argparse\nopen('log.txt', 'w')\np = argparse.ArgumentParser()\np.parse_args()\n",
            "its options cannot be read: it changes log.txt before it parses them",
            "-p lr=1e-5..1e-1:log -- python3 bad.py --lr {lr}",
            "space",
        ),
        (
            "sweep bad.py",
            "import argparse\nif __name__ == '__main__':\n    1 / 0\n",
            "bad.py has no function train, and its options cannot be read: it does not get to them",
            "shows the whole traceback; or def train(trial)",
            "target",
        ),
        ("sweep bad.py --on lab", SPACE + TRAIN, "nothing says what bad.py", "--metric", "usage"),
        ("sweep bad.py --on lab --metric speed", SPACE + TRAIN, "higher or a lower speed", "--mode", "usage"),
    )
)
