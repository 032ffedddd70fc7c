"""Networks of any number of layers, for the tests and for benchmarks/scale.py."""

from __future__ import annotations

__all__ = ["KINDS", "WIDTH", "spec"]

KINDS = ("list", "mapping", "blocks", "repeated", "nested", "branches")
WIDTH = 8


def spec(kind: str, layers: int) -> str:
    """A network of `layers` layers, one entry for each unless `kind` says otherwise."""
    head = f"nnc: 1\nname: {kind}\ninputs: {{x: [B, {WIDTH}]}}\n"
    pairs = layers // 2
    match kind:
        case "list":
            return head + "layers:\n" + f"- Linear({WIDTH})\n- ReLU\n" * pairs
        case "mapping":
            return head + "layers:\n" + "".join(f"  fc{i}: Linear({WIDTH})\n  act{i}: relu\n" for i in range(pairs))
        case "blocks":  # each a call with an argument of its own: no two share a graph
            block = "blocks:\n  Step: {args: {n: }, layers: {fc: Linear(n + 8), back: Linear(8)}}\n"
            return head + block + "layers:\n" + "".join(f"  s{i}: Step({i})\n" for i in range(pairs))
        case "repeated":
            return head + f"layers:\n- {{repeat: {pairs}, layers: [Linear({WIDTH}), ReLU]}}\n"
        case "nested":  # a tree of lists, ten in each
            groups = pairs // 50
            inner = f"    - Linear({WIDTH})\n    - ReLU\n"
            return head + "layers:\n" + f"- layers:\n  - layers:\n{inner * 25}  - layers:\n{inner * 25}" * groups
        case "branches":  # residual sums: a formula for each
            return head + "layers:\n  fc0: Linear(8)\n" + "".join(
                f"  fc{i + 1}: Linear({WIDTH})\n  sum{i + 1}: relu(fc{i + 1} + fc{i})\n" for i in range(pairs)
            )  # fmt: skip
        case _:
            raise ValueError(kind)
