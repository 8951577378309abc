"""The learning rate, and AdamW in PyTorch's functional form.

A `torch.optim.Optimizer` would import `torch._dynamo`, which takes seconds.
Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019).
"""

from collections.abc import Iterable, Mapping

import torch
from torch.optim.adamw import adamw

WARM_UP = 0.2  # the learning rate rises during this share of the steps, then it falls
_BETA1 = 0.9
_BETA2 = 0.999
_EPSILON = 1e-8


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Compute the one-cycle rate of step `step` (from 0) of `steps`: it rises linearly to `peak`, then falls to 0."""
    top = max(1.0, WARM_UP * steps)
    return peak * min((step + 1) / top, (steps - step) / max(1.0, steps - top))


class AdamW:
    """AdamW with PyTorch's default betas and epsilon and its fused kernels; each step gets its own learning rate.

    `parameters` are float32. If `copies` are given, of any dtype, the gradients are theirs, and each step copies the
    parameters to them. Source: P. Micikevicius et al., "Mixed precision training" (2018).
    """

    def __init__(
        self, parameters: Iterable[torch.Tensor], weight_decay: float, copies: Iterable[torch.Tensor] | None = None
    ) -> None:
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._copies = self._parameters if copies is None else list(copies)
        self._steps = [torch.zeros((), device=p.device) for p in self._parameters]
        self._means = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._squares = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for copy in self._copies:
            copy.grad = None

    def step(self, rate: float) -> None:
        """Update the parameters by their gradients, at the learning rate `rate`."""
        gradients = []
        for copy in self._copies:
            assert copy.grad is not None
            gradients.append(copy.grad.float())
        with torch.no_grad():
            adamw(
                self._parameters, gradients, self._means, self._squares, [], self._steps, fused=True, amsgrad=False,
                beta1=_BETA1, beta2=_BETA2, lr=rate, weight_decay=self._weight_decay, eps=_EPSILON, maximize=False,
            )  # fmt: skip
        self.update_copies()

    def update_copies(self) -> None:
        """Copy the parameters to the copies; needed after other code has changed the parameters."""
        with torch.no_grad():
            for copy, parameter in zip(self._copies, self._parameters, strict=True):
                copy.copy_(parameter)

    def state_dict(self) -> dict[int, dict[str, torch.Tensor]]:
        """Return each parameter's steps and moments, named as in PyTorch's optimizers; the tensors share memory."""
        parts = enumerate(zip(self._steps, self._means, self._squares, strict=True))
        return {i: {"step": step, "exp_avg": mean, "exp_avg_sq": square} for i, (step, mean, square) in parts}

    def load_state_dict(self, state: Mapping[int, Mapping[str, torch.Tensor]]) -> None:
        """Copy a state that `state_dict` has returned. Raises `KeyError` or `RuntimeError` if it doesn't fit."""
        for number, own in self.state_dict().items():
            for name, tensor in own.items():
                tensor.copy_(state[number][name])
