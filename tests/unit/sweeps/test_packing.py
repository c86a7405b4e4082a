"""How many trials run at a time, and where: laws of the decision, and who gets which slot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.sweeps.gpus import full
from awstune.sweeps.packing import Gpu, Machine, Measured, Packing, decide, undecided
from awstune.sweeps.placing import Places

GIB = 1 << 30
K80 = Machine(4, 60 * GIB, (Gpu("0", 11 * GIB),))
P3 = Machine(32, 240 * GIB, tuple(Gpu(str(n), 16 * GIB) for n in range(4)))

gpu_lists = st.lists(st.integers(1, 80 * GIB), max_size=8).map(
    lambda frees: tuple(Gpu(str(n), free) for n, free in enumerate(frees))
)
machines = st.builds(Machine, st.integers(1, 192), st.integers(1, 1000 * GIB), gpu_lists)
shares = st.none() | st.floats(0, 1)
measures = st.builds(
    Measured, st.just(0), st.integers(1, 100 * GIB), st.none() | st.integers(0, 80 * GIB), shares
)


@given(machines, measures)
def test_what_is_packed_fits(machine, measured):
    """More than one trial a GPU, or a machine, is only decided where all of them fit."""
    packing = decide(machine, measured)
    assert packing.slots >= 1
    assert packing.why
    on_gpu = machine.gpus and measured.gpu_memory != 0
    least = len(machine.gpus) if on_gpu else 1
    if packing.slots > least:
        assert packing.slots <= machine.cores
        assert packing.slots * measured.memory <= machine.memory
    for place, gpu in enumerate(machine.gpus):
        here = len(packing.slots_at(place))
        if on_gpu and here > 1:
            assert here * measured.gpu_memory <= gpu.free
            assert here * (measured.busy or 0) <= 1 + 1e-9


@given(machines, measures)
def test_threads_are_never_more_than_cores(machine, measured):
    """The threads of all trials together are no more than the cores, before and after the decision."""
    packing = decide(machine, measured)
    if packing.slots <= machine.cores:
        assert packing.slots * packing.threads <= machine.cores
    assert undecided(machine).threads == 1


@given(machines, measures)
def test_more_for_each_is_never_more_of_them(machine, measured):
    """A trial that takes more memory never has more of its kind beside it."""
    heavier = replace(measured, memory=2 * measured.memory)
    assert decide(machine, heavier).slots <= decide(machine, measured).slots


@given(machines, measures)
def test_lowering_ends_at_one_a_gpu(machine, measured):
    """Each lowering takes one from every fullest GPU, and the last one leaves one on each."""
    packing = decide(machine, measured)
    for _ in range(packing.slots + 1):
        lower = packing.lowered("full")
        assert lower.slots <= packing.slots
        most = max(len(packing.slots_at(p)) for p in range(packing.places))
        if most > 1:
            assert max(len(lower.slots_at(p)) for p in range(lower.places)) == most - 1
        packing = lower
    assert packing.slots == min(packing.places, decide(machine, measured).slots)


@given(machines, measures)
def test_a_decision_is_the_same_when_read_back(machine, measured):
    """The journal's event says all that a resumed sweep needs."""
    packing = decide(machine, measured)
    assert Packing.from_json(packing.to_json()) == packing


@pytest.mark.parametrize(
    ("machine", "measured", "slots", "why"),
    [
        (K80, Measured(0, GIB, 2 * GIB, 0.2), 4, "as the number of cores allows"),
        (K80, Measured(0, GIB, 4 * GIB, 0.1), 2, "as GPU memory allows"),
        (K80, Measured(0, GIB, GIB, 0.45), 2, "45% of its time: 2 at a time, as GPU time allows"),
        (K80, Measured(0, GIB, GIB, 0.9), 1, "as GPU time allows"),
        (K80, Measured(0, 30 * GIB, GIB, 0.1), 1, "as memory allows"),
        (K80, Measured(0, GIB), 1, "could not be measured"),
        (K80, Measured(0, GIB, 0), 4, "no GPU"),
        (P3, Measured(0, GIB, 4 * GIB, 0.1), 12, "12 at a time on 4 GPUs"),
        (P3, Measured(0, GIB, 20 * GIB, 1.0), 4, "4 at a time on 4 GPUs"),
        (Machine(8, 60 * GIB), Measured(0, GIB), 8, "8 at a time, as the number of cores allows"),
        (Machine(8, 10 * GIB), Measured(0, 4 * GIB), 2, "as memory allows"),
    ],
)
def test_decisions(machine, measured, slots, why):
    """Known machines and trials, the number of them, and the reason that is given."""
    packing = decide(machine, measured)
    assert packing.slots == slots
    assert why in packing.why


def test_slots_go_round_the_gpus():
    """Trials are spread: each GPU has one before any has two, and a freed slot is taken again."""
    places = Places(Packing(4, ("a", "b"), 8))
    assert [places.take(key) for key in range(4)] == [0, 1, 2, 3]
    assert [places.packing.gpu(slot) for slot in range(4)] == ["a", "b", "a", "b"]
    assert places.free() == []
    places.leave(1)
    assert places.free() == [1]


def test_alone_means_alone():
    """Who waits for a GPU of its own gets the one that empties first, and nobody joins it there."""
    places = Places(Packing(4, ("a", "b"), 8))
    for key in range(3):
        places.take(key)
    assert places.shared(0)
    assert not places.shared(1)
    places.leave(0)
    places.waiting = 1
    assert [places.packing.gpu(slot) for slot in places.free()] != []
    assert places.take_alone(10) is None
    places.leave(1)
    slot = places.take_alone(10)
    places.waiting = 0
    assert places.packing.gpu(slot) == "b"
    assert [places.packing.gpu(slot) for slot in places.free()] == ["a"]
    assert not places.shared(10)
    places.leave(10)
    assert len(places.free()) == 3


@given(st.data())
def test_no_place_ever_holds_more_than_its_share(data):
    """Whatever starts, waits, ends and is lowered: no slot twice, no GPU beyond its share, alone is alone."""
    places = Places(Packing(data.draw(st.integers(1, 8)), ("a", "b"), 8))
    running, alone = set(), set()
    for key in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(("take", "leave", "wait", "alone", "lower"))):
            case "take" if free := places.free():
                slot = places.take(key)
                assert slot in free
                running.add(key)
                here = [k for k in running if places.packing.place(places._slots[k]) == slot % 2]
                assert len(here) <= len(places.packing.slots_at(slot % 2))
                assert not alone & set(here)
            case "leave" if running:
                gone = data.draw(st.sampled_from(sorted(running)))
                places.leave(gone)
                running.discard(gone)
                alone.discard(gone)
            case "wait":
                places.waiting = min(2, places.waiting + 1)
            case "alone" if places.waiting:
                slot = places.take_alone(key)
                if slot is not None:
                    places.waiting -= 1
                    assert not [k for k in running if places._slots[k] % 2 == slot]
                    running.add(key)
                    alone.add(key)
            case "lower":
                places.packing = places.packing.lowered("full")
        assert len(set(places._slots.values())) == len(running) == places.taken


@pytest.mark.parametrize(
    ("text", "is_full"),
    [
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 11 GiB total)", True),
        ("RuntimeError: CUDA error: out of memory", True),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate", True),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", False),
        ("MemoryError", False),
        ("RuntimeError: CUDA error: device-side assert triggered", False),
    ],
)
def test_what_a_full_gpu_says(text, is_full):
    """Only what names a GPU's memory counts."""
    assert full(text) is is_full
