"""Going on with a sweep: what is changed for it counts once, and only where it can be."""

from __future__ import annotations

import pytest

from awstune.errors import SweepBusy, UsageError
from awstune.flow import resume
from awstune.flow.resume import Changes
from awstune.search.space import Choice, Space
from awstune.sweeps.spec import Spec
from tests.unit.sweeps.scripted import Scripted, new_sweep, reports, run


def test_of_two_at_once_one_counts(tmp_path):
    """Whoever comes while another one is about to run the sweep is refused, and has changed nothing."""
    folder = new_sweep(tmp_path, trials=3)
    with resume.here(folder, Changes(trials="+2")):
        with pytest.raises(SweepBusy, match="another process is resuming") as caught:
            resume.here(folder, Changes(trials="+2")).__enter__()
        assert "awstune attach" in caught.value.hint
    assert Spec.read(folder.spec_file).trials == 5
    with resume.here(folder, Changes(trials="+1")):
        pass
    assert Spec.read(folder.spec_file).trials == 6


def test_more_than_all_points_of_a_grid(tmp_path):
    """A grid's number of trials is its points': one more is one more than there are."""
    folder = new_sweep(tmp_path, Space(x=Choice(1, 2, 3)), search="grid", trials=None)
    run(folder, Scripted(reports(1.0)))
    with resume.here(folder, Changes(trials="+1")):
        assert Spec.read(folder.spec_file).trials == 4


def test_a_metric_that_no_trial_reports(tmp_path):
    """Where trials have reported, a metric that none of them did is refused; theirs are named."""
    folder = new_sweep(tmp_path, trials=1, metric=None, mode=None)
    with pytest.raises(UsageError, match="higher or a lower speed"):
        run(folder, Scripted(reports(1.0, metric="speed")))
    with pytest.raises(UsageError, match="report speed, and no nope") as caught:
        Changes(metric="nope").refuse(folder)
    assert f"awstune resume {folder.name} --metric speed" in caught.value.hint
    Changes(metric="speed").refuse(folder)
