"""Training by several processes, on torch's own engine: torchrun, DistributedDataParallel, fully_shard.

world.py     the processes and what they tell each other; here: one, which has nobody to tell
group.py     several of them, over torch.distributed
launch.py    starts them on this machine
shares.py    which samples are whose
engine.py    how a network is trained: by one process as it is; replicated.py (DDP), sharded.py (FSDP2)
"""

from nnc.runtime.parallel.world import ALONE, World

__all__ = ["ALONE", "World"]
