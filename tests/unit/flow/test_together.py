"""Stories side by side: at once, bounded, told as one, each with its own end."""

import threading

import pytest

from awstune.errors import ConnectionLost
from awstune.flow.events import Doing
from awstune.flow.together import together
from tests.waiting import PATIENCE_S


def run(stories, at_once=8):
    """What is told, and what comes of it."""
    told, story = [], together(stories, at_once)
    try:
        while True:
            told.append(next(story))
    except StopIteration as end:
        return told, end.value


def test_they_go_on_at_the_same_time():
    """Each waits for all others: one after the other they would never end."""
    meeting = threading.Barrier(3, timeout=PATIENCE_S)

    def story(number):
        yield Doing(f"begun {number}")
        meeting.wait()
        return number

    told, ends = run([story(number) for number in range(3)])
    assert {one.text for one in told} == {"begun 0", "begun 1", "begun 2"}
    assert ends == [0, 1, 2]


def test_no_more_than_so_many_at_once():
    """Twenty stories, four at a time: no fifth is ever begun beside them."""
    lock, under_way, most = threading.Lock(), [], []

    def story(number):
        with lock:
            under_way.append(number)
            most.append(len(under_way))
        yield Doing(str(number))
        with lock:
            under_way.remove(number)
        return number

    assert run([story(number) for number in range(20)], at_once=4)[1] == list(range(20))
    assert max(most) <= 4


def failing(error):
    """A story that ends in an error."""
    yield Doing("begun")
    raise error


@pytest.mark.parametrize("others", [0, 2])
def test_an_error_ends_its_own_story_only(others):
    """What came of the others is known all the same."""
    lost = ConnectionLost("gone")

    def fine():
        yield Doing("begun")
        return True

    ends = run([failing(lost), *(fine() for _ in range(others))])[1]
    assert ends == [lost, *[True] * others]


@pytest.mark.parametrize("others", [0, 1])
def test_what_is_no_error_of_ours_is_raised(others):
    """A disk that is full, or an interrupt, ends it all."""
    with pytest.raises(OSError, match="full"):
        run([failing(OSError("full")) for _ in range(1 + others)])
