"""Tables on a terminal: as many columns as there is room for; the others are named, or go on below."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.report import tables
from awstune.report.fitting import columns, fitted, wrapped

HEADER = ("trial", "loss", "learning_rate", "momentum", "took", "")
ROWS = [("0", "0.5", "0.001", "0.9", "1.2 s", "baseline"), ("1", "0.25", "0.1", "0.5", "2 h 05 min", "")]
SPARE = (4, 3, 2)


def _fit(room):
    return fitted(ROWS, HEADER, "rrrrr", room=room, spare=SPARE, whole="--json has all")


def _wrap(room):
    return wrapped(ROWS, HEADER, "rrrrr", room=room, keys=2)


@pytest.mark.parametrize("table", [_fit, _wrap])
def test_what_has_room_is_whole(table):
    """In a pipe, and on a terminal that is wide enough, nothing is cut; long names are cut first."""
    assert table(None) == table(60) == columns(ROWS, HEADER, "rrrrr")
    assert table(56).splitlines()[0].split() == ["trial", "loss", "learning_…", "momentum", "took"]


def test_columns_go():
    """Then columns go, the least important first, and are named below."""
    assert _fit(40) == (
        "trial  loss  learning_…\n"
        "    0   0.5       0.001  baseline\n"
        "    1  0.25         0.1\n"
        "(no room for took, momentum: --json has all)"
    )


def test_what_has_no_room_goes_on_below():
    """Then the other columns follow in tables of their own, beside the same keys."""
    assert _wrap(40) == (
        "trial  loss  learning_rate\n"
        "    0   0.5          0.001  baseline\n"
        "    1  0.25            0.1\n"
        "\n"
        "trial  loss  momentum        took\n"
        "    0   0.5       0.9       1.2 s\n"
        "    1  0.25       0.5  2 h 05 min"
    )


@given(st.integers(10, 120), st.lists(st.text("abc", min_size=1, max_size=30), min_size=3, max_size=9))
def test_all_of_a_row_is_shown(room, cells):
    """However narrow: each column once, the keys in each table; only a column that is too wide sticks out."""
    names = [str(at) for at in range(len(cells))]
    tables = [table.splitlines() for table in wrapped([cells], names, room=room, keys=1).split("\n\n")]
    assert [header.split()[0] for header, _ in tables] == ["0"] * len(tables)
    shown = [cell for _, row in tables for cell in row.split()[1:]]
    assert sorted(shown) == sorted(cells[1:])
    for header, row in tables:
        assert max(map(len, (header, row))) <= room or len(row.split()) <= 2


@given(st.integers(10, 120), st.lists(st.text("abc", min_size=1, max_size=30), min_size=2, max_size=8))
def test_rows_fit(room, cells):
    """Where all but the first column may go, what is left fits, as far as that one allows it."""
    names = [str(at) for at in range(len(cells))]
    spare = range(len(cells) - 1, 0, -1)
    table, *_ = fitted([cells], names, room=room, spare=spare, whole="").partition("\n(")
    assert max(map(len, table.splitlines())) <= max(room, len(cells[0]))


def test_a_region_s_types_on_80_columns():
    """Each type keeps its line; the price stays, and of when it is."""
    row = dict.fromkeys(
        ["quota_vcpus", "quota_used_vcpus", "spot_quota_vcpus", "spot_quota_used_vcpus"], 64.0
    )
    row |= {"type": "p6-b300.48xlarge", "gpu": "RTX PRO Server 6000", "gpus": 8, "gpu_memory_gib": 268.6}
    row |= {"vcpus": 192, "usd_per_hour": 98.32, "spot_usd_per_hour": 30.1, "offered": True}
    row |= {"price_region": "us-east-1", "price_date": "2026-11-23"}
    header, line, below, dated = tables.types([row], "us-east-1", room=80).splitlines()
    assert "AN HOUR" in header
    assert len(line) <= 80
    assert below.startswith("(no room for SPOT LEFT")
    assert dated == "prices on demand: us-east-1, 2026-11-23"
    old = [row | {"type": f"p6-b{number}.48xlarge", "price_date": "2026-06"} for number in range(100, 108)]
    *_, folded, rest = tables.types([*[row] * 9, *old], "us-east-1", room=80).splitlines()
    assert f"{folded} {rest}".endswith("and 3 more)")
    assert max(len(folded), len(rest)) <= 80
