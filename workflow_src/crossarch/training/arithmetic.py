"""How a training computes: in single precision throughout, unless the configuration says otherwise."""

import os
from contextlib import AbstractContextManager

import torch

from crossarch.config.schema import Arithmetic


def set_arithmetic(arithmetic: Arithmetic) -> None:
    """Set what torch does for the whole process: TF32 on CUDA or not, and deterministic kernels or not.

    Without `deterministic` cuDNN tries its kernels and takes the fastest; on the CPU training is
    deterministic anyway.
    """
    precision = "ieee" if arithmetic.precision == "float32" else "tf32"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
    if arithmetic.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS refuses to promise it
    if torch.are_deterministic_algorithms_enabled() != arithmetic.deterministic:
        torch.use_deterministic_algorithms(arithmetic.deterministic)  # takes torch a second to import
    torch.backends.cudnn.benchmark = not arithmetic.deterministic


def autocast(arithmetic: Arithmetic, device: torch.device) -> AbstractContextManager[None]:
    """Within it networks compute in bfloat16 if the precision says so; weights stay float32."""
    enabled = arithmetic.precision == "bfloat16"
    context: AbstractContextManager[None] = torch.autocast(device.type, torch.bfloat16, enabled=enabled)
    return context
