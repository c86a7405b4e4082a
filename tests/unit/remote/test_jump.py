"""The way to an instance: whether its port answers, and by way of which host it goes."""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from awstune.errors import ConnectionLost, HostKeyError, UsageError
from awstune.remote import jump, openssh, ssh
from awstune.remote.ssh import Address
from tests.waiting import PATIENCE_S

ADDRESS = Address("127.0.0.1", 0, "ubuntu", Path("/k/lab.pem"), "i-1", ("ssh-ed25519 AAAA",))


@contextmanager
def listening(banner):
    """A port of this machine that greets so; None hangs up at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def greet():
            talking, _ = server.accept()
            with talking:
                if banner is not None:
                    talking.sendall(banner)
                    done.wait(PATIENCE_S)

        thread = threading.Thread(target=greet)
        thread.start()
        yield replace(ADDRESS, port=server.getsockname()[1])
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("banner", "there"), [(b"SSH-2.0-x\r\n", True), (b"HTTP/1.1 302 Log in\r\n", False), (b"", False)]
)
def test_whether_a_port_answers(banner, there):
    """Sshd greets; a hotel's network takes any connection and says something else, or nothing."""
    with listening(banner) as address:
        assert ssh.answers(address, timeout_s=PATIENCE_S if banner else 0.2) is there


def test_a_port_that_refuses_answers():
    """A refusal comes from the instance itself: no security group stands in the way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = replace(ADDRESS, port=server.getsockname()[1])
    assert ssh.answers(address)


@pytest.mark.parametrize(
    ("typed", "last"),
    [
        ("bastion", ["bastion"]),
        ("me@bastion", ["me@bastion"]),
        ("me@bastion:2222", ["-p", "2222", "me@bastion"]),
        ("[2001:db8::1]", ["2001:db8::1"]),
        ("me@[2001:db8::1]:22", ["-p", "22", "me@2001:db8::1"]),
    ],
)
def test_the_words_that_reach_it(typed, last):
    """Host, login and port as typed; an unknown host key is refused, nobody is asked, no agent goes along."""
    words = jump.words(typed)
    assert words[-len(last) :] == last
    for option in ("StrictHostKeyChecking=yes", "BatchMode=yes", "ForwardAgent=no"):
        assert words[words.index(option) - 1] == "-o"


def test_every_way_in_goes_by_it():
    """The command that runs, and the line to paste, both verify the jump host, and then the instance."""
    address = replace(ADDRESS, port=22, jump="me@bastion:2222")
    known = Path("/h/known_hosts")
    (command,) = [word for word in openssh.arguments(address, known) if "ProxyCommand" in word]
    assert command.endswith("-W '[%h]:%p' -p 2222 me@bastion")
    assert "StrictHostKeyChecking=yes" in openssh.line(address, known)
    assert not any("ProxyCommand" in word for word in openssh.arguments(ADDRESS, known))


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        ("No ED25519 host key is known for b.\nHost key verification failed.\n", HostKeyError, "ssh b"),
        ("me@b: Permission denied (publickey).\n", ConnectionLost, "ssh b true"),
        ("", ConnectionLost, "ssh b true"),
    ],
)
def test_what_is_in_the_way(said, kind, hint):
    """A host key that is not known is told apart from everything else, each with what mends it."""
    refused = jump.refusal("b", said)
    assert type(refused) is kind
    assert "jump host b" in refused.message
    assert hint in refused.hint


@pytest.fixture
def shim(tmp_path, monkeypatch):
    """An ``ssh`` that does what the test says."""

    def make(body):
        tool = tmp_path / "ssh"
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return make


def test_the_address_that_it_is_seen_from(shim):
    """Its own interface's, as its sshd tells."""
    shim("echo 203.0.113.7 50000 10.0.0.5 22")
    assert jump.source_address("bastion") == "10.0.0.5"


def test_a_jump_host_that_says_something_else(shim):
    """A login that runs no commands, or no ssh at all: an error before anything is made."""
    shim("echo welcome")
    with pytest.raises(ConnectionLost, match="welcome"):
        jump.source_address("bastion")
    shim("echo 'Host key verification failed.' >&2; exit 255")
    with pytest.raises(HostKeyError):
        jump.source_address("bastion")


def test_without_ssh(monkeypatch, tmp_path):
    """The user's own ssh is what goes there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no ssh on this machine"):
        jump.source_address("bastion")


def test_a_way_that_ends(shim, tmp_path):
    """What ssh says is the reason, and no process is left."""
    shim("echo 'me@bastion: Permission denied (publickey).' >&2; exit 255")
    way = jump.Way("bastion", "10.0.0.9", 22)
    refused = way.refusal()
    way.close()
    assert "Permission denied" in refused.message
    shim("exec sleep 600")  # leads there until it is closed
    way = jump.Way("bastion", "10.0.0.9", 22)
    assert way.refusal() is None
    way.close()
    way.close()
