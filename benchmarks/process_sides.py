"""Lending Club's features as pandas and polars would have them: the sides that `benchmarks.process` compares with.

Each is a process: ``python -m benchmarks.process_sides SIDE RAW.csv FOLDER``. It reads the needed columns, computes the
features that :mod:`job.data.datasets.lending_club` documents, and writes ``X.parquet`` (float32) and ``y.parquet`` to
the folder. They are written as people write them who know these libraries: only the columns that are needed, whole
columns at a time. They take the file to be clean, and check nothing.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Side

# Names alone, without importing the package under test: a side pays for its own library only.
NUMBERS = (
    "loan_amnt", "installment", "annual_inc", "dti", "delinq_2yrs", "inq_last_6mths", "open_acc", "pub_rec",
    "revol_bal", "revol_util", "total_acc", "avg_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths",
    "percent_bc_gt_75", "inq_fi",
)  # fmt: skip
LEVELS = {
    "term": ("60 months",),
    "home_ownership": ("MORTGAGE", "NONE", "OTHER", "OWN", "RENT"),
    "verification_status": ("Source Verified", "Verified"),
    "purpose": (
        "credit_card", "debt_consolidation", "educational", "home_improvement", "house", "major_purchase", "medical",
        "moving", "other", "renewable_energy", "small_business", "vacation", "wedding",
    ),
}  # fmt: skip
NAMES = ("emp_length", "issue_d", "earliest_cr_line", *LEVELS, "loan_status")
FINISHED = ("Fully Paid", "Charged Off")
DERIVED = ("emp_length", "credit_age", "new_dti", "income_to_payment", "revol_to_income")
FEATURES = (*NUMBERS, *DERIVED, *(f"{name}_{level}" for name, levels in LEVELS.items() for level in levels))
LOGARITHMS = ("annual_inc", "income_to_payment", "revol_to_income")
DAYS_PER_MONTH = 30.4375


def floor(raw: Path, _folder: Path) -> None:
    """Parse the needed columns, and nothing else."""
    from pyarrow import csv

    csv.read_csv(raw, convert_options=csv.ConvertOptions(include_columns=[*NUMBERS, *NAMES]))


def with_polars(raw: Path, folder: Path) -> None:
    import polars as pl

    names = pl.Categorical()
    schema: dict[str, Any] = dict.fromkeys(NUMBERS, pl.Float64) | dict.fromkeys(NAMES, names)
    loans = pl.scan_csv(raw, schema_overrides=schema).filter(pl.col("loan_status").is_in(FINISHED))
    monthly = pl.col("annual_inc") / 12
    ratios = {
        "new_dti": (pl.col("dti") / 100 * monthly + pl.col("installment")) / monthly,
        "income_to_payment": monthly / pl.col("installment"),
        "revol_to_income": pl.col("revol_bal") / monthly,
    }
    month = {name: pl.col(name).cast(pl.String).str.to_date("%b-%Y") for name in ("issue_d", "earliest_cr_line")}
    years = pl.col("emp_length").cast(pl.String)
    values: dict[str, Any] = {name: pl.col(name) for name in NUMBERS}
    values["emp_length"] = (
        pl.when(years.str.starts_with("<")).then(0).otherwise(years.str.extract(r"(\d+)").cast(pl.Float64))
    )
    values["credit_age"] = (month["issue_d"] - month["earliest_cr_line"]).dt.total_days() / DAYS_PER_MONTH
    values |= {name: pl.when(ratio.is_finite()).then(ratio) for name, ratio in ratios.items()}
    values |= {name: values[name].fill_null(0).log1p() for name in LOGARITHMS}
    values |= {
        f"{name}_{level}": pl.col(name).cast(pl.String).str.strip_chars() == level
        for name, levels in LEVELS.items()
        for level in levels
    }
    features = [values[name].cast(pl.Float32).alias(name) for name in FEATURES]
    labels = [(pl.col("loan_status") == "Charged Off").cast(pl.Int8).alias("target"), month["issue_d"].alias("time")]
    made = loans.select(*features, *labels).collect(engine="streaming")
    made.select(FEATURES).write_parquet(folder / "X.parquet", compression="lz4")
    made.select("target", "time").write_parquet(folder / "y.parquet", compression="lz4")


def with_pandas(raw: Path, folder: Path) -> None:
    """As most people write it: `read_csv` of the needed columns, vectorised operations on columns and strings."""
    import numpy as np
    import pandas as pd

    loans = pd.read_csv(raw, usecols=[*NUMBERS, *NAMES])
    loans = loans[loans["loan_status"].isin(FINISHED)]
    month = {name: pd.to_datetime(loans[name], format="%b-%Y") for name in ("issue_d", "earliest_cr_line")}
    values = {name: loans[name] for name in NUMBERS}
    years = loans["emp_length"].str.extract(r"(\d+)", expand=False).astype("float64")
    values["emp_length"] = years.mask(loans["emp_length"].str.startswith("<", na=False), 0)
    values |= _pandas_ratios(loans, month)
    values |= {name: np.log1p(values[name].fillna(0)) for name in LOGARITHMS}
    for name, levels in LEVELS.items():
        cells = loans[name].str.strip()
        values |= {f"{name}_{level}": cells == level for level in levels}
    _write_pandas(loans, values, month, folder)


def with_pandas_tuned(raw: Path, folder: Path) -> None:
    """As somebody writes it who measures: types given, names as categories, strings touched once for each level."""
    import numpy as np
    import pandas as pd

    types: dict[str, Any] = dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(NAMES, "category")
    loans = pd.read_csv(raw, usecols=[*NUMBERS, *NAMES], dtype=types)
    loans = loans[loans["loan_status"].isin(FINISHED)]
    month = {
        name: loans[name].map(lambda text: pd.to_datetime(text, format="%b-%Y")).astype("datetime64[s]")
        for name in ("issue_d", "earliest_cr_line")
    }
    values = {name: loans[name] for name in NUMBERS}
    known = loans["emp_length"].cat.categories
    years = {text: 0.0 if text.startswith("<") else float(text.split()[0].rstrip("+")) for text in known}
    values["emp_length"] = loans["emp_length"].map(years).astype("float64")
    values |= _pandas_ratios(loans, month)
    values |= {name: np.log1p(values[name].fillna(0)) for name in LOGARITHMS}
    for name, levels in LEVELS.items():
        cells = loans[name].cat.rename_categories(str.strip)
        values |= {f"{name}_{level}": cells == level for level in levels}
    _write_pandas(loans, values, month, folder)


def _pandas_ratios(loans: Any, month: Any) -> dict[str, Any]:
    import numpy as np

    monthly = loans["annual_inc"] / 12
    ratios = {
        "new_dti": (loans["dti"] / 100 * monthly + loans["installment"]) / monthly,
        "income_to_payment": monthly / loans["installment"],
        "revol_to_income": loans["revol_bal"] / monthly,
    }
    age = (month["issue_d"] - month["earliest_cr_line"]).dt.days / DAYS_PER_MONTH
    return {"credit_age": age, **{name: ratio.where(np.isfinite(ratio)) for name, ratio in ratios.items()}}


def _write_pandas(loans: Any, values: Any, month: Any, folder: Path) -> None:
    import pandas as pd

    features = pd.DataFrame({name: values[name].astype("float32") for name in FEATURES})
    labels = {"target": (loans["loan_status"] == "Charged Off").astype("int8"), "time": month["issue_d"]}
    features.to_parquet(folder / "X.parquet", compression="lz4", index=False)
    pd.DataFrame(labels).to_parquet(folder / "y.parquet", compression="lz4", index=False)


def sha256(raw: Path, _folder: Path) -> None:
    """Hash the file, which ours does besides; the answer counts the hashing alone, without reading."""
    spent, digest = 0.0, hashlib.sha256()
    with raw.open("rb") as file:
        while data := file.read(1 << 20):
            start = time.thread_time()
            digest.update(data)
            spent += time.thread_time() - start
    print(json.dumps({"cpu_s": spent}))


SIDES = {
    "polars": with_polars,
    "pandas": with_pandas,
    "pandas, tuned": with_pandas_tuned,
    "floor": floor,
    "SHA-256": sha256,
}
NOTES = {
    "polars": "lazy and streaming; checks nothing; writes X and y",
    "pandas": "`read_csv` of the needed columns; checks nothing; writes X and y",
    "pandas, tuned": "the same with types and categories given; checks nothing; writes X and y",
    "floor": "`pyarrow.csv.read_csv` of the needed columns; computes and writes nothing",
    "SHA-256": "of the raw file, which ours computes besides; CPU of the hashing alone",
}


def side(name: str, raw: Path, folder: Path) -> Side:
    """Return one of the sides as a process."""
    command = (sys.executable, "-m", "benchmarks.process_sides", name, str(raw), str(folder))
    return Side(name, command, NOTES[name])


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    SIDES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
