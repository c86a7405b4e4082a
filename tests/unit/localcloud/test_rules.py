"""Rules of what goes wrong: which step they strike, how often, and in what order."""

import threading

import pytest

from awstune.localcloud import gate
from awstune.localcloud.faults import Faults
from awstune.localcloud.rules import Rule, Rules, from_json
from awstune.localcloud.sigv4 import Scope
from tests.waiting import PATIENCE_S

STEP = ("ec2", "RunInstances", "us-east-1", {"InstanceType": "p2.xlarge"})


def strikes(rules, count, step=STEP):
    """Whether each of some steps was struck."""
    return [rules.take(*step) is not None for _ in range(count)]


def test_without_rules_everything_passes():
    """No rule, no fault."""
    assert Rules().take(*STEP) is None


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        (Rule(), True),
        (Rule(service="ec2", action="RunInstances", region="us-east-1"), True),
        (Rule(action="Run*"), True),
        (Rule(action="Describe*"), False),
        (Rule(service="sts"), False),
        (Rule(region="eu-*"), False),
        (Rule(params={"InstanceType": "p2.*"}), True),
        (Rule(params={"InstanceType": "g4dn.*"}), False),
        (Rule(params={"Placement.AvailabilityZone": "us-east-1a"}), False),
    ],
)
def test_patterns(rule, struck):
    """Patterns are a shell's; an empty one matches anything; a missing parameter matches none."""
    rules = Rules()
    rules.add(rule)
    assert (rules.take(*STEP) is not None) is struck


def test_skip_then_times():
    """A rule may let some pass first, and strike only so often."""
    rules = Rules()
    rules.add(Rule(skip=2, times=2))
    assert strikes(rules, 6) == [False, False, True, True, False, False]


def test_a_used_up_rule_lets_the_next_strike():
    """Rules take effect in the order in which they were added."""
    rules = Rules()
    first = rules.add(Rule(times=1, error="A"))
    second = rules.add(Rule(error="B"))
    assert [rules.take(*STEP).id, rules.take(*STEP).id] == [first.id, second.id]


def test_counts_are_shown():
    """The JSON form says how often a rule has struck."""
    rules = Rules()
    rules.add(Rule(skip=1))
    strikes(rules, 3)
    assert rules.shown()[0]["struck"] == 2


def test_what_acts_first_has_struck_once_it_has_acted():
    """Whoever waits until such a rule has struck, and kills the caller then, finds what the call has done."""
    rules, counts = Rules(), []
    rules.add(Rule(action="RunInstances", after_commit=True))

    def acts(_environ, _start_response):
        counts.append(rules.shown()[0]["struck"])
        return []

    call = {gate.SCOPE: Scope("", "", "us-east-1", "ec2", (), ""), gate.BODY: b"Action=RunInstances"}
    with pytest.raises(ConnectionResetError):
        Faults(acts, rules)(call, lambda *_: None)
    assert [*counts, rules.shown()[0]["struck"]] == [0, 1]


def test_removed_and_cleared():
    """A rule that is out of force strikes nothing."""
    rules = Rules()
    rule = rules.add(Rule())
    rules.remove(rule.id)
    rules.remove("never was")
    assert strikes(rules, 1) == [False]
    rules.add(Rule())
    rules.clear()
    assert strikes(rules, 1) == [False]


def test_what_is_held_is_let_go_with_its_rule():
    """A step is held for as long as its rule is in force, whatever becomes of others."""
    rules = Rules()
    rule, other = rules.add(Rule(delay_s=600.0)), rules.add(Rule())
    held = threading.Thread(target=rules.hold, args=(rule,))
    held.start()
    rules.remove(other.id)
    assert held.is_alive()
    rules.clear()
    held.join(PATIENCE_S)
    assert not held.is_alive()
    rules.hold(rule)


def test_a_switch_is_a_rule_with_a_name():
    """Turning a switch on twice is turning it on; off takes it away."""
    rules = Rules()
    for _ in range(2):
        rules.switch("die-during-wait", True)
    assert [rule["id"] for rule in rules.shown()] == ["die-during-wait"]
    assert rules.take("instance", "boot", "us-east-1", {}) is not None
    rules.switch("die-during-wait", False)
    assert rules.shown() == []


def test_an_unknown_switch_is_an_error():
    """A name that nobody knows turns nothing on."""
    with pytest.raises(KeyError):
        Rules().switch("other", True)


def test_from_json():
    """A rule's JSON form has the fields of the class, and no others."""
    assert from_json({"service": "ec2", "times": 1}) == Rule(service="ec2", times=1)
    with pytest.raises(TypeError):
        from_json({"colour": "red"})
