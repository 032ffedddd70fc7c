"""Specs that name other specs: `include:`, `extends:`, and a spec as a layer, made one spec that stands alone."""

from nnc.compiler.files.link import link
from nnc.compiler.files.merge import merge
from nnc.compiler.files.references import Files, Place

__all__ = ["Files", "Place", "link", "merge"]
