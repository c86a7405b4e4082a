"""SSH to an instance of the embedded cloud, by the system's OpenSSH client and by paramiko."""

import hashlib
import os
import random
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import paramiko
import psutil
import pytest

from awstune import names
from awstune.localcloud import metadata
from tests.e2e.forwards import ask, echo_server, forwarded
from tests.e2e.terminals import terminal
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session", params=["embedded", "openssh"])
def host(request):
    """An instance of the embedded cloud, and Debian's own sshd: a client can tell no difference."""
    return request.getfixturevalue({"embedded": "lab", "openssh": "openssh"}[request.param])


@pytest.fixture
def place(host):
    """A folder below the login's home that is removed after the test."""
    name = f"awstune-test-{random.randint(10**6, 10**8)}"
    host.ssh(f"mkdir {name}")
    yield name
    host.ssh(f"rm -r {name}")


class TestCommands:
    """Single commands, as sweeps use them."""

    def test_output_error_and_status_come_back(self, host):
        """What a command prints, complains and ends with arrives by OpenSSH."""
        done = host.ssh("echo out; echo err >&2; exit 7")
        assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)

    def test_by_paramiko_too(self, host):
        """What a command prints, complains and ends with arrives by paramiko."""
        _, out, err = host.paramiko().exec_command("echo out; echo err >&2; exit 7")
        assert (out.read(), err.read(), out.channel.recv_exit_status()) == (b"out\n", b"err\n", 7)

    def test_input_reaches_the_command(self, host):
        """Bytes sent on standard input arrive whole, and their end is seen."""
        data = os.urandom(3_000_000)
        words = host.ssh_words("sha256sum")
        done = subprocess.run(words, input=data, capture_output=True, check=True, timeout=PATIENCE_S)
        assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()

    def test_large_output_arrives_whole(self, host):
        """Megabytes of output arrive without a gap."""
        done = host.ssh("head -c 5000000 /dev/zero | tr '\\0' x")
        assert len(done.stdout) == 5_000_000

    def test_a_signal_is_no_exit_status(self, host):
        """A command that a signal ends is told apart from one that exits."""
        _, out, _ = host.paramiko().exec_command("kill -KILL $$")
        assert out.channel.recv_exit_status() == -1
        assert host.ssh("kill -KILL $$").returncode == 255

    def test_many_statuses_over_one_connection(self, host):
        """No exit status is lost when many commands share a connection."""
        client = host.paramiko()
        channels = [client.exec_command(f"exit {n}")[1].channel for n in range(8)]
        assert [c.recv_exit_status() for c in channels] == list(range(8))
        statuses = [client.exec_command(f"exit {n}")[1].channel.recv_exit_status() for n in range(20)]
        assert statuses == list(range(20))

    def test_control_master(self, host, tmp_path_factory):
        """OpenSSH's shared connections keep their exit statuses."""
        socket_path = tmp_path_factory.mktemp("m") / "s"
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={socket_path}", "-o", "ControlPersist=20"]

        def status(number):
            words = host.ssh_words(f"exit {number}")
            return subprocess.run([words[0], *shared, *words[1:]], check=False, timeout=PATIENCE_S).returncode

        assert [status(n) for n in range(12)] == list(range(12))
        words = host.ssh_words()
        end = [words[0], "-O", "exit", "-o", f"ControlPath={socket_path}", words[-1]]
        subprocess.run(end, check=True, capture_output=True)

    def test_a_detached_process_outlives_the_connection(self, host, place, processes_of):
        """`setsid nohup … &` goes on after the disconnect, and its log can be read later."""
        # Stays until it is ended below.
        host.ssh(f"setsid nohup sh -c 'echo begun; exec sleep 300' > {place}/log 2>&1 < /dev/null &")
        until(lambda: host.ssh(f"cat {place}/log").stdout == "begun\n", "the log to be written")
        (sleeping,) = until(lambda: processes_of(host.id, "300"), "the shell to become what it executes")
        sleeping.kill()
        until(lambda: not sleeping.is_running(), "it to be collected")


class TestSurroundings:
    """What a command finds around it."""

    def test_its_name_is_its_own(self, lab):
        """`hostname` says the instance's private name, not the laptop's."""
        assert lab.ssh("hostname").stdout.strip() == lab.shown["PrivateDnsName"].partition(".")[0]

    def test_home_and_python(self, lab):
        """The login starts in its home, and its Python is this very one, with all that it imports."""
        done = lab.ssh("pwd; echo $HOME; echo $USER; python3 -c 'import awstune, sys; print(sys.prefix)'")
        here, home, user, prefix = done.stdout.split()
        assert here == home
        assert user == names.SSH_USER
        assert prefix == sys.prefix

    def test_the_laptops_credentials_stay_on_the_laptop(self, lab):
        """Of AWS's variables those cross that say where its metadata and S3 are, of awstune's its own."""
        variables = dict(line.split("=", 1) for line in lab.ssh("env").stdout.splitlines() if "=" in line)
        told = {name for name in variables if name.startswith("AWS_")}
        assert told == {metadata.VARIABLE, names.S3_ENDPOINT_VARIABLE}
        ours = {name for name in variables if name.startswith("AWSTUNE_")}
        assert ours == {names.INSTANCE_MARK, names.ROOT_VARIABLE}

    def test_commands_that_could_harm_the_laptop_are_the_instances_own(self, lab):
        """shutdown, systemctl and the like are found among the instance's own, under a login shell too."""
        asked = "for c in shutdown poweroff reboot systemctl apt-get sudo hostname; do command -v $c; done"
        for command in (asked, f"bash -lc '{asked}'"):
            found = lab.ssh(command).stdout.split()
            assert len(found) == 7
            assert {Path(path).parent for path in found} == {Path(found[0]).parent}
            assert lab.id in found[0]

    def test_a_terminal_knows_utf8(self, lab):
        """A backspace takes away a letter, not a byte of it."""
        with terminal(lab.ssh_words("-tt", "stty -a")) as program:
            program.until(r"[^-]iutf8")

    def test_root_could_not_restart_the_machine(self, lab):
        """Where all this runs as root on Linux, no process there may even ask the kernel to."""
        said = lab.ssh("cat /proc/self/status").stdout
        bits = re.findall(r"Cap(?:Bnd|Eff):\s*([0-9a-f]+)", said)
        may_boot = 1 << 22
        assert os.geteuid() != 0 or all(not int(bit, 16) & may_boot for bit in bits)


class TestTerminal:
    """A shell on a terminal, as `awstune ssh` opens it."""

    @pytest.fixture(autouse=True)
    def _terminals(self, host):
        """Debian's sshd can give out terminals only where it runs as root, as it does in CI."""
        if os.geteuid() != 0 and host.id.startswith("openssh"):
            pytest.skip("sshd without root has no terminals to give")  # CI runs as root

    def test_a_shell_by_openssh(self, host):
        """An interactive shell prompts, runs, and ends with its status."""
        with terminal(host.ssh_words("-tt")) as shell:
            shell.until(r"[$#] ")
            shell.send("tty; stty size; echo s=$((40+2))\r")
            shell.until(r"/dev/pts/\d+")
            shell.until("33 101")
            shell.until("s=42")
            shell.send("exit 5\r")
            assert shell.status() == 5

    def test_the_size_follows_the_window(self, host):
        """A resize here is seen there."""
        with terminal(host.ssh_words("-tt")) as shell:
            shell.until(r"[$#] ")
            shell.resize(50, 120)
            # What a shell runs is not told of a new size: it looks.
            shell.send("while [ \"$(stty size)\" = '33 101' ]; do sleep 0.05; done; stty size\r")
            shell.until("50 120")

    def test_ctrl_c_interrupts(self, host):
        """Ctrl-C is an interrupt for the program in the foreground."""
        # A shell sees a signal between two programs only.
        program = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done"
        with terminal(host.ssh_words("-tt", program)) as shell:
            shell.until("ready\r\n")
            shell.send("\x03")
            shell.until("caught\r\n")
            assert shell.status() == 9

    def test_by_paramiko_too(self, host):
        """Paramiko gets a terminal of the size that it asks for, in UTF-8."""
        channel = host.paramiko().get_transport().open_session()
        channel.get_pty("xterm", 91, 23)
        channel.exec_command("stty size; echo $TERM; echo grüße; test -t 0 && exit 3")
        said = channel.makefile().read().decode()
        assert said.replace("\r\n", "\n") == "23 91\nxterm\ngrüße\n"
        assert channel.recv_exit_status() == 3

    def test_the_end_of_input_does_not_hang_up(self, host):
        """A client that has nothing more to say still gets the rest of the output."""
        channel = host.paramiko().get_transport().open_session()
        channel.get_pty()
        channel.exec_command("sleep 0.3; echo later; exit 4")  # the end of input is there before
        channel.shutdown_write()
        assert channel.makefile().read() == b"later\r\n"
        assert channel.recv_exit_status() == 4

    def test_hanging_up_ends_the_foreground(self, host, processes_of):
        """A terminal that goes away takes its program with it."""
        with terminal(host.ssh_words("-tt", "sleep 271")) as shell:  # until it is ended
            until(lambda: processes_of(host.id, "271"), "the program to start")
            shell.kill()
            until(lambda: not processes_of(host.id, "271"), "the program to end")


class TestFiles:
    """SFTP, scp and tar."""

    def test_there_and_back(self, host, place, tmp_path):
        """A file goes there and comes back the same, with its mode."""
        source = tmp_path / "a"
        source.write_bytes(os.urandom(300_000))
        source.chmod(0o750)
        sftp = host.paramiko().open_sftp()
        sftp.put(str(source), f"{place}/from-laptop")
        sftp.chmod(f"{place}/from-laptop", 0o640)
        assert sftp.stat(f"{place}/from-laptop").st_mode & 0o777 == 0o640
        sftp.get(f"{place}/from-laptop", str(tmp_path / "b"))
        assert (tmp_path / "b").read_bytes() == source.read_bytes()

    def test_relative_paths_start_at_home(self, host, place):
        """SFTP's current folder is the login's home, as commands see it."""
        sftp = host.paramiko().open_sftp()
        assert sftp.normalize(".") == os.path.realpath(host.ssh("pwd").stdout.strip())
        assert place in sftp.listdir(".")

    def test_scp(self, host, place, tmp_path):
        """The system's scp works."""
        (tmp_path / "x").write_text("by scp")
        words = host.ssh_words()
        options = [w if w != "-p" else "-P" for w in words[1:-1]]
        target = f"{words[-1]}:{place}/scp-ed"
        subprocess.run(["scp", "-q", *options, str(tmp_path / "x"), target], check=True, timeout=PATIENCE_S)
        assert host.ssh(f"cat {place}/scp-ed").stdout == "by scp"


class TestForwarding:
    """Ports, there and back."""

    def test_a_port_of_the_instance_by_paramiko(self, host):
        """What listens on the instance is reached through the connection."""
        with echo_server() as port:
            channel = (
                host.paramiko().get_transport().open_channel("direct-tcpip", ("127.0.0.1", port), ("", 0))
            )
            channel.sendall(b"hello")
            assert channel.recv(5) == b"hello"
            channel.close()

    def test_a_port_of_the_instance_by_openssh(self, host):
        """`ssh -L` forwards."""
        with echo_server() as port, forwarded(host, "-L") as (local, _):
            assert local != port
            ask(local(port), b"through")

    def test_back_to_the_laptop(self, host):
        """`ssh -R` forwards, on loopback."""
        client = host.paramiko()
        transport = client.get_transport()
        there = transport.request_port_forward("127.0.0.1", 0)
        with echo_server() as port:
            connection = socket.create_connection(("127.0.0.1", there), timeout=PATIENCE_S)
            channel = transport.accept(PATIENCE_S)
            channel.sendall(b"back")
            assert connection.recv(4) == b"back"
            connection.close()
            assert port


class TestRefusals:
    """Who does not get in."""

    def test_nothing_listens_for_the_world(self, lab):
        """A request to listen on every address is refused."""
        with pytest.raises(paramiko.SSHException):
            lab.paramiko().get_transport().request_port_forward("0.0.0.0", 0)

    def test_another_key(self, lab, tmp_path):
        """Only the launched key pair opens."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
        words = lab.ssh_words("true", key=tmp_path / "k")
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 255
        assert "Permission denied (publickey)" in done.stderr

    def test_another_user(self, lab):
        """Only the image's login is let in, even with the right key."""
        key = paramiko.Ed25519Key.from_private_key_file(str(lab.key_file))
        transport = paramiko.Transport((lab.address, lab.port))
        try:
            transport.start_client(timeout=PATIENCE_S)
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_publickey("root", key)
        finally:
            transport.close()

    def test_a_password(self, lab):
        """Nobody gets in by a password."""
        transport = paramiko.Transport((lab.address, lab.port))
        try:
            transport.start_client(timeout=PATIENCE_S)
            with pytest.raises(paramiko.BadAuthenticationType):
                transport.auth_password("ubuntu", "ubuntu")
        finally:
            transport.close()

    def test_the_host_key_is_the_one_that_user_data_brought(self, lab):
        """The server shows the very key that was generated here."""
        transport = paramiko.Transport((lab.address, lab.port))
        try:
            transport.start_client(timeout=PATIENCE_S)
            key = transport.get_remote_server_key()
        finally:
            transport.close()
        assert f"{key.get_name()} {key.get_base64()}" == lab.host_key


def test_everything_listens_on_loopback(lab, processes_of):
    """No process of an instance listens beyond 127/8."""
    addresses = set()
    for process in processes_of(lab.id):
        with suppress(psutil.NoSuchProcess):  # what its guard has just run is gone already
            addresses |= {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"}
    assert addresses
    assert all(address.startswith("127.") for address in addresses)
