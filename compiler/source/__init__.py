"""Text to located tree: YAML by the 1.2 core schema, and JSON, every node with its span, bounded for any text."""

from nnc.compiler.source.loader import read_file, read_text

__all__ = ["read_file", "read_text"]
