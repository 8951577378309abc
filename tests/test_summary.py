import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchinfo
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mnistcnn.network.model import MnistCNN
from mnistcnn.summary import summarise


def test_the_figures_are_those_of_torchinfo() -> None:
    ours = summarise()
    with torch.random.fork_rng():
        theirs = torchinfo.summary(MnistCNN(), input_size=(1, 1, 28, 28), verbose=0)
    assert ours.parameters == theirs.total_params == 1_103_539
    layers = {info.var_name: info for info in theirs.summary_list if isinstance(info.module, nn.Module) and info.depth}
    assert set(layers) == {layer.name for layer in ours.layers}
    for layer in ours.layers:
        assert layer.parameters == layers[layer.name].num_params
        assert layer.output == tuple(layers[layer.name].output_size[1:])
    assert sum(layer.parameters for layer in ours.layers) == ours.parameters


def test_multiply_adds_are_the_specification() -> None:
    summary = summarise()
    adds = {layer.name: layer.multiply_adds for layer in summary.layers if layer.multiply_adds}
    assert adds == {"conv1": 291_600, "conv2": 3_240_000, "fc1": 1_048_576, "fc2": 10_240}
    assert summary.multiply_adds == 4_590_416


def test_multiply_adds_are_those_that_torch_counts() -> None:
    model = MnistCNN(torch.Generator())
    with torch.random.fork_rng(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, 28, 28))
    counts = {name.rpartition(".")[2]: sum(c.values()) // 2 for name, c in counter.get_flop_counts().items()}
    for layer in summarise().layers:
        assert layer.multiply_adds == counts.get(layer.name, 0)


def test_a_summary_loads_no_compiler() -> None:
    code = (
        "import sys, mnistcnn; mnistcnn.summarise(); print([m for m in sys.modules if m.startswith('torch._dynamo')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_memory_grows_with_the_batch() -> None:
    one, two, three = (summarise(batch_size=n).training_bytes for n in (1, 2, 3))
    assert two - one == three - two > 0
    assert summarise().forward_bytes < summarise().training_bytes


def test_a_checkpoint_is_set_beside_its_beginning(trained: Path) -> None:
    summary = summarise(trained)
    assert summary.checkpoint is not None
    assert summary.checkpoint["config"]["dataset"] == "synthetic"
    layers = {layer.name: layer for layer in summary.layers}
    assert layers["fc1"].initial_weight_std == pytest.approx(0.05, rel=0.01)
    assert layers["fc1"].weight_std != layers["fc1"].initial_weight_std
    assert layers["pool"].weight_std is None
    began = MnistCNN(torch.Generator().manual_seed(0)).conv1.weight.std().item()
    assert layers["conv1"].initial_weight_std != began  # the checkpoint's own beginning, not any


def test_the_filters_are_drawn(trained: Path) -> None:
    assert summarise(trained, plot=Path("filters.png")).files == ["filters.png"]
    assert Path("filters.png").read_bytes().startswith(b"\x89PNG")
