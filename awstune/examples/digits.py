"""Tell handwritten digits apart: scikit-learn's 1,797 real images and a small torch network.

    awstune sweep digits.py --trials 20

A trial takes about a second on one core.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from awstune import Choice, Float, Int, Space, Trial

# The defaults are those of torch.optim.Adam and of common practice: the baseline, trial 0.
space = Space(
    lr=Float(1e-5, 1e-1, log=True, default=1e-3),
    width=Int(8, 256, log=True, default=64),
    layers=Int(1, 3, default=1),
    dropout=Float(0.0, 0.6, default=0.0),
    batch=Choice(16, 32, 64, 128, default=32),
    optimizer=Choice("adam", "sgd", default="adam"),
)
metric = "val_accuracy"
mode = "max"

EPOCHS = 15


def load_data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images of 8 x 8 pixels between 0 and 1, and which digit each one is."""
    images, digits = load_digits(return_X_y=True)
    split = train_test_split(images / 16, digits, test_size=0.3, random_state=0, stratify=digits)
    x_train, x_val, y_train, y_val = split
    return (
        torch.tensor(x_train, dtype=torch.float32),
        torch.tensor(y_train),
        torch.tensor(x_val, dtype=torch.float32),
        torch.tensor(y_val),
    )


def build_model(width: int, layers: int, dropout: float) -> nn.Module:
    """A multilayer perceptron from 64 pixels to 10 digits."""
    parts: list[nn.Module] = []
    size = 64
    for _ in range(layers):
        parts += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
        size = width
    return nn.Sequential(*parts, nn.Linear(size, 10))


def build_optimizer(name: str, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Adam, or stochastic gradient descent with momentum."""
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=lr)
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def train(trial: Trial) -> None:
    """One trial: train with trial.params, and report the accuracy after every epoch."""
    params = trial.params
    x_train, y_train, x_val, y_val = load_data()
    model = build_model(params["width"], params["layers"], params["dropout"])
    optimizer = build_optimizer(params["optimizer"], model, params["lr"])

    for epoch in trial.epochs(EPOCHS, state=[model, optimizer]):
        model.train()
        for rows in torch.randperm(len(x_train)).split(params["batch"]):
            loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()
        with torch.no_grad():
            accuracy = (model(x_val).argmax(1) == y_val).double().mean().item()
        trial.report(val_accuracy=accuracy)
        print(f"epoch {epoch}: accuracy {accuracy:.4f}")
