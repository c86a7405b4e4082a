"""Ports that an SSH client forwards, and a server that sends back what it gets."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress

from tests.waiting import PATIENCE_S, until


@contextmanager
def echo_server():
    """The port of a server on loopback that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_S)


def _echo(server):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


@contextmanager
def forwarded(host, kind):
    """A function from a port there to the port here, by a client that stays as long as the block."""
    clients = []

    def forward(port):
        local = quiet_port()
        words = host.ssh_words(
            "-N", "-o", "ExitOnForwardFailure=yes", kind, f"127.0.0.1:{local}:127.0.0.1:{port}"
        )
        words = [*words[:1], *words[-5:], *words[1:-5]]
        clients.append(subprocess.Popen(words))
        until(lambda: listens(local), "the port to be forwarded")
        return local

    try:
        yield forward, clients
    finally:
        for client in clients:
            client.terminate()
            client.wait(PATIENCE_S)


def quiet_port():
    """A free port for a program that wants a number: one that no other program gets by chance meanwhile."""
    for port in random.sample(range(20_000, 32_000), 1000):  # the kernel hands out those above
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("a thousand ports are taken")


def listens(port):
    """Whether somebody listens there, on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port, words):
    """Send words to an echo server and get them back."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(words)
        assert connection.recv(len(words)) == words
