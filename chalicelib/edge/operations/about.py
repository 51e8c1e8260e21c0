"""Health, and what the API says of itself."""

from __future__ import annotations

from chalicelib.edge import answers, docs
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import JSON, JSON_LD, Call
from chalicelib.edge.http import Router
from chalicelib.edge.route import Operation, operation
from chalicelib.flows import health
from chalicelib.system import System


@operation(answers={200: "Health", 503: "Health"})
def get_health(system: System, call: Call) -> Answer:
    """Tell whether requests can be served: 200 or 503, and how each dependency does."""
    return answers.health(health.health(system))


@operation(answers={200: "Alive"})
def get_live(system: System, call: Call) -> Answer:
    """Tell that the process runs."""
    return Answer(200, {"status": "ok"})


@operation(answers={200: "Home"})
def get_home(system: System, call: Call) -> Answer:
    """Tell where to go from here, and who is asking."""
    return docs.home(system, call)


def contract_of(router: Router) -> Operation:
    """Return the operation that tells the contract of what a router has."""

    @operation(answers={200: None}, etag=True)
    def get_openapi(system: System, call: Call) -> Answer:
        """Return this contract."""
        return docs.contract(system, router.routes)

    return get_openapi


@operation(answers={200: None}, etag=True)
def get_asyncapi(system: System, call: Call) -> Answer:
    """Return the contract of the websocket, as AsyncAPI 3."""
    return docs.live_contract(system)


@operation(answers={200: None}, offers=(docs.HTML,), etag=True)
def get_docs(system: System, call: Call) -> Answer:
    """Return a page that lists the operations and lets one try them."""
    return docs.page()


@operation(answers={200: None}, offers=(JSON_LD, JSON))
def get_context(system: System, call: Call) -> Answer:
    """Return the JSON-LD context of resources."""
    return docs.context()


@operation(answers={200: "ProblemType"}, offers=(JSON, docs.HTML))
def get_problem(system: System, call: Call) -> Answer:
    """Tell what a kind of problem means."""
    return docs.problem(system, call)
