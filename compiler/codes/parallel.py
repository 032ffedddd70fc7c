"""NNC093x: several processes."""

from __future__ import annotations

from nnc.compiler.codes.code import Code

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    Code(
        "NNC0930",
        "process-lost",
        "Another process of the run ended, or cannot be reached.",
        "Processes that train together wait for each other in every step. Where one ends without a word (killed, or its "
        "machine gone), the others say so and end too; `--resume` goes on from the last checkpoint. One that is only slow has "
        "`parallel: {timeout: 600}` seconds.",
    ),
    Code(
        "NNC0931",
        "too-many-processes",
        "There are more processes than samples in a batch.",
        "`batch_size` counts the samples of a step over all processes, so that a run is the same on one process and on many: "
        "each takes its part of every batch, and none may go empty.",
    ),
    Code(
        "NNC0932",
        "cannot-parallelize",
        "torch cannot train this network, or with this setting, on several processes.",
        "What a spec says about several processes is checked with the spec as far as it can be; the rest depends on the device "
        "and on the version of torch, and is said before the first step.",
    ),
)
