"""The stacks as Terraform: one root module for a stage, made of the CloudFormation that is deployed otherwise."""
