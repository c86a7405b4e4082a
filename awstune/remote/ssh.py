"""One verified SSH connection, and commands over it.

The host key is compared with the pinned one before anything is sent that would prove who we are. There
is no policy that adds unknown keys: unknown is refused. The user's SSH agent is neither asked nor forwarded.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import paramiko

from awstune.errors import ConnectionLost, HostKeyError, KeyFileError, RemoteError
from awstune.remote.jump import Way

# What goes wrong is raised here, and told once; paramiko's own log would tell it in tracebacks.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CHUNK = 1 << 16
KEEPALIVE_S = 15
SILENCE_S = 45
NO_STATUS = -1  # paramiko's word for a command that a signal ended, or whose connection is gone
CONNECT_TIMEOUT_S = 10.0
_BREAKING_S = 1.0
JUMP_TIMEOUT_S = 25.0  # two handshakes
PROBE_S = 2.5


@dataclass(frozen=True)
class Address:
    """Where an instance is reached, and as whom.

    Attributes:
        host: an IP address.
        port: 22, or what the instance's tag ``awstune:ssh-port`` says.
        user: the image's login.
        key_file: the private key, mode 600.
        alias: the instance's id, under which its host key is pinned.
        host_keys: the pinned public keys, as ``type base64``.
        jump: the host that the way goes by; empty where it goes straight.
    """

    host: str
    port: int
    user: str
    key_file: Path
    alias: str
    host_keys: tuple[str, ...]
    jump: str = ""


@dataclass(frozen=True)
class Result:
    """What a command left: its exit status (-1 where a signal ended it) and its output."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")


class Connection:
    """An open, verified connection. A context manager; closing it twice is harmless."""

    def __init__(self, transport: paramiko.Transport, address: Address, way: Way | None = None) -> None:
        self.transport = transport
        self.address = address
        self._way = way

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; detached processes at the other end go on."""
        self.transport.close()
        if self._way is not None:
            self._way.close()

    @property
    def host_key(self) -> str:
        """The host key that was shown, as ``type base64``."""
        shown = self.transport.get_remote_server_key()
        return f"{shown.get_name()} {shown.get_base64()}"

    @property
    def alive(self) -> bool:
        """Whether the connection is still there, as far as this end knows."""
        return self.transport.is_active()

    def run(self, command: str, *, stdin: bytes | Iterable[bytes] = b"", check: bool = True) -> Result:
        """Runs one command and waits for it.

        Args:
            command: for the login's shell.
            stdin: what the command reads, whole or in pieces; pieces are sent as the other end takes them.
            check: whether an exit status other than 0 is an error.

        Raises:
            RemoteError: the connection broke, or the command failed and ``check`` is set.
        """
        with self.open_channel() as channel:
            with _as_connection_lost(self.address):
                channel.exec_command(command)
            result = _converse(channel, [stdin] if isinstance(stdin, bytes) else stdin)
        if result.status == NO_STATUS and (not (result.stdout or result.stderr) or self.breaks()):
            # A signal that ends a command is rare; a connection that breaks is not.
            raise self.lost()
        if check and result.status != 0:
            raise RemoteError(_failure(command, result))
        return result

    def tell(self, command: str, patience_s: float) -> None:
        """Runs one command if the other end answers soon; whether it did is nobody's concern.

        Args:
            command: for the login's shell.
            patience_s: seconds that this may take.
        """

        def run() -> None:
            with suppress(RemoteError, EOFError, OSError, paramiko.SSHException):
                self.run(command, check=False)

        # paramiko would wait for an answer as long as the connection seems to be alive.
        teller = threading.Thread(target=run, daemon=True)
        teller.start()
        teller.join(patience_s)

    def breaks(self) -> bool:
        """Whether the connection ends at this moment: paramiko may call it alive a little longer."""
        self.transport.join(_BREAKING_S)
        return not self.alive

    def lost(self) -> ConnectionLost:
        """The error for a connection that has ended."""
        return ConnectionLost(f"the connection to {self.address.alias} was lost", "run the command again")

    @contextmanager
    def reading(self, command: str) -> Iterator[BinaryIO]:
        """Runs one command and reads what it writes as it comes.

        Raises:
            RemoteError: the connection broke, or the command failed.
        """
        with self.open_channel() as channel:
            with _as_connection_lost(self.address):
                channel.exec_command(command)
                channel.shutdown_write()
            yield cast("BinaryIO", channel.makefile("rb", CHUNK))
            status = channel.recv_exit_status()
            if status == NO_STATUS and self.breaks():
                raise self.lost()
            if status != 0:
                raise RemoteError(_failure(command, Result(status, b"", channel.recv_stderr(CHUNK))))

    @contextmanager
    def open_channel(self) -> Iterator[paramiko.Channel]:
        """A session channel, closed on the way out.

        Raises:
            RemoteError: the connection broke.
        """
        with _as_connection_lost(self.address):
            channel = self.transport.open_session(timeout=CONNECT_TIMEOUT_S)
        try:
            yield channel
        except EOFError as error:  # paramiko's word for a connection that takes nothing more
            raise self.lost() from error
        finally:
            with suppress(EOFError):
                channel.close()


def connect(address: Address, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Connection:
    """Opens a connection to an instance whose host key is pinned.

    Raises:
        HostKeyError: no key is pinned for this instance, or it shows another one.
        KeyFileError: the private key is missing or is not a key.
        RemoteError: nobody answers, or the login is refused.
    """
    if not address.host_keys:
        raise HostKeyError(
            f"no host key is pinned for {address.alias}, so it cannot be told from an impostor",
            "launch it with awstune, which pins the key before the first connection",
        )
    key = _read_key(address.key_file)
    if address.jump:
        return _connect_by_jump(address, key)
    with _as_connection_lost(address):
        sock = socket.create_connection((address.host, address.port), timeout=timeout_s)
        # paramiko leaves Nagle's delay on, which costs 40 ms a command (localcloud: 47 -> 4 ms).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(_talk(sock, address, key, timeout_s), address)
    _notice_silence(sock)
    return connection


def _connect_by_jump(address: Address, key: paramiko.PKey) -> Connection:
    way = Way(address.jump, address.host, address.port)
    try:
        return Connection(_talk(way.sock, address, key, JUMP_TIMEOUT_S), address, way)
    except BaseException as error:  # an interrupt, too, leaves no ssh behind
        refusal = way.refusal() if isinstance(error, ConnectionLost) else None
        way.close()
        raise refusal or error from error


def _talk(sock: socket.socket, address: Address, key: paramiko.PKey, timeout_s: float) -> paramiko.Transport:
    with _as_connection_lost(address):
        transport = paramiko.Transport(sock)
    transport.banner_timeout = timeout_s
    try:
        _verify(transport, address, timeout_s)
        _log_in(transport, address, key, timeout_s)
    except BaseException:  # an interrupt, too, leaves no connection open
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_S)
    return transport


def answers(address: Address, *, timeout_s: float = PROBE_S) -> bool:
    """Whether somebody lets this machine's packets through to that port, be it to refuse a connection.

    A security group drops what it does not admit: then nothing comes back at all. What accepts and says
    nothing, such as a hotel's network, is no way in either.
    """
    try:
        with socket.create_connection((address.host, address.port), timeout=timeout_s) as sock:
            return sock.recv(4) == b"SSH-"
    except ConnectionError:
        return True
    except OSError:
        return False


def _notice_silence(sock: socket.socket) -> None:
    # A keepalive is only sent; that nobody acknowledges it is for TCP to notice. Without this a laptop
    # that slept would wait for a quarter of an hour.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)
    elif hasattr(socket, "TCP_CONNECTIONTIMEOUT"):  # macOS
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONNECTIONTIMEOUT, SILENCE_S)


def _verify(transport: paramiko.Transport, address: Address, timeout_s: float) -> None:
    pinned = {tuple(key.split()[:2]) for key in address.host_keys}
    _refuse_unreadable(address, pinned)
    # Only the pinned types are offered, so that the server shows the key that we can compare.
    transport.get_security_options().key_types = tuple(sorted({kind for kind, _ in pinned}))
    with _as_connection_lost(address):
        transport.start_client(timeout=timeout_s)
    shown = transport.get_remote_server_key()
    if (shown.get_name(), shown.get_base64()) not in pinned:
        raise HostKeyError(
            f"the host key of {address.alias} at {address.host} is not the pinned one: "
            "the instance was replaced, or somebody sits in between; nothing was sent",
            f"if you trust it, look at its tag awstune:host-key; else: awstune terminate {address.alias}",
        )


def _refuse_unreadable(address: Address, pinned: set[tuple[str, ...]]) -> None:
    known = {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
    if any(len(key) != 2 or key[0] not in known for key in pinned):  # noqa: PLR2004  # a type and a key
        raise HostKeyError(
            f"what is pinned as the host key of {address.alias} is no key", "remove its line from known_hosts"
        )


def _log_in(transport: paramiko.Transport, address: Address, key: paramiko.PKey, timeout_s: float) -> None:
    transport.auth_timeout = timeout_s
    try:
        with _as_connection_lost(address):
            transport.auth_publickey(address.user, key)
    except ConnectionLost as error:
        if isinstance(error.__cause__, paramiko.AuthenticationException):
            message = f"{address.alias} does not let {address.user} in with {address.key_file}"
            raise RemoteError(message, "put the key it was launched with there") from error
        raise


def _read_key(path: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"the private key {path} is not there", "copy it from where the instance was launched (mode 600)"
        ) from error
    except (paramiko.SSHException, OSError, ValueError) as error:
        raise KeyFileError(f"{path} cannot be read as a private key: {error}") from error


def _converse(channel: paramiko.Channel, pieces: Iterable[bytes]) -> Result:
    # The three streams move at once, or a command that answers while it reads would stall both ends.
    out: list[bytes] = []
    err: list[bytes] = []
    broken: list[EOFError] = []
    readers = [
        threading.Thread(target=_drain, args=(channel.recv, out, broken), daemon=True),
        threading.Thread(target=_drain, args=(channel.recv_stderr, err, broken), daemon=True),
    ]
    for reader in readers:
        reader.start()
    with suppress(OSError):  # a command that ends without reading all: its exit status says what of it
        for piece in pieces:
            channel.sendall(piece)
        channel.shutdown_write()
    for reader in readers:
        reader.join()
    if broken:
        raise broken[0]
    return Result(channel.recv_exit_status(), b"".join(out), b"".join(err))


def _drain(receive: Callable[[int], bytes], into: list[bytes], broken: list[EOFError]) -> None:
    try:
        while chunk := receive(CHUNK):
            into.append(chunk)
    except EOFError as error:  # what was read could not be acknowledged, and is lost
        broken.append(error)


def _failure(command: str, result: Result) -> str:
    last = (result.stderr or result.stdout).decode(errors="replace").strip().splitlines()
    words = command if len(command) < 80 else f"{command[:77]}..."  # noqa: PLR2004  # a terminal's width
    return f"`{words}` ended with status {result.status}" + (f": {last[-1]}" if last else "")


@contextmanager
def _as_connection_lost(address: Address) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, OSError, EOFError, paramiko.SSHException) as error:
        what = str(error) or type(error).__name__
        raise ConnectionLost(
            f"no SSH connection to {address.alias} at {address.host} port {address.port}: {what}"
        ) from error
