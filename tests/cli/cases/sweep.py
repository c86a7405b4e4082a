"""``sweep``: its TARGET, its options, its files."""

from __future__ import annotations

from tests.cli.cases.case import PIPE, RING, SPEC, SPEC_SPACE, TRAIN, Case, sweep

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
    Case("sweep pipe.py", "pipe.py is no file", "train.py", kind="target", files={"pipe.py": PIPE}),
    Case("sweep ring.py", "ring.py is a link that leads back", "have it lead to", files={"ring.py": RING}),
    Case(
        "sweep train.py --data ring",
        "ring is a link that leads back to itself",
        "have it lead to",
        files={"ring": RING},
    ),
    Case(f"sweep {'x' * 300}.py", "cannot be read: File name too long", "train.py", kind="target"),
    *(
        Case(words, "sweeps is a link that leads back to itself", "have it lead to", files={"sweeps": RING})
        for words in ("sweep train.py", "sweeps", "status")
    ),
    Case("sweep 'a\nb.py'", "'a\\nb.py' is no TARGET", "train.py:function", kind="target"),
    Case("sweep 'ü/ö.py'", "ü/ö.py is not there", "", kind="target"),
    Case("sweep notes.txt", "notes.txt is no Python file", "--", kind="target", files={"notes.txt": ""}),
    Case("sweep train.py:fit", "train.py has no function fit", "train.py:train", kind="target"),
    Case("sweep nowhere.train", "nowhere", "", kind="target"),
    Case("sweep train.py -- python train.py", "two targets", "leave one of them out", kind="target"),
    Case("sweep train.py --trials 0", "0 is not between", "awstune sweep --help"),
    Case("sweep train.py --trials -3", "-3", "awstune sweep --help"),
    Case("sweep train.py --trials many", "'many'", "awstune sweep --help"),
    Case("sweep train.py x=0..0.5", "a parameter's space is one word behind -p", "-p x=0..0.5"),
    Case("sweep train.py x=1..2 opt=a,b", "is one word behind -p", "-p x=1..2 -p opt=a,b"),
    Case("sweep train.py -p x 0..0.5", "a parameter's space is one word behind -p", "-p NAME=0..0.5"),
    Case("sweep python train.py", "too many words for a TARGET", "awstune sweep -- python train.py"),
    Case("sweep train.py --lr 0.1", "'--lr'", "awstune sweep -- python train.py --lr"),
    Case("sweep train.py --trials 2.5", "'2.5'", "awstune sweep --help"),
    Case("sweep train.py --parallel 0", "0 is not between", "awstune sweep --help"),
    Case("sweep train.py --search astrology", "'astrology'", "awstune sweep --help"),
    Case("sweep train.py --mode up", "'up'", "awstune sweep --help"),
    Case("sweep train.py --value first", "'first'", "awstune sweep --help"),
    Case("sweep train.py --search-seed pi", "'pi'", "awstune sweep --help"),
    Case("sweep train.py --trial-timeout long", "'long' is no duration", "awstune sweep --help"),
    Case("sweep train.py --max-time -1s", "-1s", "awstune sweep --help"),
    Case("sweep train.py --stop-when worth=50", "a sweep on this machine has no price", "gain=1%"),
    Case("sweep train.py --spot", "--spot describes an instance to launch", "add --launch"),
    Case("sweep train.py --ttl 1h --on lab", "--ttl describes an instance to launch", "leave --ttl out"),
    Case("sweep train.py --at-end stop", "--at-end describes an instance to launch", "add --launch"),
    Case("sweep train.py --max-usd nan", "'nan' is no amount of dollars", "awstune sweep --help"),
    Case("sweep train.py --keep some", "'some'", "awstune sweep --help"),
    Case("sweep train.py --search random --acquisition ei", "--acquisition does not belong", "leave one"),
    *(
        Case(f"sweep train.py --trial-memory {text}", "is no amount of memory", "awstune sweep --help")
        for text in ("nan", "inf", "much")
    ),
    *(
        Case(f"sweep train.py --trial-memory {text}", "is less than any Python needs", "awstune sweep --help")
        for text in ("0", "1e-9", "-1")
    ),
    Case("sweep train.py --stop-when bored", "bored", ""),
    Case(
        "sweep train.py -p xx=1..2", "xx is not in the space of train.py; did you mean x?", "", kind="space"
    ),
    Case("sweep train.py --search grid", "grid search cannot run every value of x", "--trials", kind="space"),
    Case(
        "sweep bad.py -p n=1..9000000000 --search grid",
        "more than 1000000 points",
        "--trials",
        kind="space",
        files={"bad.py": TRAIN},
    ),
    *(
        Case(f"sweep bad.py {words}", "more than 1000000 points", "", kind="space", files={"bad.py": TRAIN})
        for words in (
            "-p x=0..1.0:step=1e-12 --search grid --trials 5",
            "-p x=0..1.0:n=99999999999 --search grid",
        )
    ),
    Case("sweep train.py --trials 99999999999999999999", "is not between", "awstune sweep --help"),
    Case("sweep train.py --parallel 99999999999", "is not between", "awstune sweep --help"),
    Case(
        "sweep train.py --python /nowhere/python", "/nowhere/python cannot be run", "--python", kind="target"
    ),
    Case("sweep train.py --python .", "cannot be run", "--python", kind="target"),
    Case("sweep train.py --name ../x", "'../x' cannot be the name of a sweep", "letters"),
    Case(
        "sweep train.py -p x=0..1.0 --name ../x --dry-run", "'../x' cannot be the name of a sweep", "letters"
    ),
    Case("sweep train.py --name '$(x)'", "'$(x)' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name=--", "'--' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name 'a\nb'", "'a\\nb' cannot be the name of a sweep", "letters"),
    Case("sweep train.py --name ''", "'--name': it is empty", "awstune sweep --help"),
    Case(f"sweep train.py --name {'x' * 300}", "cannot be the name of a sweep", "letters"),
    *(
        Case(
            f"sweep train.py -p x=0..1.0{where} --name old",
            "there is a sweep old here already",
            "awstune resume old",
            kind="name_taken",
            files=sweep(),
        )
        for where in ("", " --metric loss --launch")
    ),
    Case("sweep train.py -p x=0..1.0 --metric-regex loss=(.*)", "the metric is for commands", "report"),
    Case("sweep train.py", "cannot write", "", files={"sweeps": "a file"}),
    Case("sweep train.py --space nowhere.toml", "cannot read nowhere.toml", "--space", kind="space"),
    Case("sweep train.py --space .", "cannot read .", "--space", kind="space"),
    *(
        Case(
            "sweep train.py --space s.toml",
            "s.toml is not TOML",
            'lr = "1e-5..1e-1:log"',
            kind="space",
            files={"s.toml": content},
        )
        for content in ("lr = 1..2", b"\xff\xfe")
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
    *(
        Case(f"sweep -p lr=1..5 -- {words}", message, hint, kind="target", files={"x.py": "", "x.sh": ""})
        for words, message, hint in (
            ("python3 x.py", "lr", "{lr}"),
            ("python3 x.py {rl}", "rl", ""),
            ("python3 x.py {lr", "no place for lr", "{lr}"),
            ("python3 -u y.py {lr}", "y.py is not there", "train.py, x.py"),
            ("nosuch {lr}", "there is no program nosuch", "PATH"),
            ("'python x.py {lr}'", "there is no program python x.py {lr}", "leave its quotes out: -- python"),
            ("x.py {lr}", "x.py is not on the PATH", "-- python x.py"),
            ("./x.py {lr}", "./x.py is no program that may be run", "-- python ./x.py"),
            ("x.sh {lr}", "x.sh is not on the PATH", "-- ./x.sh"),
            ("./x.sh {lr}", "./x.sh is no program that may be run", "chmod +x ./x.sh"),
        )
    ),
    Case("sweep -p lr=1..5 --on lab -- python3 y.py {lr}", "y.py is not there", "train.py", kind="target"),
    Case("sweep -p lr=1..5 --metric-regex '(' -- echo {lr}", "(", ""),
    Case("sweep -p lr=1..5 --metric-regex '(l)=(1)' -- echo {lr}", "has 2 groups", "as (?:...)"),
    Case(
        "sweep train.py --on lab",
        "embedded cloud is not running",
        "awstune local start",
        kind="cloud_not_running",
    ),
)
