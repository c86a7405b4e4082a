"""What was promised of bad input, in the promise's own words, and the rows that hold it.

A row is named by its words (``sweep train.py``), a trial by what it does (``a trial that raises``),
and a test elsewhere by its file and name.
"""

from __future__ import annotations

WORDS = {
    "wrong types": ("launch --count many", "sweep train.py --trials 2.5", "logs old --trial x"),
    "unknown names": ("lunch", "ssh nosuch", "status nosuch", "ls --region nowhere-1"),
    "empty ranges": ("sweep bad.py -p 'lr=1..1'", "sweep bad.py -p 'lr='"),
    "inverted ranges": ("sweep bad.py -p 'lr=5..1'",),
    "huge ranges": (
        "sweep bad.py -p 'n=1..999999999999999999999999999'",
        "sweep bad.py -p 'lr=0..1e999'",
        "launch --disk 99999999999",
        "launch --ttl 99999999999999d",
    ),
    "unicode": ("launch höhle", "sweep 'ü/ö.py'", "sweep 'ü ö.py' --trials 1 -p v=1..3"),
    "newlines": ("launch 'a\nb'", "status 'a\nb'", "sweep 'a\nb.py'", "ssh 'a\nb'", "'ls\nls'"),
    "a name like --": ("launch -- --", "status -- --", "sweep train.py --name=--", "stop --"),
    "a name like ../x": ("launch ../x", "status ../x", "ssh ../x", "sweep ../x"),
    "a name like $(x)": ("launch '$(x)'", "results '$(x)'", "terminate '$(x)'", "sweep '$(x)'"),
    "a TARGET with a syntax error": ("sweep bad.py",),
    "a TARGET that parses arguments at import": ("sweep bad.py",),
    "a TARGET that trains at import": ("sweep bad.py",),
    "a TARGET that hangs at import": (
        "tests/unit/sweeps/test_target.py::test_a_target_that_never_ends_being_imported",
    ),
    "a trial that raises": ("a trial that raises", "a trial that raises in unicode"),
    "a trial that returns NaN": ("a trial that returns NaN", "a trial that reports NaN"),
    "a trial that returns None": ("a trial that returns None and never reports",),
    "a trial that never reports": ("a trial that returns None and never reports",),
    "a trial that reports a string": ("a trial that reports text",),
    "a trial that prints 50 MB": ("a trial that prints 50 MB",),
    "a trial that forks": ("a trial that forks",),
    "a trial that exits": ("a trial that exits", "a trial that exits at once"),
    "a trial that is killed": ("a trial that is killed", "a trial that crashes"),
    "a trial that fills memory": ("a trial that fills its memory", "a trial that is killed for its memory"),
    "a sweep folder that is read-only": ("sweep train.py", "resume old"),
    "a sweep folder from a newer schema": ("status old", "sweep --spec s.toml"),
    "a sweep folder that is half deleted": ("status old", "logs old", "resume old"),
    "a sweep folder with a torn journal": ("status old", "resume old"),
    "zero trials": ("sweep train.py --trials 0", "resume old --trials 0"),
    "a grid with neither trials nor step": ("sweep train.py --search grid",),
    "wrong key permissions": ("launch --key key.pem",),
    "a NAME taken by another owner": ("launch theirs", "terminate theirs"),
    "no credentials": ("ls", "launch lab --yes", "sweep train.py --launch --yes"),
    "expired credentials": ("ls", "terminate lab"),
    "clock skew": ("ls", "launch lab --yes"),
    "unwritable home": ("ls", "local start", "demo"),
}
# Where the words alone say too little: part of the message of a row with them.
MESSAGES = {
    "a TARGET with a syntax error": "syntax error",
    "a TARGET that parses arguments at import": "parses its arguments",
    "a TARGET that trains at import": "trains when it is imported",
    "a sweep folder that is read-only": "cannot write",
    "a sweep folder from a newer schema": "version 99",
    "no credentials": "there are no AWS credentials",
    "expired credentials": "ExpiredToken",
    "clock skew": "RequestExpired",
    "unwritable home": "cannot make",
}
