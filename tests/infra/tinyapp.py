"""A Chalice app of a screen, for what the local system does whatever the app is."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import boto3
from botocore.config import Config
from chalice import Chalice, CORSConfig, Response

from infra.local.aws import client, names

app = Chalice("tiny", configure_logs=False)
app.api.binary_types = ["multipart/form-data"]
seen: list[int] = []


@app.route(
    "/echo/{word}",
    methods=["GET", "POST"],
    content_types=["application/json", "text/plain", "multipart/form-data"],
)
def echo(word: str) -> Any:
    time.sleep(0.001)  # give other threads a chance to interfere
    request = app.current_request
    return {
        "word": word,
        "query": request.query_params.getlist("q") if request.query_params else [],
        "header": request.headers.get("x-word"),
        "event": request.to_original_event(),
        "context": app.lambda_context.aws_request_id,
    }


@app.route("/echo/fixed", methods=["GET"])
def fixed() -> Any:
    return "fixed"


@app.route("/echo/{word}/more", methods=["GET", "HEAD", "PUT"])
def more(word: str) -> Any:
    return Response(
        "more",
        headers={"Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"], "X-One": "1"},
    )


@app.route(
    "/open", methods=["GET"], cors=CORSConfig(allow_origin="https://example.org", max_age=600)
)
def opened() -> Any:
    return "open"


@app.route("/answer/{size}", methods=["GET"])
def answer(size: str) -> Any:
    return Response("x" * int(size), headers={"Content-Type": "text/plain"})


@app.route("/broken", methods=["GET"])
def broken() -> Any:
    return {"when": os}  # no JSON: escapes Chalice's error handling


@app.route("/log/{version}", methods=["PUT"])
def append(version: str) -> Any:
    client("dynamodb").put_item(
        TableName=os.environ.get("LOG_TABLE", names()["LOG_TABLE"]),
        Item={"pk": {"S": "demo/resource#1"}, "sk": {"N": version}},
    )
    emf = {
        "CloudWatchMetrics": [
            {
                "Namespace": "Tiny",
                "Dimensions": [[]],
                "Metrics": [{"Name": "Appends", "Unit": "Count"}],
            }
        ]
    }
    print(json.dumps({"_aws": emf, "Appends": [1]}))
    return {"version": int(version)}


@app.route("/upload-url/{size}/{checksum}", methods=["GET"])
def upload_url(size: str, checksum: str) -> Any:
    signer = boto3.client(
        "s3",
        endpoint_url=os.environ["CONTENT_ENDPOINT_URL"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    where = {"Bucket": os.environ["CONTENT_BUCKET"], "Key": "demo/big"}
    sha256 = base64.b64encode(bytes.fromhex(checksum)).decode()
    put = {**where, "ChecksumSHA256": sha256, "ContentLength": int(size)}
    return {
        "put": signer.generate_presigned_url("put_object", Params=put),
        "get": signer.generate_presigned_url("get_object", Params=where),
        "checksum": sha256,
    }


@app.route("/seen", methods=["GET"])
def read() -> Any:
    return seen


@app.on_dynamodb_record(stream_arn=names()["LOG_STREAM_ARN"], name="reader")
def reader(event: Any) -> None:
    seen.extend(int(record.keys["sk"]["N"]) for record in event)
