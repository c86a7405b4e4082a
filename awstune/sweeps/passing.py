"""Handing a message to another process together with open descriptors."""

from __future__ import annotations

import socket
from collections.abc import Sequence


def hand(channel: socket.socket, text: bytes, descriptors: Sequence[int]) -> None:
    """Sends all of a message, its descriptors with the first of it.

    Raises:
        OSError: whoever was to have it is gone.
    """
    sent = socket.send_fds(channel, [text], list(descriptors))
    if sent < len(text):  # to send nothing would fail where somebody has read all, done it and left
        channel.sendall(text[sent:])
