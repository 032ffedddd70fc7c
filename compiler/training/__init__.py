"""The `data:` and `train:` sections, read without torch: vocabulary with signatures, binding of calls, typed configs.

optimizers.py, schedulers.py, losses.py, metrics.py,
datasets.py, transforms.py                              what a spec may name: one `def` per callable
registry.py, kinds.py                                   the form of these tables
values.py, binding.py                                   a call in a file -> `BoundCall`
sections.py, reading.py, read_*.py, read.py             a section -> `DataConfig`, `TrainConfig`, a file for each part
network.py, groups.py, depth.py                         the network's parameters: which settings each has, how deep it lies
config.py                                               the typed configs that `runtime/` consumes
"""

from nnc.compiler.training.config import BoundCall, DataConfig, Network, TrainConfig
from nnc.compiler.training.network import network_of
from nnc.compiler.training.read.read import read_sections

__all__ = ["BoundCall", "DataConfig", "Network", "TrainConfig", "network_of", "read_sections"]
