"""An observer that writes each epoch for TensorBoard."""

from pathlib import Path
from typing import TYPE_CHECKING

from mnistcnn.errors import OutputError, require
from mnistcnn.events import EpochResult, Event, TrainStart

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"  # in the output folder


class TensorBoard:
    """Writes loss, accuracy and learning rate of each epoch into a folder."""

    def __init__(self, folder: Path) -> None:
        """Prepare to write into `folder`. Raises `MissingPackageError` if TensorBoard isn't installed."""
        require("`--tensorboard`", "tensorboard", "tensorboard")
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def __call__(self, event: Event) -> None:
        """Write each finished epoch. A resumed run replaces what was written from its first epoch on."""
        match event:
            case TrainStart():
                from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - it takes half a second

                try:
                    self._writer = SummaryWriter(str(self._folder), purge_step=event.first_epoch)
                except OSError as error:
                    raise OutputError(f"{self._folder} can't be written: {error.strerror}.") from error
            case EpochResult() if self._writer is not None:
                for split, metrics in (("train", event.train), ("validation", event.validation)):
                    self._writer.add_scalar(f"loss/{split}", metrics.loss, event.epoch)
                    self._writer.add_scalar(f"accuracy/{split}", metrics.accuracy, event.epoch)
                self._writer.add_scalar("learning rate", event.learning_rate, event.epoch)
                self._writer.flush()
