"""What an operator does, by `python -m infra.ops`; docs/recovery.md tells of each command."""
