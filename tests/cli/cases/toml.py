"""``awstune.toml``."""

from __future__ import annotations

from tests.cli.cases.case import Case

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
        (
            "attach gone",
            "[launch]\nresults-bucket = ['a']",
            "results-bucket in [launch] is no single value",
            "results-bucket =",
        ),
        ("launch", "[launch.ttl]\na = 1", "ttl in [launch] is no single value", "ttl ="),
        ("launch", "[launch]\nssh-from = ''", "'--ssh-from': it is empty", "awstune launch --help"),
        ("sweep train.py", "[sweep]\ntrials = 0", "0", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\ntrials = 'all'", "'all'", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\nsearch = 'magic'", "'magic'", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\nfoo = 1", "unknown key 'foo' in [sweep]", "awstune sweep --help"),
        ("sweep train.py", "[sweep]\np = ['lr=5..1']", "unknown key 'p' in [sweep]", "awstune sweep --help"),
    )
)
