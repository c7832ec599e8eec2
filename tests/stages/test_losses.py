"""Each loss against autograd's and against closed forms, gradient and KL included."""

import math

import pytest
import torch
import torch.nn.functional as F

from randteach.errors import UserError
from randteach.stages import losses
from randteach.stages.losses import distillation_loss


def outputs(batch: int, units: int, gap: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(batch, units, generator=generator)
    return teacher + gap * torch.randn(batch, units, generator=generator), teacher


def ours(student: torch.Tensor, teacher: torch.Tensor, *args: object) -> tuple[torch.Tensor, ...]:
    leaf = student.clone().requires_grad_()
    loss, kl = distillation_loss(leaf * 1, teacher.clone(), *args)  # type: ignore[arg-type]
    loss.backward()
    return loss.detach(), kl, leaf.grad


@pytest.mark.parametrize("gap", [0.0, 1e-7, 0.5])
@pytest.mark.parametrize(("batch", "units"), [(7, 10), (5, 100_000)])
def test_ce_is_autograds_bit_for_bit(batch: int, units: int, gap: float) -> None:
    """At the teacher itself the gradient is autograd's rounding noise, which is part of the setting."""
    student, teacher = outputs(batch, units, gap)
    target = teacher.log_softmax(-1).exp()
    leaf, again = (student.clone().requires_grad_() for _ in range(2))
    expected = -(target * leaf.log_softmax(-1)).sum(-1).mean()
    expected.backward()
    loss, _, grad = ours(student, teacher, "ce")
    assert torch.equal(loss, expected.detach()) and torch.equal(grad, leaf.grad)
    F.cross_entropy(again, target).backward()
    assert torch.equal(grad, again.grad)


def test_the_targets_of_ce_and_ce_exact_are_spelled_differently() -> None:
    """The spelling is most of what is left at the teacher itself; `ce_exact` keeps softmax on both sides."""
    student, teacher = outputs(7, 1024, 0.0)
    leaf = student.clone().requires_grad_()
    F.cross_entropy(leaf, teacher.softmax(-1)).backward()
    assert not torch.equal(ours(student, teacher, "ce")[2], leaf.grad)
    other, _ = outputs(7, 1024, 1e-7)
    expected = (other.softmax(-1) - teacher.softmax(-1)) / 7
    torch.testing.assert_close(ours(other, teacher, "ce_exact")[2], expected, rtol=1e-6, atol=0)


def test_ce_with_temperatures() -> None:
    student, teacher = outputs(6, 50, 0.3)
    leaf = student.clone().requires_grad_()
    expected = F.cross_entropy(leaf / 0.5, (teacher / 2.0).log_softmax(-1).exp())
    expected.backward()
    loss, _, grad = ours(student, teacher, "ce", 0.5, 2.0)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-6, atol=0)
    assert torch.equal(grad, leaf.grad)


def test_ce_by_hand() -> None:
    """Teacher (ln 3, 0) has probabilities 3/4, 1/4; student (0, 0) has 1/2, 1/2."""
    student, teacher = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    for name in ("ce", "ce_exact"):
        loss, kl, grad = ours(student, teacher, name)
        assert loss.item() == pytest.approx(math.log(2), rel=1e-6)
        assert kl.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-6)
        torch.testing.assert_close(grad, torch.tensor([[-0.25, 0.25]]))


def test_exact_gradient_is_zero_at_the_teacher_and_autograds_is_not() -> None:
    student, teacher = outputs(4, 1024, 0.0)
    assert not ours(student, teacher, "ce_exact")[2].any()
    assert ours(student, teacher, "ce")[2].any()


def test_exact_gradient_is_the_difference_of_softmaxes() -> None:
    student, teacher = outputs(9, 33, 0.7)
    grad = ours(student, teacher, "ce_exact", 0.5, 2.0)[2]
    expected = ((student / 0.5).softmax(-1) - (teacher / 2.0).softmax(-1)) / 9 / 0.5
    torch.testing.assert_close(grad, expected)


def test_mse() -> None:
    student, teacher = outputs(5, 12, 0.7)
    leaf = student.clone().requires_grad_()
    expected = F.mse_loss(leaf, teacher)
    expected.backward()
    loss, _, grad = ours(student, teacher, "mse")
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(grad, leaf.grad)


@pytest.mark.parametrize("loss", ["ce", "ce_exact", "mse"])
@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-4])
def test_kl_keeps_its_digits_near_the_teacher(gap: float, loss: str) -> None:
    student, teacher = outputs(8, 1000, gap)
    kl = ours(student, teacher, loss)[1].item()
    log_s, log_t = (x.double().log_softmax(-1) for x in (student, teacher))
    exact = (log_t.exp() * (log_t - log_s)).sum().item()
    assert kl == pytest.approx(exact, rel=2e-3)
    assert ours(teacher, teacher, loss)[1].item() == 0.0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("gap", [0.0, 1e-7, 1e-3, 0.3, 10.0])
def test_kl_is_never_negative(gap: float, scale: float) -> None:
    student, teacher = outputs(16, 300, gap)
    for row in range(16):
        kl = ours(scale * student[row : row + 1], scale * teacher[row : row + 1], "ce")[1].item()
        assert 0 <= kl < math.inf


def test_kl_of_a_very_sharp_teacher() -> None:
    """Its probabilities fall below the smallest float, and e^d above the largest."""
    student, teacher = outputs(8, 1000, 1.0)
    kl = ours(student, teacher, "ce", 1.0, 1e-3)[1].item()
    log_s, log_t = student.double().log_softmax(-1), (teacher.double() / 1e-3).log_softmax(-1)
    assert kl == pytest.approx((log_t.exp() * (log_t - log_s)).sum().item(), rel=1e-5)


def test_rows_at_a_time_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = outputs(64, 1000, 0.1)
    whole = ours(student, teacher, "ce")
    monkeypatch.setattr(losses, "CHUNK", 3000)
    for one, other in zip(whole, ours(student, teacher, "ce"), strict=True):
        assert torch.equal(one, other)


def test_an_unknown_loss_is_an_error() -> None:
    with pytest.raises(UserError, match=r"distill.loss=ce_other: no such loss; .*there are ce, "):
        distillation_loss(torch.zeros(1, 2), torch.zeros(1, 2), "ce_other")
