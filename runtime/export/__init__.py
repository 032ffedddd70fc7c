"""A network in other forms: weights alone as .pt or .safetensors, Python source, ONNX, or torch's own .pt2 program. What
computes is compared with the network before it gets its name."""

from nnc.runtime.export.export import KINDS, Exported, export

__all__ = ["KINDS", "Exported", "export"]
