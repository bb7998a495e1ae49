"""What instances cost an hour: asked of AWS where it answers, else of the dated table; it is always said which.

Prices are for estimates: what a bill says also depends on volumes, addresses, transfers and discounts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from job.cloud.queues import ON_DEMAND, SPOT
from job.cloud.session import Aws, refusals
from job.errors import AwsRefused
from job.machines import MACHINES, PRICES_AS_OF, PRICES_OF, Machine

PRICE_LIST_REGION = "us-east-1"
"""The Price List answers in few regions, for all of them."""

HISTORY = timedelta(days=90)
"""How far back the prices of Spot can be asked."""

VOLUME_USD = 50 * 0.08 / 730
"""An hour of an instance's gp3 volume of 50 GB, as the price of a month says it in us-east-1."""

ADDRESS_USD = 0.005
"""An hour of a public IPv4 address."""

BOOT_SECONDS = 300
"""What each instance is paid for beyond its jobs: to boot, and until it is given back. Assumed, not measured."""

TABLE = f"table of {PRICES_AS_OF}, {PRICES_OF}"


@dataclass(frozen=True)
class Price:
    """US dollars an hour of one instance, and who says so."""

    usd: float
    source: str


@dataclass(frozen=True)
class SpotPrice:
    """The price of Spot in one zone from a moment on."""

    type: str
    zone: str
    since: datetime
    usd: float


@dataclass(frozen=True)
class Prices:
    """Prices of some types.

    Attributes
    ----------
    on_demand : mapping of str to Price
    spot : sequence of SpotPrice
        The latest first.
    """

    on_demand: Mapping[str, Price]
    spot: Sequence[SpotPrice] = ()

    def of(self, machine: str, life_cycle: str, zone: str | None = None, at: datetime | None = None) -> Price | None:
        """Return the price of a type; None where nobody knows it.

        Parameters
        ----------
        life_cycle : {'spot', 'on-demand'}
        zone : str, optional
            Of Spot: the zone; the mean of all zones where it is not given or not known.
        at : datetime, optional
            Of Spot: when; now, where it is left out.
        """
        if life_cycle == ON_DEMAND:
            return self.on_demand.get(machine) or _of_table(machine, ON_DEMAND)
        current: dict[str, SpotPrice] = {}
        for one in self.spot:
            if one.type == machine and (at is None or one.since <= at):
                current.setdefault(one.zone, one)
        if zone in current:
            return Price(current[zone].usd, f"spot price history, {zone}")
        if current:
            usd = sum(one.usd for one in current.values()) / len(current)
            return Price(usd, "spot price history, mean of the zones")
        return _of_table(machine, SPOT)


def find_prices(
    aws: Aws, *, on_demand: Iterable[str] = (), spot: Iterable[str] = (), since: datetime | None = None
) -> Prices:
    """Ask AWS for the prices of some types; what it does not tell is left to the table, without an error.

    Parameters
    ----------
    on_demand, spot : iterable of str
        The types of which each price is wanted.
    since : datetime, optional
        From when on Spot's prices are wanted; today's, where it is left out.
    """
    now = datetime.now(UTC)
    history: list[SpotPrice] = []
    listed: dict[str, Price] = {}
    wanted = sorted(set(spot))
    if wanted:
        with suppress(AwsRefused):
            history = _spot_history(aws.client_briefly("ec2"), wanted, max(now - HISTORY, since) if since else now, now)
    with suppress(AwsRefused):
        for name in sorted(set(on_demand)):
            usd = _listed(aws.client_briefly("pricing", PRICE_LIST_REGION), name, aws.region)
            if usd is not None:
                listed[name] = Price(usd, "price list")
    return Prices(listed, history)


def _spot_history(ec2: Any, types: list[str], start: datetime, end: datetime) -> list[SpotPrice]:
    with refusals():
        pages = ec2.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=types, ProductDescriptions=["Linux/UNIX"], StartTime=start, EndTime=end
        )
        rows = [row for page in pages for row in page["SpotPriceHistory"]]
    found = [
        SpotPrice(row["InstanceType"], row["AvailabilityZone"], row["Timestamp"], float(row["SpotPrice"]))
        for row in rows
    ]
    return sorted(found, key=lambda one: one.since, reverse=True)


def _listed(pricing: Any, machine: str, region: str) -> float | None:
    wanted = {
        "instanceType": machine,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    with refusals():
        products = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters, MaxResults=100)["PriceList"]
    for product in products:
        for term in json.loads(product).get("terms", {}).get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                usd = float(dimension["pricePerUnit"].get("USD", 0))
                if usd > 0:
                    return usd
    return None


def _of_table(name: str, life_cycle: str) -> Price | None:
    machine = MACHINES.get(name)
    if machine is None:
        return None
    usd = machine.spot_usd if life_cycle == SPOT else machine.on_demand_usd
    return None if usd is None else Price(usd, TABLE)


def share_of(machine: Machine, vcpus: float, memory_mib: float) -> float:
    """Return what part of an instance a job takes up: of its processors or of its memory, whichever is more; at most 1.

    >>> share_of(MACHINES["m5.2xlarge"], 4, 14336)
    0.5
    """
    return min(1.0, max(vcpus / machine.vcpus, memory_mib / machine.memory_mib))
