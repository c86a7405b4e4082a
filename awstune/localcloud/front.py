"""AWS's answers that moto does not have, given in front of it: quotas, image parameters, prices."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from awstune.localcloud import answers, faults, gate, pricelist
from awstune.localcloud.quotas import NoSuchQuota, Quotas

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_IMAGE_PARAMETER = re.compile(r"/aws/service/deeplearning/ami/x86_64/([^/]+)/latest/ami-id")
# Types of image by the name that their parameter has; the ids are those of images.json.
_IMAGES = dict.fromkeys(
    (
        "oss-nvidia-driver-gpu-pytorch-2.8-ubuntu-24.04",
        "base-oss-nvidia-driver-gpu-ubuntu-24.04",
        "base-oss-nvidia-driver-ubuntu-22.04",
    ),
    "ami-0c0ffee2824040001",
)
_DECODED = (
    "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult><DecodedMessage>{message}"
    "</DecodedMessage></DecodeAuthorizationMessageResult><ResponseMetadata><RequestId>{request}</RequestId>"
    "</ResponseMetadata></DecodeAuthorizationMessageResponse>"
)
_JSON = "application/x-amz-json-1.1"


class Front:
    """WSGI application that answers what moto cannot, and passes everything else on to ``app``.

    Args:
        app: moto.
        quotas: this account's quotas.
        account: its id.
    """

    def __init__(self, app: WSGIApplication, quotas: Quotas, account: str) -> None:
        self._app = app
        self._quotas = quotas
        self._account = account

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        try:
            answer = self._answer(environ)
        except NoSuchQuota as missing:
            return answers.error(environ, start_response, 400, "NoSuchResourceException", str(missing))
        if answer is None and _decodes(environ):
            return _decoded(environ, start_response)
        if answer is None:
            return self._app(environ, start_response)
        return answers.send(start_response, 200, json.dumps(answer).encode(), _JSON)

    def _answer(self, environ: WSGIEnvironment) -> Any:
        scope = environ[gate.SCOPE]
        if scope.service not in ("servicequotas", "ssm", "pricing"):
            return None
        action = faults.step(environ)[0]
        document = json.loads(environ[gate.BODY] or b"{}")
        match scope.service:
            case "servicequotas":
                return self._quotas.answer(action, document, scope.region, self._account)
            case "ssm":
                return _parameter(action, document, scope.region)
            case _:
                return pricelist.answer(action, document)


def _parameter(action: str, document: dict[str, Any], region: str) -> Any:
    match = _IMAGE_PARAMETER.fullmatch(str(document.get("Name", "")))
    if action != "GetParameter" or match is None or match.group(1) not in _IMAGES:
        return None
    name = match.group()
    arn = f"arn:aws:ssm:{region}::parameter{name}"
    value = {"Name": name, "Type": "String", "Value": _IMAGES[match.group(1)], "Version": 1}
    return {"Parameter": value | {"ARN": arn, "DataType": "aws:ec2:image"}}


def _decodes(environ: WSGIEnvironment) -> bool:
    is_sts = environ[gate.SCOPE].service == "sts"
    return is_sts and faults.step(environ)[0] == "DecodeAuthorizationMessage"


def _decoded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What STS makes of an encoded message: here it is base64, so that a fault rule can carry one."""
    encoded = faults.step(environ)[1].get("EncodedMessage", "")
    try:
        message = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        code = "InvalidAuthorizationMessageException"
        return answers.error(environ, start_response, 400, code, "Message is not valid")
    body = _DECODED.format(message=escape(message), request=uuid.uuid4())
    return answers.send(start_response, 200, body.encode(), "text/xml")
