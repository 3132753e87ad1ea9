"""Rules for jobs and their image. Each returns what breaks it, so that a test can also feed it something broken."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from infra.deployed import of_type

Template = dict[str, Any]
Instruction = tuple[str, str]

CLUSTER = {"Fn::GetAtt": ["Cluster", "Arn"]}
TAGS = {"project", "stage", "owner", "cost-centre"}


def wrong_names(template: Template, jobs: Collection[str]) -> list[str]:
    """Each job has a task and a schedule, each task runs a job that there is."""
    commands = {name: container["Command"] for name, container in _containers(template)}
    faults = [f"{name} runs {command}" for name, command in commands.items() if command[0] not in jobs]
    faults += [f"nothing runs {job}" for job in jobs if [job] not in commands.values()]
    started = {each["Target"]["EcsParameters"]["TaskDefinitionArn"]["Ref"] for each in _schedules(template).values()}
    return faults + [f"nothing starts {name}" for name in commands if name not in started]


def strange_names(template: Template) -> list[str]:
    """`python -m ops jobs` finds the group and the log; schedules and log streams are called like their job."""
    group, logs = (template["Resources"][name]["Properties"] for name in ("Schedules", "Logs"))
    faults = [] if group["Name"] == {"Fn::Sub": "marketplace-${Stage}-jobs"} else ["another group"]
    if logs["LogGroupName"] != {"Fn::Sub": "/marketplace/${Stage}/jobs"}:
        faults.append("another log group")
    containers = dict(_containers(template))
    for name, schedule in _schedules(template).items():
        container = containers[schedule["Target"]["EcsParameters"]["TaskDefinitionArn"]["Ref"]]
        (job,) = container["Command"]
        if schedule["Name"] != job or schedule["GroupName"] != {"Ref": "Schedules"}:
            faults.append(f"{name} is not {job} of the group")
        if container["LogConfiguration"]["Options"]["awslogs-stream-prefix"] != job:
            faults.append(f"{job} logs under another name")
    return faults


def unsafe_tasks(template: Template) -> list[str]:
    """A task writes nothing to its disk, is nobody in particular, and has a role that is no other's."""
    roles = [str(each["TaskRoleArn"]) for each in of_type(template, "AWS::ECS::TaskDefinition").values()]
    faults = [f"{role} is the role of several tasks" for role in set(roles) if roles.count(role) > 1]
    for name, container in _containers(template):
        if container.get("ReadonlyRootFilesystem") is not True:
            faults.append(f"{name} may write to its disk")
        if container.get("User", "0").partition(":")[0] in {"0", "root"}:
            faults.append(f"{name} is root")
        if container["LogConfiguration"]["Options"].get("awslogs-group") != {"Ref": "Logs"}:
            faults.append(f"{name} logs elsewhere")
    return faults


def careless_schedules(template: Template) -> list[str]:
    """What cannot be started is tried again and then kept; tasks have no public address."""
    faults = []
    for name, schedule in _schedules(template).items():
        target = schedule["Target"]
        if target.get("DeadLetterConfig") != {"Arn": {"Fn::GetAtt": ["Failed", "Arn"]}}:
            faults.append(f"{name} forgets what cannot be started")
        if target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 0) < 1:
            faults.append(f"{name} is tried once")
        if target["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] != "DISABLED":
            faults.append(f"{name} has a public address")
        if target["Arn"] != CLUSTER:
            faults.append(f"{name} starts its task elsewhere")
    return faults


def deaf_to_failures(template: Template) -> list[str]:
    """A task that failed or did not start is told to the queue, and the queue's alarm tells people."""
    detail = template["Resources"]["FailedTasks"]["Properties"]["EventPattern"]["detail"]
    alarm = template["Resources"]["FailedAlarm"]["Properties"]
    faults = [] if detail.get("clusterArn") == [CLUSTER] else ["hears of other clusters"]
    if {"containers": {"exitCode": [{"anything-but": [0]}]}} not in detail["$or"]:
        faults.append("does not hear of exit statuses")
    if {"stopCode": ["TaskFailedToStart"]} not in detail["$or"]:
        faults.append("does not hear of tasks that never started")
    return faults + ([] if alarm.get("AlarmActions") else ["tells nobody"])


def untagged(template: Template) -> list[str]:
    """What costs money says whose it is."""
    costly = ("AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ECR::Repository", "AWS::SQS::Queue")
    tagged = [
        pair for kind in (*costly, "AWS::Logs::LogGroup", "AWS::IAM::Role") for pair in of_type(template, kind).items()
    ]
    return [name for name, each in tagged if {tag["Key"] for tag in each.get("Tags", [])} < TAGS]


def instructions(dockerfile: str) -> list[Instruction]:
    """What a Dockerfile says, line by line."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", dockerfile))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def faults_of_image(said: Sequence[Instruction]) -> Iterator[str]:
    """The image starts from a version, has what hashes vouch for, and leaves nothing in it to install more with."""
    bases = [rest.partition(" ")[0] for word, rest in said if word == "FROM"]
    yield from (f"starts from {base}" for base in bases if not re.search(r":\d+\.\d+-slim-\w+$", base))
    final = said[[index for index, (word, _) in enumerate(said) if word == "FROM"][-1] :]
    commands = " ".join(rest for word, rest in said if word == "RUN")
    for needed in ("--require-hashes", "--only-binary :all:"):
        if needed not in commands:
            yield f"installs without {needed}"
    if not any(word == "RUN" and "pip uninstall" in rest for word, rest in final):
        yield "leaves pip in the image"
    if any(word == "RUN" and re.search(r"pip install|apt-get install", rest) for word, rest in final):
        yield "installs in the final image"
    if [rest for word, rest in final if word == "USER"][-1:] != ["10001:10001"]:
        yield "runs as root"
    if ("STOPSIGNAL", "SIGTERM") not in final:
        yield "is stopped by another signal"


def _containers(template: Template) -> Iterator[tuple[str, Any]]:
    for name, each in of_type(template, "AWS::ECS::TaskDefinition").items():
        yield from ((name, container) for container in each["ContainerDefinitions"])


def _schedules(template: Template) -> dict[str, Any]:
    return of_type(template, "AWS::Scheduler::Schedule")
