"""One training run from settings to written files: resuming, saving, the final test, the pictures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mnistcnn.config import Files, Split, TrainConfig, flag
from mnistcnn.data import DataSplits, load_dataset
from mnistcnn.device import Compute, resolve_device
from mnistcnn.distributed import agreed, joined, own_device
from mnistcnn.errors import OutputError, TrainingError, UsageError
from mnistcnn.finish import finish, output_paths
from mnistcnn.results import EpochResult, Note, Observer, TrainResult, TrainStart, ignore
from mnistcnn.signals import Stop
from mnistcnn.storage import check_writable, held, remove_leftover, require_name
from mnistcnn.training import Training
from mnistcnn.unfinished import Unfinished, load_unfinished, save_unfinished
from mnistcnn.world import World

SAVE_EVERY = 30.0  # seconds


def train(
    config: TrainConfig | None = None,
    files: Files | None = None,
    *,
    resume: bool = False,
    restart: bool = False,
    given: Iterable[str] = (),
    save_every: float = SAVE_EVERY,
    observer: Observer = ignore,
    stop: Stop | None = None,
) -> TrainResult:
    """Train the network, keep the epoch with the best validation accuracy, test it once, write everything.

    With `resume`, an unfinished run goes on under its own settings; the names in `given` are the fields of
    `config` that the caller insists on. With `restart` it is thrown away. The state is saved every
    `save_every` seconds and after each epoch. Under torchrun the processes train together, and the first one
    reads and writes the files. Raises `MnistCnnError`s; after `Interrupted` and `OutputError` the state is
    where the message says.
    """
    config, files, stop = config or TrainConfig(), files or Files(), stop or Stop()
    world = World.from_environment()
    if config.batch_size < world.size:
        raise UsageError(f"--batch-size {config.batch_size} is less than the {world.size} processes.")
    compute = resolve_device(own_device(config.device, world), config.precision)
    with _prepared(files, world), joined(world, compute.device):
        started = time.perf_counter()
        unfinished = _find_unfinished(files, resume=resume, restart=restart) if world.is_main else None
        if unfinished is not None:
            config = merge_settings(unfinished.config, config, given, observer)
            started -= unfinished.seconds
        config, unfinished = agreed(world, (config, unfinished))
        compute = resolve_device(own_device(config.device, world), config.precision)
        data = _load(config, files, world, observer)
        training = Training(config, compute, data.train, data.validation, world)
        if unfinished is not None:
            _take_up(training, unfinished, data, files)
        elif restart and world.is_main:
            files.unfinished.unlink(missing_ok=True)
        keeper = _Keeper(training, data, files, started, save_every)
        observer(_announce(training, compute, data))
        with stop.deferred():
            _loop(training, keeper, observer, stop)
        result = finish(training, compute, data, files, started)
        if world.is_main:
            files.unfinished.unlink(missing_ok=True)
    return result


@contextmanager
def _prepared(files: Files, world: World) -> Iterator[None]:
    """The first process tries out and holds the files while the context lasts."""
    if not world.is_main:
        yield
        return
    _check_outputs(files)
    with held(files.checkpoint):
        for path in _outputs(files):
            remove_leftover(path)
        yield


def _load(config: TrainConfig, files: Files, world: World, observer: Observer) -> DataSplits:
    """The data; of several processes on a machine the first one fetches it while the others wait."""

    def load() -> DataSplits:
        return load_dataset(
            config.dataset,
            data_dir=files.data_dir,
            mirror=files.mirror,
            seed=config.seed,
            validation_size=config.validation_size,
            observer=observer,
        )

    first = load() if world.local_rank == 0 else None
    agreed(world, None)
    return first or load()


def _check_outputs(files: Files) -> None:
    """Find out before the training what can't be written after it."""
    require_name(files.checkpoint)
    for path in _outputs(files):
        check_writable(path)


def _outputs(files: Files) -> list[Path]:
    return [files.checkpoint, files.unfinished, *output_paths(files)]


def _find_unfinished(files: Files, *, resume: bool, restart: bool) -> Unfinished | None:
    if resume and restart:
        raise UsageError("--resume and --restart exclude each other.")
    there = files.unfinished.exists()
    if resume and not there:
        raise TrainingError(
            f"There is no unfinished run {files.unfinished}.",
            "Begin one with `mnistcnn train` without --resume.",
        )
    if there and not resume and not restart:
        raise TrainingError(
            f"An unfinished run lies in {files.unfinished}.",
            "Go on with it: `mnistcnn train --resume`; or throw it away: `mnistcnn train --restart`.",
        )
    return load_unfinished(files.unfinished) if resume else None


def merge_settings(stored: TrainConfig, wanted: TrainConfig, given: Iterable[str], observer: Observer) -> TrainConfig:
    """The stored settings, with `epochs` from `wanted` if it was given; `UsageError` for any other difference."""
    for name in given:
        ours, theirs = getattr(stored, name), getattr(wanted, name)
        if name != "epochs" and ours != theirs:
            raise UsageError(
                f"The unfinished run has {flag(name)} {ours}, and {flag(name)} {theirs} was given.",
                f"Leave out {flag(name)} to go on, or begin anew with --restart.",
            )
    if "epochs" not in set(given) or wanted.epochs == stored.epochs:
        return stored
    observer(
        Note(
            f"The learning rate was planned for {stored.epochs} epochs and is replanned for {wanted.epochs}: the "
            f"weights will not be those of a run that had {wanted.epochs} epochs from its start.",
            warning=True,
        )
    )
    return replace(stored, epochs=wanted.epochs)


def _take_up(training: Training, unfinished: Unfinished, data: DataSplits, files: Files) -> None:
    state, epochs = unfinished.state, training.config.epochs
    done = len(state["history"]) + (state["step"] > 0)
    if epochs < done:
        raise UsageError(f"The unfinished run is in epoch {done}; --epochs {epochs} is less than that.")
    there, then = ({key: about.get(key) for key in Split} for about in (data.describe(), unfinished.data))
    if there != then:
        raise UsageError(
            f"{data.folder} does not hold the pictures that the unfinished run was trained on.",
            "Give the same --data-dir as at its start.",
        )
    try:
        training.load_state(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        raise TrainingError(
            f"{files.unfinished} can't be resumed: {first_line}.", "Begin anew with --restart."
        ) from error


def _announce(training: Training, compute: Compute, data: DataSplits) -> TrainStart:
    return TrainStart(
        epochs=training.config.epochs,
        steps=training.all_steps,
        done_steps=training.done_steps,
        first_epoch=training.epoch,
        first_step=training.step,
        environment=compute.environment(),
        data=data.describe(),
    )


class _Keeper:
    """Saves the state of a run now and then."""

    def __init__(self, training: Training, data: DataSplits, files: Files, started: float, every: float) -> None:
        self._training, self._data = training, data
        self._started, self._every = started, every
        self._saved = time.perf_counter()
        self.path = files.unfinished

    def save(self) -> None:
        """Save now. Raises `OutputError`; what was saved before is still there then."""
        if not self._training.world.is_main:
            return
        self._training.check_finite()
        now = time.perf_counter()
        run = Unfinished(self._training.config, self._data.describe(), now - self._started, self._training.state())
        try:
            save_unfinished(self.path, run)
        except OutputError as error:
            kept = f"What was saved before is in {self.path}." if self.path.exists() else "Nothing was saved before."
            raise OutputError(f"{error.message} {kept}", "Make room; `mnistcnn train --resume` goes on.") from error
        self._saved = time.perf_counter()

    def save_if_due(self) -> None:
        """Save if the last time is long enough ago."""
        if time.perf_counter() - self._saved >= self._every:
            self.save()


def _loop(training: Training, keeper: _Keeper, observer: Observer, stop: Stop) -> None:
    for event in training.run(stop):
        observer(event)
        if isinstance(event, EpochResult):
            keeper.save()
        else:
            keeper.save_if_due()
    if training.epoch <= training.config.epochs or stop():
        keeper.save()
        where = f"after epoch {training.epoch - 1}"
        if training.step:
            where = f"in epoch {training.epoch} at step {training.step:,} of {training.steps(training.epoch):,}"
        raise stop.interrupted(
            f"Stopped {where}; nothing is lost: {keeper.path}",
            "Go on with `mnistcnn train --resume`.",
        )
