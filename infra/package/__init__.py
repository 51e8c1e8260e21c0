"""What is uploaded to Lambda: the zips that Chalice builds, made small and quick to start.

Chalice keeps what it has built in `.chalice/deployments`, under a name made from the sources or the
requirements, and uploads what it finds there. `build` lets it build, and then puts a better zip of
the same content in the place of each.
"""

from infra.package.build import Built, build, told

__all__ = ["Built", "build", "told"]
