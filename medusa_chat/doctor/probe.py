"""``python -m medusa_chat.doctor.probe NAME``: tries what takes torch, and prints what came of it.

One JSON object goes to standard output; all that libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from medusa_chat.doctor.facts import BuiltinFacts, DeviceFacts, Probe, QuantisationFacts, TorchFacts

if TYPE_CHECKING:
    import torch

_TOKENS = 16
_WIDTH = 256
"""Of the layer that is quantised: some blocks of 64 in each row."""

_MOST_RELATIVE_ERROR = {"8bit": 0.05, "4bit": 0.25}
"""Rounding normal weights to 8 bits costs some 1 %, to nf4 some 10 %; garbage, 100 % and more."""


def probe_torch() -> TorchFacts:
    """Return what torch was built for, and the devices that it can compute on."""
    import torch

    error = ""
    count = 0
    if torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        with warnings.catch_warnings():
            # Whether the driver is too old is only said in a warning, or in the error of init.
            warnings.simplefilter("ignore")
            try:
                torch.cuda.init()  # type: ignore[no-untyped-call]
                count = torch.cuda.device_count()
            except Exception as failure:  # noqa: BLE001  # whatever it is, it is the answer
                error = _words(failure)
            if not count and not error:
                error = "no CUDA device"
    return TorchFacts(
        version=torch.__version__,
        cuda=torch.version.cuda,
        hip=torch.version.hip,
        threads=torch.get_num_threads(),
        devices=tuple(_device(index) for index in range(count)),
        cuda_error=error,
    )


def _device(index: int) -> DeviceFacts:
    import torch

    name, capability, error, bfloat16 = f"cuda:{index}", "", "", False
    float8: str | None = None
    free_bytes = total_bytes = 0
    try:
        properties = torch.cuda.get_device_properties(index)
        name, capability = properties.name, f"{properties.major}.{properties.minor}"
        total_bytes = properties.total_memory
        with torch.cuda.device(index):
            free_bytes, total_bytes = torch.cuda.mem_get_info()
            bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
            # Fails where this build has no kernels for the device.
            numbers = torch.arange(4, device="cuda")
            if int((numbers * numbers).sum()) != 14:
                error = "a sum came out wrong"
            float8 = _float8(torch.device("cuda", index))
    except Exception as failure:  # noqa: BLE001
        error = _words(failure)
    return DeviceFacts(index, name, capability, total_bytes, free_bytes, bfloat16, error, float8)


def _float8(device: torch.device) -> str | None:
    from medusa_chat.decoding.lean.fp8 import row_unit
    from medusa_chat.models.quantization import fp8_obstacle

    if fp8_obstacle(device) is not None:
        return None
    found = row_unit(device)
    return found if isinstance(found, str) else ""


def probe_bitsandbytes() -> QuantisationFacts:
    """Quantise a small layer in 8 and in 4 bits, and compare what it gives."""
    import bitsandbytes as bnb
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    layers: dict[str, Callable[[], torch.nn.Linear]] = {
        "8bit": lambda: bnb.nn.Linear8bitLt(
            _WIDTH, _WIDTH, bias=False, has_fp16_weights=False, threshold=0.0
        ),
        "4bit": lambda: bnb.nn.Linear4bit(
            _WIDTH, _WIDTH, bias=False, quant_type="nf4", compute_dtype=dtype
        ),
    }
    return QuantisationFacts(
        str(device), {bits: _quantise(bits, make, device, dtype) for bits, make in layers.items()}
    )


def _quantise(
    bits: str, make: Callable[[], torch.nn.Linear], device: torch.device, dtype: torch.dtype
) -> str:
    import torch

    try:
        noise = torch.Generator().manual_seed(0)
        weight = torch.randn(_WIDTH, _WIDTH, generator=noise)
        rows = torch.randn(4, _WIDTH, generator=noise)
        layer = make()
        layer.load_state_dict({"weight": weight.to(dtype)})
        with torch.no_grad():
            result = layer.to(device)(rows.to(device, dtype)).cpu().float()
        plain = rows @ weight.T
        error = float((result - plain).norm() / plain.norm())
    except Exception as failure:  # noqa: BLE001  # whatever it is, it is the answer
        return _words(failure)
    most = _MOST_RELATIVE_ERROR[bits]
    return "" if error <= most else f"the result is {error:.0%} off, {most:.0%} at most is rounding"


def probe_builtin() -> BuiltinFacts:
    """Load the built-in model as a chat does, and have it say a few tokens."""
    from medusa_chat.engine.local import Engine
    from medusa_chat.engine.protocol import ChatMessage
    from medusa_chat.settings import DecodeSettings, ModelSettings

    engine = Engine()
    began = time.perf_counter()
    loaded = engine.load(ModelSettings(), lambda *_: None)
    load_seconds = time.perf_counter() - began
    settings = DecodeSettings(temperature=0, seed=0, max_new_tokens=_TOKENS, ignore_eos=True)
    answer = engine.answer([ChatMessage("user", "Hello!")], settings)
    for _ in answer.run(lambda: False):
        pass
    figures = answer.decoding.figures
    return BuiltinFacts(
        device=loaded.device,
        load_seconds=load_seconds,
        tokens=len(answer.decoding.output.token_ids),
        steps=figures.steps,
        decode_seconds=figures.decode_seconds,
        plain_reason=loaded.plain_reason,
        launches=answer.decoding.launches,
    )


_PROBES: dict[Probe, Callable[[], TorchFacts | QuantisationFacts | BuiltinFacts]] = {
    "torch": probe_torch,
    "bitsandbytes": probe_bitsandbytes,
    "builtin": probe_builtin,
}


def _words(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def main() -> None:
    """Run the probe that the command line names."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    probe = next(name for name in _PROBES if name == sys.argv[1])
    try:
        record = asdict(_PROBES[probe]())
    except Exception as error:  # noqa: BLE001  # told to the one who asked
        record = {"error": _words(error)}
    answer.write(json.dumps(record))
    answer.close()


if __name__ == "__main__":
    main()
