"""`weights:`: what a file says of trained weights to begin with. Loading is `runtime/weights/transfer.py`'s."""

from nnc.compiler.weights.read import GivenWeights, parse_weights, read_weights

__all__ = ["GivenWeights", "parse_weights", "read_weights"]
