import pytest

from awstune.ec2 import steps
from awstune.ec2.wanted import Wanted
from awstune.errors import UsageError


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../lab"},
        {"name": ""},
        {"name": "-lab"},
        {"name": "x" * 64},
        {"count": 0},
        {"disk_gib": -1},
        {"ttl_s": 0.0},
        {"idle_s": -1.0},
        {"max_usd": 0.0},
        {"tags": {"awstune:owner": "you"}},
        {"tags": {"aws:x": "y"}},
        {"tags": {"k" * 129: "v"}},
        {"market": "spot", "at_end": "stop"},
        {"ssh_jump": "a host"},
        {"results_bucket": "No_Bucket"},
    ],
)
def test_wishes_that_mean_nothing(wrong):
    """Refused as soon as they are typed."""
    with pytest.raises(UsageError):
        Wanted(**wrong)


def test_the_end_of_each_market():
    """Stop on demand, terminate for spot, unless said."""
    assert Wanted().end == "stop"
    assert Wanted(market="spot").end == "terminate"
    assert Wanted(at_end="terminate").end == "terminate"


def test_a_spot_instance_that_would_be_stopped():
    """Refused with AWS's reason: what could be stopped would come back after it was terminated."""
    with pytest.raises(UsageError) as caught:
        Wanted(market="spot", at_end="stop")
    assert "persistent request" in caught.value.message
    assert "starts another instance after the first is terminated" in caught.value.message
    assert "it is terminated" in caught.value.hint


def test_a_default_spelled_out_is_the_same_wish():
    """The defaults that help names, typed or left out; a disk's depends on the image, so typing it tells."""
    typed = Wanted(type="p2.xlarge", ttl_s=8 * 3600, idle_s=1800, at_end="stop")
    assert typed.hash() == Wanted().hash()
    assert Wanted(market="spot", at_end="terminate").hash() == Wanted(market="spot").hash()
    assert Wanted(disk_gib=100).hash() != Wanted().hash()


def test_the_hash_is_of_wishes_only():
    """Who may knock and how many there are makes no other launch; all else does."""
    assert Wanted("a", count=3, ssh_from="1.2.3.4", or_similar=True).hash() == Wanted("b").hash()
    others = [
        Wanted(type="g5.xlarge"),
        Wanted(market="spot"),
        Wanted(image="ami-1"),
        Wanted(disk_gib=100),
        Wanted(ttl_s=None),
        Wanted(idle_s=60),
        Wanted(max_usd=1),
        Wanted(at_end="terminate"),
        Wanted(tags={"a": "b"}),
    ]
    assert len({wanted.hash() for wanted in others} | {Wanted().hash()}) == len(others) + 1


@pytest.mark.parametrize(
    ("seconds", "word"), [(28800, "8h"), (1800, "30m"), (5400, "1h30m"), (45, "45s"), (0.2, "0s")]
)
def test_spans_are_written_as_typed(seconds, word):
    """8h, 30m, 1h30m."""
    assert steps.span(seconds) == word
