import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from awstune.ec2 import extend, guard, hostkeys, instances, keys
from awstune.errors import RemoteError
from tests.unit.ec2 import test_end


@pytest.fixture
def box(tmp_path):
    """A folder that stands for an instance: its first host key, sudo, and an sshd that counts reloads."""
    for folder in ("bin", "etc/ssh"):
        (tmp_path / folder).mkdir(parents=True)
    first = guard.HostKey.generate()
    (tmp_path / "etc/ssh/ssh_host_ed25519_key").write_text(first.private)
    (tmp_path / "etc/ssh/ssh_host_ed25519_key.pub").write_text(first.public)
    for name, text in (("sudo", 'exec "$@"'), ("systemctl", f'echo "$@" >> {tmp_path}/reloads')):
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
    return tmp_path


def _lab(cloud):
    return instances.find(cloud, "lab")


def _launch(cloud, keys_dir, host_key=None):
    """An instance whose tag names the key of the box."""
    (lab,) = test_end._launch(cloud, keys_dir)
    if host_key:
        extend.write_host_keys(cloud, lab, (host_key,))
    return instances.own(cloud)


def _run(box, command):
    env = {"PATH": f"{box}/bin:{os.environ['PATH']}", "AWSTUNE_ROOT": str(box)}
    return subprocess.run(["sh", "-c", command], env=env, check=True, capture_output=True, text=True).stdout


def _shown(box):
    (box / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)
    return keys.read_public(box / "etc/ssh/ssh_host_ed25519_key")


def test_a_rotation(cloud, keys_dir, box):
    """Prepared, announced, switched, settled: the tag always names the key that is shown."""
    first = _shown(box)
    (lab,) = _launch(cloud, keys_dir, host_key=first)
    assert hostkeys.due(lab)
    prepared = _run(box, hostkeys.prepare(lab))
    assert _run(box, hostkeys.prepare(lab)) == prepared
    assert _shown(box) == first
    rotation = hostkeys.announce(cloud, lab, prepared)
    assert instances.find(cloud, "lab").host_keys == rotation.accepted == (rotation.new, lab.host_key)
    _run(box, hostkeys.SWITCH)
    assert _shown(box) == rotation.new
    assert (box / "reloads").read_text() == "reload ssh\n"
    hostkeys.settle(cloud, rotation)
    found = instances.find(cloud, "lab")
    assert found.host_keys == (rotation.new,)
    assert not hostkeys.due(found)


def test_a_switch_that_is_repeated(cloud, keys_dir, box):
    """After a crash the steps are repeated: the key in place stays the one, and sshd is told once more."""
    (lab,) = _launch(cloud, keys_dir, host_key=_shown(box))
    rotation = hostkeys.announce(cloud, lab, _run(box, hostkeys.prepare(lab)))
    _run(box, hostkeys.SWITCH)
    again = hostkeys.announce(cloud, _lab(cloud), _run(box, hostkeys.prepare(_lab(cloud))))
    assert again.new == rotation.new == _shown(box)
    assert again.accepted == rotation.accepted
    _run(box, hostkeys.SWITCH)
    assert _shown(box) == rotation.new
    assert (box / "reloads").read_text().count("reload") == 2


def test_a_key_that_was_half_made_is_made_again(cloud, keys_dir, box):
    """Power that fails while the key is written leaves no key that nobody could use."""
    (lab,) = _launch(cloud, keys_dir, host_key=_shown(box))
    half = box / "etc/ssh/ssh_host_ed25519_key.new"
    half.write_text("-----BEGIN")
    half.chmod(0o600)
    assert _run(box, hostkeys.prepare(lab)).startswith("ssh-ed25519 ")
    assert _shown(box) == lab.host_key


def test_two_who_rotate_at_a_time(cloud, keys_dir, box):
    """A launch and a login beside it get the same new key, however they meet; nothing else is left."""
    (lab,) = _launch(cloud, keys_dir, host_key=_shown(box))
    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(lambda _: _run(box, hostkeys.prepare(lab)), range(8)))
    assert len(said) == 1
    left = sorted(path.name for path in (box / "etc/ssh").iterdir())
    assert left == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.new", "ssh_host_ed25519_key.pub"]
    _run(box, hostkeys.SWITCH)
    assert (box / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2] == _shown(box).split()


@pytest.mark.parametrize("said", ["", "ssh-keygen: not found", "ssh-rsa AAAA"])
def test_an_instance_that_makes_no_key(cloud, keys_dir, said):
    """Its first key stays in use, and the tag as it was."""
    (lab,) = _launch(cloud, keys_dir)
    with pytest.raises(RemoteError, match="made no host key"):
        hostkeys.announce(cloud, lab, said)
    assert instances.find(cloud, "lab").host_keys == lab.host_keys
