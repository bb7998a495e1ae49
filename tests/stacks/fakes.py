"""A CloudFormation that has what a test says, and an image in a repository."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

from botocore.exceptions import ClientError


class Missing(ClientError):
    def __init__(self, message: str) -> None:
        super().__init__({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")


class FakeCloudFormation:
    """Stacks by name, each with outputs, resources and a status; deletion fails for those told so."""

    def __init__(self, stacks: dict[str, dict[str, Any]]) -> None:
        self.stacks = stacks
        self.exceptions = Mock(ClientError=ClientError)
        self.deleted: list[str] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName not in self.stacks:
            raise Missing(f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.described(StackName)]}

    def described(self, name: str) -> dict[str, Any]:
        stack = self.stacks[name]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stack.get("outputs", {}).items()]
        return {
            "StackName": name,
            "StackStatus": stack.get("status", "CREATE_COMPLETE"),
            "RoleARN": stack.get("role", ""),
            "Outputs": outputs,
        }

    def get_paginator(self, operation: str) -> Any:
        def resources(StackName: str) -> list[dict[str, Any]]:
            listed = [
                {"ResourceType": kind, "PhysicalResourceId": physical_id, "ResourceStatus": status}
                for kind, physical_id, status in self.stacks[StackName].get("resources", [])
            ]
            return [{"StackResourceSummaries": listed[:1]}, {"StackResourceSummaries": listed[1:]}]

        def stacks() -> list[dict[str, Any]]:
            return [{"Stacks": [self.described(name)]} for name in self.stacks]

        return Mock(paginate=resources if operation == "list_stack_resources" else stacks)

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:
        assert TemplateStage == "Original"
        return {"TemplateBody": self.stacks[StackName]["template"]}

    def describe_stack_resources(self, PhysicalResourceId: str) -> dict[str, Any]:
        for name, stack in self.stacks.items():
            if any(physical == PhysicalResourceId for _, physical, _ in stack.get("resources", [])):
                return {"StackResources": [{"StackName": name}]}
        raise Missing(f"Stack for {PhysicalResourceId} does not exist")

    def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:
        self.stacks[StackName]["protected"] = EnableTerminationProtection

    def delete_stack(self, StackName: str) -> None:
        self.deleted.append(StackName)
        if self.stacks[StackName].get("stuck"):
            self.stacks[StackName]["status"] = "DELETE_FAILED"
        else:
            del self.stacks[StackName]


def put_image(ecr: Any, repository: str, tag: str) -> None:
    """Put an image that is nothing but its tag into a repository."""
    media_type = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": {"digest": tag}, "layers": []}
    ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
