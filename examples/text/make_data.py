"""Writes the small data of this folder: words of three invented languages, and sentences about animals.

python examples/text/make_data.py
"""

from __future__ import annotations

import random
from pathlib import Path

FOLDER = Path(__file__).parent
LANGUAGES = {
    "Tavian": (("ta", "vi", "li", "mo", "sa", "re"), ("ni", "la", "na", "ri"), 120),
    "Korgan": (("kor", "gra", "dur", "brak", "thum"), ("gan", "dok", "rug", "zak"), 70),
    "Shelish": (("she", "fli", "ish", "wye", "lle"), ("sh", "lesh", "wyn", "eth"), 40),
}


def words() -> list[tuple[str, str]]:
    """Words and their languages, which differ in number."""
    draw = random.Random(0)
    rows = []
    for language, (syllables, ends, count) in LANGUAGES.items():
        for _ in range(count):
            middle = "".join(draw.choices(syllables, k=draw.randint(1, 4)))
            rows.append(((middle + draw.choice(ends)).capitalize(), language))
    draw.shuffle(rows)
    return rows


def sentences() -> list[str]:
    """Sentences of one plain form."""
    draw = random.Random(1)
    animals, colors = ("cat", "dog", "hen", "fox", "owl"), ("red", "old", "wee", "sly", "big")
    verbs, places = ("sits", "runs", "naps", "hops"), ("on the mat", "in the sun", "by the sea", "at home")
    forms = ((colors, animals, verbs, places) for _ in range(160))
    return ["the " + " ".join(draw.choice(part) for part in form) + "." for form in forms]


if __name__ == "__main__":
    rows = "".join(f"{word},{language}\n" for word, language in words())
    (FOLDER / "words.csv").write_text("word,language\n" + rows, encoding="utf-8")
    (FOLDER / "sentences.txt").write_text("\n".join(sentences()) + "\n", encoding="utf-8")
