"""How soon a fleet of 200 is known to be ready, and in how many calls, beside botocore's waiters."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from awstune.ec2 import wait
from awstune.ec2.session import Cloud, Endpoint, open_cloud
from awstune.localcloud import client, lifecycle

SIZE = 200
QUOTA = "L-417A185B"
PACE = {"boot_s": [2, 8], "checks_s": [2, 8], "seed": 7}
THROTTLED = {
    "service": "ec2",
    "action": "DescribeInstanceStatus",
    "error": "RequestLimitExceeded",
    "status": 503,
    "skip": 3,
    "times": 1,
}
WAITERS = ("instance_running", "instance_status_ok", "system_status_ok")


def by_awstune(cloud: Cloud, ids: list[str]) -> None:
    """One poller for the whole fleet."""
    for _ in wait.until_ready(cloud, ids):
        pass


def by_botocore(cloud: Cloud, ids: list[str]) -> None:
    """The waiters that a script would use, one after the other."""
    for name in WAITERS:
        cloud.client("ec2").get_waiter(name).wait(InstanceIds=ids)


def fleet(cloud: Cloud) -> list[str]:
    """The ids of a new fleet."""
    image = cloud.ec2.describe_images()["Images"][0]["ImageId"]
    wishes: dict[str, Any] = {"ImageId": image, "InstanceType": "p2.xlarge", "KeyName": "bench"}
    answer = cloud.ec2.run_instances(**wishes, MinCount=SIZE, MaxCount=SIZE)
    return [one["InstanceId"] for one in answer["Instances"]]


def measure(
    local: lifecycle.LocalCloud, cloud: Cloud, waits: Callable[[Cloud, list[str]], None]
) -> tuple[float, int]:
    """(seconds from the last passed check to its being noticed, describe calls)."""
    client.call(local, "PUT", "/awstune/simulated", PACE)
    ids = fleet(cloud)
    client.call(local, "POST", "/awstune/rules", THROTTLED)
    before = Counter(client.call(local, "GET", "/awstune/calls"))
    waits(cloud, ids)
    noticed = time.time()
    calls = Counter(client.call(local, "GET", "/awstune/calls")) - before
    last = max(one["ready_at"] for one in lifecycle.instances(local) if one["id"] in ids)
    client.call(local, "DELETE", "/awstune/rules")
    cloud.ec2.terminate_instances(InstanceIds=ids)
    return noticed - last, sum(count for name, count in calls.items() if "Describe" in name)


def main() -> None:
    """Waits for two fleets of the same pace, and prints what each way to wait took."""
    with tempfile.TemporaryDirectory() as folder:
        local = lifecycle.start(Path(folder))
        try:
            report(local)
        finally:
            lifecycle.stop(Path(folder))


def report(local: lifecycle.LocalCloud) -> None:
    """One line for each way to wait, and the ratio."""
    cloud = open_cloud(
        region="us-east-1",
        profile=None,
        endpoint=Endpoint(local.endpoint_url, local.access_key, local.secret_key),
    )
    client.call(local, "PUT", f"/awstune/quotas/{QUOTA}", {"value": 100 * SIZE})
    cloud.ec2.import_key_pair(KeyName="bench", PublicKeyMaterial=PUBLIC_KEY)
    ours = measure(local, cloud, by_awstune)
    theirs = measure(local, cloud, by_botocore)
    for name, (late, calls) in (("awstune", ours), ("botocore's waiters", theirs)):
        print(f"{name:20} noticed {late:6.2f} s after the last check   {calls:4} describe calls")
    print(f"{'ratio':20} {ours[0] / theirs[0]:.2f} x the time, {ours[1] / theirs[1]:.1f} x the calls")


PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbXWCQ4oVfBWoyVtWUAnSOJ1QVuPBLAhSNBGZOUtBqs"

if __name__ == "__main__":
    main()
