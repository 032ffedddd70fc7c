"""`precision:` and `speed:`: what is chosen for a device, and how it is done to a network while it is trained."""

from nnc.runtime.speed.choose import Choices, choose
from nnc.runtime.speed.speed import Speed

__all__ = ["Choices", "Speed", "choose"]
