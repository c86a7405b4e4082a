"""Commands to be pasted carry the global options that were typed: they ask the same cloud."""

import pytest

from awstune.cli.carrying import carrying

LOCAL = {"cloud": "local"}
ROWS = {
    "choose another name, or `awstune terminate lab` first": (
        "choose another name, or `awstune --cloud local terminate lab` first"
    ),
    "next: awstune ssh lab · awstune terminate lab": (
        "next: awstune --cloud local ssh lab · awstune --cloud local terminate lab"
    ),
    "awstune ls shows it; awstune terminate NAME ends it": (
        "awstune --cloud local ls shows it; awstune --cloud local terminate NAME ends it"
    ),
    "awstune resume far --launch goes on": "awstune --cloud local resume far --launch goes on",
    # Said already; found in the sweep's folder; of no cloud; no command.
    "awstune launch --cloud local lab": "awstune launch --cloud local lab",
    "awstune --cloud local launch": "awstune --cloud local launch",
    "next: awstune results far · awstune resume far": "next: awstune results far · awstune resume far",
    "awstune local start": "awstune local start",
    "awstune launch --help": "awstune launch --help",
    "a bug in awstune: stop": "a bug in awstune: stop",
}


@pytest.mark.parametrize("text", ROWS)
def test_the_cloud_that_was_typed(text):
    """It stands in every command that asks it, once; and nothing is added where none was typed."""
    assert carrying(text, LOCAL) == ROWS[text]
    assert carrying(text, {"quiet": 1}) == text


def test_region_and_profile():
    """Each is carried as it was typed; a sweep's folder knows all but the profile."""
    typed = {"region": "eu-west-1", "profile": "my own"}
    assert carrying("`awstune ls`", typed) == "`awstune --region eu-west-1 --profile 'my own' ls`"
    assert carrying("awstune status far", typed) == "awstune --profile 'my own' status far"
    assert carrying("awstune ls --region x", typed) == "awstune --profile 'my own' ls --region x"
