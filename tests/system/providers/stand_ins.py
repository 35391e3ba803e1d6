"""Owns what a stand-in is told of a request: the answer that fits it, and the fault that it shall make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pipeline.ai.port import TextRequest
from tests.system.providers import questions
from tests.system.providers.director import Asked, Prepare
from tests.system.providers.faults import Fault, Met
from tests.system.providers.servers import Aimock

#: How long a server keeps an answer back that shall come too late.
LATE_SECONDS: Final = 8
#: US dollars that the stand-in for Runware says its images cost, in turn.
IMAGE_COSTS: Final = ("0.0013", "0.0026", "0.00064", "0.0038", "0.0019")
#: Tokens in and out.
Usage = tuple[int, int]
#: What a server says was used for the request of that number, and what really was.
Told = Callable[[int, Usage], Usage]
_FAULT_HEADER: Final = "X-Fault"
_NO_IMAGE: Final = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="  # an empty SVG
_CONTEXT: Final = "X-AIMock-Context"
_CHAOS: Final = {
    Fault.RATE_LIMIT: ("x-aimock-chaos-ratelimit", "1"),
    Fault.BROKEN: ("x-aimock-chaos-drop", "1"),
    Fault.TIMEOUT: ("x-aimock-chaos-latency", str(LATE_SECONDS * 1_000)),
}


def honest(_number: int, usage: Usage) -> Usage:
    """The truth."""
    return usage


def openai(server: Aimock, usage: Told) -> Prepare:
    """Texts and images as OpenAI gives them."""
    chat = _texts(server, questions.openai_question, ("prompt_tokens", "completion_tokens"), usage)

    def prepare(asked: Asked) -> Mapping[str, str]:
        return _image(server, asked) if "prompt" in asked.body else chat(asked)

    return prepare


def anthropic(server: Aimock, usage: Told) -> Prepare:
    """Texts as Anthropic gives them."""
    return _texts(server, questions.anthropic_question, ("input_tokens", "output_tokens"), usage)


def runware(asked: Asked) -> Mapping[str, str]:
    """Images as Runware gives them: the imposter's stubs look at one header."""
    return {_FAULT_HEADER: _shape(asked.met)}


def runware_stubs() -> Sequence[Mapping[str, Any]]:
    """The imposter that stands in for Runware: its images, each with its own cost, and its faults."""
    slow = {"code": "rateLimitExceeded", "message": "Too many requests."}
    broken = {"code": "internalServerError", "message": "Something broke."}
    images = [_image_response(cost, questions.picture(place)) for place, cost in enumerate(IMAGE_COSTS)]
    late = [_image_response(IMAGE_COSTS[0], questions.picture(0), {"wait": LATE_SECONDS * 1_000})]
    half = questions.picture(1)[: len(questions.picture(1)) // 8 * 4]
    return [
        _stub("429", [_is(429, {"errors": [slow]}, **{"Retry-After": "1"})]),
        _stub("500", [_is(500, {"errors": [broken]})]),
        _stub("timeout", late),
        _stub("truncation", [_image_response(IMAGE_COSTS[1], half)]),
        _stub("disconnect", [{"fault": "CONNECTION_RESET_BY_PEER"}]),
        _stub("bad_json", [_image_response(IMAGE_COSTS[2], _NO_IMAGE)]),
        _stub("bad_json/wire", [_is(200, '{"data": [{"taskType": "imageInference", "co')]),
        _stub("", images),
    ]


def _texts(
    server: Aimock, read: Callable[[Mapping[str, Any]], TextRequest], names: tuple[str, str], usage: Told
) -> Prepare:
    def prepare(asked: Asked) -> Mapping[str, str]:
        reply = questions.answer_to(read(asked.body))
        told = usage(asked.number, (reply.input_tokens or 0, reply.output_tokens or 0))
        used = dict(zip(names, told, strict=True))
        response: dict[str, Any] = {"content": reply.text, "usage": used, "finishReason": reply.finish}
        shape = _shape(asked.met)
        if shape == "truncation":
            response |= {"content": reply.text[: len(reply.text) // 2], "finishReason": "length"}
        elif shape == "bad_json":
            response |= {"content": f"Certainly! Here it is:\n{reply.text[:-20]}"}
        return _told(server, asked, response)

    return prepare


def _image(server: Aimock, asked: Asked) -> Mapping[str, str]:
    drawn = questions.picture(asked.number % 50)
    shape = _shape(asked.met)
    if shape == "truncation":
        drawn = drawn[: len(drawn) // 8 * 4]
    elif shape == "bad_json":
        drawn = _NO_IMAGE
    return _told(server, asked, {"image": {"b64Json": drawn}})


def _told(server: Aimock, asked: Asked, response: Mapping[str, Any]) -> Mapping[str, str]:
    """Have the server answer this request, and no other, so; with the fault that it shall make."""
    server.answer({"context": asked.request_id}, response)
    headers = {_CONTEXT: asked.request_id}
    shape = _shape(asked.met)
    if asked.met is not None and asked.met.fault in _CHAOS:
        name, value = _CHAOS[asked.met.fault]
        headers[name] = value
    elif shape == "disconnect":
        headers["x-aimock-chaos-disconnect"] = "1"
    elif shape == "bad_json/wire":
        headers["x-aimock-chaos-malformed"] = "1"
    return headers


def _shape(met: Met | None) -> str:
    """What the server is to do: nothing where the director does it."""
    if met is None:
        return ""
    if met.fault is Fault.BAD_JSON:
        return "bad_json/wire" if met.on_the_wire else "bad_json"
    if met.fault in {Fault.TRUNCATION, Fault.DISCONNECT}:
        return "" if met.on_the_wire else met.fault.value
    return met.fault.value


def _stub(fault: str, responses: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    asked = {"method": "POST", "path": "/v1"}
    header = {"headers": {_FAULT_HEADER: fault}}
    predicates = [{"equals": {**asked, **header}}] if fault else [{"equals": asked}]
    return {"predicates": predicates, "responses": responses}


def _is(status: int, body: object, **headers: str) -> Mapping[str, Any]:
    return {"is": {"statusCode": status, "headers": {"Content-Type": "application/json", **headers}, "body": body}}


def _image_response(cost: str, image: str, *behaviors: Mapping[str, Any]) -> Mapping[str, Any]:
    """One image for the task that was asked, whatever its id."""
    body = (
        '{"data": [{"taskType": "imageInference", "taskUUID": "${TASK}", "imageUUID": "${TASK}", '
        f'"cost": {cost}, "imageBase64Data": "{image}"}}]}}'
    )
    task = {"from": "body", "into": "${TASK}", "using": {"method": "jsonpath", "selector": "$[0].taskUUID"}}
    return {**_is(200, body), "behaviors": [{"copy": task}, *behaviors]}
