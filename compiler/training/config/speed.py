"""What `speed:` says, in typed form: made by `read/speed.py`, obeyed by `runtime/speed/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["COMPILE_MODES", "IMPLEMENTATIONS", "CompileConfig", "SpeedConfig"]

CompileMode = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
Implementation = Literal["fused", "foreach", "loop"]

COMPILE_MODES: tuple[CompileMode, ...] = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
IMPLEMENTATIONS: tuple[Implementation, ...] = ("fused", "foreach", "loop")


@dataclass(frozen=True, slots=True)
class CompileConfig:
    """The arguments of `torch.compile` that a spec may give, under torch's names."""

    mode: CompileMode = "default"
    fullgraph: bool = False
    dynamic: bool | None = None


@dataclass(frozen=True, slots=True)
class SpeedConfig:
    """None leaves the choice to the runtime, which makes it by the device. `plain`: nothing is chosen, torch is left as it
    is. `checkpointing` are globs over paths of layers and over names of blocks and layer types; True means every block."""

    plain: bool = False
    channels_last: bool | None = None
    compile: CompileConfig | None = None
    checkpointing: tuple[str, ...] | bool = ()
    optimizer: Implementation | None = None
    cuda_graphs: bool | None = None
    deterministic: bool | None = None
    cudnn_benchmark: bool | None = None

    def as_plain(self) -> dict[str, Any]:
        """What was said, as a spec would say it; empty where nothing was. It decides the last bits of the weights, so a
        run is resumed with the same."""
        said: dict[str, Any] = {"plain": True} if self.plain else {}
        for name in ("channels_last", "optimizer", "cuda_graphs", "deterministic", "cudnn_benchmark"):
            if (value := getattr(self, name)) is not None:
                said[name] = value
        if self.compile is not None:
            said["compile"] = {
                "mode": self.compile.mode, "fullgraph": self.compile.fullgraph, "dynamic": self.compile.dynamic,
            }  # fmt: skip
        return said
