"""Tables on a terminal: as many columns as there is room for, and a word of the others."""

from hypothesis import given
from hypothesis import strategies as st

from awstune.report import tables
from awstune.report.fitting import columns, fitted

HEADER = ("trial", "loss", "learning_rate", "momentum", "took", "")
ROWS = [("0", "0.5", "0.001", "0.9", "1.2 s", "baseline"), ("1", "0.25", "0.1", "0.5", "2 h 05 min", "")]
SPARE = (4, 3, 2)


def _fit(room):
    return fitted(ROWS, HEADER, "rrrrr", room=room, spare=SPARE, whole="--json has all")


def test_what_has_room_is_whole():
    """In a pipe, and on a terminal that is wide enough, nothing is cut."""
    assert _fit(None) == _fit(60) == columns(ROWS, HEADER, "rrrrr")


def test_names_are_cut_before_columns_go():
    """A long name is cut first; then columns go, the least important first, and are named below."""
    assert _fit(56).splitlines()[0].split() == ["trial", "loss", "learning_…", "momentum", "took"]
    assert _fit(40) == (
        "trial  loss  learning_…\n"
        "    0   0.5       0.001  baseline\n"
        "    1  0.25         0.1\n"
        "(no room for took, momentum: --json has all)"
    )


@given(st.integers(10, 120), st.lists(st.text("abc", min_size=1, max_size=30), min_size=2, max_size=8))
def test_rows_fit(room, cells):
    """Where all but the first column may go, what is left fits, as far as that one allows it."""
    names = [str(at) for at in range(len(cells))]
    spare = range(len(cells) - 1, 0, -1)
    table, *_ = fitted([cells], names, room=room, spare=spare, whole="").partition("\n(")
    assert max(map(len, table.splitlines())) <= max(room, len(cells[0]))


def test_a_region_s_types_on_80_columns():
    """Each type keeps its line; the price stays."""
    row = dict.fromkeys(
        ["quota_vcpus", "quota_used_vcpus", "spot_quota_vcpus", "spot_quota_used_vcpus"], 64.0
    )
    row |= {"type": "p6-b300.48xlarge", "gpu": "RTX PRO Server 6000", "gpus": 8, "gpu_memory_gib": 268.6}
    row |= {"vcpus": 192, "usd_per_hour": 98.32, "spot_usd_per_hour": 30.1, "offered": True}
    header, line, below = tables.types([row], "us-east-1", room=80).splitlines()
    assert "AN HOUR" in header
    assert len(line) <= 80
    assert below.startswith("(no room for SPOT LEFT")
