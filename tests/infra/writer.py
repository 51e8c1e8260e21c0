"""A process to be killed: writes items and objects into DATA and prints each once acknowledged.

python writer.py DATA ROUND
"""

from __future__ import annotations

import sys
import threading
from itertools import count
from pathlib import Path

from infra.local.aws import aws, client
from infra.local.door import DOOR
from infra.local.journal import SqliteJournal

WRITERS = 4


def write(environ: dict[str, str], round_: str, writer: int) -> None:
    for number in count():
        name = f"{round_}-{writer}-{number}"
        if number % 5 == 4:
            body = name.encode() * 1000
            client("s3").put_object(Bucket=environ["CONTENT_BUCKET"], Key=f"demo/{name}", Body=body)
            sys.stdout.write(f"object {name}\n")
        else:
            item = {"pk": {"S": name}, "sk": {"N": "1"}, "body": {"B": name.encode()}}
            client("dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item)
            sys.stdout.write(f"item {name}\n")
        sys.stdout.flush()


def main() -> None:
    with aws() as environ:
        DOOR.journal = SqliteJournal(Path(sys.argv[1]))
        DOOR.journal.restore()
        threads = [
            threading.Thread(target=write, args=(environ, sys.argv[2], writer))
            for writer in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        threads[0].join()


if __name__ == "__main__":
    main()
