"""systemd's unit files, as far as a guard needs them."""

import pytest

from awstune.localcloud import units


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("5", 5),
        ("1s", 1),
        ("90", 90),
        ("1min 30s", 90),
        ("2h", 7200),
        ("1h30min", 5400),
        ("500ms", 0.5),
        ("1.5 s", 1.5),
        ("0", 0),
    ],
)
def test_time_spans(span, seconds):
    """Spans are read as systemd.time(7) says."""
    assert units.seconds(span) == seconds


@pytest.mark.parametrize("span", ["", "soon", "5 parsecs", "-1s", "1s!"])
def test_what_is_no_time_span(span):
    """Nonsense is refused."""
    with pytest.raises(ValueError, match=r"time span|unknown unit"):
        units.seconds(span)


def test_a_service(tmp_path):
    """Commands come in order, with the paths that lie on the instance's disk, and their environment."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/guard").touch()
    text = """
# a comment
[Unit]
Description=x = y
[Service]
Type=oneshot
Environment=A=1 "B=two words"
ExecStartPre=-/bin/true
ExecStart=/opt/guard check \\
  --now
"""
    service = units.service(text, tmp_path)
    assert service.commands == (("/bin/true",), (str(tmp_path / "opt/guard"), "check", "--now"))
    assert service.environment == {"A": "1", "B": "two words"}


def test_a_timer():
    """A timer starts the service of its own name, unless it says which."""
    assert units.timer("[Timer]\nOnBootSec=1s\nOnUnitActiveSec=10s\n", "g.timer") == units.Timer(
        "g.service", 1, 10
    )
    assert units.timer("[Timer]\nOnActiveSec=5\nUnit=h.service\n", "g.timer") == units.Timer(
        "h.service", 5, None
    )
    assert units.timer("", "g.timer") == units.Timer("g.service", None, None)


def test_a_name_without_a_suffix_is_a_services(tmp_path):
    """As for systemctl."""
    assert units.path(tmp_path, "x").name == "x.service"
    assert units.path(tmp_path, "x.timer").name == "x.timer"
