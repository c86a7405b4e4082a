"""Getting into an instance ahead: what goes wrong meanwhile is told when it is asked for, and not before."""

from __future__ import annotations

import pytest

from awstune.config import Config
from awstune.errors import CloudNotRunning, CredentialsError
from awstune.flow.entering import Entry


def test_what_goes_wrong_is_told_when_it_is_asked_for(tmp_path):
    """Whoever refuses the command first has its word; who asks for the instance hears why there is none."""
    config, said = Config("local", None, None, tmp_path / "home", tmp_path), []
    with Entry(config, "lab", said.append, log_in=True) as entry, pytest.raises(CloudNotRunning):
        entry.found()
    with pytest.raises(ZeroDivisionError), Entry(config, "lab", said.append, log_in=True):
        _ = 1 / 0
    assert said == []


def test_a_second_factor_is_asked_for_by_whoever_asks_for_the_instance(tmp_path, monkeypatch):
    """Nothing is looked for aside, where a question would come among other output."""
    (tmp_path / "config").write_text("[profile lab]\nmfa_serial = arn:aws:iam::1:mfa/me\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with Entry(Config("aws", None, "lab", tmp_path, tmp_path), "lab", print, log_in=True) as entry:
        assert entry.opened() is None
        aside = vars(entry)["_found"]
        assert aside.get() is None
        aside.put(None)
        with pytest.raises(CredentialsError, match="no AWS credentials"):
            entry.found()


def test_nothing_is_looked_for_where_no_instance_is_meant(tmp_path):
    """A sweep on this machine needs no cloud, and does not wait for one."""
    with Entry(Config("local", None, None, tmp_path, tmp_path), None, print, log_in=True) as entry:
        assert vars(entry)["_imported"].is_set()
    assert list(tmp_path.iterdir()) == []
