"""The data sets: `load_dataset` returns train, validation and test images as tensors."""

from mnistcnn.data.dataset import DataSplits, ImageDataset, load_dataset

__all__ = ["DataSplits", "ImageDataset", "load_dataset"]
