"""An AWS on loopback: moto's server, with what its CloudFormation lacks for AWS Batch.

Stock moto reports success for this stack and keeps no compute environment, queue or job definition of it. What is
added here is small and does what AWS does, as far as the tests look: it creates, updates and deletes the Batch
resources, keeps jobs running until somebody ends them, and refuses to delete a bucket that holds anything and a queue
that has running jobs.

moto's CloudFormation does not keep bucket policies, versioning, lifecycle rules, egress rules, public IPs, image
scanning, subscriptions, alarms and the time limits of queues: tests assert those on the template.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlparse

import boto3
import botocore.session
from moto.batch.models import ComputeEnvironment, Job, JobDefinition, JobQueue, batch_backends
from moto.batch.responses import BatchResponse
from moto.batch.utils import JobStatus, lowercase_first_key
from moto.batch_simple.models import BatchSimpleBackend
from moto.cloudformation.models import CloudFormationBackend, cloudformation_backends
from moto.cloudformation.parsing import ResourceMap, generate_resource_name
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.config import default_user_config
from moto.ec2.models import ec2_backends
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.route_tables import RouteTable
from moto.ecr.models import Repository, ecr_backends
from moto.ecr.responses import ECRResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.iam.access_control import IAMPolicyStatement, IAMRequestBase
from moto.iam.models import iam_backends
from moto.logs.models import LogGroup
from moto.logs.responses import LogsResponse
from moto.s3.models import FakeBucket, s3_backends
from moto.server import ThreadedMotoServer

from tests.stacks.synthesis import MAKE_VARIABLES

ACCOUNT = "123456789012"
REGION = "us-east-1"
_BATCH_OPERATIONS = botocore.session.get_session().get_service_model("batch").operation_names
# moto has what stands in a request's path.
_SPELLED = {f"batch:{name.lower()}": f"batch:{name}" for name in _BATCH_OPERATIONS}


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Parameters
    ----------
    url : str
        Where it listens, on loopback only.
    """

    url: str

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client of the emulator; without credentials, one that may do everything."""
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", **options}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)

    def environment(self) -> dict[str, str]:
        """Return an environment in which every AWS tool talks to the emulator and to nothing else."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "CDK_", "PYTEST_")) and name not in MAKE_VARIABLES
        }
        return {
            **inherited,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "CDK_VALIDATION": "false",
        }


@contextlib.contextmanager
def running() -> Iterator[Emulator]:
    """Run an empty emulator on a free port of loopback."""
    with contextlib.ExitStack() as stack:
        for patched in _patches():
            stack.enter_context(patched)
        stack.enter_context(patch.dict(default_user_config["batch"], {"use_docker": False}))
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        stack.callback(server.stop)
        _, port = server.get_host_and_port()
        emulator = Emulator(url=f"http://127.0.0.1:{port}")
        _reset()
        stack.callback(_reset)
        yield emulator


def _reset() -> None:
    from moto.backends import list_of_moto_modules  # noqa: F401 - makes every back end known
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    for backends in BackendDict._instances:
        backends.reset()
    reset_model_data()


def _patches() -> list[Any]:
    return [
        patch("moto.cloudformation.responses.get_stack_from_s3_url", _template_at),
        patch("moto.cloudformation.parsing.generate_resource_name", _generate_name),
        patch.object(CloudFormationBackend, "delete_stack", _deletion_may_fail(CloudFormationBackend.delete_stack)),
        patch.object(ResourceMap, "delete", _delete_in_reverse),
        patch.object(RouteTable, "delete", _delete_route_table, create=True),
        patch.object(LaunchTemplate, "delete", _delete_launch_template, create=True),
        patch.object(Repository, "delete", _delete_repository),
        patch.object(FakeBucket, "delete_from_cloudformation_json", classmethod(_delete_bucket)),
        patch.object(ComputeEnvironment, "create_from_cloudformation_json", classmethod(_create_environment)),
        patch.object(ComputeEnvironment, "update_from_cloudformation_json", classmethod(_update_environment)),
        patch.object(ComputeEnvironment, "delete", _delete_environment, create=True),
        patch.object(ComputeEnvironment, "has_cfn_attr", classmethod(lambda cls, attribute: True)),
        patch.object(
            ComputeEnvironment,
            "get_cfn_attribute",
            lambda self, attribute: {"ComputeEnvironmentArn": self.arn}[attribute],
            create=True,
        ),
        patch.object(LogGroup, "get_cfn_attribute", lambda self, attribute: {"Arn": f"{self.arn}:*"}[attribute]),
        patch.object(JobQueue, "update_from_cloudformation_json", classmethod(_update_queue)),
        patch.object(JobQueue, "delete", _delete_queue, create=True),
        patch.object(
            JobQueue, "get_cfn_attribute", lambda self, attribute: {"JobQueueArn": self.arn}[attribute], create=True
        ),
        patch.object(JobDefinition, "create_from_cloudformation_json", classmethod(_register)),
        patch.object(JobDefinition, "update_from_cloudformation_json", classmethod(_register_again)),
        patch.object(JobDefinition, "delete", lambda self, account_id, region_name: self.deregister(), create=True),
        patch.object(JobDefinition, "has_cfn_attr", classmethod(lambda cls, attribute: True)),
        patch.object(
            JobDefinition,
            "get_cfn_attribute",
            lambda self, attribute: {"JobDefinitionArn": self.arn}[attribute],
            create=True,
        ),
        patch.object(BatchSimpleBackend, "_mark_job_as_finished", _leave_running),
        patch.object(Job, "terminate", _end),
        patch.dict("moto.iam.models.SERVICE_NAME_CONVERSION", {"spot": "EC2Spot"}),
    ]


def _generate_name(resource_type: str, stack_name: str, logical_id: str) -> str:
    """Name a resource as CloudFormation does: repositories in lower case."""
    name: str = generate_resource_name(resource_type, stack_name, logical_id)
    return name.lower() if resource_type == "AWS::ECR::Repository" else name


def _template_at(template_url: str, account_id: str, partition: str) -> str:
    """Find a template that was uploaded under the emulator's own address."""
    bucket, key = urlparse(template_url).path.lstrip("/").split("/", 1)
    stored = s3_backends[account_id][partition].get_object(bucket, key)
    assert stored is not None, template_url
    return str(stored.value.decode())


def _deletion_may_fail(delete_stack: Any) -> Any:
    """Return CloudFormation's way of failing: the stack stays, with what could not be deleted."""

    def delete(self: CloudFormationBackend, name_or_stack_id: str) -> None:
        before = dict(self.stacks)
        try:
            delete_stack(self, name_or_stack_id)
        except ResourceInUse as error:
            for stack_id, stack in before.items():
                if stack_id not in self.stacks:
                    self.stacks[stack_id] = stack
                    stack.status = "DELETE_FAILED"
                    stack._add_stack_event("DELETE_FAILED", resource_status_reason=str(error))

    return delete


def _delete_in_reverse(self: ResourceMap) -> None:
    """Delete what a stack has, the latest first; what is in use stays, and with it the stack."""
    in_use = []
    for logical_id, resource in reversed(list(self._parsed_resources.items())):
        template = self._resource_json_map.get(logical_id)
        if template is None or resource is None or template.get("DeletionPolicy") == "Retain":
            continue
        try:
            self._delete_resource(resource, template)
        except ResourceInUse as error:
            in_use.append(str(error))
        else:
            del self._parsed_resources[logical_id]
    if in_use:
        raise ResourceInUse("; ".join(in_use))


def _delete_route_table(self: RouteTable, account_id: str, region_name: str) -> None:
    self.associations.clear()
    ec2_backends[account_id][region_name].delete_route_table(self.id)


def _delete_launch_template(self: LaunchTemplate, account_id: str, region_name: str) -> None:
    ec2_backends[account_id][region_name].delete_launch_template(self.name, self.id)


def _delete_repository(self: Repository, account_id: str, region_name: str) -> None:
    """Delete a repository with its images: the template says EmptyOnDelete, except in prod, where it stays."""
    ecr_backends[account_id][region_name].delete_repository(self.name, force=True)


class ResourceInUse(Exception):
    """CloudFormation cannot delete a resource."""


def _delete_bucket(
    cls: type[FakeBucket], resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
) -> None:
    if s3_backends[account_id]["aws"].delete_bucket(resource_name) is None:
        raise ResourceInUse(f"The bucket {resource_name} you tried to delete is not empty")


def _create_environment(
    cls: type[ComputeEnvironment],
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **_: Any,
) -> ComputeEnvironment:
    properties = cloudformation_json["Properties"]
    assert "ServiceRole" not in properties, "with its own service role an environment is replaced by updates"
    iam = iam_backends[account_id]["aws"]
    name = "AWSServiceRoleForBatch"
    roles = {role.name: role for role in iam.get_roles()}
    role = roles.get(name) or iam.create_role(
        name, "{}", "/aws-service-role/batch.amazonaws.com/", None, "", [], "3600"
    )
    return batch_backends[account_id][region_name].create_compute_environment(
        resource_name, properties["Type"], properties["State"], _compute_resources(properties), role.arn
    )


def _compute_resources(properties: dict[str, Any]) -> dict[str, Any]:
    resources = lowercase_first_key(properties["ComputeResources"])
    resources["launchTemplate"]["version"] = str(resources["launchTemplate"]["version"])
    return resources


def _update_environment(
    cls: type[ComputeEnvironment],
    original_resource: ComputeEnvironment,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> ComputeEnvironment:
    properties = cloudformation_json["Properties"]
    assert properties["ReplaceComputeEnvironment"] is False
    resources = _compute_resources(properties)
    batch_backends[account_id][region_name]._validate_compute_resources(resources)
    original_resource.compute_resources = resources
    return original_resource


def _delete_environment(self: ComputeEnvironment, account_id: str, region_name: str) -> None:
    batch = batch_backends[account_id][region_name]
    if any(self in queue.environments for queue in batch._job_queues.values()):
        raise ResourceInUse(f"{self.name} is still used by a queue")
    batch.delete_compute_environment(self.arn)


def _update_queue(
    cls: type[JobQueue],
    original_resource: JobQueue,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> JobQueue:
    properties = cloudformation_json["Properties"]
    order = [lowercase_first_key(entry) for entry in properties["ComputeEnvironmentOrder"]]
    batch_backends[account_id][region_name].update_job_queue(
        original_resource.name, properties["Priority"], properties["State"], order, None
    )
    return original_resource


def _delete_queue(self: JobQueue, account_id: str, region_name: str) -> None:
    if any(job.status not in {JobStatus.SUCCEEDED, JobStatus.FAILED} for job in self.jobs):
        raise ResourceInUse(f"{self.name} has running jobs")
    batch_backends[account_id][region_name].delete_job_queue(self.arn)


def _register(
    cls: type[JobDefinition],
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **_: Any,
) -> JobDefinition:
    properties = cloudformation_json["Properties"]
    return batch_backends[account_id][region_name].register_job_definition(
        def_name=resource_name,
        parameters={},
        _type=properties["Type"],
        tags=properties["Tags"],
        retry_strategy=lowercase_first_key(properties["RetryStrategy"]),
        container_properties=lowercase_first_key(properties["ContainerProperties"]),
        node_properties=None,
        eks_properties=None,
        timeout=lowercase_first_key(properties["Timeout"]),
        platform_capabilities=properties["PlatformCapabilities"],
        propagate_tags=properties["PropagateTags"],
    )


def _register_again(
    cls: type[JobDefinition],
    original_resource: JobDefinition,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> JobDefinition:
    assert cloudformation_json["Properties"]["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}
    return _register(cls, new_resource_name, cloudformation_json, account_id, region_name)


def _leave_running(self: BatchSimpleBackend, include_start_attempt: bool, job: Job) -> None:
    """Start a job, and leave it running until it is ended."""
    self.backend._jobs[job.job_id] = job
    job._start_attempt()
    job.status = JobStatus.RUNNING


def _end(self: Job, reason: str) -> None:
    self.job_stopped_reason = reason
    self._mark_stopped(success=False)


@contextlib.contextmanager
def enforcing_iam() -> Iterator[list[tuple[str, bool]]]:
    """Let every request be authorized by the policies of the one who makes it; yields what was decided of which action.

    moto knows the resource of S3 requests; for others it is told here. It does not know the context that
    conditions ask for, so statements count as if they had none.
    """
    resources = {
        ECRResponse: _repository,
        LogsResponse: _log_group,
        EC2ContainerServiceResponse: _cluster,
        BatchResponse: _queue_or_job,
        CloudFormationResponse: _stack,
    }
    decisions: list[tuple[str, bool]] = []
    check = IAMRequestBase.check_action_permitted

    def decide(self: IAMRequestBase, resource: str) -> None:
        permitted = False
        self._action = _SPELLED.get(self._action, self._action)
        try:
            check(self, resource)
            permitted = True
        finally:
            decisions.append((self._action, permitted))

    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(IAMRequestBase, "check_action_permitted", decide))
        for response, resource in resources.items():
            stack.enter_context(patch.object(response, "_determine_resource", resource, create=True))
        stack.enter_context(patch.object(IAMPolicyStatement, "_check_conditions", lambda self, values: True))
        stack.enter_context(patch("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0))
        stack.enter_context(patch.object(ActionAuthenticatorMixin, "request_count", 0))
        yield decisions


def _repository(self: Any) -> str:
    name = self._get_param("repositoryName")
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}" if name else "*"


def _log_group(self: Any) -> str:
    group, stream = self._get_param("logGroupName"), self._get_param("logStreamName")
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:{stream or ''}"


def _queue_or_job(self: Any) -> str:
    """Return the resource of a Batch request; of a submission the queue alone, not the definition."""
    kinds = {"submitjob": ("job-queue", "jobQueue"), "terminatejob": ("job", "jobId")}
    action = self._get_action()
    if action not in kinds:
        return "*"
    kind, parameter = kinds[action]
    return f"arn:aws:batch:{REGION}:{ACCOUNT}:{kind}/{self._get_param(parameter)}"


def _stack(self: Any) -> str:
    stack = cloudformation_backends[ACCOUNT][REGION].get_stack(self._get_param("StackName"))
    return str(stack.stack_id)


def _cluster(self: Any) -> str:
    cluster, action = self._get_param("cluster"), self._get_action()
    if action == "DiscoverPollEndpoint":
        return "*"
    if action == "UpdateContainerInstancesState":
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{cluster}/{self._get_param('containerInstances')[0]}"
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{cluster}"
