"""What becomes of instances: states, checks, ends from outside and inside, and the switches."""

import base64
import json
import random
import time
from pathlib import Path

import paramiko
import psutil
import pytest

from awstune import names
from awstune.ec2 import guard
from awstune.localcloud import client, lifecycle
from tests.waiting import until

pytestmark = pytest.mark.e2e


def slow_boot(host_key):
    """User-data whose last command waits until a file is there."""
    text = guard.user_data(host_key, ends=None, stamp="slow")
    # A file tells no shell that it is there.
    return text + "\n- [sh, -c, 'while [ ! -e \"$AWSTUNE_ROOT/go\" ]; do sleep 0.05; done']\n"


@pytest.fixture
def switched(cloud):
    """Turn a switch on for the rest of the test."""
    turned = []

    def turn(name):
        turned.append(name)
        lifecycle.switch(cloud, name, on=True)

    yield turn
    for name in turned:
        lifecycle.switch(cloud, name, on=False)


@pytest.fixture
def held(cloud):
    """Instances stay pending until this is called."""
    words = {"service": "instance", "action": "boot", "delay_s": 600}
    rule = f"/awstune/rules/{client.call(cloud, 'POST', '/awstune/rules', words)['id']}"
    yield lambda: client.call(cloud, "DELETE", rule)
    client.call(cloud, "DELETE", rule)


class TestStates:
    """From launch to the end."""

    def test_from_pending_to_passed_checks(self, launcher, held):
        """Running means that SSH answers; the checks pass only when cloud-init is done."""
        with launcher(user_data=slow_boot) as host:
            assert host.state == "pending"
            assert host.checks == "not-applicable"
            held()
            host.reaches("running")
            assert host.checks == "initializing"
            assert host.ssh("true").returncode == 0
            assert host.checks == "initializing"
            host.ssh("touch $AWSTUNE_ROOT/go")
            host.is_ready()
        assert host.state == "terminated"

    def test_the_three_checks_agree(self, lab, ec2):
        """Instance, system and volume checks are reported, each with its detail."""
        status = ec2.describe_instance_status(InstanceIds=[lab.id])["InstanceStatuses"][0]
        for check in ("InstanceStatus", "SystemStatus", "AttachedEbsStatus"):
            assert status[check]["Status"] == "ok"
            assert status[check]["Details"][0]["Status"] == "passed"

    def test_terminate_ends_everything(self, launcher, processes_of, cloud_home, ec2):
        """Detached processes, the disk, the volume, the interface and the address are gone."""
        with launcher() as host:
            host.is_ready()
            span = str(random.randint(10**6, 10**8))
            host.ssh(f"setsid nohup env -i sleep {span} > /dev/null 2>&1 < /dev/null &")
            runs = lambda: [p for p in psutil.process_iter() if _words(p)[-1:] == [span]]  # noqa: E731  # one line, used at once
            until(runs, "the detached process")
            volumes = _volumes(ec2, host.id)
            assert volumes
        until(lambda: not runs(), "the detached process to be gone")
        assert processes_of(host.id) == []
        assert not (cloud_home / "local" / "instances" / host.id).exists()
        assert _volumes(ec2, host.id) == []
        interfaces = ec2.describe_network_interfaces()["NetworkInterfaces"]
        assert host.id not in {i.get("Attachment", {}).get("InstanceId") for i in interfaces}
        assert "PublicIpAddress" not in host.shown
        assert host.shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
        ec2.terminate_instances(InstanceIds=[host.id])
        assert host.state == "terminated"

    def test_stop_and_start_keep_the_disk(self, launcher, processes_of, ec2):
        """A stopped instance has no process; started again, it has its files, and another address."""
        with launcher() as host:
            host.is_ready()
            host.ssh("echo kept > file")
            before = host.address
            ec2.stop_instances(InstanceIds=[host.id])
            host.reaches("stopped")
            assert processes_of(host.id) == []
            assert "PublicIpAddress" not in host.shown
            assert host.checks == "not-applicable"

            ec2.start_instances(InstanceIds=[host.id])
            host.is_ready()
            assert host.address != before
            assert host.ssh("cat file").stdout == "kept\n"

    def test_reboot_keeps_it_running(self, launcher, processes_of, ec2):
        """A rebooted instance ends its processes and comes back with its disk and address."""
        with launcher() as host:
            host.is_ready()
            # What is there until the reboot ends it; its number tells it from others.
            host.ssh("echo kept > file; setsid sleep 7412 > /dev/null 2>&1 < /dev/null &")
            address = host.address
            until(lambda: processes_of(host.id, "7412"), "the sleep to begin")
            ec2.reboot_instances(InstanceIds=[host.id])
            until(lambda: not processes_of(host.id, "7412"), "the sleep to end")
            until(lambda: _is_open(host), "SSH to be back")
            assert host.address == address
            assert host.ssh("cat file").stdout == "kept\n"

    def test_in_another_region(self, aws, key_file):
        """Each region has its own instances, key pairs and metadata."""
        there = aws("ec2", "eu-west-1")
        image = there.describe_images()["Images"][0]["ImageId"]
        there.import_key_pair(KeyName="lab", PublicKeyMaterial=key_file.with_suffix(".pub").read_bytes())
        wishes = {"ImageId": image, "InstanceType": "g4dn.xlarge", "KeyName": "lab"}
        answer = there.run_instances(**wishes, MinCount=1, MaxCount=1)
        instance_id = answer["Instances"][0]["InstanceId"]

        def shown():
            return there.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

        until(lambda: shown()["State"]["Name"] == "running", "it to run")
        assert shown()["Placement"]["AvailabilityZone"].startswith("eu-west-1")
        there.terminate_instances(InstanceIds=[instance_id])
        until(lambda: shown()["State"]["Name"] == "terminated", "it to end")

    def test_what_a_state_does_not_allow(self, lab, ec2):
        """Starting what runs changes nothing; stopping what is gone is refused."""
        ec2.start_instances(InstanceIds=[lab.id])
        assert lab.state == "running"


class TestFromInside:
    """What an instance does to itself."""

    def test_shutdown_stops_it(self, launcher):
        """`shutdown` inside stops the instance, and the reason says so."""
        with launcher() as host:
            host.is_ready()
            host.ssh("sudo shutdown -h now")
            host.reaches("stopped")
            assert host.shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"

    def test_shutdown_terminates_it_where_that_was_wished(self, launcher):
        """InstanceInitiatedShutdownBehavior=terminate is honoured, by an absolute path through sudo too."""
        with launcher(InstanceInitiatedShutdownBehavior="terminate") as host:
            host.is_ready()
            host.ssh("sudo -n /sbin/shutdown -h now")
            host.reaches("terminated")
            assert host.shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"

    def test_a_planned_shutdown_can_be_cancelled(self, launcher):
        """`shutdown +N` waits, and `shutdown -c` takes it back."""
        with launcher() as host:
            host.is_ready()
            assert host.ssh("shutdown -h +60 && shutdown -c").returncode == 0
            assert host.state == "running"

    def test_the_guard_is_armed_when_the_checks_pass(self, lab):
        """The timer that user-data enables runs, and has left its word."""
        done = lab.ssh(f'systemctl is-active awstune-guard.timer && cat "$AWSTUNE_ROOT{names.ARMED_FILE}"')
        assert done.stdout == "active\nnone\n"

    def test_the_guard_ends_it_when_its_time_is_up(self, launcher):
        """The time to live truly ends the instance, by the very guard that AWS runs."""
        with launcher(ends=time.time() + 1.5) as host:
            host.reaches("stopped")

    def test_the_guard_goes_on_after_a_start(self, launcher, ec2):
        """An enabled timer runs at every boot: an end that has passed stops the instance again."""
        with launcher(ends=time.time() + 3600) as host:
            host.is_ready()
            host.ssh(f'echo 1 > "$AWSTUNE_ROOT{names.ENDS_FILE}"')
            ec2.stop_instances(InstanceIds=[host.id])
            host.reaches("stopped")
            ec2.start_instances(InstanceIds=[host.id])
            host.reaches("running")
            host.reaches("stopped")

    def test_bad_user_data_boots_too(self, launcher):
        """User-data that is no YAML is told on the console and changes nothing."""
        with launcher(user_data=lambda _: "#cloud-config\n{{{") as host:
            host.is_ready()

    def test_a_script_as_user_data_runs_once(self, launcher, cloud):
        """User-data that starts with #! is a script of the first boot."""
        script = '#!/bin/sh\necho ran >> "$HOME/script.txt"\n'
        with launcher(user_data=lambda _: script) as host:
            host.is_ready()
            folder = next(i["folder"] for i in lifecycle.instances(cloud) if i["id"] == host.id)
            assert Path(folder, "home/ubuntu/script.txt").read_text() == "ran\n"

    def test_what_a_shutdown_does_can_be_changed(self, launcher, ec2):
        """ModifyInstanceAttribute turns a stop into an end."""
        with launcher() as host:
            host.is_ready()
            behavior = {"Value": "terminate"}
            ec2.modify_instance_attribute(InstanceId=host.id, InstanceInitiatedShutdownBehavior=behavior)
            host.ssh("poweroff")
            host.reaches("terminated")

    def test_the_host_key_can_be_changed(self, launcher):
        """A new host key on the disk is shown after `systemctl reload ssh`; no connection is cut."""
        with launcher() as host:
            host.is_ready()
            client = host.paramiko()
            fresh = guard.HostKey.generate()
            file = '"$AWSTUNE_ROOT/etc/ssh/ssh_host_ed25519_key"'
            stdin, out, _ = client.exec_command(f"cat > {file} && sudo systemctl reload ssh")
            stdin.write(fresh.private)
            stdin.close()
            assert out.channel.recv_exit_status() == 0
            assert host.ssh("true").returncode == 255
            host.host_key = fresh.public
            assert host.ssh("true").returncode == 0
            assert client.exec_command("echo on")[1].read() == b"on\n"

    def test_the_console_is_its_own(self, launcher, ec2):
        """GetConsoleOutput shows what went wrong in user-data."""
        with launcher(user_data=lambda _: "#cloud-config\nruncmd: [[sh, -c, exit 3]]") as host:
            host.is_ready()
            assert "status 3" in ec2.get_console_output(InstanceId=host.id)["Output"]

    def test_user_data_can_be_read_back(self, lab, ec2):
        """DescribeInstanceAttribute shows what was given at launch."""
        answer = ec2.describe_instance_attribute(InstanceId=lab.id, Attribute="userData")
        assert base64.b64decode(answer["UserData"]["Value"]).startswith(b"#cloud-config")


ASK = """
import sys, urllib.request, os, urllib.error
base = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
put = urllib.request.Request(base + "/latest/api/token", headers=ttl, method="PUT")
token = urllib.request.urlopen(put).read().decode()
path = base + "/latest/meta-data/" + sys.argv[1]
get = urllib.request.Request(path, headers={"X-aws-ec2-metadata-token": token})
try:
    print(urllib.request.urlopen(get).read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
"""


class TestMetadata:
    """The metadata service, as a program on the instance asks it."""

    def ask(self, host, path):
        """What it answers."""
        return host.ssh(f"python3 -c '{ASK}' {path}").stdout.strip()

    def test_who_am_i(self, lab):
        """It knows what the API knows."""
        assert self.ask(lab, "instance-id") == lab.id
        assert self.ask(lab, "instance-type") == "p2.xlarge"
        assert self.ask(lab, "public-ipv4") == lab.address
        assert self.ask(lab, "spot/instance-action") == "404"

    def test_spot_notice(self, launcher, cloud):
        """The notice comes first, then the end, with the reason that AWS gives."""
        with launcher(InstanceMarketOptions={"MarketType": "spot"}) as host:
            host.is_ready()
            assert self.ask(host, "instance-life-cycle") == "spot"
            notice = f"/awstune/instances/{host.id}/spot-notice"
            client.call(cloud, "PUT", notice, {"after_s": 600})
            assert json.loads(self.ask(host, "spot/instance-action"))["action"] == "terminate"
            client.call(cloud, "PUT", notice, {"after_s": 0})
            host.reaches("terminated")
            assert host.shown["StateReason"]["Code"] == "Server.SpotInstanceTermination"


class TestSwitches:
    """Three ways to fail."""

    def test_impaired_checks(self, launcher, switched):
        """Checks come back impaired instead of ok."""
        switched("impaired-checks")
        with launcher() as host:
            until(lambda: host.checks == "impaired", "impaired checks")
            assert host.state == "running"

    def test_death_during_the_wait(self, launcher, switched):
        """The instance goes from pending to terminated, and the reason is the cloud's."""
        switched("die-during-wait")
        with launcher() as host:
            host.reaches("terminated")
            assert host.shown["StateReason"]["Code"] == "Server.InternalError"

    def test_ssh_refused(self, launcher, switched):
        """The instance runs and passes its checks, but nobody answers at its port."""
        switched("refuse-ssh")
        with launcher() as host:
            host.is_ready()
            with pytest.raises(paramiko.ssh_exception.NoValidConnectionsError):
                host.paramiko()

    def test_a_process_that_dies_impairs_the_checks(self, launcher, cloud):
        """An instance whose host falls silent runs on, with impaired checks."""
        with launcher() as host:
            host.is_ready()
            pid = next(i["pid"] for i in lifecycle.instances(cloud) if i["id"] == host.id)
            psutil.Process(pid).kill()
            until(lambda: host.checks == "impaired", "impaired checks")
            assert host.state == "running"


def _is_open(host):
    host.reaches("running")  # its port is another one where somebody else has taken it meanwhile
    return host.ssh("true").returncode == 0


def _volumes(ec2, instance_id):
    filters = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    return ec2.describe_volumes(Filters=filters)["Volumes"]


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []
