"""PlatformStack: storage, network, compute, jobs and observability, in the order data flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from constructs import Construct

from job.catalogue import DATASET_IDS
from stacks.acknowledged import acknowledge_findings
from stacks.compute import Compute
from stacks.errors import nearest
from stacks.jobs import Jobs
from stacks.network import Network
from stacks.observability import Observability
from stacks.operator import Operator
from stacks.placement import data_demand, place, training_demand
from stacks.settings import Needs, PlatformSettings
from stacks.storage import Storage
from stacks.values import METADATA

PLATFORM_TAG = "Platform"


class PlatformStack(cdk.Stack):
    """Everything that the platform has on AWS.

    Parameters
    ----------
    scope, construct_id
        As for every stack.
    settings : PlatformSettings
        What it is to be.
    image_tag : str
        The image of the jobs.
    remembered : mapping
        What the platform is deployed with, kept in the template for the next time.
    **stack_options
        Passed on to the stack.

    Attributes
    ----------
    notes, warnings : tuple of str
        What who synthesizes should know.

    Raises
    ------
    PlacementImpossible
        If a kind of job could never run.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: PlatformSettings,
        image_tag: str,
        remembered: Mapping[str, Any],
        **stack_options: Any,
    ) -> None:
        placement = place(settings)
        super().__init__(
            scope,
            construct_id,
            stack_name=settings.stack_name,
            env=cdk.Environment(region=settings.aws_region),
            termination_protection=not settings.removable,
            description=f"Loan-default experiments on AWS Batch ({settings.profile.mode.upper()} mode)",
            **stack_options,
        )
        self.template_options.metadata = {METADATA: dict(remembered)}
        tags = {
            "Project": settings.project_name,
            "Environment": settings.environment,
            PLATFORM_TAG: settings.stack_name,
        }
        self.notes = (*placement.notes, *_image_note(settings, image_tag))
        self.warnings = (*placement.warnings, *_dataset_warnings(settings))
        self.storage = Storage(
            self,
            "Storage",
            removable=settings.removable,
            bucket_name=settings.bucket_name,
            repository_name=settings.repository_name,
        )
        self.network = Network(
            self,
            "Network",
            # The first zones of the region, known at deployment: no look-up, so no account is needed to synthesize.
            zones=[cdk.Fn.select(index, cdk.Fn.get_azs()) for index in range(settings.az_count)],
            bucket=self.storage.bucket,
            existing_vpc=settings.existing_vpc,
        )
        self.compute = Compute(
            self,
            "Compute",
            network=self.network,
            profile=settings.profile,
            session_manager=settings.session_manager,
            spot_max_vcpus=settings.spot_max_vcpus,
            on_demand_max_vcpus=settings.on_demand_max_vcpus,
            tags=tags,
        )
        self.jobs = Jobs(
            self,
            "Jobs",
            name_prefix=settings.name_prefix,
            datasets=settings.datasets,
            profile=settings.profile,
            data_demand=data_demand(settings),
            own_demand=training_demand(settings),
            training_demands={dataset: training_demand(settings, dataset) for dataset in settings.datasets},
            bucket=self.storage.bucket,
            repository=self.storage.repository,
            image_tag=image_tag,
            attempts=settings.job_attempts,
            timeout_s=settings.max_job_hours * 3600,
            removable=settings.removable,
            tags=tags,
        )
        self.observability = Observability(
            self,
            "Observability",
            name=settings.name_prefix,
            queue_arns=[queue.job_queue_arn for queue in self.compute.queues],
            log_group=self.jobs.log_group,
            alert_email=settings.alert_email,
            monthly_budget_usd=settings.monthly_budget_usd,
            budget_tag=(PLATFORM_TAG, settings.stack_name),
        )
        self.operator = Operator(
            self,
            "Operator",
            platform_tag=(PLATFORM_TAG, settings.stack_name),
            queues=self.compute.queues,
            bucket=self.storage.bucket,
            repository=self.storage.repository,
            log_group=self.jobs.log_group,
        )
        # Not on the whole app: a changed tag would replace queues and environments.
        for construct in (self.storage, self.jobs.log_group, self.network):
            for key, value in tags.items():
                cdk.Tags.of(construct).add(key, value)
        self.acknowledged = acknowledge_findings(
            self, bucket=self.storage.bucket, own_vpc=settings.existing_vpc is None
        )
        self._outputs(settings, image_tag)

    def _outputs(self, settings: PlatformSettings, image_tag: str) -> None:
        def arn(definition: batch.EcsJobDefinition) -> str:
            return cast("batch.CfnJobDefinition", definition.node.default_child).attr_job_definition_arn

        def arns(definitions: dict[str, batch.EcsJobDefinition]) -> dict[str, str]:
            return {dataset: arn(definition) for dataset, definition in definitions.items()}

        outputs = {
            "EcrRepoUrl": ("Image repository, for docker push", self.storage.repository.repository_uri),
            "EcrRepoName": ("Image repository's name", self.storage.repository.repository_name),
            "S3BucketName": ("Experiment bucket", self.storage.bucket.bucket_name),
            "JobQueueName": (
                "Spot first, On-Demand where Spot has no capacity or its limit is full",
                self.compute.queue.job_queue_name,
            ),
            "SpotJobQueueName": ("Spot only, for work that may wait", self.compute.spot_queue.job_queue_name),
            "OnDemandJobQueueName": (
                "On-Demand only, for work that keeps being reclaimed",
                self.compute.on_demand_queue.job_queue_name,
            ),
            "JobDefinitionNames": (
                "Training job definitions by dataset",
                self.to_json_string(self.jobs.training_names),
            ),
            "JobDefinitionArns": (
                "Training job definitions by dataset, with revision",
                self.to_json_string(arns(self.jobs.training)),
            ),
            "DataJobDefinitionNames": (
                "Data job definitions by dataset",
                self.to_json_string(self.jobs.data_names),
            ),
            "DataJobDefinitionArns": (
                "Data job definitions by dataset, with revision",
                self.to_json_string(arns(self.jobs.data)),
            ),
            "OwnJobDefinitionArn": ("Training job of any declared dataset", arn(self.jobs.own_training)),
            "OwnDataJobDefinitionArn": ("Data job of any declared dataset", arn(self.jobs.own_data)),
            "UseGpu": ("Whether the GPU mode is active", settings.profile.use_gpu),
            "ImageTag": ("The image that job definitions name", image_tag),
            "LogGroupName": ("Where jobs write", self.jobs.log_group.log_group_name),
            "InstanceTypes": (
                "What may be launched On-Demand, the cheapest first",
                self.to_json_string([machine.name for machine in settings.profile.machines]),
            ),
            "SpotInstanceTypes": (
                "What may be launched on Spot",
                self.to_json_string([machine.name for machine in settings.profile.spot_machines]),
            ),
            "JobShards": (
                "Into how many shards each dataset's training is to be divided",
                self.to_json_string({d: settings.per_dataset.get(d, Needs()).shards for d in settings.datasets}),
            ),
            "AlertTopicArn": ("Where alerts are published", self.observability.topic.topic_arn),
            "OperatorPolicyArn": (
                "What to attach to people who submit jobs and fetch results",
                self.operator.policy.managed_policy_arn,
            ),
            "Environment": ("dev, staging or prod", settings.environment),
        }
        for name, (description, value) in outputs.items():
            cdk.CfnOutput(self, name, description=description, value=value)


def _image_note(settings: PlatformSettings, image_tag: str) -> list[str]:
    if settings.image_tag is not None:
        return []
    return [
        (
            f"No imageTag is given: job definitions name {image_tag}, the image that this checkout builds. "
            "Jobs run once make docker-build and make docker-push have put it there."
        )
    ]


def _dataset_warnings(settings: PlatformSettings) -> list[str]:
    """Return what to say of datasets that are nearly called as one of the catalogue."""
    return [
        f"datasets: {dataset} is not in the catalogue. Did you mean {match}?"
        for dataset in settings.datasets
        if dataset not in DATASET_IDS and (match := nearest(dataset, DATASET_IDS))
    ]
