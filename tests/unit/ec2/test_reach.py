"""A range that was typed and leaves the own machine out: said in the plan, and where nobody answers."""

import pytest

from awstune.ec2 import instances, reach, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.session import Endpoint, open_cloud
from awstune.ec2.wanted import Wanted
from tests.unit.ec2.launches import G4, launched


def at(address):
    """AWS's checkip, for a caller who comes from there."""
    return lambda _: f"{address}\n"


@pytest.mark.parametrize(
    ("ranges", "mine", "left_out"),
    [
        (["8.8.8.0/24"], "9.9.9.9", "9.9.9.9/32"),
        (["8.8.8.0/24"], "8.8.8.8", ""),
        (["8.8.8.0/24", "9.9.0.0/16"], "9.9.9.9", ""),
        (["0.0.0.0/0"], "9.9.9.9", ""),
        (["10.0.0.0/8"], "9.9.9.9", ""),  # by a way of one's own
        (["8.8.8.0/24", "10.0.0.0/8"], "9.9.9.9", ""),
        (["2606:4700::/32"], "2a00::9", "2a00::9/128"),
        (["2606:4700::/32"], "2606:4700::9", ""),
        (["8.8.8.0/24"], "", ""),  # nobody can say
        ([], "9.9.9.9", ""),
    ],
)
def test_who_is_left_out(cloud, ranges, mine, left_out):
    """Only what AWS sees of the caller is compared, and only with public ranges."""
    assert reach.left_out(cloud, ranges, fetch=at(mine), own_ipv6=lambda: mine) == left_out


def test_the_embedded_cloud_lets_its_own_machine_in():
    """Where nobody is asked for an address."""
    local = open_cloud(endpoint=Endpoint("http://127.0.0.1:1", "a", "b"))
    assert reach.left_out(local, ["8.8.8.0/24"], fetch=pytest.fail) == ""


@pytest.mark.parametrize(("jump", "said"), [(None, True), ("me@bastion", False)])
def test_the_plan_says_so(cloud, keys_dir, jump, said):
    """Before anything is launched; a jump host's range is not one's own."""
    wanted = Wanted("lab", ssh_from="8.8.8.0/24", ssh_jump=jump, **G4)
    notes = make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=at("9.9.9.9"))).notes
    line = (
        "--ssh-from 8.8.8.0/24 leaves out this machine, which comes from 9.9.9.9/32: it cannot get in, nor "
        "see that the guard is armed (--no-wait does without)"
    )
    assert (line in notes) is said


def test_where_nobody_answers_it_is_said(cloud, keys_dir):
    """The bare timeout gets its reason, and the command that mends it."""
    launched(cloud, keys_dir, ssh_from="8.8.8.0/24")
    lab = instances.find(cloud, "lab")
    assert reach.shut_out(cloud, lab.group_ids, fetch=at("9.9.9.9")) == (
        "port 22 admits 8.8.8.0/24 (--ssh-from), and this machine comes from 9.9.9.9/32"
    )
    assert reach.shut_out(cloud, lab.group_ids, fetch=at("8.8.8.8")) == ""
    assert reach.shut_out(cloud, ["sg-00000000"], fetch=pytest.fail) == ""
