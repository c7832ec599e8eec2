"""Bytes to a normalised, augmented batch, on the trainer's device."""

import torch


def normalise(
    images_BCHW: torch.Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    *,
    memory_format: torch.memory_format,
    device: torch.device,
) -> torch.Tensor:
    """(x / 255 - mean) / std by channel, in float32; float images (random inputs) pass as they are."""
    if device.type == "cuda" and images_BCHW.device.type == "cpu":
        images_BCHW = images_BCHW.pin_memory().to(device, non_blocking=True)
    if images_BCHW.dtype == torch.float32:
        return images_BCHW.contiguous(memory_format=memory_format)
    x_BCHW = images_BCHW.to(torch.float32, memory_format=memory_format)
    if len(set(mean)) == len(set(std)) == 1:
        return x_BCHW.mul_(1 / (255 * std[0])).sub_(mean[0] / std[0])
    scale = torch.tensor([1 / (255 * s) for s in std]).to(device, non_blocking=True)
    shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)]).to(device, non_blocking=True)
    return x_BCHW.mul_(scale[:, None, None]).sub_(shift[:, None, None])
