"""One embedded cloud for the whole suite, and instances on it."""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import boto3
import paramiko
import psutil
import pytest
from botocore.config import Config

from awstune import names
from awstune.ec2 import guard
from awstune.localcloud import lifecycle, processes
from tests.e2e.forwards import listens, quiet_port
from tests.waiting import PATIENCE_S, until


@pytest.fixture(scope="session")
def cloud_home(tmp_path_factory):
    """The awstune home that the suite's embedded cloud belongs to."""
    return tmp_path_factory.mktemp("cloud") / "home"


@pytest.fixture(scope="session")
def cloud(cloud_home):
    """A running embedded cloud; nothing of it may be left when the suite ends."""
    running = lifecycle.start(cloud_home)
    yield running
    lifecycle.stop(cloud_home)
    assert not (cloud_home / "local").exists()
    assert processes.marked(cloud_home) == []
    assert not psutil.pid_exists(running.pid) or psutil.Process(running.pid).status() == psutil.STATUS_ZOMBIE


def client_of(cloud, service, region="us-east-1", access_key=None, secret_key=None):
    """A boto3 client that talks to ``cloud`` as it would to AWS, without retries."""
    session = boto3.Session(
        aws_access_key_id=access_key or cloud.access_key,
        aws_secret_access_key=secret_key or cloud.secret_key,
        region_name=region,
    )
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return session.client(service, endpoint_url=cloud.endpoint_url, config=config)


@pytest.fixture(scope="session")
def aws(cloud):
    """``aws("ec2")`` is a client of the embedded cloud."""
    return lambda service, region="us-east-1", **keys: client_of(cloud, service, region, **keys)


@pytest.fixture(scope="session")
def ec2(aws):
    """EC2 in us-east-1."""
    return aws("ec2")


@pytest.fixture(scope="session")
def course_image(ec2):
    """The id of the course's image."""
    filters = [{"Name": "name", "Values": [names.COURSE_AMI]}]
    return ec2.describe_images(Filters=filters, IncludeDeprecated=True)["Images"][0]["ImageId"]


@pytest.fixture(scope="session")
def key_file(ec2, tmp_path_factory):
    """The private key of the key pair ``lab``."""
    path = tmp_path_factory.mktemp("keys") / "lab"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    ec2.import_key_pair(KeyName="lab", PublicKeyMaterial=path.with_suffix(".pub").read_bytes())
    return path


class Host:
    """A host with an SSH server, and the ways into it.

    Attributes:
        id: the mark that its processes bear, and its name in known_hosts.
        user: who logs in.
        key_file: the login's private key.
        host_key: the server's public key, ``ssh-ed25519 AAAA...``.
        folder: where this host's known_hosts is kept.
    """

    def __init__(self, name, user, key_file, host_key, folder):
        self.id, self.user, self.key_file, self.host_key, self.folder = name, user, key_file, host_key, folder
        self.clients = []
        self.address, self.port = "127.0.0.1", 0

    def ssh_words(self, *words, key=None):
        """The command line of the system's own client."""
        known = self.folder / "known_hosts"
        known.write_text(f"{self.id} {self.host_key}\n")
        options = {
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "UserKnownHostsFile": known,
            "HostKeyAlias": self.id,
            "StrictHostKeyChecking": "yes",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-i", str(key or self.key_file), "-p", str(self.port), f"{self.user}@{self.address}"]
        return ["ssh", "-F", "none", *flags, *where, *words]

    def ssh(self, command, **options):
        """Run ``command`` there by the system's client."""
        words = self.ssh_words(command)
        return subprocess.run(
            words, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options
        )

    def paramiko(self):
        """A connected paramiko client."""
        client = paramiko.SSHClient()
        name = f"[{self.address}]:{self.port}"
        kind, text = self.host_key.split()
        client.get_host_keys().add(name, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(text)))
        self.clients.append(client)
        login = {"username": self.user, "key_filename": str(self.key_file)}
        client.connect(self.address, self.port, **login, allow_agent=False, look_for_keys=False)
        return client

    def close(self):
        """Close what was connected."""
        for client in self.clients:
            client.close()


class Instance(Host):
    """A host that is an instance of the embedded cloud."""

    def __init__(self, instance_id, ec2, **words):
        self._ec2 = ec2
        super().__init__(instance_id, names.SSH_USER, **words)

    @property
    def shown(self):
        """DescribeInstances' words on it."""
        return self._ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    @property
    def state(self):
        """Its state's name."""
        return self.shown["State"]["Name"]

    @property
    def checks(self):
        """The status of its instance check."""
        answer = self._ec2.describe_instance_status(InstanceIds=[self.id], IncludeAllInstances=True)
        return answer["InstanceStatuses"][0]["InstanceStatus"]["Status"]

    def reaches(self, state):
        """Wait until it is in that state."""
        until(lambda: self.state == state, f"{self.id} to be {state}")
        if state == "running":
            self._look_up()

    def is_ready(self):
        """Wait until its checks are passed."""
        until(lambda: self.checks == "ok", f"{self.id} to pass its checks")
        self._look_up()
        return self

    def _look_up(self):
        """Its public address, and its SSH port as the cloud's tag says."""
        shown = self.shown
        tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
        self.address, self.port = shown["PublicIpAddress"], int(tags[names.TAG_SSH_PORT])


@pytest.fixture(scope="session")
def launcher(ec2, course_image, key_file, tmp_path_factory):
    """Launches an instance for a ``with`` block, and terminates it when the block ends."""

    @contextmanager
    def launch(user_data=None, ends=None, **wishes):
        host_key = guard.HostKey.generate()
        wishes.setdefault("InstanceType", "p2.xlarge")
        answer = ec2.run_instances(
            ImageId=course_image,
            KeyName="lab",
            MinCount=1,
            MaxCount=1,
            UserData=user_data(host_key) if user_data else guard.user_data(host_key, ends=ends, stamp="test"),
            **wishes,
        )
        instance_id = answer["Instances"][0]["InstanceId"]
        words = {"key_file": key_file, "host_key": host_key.public, "folder": tmp_path_factory.mktemp("host")}
        host = Instance(instance_id, ec2, **words)
        try:
            yield host
        finally:
            host.close()
            ec2.terminate_instances(InstanceIds=[instance_id])
            host.reaches("terminated")

    return launch


@pytest.fixture(scope="session")
def lab(launcher):
    """One instance that many tests may look at, and none may change."""
    with launcher() as host:
        yield host.is_ready()


SSHD_CONFIG = """
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {key_file}.pub
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
PermitRootLogin prohibit-password
SetEnv {mark}
Subsystem sftp internal-sftp
"""


@pytest.fixture(scope="session")
def openssh(key_file, tmp_path_factory):
    """Debian's sshd, which only lets its own login in where it is not root's."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None:
        pytest.skip("there is no sshd here (Debian: openssh-server)")  # CI installs it
    folder = tmp_path_factory.mktemp("sshd")
    keys = guard.HostKey.generate()
    (folder / "host_key").write_text(keys.private)
    (folder / "host_key").chmod(0o600)
    name = f"openssh-{os.getpid()}"  # several workers may run one each
    config = SSHD_CONFIG.format(folder=folder, key_file=key_file, mark=f"{names.INSTANCE_MARK}={name}")
    (folder / "config").write_text(config)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    host = Host(name, getpass.getuser(), key_file, keys.public, folder)
    host.port = quiet_port()
    words = [program, "-D", "-e", "-f", str(folder / "config"), "-p", str(host.port)]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stderr=log) as server:
        until(lambda: listens(host.port), "sshd to listen")
        yield host
        host.close()
        server.terminate()


@pytest.fixture
def processes_of():
    """Living processes that bear an instance's mark, or those of them with some word in their command."""

    def find(instance_id, word=None):
        return [p for p in psutil.process_iter() if _bears(p, instance_id, word)]

    return find


def _bears(process, mark, word):
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        marked = alive and process.environ().get(names.INSTANCE_MARK) == mark
        return marked and (word is None or word in process.cmdline())
    except (psutil.Error, OSError):
        return False
