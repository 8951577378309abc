"""A convolution in NumPy: it unfolds the images into patches and computes one matrix product."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def convolve(
    images: NDArray[np.float32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    stride: int = 1,
    padding: int = 0,
) -> NDArray[np.float32]:
    """Convolve images (N, H, W, C) with weights (K, K, C, O) and add the bias (O,), all float32.

    The result is (N, h, w, O) float32, with h = (H + 2 · padding − K) // stride + 1 and w likewise. Channels come last,
    so that the product's result needs no reordering.
    """
    side, _, channels, filters = weights.shape
    if padding:
        images = pad(images, padding, padding)
    patches = sliding_window_view(images, (side, side), axis=(1, 2))[:, ::stride, ::stride]  # (N, h, w, C, K, K)
    count, height, width = patches.shape[:3]
    columns = patches.transpose(0, 1, 2, 4, 5, 3).reshape(count * height * width, side * side * channels)
    result = columns @ weights.reshape(-1, filters) + bias
    return result.reshape(count, height, width, filters)


def pad(images: NDArray[np.float32], before: int, after: int) -> NDArray[np.float32]:
    """Images (N, H, W, C) with rows and columns of zeros: `before` above and to the left, `after` below and right."""
    count, height, width, channels = images.shape
    # `np.pad` takes ten times as long for a few images.
    padded = np.zeros((count, before + height + after, before + width + after, channels), dtype=np.float32)
    padded[:, before : before + height, before : before + width] = images
    return padded
