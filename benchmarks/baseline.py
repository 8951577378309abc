"""The plain script: it trains the same network as a good tutorial would.

    python -m benchmarks.baseline --data FOLDER --epochs 5

It uses torchvision's data set and transforms, a DataLoader, Adam and float32. `FOLDER` has `MNIST/raw` as torchvision
lays it out. It prints a JSON line for each epoch: seconds of training, and accuracy on the test set.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    """The network of `mnistcnn`, written in the usual way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 25, 12, stride=2)
        self.conv2 = nn.Conv2d(25, 64, 5, padding="same")
        self.fc1 = nn.Linear(1024, 1024)
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(1024, 10)
        for layer in (self.conv1, self.conv2, self.fc1, self.fc2):
            nn.init.normal_(layer.weight, std=0.05)
            nn.init.constant_(layer.bias, 0.1)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, 10) of images (N, 1, 28, 28)."""
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        logits: torch.Tensor = self.fc2(self.dropout(F.relu(self.fc1(x))))
        return logits


def train(model: Net, loader: DataLoader[object], optimizer: torch.optim.Optimizer, most: int, device: str) -> int:
    """Train for one epoch, or `most` steps; return the number of images."""
    model.train()
    count = 0
    for step, (data, target) in enumerate(loader):
        if step == most:
            break
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data.to(device)), target.to(device))
        loss.backward()
        optimizer.step()
        count += len(data)
    return count


def test(model: Net, loader: DataLoader[object], device: str = "cpu") -> float:
    """Measure the accuracy on all images of `loader`."""
    model.eval()
    correct = count = 0
    with torch.no_grad():
        for data, target in loader:
            correct += int((model(data.to(device)).argmax(dim=1) == target.to(device)).sum())
            count += len(data)
    return correct / count


def main() -> None:
    """Train and test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--most-steps", type=int, default=-1, help="stop each epoch after so many steps, without a test"
    )
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    both = datasets.MNIST(arguments.data, train=True, transform=transform)
    training, _ = torch.utils.data.random_split(both, [55_000, 5_000])
    testing = datasets.MNIST(arguments.data, train=False, transform=transform)
    train_loader: DataLoader[object] = DataLoader(training, batch_size=arguments.batch_size, shuffle=True)
    test_loader: DataLoader[object] = DataLoader(testing, batch_size=1000)
    model = Net().to(arguments.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, arguments.epochs + 1):
        started = time.perf_counter()
        count = train(model, train_loader, optimizer, arguments.most_steps, arguments.device)
        seconds = time.perf_counter() - started
        accuracy = test(model, test_loader, arguments.device) if arguments.most_steps < 0 else None
        record = {"epoch": epoch, "seconds": seconds, "pictures_per_second": count / seconds, "accuracy": accuracy}
        print(json.dumps({**record, "wall_clock": time.time()}), flush=True)


if __name__ == "__main__":
    main()
