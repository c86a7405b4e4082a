"""A sweep's folder: names, numbers, the newest."""

from __future__ import annotations

import pytest

from awstune.errors import NameTaken, UnknownName, UsageError
from awstune.sweeps.folder import Folder


def made(parent, name=None, *, created=0.0):
    """A sweep's folder with a spec that says when it was made."""
    folder = Folder.create(parent, name, "train")
    folder.spec_file.write_text(f"created = {created}\n")
    return folder


def test_names_count_on_from_the_stem(tmp_path):
    """The third sweep of train.py is train-3, whatever else is there."""
    made(tmp_path, "train-2")
    made(tmp_path, "trainer-9")
    assert made(tmp_path).name == "train-3"
    assert made(tmp_path).path == tmp_path.resolve() / "sweeps" / "train-4"


def test_sweeps_on_a_larger_disk(tmp_path):
    """Where ``sweeps`` is a link, a sweep and its trials have one name, that of what is there."""
    (disk := tmp_path / "disk").mkdir()
    (project := tmp_path / "project").mkdir()
    (project / "sweeps").symlink_to(disk)
    folder = made(project, "lab")
    assert folder.path == disk.resolve() / "lab" == folder.path.resolve()
    assert Folder.all(project) == [folder]


def test_a_taken_name_is_refused(tmp_path):
    """A second sweep of one name is refused, with the way to go on with the first."""
    made(tmp_path, "lab")
    with pytest.raises(NameTaken) as caught:
        made(tmp_path, "lab")
    assert "awstune resume lab" in caught.value.hint


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b"])
def test_names_that_are_no_folder_names_are_refused(tmp_path, name):
    """A name cannot lead out of the sweeps folder."""
    with pytest.raises(UsageError):
        made(tmp_path, name)


def test_the_newest_is_found_without_a_name(tmp_path):
    """A left-out SWEEP is the one that was created last."""
    made(tmp_path, "b", created=1)
    newest = made(tmp_path, "a", created=2)
    assert Folder.find(tmp_path, None) == newest
    assert [folder.name for folder in Folder.all(tmp_path)] == ["b", "a"]


@pytest.mark.parametrize("typed", ["sweeps/lab", "./sweeps/lab/", "{here}/sweeps/lab", "sub/../sweeps/lab"])
def test_a_path_to_a_sweeps_folder_names_it(tmp_path, typed):
    """What a shell completes, or a report shows, is taken for the sweep that lies there."""
    folder = made(tmp_path, "lab")
    folder.spec_file.touch()
    assert Folder.find(tmp_path, typed.format(here=tmp_path)) == folder


def test_an_unknown_sweep_is_named(tmp_path):
    """An unknown SWEEP is status 2, with those that there are; without any, with how to start one."""
    with pytest.raises(UnknownName, match="no sweep here"):
        Folder.find(tmp_path, None)
    made(tmp_path, "lab")
    with pytest.raises(UnknownName) as caught:
        Folder.find(tmp_path, "lap")
    assert "lab" in caught.value.hint


def test_files_of_a_trial(tmp_path):
    """Trials have folders of four digits with log, checkpoint and artifacts."""
    folder = Folder(tmp_path)
    assert folder.log_file(7) == tmp_path / "trials" / "0007" / "log.txt"
    assert folder.checkpoint_dir(7).name == "checkpoint"
    assert folder.artifacts_dir(7).parent == folder.trial_dir(7)
    assert {folder.where_file.name, folder.worker_log_file.name} == {"where.json", "worker.log"}


def test_a_folder_that_cannot_be_made(tmp_path):
    """Where nothing can be written a sweep is refused, with the reason."""
    (tmp_path / "sweeps").touch()
    with pytest.raises(UsageError, match=r"cannot write .*sweeps"):
        made(tmp_path)


def test_two_of_one_number(tmp_path):
    """A number that another process takes at the same moment is passed over."""
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "train-01").mkdir()
    (tmp_path / "sweeps" / "train-2").mkdir()
    assert made(tmp_path).name == "train-3"


def test_a_spec_without_a_date_counts_by_its_folder(tmp_path):
    """A folder whose spec does not say when it was made is still found."""
    folder = made(tmp_path, "lab")
    folder.spec_file.write_text("created = 'x'")
    assert Folder.find(tmp_path, None) == folder


def test_a_name_that_is_kept(tmp_path):
    """Until the sweep that it is kept for has its folder nobody else takes it; nothing is left of that."""
    with Folder.reserve(tmp_path, "train-1"):
        with pytest.raises(NameTaken, match="about to begin train-1"):
            Folder.reserve(tmp_path, "train-1").__enter__()
        assert made(tmp_path).name == "train-2"
        assert made(tmp_path, "train-1").name == "train-1"
    assert sorted(path.name for path in (tmp_path / "sweeps").iterdir()) == ["train-1", "train-2"]


def test_a_name_is_free_when_its_keeper_is_gone(tmp_path):
    """What a killed process kept is taken by the next one; who needed it no more leaves no folder."""
    with Folder.reserve(tmp_path, "train-1"):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / ".train-1.kept").touch()
    assert made(tmp_path).name == "train-1"
    assert [path.name for path in (tmp_path / "sweeps").iterdir()] == ["train-1"]
