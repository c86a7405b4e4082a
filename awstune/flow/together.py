"""Stories that go on at the same time, told as one: each in a thread of its own, so many at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from awstune.errors import AwstuneError
from awstune.flow.events import Story

T = TypeVar("T")


@dataclass(frozen=True)
class _Over:
    """A story's end: what it returned, or what it raised."""

    number: int
    value: Any = None
    error: BaseException | None = None


def together(stories: Sequence[Story[T]], at_once: int) -> Story[list[T | AwstuneError]]:
    """Runs stories side by side; what they tell is passed on as it comes.

    Args:
        stories: which.
        at_once: so many at most.

    Returns:
        For each story, in their order, what it returned, or the error that ended it. An interrupt leaves
        those that are under way to the end of the process.
    """
    if len(stories) == 1:
        return [(yield from _alone(stories[0]))]
    waiting: queue.SimpleQueue[tuple[int, Story[T]]] = queue.SimpleQueue()
    for item in enumerate(stories):
        waiting.put(item)
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = threading.Event()
    for _ in range(min(at_once, len(stories))):
        threading.Thread(target=_work, args=(waiting, told, stop), daemon=True).start()
    try:
        return (yield from _listen(told, len(stories)))
    finally:
        stop.set()


def _alone(story: Story[T]) -> Story[T | AwstuneError]:
    try:
        return (yield from story)
    except AwstuneError as error:
        return error


def _work(waiting: queue.SimpleQueue[Any], told: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            number, story = waiting.get_nowait()
        except queue.Empty:
            return
        told.put(_run(number, story, told))


def _run(number: int, story: Story[Any], told: queue.SimpleQueue[Any]) -> _Over:
    try:
        while True:
            told.put(next(story))
    except StopIteration as end:
        return _Over(number, end.value)
    except BaseException as error:  # noqa: BLE001  # it is raised again where somebody hears it
        return _Over(number, error=error)


def _listen(told: queue.SimpleQueue[Any], many: int) -> Story[list[Any]]:
    ends: dict[int, Any] = {}
    while len(ends) < many:
        item = told.get()
        if not isinstance(item, _Over):
            yield item
        elif item.error is None or isinstance(item.error, AwstuneError):
            ends[item.number] = item.value if item.error is None else item.error
        else:
            raise item.error
    return [ends[number] for number in range(many)]
