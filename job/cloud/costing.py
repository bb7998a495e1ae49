"""Gathers what a cost is reckoned from: attempts in the bucket, prices from AWS, what was frozen here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from job.cloud.cost import Cost, FrozenPrices, freeze, predicted_usd, reckon, types_of
from job.cloud.definitions import active_definitions, known_definition
from job.cloud.names import KINDS
from job.cloud.platform import Platform
from job.cloud.prices import find_prices
from job.cloud.session import Aws
from job.errors import JobDefinitionNotFound
from job.executions.attempts import Attempt, read_attempts, read_attempts_under
from job.executions.executions import Execution
from job.store import Store, data_attempts_prefix


def execution_cost(aws: Aws, platform: Platform, bucket: Store, local: Store, execution: Execution) -> Cost:
    """Reckon what an execution has cost, and leave it, with its prices, in its report on this machine.

    Raises
    ------
    AwsRefused, StorageError
    """
    training = read_attempts(bucket, execution.id)
    data = data_attempts_before(read_attempts_under(bucket, data_attempts_prefix()), training, execution.spec.datasets)
    frozen = FrozenPrices.read(local, execution.id)
    asked = [one for one in (*data, *training) if one.id not in frozen.prices]
    types = types_of(asked)
    since = min((datetime.fromisoformat(one.started) for one in asked), default=None)
    prices = find_prices(aws, on_demand=types, spot=types, since=since)
    try:
        definitions = active_definitions(aws.client("batch"), platform)
    except JobDefinitionNotFound:
        definitions = ()
    reserved = {
        (name, kind): (one.vcpus, one.memory_mib)
        for name in execution.spec.datasets
        for kind in KINDS
        if (one := known_definition(definitions, name, kind)) is not None
    }
    found = reckon(execution.id, training, data, prices, frozen, reserved, datetime.now(UTC))
    found = replace(found, predicted_usd=predicted_usd(bucket, execution.id))
    freeze(local, found)
    return found


def data_attempts_before(data: list[Attempt], training: list[Attempt], datasets: tuple[str, ...]) -> list[Attempt]:
    """Return the attempts of the data jobs that made what an execution ran on.

    Of each dataset, they are those of the last job that began before its training did.
    """
    found: list[Attempt] = []
    for name in datasets:
        begun = min((one.started for one in training if name in one.datasets), default=None)
        before = [one for one in data if name in one.datasets and (begun is None or one.started < begun)]
        if before and begun is not None:
            last = (before[-1].job or before[-1].id).split(" ")[0]
            found += [one for one in before if (one.job or one.id).split(" ")[0] == last]
    return found
