"""The training loop as a stream of results; it knows no terminal and no file."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.data import ImageDataset
from mnistcnn.errors import TrainingError
from mnistcnn.events import EpochResult, StepResult
from mnistcnn.network.device import Compute, derive_seed
from mnistcnn.network.distributed import all_reduce, data_parallel
from mnistcnn.network.inference import compute_metrics, predict_logits
from mnistcnn.network.model import CLASSES, MnistCNN
from mnistcnn.network.world import ALONE, World
from mnistcnn.results import Metrics
from mnistcnn.training.loader import Batch, EpochLoader
from mnistcnn.training.optimizer import AdamW, learning_rate
from mnistcnn.training.sampler import HardExampleSampler


@dataclass(frozen=True, slots=True)
class RunningMetrics:
    """Sums over the images of an epoch so far, and the seconds that training on them took."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0
    seconds: float = 0.0

    def mean(self) -> Metrics:
        """Means over the images."""
        return Metrics(self.correct / max(1, self.count), self.loss / max(1, self.count), self.count)

    def speed(self) -> float:
        """Images per second."""
        return self.count / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class TrainerState:
    """All that a `Trainer` needs to go on elsewhere; its tensors share memory with the trainer's on the CPU."""

    weights: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, torch.Tensor]]  # AdamW's step and moments of each parameter
    sampler: dict[str, torch.Tensor]
    step: int  # steps done in the epoch under way
    running: RunningMetrics  # of this epoch
    history: list[EpochResult]  # of those before
    best_weights: dict[str, torch.Tensor]  # empty in the first epoch


def best_of(history: list[EpochResult]) -> EpochResult:
    """The epoch with the best validation accuracy; of several the one with the least loss."""
    return max(history, key=lambda epoch: (epoch.validation.accuracy, -epoch.validation.loss))


class Trainer:
    """A training run in memory: `run` takes it further, `state_dict` is all that it needs to go on elsewhere.

    On the CPU everything follows bit for bit from the settings, the images, the thread count and the torch
    build, however often the run was stopped and taken up again in between.
    """

    def __init__(
        self, config: TrainConfig, compute: Compute, train: ImageDataset, validation: ImageDataset, world: World = ALONE
    ) -> None:
        weights = torch.Generator().manual_seed(derive_seed(config.seed, "weights"))
        self.config, self.compute, self.world = config, compute, world
        self.model = MnistCNN(weights).to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # What a step computes with: in bfloat16 a copy, which the optimizer keeps up to date.
        working = self.model if compute.dtype == torch.float32 else deepcopy(self.model).to(compute.dtype)
        self._network = data_parallel(working, self.world, compute.device)
        self.optimizer = AdamW(self.model.parameters(), config.weight_decay, working.parameters())
        self.step = 0  # steps done in the epoch under way
        self.history: list[EpochResult] = []
        self.best_weights: dict[str, torch.Tensor] = {}
        self._labels = train.labels.cpu()
        self._train, self._validation = train.to(compute.device), validation.to(compute.device)
        self._sampler = HardExampleSampler(len(train), config)
        self._running = RunningMetrics()

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return len(self.history) + 1

    def steps(self, epoch: int) -> int:
        """Steps in epoch number `epoch`, from 1."""
        return math.ceil(self._sampler.epoch_length(epoch) / self.config.batch_size)

    @property
    def all_steps(self) -> int:
        """Steps in the whole run."""
        return self.steps(1) + (self.config.epochs - 1) * self.steps(2)

    @property
    def done_steps(self) -> int:
        """Steps of the run that have been done."""
        return self.step + (self.steps(1) + (self.epoch - 2) * self.steps(2) if self.history else 0)

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[StepResult | EpochResult]:
        """Train to the end of the last epoch: a `StepResult` every few steps, an `EpochResult` an epoch.

        Stops after the step in which `stop` becomes true. Raises `TrainingError` when loss or weights aren't finite.
        """
        self._network.train()
        self.optimizer.update_copies()  # of weights that were loaded since
        while self.epoch <= self.config.epochs:
            loader = EpochLoader(self._train, self.config, self.epoch, self._sampler, self.world)
            while self.step < loader.steps:
                stopped = self._train_chunk(loader, stop)
                place = (self.epoch, self.step, loader.steps, self.done_steps, self.all_steps)
                yield StepResult(*place, self._running.mean(), self._running.speed())
                if stopped or (self.world.size == 1 and stop()):
                    return
            yield self._finish_epoch()

    def _train_chunk(self, loader: EpochLoader, stop: Callable[[], bool]) -> bool:
        """Train from the present step to the end of its chunk, or to where `stop` is true; whether it was."""
        started = time.perf_counter()
        first, size, stopped = self.step, loader.batch_size, False
        logits = torch.zeros(loader.chunk_steps * size, CLASSES, device=self.compute.device)
        number, done = divmod(first, loader.chunk_steps)
        for batch in loader.chunk(number)[done:]:
            start = (self.step - first) * size
            logits[start + batch.rows.start : start + batch.rows.stop] = self._train_step(batch)
            self.step += 1
            stopped = stop()
            if stopped and self.world.size == 1:
                break
        # The only place where the loop waits for the device, and where the processes compare notes.
        logits = all_reduce(self.world, logits).cpu()
        stopped = bool(all_reduce(self.world, torch.tensor(float(stopped))))
        indices = loader.order[first * size : self.step * size]
        logits, labels = logits[: len(indices)], self._labels[indices]
        losses, hits = F.cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels
        before, loss = self._running, self._running.loss
        for step, batch_losses in enumerate(losses.double().split(size), first + 1):
            loss += float(batch_losses.sum())
            if not math.isfinite(loss):
                raise self._diverged("loss", step)
        self._sampler.record(indices, losses)
        correct, count = before.correct + int(hits.sum()), before.count + len(indices)
        self._running = RunningMetrics(loss, correct, count, before.seconds + time.perf_counter() - started)
        return stopped

    def _train_step(self, batch: Batch) -> torch.Tensor:
        """One update; the logits of this process's images, (n, 10) float32, still on the device."""
        dtype = self.compute.dtype
        logits: torch.Tensor = self._network(batch.inputs.to(dtype), batch.dropout.to(dtype)).float()
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=smoothing)
        # The mean over the whole batch; times the processes, over which the gradients are averaged.
        loss = loss * (self.world.size / batch.count)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step(learning_rate(self.done_steps, self.all_steps, self.config.lr))
        return logits.detach()

    def _diverged(self, what: str, step: int) -> TrainingError:
        place = f"at step {step:,} of {self.steps(self.epoch):,} in epoch {self.epoch}"
        default, used = TrainConfig().lr, self.config.lr
        hint = f"Try a smaller learning rate, such as --lr {default if used > default else used / 10:g}."
        return TrainingError(f"Training diverged: the {what} stopped being finite {place}.", hint)

    def check_finite(self) -> None:
        """Raise `TrainingError` if a weight isn't finite."""
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.model.state_dict().values()):
            raise self._diverged("weights", self.step)

    def _finish_epoch(self) -> EpochResult:
        started = time.perf_counter()
        self.check_finite()
        logits = predict_logits(self.model, self._validation.images, self.compute, world=self.world)
        validation = compute_metrics(logits, self._validation.labels)
        running, rate = self._running, learning_rate(self.done_steps - 1, self.all_steps, self.config.lr)
        seconds = running.seconds + time.perf_counter() - started
        result = EpochResult(self.epoch, rate, running.mean(), validation, seconds, running.speed())
        self.history.append(result)
        self.step, self._running = 0, RunningMetrics()
        if best_of(self.history) is result:
            self.best_weights = {n: t.detach().cpu().clone() for n, t in self.model.state_dict().items()}
        self._sampler.finish_epoch()
        return result

    def state_dict(self) -> TrainerState:
        """What `load_state_dict` goes on from."""
        weights = {name: tensor.cpu() for name, tensor in self.model.state_dict().items()}
        optimizer, sampler = self.optimizer.state_dict(), self._sampler.state_dict()
        return TrainerState(weights, optimizer, sampler, self.step, self._running, self.history, self.best_weights)

    def load_state_dict(self, state: TrainerState) -> None:
        """Go on from `state`, on this device. `KeyError`, `ValueError` or `RuntimeError` where it is of another run."""
        self.model.load_state_dict(state.weights)
        self.optimizer.load_state_dict(state.optimizer)
        self._sampler.load_state_dict(state.sampler)
        self.step, self._running = state.step, state.running
        self.history, self.best_weights = list(state.history), dict(state.best_weights)
