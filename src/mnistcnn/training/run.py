"""Runs a training from settings to written files: it resumes, trains, saves the state and keeps the best epoch."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import DataSplits, load_dataset
from mnistcnn.errors import Interrupted, OutputError, UsageError
from mnistcnn.events import EpochResult, Note, Observer, StepResult, TrainStart, ignore
from mnistcnn.network.device import cpu_threads, resolve_device
from mnistcnn.network.distributed import barrier, broadcast, local_device, process_group
from mnistcnn.network.world import World
from mnistcnn.system.container import check_memory
from mnistcnn.system.signals import Stop
from mnistcnn.system.storage import Files, check_writable, exists, held, remove_leftovers
from mnistcnn.training.contention import ContentionWatch
from mnistcnn.training.finish import TrainResult, finish, output_paths
from mnistcnn.training.history import HISTORY, describe_progress, write_history
from mnistcnn.training.resume import UnfinishedRun, find_unfinished, merge_settings, save_unfinished, take_up
from mnistcnn.training.trainer import Trainer

CONTINUE = "Continue with `mnistcnn train --resume`."


def train(
    config: TrainConfig | None = None,
    files: Files | None = None,
    *,
    resume: bool = False,
    restart: bool = False,
    given: Iterable[str] = (),
    save_every: float = 30.0,
    observer: Observer = ignore,
    stop: Stop | None = None,
) -> TrainResult:
    """Train the network, keep the epoch with the best validation accuracy, test it once, write everything.

    With `resume`, an unfinished run continues with its own settings, except for the fields of `config` in `given`;
    with `restart` it is discarded. The state is saved every `save_every` seconds and after each epoch. Under torchrun
    the processes train together, and the first one reads and writes the files. Raises `UsageError`, `DataError`,
    `DeviceError`, `CheckpointError`, `TrainingError`, `OutputError` and `Interrupted`; the last two say where the
    state is.
    """
    config = config or TrainConfig()
    files = files or Files()
    stop = stop or Stop()
    world = World.from_environment()
    if config.batch_size < world.size:
        raise UsageError(f"--batch-size {config.batch_size} is smaller than the number of processes, {world.size}.")
    check_memory(config.batch_size)
    with ExitStack() as stack:
        if world.is_main:
            stack.enter_context(held(files.checkpoint, "--checkpoint"))
            stack.enter_context(held(files.output_dir / HISTORY, "--output-dir"))
        stack.enter_context(process_group(world))
        started = time.perf_counter()
        unfinished = None
        if world.is_main:
            for path in (files.checkpoint, files.previous, files.unfinished, *output_paths(files)):
                remove_leftovers(path)
                check_writable(path)
            unfinished = find_unfinished(files, resume=resume, restart=restart)
        if unfinished is not None:
            config = merge_settings(unfinished.config, config, given, observer)
            started -= unfinished.seconds
        config, unfinished = broadcast(world, (config, unfinished))
        with cpu_threads(config.threads) as threads:
            compute = resolve_device(local_device(config.device, world), config.precision)
            data = _load_data(config, files, world, observer)
            trainer = Trainer(replace(config, threads=threads), compute, data.train, data.validation, world)
            if unfinished is not None:
                take_up(trainer, unfinished, data, files)
            elif restart and world.is_main:
                files.unfinished.unlink(missing_ok=True)
            try:
                _train(trainer, data, files, started, save_every, observer, stop)
                return finish(trainer, data, files, started, observer)
            except Interrupted as stopped:
                if stopped.hint is None and exists(files.unfinished):
                    stopped.hint = CONTINUE
                raise


def _load_data(config: TrainConfig, files: Files, world: World, observer: Observer) -> DataSplits:
    """Load the data; the first process of each machine downloads it while the others wait."""
    if world.local_rank > 0:
        barrier(world)
    data = load_dataset(
        config.dataset,
        data_dir=files.data_dir,
        mirror=files.mirror,
        seed=config.seed,
        validation_size=config.validation_size,
        observer=observer,
    )
    if world.local_rank == 0:
        barrier(world)
    return data


def _train(
    trainer: Trainer, data: DataSplits, files: Files, started: float, save_every: float, observer: Observer, stop: Stop
) -> None:
    """Train to the end of the last epoch, and save the state meanwhile. Raises `Interrupted` when `stop` is true."""
    environment = trainer.compute.environment()
    observer(
        TrainStart(
            epochs=trainer.config.epochs,
            steps=trainer.all_steps,
            done_steps=trainer.done_steps,
            first_epoch=trainer.epoch,
            first_step=trainer.step,
            environment=environment,
            data=data.describe(),
        )
    )
    watch = ContentionWatch()
    saved = time.perf_counter()
    watched = environment.device == "cpu" and environment.threads > 1
    with stop.deferred():
        for event in trainer.run(stop):
            observer(event)
            if watched and isinstance(event, StepResult) and (note := watch.notice(event)):
                observer(note)
            if isinstance(event, EpochResult) or time.perf_counter() - saved >= save_every:
                _save(trainer, data, files, started)
                saved = time.perf_counter()
            if isinstance(event, EpochResult) and trainer.world.is_main:
                try:
                    write_history(files, describe_progress(trainer, data, files))
                except OutputError as error:  # the end of the run writes it again, where a failure is an error
                    observer(Note(error.message, warning=True))
        if trainer.epoch > trainer.config.epochs and not stop():
            return
        _save(trainer, data, files, started)
    within = f"in epoch {trainer.epoch} at step {trainer.step:,} of {trainer.steps(trainer.epoch):,}"
    where = within if trainer.step else f"after epoch {trainer.epoch - 1}"
    raise stop.interrupted(f"Interrupted {where}; the state is saved in {files.unfinished}", CONTINUE)


def _save(trainer: Trainer, data: DataSplits, files: Files, started: float) -> None:
    """Save the state in the first process. Raises `TrainingError` if a weight isn't finite."""
    if trainer.world.is_main:
        trainer.check_finite()
        run = UnfinishedRun(
            config=trainer.config,
            data=data.describe(),
            seconds=time.perf_counter() - started,
            state=trainer.state_dict(),
        )
        save_unfinished(files.unfinished, run)
