from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.ec2 import keys, plan, prices, steps
from awstune.ec2.images import Image
from awstune.ec2.instances import Instance
from awstune.ec2.network import Group
from awstune.ec2.plan import Actual, KeyFacts, make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import KeyFileError, NameTaken, NotOffered, UsageError
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
    vpc_id="vpc-1",
    ssh_from="203.0.113.7/32",
)
ALL = replace(
    NOTHING,
    key=replace(KEY, here=PUBLIC, at_aws=keys.KeyPair("awstune-lab", PUBLIC)),
    group=GROUP,
    instances=(RUNNING,),
)


def _actions(made):
    return [step.action for step in made.steps]


def test_a_first_launch_word_for_word():
    """What --dry-run prints: each step, then the price and the worst case."""
    assert make_plan(Wanted("lab"), NOTHING).prose() == [
        "make a key pair awstune-lab; its private half stays here, in /k/lab.pem (mode 600)",
        "create the security group awstune-lab in vpc-1",
        "let 203.0.113.7/32 reach port 22, and nobody else",
        (
            "run lab: p2.xlarge (1 x K80, 12 GiB, $0.9/h) on demand, from Deep Learning AMI (Ubuntu) Version "
            "21.2 (ami-1), with an encrypted disk of 100 GiB; it stops by itself after 8h, or after 30m idle"
        ),
        "wait until lab is running and passes its status checks",
        "costs: $0.90 an hour; $7.33 at most until the end (us-east-1 prices of 2026-06)",
        "stopped, the disk goes on costing $0.26 a day until it is terminated",
    ]


def test_a_spot_fleet_word_for_word():
    """Several spot instances: their names, their end, and what AWS may do to them."""
    wanted = Wanted("fleet", count=2, market="spot", type="g4dn.xlarge", ttl_s=1800, idle_s=600, max_usd=1.5)
    lines = make_plan(wanted, replace(NOTHING, type="g4dn.xlarge", group=GROUP)).prose()
    assert [line for line in lines if "run fleet" in line][1] == (
        "run fleet-2: g4dn.xlarge (1 x T4, 16 GiB, $0.526/h) at the spot price, from Deep Learning AMI "
        "(Ubuntu) Version 21.2 (ami-1), with an encrypted disk of 100 GiB; it terminates by itself after "
        "30m, or after 10m idle, or at $1.50"
    )
    assert lines[-3:] == [
        "wait until fleet-1, fleet-2 are running and pass their status checks",
        "costs: $1.05 an hour; $0.54 at most until the end (us-east-1 prices of 2026-06)",
        "AWS may take a spot instance away; what is only on its disk is then lost",
    ]


def test_each_line_beside_the_console_step_it_replaces():
    """--explain puts the course's console step below each line of the plan."""
    lines = make_plan(Wanted("lab"), NOTHING).prose(explain=True)
    assert lines[1] == (
        "    in the console: Key pair > Create new key pair > Download, then chmod 600 key.pem"
    )
    assert sum(line.startswith("    in the console: ") for line in lines) == 5


def test_the_json_of_a_dry_run():
    """The documented shape: the steps as objects with an action, and two amounts."""
    document = make_plan(Wanted("lab"), NOTHING).to_json()
    assert [step["action"] for step in document["plan"]] == [
        "import-key-pair",
        "create-security-group",
        "allow-ssh",
        "run-instance",
        "wait",
    ]
    assert document["usd_per_hour"] == 0.9
    assert document["usd_worst_case"] == pytest.approx(8 * (0.9 + 0.005 + 100 * 0.08 / 730), abs=1e-4)


def test_nothing_to_do_when_all_is_there():
    """The same wishes again: an empty plan that names what exists."""
    made = make_plan(Wanted("lab"), ALL)
    assert made.empty
    assert made.existing == (RUNNING,)
    assert made.prose() == ["nothing to do: lab is there as wanted"]
    assert made.to_json() == {"plan": [], "usd_per_hour": 0.0, "usd_worst_case": 0.0}


@pytest.mark.parametrize(
    ("actual", "actions"),
    [
        (NOTHING, ["import-key-pair", "create-security-group", "allow-ssh", "run-instance", "wait"]),
        (replace(NOTHING, key=ALL.key), ["create-security-group", "allow-ssh", "run-instance", "wait"]),
        (
            replace(NOTHING, key=ALL.key, group=replace(GROUP, ssh_from=frozenset())),
            ["allow-ssh", "run-instance", "wait"],
        ),
        (replace(NOTHING, key=ALL.key, group=GROUP), ["run-instance", "wait"]),
        (replace(ALL, instances=(replace(RUNNING, state="pending"),)), ["wait"]),
        (ALL, []),
    ],
)
def test_a_crash_at_any_line_is_finished(actual, actions):
    """What an interrupted launch left is not made twice."""
    assert _actions(make_plan(Wanted("lab"), actual)) == actions


@pytest.mark.parametrize("state", ["terminated", "shutting-down"])
def test_an_ended_instance_counts_as_absent(state):
    """A name is free again once its instance has ended."""
    made = make_plan(Wanted("lab"), replace(ALL, instances=(replace(RUNNING, state=state),)))
    assert _actions(made) == ["run-instance", "wait"]


def test_a_fleet_is_completed():
    """Of three wanted, the one that is missing is run."""
    wanted = Wanted("lab", count=3)
    there = tuple(replace(RUNNING, name=name, wishes=wanted.wishes_tag()) for name in ("lab-1", "lab-3"))
    made = make_plan(wanted, replace(ALL, instances=there))
    assert [run.name for run in made.launches] == ["lab-2"]
    assert made.existing == there


def test_other_wishes_are_refused_saying_what_differs():
    """The same name with other wishes: what it has, and what was asked."""
    with pytest.raises(NameTaken) as caught:
        make_plan(Wanted("lab", type="g5.xlarge", ttl_s=None), ALL)
    assert caught.value.message == (
        "lab is there already, with other wishes: type is p2.xlarge, not g5.xlarge, ttl is 8h, not none"
    )
    assert "awstune terminate lab" in caught.value.hint


def test_a_wish_left_out_differs_too():
    """A disk that was typed the first time and not the second is named."""
    there = replace(RUNNING, wishes=Wanted("lab", disk_gib=200).wishes_tag())
    with pytest.raises(NameTaken, match="disk is 200, not left out"):
        make_plan(Wanted("lab"), replace(ALL, instances=(there,)))


def test_wishes_too_long_for_a_tag_still_differ():
    """Where the tag had to be cut short the hash still tells."""
    tags = {f"t{number:03}": "x" * 30 for number in range(20)}
    wanted = Wanted("lab", tags=tags)
    assert len(wanted.wishes_tag()) == 256
    there = replace(RUNNING, wishes="0123456789ab " + wanted.wishes_tag()[13:])
    with pytest.raises(NameTaken):
        make_plan(wanted, replace(ALL, instances=(there,)))
    same_words = replace(RUNNING, wishes="0123456789ab " + Wanted("lab").wishes_tag()[13:])
    with pytest.raises(NameTaken, match="too long"):
        make_plan(Wanted("lab"), replace(ALL, instances=(same_words,)))


def test_another_owners_name_is_refused():
    """Somebody else's instance of that name is not touched."""
    with pytest.raises(NameTaken, match="belongs to arn:aws:iam::1:user/you"):
        make_plan(Wanted("lab"), replace(ALL, instances=(replace(RUNNING, owner="arn:aws:iam::1:user/you"),)))


def test_a_stopped_one_is_started_not_twinned():
    """A stopped instance: the hint is `awstune start`."""
    with pytest.raises(NameTaken) as caught:
        make_plan(Wanted("lab"), replace(ALL, instances=(replace(RUNNING, state="stopped"),)))
    assert caught.value.hint == "awstune start lab"


def test_a_type_that_is_not_offered():
    """The region's nearest types with GPU and price, and how to take the first."""
    table = prices.shipped().types
    actual = replace(NOTHING, offered=False, stand_ins=(table["g4dn.xlarge"], table["g6.xlarge"]))
    with pytest.raises(NotOffered) as caught:
        make_plan(Wanted("lab"), actual)
    assert caught.value.message == (
        "us-east-1 does not offer p2.xlarge; nearest: g4dn.xlarge (1 x T4, 16 GiB, $0.526/h), "
        "g6.xlarge (1 x L4, 24 GiB, $0.8048/h)"
    )
    assert "--or-similar" in caught.value.hint
    with pytest.raises(NotOffered, match="nor anything like it"):
        make_plan(Wanted("lab"), replace(NOTHING, offered=False))


def test_a_key_that_only_aws_knows():
    """The private half is lost: the ways out are named."""
    with pytest.raises(KeyFileError) as caught:
        make_plan(
            Wanted("lab"), replace(NOTHING, key=replace(KEY, at_aws=keys.KeyPair("awstune-lab", PUBLIC)))
        )
    assert "not on this machine" in caught.value.message
    assert "--key" in caught.value.hint
    assert "awstune terminate lab" in caught.value.hint


def test_a_key_that_is_another_one():
    """A file here that is not the pair at AWS would lock everybody out: refused."""
    with pytest.raises(KeyFileError, match="is not the one in"):
        make_plan(Wanted("lab"), replace(ALL, instances=(), key=replace(ALL.key, here=OTHER)))


def test_a_key_that_only_this_disk_knows():
    """After a crash between writing and importing, the same key is imported."""
    first = make_plan(Wanted("lab"), replace(NOTHING, key=replace(KEY, here=PUBLIC))).steps[0]
    assert first == steps.ImportKeyPair("awstune-lab", KEY.path, public=PUBLIC)
    assert first.prose() == f"import the public half of {KEY.path} as the key pair awstune-lab"


def test_a_key_of_ones_own():
    """--key: its public half is imported; known to AWS already, it is only remembered here."""
    own = replace(KEY, own="/home/me/course.pem", own_public=PUBLIC)
    known = replace(own, at_aws=keys.KeyPair("awstune-lab", PUBLIC))
    wanted = Wanted("lab", key="course.pem")
    first = make_plan(wanted, replace(NOTHING, key=own)).steps[0]
    assert first.prose() == "import the public half of /home/me/course.pem as the key pair awstune-lab"
    linked = make_plan(wanted, replace(NOTHING, key=known)).steps[0]
    assert linked.prose() == "use the key pair awstune-lab with /home/me/course.pem"
    assert "run-instance" in _actions(make_plan(wanted, replace(NOTHING, key=replace(known, here=PUBLIC))))[2]
    with pytest.raises(KeyFileError, match="is not the one in"):
        make_plan(wanted, replace(NOTHING, key=replace(known, at_aws=keys.KeyPair("awstune-lab", OTHER))))


def test_the_open_port_moves_with_the_callers_address():
    """A new address is let in before the old one is shut out, on a launch that is there already too."""
    made = make_plan(Wanted("lab"), replace(ALL, ssh_from="203.0.113.99/32"))
    assert [step.prose() for step in made.steps] == [
        "let 203.0.113.99/32 reach port 22, and nobody else",
        "let 203.0.113.7/32 reach port 22 no longer",
    ]


def test_a_security_group_of_ones_own_is_used_as_it_is():
    """--security-group: no group is made and none changed."""
    made = make_plan(Wanted("lab", security_group="sg-9"), replace(NOTHING, key=ALL.key, ssh_from=""))
    assert _actions(made) == ["run-instance", "wait"]
    assert made.launches[0].group == "sg-9"


def test_a_disk_smaller_than_the_image_is_refused():
    """Before anything is made, and with the size that would do."""
    with pytest.raises(UsageError) as caught:
        make_plan(Wanted("lab", disk_gib=20), NOTHING)
    assert caught.value.hint == "--disk 75, or leave --disk out"
    big = replace(NOTHING, image=replace(IMAGE, min_disk_gib=160))
    assert make_plan(Wanted("lab"), big).launches[0].disk_gib == 160


def test_an_image_that_does_not_drive_the_gpu_is_refused():
    """A K80 with a CUDA 12 image: refused before launch, with the reason and the image that would do."""
    today = replace(IMAGE, name="Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Ubuntu 24.04) 2026")
    with pytest.raises(UsageError) as caught:
        make_plan(Wanted("lab"), replace(NOTHING, image=today))
    assert caught.value.message.endswith("the K80 needs a driver of branch 470 or older; this image has 570")
    assert caught.value.hint.startswith("use --ami 'Deep Learning AMI (Ubuntu")
    no_gpu = make_plan(Wanted("lab", type="t3.micro"), replace(NOTHING, type="t3.micro", image=today))
    assert no_gpu.launches


def test_an_image_of_ones_own_is_not_judged():
    """What no row of the table knows is launched as asked."""
    assert make_plan(Wanted("lab"), replace(NOTHING, image=replace(IMAGE, name="mine"))).launches


def test_no_end_has_no_worst_case():
    """--ttl none: nobody can say what it may cost, unless there is a cap."""
    made = make_plan(Wanted("lab", ttl_s=None), NOTHING)
    assert made.usd_worst_case is None
    bare = make_plan(Wanted("lab", ttl_s=None, idle_s=None), NOTHING)
    assert "NOTHING ENDS IT by itself" in bare.launches[0].prose()
    assert any("without limit" in note for note in made.notes)
    assert make_plan(Wanted("lab", ttl_s=None, max_usd=3), NOTHING).usd_worst_case == 3
    assert make_plan(Wanted("lab", max_usd=3), NOTHING).usd_worst_case == 3


def test_an_unknown_price_is_not_zero():
    """A type that no table knows: the price is said to be unknown."""
    made = make_plan(Wanted("lab", type="x9.huge"), replace(NOTHING, type="x9.huge"))
    assert (made.usd_per_hour, made.usd_worst_case) == (None, None)
    assert "the price is unknown" in made.notes[0]
    with pytest.raises(UsageError, match="--max-usd cannot be held"):
        make_plan(Wanted("lab", type="x9.huge", max_usd=5), replace(NOTHING, type="x9.huge"))


def test_an_image_is_needed():
    """A survey that looked for no image cannot be planned on."""
    with pytest.raises(UsageError, match="no image"):
        make_plan(Wanted("lab"), replace(NOTHING, image=None))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../lab"},
        {"name": ""},
        {"name": "-lab"},
        {"name": "x" * 64},
        {"count": 0},
        {"disk_gib": -1},
        {"ttl_s": 0.0},
        {"idle_s": -1.0},
        {"max_usd": 0.0},
        {"tags": {"awstune:owner": "you"}},
        {"tags": {"aws:x": "y"}},
        {"market": "spot", "at_end": "stop"},
    ],
)
def test_wishes_that_mean_nothing(wrong):
    """Refused as soon as they are typed."""
    with pytest.raises(UsageError):
        Wanted(**wrong)


def test_the_end_of_each_market():
    """Stop on demand, terminate for spot, unless said."""
    assert Wanted().end == "stop"
    assert Wanted(market="spot").end == "terminate"
    assert Wanted(at_end="terminate").end == "terminate"


def test_the_hash_is_of_wishes_only():
    """Who may knock and how many there are makes no other launch; all else does."""
    assert Wanted("a", count=3, ssh_from="1.2.3.4", or_similar=True).hash() == Wanted("b").hash()
    others = [
        Wanted(type="g5.xlarge"),
        Wanted(market="spot"),
        Wanted(image="ami-1"),
        Wanted(disk_gib=100),
        Wanted(ttl_s=None),
        Wanted(idle_s=60),
        Wanted(max_usd=1),
        Wanted(at_end="terminate"),
        Wanted(tags={"a": "b"}),
    ]
    assert len({wanted.hash() for wanted in others} | {Wanted().hash()}) == len(others) + 1


@pytest.mark.parametrize(
    ("seconds", "word"), [(28800, "8h"), (1800, "30m"), (5400, "1h30m"), (45, "45s"), (0.2, "0s")]
)
def test_spans_are_written_as_typed(seconds, word):
    """8h, 30m, 1h30m."""
    assert steps.span(seconds) == word


def test_steps_say_something():
    """The bare class is no step."""
    with pytest.raises(NotImplementedError):
        steps.Step().prose()


def test_the_group_of_a_name():
    """What the group is called that is made for NAME."""
    assert plan.wanted_group(Wanted("lab")) == "awstune-lab"
    assert keys.key_path(Path("/k"), "awstune-lab", "us-east-1") == Path("/k/awstune-lab-us-east-1.pem")


def test_stand_ins_for_a_full_zone():
    """--or-similar: three types at most that the same image drives and the cap would pay for."""
    table = prices.shipped().types
    like = ("g4dn.xlarge", "g6.xlarge", "p3.2xlarge", "g4dn.2xlarge")
    actual = replace(NOTHING, stand_ins=tuple(table[name] for name in like))
    run = make_plan(Wanted("lab", or_similar=True), actual).launches[0]
    assert [other.type for other in run.fallbacks] == ["g4dn.xlarge", "p3.2xlarge"]
    assert run.prose().endswith(
        "; where there is no capacity: g4dn.xlarge (1 x T4, 16 GiB, $0.526/h), "
        "then p3.2xlarge (1 x V100, 16 GiB, $3.06/h)"
    )
    capped = make_plan(Wanted("lab", or_similar=True, max_usd=10), actual)
    assert [other.type for other in capped.launches[0].fallbacks] == ["g4dn.xlarge"]
    dear = make_plan(Wanted("lab", or_similar=True), actual)
    assert dear.usd_worst_case == pytest.approx(8 * (3.06 + 0.005 + 100 * 0.08 / 730), abs=1e-3)


def _applied(made, actual, wanted):
    """What is there once a plan is applied, as far as plans look at it."""
    key, group, launched = actual.key, actual.group, list(actual.instances)
    for step in made.steps:
        match step:
            case steps.ImportKeyPair():
                public = step.public or PUBLIC
                key = replace(key, here=public, at_aws=keys.KeyPair(step.pair, public))
            case steps.CreateGroup():
                group = Group("sg-1", step.group, step.vpc_id, actual.owner)
            case steps.AllowSsh():
                group = replace(group, ssh_from=group.ssh_from | {step.ssh_from})
            case steps.RevokeSsh():
                group = replace(group, ssh_from=group.ssh_from - {step.ssh_from})
            case steps.RunInstance():
                launched.append(replace(RUNNING, name=step.name, type=step.type, wishes=step.wishes))
    return replace(actual, key=key, group=group, instances=tuple(launched))


@given(
    count=st.integers(1, 4),
    ttl_s=st.none() | st.floats(60, 1e6),
    there=st.sets(st.integers(1, 4)),
    key=st.sampled_from([KEY, replace(KEY, here=PUBLIC), ALL.key]),
    admitted=st.none() | st.sets(st.sampled_from(["203.0.113.7/32", "198.51.100.1/32", "192.0.2.0/24"])),
    cut=st.integers(0, 12),
)
def test_a_plan_after_apply_is_empty(count, ttl_s, there, key, admitted, cut):
    """From any half-done state, and after applying any part of a plan, the rest leads to an empty plan."""
    wanted = Wanted("lab", count=count, ttl_s=ttl_s)
    names = [name for number, name in enumerate(wanted.names, 1) if number in there]
    actual = replace(
        NOTHING,
        key=key,
        group=None if admitted is None else replace(GROUP, ssh_from=frozenset(admitted)),
        instances=tuple(replace(RUNNING, name=name, wishes=wanted.wishes_tag()) for name in names),
    )
    made = make_plan(wanted, actual)
    part = _applied(replace(made, steps=made.steps[:cut]), actual, wanted)
    whole = _applied(make_plan(wanted, part), part, wanted)
    assert make_plan(wanted, whole).empty
    assert sorted(found.name for found in whole.instances) == sorted(wanted.names)
    assert whole.group is None or whole.group.ssh_from == {"203.0.113.7/32"}
