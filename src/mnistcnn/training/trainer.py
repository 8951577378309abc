"""The training loop as a generator of results; it uses neither the terminal nor files."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import ImageDataset
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
    """The sums over the images of an epoch so far, and the seconds of training on them."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0
    seconds: float = 0.0

    def mean(self) -> Metrics:
        """Return the means over the images."""
        count = max(1, self.count)
        return Metrics(accuracy=self.correct / count, loss=self.loss / count, count=self.count)

    def speed(self) -> float:
        """Return the images per second; 0 before the first."""
        return self.count / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerState:
    """The state from which another `Trainer` can continue; on the CPU most of it shares the trainer's memory."""

    weights: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, torch.Tensor]]  # AdamW's step and moments of each parameter
    sampler: dict[str, torch.Tensor]
    step: int  # steps done in the epoch in progress
    running: RunningMetrics  # the epoch in progress
    history: list[EpochResult]  # the finished epochs
    best_weights: dict[str, torch.Tensor]  # empty in the first epoch


def best_of(history: list[EpochResult]) -> EpochResult:
    """Return the epoch with the best validation accuracy; among equals, the one with the lowest loss."""
    return max(history, key=lambda epoch: (epoch.validation.accuracy, -epoch.validation.loss))


class Trainer:
    """A training run in memory: `run` trains, and another trainer can continue from `state_dict`.

    On the CPU, the settings, the images, the thread count and the torch build determine every bit of the result,
    however often the run was stopped and resumed.
    """

    def __init__(
        self, config: TrainConfig, compute: Compute, train: ImageDataset, validation: ImageDataset, world: World = ALONE
    ) -> None:
        generator = torch.Generator().manual_seed(derive_seed(config.seed, "weights"))
        self.config = config
        self.compute = compute
        self.world = world
        self.model = MnistCNN(generator).to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Steps in bfloat16 compute with a copy of the model, which the optimizer keeps up to date.
        working = self.model if compute.dtype == torch.float32 else deepcopy(self.model).to(compute.dtype)
        self._network = data_parallel(working, self.world, compute.device)
        self.optimizer = AdamW(self.model.parameters(), config.weight_decay, working.parameters())
        self.step = 0  # steps done in the epoch in progress
        self.history: list[EpochResult] = []
        self.best_weights: dict[str, torch.Tensor] = {}
        self._labels = train.labels.cpu()
        self._train = train.to(compute.device)
        self._validation = validation.to(compute.device)
        self._sampler = HardExampleSampler(len(train), config)
        self._running = RunningMetrics()

    @property
    def epoch(self) -> int:
        """The number of the epoch in progress, from 1."""
        return len(self.history) + 1

    def steps(self, epoch: int) -> int:
        """Count the steps in epoch `epoch`, from 1."""
        return math.ceil(self._sampler.epoch_length(epoch) / self.config.batch_size)

    @property
    def all_steps(self) -> int:
        """The number of steps in the whole run."""
        return self.steps(1) + (self.config.epochs - 1) * self.steps(2)

    @property
    def done_steps(self) -> int:
        """The number of steps that the run has done."""
        return self.step + (self.steps(1) + (self.epoch - 2) * self.steps(2) if self.history else 0)

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[StepResult | EpochResult]:
        """Train to the end of the last epoch; yield a `StepResult` every few steps, an `EpochResult` every epoch.

        Training stops after the step during which `stop` becomes true; several processes stop at the end of the chunk.
        Raises `TrainingError` if the loss or the weights aren't finite.
        """
        self._network.train()
        self.optimizer.update_copies()  # `load_state_dict` may have changed the weights
        while self.epoch <= self.config.epochs:
            loader = EpochLoader(self._train, self.config, self.epoch, self._sampler, self.world)
            while self.step < loader.steps:
                stopped = self._train_chunk(loader, stop)
                yield StepResult(
                    epoch=self.epoch,
                    step=self.step,
                    steps=loader.steps,
                    done_steps=self.done_steps,
                    all_steps=self.all_steps,
                    train=self._running.mean(),
                    pictures_per_second=self._running.speed(),
                )
                # The caller may have been told to stop while it had the result.
                if stopped or (self.world.size == 1 and stop()):
                    return
            yield self._finish_epoch()

    def _train_chunk(self, loader: EpochLoader, stop: Callable[[], bool]) -> bool:
        """Train from the present step to the end of its chunk, or until `stop` is true; return whether it was."""
        started = time.perf_counter()
        first = self.step
        size = loader.batch_size
        stopped = False
        logits = torch.zeros(loader.chunk_steps * size, CLASSES, device=self.compute.device)
        number, done = divmod(first, loader.chunk_steps)
        for batch in loader.chunk(number)[done:]:
            start = (self.step - first) * size
            logits[start + batch.rows.start : start + batch.rows.stop] = self._train_step(batch)
            self.step += 1
            stopped = stop()
            if stopped and self.world.size == 1:
                break
        # Only here does the loop wait for the device, and do the processes exchange logits and whether to stop. The
        # rows of other processes are 0 in each, so that the sum has the logits of all.
        logits = all_reduce(self.world, logits).cpu()
        stopped = bool(all_reduce(self.world, torch.tensor(float(stopped))))
        indices = loader.order[first * size : self.step * size]
        logits = logits[: len(indices)]
        labels = self._labels[indices]
        losses = F.cross_entropy(logits, labels, reduction="none")  # of each image, without label smoothing
        hits = logits.argmax(1) == labels
        before = self._running
        loss = before.loss
        for step, batch_losses in enumerate(losses.double().split(size), first + 1):
            loss += float(batch_losses.sum())
            if not math.isfinite(loss):
                raise self._diverged("loss", step)
        self._sampler.record(indices, losses)
        self._running = RunningMetrics(
            loss=loss,
            correct=before.correct + int(hits.sum()),
            count=before.count + len(indices),
            seconds=before.seconds + time.perf_counter() - started,
        )
        return stopped

    def _train_step(self, batch: Batch) -> torch.Tensor:
        """Update the weights once; return the logits of this process's images, (n, 10) float32, on the device."""
        dtype = self.compute.dtype
        logits: torch.Tensor = self._network(batch.inputs.to(dtype), batch.dropout.to(dtype)).float()
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=smoothing)
        # The mean over the whole batch, times the number of processes, over which the gradients are averaged.
        loss = loss * (self.world.size / batch.count)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step(learning_rate(self.done_steps, self.all_steps, self.config.lr))
        return logits.detach()

    def _diverged(self, what: str, step: int) -> TrainingError:
        place = f"at step {step:,} of {self.steps(self.epoch):,} in epoch {self.epoch}"
        default = TrainConfig().lr
        used = self.config.lr
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
        running = self._running
        result = EpochResult(
            epoch=self.epoch,
            learning_rate=learning_rate(self.done_steps - 1, self.all_steps, self.config.lr),
            train=running.mean(),
            validation=validation,
            seconds=running.seconds + time.perf_counter() - started,
            pictures_per_second=running.speed(),
        )
        self.history.append(result)
        self.step = 0
        self._running = RunningMetrics()
        if best_of(self.history) is result:
            self.best_weights = {n: t.detach().cpu().clone() for n, t in self.model.state_dict().items()}
        self._sampler.finish_epoch()
        return result

    def state_dict(self) -> TrainerState:
        """Return the state for `load_state_dict`."""
        return TrainerState(
            weights={name: tensor.cpu() for name, tensor in self.model.state_dict().items()},
            optimizer=self.optimizer.state_dict(),
            sampler=self._sampler.state_dict(),
            step=self.step,
            running=self._running,
            history=self.history,
            best_weights=self.best_weights,
        )

    def load_state_dict(self, state: TrainerState) -> None:
        """Load a state, onto this device. Raises `KeyError`, `ValueError` or `RuntimeError` if it doesn't fit."""
        self.model.load_state_dict(state.weights)
        self.optimizer.load_state_dict(state.optimizer)
        self._sampler.load_state_dict(state.sampler)
        self.step = state.step
        self._running = state.running
        self.history = list(state.history)
        self.best_weights = dict(state.best_weights)
