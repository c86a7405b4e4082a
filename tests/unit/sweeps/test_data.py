"""What --data names, and the contents that an instance keeps of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from awstune.errors import UsageError
from awstune.search.space import Float, Space
from awstune.sweeps import data, stock
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target


def some(tmp_path):
    """A folder with data."""
    home = tmp_path / "set"
    (home / "more").mkdir(parents=True)
    (home / "a.bin").write_bytes(b"a" * 1000)
    (home / "more" / "b c.bin").write_bytes(b"b" * 10)
    (home / "more" / "same.bin").write_bytes(b"b" * 10)
    return home


def test_a_folder_and_a_file(tmp_path):
    """All files below a folder under its own name; a file is its own only one."""
    home = some(tmp_path)
    found = data.read(Path("set"), tmp_path)
    assert list(found.files) == ["set/a.bin", "set/more/b c.bin", "set/more/same.bin"]
    assert (found.path, found.size) == (home, 1020)
    alone = data.read(home / "a.bin", tmp_path)
    assert (list(alone.files), alone.size) == (["a.bin"], 1000)


def test_links(tmp_path):
    """A link to a file is its content, and so is one to the data itself; one to a folder is refused."""
    home = some(tmp_path)
    (tmp_path / "other").write_text("x")
    (home / "link").symlink_to(tmp_path / "other")
    (tmp_path / "here").symlink_to(home)
    found = data.read(Path("here"), tmp_path)
    assert found.files["set/link"] == tmp_path / "other"
    (home / "folder").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="a link to a folder"):
        data.read(home, tmp_path)


@pytest.mark.parametrize("make", ["nothing", "empty", "dangling"])
def test_what_cannot_be_read(tmp_path, make):
    """Nothing there, no file in it, a link to nothing: each is refused by the name that was typed."""
    if make != "nothing":
        (tmp_path / "set").mkdir()
    if make == "dangling":
        (tmp_path / "set" / "link").symlink_to("nowhere")
    with pytest.raises(UsageError, match="the data set"):
        data.read(Path("set"), tmp_path)


def test_the_key_is_of_the_content(tmp_path):
    """The same files have the same key wherever they lie and however old they are; any change has another."""
    home = some(tmp_path)
    first = data.key_of(data.read(home, tmp_path).manifest())
    os.utime(home / "a.bin", (1, 1))
    assert data.key_of(data.read(home, tmp_path).manifest()) == first
    (home / "a.bin").rename(home / "z.bin")
    renamed = data.key_of(data.read(home, tmp_path).manifest())
    (home / "z.bin").write_bytes(b"c" * 1000)
    assert len({first, renamed, data.key_of(data.read(home, tmp_path).manifest())}) == 3


def test_a_trial_is_told_where_it_is(tmp_path, monkeypatch):
    """By an absolute path, from the folder one is in or from the home; without data it is told nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    spec = Spec(Target("function", file="t.py"), Space(x=Float(0, 1)))

    def told(place):
        return data.environment(Spec(spec.target, spec.space, options={"data": place}))

    assert data.environment(spec) == {}
    assert told("set") == {"AWSTUNE_DATA": str(tmp_path / "set")}
    assert told("~/.awstune/data/x") == {"AWSTUNE_DATA": "/home/somebody/.awstune/data/x"}


def test_data_that_is_gone_stops_a_sweep(tmp_path):
    """A sweep that is taken up again without its data is refused: it does not use up its trials."""
    home = some(tmp_path)
    spec = Spec(Target("function", file="t.py"), Space(x=Float(0, 1)), options={"data": "set"})
    make_executor(spec, Folder(tmp_path), tmp_path).close()
    home.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="the data set is not there any more"):
        make_executor(spec, Folder(tmp_path), tmp_path)


def bring(root, found, manifest, contents):
    """Has those contents arrive."""
    incoming = root / "incoming"
    incoming.mkdir(parents=True)
    places = {content: found.files[name] for name, content in manifest.items()}
    for content in contents:
        (incoming / content).write_bytes(places[content].read_bytes())
    return stock.answer(root, {"take": "incoming"})


def test_an_instance_keeps_each_content_once(tmp_path):
    """What is missing is asked for once each; a tree of it shares what an older one has."""
    home, root = some(tmp_path), tmp_path / "instance"
    found = data.read(home, tmp_path)
    manifest = found.manifest()
    missing = stock.answer(root, {"missing": manifest})
    assert len(missing) == 2  # of three files two are the same
    assert bring(root, found, manifest, missing) == 2
    assert stock.answer(root, {"missing": manifest}) == []
    old = Path(stock.answer(root, {"build": manifest, "as": "old"}))
    assert (old / "set" / "more" / "b c.bin").read_bytes() == b"b" * 10

    (home / "more" / "same.bin").write_bytes(b"new")
    changed = data.read(home, tmp_path).manifest()
    missing = stock.answer(root, {"missing": changed})
    assert len(missing) == 1
    bring(root, found, changed, missing)
    new = Path(stock.answer(root, {"build": changed, "as": "new"}))
    assert (new / "set" / "more" / "same.bin").read_bytes() == b"new"
    assert (old / "set" / "more" / "same.bin").read_bytes() == b"b" * 10
    assert (new / "set" / "a.bin").stat().st_ino == (old / "set" / "a.bin").stat().st_ino
    assert stock.answer(root, {"build": changed, "as": "new"}) == str(new)


def test_what_did_not_arrive_whole_is_not_kept(tmp_path):
    """A broken transfer leaves nothing that passes for data."""
    home, root = some(tmp_path), tmp_path / "instance"
    manifest = data.read(home, tmp_path).manifest()
    (root / "incoming").mkdir(parents=True)
    for content in set(manifest.values()):
        (root / "incoming" / content).write_bytes(b"half of i")
    assert stock.answer(root, {"take": "incoming"}) == 0
    assert len(stock.answer(root, {"missing": manifest})) == 2
    assert not (root / "incoming").exists()
