"""The HTTP API as the demo uses it: every call names the status that it expects."""

from __future__ import annotations

from typing import Any

import httpx


class Surprise(Exception):
    """Something is not as the documentation says. The message is one sentence for a person."""


def expect(true: object, sentence: str) -> None:
    """Stop the walk with `sentence` unless `true`."""
    if not true:
        raise Surprise(sentence)


class Api:
    """A client of one system. `token` is a bearer token, None for the local user."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        self._elsewhere = httpx.Client(timeout=30)  # presigned URLs carry their own permission

    def call(self, method: str, path: str, status: int, **request: Any) -> httpx.Response:
        """Make a call; raise Surprise, with what the problem document says, on another status."""
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise Surprise(
                f"{self.url} does not answer ({error}); is `make run` running?"
            ) from error
        if answer.status_code != status:
            raise Surprise(
                f"{method} {path} should be {status}, but is {answer.status_code}: {_said(answer)}"
            )
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", path, 200, params=asked).json()

    def pages(self, path: str, **query: Any) -> list[list[dict[str, Any]]]:
        """Follow `next` to the end; return each page's items."""
        pages: list[list[dict[str, Any]]] = []
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            pages.append(page["items"])
            cursor = page["next"]
            if cursor is None:
                return pages

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Fetch what a redirect points to, without our token: the URL is presigned."""
        there = self._elsewhere.get(answer.headers["Location"])
        if there.status_code != 200:
            raise Surprise(f"The presigned URL answers {there.status_code}, not 200")
        return there

    def send(self, method: str, url: str, content: bytes, headers: dict[str, str]) -> None:
        """Send bytes to a presigned URL."""
        answer = self._elsewhere.request(method, url, content=content, headers=headers)
        if not answer.is_success:
            raise Surprise(f"The presigned upload answers {answer.status_code}: {_said(answer)}")


def milliseconds(answer: httpx.Response) -> str:
    """Return how long an answer took: ``12 ms``."""
    return f"{answer.elapsed.total_seconds() * 1000:.0f} ms"


def _said(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem)
    except (ValueError, AttributeError):
        return answer.text[:200]
