"""`data:` as batches of tensors.

datasets.py            a dataset by its name -> columns in memory, or samples to be read: npz.py (arrays), tables.py,
                       vision.py (torchvision's), lines.py and windows.py (texts and tokens)
transforms.py          transforms of fields, several with the same draws, by the batch where that gives the same
splits.py              samples in an order -> batches on the device; the order is a function of seed and epoch
checks.py              the data against the network's inputs, before the first step
open.py                all of it for one `DataConfig`
describe.py            what the data hold, in words; picture.py: and in a picture
"""

from nnc.runtime.data.open import Data, open_data
from nnc.runtime.data.splits import Batch, Split

__all__ = ["Batch", "Data", "Split", "open_data"]
