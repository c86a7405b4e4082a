"""Metrics from a file that grows: CSV, JSON lines, JSON; torn, rewritten, and of an earlier attempt."""

from __future__ import annotations

import json
import os

import pytest

from awstune.errors import UsageError
from awstune.sweeps.metricfile import MetricFile, check


def test_a_table_that_grows(tmp_path):
    """Each row is read once, when it is whole; empty cells and words are no metrics."""
    file, reader = tmp_path / "metrics.csv", MetricFile(tmp_path, "metrics.csv")
    assert reader.read() == []
    file.write_text("epoch,loss,note\n0,0.5,fine\n1,0.")
    assert reader.read() == [{"epoch": 0.0, "loss": 0.5}]
    assert reader.read() == []
    with file.open("a") as more:
        more.write("25,\n2,,none\n3,0.1,")
    assert reader.read() == [{"epoch": 1.0, "loss": 0.25}]
    assert reader.read(end=True) == [{"epoch": 3.0, "loss": 0.1}]


def test_a_table_that_is_written_again(tmp_path):
    """A file that has become shorter is read from its beginning."""
    file, reader = tmp_path / "metrics.csv", MetricFile(tmp_path, "metrics.csv")
    file.write_text("epoch,loss\n0,0.5\n1,0.4\n")
    assert len(reader.read()) == 2
    file.write_text("epoch,loss\n0,0.3\n")
    assert reader.read() == [{"epoch": 0.0, "loss": 0.3}]


def test_what_an_earlier_attempt_left_is_not_read_again(tmp_path):
    """A second attempt that appends is heard from where it began; one that begins anew is heard in full."""
    file = tmp_path / "metrics.csv"
    file.write_text("epoch,loss\n0,0.5\n1,0.4\n")
    reader = MetricFile(tmp_path, "metrics.csv")
    assert reader.read(end=True) == []
    with file.open("a") as more:
        more.write("2,0.3\n")
    assert reader.read() == [{"epoch": 2.0, "loss": 0.3}]


def test_a_table_that_gets_more_columns(tmp_path):
    """It is written again with a longer header, as Lightning's logger does; no row is read twice."""
    file = tmp_path / "metrics.csv"
    file.write_text("epoch,loss\n0,0.9\n")
    reader = MetricFile(tmp_path, "metrics.csv")
    with file.open("a") as more:
        more.write("1,0.5\n")
    assert reader.read() == [{"epoch": 1.0, "loss": 0.5}]
    file.write_text("epoch,loss,val_loss\n0,0.9,\n1,0.5,\n1,,0.7\n2,0.4,\n")
    assert reader.read() == [{"epoch": 1.0, "val_loss": 0.7}, {"epoch": 2.0, "loss": 0.4}]
    with file.open("a") as more:
        more.write("2,,0.6\n")
    assert reader.read() == [{"epoch": 2.0, "val_loss": 0.6}]


def test_a_table_with_room(tmp_path):
    """Cells that are filled up with spaces, and a mark of the encoding, as some trainers write them."""
    reader = MetricFile(tmp_path, "results.csv")
    (tmp_path / "results.csv").write_text("\ufeff      epoch,   metrics/mAP50\n          0,    0.25\n")
    assert reader.read() == [{"epoch": 0.0, "metrics/mAP50": 0.25}]


def test_objects_within_objects(tmp_path):
    """Their names are joined by dots, in a document and in lines."""
    document, lines = MetricFile(tmp_path, "all.json"), MetricFile(tmp_path, "all.jsonl")
    (tmp_path / "all.json").write_text('{"epoch": 3, "val": {"loss": 0.5, "top": {"1": 0.9}}}')
    (tmp_path / "all.jsonl").write_text('{"val": {"loss": 0.5}}\n')
    assert document.read() == [{"epoch": 3.0, "val.loss": 0.5, "val.top.1": 0.9}]
    assert lines.read() == [{"val.loss": 0.5}]


def test_lines_of_json(tmp_path):
    """Each line is an object; what is none is passed over."""
    reader = MetricFile(tmp_path, "*.jsonl")
    (tmp_path / "log.jsonl").write_text(
        '{"step": 1, "loss": 0.5}\nnonsense\n[1]\n{"loss": null}\n{"loss": 0.4}\n'
    )
    assert reader.read() == [{"step": 1.0, "loss": 0.5}, {"loss": 0.4}]


def test_a_document(tmp_path):
    """An object counts when it has changed; a half-written one is waited for."""
    file, reader = tmp_path / "metrics.json", MetricFile(tmp_path, "metrics.json")
    file.write_text('{"loss": 0.5, "model": "small"}')
    assert reader.read() == [{"loss": 0.5}]
    assert reader.read() == []
    file.write_text('{"loss": 0.')
    assert reader.read() == []
    file.write_text('{"loss": 0.25, "model": "small"}')
    assert reader.read() == [{"loss": 0.25}]


@pytest.mark.parametrize(
    "wrap", [lambda entries: entries, lambda entries: {"best": 1, "log_history": entries}]
)
def test_a_list_that_grows(tmp_path, wrap):
    """Of a list, also one within an object as Hugging Face's Trainer has it, what is new is read."""
    file, reader = tmp_path / "state.json", MetricFile(tmp_path, "state.json")
    entries = [{"epoch": 1, "eval_loss": 0.5}]
    file.write_text(json.dumps(wrap(entries)))
    assert reader.read() == [{"epoch": 1.0, "eval_loss": 0.5}]
    entries.append({"epoch": 2, "eval_loss": 0.25})
    file.write_text(json.dumps(wrap(entries)))
    assert reader.read() == [{"epoch": 2.0, "eval_loss": 0.25}]


def test_a_pattern_finds_the_newest(tmp_path):
    """With a pattern the newest file counts, and files that were there before only when they change."""
    for number in (0, 1):
        (tmp_path / f"version_{number}").mkdir()
        (tmp_path / f"version_{number}" / "metrics.csv").write_text(f"loss\n0.{number}\n")
    reader = MetricFile(tmp_path, "**/metrics.csv")
    assert reader.read() == []
    (tmp_path / "version_2").mkdir()
    new = tmp_path / "version_2" / "metrics.csv"
    new.write_text("loss\n0.2\n")
    os.utime(new, (2**31, 2**31))
    assert reader.read() == [{"loss": 0.2}]


@pytest.mark.parametrize("pattern", ["/tmp/metrics.csv", "../metrics.csv", ""])
def test_a_file_elsewhere_is_refused(pattern):
    """Only the trial's own folder is looked into; the message says how a command gets there."""
    with pytest.raises(UsageError, match="not in the trial's own folder") as raised:
        check(pattern, "command")
    assert "{dir}" in raised.value.hint


def test_a_pattern_that_is_none_is_refused():
    """Before anything begins, with one that works."""
    with pytest.raises(UsageError, match="is no pattern") as caught:
        check("out/a**b.csv", "command")
    assert "--metric-file" in caught.value.hint


def test_functions_report_by_themselves():
    """A function target has no use for it."""
    with pytest.raises(UsageError, match="for commands"):
        check("metrics.csv", "function")
