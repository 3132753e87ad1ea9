"""The AWS account from files: the build of the app's stack, and the stacks that are written by hand."""
