import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from awstune import names
from awstune.ec2 import guard


@pytest.fixture
def root(tmp_path):
    """A folder that stands for an instance's "/", with the guard installed and a harmless shutdown."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    shutdown = bin_dir / "shutdown"
    shutdown.write_text('#!/bin/sh\necho "$@" >> "$AWSTUNE_ROOT/shutdowns"\n')
    shutdown.chmod(0o755)
    return tmp_path


def _document(**options):
    given = {"ends": 1_000.0, "stamp": "t1"} | options
    return yaml.safe_load(guard.user_data(guard.HostKey.generate(), **given))


def _env(root):
    return {"PATH": f"{root}/bin:{os.environ['PATH']}", "AWSTUNE_ROOT": str(root)}


def _boot(root, document):
    for file in document["write_files"]:
        path = Path(f"{root}{file['path']}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
    for words in document["bootcmd"]:
        subprocess.run(words, env=_env(root), check=True, capture_output=True)


def _guard(root, verb="check"):
    return subprocess.run(["sh", f"{root}{guard.GUARD_PATH}", verb], env=_env(root), check=False).returncode


def test_the_document_is_small_and_says_what_it_is():
    """AWS takes 16 KB of user-data; ours stays under 12 and names its format."""
    text = guard.user_data(guard.HostKey.generate(), ends=time.time(), stamp="t")
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < 12 * 1024


def test_the_host_key_survives_the_yaml():
    """The key that sshd will show is byte for byte the one that was pinned."""
    key = guard.HostKey.generate()
    document = yaml.safe_load(guard.user_data(key, ends=None, stamp="t"))
    assert document["ssh_keys"] == {"ed25519_private": key.private, "ed25519_public": key.public}


def test_an_instance_before_its_end_is_armed_and_left_alone(root):
    """Before the end the guard says that it is armed and does nothing."""
    _boot(root, _document(ends=time.time() + 60))
    assert _guard(root) == 0
    assert Path(f"{root}{names.ARMED_FILE}").exists()
    assert not (root / "shutdowns").exists()


def test_an_instance_past_its_end_is_shut_down(root):
    """At the end the guard calls shutdown, found through PATH."""
    _boot(root, _document(ends=time.time() - 1))
    _guard(root)
    assert (root / "shutdowns").read_text() == "-h now\n"


def test_no_end_is_typed_and_kept(root):
    """An instance with the end `none` is guarded and never ended."""
    _boot(root, _document(ends=None))
    assert _guard(root) == 0
    assert not (root / "shutdowns").exists()


@pytest.mark.parametrize("word", ["", "soon", "-5", "12 34"])
def test_an_unreadable_end_is_not_armed(root, word):
    """A guard that cannot read its end never claims to guard."""
    _boot(root, _document())
    Path(f"{root}{names.ENDS_FILE}").write_text(word)
    assert _guard(root) == 1
    assert not Path(f"{root}{names.ARMED_FILE}").exists()


def test_a_reboot_keeps_an_end_that_was_moved(root):
    """The same user-data at the next boot does not undo `extend`."""
    document = _document(ends=1_000.0)
    _boot(root, document)
    Path(f"{root}{names.ENDS_FILE}").write_text("2000\n")
    _boot(root, document)
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "2000\n"


def test_new_user_data_brings_its_own_end(root):
    """A start with new user-data sets a new end although the disk has an old one."""
    _boot(root, _document(ends=1_000.0, stamp="t1"))
    _boot(root, _document(ends=5_000.0, stamp="t2"))
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "5000\n"


def test_arm_guards_without_systemd(root):
    """Where there is no systemd the guard loops by itself and ends the instance in time."""
    _boot(root, _document(ends=time.time() + 1))
    loop = subprocess.Popen(
        ["sh", f"{root}{guard.GUARD_PATH}", "loop"], env=_env(root) | {"AWSTUNE_GUARD_EVERY_S": "0.1"}
    )
    try:
        deadline = time.monotonic() + 10
        while not (root / "shutdowns").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        loop.kill()
        loop.wait()
    assert (root / "shutdowns").exists()


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
def test_cloud_init_accepts_the_document(tmp_path):
    """`cloud-init schema` has nothing to say against it."""
    path = tmp_path / "user-data"
    path.write_text(guard.user_data(guard.HostKey.generate(), ends=1_000.0, stamp="t"))
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_accepts_the_guard():
    """The guard is plain POSIX sh."""
    path = Path(guard.__file__).with_name("guard.sh")
    done = subprocess.run(["shellcheck", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_end_is_moved_on_the_disk(root):
    """What `extend` runs over SSH changes the end that the guard reads."""
    _boot(root, _document(ends=1_000.0))
    sudo = root / "bin" / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    subprocess.run(["sh", "-c", guard.move_end_command(5_000.0)], env=_env(root), check=True)
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "5000\n"
