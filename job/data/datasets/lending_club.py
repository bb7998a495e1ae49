"""Lending Club's accepted loans, 2007 to 2018, with what is known at application (after Namvar et al. 2018).

Anything that becomes known only after the loan was granted (payments, recoveries, the score at the last credit pull) is
leakage and is not among the columns. The lender's own grade and rate are not either, but the rate is in them all the
same: amount, installment and term give it back within 0.02 points for 99.9 % of the loans. The study divides by the
income without noticing that `dti` is a percentage; here it is a hundredth of that.

These are the published study's features and rows, as they are; :mod:`job.data.datasets.lending_club_matured` is what we
recommend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np

from job.arrays import to_host
from job.data.datasets.dataset import Dataset, Derived, Put, float32, one_hot, over
from job.data.raw.cells import Categories, categories, mapped, months, numbers, numbers_if_any
from job.data.raw.header import RawColumn
from job.data.raw.rawfile import RawTable
from job.metrics import Array

NUMBERS = (
    "loan_amnt", "installment", "annual_inc", "dti", "delinq_2yrs", "inq_last_6mths", "open_acc", "pub_rec",
    "revol_bal", "revol_util", "total_acc", "avg_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths",
    "percent_bc_gt_75", "inq_fi",
)  # fmt: skip
LEVELS: dict[str, tuple[str, ...]] = {
    "term": ("36 months", "60 months"),
    "home_ownership": ("ANY", "MORTGAGE", "NONE", "OTHER", "OWN", "RENT"),
    "verification_status": ("Not Verified", "Source Verified", "Verified"),
    "purpose": (
        "car", "credit_card", "debt_consolidation", "educational", "home_improvement", "house", "major_purchase",
        "medical", "moving", "other", "renewable_energy", "small_business", "vacation", "wedding",
    ),
}  # fmt: skip
RATE = RawColumn("int_rate", number=True)
FINISHED = {"Fully Paid": 0, "Charged Off": 1}
UNFINISHED = ("Current", "Issued", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)", "Default")
# Two blanks in Lending Club's own files, one in Kaggle's.
OUTSIDE_POLICY = ("Does not meet the credit policy. Status:", "Does not meet the credit policy.  Status:")
STATUSES = {
    **FINISHED,
    # Loans that have not ended, or were made outside the lender's own rules, are neither.
    **dict.fromkeys(UNFINISHED, 2),
    **{policy + status: 2 for policy in OUTSIDE_POLICY for status in (*FINISHED, *UNFINISHED)},
}
DAYS_PER_MONTH = 30.4375
# From Lending Club's first loans to the end of its platform for private lenders.
ISSUED = (date(2007, 1, 1), date(2020, 12, 31))
# No borrower has older ones; one behind its loan is refused as such, whatever the century.
CREDIT_LINES = (date(1900, 1, 1), date(2099, 12, 31))
HEADER = tuple(
    """
    id member_id loan_amnt funded_amnt funded_amnt_inv term int_rate installment grade sub_grade emp_title emp_length
    home_ownership annual_inc verification_status issue_d loan_status pymnt_plan url desc purpose title zip_code
    addr_state dti delinq_2yrs earliest_cr_line fico_range_low fico_range_high inq_last_6mths mths_since_last_delinq
    mths_since_last_record open_acc pub_rec revol_bal revol_util total_acc initial_list_status out_prncp out_prncp_inv
    total_pymnt total_pymnt_inv total_rec_prncp total_rec_int total_rec_late_fee recoveries collection_recovery_fee
    last_pymnt_d last_pymnt_amnt next_pymnt_d last_credit_pull_d last_fico_range_high last_fico_range_low
    collections_12_mths_ex_med mths_since_last_major_derog policy_code application_type annual_inc_joint dti_joint
    verification_status_joint acc_now_delinq tot_coll_amt tot_cur_bal open_acc_6m open_act_il open_il_12m open_il_24m
    mths_since_rcnt_il total_bal_il il_util open_rv_12m open_rv_24m max_bal_bc all_util total_rev_hi_lim inq_fi
    total_cu_tl inq_last_12m acc_open_past_24mths avg_cur_bal bc_open_to_buy bc_util chargeoff_within_12_mths
    delinq_amnt mo_sin_old_il_acct mo_sin_old_rev_tl_op mo_sin_rcnt_rev_tl_op mo_sin_rcnt_tl mort_acc
    mths_since_recent_bc mths_since_recent_bc_dlq mths_since_recent_inq mths_since_recent_revol_delinq
    num_accts_ever_120_pd num_actv_bc_tl num_actv_rev_tl num_bc_sats num_bc_tl num_il_tl num_op_rev_tl num_rev_accts
    num_rev_tl_bal_gt_0 num_sats num_tl_120dpd_2m num_tl_30dpd num_tl_90g_dpd_24m num_tl_op_past_12m pct_tl_nvr_dlq
    percent_bc_gt_75 pub_rec_bankruptcies tax_liens tot_hi_cred_lim total_bal_ex_mort total_bc_limit
    total_il_high_credit_limit revol_bal_joint sec_app_fico_range_low sec_app_fico_range_high sec_app_earliest_cr_line
    sec_app_inq_last_6mths sec_app_mort_acc sec_app_open_acc sec_app_revol_util sec_app_open_act_il
    sec_app_num_rev_accts sec_app_chargeoff_within_12_mths sec_app_collections_12_mths_ex_med
    sec_app_mths_since_last_major_derog hardship_flag hardship_type hardship_reason hardship_status deferral_term
    hardship_amount hardship_start_date hardship_end_date payment_plan_start_date hardship_length hardship_dpd
    hardship_loan_status orig_projected_additional_accrued_interest hardship_payoff_balance_amount
    hardship_last_payment_amount disbursement_method debt_settlement_flag debt_settlement_flag_date settlement_status
    settlement_date settlement_amount settlement_percentage settlement_term
    """.split()  # noqa: SIM905 - 151 names are read better so
)


def derive(raw: RawTable, put: Put) -> Derived:
    """Derive the features of finished loans: charged off (1) against fully paid (0)."""
    status = mapped(
        raw, "loan_status", STATUSES, "is not a status of this dataset", "Correct the cell or remove the row."
    )
    rows = np.flatnonzero(status < 2)
    values = {name: numbers(raw, name).take(rows) for name in NUMBERS}
    issued, earliest = loan_dates(raw, status < 2)
    issued, earliest = issued.take(rows), earliest.take(rows)
    values["emp_length"] = employment_years(raw).take(rows)
    values["credit_age"] = (issued - earliest) / np.timedelta64(1, "D") / DAYS_PER_MONTH
    there = {name: put(column) for name, column in values.items()}
    there |= _ratios(there)
    values = {name: to_host(column) for name, column in there.items()}
    features = {name: float32(column) for name, column in there.items()}
    for name in ("annual_inc", "income_to_payment", "revol_to_income"):
        with np.errstate(invalid="ignore", divide="ignore"):
            features[name] = float32(np.log1p(np.nan_to_num(values[name], nan=0.0)))
    named: dict[str, Any] = {}
    unknown: dict[str, Mapping[str, int]] = {}
    for name, levels in LEVELS.items():
        cells: Categories = categories(raw, name).take(rows)
        encoded, strange = one_hot(name, cells, levels, put)
        features |= encoded
        named[name] = cells.texts()
        if strange:
            unknown[name] = strange
    target = status[rows].astype(np.int8)
    found = categories(raw, "loan_status")
    dropped = {f"loan_status {name}": count for name, count in found.counts().items() if name and STATUSES[name] == 2}
    interim = {"issue_d": issued, "earliest_cr_line": earliest, **values, **named, "target": target}
    return Derived(
        interim, features, target, time=issued, dropped=dropped, unknown=unknown, known_later=lenders_rate(raw, rows)
    )


def lenders_rate(raw: RawTable, rows: Array) -> dict[str, Array]:
    """Return the rate of some loans, where the file has it: set by the lender, who knew more than was asked for."""
    return {RATE.name: numbers_if_any(raw, RATE.name).take(rows)} if raw.has(RATE.name) else {}


def loan_dates(raw: RawTable, finished: Array) -> tuple[Array, Array]:
    """Return when each loan was issued and when the first credit line was opened, as datetime64[D].

    Raises
    ------
    RawFileInvalid
        Naming the line of a date that cannot be.
    """
    issued = months(raw, "issue_d", *ISSUED)
    earliest = months(raw, "earliest_cr_line", *CREDIT_LINES)
    undated = finished & np.isnat(issued)
    if undated.any():
        raw.refuse(int(undated.argmax()), "issue_d", "", "is no date, and every loan has one", "Correct the cell.")
    later = finished & (earliest > issued)
    if later.any():
        row = int(later.argmax())
        raw.refuse(
            row,
            "earliest_cr_line",
            raw.texts("earliest_cr_line").at(row),
            f"cannot be: the credit line opens after the loan, whose issue_d is {raw.texts('issue_d').at(row)}",
            "Take the dates from the original file; saving it again may have put years such as 65 into the wrong "
            "century.",
        )
    return issued, earliest


def _ratios(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return debt to income with this loan's installment, and income and revolving debt against monthly payments.

    With m the monthly income: new_dti = (dti/100·m + installment)/m, income_to_payment = m/installment,
    revol_to_income = revol_bal/m. Division by zero gives a missing value.
    They are computed where the values are.
    """
    m = values["annual_inc"] / 12
    installment = values["installment"]
    with np.errstate(over="ignore"):
        owed = values["dti"] / 100 * m + installment
    return {
        "new_dti": over(owed, m),
        "income_to_payment": over(m, installment),
        "revol_to_income": over(values["revol_bal"], m),
    }


def employment_years(raw: RawTable) -> Array:
    """Return the length of employment in years: '< 1 year' is 0, '10+ years' is 10, missing is NaN."""
    found = categories(raw, "emp_length")
    years = []
    for i, value in enumerate(found.values):
        match = re.fullmatch(r"(< ?1|10\+|\d+(?:\.0)?)(?: years?)?", value)
        if match is None:
            row = int((found.codes == i).argmax())
            raw.refuse(
                row,
                "emp_length",
                value,
                "is not a number of years",
                "Write it as '3 years', '< 1 year' or '10+ years'.",
            )
        years.append(0.0 if match[1].startswith("<") else float(match[1].rstrip("+")))
    return np.array([*years, np.nan]).take(found.codes)


BLOCK_ROWS = 100_000
_MONTH_NAMES = np.array(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])


def sample(rows: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """Imitate the raw file: a hidden creditworthiness drives utilisation, inquiries, income, rate and outcome."""
    for block, start in enumerate(range(0, rows, BLOCK_ROWS)):
        yield _sample_block(np.random.default_rng([seed, block]), start, min(BLOCK_ROWS, rows - start))


def _sample_block(rng: np.random.Generator, start: int, n: int) -> dict[str, Any]:
    risk = rng.normal(0, 1, n)
    income = np.round(np.exp(rng.normal(11.1, 0.5, n) - 0.08 * risk), 0)
    amount = np.clip(np.round(np.exp(rng.normal(9.45, 0.6, n)) / 25) * 25, 1000, 40000)
    long_term = rng.random(n) < 1 / (1 + np.exp(-(-1.1 + 0.35 * risk + (amount - 15000) / 15000)))
    rate = np.clip(12.5 + 3.6 * risk + 2.0 * long_term + rng.normal(0, 2, n), 5.3, 30.9).round(2)
    periods, monthly = np.where(long_term, 60, 36), rate / 1200
    installment = (amount * monthly / (1 - (1 + monthly) ** -periods)).round(2)
    dti = np.clip(rng.gamma(3.2, 5.4, n) + 1.8 * risk, 0, 60).round(2)
    limit = np.round(np.exp(rng.normal(10.1, 0.8, n) - 0.1 * risk), -2)
    use = np.clip(1 / (1 + np.exp(-(0.05 + 0.45 * risk + rng.normal(0, 0.9, n)))), 0, 1)
    issued = rng.choice(np.arange(24, 144), n, p=_issue_weights())
    age = np.clip(rng.gamma(4.5, 42, n) - 10 * risk, 36, 600).astype(np.int64)
    opened = np.clip(rng.poisson(4.4 * np.exp(0.15 * risk)), 0, 30)
    log_odds = -1.62 + 0.62 * risk + 0.5 * long_term + 0.02 * (dti - 18) - 0.25 * np.log(income / 65000)
    log_odds += 0.08 * (opened - 4.5)
    charged_off = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    running = rng.random(n) < np.clip((issued - 90) / 60, 0, 0.85)
    late = np.array(["Current", "Late (31-120 days)", "In Grace Period", "Late (16-30 days)"])
    status = np.where(
        running, late[rng.choice(4, n, p=[0.955, 0.03, 0.009, 0.006])],
        np.where(charged_off, "Charged Off", "Fully Paid"),
    )  # fmt: skip
    paid_share = np.where(status == "Fully Paid", 1.0, np.clip(rng.beta(2, 3, n), 0, 0.95))
    total_payment = (installment * periods * paid_share).round(2)
    gone = (status == "Charged Off") * rng.random(n)
    years = rng.choice(13, n, p=[0.08, 0.067, 0.09, 0.08, 0.06, 0.062, 0.045, 0.042, 0.042, 0.037, 0.33, 0.065, 0.0])
    words = np.array(["< 1 year", "1 year", *(f"{i} years" for i in range(2, 10)), "10+ years", "", ""])
    purpose_share = np.array([1.05, 22, 57.5, 0.04, 6.7, 0.5, 2.2, 1.2, 0.7, 6, 0.06, 1.2, 0.75, 0.1])
    some = rng.random(n)
    newer = issued >= 107  # from December 2015 on there are columns that did not exist before
    missing = ""
    return {
        "id": np.arange(start + 1, start + n + 1),
        "loan_amnt": amount,
        "funded_amnt": amount,
        "term": np.where(long_term, " 60 months", " 36 months"),
        "int_rate": rate,
        "installment": installment,
        "grade": np.array(list("ABCDEFG"))[np.clip(((rate - 5) / 3.8).astype(np.int64), 0, 6)],
        "emp_length": words[years],
        "home_ownership": np.array(["ANY", "MORTGAGE", "NONE", "OTHER", "OWN", "RENT"])[
            rng.choice(6, n, p=[0.0005, 0.495, 0.0001, 0.0003, 0.1095, 0.3946])
        ],
        "annual_inc": income,
        "verification_status": np.array(LEVELS["verification_status"])[rng.choice(3, n, p=[0.34, 0.38, 0.28])],
        "issue_d": _month_names(issued),
        "loan_status": status,
        "purpose": np.array(LEVELS["purpose"])[rng.choice(14, n, p=purpose_share / purpose_share.sum())],
        "dti": dti,
        "delinq_2yrs": rng.poisson(0.3 * np.exp(0.2 * risk)),
        "earliest_cr_line": _month_names(issued - age),
        "inq_last_6mths": np.clip(rng.poisson(0.6 * np.exp(0.25 * risk)), 0, 8),
        "open_acc": np.clip(rng.poisson(11.6, n), 1, 60),
        "pub_rec": rng.poisson(0.2 * np.exp(0.2 * risk)),
        "revol_bal": np.round(limit * use),
        "revol_util": np.where(some < 0.001, missing, (100 * use).round(1).astype(str)),
        "total_acc": np.clip(rng.poisson(24, n), 2, 120),
        "total_pymnt": total_payment,
        "recoveries": (0.1 * amount * gone).round(2),
        "last_pymnt_amnt": np.where(status == "Fully Paid", (amount * rng.random(n)).round(2), installment),
        "avg_cur_bal": np.where(some < 0.027, missing, np.round(np.exp(rng.normal(8.9, 1.1, n))).astype(str)),
        "total_rev_hi_lim": np.where(some < 0.027, missing, limit.astype(str)),
        "acc_open_past_24mths": np.where(some < 0.019, missing, opened.astype(str)),
        "percent_bc_gt_75": np.where(
            some < 0.03, missing, np.clip(100 * use + rng.normal(0, 25, n), 0, 100).round(1).astype(str)
        ),
        "inq_fi": np.where(newer, rng.poisson(1.0, n).astype(str), missing),
    }


def _issue_weights() -> Array:
    growth = np.exp(np.linspace(0, 4.2, 120))
    growth[80:] = growth[80] * 1.1  # the platform stopped growing
    weights: Array = growth / growth.sum()
    return weights


def _month_names(count: Array) -> Array:
    """Return months since January 2007 as Dec-2015."""
    names: Array = np.char.add(np.char.add(_MONTH_NAMES[count % 12], "-"), (2007 + count // 12).astype(str))
    return names


LENDING_CLUB = Dataset(
    "lending_club",
    HEADER,
    (
        *(RawColumn(name, number=True) for name in NUMBERS),
        *(RawColumn(name) for name in ("emp_length", "issue_d", "earliest_cr_line", *LEVELS, "loan_status")),
    ),
    derive,
    sample,
    RawColumn("id"),
    known_later=(RATE,),
)
