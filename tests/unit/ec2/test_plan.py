from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.ec2 import keys, openings, prices, steps
from awstune.ec2.network import Group
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.errors import UsageError
from tests.unit.ec2.plans import ALL, GROUP, KEY, NOTHING, PUBLIC, RUNNING

READY = replace(ALL, instances=())


def _actions(made):
    return [step.action for step in made.steps]


def test_a_first_launch_word_for_word():
    """What --dry-run prints: each step, then the price and the worst case."""
    assert make_plan(Wanted("lab"), NOTHING).prose() == [
        "make a key pair awstune-lab; its private half stays here, mode 600, in /k/lab.pem",
        "create the security group awstune-lab in vpc-1",
        "let 203.0.113.7/32 reach port 22, and nobody else",
        (
            "run lab: p2.xlarge (1 x K80, 12 GiB, $0.90/h) on demand, from Deep Learning AMI (Ubuntu) "
            "Version 21.2 (ami-1), with an encrypted disk of 100 GiB; it stops by itself after 8h, or after "
            "30m idle"
        ),
        "wait until lab is running and passes its status checks",
        (
            "costs: $0.90 an hour; $7.48 at most until the end, with 10m in which results are sent home "
            "(us-east-1 prices of 2026-06)"
        ),
        "stopped, the disk goes on costing $0.26 a day until it is terminated",
        ("the image is old: its metadata service (IMDSv1) asks for no token until the first verified login"),
    ]


def test_an_end_from_outside():
    """Where the account has it, it is told; where an interrupted launch left none, it is made."""
    note = "15m after its end a schedule ends it from outside, should it not have ended itself"
    assert note in make_plan(Wanted("lab"), replace(NOTHING, backstop=True)).notes
    assert note not in make_plan(Wanted("lab", ttl_s=None), replace(NOTHING, backstop=True)).notes
    again = make_plan(Wanted("lab"), replace(ALL, backstop=True, unscheduled=ALL.instances))
    assert again.prose() == ["schedule the end of lab from outside, too"]
    assert not again.launches
    # In the console one chooses what it does: as the instance's own end does it.
    for at_end, target in (("stop", "StopInstances"), ("terminate", "TerminateInstances")):
        one = replace(ALL.instances[0], at_end=at_end)
        steps = make_plan(Wanted("lab"), replace(ALL, backstop=True, unscheduled=(one,))).steps
        assert steps[0].console.endswith(f"Target: EC2 {target}")


def test_a_spot_fleet_word_for_word():
    """Several spot instances: their names, their end, and what AWS may do to them."""
    wanted = Wanted("fleet", count=2, market="spot", type="g4dn.xlarge", ttl_s=1800, idle_s=600, max_usd=1.5)
    today = replace(NOTHING.prices, spot={"g4dn.xlarge": 0.158})
    lines = make_plan(wanted, replace(NOTHING, type="g4dn.xlarge", group=GROUP, prices=today)).prose()
    assert [line for line in lines if "run fleet" in line][1] == (
        "run fleet-2: g4dn.xlarge (1 x T4, 16 GiB, $0.16/h) at the spot price, from Deep Learning AMI "
        "(Ubuntu) Version 21.2 (ami-1), with an encrypted disk of 100 GiB; it terminates by itself after "
        "30m, or after 10m idle, or before it has cost $1.50 (the last $0.09 pay for sending results home)"
    )
    assert "let the instances of awstune-lab reach each other, and nobody else" in lines
    assert lines[-4:-1] == [
        "wait until fleet-1, fleet-2 are running and pass their status checks",
        (
            "costs: $0.32 an hour; $0.72 at most until the end, with 10m in which results are sent home "
            "(us-east-1 prices of 2026-06)"
        ),
        (
            "AWS may take a spot instance away; what is only on its disk is then lost. The spot price may "
            "rise as far as the one on demand, by which the most is reckoned"
        ),
    ]


def test_a_large_fleet_is_told_in_one_sentence():
    """Two hundred instances that differ in their names only: one line to run them, one to wait."""
    lines = make_plan(Wanted("fleet", count=200), READY).prose()
    begun = [line[:72] for line in lines if line.startswith(("run ", "wait "))]
    assert begun == [
        "run fleet-1 ... fleet-200 (200 instances), each: p2.xlarge (1 x K80, 12 ",
        "wait until all 200 instances are running and pass their status checks",
    ]
    assert any(line.startswith("costs: $180.00 an hour; ") for line in lines)
    steps_of = make_plan(Wanted("fleet", count=200), READY).to_json()["plan"]
    assert len([step for step in steps_of if step["action"] == "run-instance"]) == 200
    assert len(make_plan(Wanted("fleet", count=4), READY).prose()) > len(lines)


def test_each_line_beside_the_console_step_it_replaces():
    """--explain puts the course's console step below each line of the plan, word for word."""
    lines = make_plan(Wanted("lab"), NOTHING).prose(explain=True)
    console = "    in the console: "
    assert [line.removeprefix(console) for line in lines if line.startswith(console)] == [
        "Key pair > Create new key pair > Download, then chmod 600 key.pem",
        "Network settings > Create security group",
        "Network settings > Allow SSH traffic from > My IP",
        (
            "Region (top right) > Launch instances > Name, AMI by its name, Instance type, "
            "Configure storage > Launch instance"
        ),
        (
            "Instances > Refresh until Instance state is Running and Status check is 2/2 checks passed, "
            "then copy the Public IPv4 address for ssh -i key.pem ubuntu@ADDRESS"
        ),
        "nothing says so; the Pricing Calculator does, once all of this is typed into it",
    ]
    bare = make_plan(Wanted("lab"), NOTHING).prose()
    assert [line for line in lines if not line.startswith(console)] == bare


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
    assert "console" not in document["plan"][0]
    explained = make_plan(Wanted("lab"), NOTHING).to_json(explain=True)["plan"]
    assert explained[2]["console"] == "Network settings > Allow SSH traffic from > My IP"
    assert [{key: step[key] for key in step if key != "console"} for step in explained] == document["plan"]
    assert document["usd_per_hour"] == 0.9
    assert document["usd_worst_case"] == pytest.approx(
        (8 + 1 / 6) * (0.9 + 0.005 + 100 * 0.08 / 730), abs=1e-4
    )


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


def test_the_open_port_moves_with_the_callers_address():
    """A new address is let in before the old one is shut out, on a launch that is there already too."""
    made = make_plan(Wanted("lab"), replace(ALL, ssh_from="203.0.113.99/32"))
    assert [step.prose() for step in made.steps] == [
        "let 203.0.113.99/32 reach port 22, and nobody else",
        "let 203.0.113.7/32 reach port 22 no longer",
    ]


@pytest.mark.parametrize("anywhere", ["0.0.0.0/0", "::/0"])
def test_a_port_that_is_open_to_the_world_is_called_so(anywhere):
    """Who types such a range reads what it means before it is so."""
    steps = make_plan(Wanted("lab", ssh_from=anywhere), replace(NOTHING, ssh_from=anywhere)).prose()
    assert f"let EVERYBODY ({anywhere}) reach port 22" in steps


def test_a_security_group_of_ones_own_is_used_as_it_is():
    """--security-group: no group is made and none changed."""
    made = make_plan(Wanted("lab", security_group="sg-9"), replace(NOTHING, key=ALL.key, ssh_from=""))
    assert _actions(made) == ["run-instance", "wait"]
    assert made.launches[0].group == "sg-9"


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


def test_steps_say_something():
    """The bare class is no step."""
    with pytest.raises(NotImplementedError):
        steps.Step().prose()


def test_the_group_of_a_name():
    """What the group is called that is made for NAME."""
    assert openings.wanted_group(Wanted("lab")) == "awstune-lab"
    assert keys.key_path(Path("/k"), "awstune-lab", "us-east-1") == Path("/k/awstune-lab-us-east-1.pem")


def test_stand_ins_for_a_full_zone():
    """--or-similar: three types at most that the same image drives and the cap would pay for."""
    table = prices.shipped().types
    like = ("g4dn.xlarge", "g6.xlarge", "p3.2xlarge", "g4dn.2xlarge")
    actual = replace(NOTHING, stand_ins=tuple(table[name] for name in like))
    run = make_plan(Wanted("lab", or_similar=True), actual).launches[0]
    assert [other.type for other in run.fallbacks] == ["g4dn.xlarge", "p3.2xlarge"]
    assert run.prose().endswith(
        "; where there is no capacity: g4dn.xlarge (1 x T4, 16 GiB, $0.53/h), "
        "then p3.2xlarge (1 x V100, 16 GiB, $3.06/h)"
    )
    capped = make_plan(Wanted("lab", or_similar=True, max_usd=10), actual)
    assert [other.type for other in capped.launches[0].fallbacks] == ["g4dn.xlarge"]
    # Eight hours are $4.21 for the type alone, and $4.34 with its address and its disk.
    assert make_plan(Wanted("lab", or_similar=True, max_usd=4.3), actual).launches[0].fallbacks == ()
    dear = make_plan(Wanted("lab", or_similar=True), actual)
    assert dear.usd_worst_case == pytest.approx((8 + 1 / 6) * (3.06 + 0.005 + 100 * 0.08 / 730), abs=1e-3)


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
            case steps.JoinGroup():
                group = replace(group, joined=True)
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
