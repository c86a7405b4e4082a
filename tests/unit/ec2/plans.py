"""What is there of a launch, as a plan sees it: from nothing to all."""

from dataclasses import replace

from awstune.ec2 import keys, prices
from awstune.ec2.actual import Actual, KeyFacts
from awstune.ec2.images import Image
from awstune.ec2.instances import Instance
from awstune.ec2.network import Group, Network
from awstune.ec2.wanted import Wanted
from awstune.names import COURSE_AMI

ME = "arn:aws:iam::1:user/me"

IMAGE = Image("ami-1", COURSE_AMI, "2019-01-18T00:00:00.000Z", "/dev/sda1", 75)

KEY = KeyFacts("awstune-lab", "/k/lab.pem")

PUBLIC, OTHER = "ssh-ed25519 AAAAone", "ssh-ed25519 AAAAother"

GROUP = Group("sg-1", "awstune-lab", "vpc-1", ME, frozenset({"203.0.113.7/32"}))

RUNNING = Instance(
    id="i-1",
    name="lab",
    owner=ME,
    type="p2.xlarge",
    market="on-demand",
    state="running",
    state_reason="",
    address="198.51.100.1",
    zone="us-east-1a",
    launched=0.0,
    stopped=None,
    ends=3600.0,
    at_end="stop",
    key_name="awstune-lab",
    host_keys=("ssh-ed25519 AAAA",),
    ssh_port=22,
    wishes=Wanted("lab").wishes_tag(),
    token="t",
    image_id="ami-1",
    disk_gib=100,
    ran_s=0.0,
    seen_s=0.0,
    group_ids=("sg-1",),
    region="us-east-1",
)

NOTHING = Actual(
    region="us-east-1",
    owner=ME,
    prices=prices.shipped(),
    key=KEY,
    image=IMAGE,
    network=Network("vpc-1"),
    ssh_from="203.0.113.7/32",
)

ALL = replace(
    NOTHING,
    key=replace(KEY, here=PUBLIC, at_aws=keys.KeyPair("awstune-lab", PUBLIC)),
    group=GROUP,
    instances=(RUNNING,),
)
