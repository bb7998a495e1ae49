"""What an execution costs, from its attempts' records: estimates, marked so, whose prices do not change afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.stub import Stubber

from job.cloud.cost import FrozenPrices, freeze, reckon
from job.cloud.costing import data_attempts_before
from job.cloud.prices import (
    ADDRESS_USD,
    BOOT_SECONDS,
    TABLE,
    VOLUME_USD,
    Price,
    Prices,
    SpotPrice,
    find_prices,
    share_of,
)
from job.cloud.quotas import find_quota
from job.errors import AwsRefused
from job.executions.attempts import Attempt
from job.machines import MACHINES
from job.store import Store, report_key
from tests.job.cloud.test_resume import NOW, attempt

EACH = VOLUME_USD + ADDRESS_USD
PRICES = Prices(
    {"m5.xlarge": Price(0.2, "price list")},
    [
        SpotPrice("m5.xlarge", "eu-west-1a", NOW - timedelta(hours=5), 0.08),
        SpotPrice("m5.xlarge", "eu-west-1b", NOW - timedelta(hours=20), 0.06),
        SpotPrice("m5.xlarge", "eu-west-1a", NOW - timedelta(days=9), 0.04),
    ],
)


def on(life_cycle: str, instance: str = "i-1", zone: str = "eu-west-1a", **more: Any) -> dict[str, Any]:
    facts = {"id": instance, "type": "m5.xlarge", "life_cycle": life_cycle, "zone": zone}
    return {**facts, "vcpus": 4.0, "memory_mib": 14336.0, **more}


def cost_of(*attempts: Attempt, prices: Prices = PRICES, frozen: FrozenPrices | None = None) -> Any:
    return reckon("autumn", attempts, (), prices, frozen or FrozenPrices({}), {}, NOW)


def test_seconds_times_price_times_share_and_a_constant_for_each_instance() -> None:
    found = cost_of(attempt(None, "complete", hours=2, instance=on("spot")))
    hour = 0.04 + EACH  # the price of that zone when it began
    assert found.usd == pytest.approx(2 * hour + hour * BOOT_SECONDS / 3600)
    assert found.on_demand_usd == pytest.approx((2 + BOOT_SECONDS / 3600) * (0.2 + EACH))
    assert found.saved_usd > 0
    assert found.wasted_usd == 0
    assert found.instances == 1
    assert "no bill" in found.notes[0]
    assert found.as_json()["estimate"] is True


def test_two_attempts_on_one_instance_share_its_boot_and_its_hours() -> None:
    half = on("spot", vcpus=2.0, memory_mib=7168.0)
    found = cost_of(attempt("1/2", "complete", instance=half), attempt("2/2", "complete", instance=half))
    assert found.instances == 1
    assert [one.share for one in found.attempts] == [0.5, 0.5]


def test_what_was_killed_was_wasted_at_most_and_what_runs_is_neither() -> None:
    killed = attempt(None, None, ago=10, instance=on("spot"))
    running = attempt("1/2", None, hours=1, ago=1, instance=on("on-demand", "i-2"))
    found = cost_of(killed, running)
    assert [one.end for one in found.attempts] == ["killed", "running"]
    assert found.wasted_usd == pytest.approx(found.attempts[0].usd)


def test_an_attempt_of_no_instance_is_counted_and_not_guessed() -> None:
    found = cost_of(attempt(None, "complete"), attempt(None, "complete", instance=on("spot") | {"type": "m99.tiny"}))
    assert (found.unknown, found.usd) == (2, 0)
    assert [one.usd for one in found.attempts] == [None, None]


def test_prices_are_those_of_the_first_reckoning_even_if_history_is_gone(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    made = attempt(None, "complete", instance=on("spot")), attempt("1/2", None, instance=on("spot", "i-2"))
    first = cost_of(*made)
    freeze(store, first)
    later = cost_of(*made, prices=Prices({}), frozen=FrozenPrices.read(store, "autumn"))
    assert later.usd == pytest.approx(first.usd)
    assert later.attempts[0].source == first.attempts[0].source
    store.put(report_key("autumn", "cost.json"), b'{"prices": 3}')
    assert FrozenPrices.read(store, "autumn") == FrozenPrices({})
    freeze(store, cost_of(attempt(None, None, hours=1, ago=1, instance=on("spot"))))
    assert json.loads(store.get(report_key("autumn", "cost.json")) or b"")["execution"] == "autumn"


def test_the_data_job_that_made_the_data_counts_with_all_its_attempts_and_no_other() -> None:
    training = [attempt(None, "complete", ago=5)]
    data = [replace(attempt(None, "failed", ago=ago), job=f"{job} attempt {n}") for ago, job, n in (
        (30, "old", 1), (8, "mine", 1), (7, "mine", 2), (2, "later", 1),
    )]  # fmt: skip
    found = data_attempts_before(data, training, ("taiwan_credit", "lending_club"))
    assert [one.job for one in found] == ["mine attempt 1", "mine attempt 2"]
    assert data_attempts_before(data, [], ("taiwan_credit",)) == []


def test_a_zone_without_history_gets_the_mean_and_a_type_without_any_the_table() -> None:
    spot = PRICES.of("m5.xlarge", "spot", "eu-west-1c")
    assert spot is not None
    assert spot.usd == pytest.approx(0.07)
    assert PRICES.of("c5.xlarge", "spot") == Price(MACHINES["c5.xlarge"].spot_usd or 0, TABLE)
    assert PRICES.of("c5.xlarge", "on-demand") == Price(MACHINES["c5.xlarge"].on_demand_usd or 0, TABLE)
    assert PRICES.of("m99.tiny", "on-demand") is None


def test_what_a_job_takes_up_of_an_instance_is_its_larger_part_and_never_more_than_all() -> None:
    assert share_of(MACHINES["m5.2xlarge"], 2, 24576) == 0.75
    assert share_of(MACHINES["m5.xlarge"], 8, 1) == 1.0


def stubbed(service: str) -> tuple[Any, Stubber]:
    client = boto3.client(service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def aws_with(**clients: Any) -> Any:
    aws = Mock(region="eu-west-1")
    aws.client_briefly.side_effect = lambda service, *_: clients[service.replace("-", "_")]
    return aws


def product(usd: str) -> str:
    dimension = {"pricePerUnit": {"USD": usd}}
    return json.dumps({"terms": {"OnDemand": {"a.b": {"priceDimensions": {"a.b.c": dimension}}}}})


def test_prices_are_asked_of_history_and_list_as_aws_documents_them() -> None:
    ec2, history = stubbed("ec2")
    pricing, listed = stubbed("pricing")
    here = {"InstanceType": "m5.xlarge", "AvailabilityZone": "eu-west-1a"}
    rows = [
        {**here, "SpotPrice": usd, "Timestamp": datetime(2026, 11, day, tzinfo=UTC)}
        for usd, day in (("0.05", 1), ("0.07", 3))
    ]
    history.add_response("describe_spot_price_history", {"SpotPriceHistory": rows[:1], "NextToken": "more"})
    history.add_response("describe_spot_price_history", {"SpotPriceHistory": rows[1:], "NextToken": ""})
    listed.add_response("get_products", {"PriceList": [product("0.0000000000"), product("0.2140000000")]})
    with history, listed:
        found = find_prices(aws_with(ec2=ec2, pricing=pricing), on_demand=["m5.xlarge"], spot=["m5.xlarge"])
    assert found.of("m5.xlarge", "on-demand") == Price(0.214, "price list")
    assert found.of("m5.xlarge", "spot", "eu-west-1a") == Price(0.07, "spot price history, eu-west-1a")


def test_without_the_right_to_ask_prices_come_from_the_table_without_an_error() -> None:
    ec2, history = stubbed("ec2")
    pricing, listed = stubbed("pricing")
    history.add_client_error("describe_spot_price_history", "UnauthorizedOperation")
    listed.add_client_error("get_products", "AccessDeniedException")
    with history, listed:
        found = find_prices(aws_with(ec2=ec2, pricing=pricing), on_demand=["m5.xlarge"], spot=["m5.xlarge"])
    assert {found.of("m5.xlarge", one).source for one in ("spot", "on-demand")} == {TABLE}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("gpu", "life_cycle", "code"),
    [
        (False, "spot", "L-34B43A08"),
        (False, "on-demand", "L-1216C47A"),
        (True, "spot", "L-3819A6DF"),
        (True, "on-demand", "L-DB2E81BA"),
    ],
)
def test_a_quota_is_the_accounts_else_what_accounts_begin_with_else_unknown(
    gpu: bool, life_cycle: str, code: str
) -> None:
    client, stub = stubbed("service-quotas")
    asked = {"ServiceCode": "ec2", "QuotaCode": code}
    stub.add_response("get_service_quota", {"Quota": {"Value": 32.0}}, asked)
    stub.add_client_error("get_service_quota", "NoSuchResourceException")
    stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 5.0}}, asked)
    stub.add_client_error("get_service_quota", "AccessDeniedException")
    stub.add_client_error("get_aws_default_service_quota", "AccessDeniedException")
    with stub:
        aws = aws_with(service_quotas=client)
        applied, default, unknown = (find_quota(aws, life_cycle, gpu=gpu) for _ in range(3))
    assert applied is not None
    assert (applied.vcpus, applied.applied) == (32.0, True)
    assert default is not None
    assert (default.vcpus, default.applied) == (5.0, False)
    assert unknown is None
    assert code in applied.remedy


def test_throttled_prices_are_no_error_either() -> None:
    ec2 = Mock()
    ec2.get_paginator.side_effect = AwsRefused("throttled", "Wait.")
    assert find_prices(aws_with(ec2=ec2), spot=["m5.xlarge"]).spot == []
