import cv2
import numpy as np

from recipes.counterexamples import drawings


def test_an_outline_is_one_line_around_paper() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        ink = np.pad(drawings.outline(generator), 1)
        inside = cv2.connectedComponents((ink < 0.5).astype(np.uint8), connectivity=4)[0] - 2  # without outside
        assert inside <= 2 and cv2.connectedComponents((ink > 0.5).astype(np.uint8))[0] == 2
