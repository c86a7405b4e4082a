"""Pinned host keys."""

from __future__ import annotations

from pathlib import Path

from awstune.remote import hosts, openssh
from awstune.remote.ssh import Address

ONE = "ssh-ed25519 AAAAone"
TWO = "ssh-ed25519 AAAAtwo"


def test_pinned_keys_are_read_back(tmp_path):
    """What was pinned for an instance is what is accepted, comments dropped."""
    hosts.pin(tmp_path, "i-1", [f"{ONE} some comment"])
    assert hosts.pinned(tmp_path, "i-1") == (ONE,)


def test_instances_do_not_disturb_each_other(tmp_path):
    """A new pin replaces an instance's own entries and nobody else's."""
    hosts.pin(tmp_path, "i-1", [ONE])
    hosts.pin(tmp_path, "i-2", [TWO])
    hosts.pin(tmp_path, "i-1", [TWO, ONE])
    assert hosts.pinned(tmp_path, "i-1") == (TWO, ONE)
    assert hosts.pinned(tmp_path, "i-2") == (TWO,)


def test_the_unknown_has_no_pin(tmp_path):
    """An instance that was never pinned has no accepted key."""
    assert hosts.pinned(tmp_path, "i-9") == ()


def test_a_gone_instance_is_forgotten(tmp_path):
    """Unpinning leaves no line behind."""
    hosts.pin(tmp_path, "i-1", [ONE])
    hosts.unpin(tmp_path, "i-1")
    assert hosts.file_of(tmp_path).read_text() == ""


def address(port):
    """An instance at that port."""
    return Address("203.0.113.7", port, "ubuntu", Path("/keys/a lab.pem"), "i-1", (ONE,))


def test_the_line_to_paste(tmp_path):
    """The printed line checks the pinned key, quotes what needs it, and leaves port 22 out."""
    assert openssh.line(address(22), Path("/h/known_hosts")) == (
        "ssh -i '/keys/a lab.pem' -o IdentitiesOnly=yes -o HostKeyAlias=i-1 "
        "-o UserKnownHostsFile=/h/known_hosts ubuntu@203.0.113.7"
    )
    assert " -p 2222 " in openssh.line(address(2222), Path("/h/known_hosts"))


def test_the_words_of_ssh_trust_nobody_else(tmp_path):
    """Strict checking, no agent, no other key file, and the command's words after a double dash."""
    words = openssh.arguments(address(22), Path("/h/known_hosts"), ["ls", "-l"])
    assert {"StrictHostKeyChecking=yes", "IdentityAgent=none", "IdentitiesOnly=yes"} <= set(words)
    assert words[-3:] == ["--", "ls", "-l"]
