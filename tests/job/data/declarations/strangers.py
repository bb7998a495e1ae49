"""Files as strangers have them: UCI's German credit by its published layout, a bank's export, three hundred columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CODES = {
    0: ("A11", "A12", "A13", "A14"),
    2: ("A30", "A31", "A32", "A33", "A34"),
    3: ("A40", "A41", "A42", "A43", "A44", "A45", "A46", "A48", "A49", "A410"),
    5: ("A61", "A62", "A63", "A64", "A65"),
    6: ("A71", "A72", "A73", "A74", "A75"),
    8: ("A91", "A92", "A93", "A94"),
    9: ("A101", "A102", "A103"),
    11: ("A121", "A122", "A123", "A124"),
    13: ("A141", "A142", "A143"),
    14: ("A151", "A152", "A153"),
    16: ("A171", "A172", "A173", "A174"),
    18: ("A191", "A192"),
    19: ("A201", "A202"),
}
NUMBERS = {1: (4, 72), 4: (250, 18424), 7: (1, 4), 10: (1, 4), 12: (19, 75), 15: (1, 4), 17: (1, 2)}


def german(path: Path, rows: int = 1000, seed: int = 1) -> None:
    """Write german.data: 20 attributes and the class (1 good, 2 bad), separated by blanks, without a header."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(0, 1, rows)
    columns: list[list[str]] = []
    for place in range(20):
        rank = (np.argsort(np.argsort(risk + rng.normal(0, 2, rows))) + 0.5) / rows
        if place in CODES:
            codes = CODES[place]
            columns.append([codes[int(one * len(codes))] for one in rank])
        else:
            low, high = NUMBERS[place]
            columns.append([str(int(low + one * (high - low + 0.99))) for one in rank**2])
    bad = np.argsort(np.argsort(-(risk + rng.normal(0, 0.7, rows)))) < round(0.3 * rows)
    columns.append(["2" if one else "1" for one in bad])
    path.write_text("".join(" ".join(row) + "\n" for row in zip(*columns, strict=True)))


def export(path: Path, rows: int = 3000, seed: int = 1, encoding: str = "utf-8") -> None:
    """Write a bank's export: semicolons, decimal commas, thousands' points, days first, several loans to a customer."""
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, rows // 3, rows)
    risk = rng.normal(0, 1, rows // 3)[customer] + rng.normal(0, 0.5, rows)
    days = np.sort(rng.integers(0, 5 * 365, rows))
    granted = np.datetime64("2015-01-01") + days
    opened = granted - rng.integers(100, 5000, rows)
    amount = np.round(np.exp(rng.normal(9, 0.8, rows)), 2)
    share = np.round(1 / (1 + np.exp(-risk - rng.normal(0, 1, rows))), 4)
    bad = risk + rng.normal(0, 1, rows) > 1
    lines = ["Vertrag;Kunde;Bewilligt;Konto seit;Betrag;Auslastung;Zweck;Geschlecht;Ausgang;Verlust"]
    for i in range(rows):
        number = f"{amount[i]:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")
        used = "k.A." if i % 50 == 7 else f"{share[i]:.4f}".replace(".", ",")
        lost = f"{amount[i] * 0.4:.2f}".replace(".", ",") if bad[i] else ""
        purpose = ("Auto", "Möbel", "Umschuldung", "Reise")[int(rng.integers(0, 4))]
        first, second = _day(granted[i]), _day(opened[i])
        sex = "w" if rng.random() < 0.5 else "m"
        end = "ausgefallen" if bad[i] else "bezahlt" if i % 40 else "laufend"
        lines.append(f"V{i:06d};K{customer[i]:05d};{first};{second};{number};{used};{purpose};{sex};{end};{lost}")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))


def wide(path: Path, rows: int = 1500, columns: int = 300, seed: int = 1) -> None:
    """Write three hundred columns: most of them noise, some that tell something, and some that tell too much."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(0, 1, rows)
    bad = risk + rng.normal(0, 1, rows) > 1.2
    tells = [0.5 * (i < 10) for i in range(columns - 6)]
    table = {f"x{i:03d}": np.round(rng.normal(0, 1, rows) + tell * risk, 5) for i, tell in enumerate(tells)}
    text = {name: values.astype(str).tolist() for name, values in table.items()}
    text["x005"] = ["-999" if i % 20 == 3 else one for i, one in enumerate(text["x005"])]
    text["recovered"] = [f"{100 + i % 37}.5" if one else "" for i, one in enumerate(bad)]
    text["written_off"] = [str(50 + i % 11) if one and i % 3 else "0" for i, one in enumerate(bad)]
    text["score_at_end"] = np.round(bad + rng.normal(0, 0.2, rows), 4).astype(str).tolist()
    text["loan_number"] = [str(70000 + i) for i in range(rows)]
    text["constant"] = ["7"] * rows
    text["default"] = ["1" if one else "0" for one in bad]
    lines = [",".join(text), *(",".join(row) for row in zip(*text.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")


def _day(day: np.datetime64) -> str:
    year, month, date = str(day).split("-")
    return f"{date}.{month}.{year}"
