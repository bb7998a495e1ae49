"""PlatformStack: storage, network, compute, jobs and observability, in the order data flows."""

from __future__ import annotations

from typing import Any

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
from stacks.placement import demands, place
from stacks.settings import PlatformSettings
from stacks.storage import Storage

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
    **stack_options
        Passed on to the stack.

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
        **stack_options: Any,
    ) -> None:
        self._az_count = settings.az_count
        placement = place(settings)
        super().__init__(
            scope,
            construct_id,
            stack_name=settings.stack_name,
            env=cdk.Environment(region=settings.aws_region),
            description=f"Loan-default experiments on AWS Batch ({settings.profile.mode.upper()} mode)",
            **stack_options,
        )
        tags = {
            "Project": settings.project_name,
            "Environment": settings.environment,
            PLATFORM_TAG: settings.stack_name,
        }
        data_demand, training_demand = demands(settings)
        self.storage = Storage(self, "Storage", removable=settings.removable)
        self.network = Network(
            self,
            "Network",
            az_count=settings.az_count,
            bucket=self.storage.bucket,
            existing_vpc=settings.existing_vpc,
        )
        self.compute = Compute(
            self,
            "Compute",
            network=self.network,
            profile=settings.profile,
            repository=self.storage.repository,
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
            data_demand=data_demand,
            training_demand=training_demand,
            bucket=self.storage.bucket,
            repository=self.storage.repository,
            image_tag=image_tag,
            attempts=settings.job_attempts,
            max_job_hours=settings.max_job_hours,
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
        # Not on the whole app: a changed tag would replace queues and environments.
        for construct in (self.storage, self.jobs.log_group, self.network):
            for key, value in tags.items():
                cdk.Tags.of(construct).add(key, value)
        self.acknowledged = acknowledge_findings(
            self, bucket=self.storage.bucket, own_vpc=settings.existing_vpc is None
        )
        self._annotate(settings, image_tag, notes=placement.notes, warnings=placement.warnings)
        self._outputs(settings, image_tag)

    @property
    def availability_zones(self) -> list[str]:
        """The first zones of the region, known at deployment: no look-up, so no account is needed to synthesize."""
        return [cdk.Fn.select(index, cdk.Fn.get_azs()) for index in range(self._az_count)]

    def _annotate(
        self, settings: PlatformSettings, image_tag: str, *, notes: tuple[str, ...], warnings: tuple[str, ...]
    ) -> None:
        annotations = cdk.Annotations.of(self)
        for note in notes:
            annotations.add_info(note)
        for number, warning in enumerate(warnings, start=1):
            annotations.add_warning_v2(f"ldp:placement-{number}", warning)
        for dataset in settings.datasets:
            match = nearest(dataset, DATASET_IDS)
            if dataset not in DATASET_IDS and match:
                annotations.add_warning_v2(
                    f"ldp:dataset-{dataset}",
                    f"datasets: {dataset} is not in the catalogue. Did you mean {match}?",
                )
        if settings.image_tag is None:
            annotations.add_info(
                f"No imageTag is given: job definitions name {image_tag}, the image that this checkout builds. "
                "Jobs run once make docker-build and make docker-push have put it there."
            )

    def _outputs(self, settings: PlatformSettings, image_tag: str) -> None:
        def names(definitions: dict[str, batch.EcsJobDefinition], kind: str) -> dict[str, str]:
            middle = "data-" if kind == "data" else ""
            return {dataset: f"{settings.name_prefix}-{middle}{dataset.replace('_', '-')}" for dataset in definitions}

        def arns(definitions: dict[str, batch.EcsJobDefinition]) -> dict[str, str]:
            return {dataset: definition.job_definition_arn for dataset, definition in definitions.items()}

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
                self.to_json_string(names(self.jobs.training, "training")),
            ),
            "JobDefinitionArns": (
                "Training job definitions by dataset, with revision",
                self.to_json_string(arns(self.jobs.training)),
            ),
            "DataJobDefinitionNames": (
                "Data job definitions by dataset",
                self.to_json_string(names(self.jobs.data, "data")),
            ),
            "DataJobDefinitionArns": (
                "Data job definitions by dataset, with revision",
                self.to_json_string(arns(self.jobs.data)),
            ),
            "UseGpu": ("Whether the GPU mode is active", settings.profile.use_gpu),
            "ImageTag": ("The image that job definitions name", image_tag),
            "LogGroupName": ("Where jobs write", self.jobs.log_group.log_group_name),
            "InstanceTypes": ("What may be launched", self.to_json_string(list(settings.profile.instance_types))),
            "AlertTopicArn": ("Where alerts are published", self.observability.topic.topic_arn),
            "Environment": ("dev, staging or prod", settings.environment),
        }
        for name, (description, value) in outputs.items():
            cdk.CfnOutput(self, name, description=description, value=value)
