"""The programs that make what is packaged: `recipes.detector` and `recipes.network`. They need MNIST alone."""
