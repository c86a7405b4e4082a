"""A connection that goes away while a command runs is said to be lost, wherever that is noticed first."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from awstune.errors import ConnectionLost
from awstune.remote.ssh import Address, Connection
from tests.waiting import PATIENCE_S

ADDRESS = Address("127.0.0.1", 22, "ubuntu", Path("/k/lab.pem"), "i-1", ("ssh-ed25519 AAAA",))


def connected(*broken):
    """A connection whose other end says half of its answer; in those steps nobody is there any more."""
    said = [b"half of it"]

    def step(name, answer=None):
        def take(*_):
            if name in broken:
                raise EOFError  # as paramiko does where a socket takes nothing more
            return answer

        return take

    acknowledge = step("recv", b"")
    channel = SimpleNamespace(
        recv=lambda _: said.pop() if said else acknowledge(),
        recv_stderr=step("recv_stderr", b""),
        recv_exit_status=lambda: 0,
        **{name: step(name) for name in ("exec_command", "sendall", "shutdown_write", "close")},
    )
    return Connection(SimpleNamespace(open_session=lambda **_: channel), ADDRESS)


@pytest.mark.parametrize("step", ["exec_command", "sendall", "shutdown_write", "recv", "recv_stderr"])
def test_a_connection_that_takes_nothing_more(step, capfd):
    """What came of it is half of an answer, and no end of somebody's input: it is lost, in one sentence."""
    with pytest.raises(ConnectionLost, match="i-1"):
        connected(step, "close").run("cat", stdin=b"words")
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_goes_when_all_is_said():
    """Who has the whole answer needs nobody to close the channel for."""
    assert connected("close").run("cat").text == "half of it"


def test_what_is_told_in_passing():
    """Who leaves tells it where somebody answers at once, and is not kept, nor told, where nobody does."""
    asked, over = threading.Event(), threading.Event()

    def nobody(**_):
        asked.set()
        over.wait(PATIENCE_S)
        raise EOFError

    Connection(SimpleNamespace(open_session=nobody), ADDRESS).tell("true", 0.01)
    assert asked.wait(PATIENCE_S)
    assert not over.is_set()
    over.set()
    connected("exec_command").tell("true", PATIENCE_S)
