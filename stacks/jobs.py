"""Jobs: what runs. A data and a training definition for each dataset, and for all declared ones, roles, a log group."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from job.catalogue import shipped_spec
from job.planning.deadline import seconds_to_work
from stacks.placement import Demand
from stacks.settings import Profile
from stacks.storage import removal_policy

READ_PREFIXES = ("data/*", "executions/*", "reports/*", "specs/*")
WRITE_PREFIXES = ("data/attempts/*", "data/interim/*", "data/processed/*", "executions/*", "reports/*")
DELETE_PREFIXES = ("executions/*/progress/*", "executions/*/failures/*")
# Of datasets that users declare: which one is a parameter of each job, and what ldp submits says the whole command.
DECLARED = "declared"
DATASET_PARAMETER = "Ref::dataset"


def _spec_options(dataset: str) -> list[str]:
    spec = shipped_spec(dataset)
    return [] if spec == "default" else ["--spec", spec]


class Jobs(Construct):
    """Log group, execution role, job role and the job definitions.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    name_prefix : str
        What names of definitions and of the log group start with.
    datasets : tuple of str
        Each gets a data and a training definition.
    profile : Profile
        The mode: commands, GPU request, environment.
    data_demand : Demand
        What a data job reserves.
    own_demand : Demand
        What the training job of a declared dataset reserves.
    training_demands : mapping of str to Demand
        What the training job of each dataset reserves.
    bucket : aws_cdk.aws_s3.IBucket
        Where jobs read and write.
    repository : aws_cdk.aws_ecr.IRepository
        Where their image lies.
    image_tag : str
        Which image.
    attempts : int
        How often a job is started at most.
    timeout_s : int
        When an attempt is ended as hanging. Batch retries no such job, so training leaves by itself before that.
    removable : bool
        Whether the log group goes with the stack.
    tags : mapping
        Cost-allocation tags; the definition adds its dataset and kind.

    Attributes
    ----------
    data, training : dict
        Job definitions, keyed by dataset.
    data_names, training_names : dict
        Their names.
    own_data, own_training : aws_cdk.aws_batch.EcsJobDefinition
        Those of every dataset that a user declares.
    log_group : aws_cdk.aws_logs.LogGroup
        Where all of them write.
    execution_role, job_role : aws_cdk.aws_iam.Role
        What starts a container, and what its program may do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name_prefix: str,
        datasets: tuple[str, ...],
        profile: Profile,
        data_demand: Demand,
        own_demand: Demand,
        training_demands: Mapping[str, Demand],
        bucket: s3.IBucket,
        repository: ecr.IRepository,
        image_tag: str,
        attempts: int,
        timeout_s: int,
        removable: bool,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._profile = profile
        self._bucket = bucket
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._tags = tags
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/batch/{name_prefix}",
            retention=logs.RetentionDays.ONE_MONTH,
            # It has a name of its own: one that stays stands in the way of the next deployment, which has to import it.
            removal_policy=removal_policy(removable=removable),
        )
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            description="Starts the jobs' containers: pull the image, write the log",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        self.job_role = self._make_job_role()
        image = ecs.ContainerImage.from_ecr_repository(repository, image_tag)
        self.data_names = {d: f"{name_prefix}-data-{d.replace('_', '-')}" for d in datasets}
        self.training_names = {d: f"{name_prefix}-{d.replace('_', '-')}" for d in datasets}
        # A data job keeps nothing that another attempt could go on from.
        bounded = {"LDP_MAX_SECONDS": str(seconds_to_work(timeout_s))}
        self.data = {
            dataset: self._definition(
                f"Data-{dataset}",
                name=self.data_names[dataset],
                dataset=dataset,
                image=image,
                demand=data_demand,
                command=["data", "process", "--force", *profile.flags, dataset],
                stream_prefix=f"data-{dataset}",
            )
            for dataset in datasets
        }
        self.training = {
            dataset: self._definition(
                f"Training-{dataset}",
                name=self.training_names[dataset],
                dataset=dataset,
                image=image,
                demand=training_demands[dataset],
                command=["experiment", "run", *profile.flags, "--only-dataset", dataset, *_spec_options(dataset)],
                stream_prefix=dataset,
                variables=bounded,
            )
            for dataset in datasets
        }
        self.own_data = self._definition(
            "Data-own",
            name=f"{name_prefix}-data-own",
            dataset=DECLARED,
            image=image,
            demand=data_demand,
            command=["data", "process", "--force", *profile.flags, DATASET_PARAMETER],
            stream_prefix=f"data-{DECLARED}",
        )
        self.own_training = self._definition(
            "Training-own",
            name=f"{name_prefix}-own",
            dataset=DECLARED,
            image=image,
            demand=own_demand,
            command=["experiment", "run", *profile.flags, "--only-dataset", DATASET_PARAMETER],
            stream_prefix=DECLARED,
            variables=bounded,
        )

    def _make_job_role(self) -> iam.Role:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "JobRole",
            description="What a job's program may do: its prefixes of the experiment bucket",
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:*"},
                },
            ),
        )
        # IfExists: asking for one key that is not there is answered 404 only to who may list, and such a request
        # carries no prefix. Without it a job would see "access denied" where a file is merely missing.
        role.add_to_policy(
            iam.PolicyStatement(
                sid="List",
                actions=["s3:ListBucket"],
                resources=[self._bucket.bucket_arn],
                conditions={"StringLikeIfExists": {"s3:prefix": list(READ_PREFIXES)}},
            )
        )
        for sid, actions, prefixes in (
            ("Read", ["s3:GetObject"], READ_PREFIXES),
            ("Write", ["s3:PutObject", "s3:AbortMultipartUpload"], WRITE_PREFIXES),
            ("Delete", ["s3:DeleteObject"], DELETE_PREFIXES),
        ):
            role.add_to_policy(
                iam.PolicyStatement(
                    sid=sid,
                    actions=actions,
                    resources=[self._bucket.arn_for_objects(prefix) for prefix in prefixes],
                )
            )
        return role

    def _definition(
        self,
        construct_id: str,
        *,
        name: str,
        dataset: str,
        image: ecs.ContainerImage,
        demand: Demand,
        command: list[str],
        stream_prefix: str,
        variables: Mapping[str, str] | None = None,
    ) -> batch.EcsJobDefinition:
        container = batch.EcsEc2ContainerDefinition(
            self,
            f"{construct_id}-Container",
            image=image,
            cpu=demand.vcpus,
            memory=cdk.Size.mebibytes(demand.memory_mib),
            gpu=demand.gpus or None,
            command=command,
            environment={
                "AWS_REGION": cdk.Stack.of(self).region,
                "LDP_N_JOBS": self._profile.workers(demand.vcpus),
                "LDP_STORAGE_URL": f"s3://{self._bucket.bucket_name}",
                "LDP_USE_GPU": self._profile.use_gpu,
                **(variables or {}),
            },
            execution_role=self.execution_role,
            job_role=self.job_role,
            logging=ecs.LogDriver.aws_logs(stream_prefix=stream_prefix, log_group=self.log_group),
        )
        definition = batch.EcsJobDefinition(
            self,
            construct_id,
            job_definition_name=name,
            container=container,
            propagate_tags=True,
            retry_attempts=self._attempts,
            retry_strategies=retry_rules(),
            timeout=cdk.Duration.seconds(self._timeout_s),
            # A job that was submitted with an older revision can still be retried.
            skip_deregister_on_update=True,
        )
        for key, value in {**self._tags, "Dataset": dataset, "Kind": demand.kind}.items():
            cdk.Tags.of(definition).add(key, value)
        return definition


def retry_rules() -> list[batch.RetryStrategy]:
    """Return what becomes of an attempt that failed; the first rule that matches decides.

    Retried: the host was taken away; the job saw the notice, or the end of its time, saved its work and left with
    143; its container did not start, as when the image could not be pulled; the host's agent lost it. Everything else
    is a failure of the program and is not repeated: that rule must be there, because Batch retries what no rule
    matches. Batch takes five rules and no more.
    """
    reason = batch.Reason
    return [
        batch.RetryStrategy.of(batch.Action.RETRY, reason.SPOT_INSTANCE_RECLAIMED),
        batch.RetryStrategy.of(batch.Action.RETRY, reason.custom(on_exit_code="143")),
        batch.RetryStrategy.of(batch.Action.RETRY, reason.custom(on_status_reason="Task failed to start")),
        batch.RetryStrategy.of(batch.Action.RETRY, reason.custom(on_reason="AGENT")),
        batch.RetryStrategy.of(batch.Action.EXIT, reason.custom(on_reason="*")),
    ]
