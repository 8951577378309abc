import numpy as np
import pytest
import torch

from mnistcnn.reading.convolution import convolve


@pytest.mark.parametrize(("side", "stride", "padding"), [(1, 1, 0), (3, 2, 1), (5, 1, 2), (4, 3, 0)])
def test_a_convolution_is_that_of_torch(side: int, stride: int, padding: int) -> None:
    rng = np.random.default_rng(side)
    images = rng.standard_normal((3, 11, 9, 2), dtype=np.float32)
    weights = rng.standard_normal((side, side, 2, 5), dtype=np.float32)
    bias = rng.standard_normal(5, dtype=np.float32)
    ours = convolve(images, weights, bias, stride=stride, padding=padding)
    theirs = torch.conv2d(
        torch.from_numpy(images).permute(0, 3, 1, 2),
        torch.from_numpy(weights).permute(3, 2, 0, 1),
        torch.from_numpy(bias),
        stride=stride,
        padding=padding,
    )
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=1e-5)
