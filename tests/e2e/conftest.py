"""One embedded cloud for the whole suite, and instances on it."""

from __future__ import annotations

import base64
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
import paramiko
import psutil
import pytest
from botocore.config import Config

from awstune import names
from awstune.ec2 import guard
from awstune.localcloud import lifecycle

DEADLINE_S = 30.0


@pytest.fixture(scope="session")
def until():
    """Wait for a condition: its first true value, or a failure that names what it was waiting for."""

    def wait(condition, what, deadline_s=DEADLINE_S):
        give_up = time.monotonic() + deadline_s
        while not (found := condition()):
            assert time.monotonic() < give_up, f"waited {deadline_s} s for {what}"
            time.sleep(0.02)
        return found

    return wait


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


@dataclass
class Host:
    """One instance, and the ways into it."""

    id: str
    ec2: object
    key_file: object
    host_key: guard.HostKey
    folder: object
    wait: object
    clients: list = field(default_factory=list)

    @property
    def shown(self):
        """DescribeInstances' words on it."""
        return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    @property
    def state(self):
        """Its state's name."""
        return self.shown["State"]["Name"]

    @property
    def checks(self):
        """The status of its instance check."""
        answer = self.ec2.describe_instance_status(InstanceIds=[self.id], IncludeAllInstances=True)
        return answer["InstanceStatuses"][0]["InstanceStatus"]["Status"]

    @property
    def address(self):
        """Its public address."""
        return self.shown["PublicIpAddress"]

    @property
    def port(self):
        """Its SSH port, as the cloud's tag says."""
        tags = {tag["Key"]: tag["Value"] for tag in self.shown["Tags"]}
        return int(tags[names.TAG_SSH_PORT])

    def reaches(self, state):
        """Wait until it is in that state."""
        return self.wait(lambda: self.state == state, f"{self.id} to be {state}")

    def is_ready(self):
        """Wait until its checks are passed."""
        self.wait(lambda: self.checks == "ok", f"{self.id} to pass its checks")
        return self

    def ssh_words(self, *words, key=None):
        """The command line of the system's own client."""
        known = self.folder / "known_hosts"
        known.write_text(f"{self.id} {self.host_key.public}\n")
        options = {
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "UserKnownHostsFile": known,
            "HostKeyAlias": self.id,
            "StrictHostKeyChecking": "yes",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-i", str(key or self.key_file), "-p", str(self.port), f"ubuntu@{self.address}"]
        return ["ssh", "-F", "none", *flags, *where, *words]

    def ssh(self, command, **options):
        """Run ``command`` there by the system's client."""
        words = self.ssh_words(command)
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False, **options)

    def paramiko(self):
        """A connected paramiko client."""
        client = paramiko.SSHClient()
        name = f"[{self.address}]:{self.port}"
        kind, text = self.host_key.public.split()
        client.get_host_keys().add(name, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(text)))
        self.clients.append(client)
        client.connect(
            self.address,
            self.port,
            "ubuntu",
            key_filename=str(self.key_file),
            allow_agent=False,
            look_for_keys=False,
        )
        return client


def _bytes(text):
    import base64

    return base64.b64decode(text)


@pytest.fixture(scope="session")
def launcher(ec2, course_image, key_file, tmp_path_factory, until):
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
        folder = tmp_path_factory.mktemp("host")
        host = Host(instance_id, ec2, key_file, host_key, folder, until)
        try:
            yield host
        finally:
            for client in host.clients:
                client.close()
            ec2.terminate_instances(InstanceIds=[instance_id])
            host.reaches("terminated")

    return launch


@pytest.fixture(scope="session")
def lab(launcher):
    """One instance that many tests may look at, and none may change."""
    with launcher() as host:
        yield host.is_ready()


@pytest.fixture
def processes_of():
    """Living processes that bear an instance's mark."""

    def find(instance_id):
        return [p for p in psutil.process_iter() if _mark(p) == instance_id]

    return find


def _mark(process):
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return process.environ().get(names.INSTANCE_MARK) if alive else None
    except (psutil.Error, OSError):
        return None
