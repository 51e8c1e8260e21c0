"""The whole system on one machine: moto for AWS, the gateway, the pumps, in one process."""
