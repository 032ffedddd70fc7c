"""Pictures of what runs did, as PNG, SVG or PDF by the end of a file's name. matplotlib (`pip install 'nnc[plot]'`) is
imported when one is drawn."""

from nnc.runtime.plots.confusion import write_confusion
from nnc.runtime.plots.curves import write_curves
from nnc.runtime.plots.figure import PICTURES

__all__ = ["PICTURES", "write_confusion", "write_curves"]
