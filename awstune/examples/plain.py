"""A training script that knows nothing of awstune: flags in, a line an epoch out.

    awstune sweep --metric-regex 'val_loss=([0-9.e+-]+)' --metric val_loss --parallel auto
                  -p lr=1e-4..1:log -p width=8..64 -- python plain.py --lr {lr} --width {width}

(one line). Without -p a sweep is refused, with a space to paste that is read from the flags below. It fits
a curve, on the GPU where there is one; a trial takes about a second on one core.
"""

import argparse

import torch
from torch import Tensor, nn


def parse() -> argparse.Namespace:
    """The flags, as anybody would write them."""
    parser = argparse.ArgumentParser(description="Fit a curve.")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--width", type=int, default=32, help="of the hidden layer")
    parser.add_argument("--activation", choices=["relu", "tanh"], default="relu")
    parser.add_argument("--epochs", type=int, default=20)
    return parser.parse_args()


def curve(points: int, noise: float) -> tuple[Tensor, Tensor]:
    """Points x of [-1, 1], shape (points, 1), and sin(5x) + x with some noise."""
    x = torch.linspace(-1, 1, points).unsqueeze(1)
    return x, torch.sin(5 * x) + x + noise * torch.randn_like(x)


def main() -> None:
    """Train, and print the loss on points without noise after every epoch."""
    options = parse()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    x_train, y_train = (part.to(device) for part in curve(512, noise=0.1))
    x_val, y_val = (part.to(device) for part in curve(101, noise=0.0))
    activation = nn.ReLU() if options.activation == "relu" else nn.Tanh()
    model = nn.Sequential(nn.Linear(1, options.width), activation, nn.Linear(options.width, 1)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)

    for epoch in range(options.epochs):
        for rows in torch.randperm(len(x_train), device=device).split(32):
            loss = nn.functional.mse_loss(model(x_train[rows]), y_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val_loss = nn.functional.mse_loss(model(x_val), y_val).item()
        print(f"epoch={epoch} val_loss={val_loss:.5f}")


if __name__ == "__main__":
    main()
