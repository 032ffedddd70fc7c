"""The document: its JSON Schema check, and its typed form."""

from nnc.compiler.schema.check import Broken, check_document
from nnc.compiler.schema.publish import published_schema
from nnc.compiler.schema.read import read_spec

__all__ = ["Broken", "check_document", "published_schema", "read_spec"]
