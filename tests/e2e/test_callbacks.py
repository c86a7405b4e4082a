"""The callbacks for other libraries, with those libraries: a sweep over a real Trainer, on this machine."""

from __future__ import annotations

import importlib.util

import pytest

from awstune.integrations.reporting import Printed
from awstune.sweeps.executor import Checkpointed, Finished, Job, Reported
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import Limits
from awstune.sweeps.target import Target
from tests.waiting import hear, so_many

pytestmark = pytest.mark.xdist_group("callbacks")

HUGGINGFACE = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from awstune.integrations.huggingface import TrialCallback

ROWS = [{"input_ids": torch.tensor([n % 7, n % 3]), "labels": torch.tensor(n % 2)} for n in range(16)]

def train(trial):
    config = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                        intermediate_size=8, num_labels=2)
    arguments = TrainingArguments(
        output_dir=str(trial.dir / "out"), num_train_epochs=trial.params["epochs"],
        learning_rate=trial.params["lr"], per_device_train_batch_size=8, eval_strategy="epoch",
        save_strategy="epoch", report_to=[], disable_tqdm=True, use_cpu=True, seed=trial.seed,
    )
    trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=ROWS,
                      eval_dataset=ROWS, callbacks=[TrialCallback(trial)])
    trainer.train(resume_from_checkpoint=trial.kept)
"""
LIGHTNING = """
import torch
import lightning.pytorch as pl
from awstune.integrations.lightning import TrialCallback

class Line(pl.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr, self.line = lr, torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        return self._loss(batch)

    def validation_step(self, batch, _):
        self.log("val_loss", self._loss(batch))

    def _loss(self, batch):
        return (self.line(batch) - batch).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)

def train(trial):
    data = torch.utils.data.DataLoader(torch.linspace(-1, 1, 16).reshape(-1, 1), batch_size=8)
    trainer = pl.Trainer(max_epochs=trial.params["epochs"], accelerator="cpu", logger=False,
                         enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                         callbacks=[TrialCallback(trial)], default_root_dir=trial.dir)
    trainer.fit(Line(trial.params["lr"]), data, data, ckpt_path=trial.kept)
"""
KINDS = [("transformers", HUGGINGFACE, "eval_loss"), ("lightning", LIGHTNING, "val_loss")]


class Bench:
    """One server for all trials of a library: importing it takes longest."""

    def __init__(self, folder, script, metric):
        (folder / "train.py").write_text(script)
        target = Target("function", file="train.py", function="train")
        self.folder, self.metric = folder, metric
        self.pool = Pool(target, cwd=folder, folder=folder, limits=Limits(threads=1))

    def run(self, number, epochs, *, stop_after=None):
        """What one attempt of a trial says."""
        self.pool.start(Job(number, {"lr": 0.05, "epochs": epochs}, 7, self.folder / str(number)))
        heard, limits = [], {"log": self.folder / str(number) / "log.txt", "deadline_s": 100}
        if stop_after is not None:
            heard = hear(self.pool, so_many(Reported, stop_after), **limits)
            self.pool.stop(number)
        heard = hear(self.pool, so_many(Finished), heard, **limits)
        (finished,) = [m for m in heard if isinstance(m, Finished)]
        assert finished.error is None, self.log(number)
        return heard

    def log(self, number):
        """What the trial wrote."""
        return (self.folder / str(number) / "log.txt").read_text()


def reports(heard):
    """The epochs and metrics that were reported."""
    return [(m.step, dict(m.metrics)) for m in heard if isinstance(m, Reported)]


@pytest.fixture(scope="module", params=KINDS, ids=[kind[0] for kind in KINDS])
def bench(request, tmp_path_factory):
    """A library, and a script over it."""
    name, script, metric = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"there is no {name} here")  # the extra dev has it, which CI installs
    made = Bench(tmp_path_factory.mktemp(name), script, metric)
    yield made
    made.pool.close()


def test_epochs_are_reported_checkpoints_kept_and_a_lost_trial_goes_on(bench):
    """A report and one checkpoint an epoch; the next attempt goes on after the last one."""
    first = bench.run(0, 2)
    assert [step for step, _ in reports(first)] == [0, 1]
    assert all(metrics[bench.metric] > 0 for _, metrics in reports(first))
    kept = [m.path for m in first if isinstance(m, Checkpointed)]
    assert len(kept) == 2
    assert list((bench.folder / "0" / "checkpoint").iterdir()) == [kept[-1]]
    second = bench.run(0, 3)
    assert [step for step, _ in reports(second)] == [2]
    assert reports(second)[0][1][bench.metric] < reports(first)[-1][1][bench.metric]


def test_a_trial_that_is_told_to_end_does(bench):
    """Stopping early ends the Trainer's loop after its epoch, and the script in its own way."""
    heard = bench.run(1, 10_000, stop_after=2)
    assert str(heard[-1].status) == "stopped_early"
    assert 2 <= len(reports(heard)) < 10_000


def test_without_a_trial_lines_are_printed(tmp_path, capsys, monkeypatch):
    """In a program of its own a callback prints what a sweep of commands reads."""
    monkeypatch.setenv("AWSTUNE_DIR", str(tmp_path))
    trial = Printed()
    trial.report(epoch=3, val_loss=0.5)
    assert capsys.readouterr().out == "awstune: epoch=3 val_loss=0.5\n"
    assert trial.dir == tmp_path
