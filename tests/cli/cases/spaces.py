"""``-p NAME=SPACE``."""

from __future__ import annotations

from tests.cli.cases.case import TRAIN, Case, script

SPACES = tuple(
    Case(f"sweep bad.py -p '{text}'", message, hint, kind="space", files=script(TRAIN))
    for text, message, hint in (
        ("lr=1...5", "1...5", "1..5"),
        ("lr=5..1", "5..1", "1..5"),
        ("lr=1e-5..1e-1,log", "the range 1e-5..1e-1 is among options", "write lr=1e-5..1e-1:log"),
        ("lr=0,1..0,5", "a number has a point, and no comma", "write lr=0.1..0.5"),
        ("lr=loguniform(1e-5,1e-1)", "leave loguniform(1e-5 as an option", "1e-5..1e-1:log"),
        ("lr=1e-5-1e-1", "two dots", "write lr=1e-5..1e-1"),
        ("lr=1_000..", "two dots", "write lr=1000..10000"),
        ("model.=1..4", "'model.=1..4' is not of the form", "lr="),
        ("lr=1..1", "the range 1..1 is empty", "write lr=1"),
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
