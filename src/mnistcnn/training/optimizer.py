"""The learning rate, and AdamW in torch's functional form.

To make a `torch.optim.Optimizer` would take the seconds of importing `torch._dynamo`.
Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019).
"""

from collections.abc import Iterable, Mapping

import torch
from torch.optim.adamw import adamw

WARM_UP = 0.2  # of all steps the learning rate rises, then it falls
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


def learning_rate(step: int, steps: int, peak: float) -> float:
    """The one-cycle rate of step `step` (from 0) of `steps`: a linear rise to `peak`, a linear fall to 0."""
    top = max(1.0, WARM_UP * steps)
    return peak * min((step + 1) / top, (steps - step) / max(1.0, steps - top))


class AdamW:
    """AdamW with torch's defaults, its kernels fused, and the learning rate given with each step.

    `parameters` are float32. The gradients are those of `copies`, of any dtype, which follow the parameters (P.
    Micikevicius et al., "Mixed precision training", 2018); without them, of the parameters themselves.
    """

    def __init__(
        self, parameters: Iterable[torch.Tensor], weight_decay: float, copies: Iterable[torch.Tensor] | None = None
    ) -> None:
        self._parameters, self._weight_decay = list(parameters), weight_decay
        self._copies = self._parameters if copies is None else list(copies)
        self._steps = [torch.zeros((), device=p.device) for p in self._parameters]
        self._means = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._squares = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for copy in self._copies:
            copy.grad = None

    def step(self, rate: float) -> None:
        """Update the parameters by their gradients."""
        gradients = [copy.grad.float() for copy in self._copies if copy.grad is not None]
        with torch.no_grad():
            adamw(
                self._parameters, gradients, self._means, self._squares, [], self._steps, fused=True, amsgrad=False,
                beta1=_BETA1, beta2=_BETA2, lr=rate, weight_decay=self._weight_decay, eps=_EPSILON, maximize=False,
            )  # fmt: skip
        self.update_copies()

    def update_copies(self) -> None:
        """Let the copies follow the parameters; needed where these were changed from outside."""
        with torch.no_grad():
            for copy, parameter in zip(self._copies, self._parameters, strict=True):
                copy.copy_(parameter)

    def state_dict(self) -> dict[int, dict[str, torch.Tensor]]:
        """Of each parameter the steps done and both moments, named as in torch's optimizers; memory is shared."""
        parts = enumerate(zip(self._steps, self._means, self._squares, strict=True))
        return {i: {"step": step, "exp_avg": mean, "exp_avg_sq": square} for i, (step, mean, square) in parts}

    def load_state_dict(self, state: Mapping[int, Mapping[str, torch.Tensor]]) -> None:
        """Go on from what `state_dict` gave, on these devices. `KeyError` or `RuntimeError` where it is of others."""
        for number, own in self.state_dict().items():
            for name, tensor in own.items():
                tensor.copy_(state[number][name])
