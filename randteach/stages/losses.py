"""Distillation losses with their gradients, in as few passes over the outputs as they need.

The outputs are the largest tensors of a step (256 x 65,536 floats are 67 MB). Loss, KL divergence and
gradient are computed together, some rows at a time so that they stay in the cache, and the gradient
takes the place of the student's outputs. Rows are independent: their number changes no bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from loaders.catalogue import Catalogue

CHUNK = 1 << 18  # floats a tensor in one pass on a CPU: 1 MB
SERIES = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2)  # of (e^d - 1 - d) / d^2, highest power first
NEAR = 0.25  # |d| below which five terms are exact in float32


def distillation_loss(
    student_BK: torch.Tensor,
    teacher_BK: torch.Tensor,
    loss: str = "ce",
    student_temperature: float = 1.0,
    teacher_temperature: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The batch's mean loss, and its summed KL(teacher || student) in nats without gradient.

    - `ce`: cross-entropy against exp(log_softmax(teacher)), with autograd's loss and gradient, bit for bit,
      as the paper's authors ran it: at the teacher itself the gradient is rounding noise, not zero.
    - `ce_exact`: the same against softmax(teacher), with the gradient softmax(student) - softmax(teacher).
    - `mse`: mean squared error of the outputs over batch and units.

    Destroys `student_BK`, whose memory holds the gradient afterwards, and may destroy `teacher_BK`.
    """
    result: tuple[torch.Tensor, torch.Tensor] = _Loss.apply(
        student_BK, teacher_BK, loss, student_temperature, teacher_temperature
    )
    return result


def divergence(student_BK: torch.Tensor, teacher_BK: torch.Tensor) -> torch.Tensor:
    """KL(teacher || student) in nats summed over the batch, without gradient."""
    rows = max(1, CHUNK // student_BK.shape[1]) if student_BK.device.type == "cpu" else len(student_BK)
    total = torch.zeros((), dtype=torch.float64, device=student_BK.device)
    for student, teacher in zip(student_BK.split(rows), teacher_BK.split(rows), strict=True):
        log_s, log_t = student.log_softmax(-1), teacher.log_softmax(-1)
        total += kl_divergence(log_s, log_t, teacher.softmax(-1)).sum(dtype=torch.float64)
    return total


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        student_BK: torch.Tensor,
        teacher_BK: torch.Tensor,
        loss: str,
        t_s: float,
        t_t: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        batch, units = student_BK.shape
        rows = max(1, CHUNK // units) if student_BK.device.type == "cpu" else batch
        loss_B, kl_B = student_BK.new_empty(batch), student_BK.new_empty(batch)
        for at in range(0, batch, rows):
            part = slice(at, at + rows)
            rows_ = Rows(student_BK[part], teacher_BK[part], t_s, t_t, batch)
            grad, loss_B[part], kl_B[part] = _computed(LOSSES.find(loss, "distill.loss"), rows_)
            student_BK[part] = grad
        ctx.grad_BK = student_BK
        kl = kl_B.sum()
        ctx.mark_non_differentiable(kl)
        return loss_B.mean(), kl

    @staticmethod
    def backward(ctx: Any, grad_loss: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        # The training step calls backward on the loss itself, where grad_loss is exactly 1.
        return ctx.grad_BK.mul_(grad_loss), None, None, None, None


Value = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Rows:
    """Some rows of outputs; a gradient of theirs is that of the mean over the batch."""

    def __init__(
        self, student: torch.Tensor, teacher: torch.Tensor, t_s: float, t_t: float, batch: int
    ) -> None:
        self.student, self.teacher, self.t_s, self.batch = student, teacher, t_s, batch
        self.scaled = student if t_s == 1 else student / t_s
        self.target = teacher if t_t == 1 else teacher / t_t
        self.log_s, self.log_t = self.scaled.log_softmax(-1), self.target.log_softmax(-1)

    def back(self, grad: torch.Tensor) -> torch.Tensor:
        """The gradient of the outputs from that of the outputs by temperature."""
        return grad if self.t_s == 1 else grad.div_(self.t_s)


@dataclass(frozen=True)
class Loss:
    """A loss on rows of outputs: how it spells the teacher's probabilities p_t, its gradient and value.

    `gradient` may destroy p_t. `revision` is raised where the loss changes: it is part of every key.
    """

    name: str
    target: Callable[[Rows], torch.Tensor]
    gradient: Callable[[Rows, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    revision: int = 1
    least: int = 1  # outputs that it says something of

    @staticmethod
    def of(name: str, value: Value, revision: int = 1) -> "Loss":
        """A loss by its value alone, (student_BK, teacher_BK) -> loss_B: autograd has the gradient.

        Both outputs come divided by their temperatures.
        """

        def gradient(rows: Rows, p_t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            with torch.enable_grad():
                student = rows.scaled.detach().clone().requires_grad_()
                loss_B = value(student, rows.target.detach())
                if loss_B.shape != student.shape[:1]:
                    raise ValueError(f"loss {name}: gives {tuple(loss_B.shape)}, not a number a sample")
                (grad,) = torch.autograd.grad(loss_B.sum(), student)
            return rows.back(grad.div_(rows.batch)), loss_B.detach()

        return Loss(name, _softmax, gradient, revision)


def _computed(loss: Loss, rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradient, loss and KL of some rows."""
    p_t = loss.target(rows)
    kl = kl_divergence(rows.log_s, rows.log_t, p_t)
    return *loss.gradient(rows, p_t), kl


def _ce(rows: Rows, p_t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    value = (p_t * rows.log_s).sum(-1).neg_()
    dtype, scale = rows.student.dtype, -1 / rows.batch
    grad = torch.ops.aten._log_softmax_backward_data(p_t.mul_(scale), rows.log_s, -1, dtype)
    return rows.back(grad), value


def _ce_exact(rows: Rows, p_t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    value = (p_t * rows.log_s).sum(-1).neg_()
    # Both by the same function, so that the gradient at the teacher is zero to the last bit.
    return rows.back((rows.scaled.softmax(-1) - p_t).mul_(1 / rows.batch)), value


def _mse(rows: Rows, p_t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    gap = rows.student - rows.teacher
    value = gap.square().mean(-1)
    return gap.mul_(2 / (rows.batch * rows.student.shape[1])), value


def _softmax(rows: Rows) -> torch.Tensor:
    return rows.target.softmax(-1)


# The two spellings of p_t differ in their last bits, which is all there is to learn from near the teacher.
LOSSES: Catalogue[Loss] = Catalogue(
    "loss",
    [
        Loss("ce", lambda rows: rows.log_t.exp(), _ce, least=2),
        Loss("ce_exact", _softmax, _ce_exact, least=2),
        Loss("mse", _softmax, _mse),
    ],
)


def kl_divergence(log_s: torch.Tensor, log_t: torch.Tensor, p_t: torch.Tensor) -> torch.Tensor:
    """KL(teacher || student) of each row in nats, as sum of p_t (e^d - 1 - d) with d = log_s - log_t.

    Both distributions sum to 1, so this equals the sum of -p_t d, but no term is negative: near the
    teacher, where each is a power series in d, nothing cancels. Elsewhere p_t e^d is the student's
    own probability, which cannot overflow.
    """
    gap = log_s - log_t
    far = log_s.exp().sub_(p_t).sub_(gap * p_t)
    near = gap * SERIES[0]
    for coefficient in SERIES[1:]:
        near.add_(coefficient).mul_(gap)
    near.mul_(gap).mul_(p_t)
    return torch.where(gap.abs_() < NEAR, near, far).sum(-1)
