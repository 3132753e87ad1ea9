"""The list of all checks."""

from __future__ import annotations

from infra.verify import policies, security, templates, terraform, terraform_security, workflows
from infra.verify.contracts import contract, deployment
from infra.verify.outcome import Check

_CONTRACTS = (
    *("template", "aliases", "lambda_permissions", "limits", "retention", "stacks", "alarms", "messaging"),
    *("refund_workflow", "websocket_api", "edge"),
)

CHECKS = (
    Check("cfn-lint", "no errors or warnings, before and after the SAM transform", templates.cfn_lint),
    Check("checkov", "every stack of prod is as secure as the rules want, but for a short list", security.checkov),
    Check(
        "terraform-provider",
        "every block of the Terraform modules is one that the provider takes",
        terraform.provider,
    ),
    Check("terraform-plan", "Terraform can format the modules, and compute what they say", terraform.plan),
    Check("terraform-checkov", "the modules are as secure as the stacks", terraform_security.checkov),
    Check("parliament", "policies of functions name what IAM knows", policies.parliament),
    Check(
        "wildcards",
        "no role has a wildcard outside of the frozen lists",
        contract("tests/contract/test_policies.py", "tests/contract/test_stacks.py", "-k", "wildcard"),
    ),
    Check(
        "contracts",
        "roles, permissions, routes, limits, logs, alarms, retention, encryption and caches are as they have to be",
        contract(*(f"tests/contract/test_{name}.py" for name in _CONTRACTS), "-k", "not clean and not wildcard"),
    ),
    Check("actionlint", "the workflows are ones that GitHub runs", workflows.actionlint),
    Check("runbook", "every alarm leads to its section", contract("tests/contract/test_runbook.py")),
    Check(
        "chalice-deploy",
        "stock `chalice deploy` gives an emulator what works, in seven minutes",
        deployment("tests/integration/test_chalice_deploy.py"),
    ),
    Check("cost", "docs/cost.md is what the prices and the stacks give", contract("tests/contract/test_cost.py")),
)
