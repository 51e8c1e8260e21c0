"""Questions across resources over HTTP. Each answer says who gave it, and how late it may be.

::

    {"items": […], "next": null, "source": "graph", "lag": 0.012}
    {"items": […], "next": null, "source": "views", "lag": 0.2, "degraded": true, "truncated": true}

What asks the graph and the views is loaded with the first question.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.edge import answers, requests
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.system import System


def resources(system: System, call: Call) -> Answer:
    """Return a page of resources; those of a type are asked of the graph."""
    from chalicelib.flows import graph_ask

    workspace = requests.workspace(call)
    told = graph_ask.resources(system, workspace, **requests.listing(call))
    return answers.resources(system, call, told)


def neighbours(system: System, call: Call) -> Answer:
    """Return a page of the resources around one."""
    from chalicelib.flows import graph_ask

    args = call.args
    told = graph_ask.neighbours(
        system,
        *requests.on(call),
        depth=args["depth"],
        limit=args["limit"],
        cursor=args["cursor"],
        after=requests.after(call),
    )
    items = (
        {"distance": each.distance, "resource": answers.resource_json(system, each.resource)}
        for each in told.value.items
    )
    return answers.page(items, told.value.cursors, told.value.next, answers.teller(told))


def referenced_by(system: System, call: Call) -> Answer:
    """Return a page of the annotations that refer to a resource."""
    from chalicelib.flows import graph_ask

    args = call.args
    told = graph_ask.referenced_by(
        system,
        *requests.on(call),
        motivation=args["motivation"],
        limit=args["limit"],
        cursor=args["cursor"],
        after=requests.after(call),
    )
    items = (answers.annotation_json(system, call, on, mark) for on, mark in told.value.items)
    return answers.page(items, told.value.cursors, told.value.next, answers.teller(told))


def paths(system: System, call: Call) -> Answer:
    """Return the ways from one resource to another, as many as fit: these have no next page."""
    from chalicelib.flows import graph_ask

    args = call.args
    told = graph_ask.paths(
        system,
        requests.workspace(call),
        args["from"],
        args["to"],
        depth=args["maxDepth"],
        after=requests.after(call),
    )
    items = (
        {
            "length": len(path) - 1,
            "resources": [answers.resource_json(system, each) for each in path],
        }
        for path in told.value
    )
    fitting = list(answers.that_fit(items))
    told = replace(told, truncated=told.truncated or len(fitting) < len(told.value))
    return Answer(200, {"items": fitting, "next": None, **answers.teller(told)})


def stats(system: System, call: Call) -> Answer:
    """Return the workspace in numbers."""
    from chalicelib.flows import graph_ask

    told = graph_ask.stats(system, requests.workspace(call), after=requests.after(call))
    found = told.value
    body = {
        "resources": found.resources,
        "archived": found.archived,
        "annotations": found.annotations,
        "references": found.references,
        "formats": dict(found.formats),
        "motivations": dict(found.motivations),
        "entityTypes": [
            {
                "entityType": each.entity_type,
                "resources": each.resources,
                "annotations": each.annotations,
                "offered": each.offered,
            }
            for each in found.entity_types
        ],
    }
    return Answer(200, body | answers.teller(told))
