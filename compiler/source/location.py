"""How a spec is named: a file's path, and after `#` one of its variants.

models/resnet.yaml#resnet18    →    models/resnet.yaml, resnet18
"""

from __future__ import annotations

import re

__all__ = ["split_variant"]

_WITH_VARIANT = re.compile(r"(?s)(.+\.(?:ya?ml|json))#([^#/\\]+)")


def split_variant(path: str) -> tuple[str, str | None]:
    """The file, and the variant that is meant, if one is. Only what ends in a spec's suffix has variants, so a path with
    a `#` elsewhere is itself."""
    match = _WITH_VARIANT.fullmatch(path)
    return (match[1], match[2]) if match else (path, None)
