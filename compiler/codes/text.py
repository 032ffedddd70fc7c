"""NNC01: the text of a file, YAML or JSON."""

from __future__ import annotations

from nnc.compiler.codes.code import Code, define

__all__ = ["CODES"]

CODES: tuple[Code, ...] = (
    define(
        "NNC0101",
        "unreadable-file",
        "The file cannot be read.",
        """There is no file of this name, it is a directory, or the system does not let you read it. A path is taken
        from the folder in which the command runs.""",
    ),
    define(
        "NNC0102",
        "not-utf8",
        "The file's bytes are not UTF-8 text.",
        """Specs are UTF-8, with or without a byte order mark. The place shown is the first byte that UTF-8 does not
        have: often an accented letter that an editor saved in an older encoding. Save the file as UTF-8.""",
    ),
    define(
        "NNC0103",
        "control-character",
        "A control character stands in the text.",
        """YAML allows line breaks, tabs and printable characters. A NUL or another control character means a binary
        file, or a copy that went wrong; one that an escape such as `"\\a"` stands for is refused too, since names
        and texts are printed on terminals.""",
        """
        nnc: 1
        name: "lenet\\a"
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
        """
        nnc: 1
        name: "lenet"
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0104",
        "text-too-large",
        "The text is larger or nested deeper than what is read.",
        """A spec is read within fixed bounds on its characters, on the number of its values and on how deeply they
        are nested, so that no file can exhaust the machine. An alias (`*name`) counts as all that it stands for.
        Networks with many equal layers are shorter with `repeat:`, `for:` and blocks.""",
        "nnc: 1\nmetadata: " + "[" * 70 + "]" * 70,
        "nnc: 1\nmetadata: {levels: [[[1]]]}\ninputs: {x: [B, 16]}\nlayers:\n  fc: Linear(10)",
    ),
    define(
        "NNC0105",
        "yaml-syntax",
        "The text is not YAML.",
        """The place shown is where the reader could not go on; the cause is often a line earlier: a bracket or a
        quote that is not closed, a line that is indented differently from its neighbors, a value that begins with a
        character that YAML keeps for itself (`*`, `&`, `!`, `@`, `%`, `>`, `|`, a backtick) or that holds `: `. A
        value in quotes may hold anything.""",
        """
        nnc: 1
        inputs: {x: [B, 16]
        layers:
          fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0106",
        "json-syntax",
        "The text is not JSON.",
        """A file whose name ends in `.json` is read as strict JSON: keys and texts in double quotes, no comma after
        the last item, no comments, `true`, `false` and `null` in lower case. A file ending in `.yaml` may hold the
        same text with all of these.""",
        """{"nnc": 1, "inputs": {"x": ["B", 16]}, "layers": {"fc": "Linear(10)",}}""",
        """{"nnc": 1, "inputs": {"x": ["B", 16]}, "layers": {"fc": "Linear(10)"}}""",
    ),
    define(
        "NNC0107",
        "duplicate-key",
        "A key is given twice in one mapping.",
        """Most YAML readers keep the last of two equal keys and drop the other without a word: a layer would
        vanish. Here each key stands once. The label shows the first of the two.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(32)
          fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc1: Linear(32)
          fc2: Linear(10)
        """,
    ),
    define(
        "NNC0108",
        "key-not-text",
        "A key is not text.",
        """Keys are names. A key that YAML reads as a number, as true or false, or as null must be quoted to be one;
        a list or a mapping cannot be a key at all. Braces around a key, as in `{{ width }}`, are a mapping to YAML:
        expressions are written `${width}`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          0: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          "0": Linear(10)
        """,
    ),
    define(
        "NNC0109",
        "needs-quotes",
        "Inside [ ] or { }, YAML has cut a text at a comma or a bracket.",
        """Inside brackets and braces, YAML ends a plain text at every comma, bracket and brace: `[Linear(10,
        bias=False)]` is a list of two items, and `{size: ${width}}` is not YAML at all. Put the text in quotes, or
        write the list with one `- ` line for each item, where only `: ` and ` #` need quotes. `$width`, for a
        single name, is fine everywhere.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head: {type: Linear(10, bias=False), from: x}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          head: {type: "Linear(10, bias=False)", from: x}
        """,
    ),
    define(
        "NNC0110",
        "tag-refused",
        "A YAML tag is refused.",
        """Tags such as `!!python/object` tell a YAML reader to build something of a program. A spec is data, so no
        tag is followed. To write a text that begins with `!`, quote it.""",
        """
        nnc: 1
        name: !!str lenet
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
        """
        nnc: 1
        name: lenet
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0111",
        "unknown-alias",
        "An alias stands for nothing.",
        """`*name` repeats the value that `&name` was put before, earlier in the file. Here no such mark stands
        before it, or the alias stands inside the very value. A text that merely begins with `*`, such as the
        pattern `*bias`, must be quoted.""",
        """
        nnc: 1
        name: *net
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
        """
        nnc: 1
        name: "*net"
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0112",
        "merge-key",
        "The merge key `<<` is refused.",
        """`<<: *base` was an extension of YAML 1.1 and is not part of YAML 1.2. It would also hide where an entry
        comes from. Use a block with arguments, a loop, or `extends:`; a plain alias `*base` may still repeat a
        whole value.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          <<: {hidden: Linear(32)}
          fc: Linear(10)
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          hidden: Linear(32)
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0113",
        "several-documents",
        "A second document begins in the file.",
        """A line `---` begins a new YAML document. A file holds one spec: put the second into a file of its own, or
        remove the line.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        ---
        nnc: 1
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0114",
        "empty-file",
        "The file holds no spec.",
        "The file has nothing but comments and white space. The smallest spec has `nnc:`, `inputs:`, `layers:`.",
        "# a network will stand here",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: Linear(10)
        """,
    ),
    define(
        "NNC0115",
        "number-too-large",
        "A number is larger than any float.",
        """Numbers beyond about 1.8e308 would silently become infinite. If infinity is meant, write `.inf`.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {scale: 1e999}
        layers:
          scaled: x * scale
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        args: {scale: 1e9}
        layers:
          scaled: x * scale
        """,
    ),
    define(
        "NNC0116",
        "tab",
        "A tab stands where YAML wants spaces.",
        """YAML is indented with spaces only: how wide a tab is, every editor decides for itself. Most editors can
        turn the tabs of a file into spaces.""",
        "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n\tfc: Linear(10)",
        "nnc: 1\ninputs: {x: [B, 16]}\nlayers:\n  fc: Linear(10)",
    ),
    define(
        "NNC0117",
        "missing-space",
        "A space is missing after a colon.",
        """In YAML `type:Linear` is one text; a key ends with a colon and a space.""",
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: {type:Linear(10)}
        """,
        """
        nnc: 1
        inputs: {x: [B, 16]}
        layers:
          fc: {type: Linear(10)}
        """,
    ),
)
