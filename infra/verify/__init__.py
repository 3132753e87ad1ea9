"""What can be said of the stacks, policies and workflows without an AWS account: `make verify-infra`."""
