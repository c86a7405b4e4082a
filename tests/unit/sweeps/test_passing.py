"""Messages with descriptors."""

import os
import socket

import pytest

from awstune.sweeps.passing import hand


def test_who_has_all_of_it_may_leave_at_once():
    """A process that reads a message, does what it says and is gone has not failed: it is not asked twice."""
    ours, theirs = socket.socketpair()
    heard = []

    class Quick(socket.socket):
        def sendmsg(self, *message):
            sent = super().sendmsg(*message)
            text, descriptors, _, _ = socket.recv_fds(theirs, 100, 1)
            heard.append(text)
            for descriptor in descriptors:
                os.close(descriptor)
            theirs.close()
            return sent

    with Quick(fileno=ours.detach()) as channel:
        hand(channel, b"all of it\n", [0])
        assert heard == [b"all of it\n"]
        with socket.socket(fileno=os.dup(channel.fileno())) as again, pytest.raises(BrokenPipeError):
            hand(again, b"more\n", [0])
