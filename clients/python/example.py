"""python clients/python/example.py ws://127.0.0.1:8000/ws <resource id>"""

import asyncio
import sys

from palimpsest_live import follow


async def main(url: str, resource: str) -> None:
    async for event in follow(url, {resource: 0}):
        print(event["id"], event["type"], event["actor"]["name"])


asyncio.run(main(*sys.argv[1:]))
