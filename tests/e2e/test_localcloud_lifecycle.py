"""Starting, finding and stopping the embedded cloud, and what is left of one that was killed."""

import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
import pytest

from awstune import errors
from awstune.localcloud import lifecycle, state
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("lifecycle")]

START = """
import pathlib, sys
from awstune.localcloud import lifecycle
print(lifecycle.start(pathlib.Path(sys.argv[1])).pid)
"""


@pytest.fixture
def home(tmp_path):
    """A home whose cloud is stopped after the test, whatever happened."""
    yield tmp_path / "home"
    lifecycle.stop(tmp_path / "home")


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A home whose cloud runs, to be looked at: (home, cloud)."""
    home = tmp_path_factory.mktemp("started") / "home"
    yield home, lifecycle.start(home)
    lifecycle.stop(home)


def test_nothing_runs_before_it_is_started(home):
    """Looking for a cloud that was never started finds none and makes no folder."""
    assert lifecycle.find(home) is None
    assert lifecycle.status(home) == lifecycle.Status(False, None, None, 0)
    assert lifecycle.stop(home) == lifecycle.Stopped(None, 0)
    assert not home.exists()


def test_started_found_and_stopped(home):
    """A started cloud is found by the next command, and stopping it leaves no process, port or folder."""
    cloud = lifecycle.start(home)
    assert lifecycle.find(home) == cloud
    assert lifecycle.start(home) == cloud
    assert lifecycle.status(home).pid == cloud.pid

    assert lifecycle.stop(home) == lifecycle.Stopped(cloud.pid, 0)
    assert lifecycle.find(home) is None
    assert not (home / "local").exists()
    assert not cloud.alive
    port = urlsplit(cloud.endpoint_url).port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_its_files_are_the_owners_only(started):
    """The secret is readable by its owner alone, and so is the folder that it lies in."""
    home, _ = started
    places = state.Places(home)
    assert stat.S_IMODE(places.state.stat().st_mode) == 0o600
    for folder in (home, places.folder, places.instances):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_it_is_detached_from_whoever_started_it(started):
    """The server has a session of its own, so that no Ctrl-C of its starter reaches it."""
    _, cloud = started
    assert os.getsid(cloud.pid) == cloud.pid


def test_it_listens_on_loopback_only(started):
    """No socket of the server listens beyond 127.0.0.1."""
    _, cloud = started
    listening = [c.laddr.ip for c in psutil.Process(cloud.pid).net_connections() if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


def test_two_starters_make_one_cloud(home):
    """Two processes that start it at the same time find the same server."""
    starters = [
        subprocess.Popen([sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    pids = {starter.communicate(timeout=PATIENCE_S)[0].strip() for starter in starters}
    assert len(pids) == 1


def test_another_process_with_its_pid_is_not_the_cloud(home, tmp_path):
    """A state file whose pid now belongs to another process is not believed."""
    cloud = lifecycle.start(home)
    lifecycle.stop(home)
    places = state.Places(home)
    places.folder.mkdir(mode=0o700)
    imposter = state.LocalCloud(cloud.endpoint_url, "AKIA", "secret", os.getpid(), cloud.born)
    state.write(places, imposter)
    assert lifecycle.find(home) is None


def test_a_start_that_fails_says_why_and_leaves_nothing(home, monkeypatch, tmp_path):
    """Where the server cannot start, the message ends with the server's own words."""
    (tmp_path / "moto.py").write_text("raise RuntimeError('no moon today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(errors.CloudError, match="no moon today"):
        lifecycle.start(home)
    assert not (home / "local").exists()


def test_killed_it_is_buried_with_all_it_had(home, clients, processes_of):
    """A cloud that was killed is noticed by the next look, which ends what its instances left."""
    cloud = lifecycle.start(home)
    instance_id = clients.run_one(cloud)
    until(lambda: lifecycle.instances(cloud)[0]["checks"] == "ok", "the instance to be ready")
    assert processes_of(instance_id)

    os.kill(cloud.pid, signal.SIGKILL)
    until(lambda: not cloud.alive, "the server to be gone")
    told = []
    assert lifecycle.find(home, on_lost=told.append) is None
    assert [(lost.pid, lost.instances) for lost in told] == [(cloud.pid, (instance_id,))]
    assert processes_of(instance_id) == []
    assert not (home / "local").exists()

    again = lifecycle.start(home)
    assert again.pid != cloud.pid
    assert lifecycle.instances(again) == []


def test_a_suspended_orphan_is_ended_too(home, clients, processes_of):
    """An instance that could not notice the death of its cloud is found by its mark and ended."""
    cloud = lifecycle.start(home)
    instance_id = clients.run_one(cloud)
    until(lambda: lifecycle.instances(cloud)[0]["checks"] == "ok", "the instance to be ready")
    for process in processes_of(instance_id):
        with suppress(psutil.NoSuchProcess):  # what its guard has just run is gone already
            process.suspend()
    os.kill(cloud.pid, signal.SIGKILL)
    until(lambda: not cloud.alive, "the server to be gone")
    told = []
    lifecycle.find(home, on_lost=told.append)
    assert told[0].processes >= 1
    assert processes_of(instance_id) == []


def test_stop_ends_every_process_of_every_instance(home, clients, processes_of):
    """Stopping the cloud ends its instances too, and says how many there were."""
    cloud = lifecycle.start(home)
    instance_id = clients.run_one(cloud)
    until(lambda: lifecycle.instances(cloud)[0]["checks"] == "ok", "the instance to be ready")
    assert lifecycle.stop(home).instances == 1
    assert processes_of(instance_id) == []


def test_a_server_that_hangs_is_killed(home, clients, processes_of):
    """A server that neither answers nor ends is killed with all its instances."""
    cloud = lifecycle.start(home)
    instance_id = clients.run_one(cloud)
    until(lambda: lifecycle.instances(cloud)[0]["checks"] == "ok", "the instance to be ready")
    os.kill(cloud.pid, signal.SIGSTOP)
    assert lifecycle.stop(home, timeout_s=0.2).pid == cloud.pid
    assert not cloud.alive
    assert processes_of(instance_id) == []
    assert not (home / "local").exists()


@pytest.fixture
def clients():
    """Clients for clouds that a test starts itself."""
    return Clients()


class Clients:
    """Makes them."""

    def run_one(self, cloud):
        """The id of a launched instance without a key pair."""
        import boto3

        ec2 = boto3.client(
            "ec2",
            "us-east-1",
            endpoint_url=cloud.endpoint_url,
            aws_access_key_id=cloud.access_key,
            aws_secret_access_key=cloud.secret_key,
        )
        image = ec2.describe_images()["Images"][0]["ImageId"]
        ec2.import_key_pair(KeyName="k", PublicKeyMaterial=PUBLIC_KEY)
        answer = ec2.run_instances(
            ImageId=image, InstanceType="p2.xlarge", KeyName="k", MinCount=1, MaxCount=1
        )
        return answer["Instances"][0]["InstanceId"]


PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbXWCQ4oVfBWoyVtWUAnSOJ1QVuPBLAhSNBGZOUtBqs"
