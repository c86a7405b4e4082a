"""What travels to an instance, and what never does."""

from __future__ import annotations

import pytest

from awstune.errors import UsageError
from awstune.remote import project


def make(root, *files):
    """Files that hold their own names."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def names(root):
    """What travels of a folder."""
    return [str(file) for file in project.read(root).files]


def test_code_and_data_travel(tmp_path):
    """A script and what lies beside it go along, in a stable order."""
    make(tmp_path, "train.py", "data/digits.csv", "a/b/c.txt")
    assert names(tmp_path) == ["a/b/c.txt", "data/digits.csv", "train.py"]


@pytest.mark.parametrize(
    "secret",
    [
        ".env",
        ".env.local",
        "deploy/key.pem",
        ".aws/credentials",
        ".ssh/id_ed25519",
        ".git/config",
        "pkg/__pycache__/x.pyc",
        "sweeps/train-1/journal.jsonl",
        ".venv/bin/python",
    ],
)
def test_secrets_and_rubbish_stay(tmp_path, secret):
    """Secrets, environments, caches and the sweeps themselves never travel, whatever git says."""
    make(tmp_path, "train.py", secret)
    assert names(tmp_path) == ["train.py"]


def test_a_room_called_sweeps_deeper_down_travels(tmp_path):
    """Only the project's own sweeps/ stays: a package of that name is code."""
    make(tmp_path, "pkg/sweeps/loop.py")
    assert names(tmp_path) == ["pkg/sweeps/loop.py"]


def test_any_virtual_environment_stays(tmp_path):
    """A virtual environment is known by its pyvenv.cfg, however it is called."""
    make(tmp_path, "train.py", "my-env/pyvenv.cfg", "my-env/bin/python")
    assert names(tmp_path) == ["train.py"]


def test_what_git_ignores_stays(tmp_path):
    """Each folder's .gitignore counts for what is below it, and the nearest one decides."""
    make(tmp_path, "train.py", "out/model.pt", "keep/big.bin", "keep/small.txt", "drop/big.bin")
    (tmp_path / ".gitignore").write_text("out/\n*.bin\n")
    (tmp_path / "keep" / ".gitignore").write_text("!big.bin\n")
    found = names(tmp_path)
    assert "keep/big.bin" in found
    assert "drop/big.bin" not in found
    assert "out/model.pt" not in found


def test_links_travel_as_links(tmp_path):
    """A symbolic link is listed and not followed, so that it cannot drag in what it points to."""
    outside = make(tmp_path / "outside", "secret.txt")
    root = make(tmp_path / "project", "train.py")
    (root / "link").symlink_to(outside)
    assert names(root) == ["link", "train.py"]


def test_the_root_is_the_nearest_marker(tmp_path):
    """The project is the nearest folder with .git or pyproject.toml above the script."""
    make(tmp_path, "pyproject.toml", "src/train.py")
    assert project.find_root(tmp_path / "src" / "train.py", tmp_path.parent) == tmp_path


def test_without_a_marker_the_scripts_folder_travels(tmp_path):
    """A loose script takes its own folder along and nothing above it."""
    make(tmp_path, "work/train.py")
    assert project.find_root(tmp_path / "work" / "train.py", tmp_path) == tmp_path / "work"


def test_the_home_folder_never_travels(tmp_path):
    """A script that lies loose in the home folder is refused with the way out."""
    make(tmp_path, "train.py", ".git/config")
    with pytest.raises(UsageError, match="never travels") as refused:
        project.find_root(tmp_path / "train.py", tmp_path)
    assert "folder of its own" in refused.value.hint


def test_the_home_of_awstune_stays(tmp_path):
    """A home inside of the project holds private keys and the embedded cloud: none of it travels."""
    make(tmp_path, "train.py", "state/keys/lab", "state/known_hosts", "state/local/instances/i-1/x")
    (tmp_path / "link").symlink_to(tmp_path / "state")
    assert [str(file) for file in project.read(tmp_path, tmp_path / "link").files] == ["link", "train.py"]


def test_the_largest_are_named(tmp_path):
    """The plan can name what weighs most."""
    make(tmp_path, "small.txt")
    (tmp_path / "big.bin").write_bytes(b"x" * 1000)
    read = project.read(tmp_path)
    assert [str(file) for file, _ in read.largest(1)] == ["big.bin"]
    assert read.size == 1000 + len("small.txt")
