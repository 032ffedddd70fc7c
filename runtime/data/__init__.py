"""`data:` as batches of tensors.

npz.py, datasets.py    a dataset by its name -> columns of arrays in memory, or samples to be read
transforms.py          a field's transforms, by the batch where that gives the same as sample by sample
splits.py              samples in an order -> batches on the device; the order is a function of seed and epoch
checks.py              the data against the network's inputs, before the first step
open.py                all of it for one `DataConfig`
"""

from nnc.runtime.data.open import Data, open_data
from nnc.runtime.data.splits import Batch, Split

__all__ = ["Batch", "Data", "Split", "open_data"]
