"""A small OpenID Connect provider on a free port, which signs its one user in without asking."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = ("sequence-lab", "client-secret")


class Provider(ThreadingHTTPServer):
    """The provider: who signs in next is `claims`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.claims: dict[str, Any] = {}
        self.nonces: dict[str, str] = {}  # by authorization code

    def secrets(self, address: str) -> str:
        """The secrets.toml of a dashboard whose users open it at `address`."""
        return (
            f'[auth]\nredirect_uri = "{address}/oauth2callback"\ncookie_secret = "{"x" * 32}"\n'
            f'client_id = "{CLIENT[0]}"\nclient_secret = "{CLIENT[1]}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        here = self.server.url
        if url.path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            self._answer({"issuer": here, **{name: here + path for name, path in places.items()}})
        elif url.path == "/keys":
            self._answer({"keys": [self.server.key.as_dict(private=False)]})
        elif url.path == "/authorize":
            assert given["client_id"] == CLIENT[0]
            code = f"code-{len(self.server.nonces)}"
            self.server.nonces[code] = given["nonce"]
            self.send_response(302)
            self.send_header(
                "Location", f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"
            )
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        secret = base64.b64decode(self.headers["Authorization"].partition(" ")[2]).decode()
        if self.path != "/token" or secret != ":".join(CLIENT):
            self.send_error(401)
            return
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT[0], "iat": now, "exp": now + 3600}
        claims |= {"nonce": self.server.nonces[form["code"][0]], **self.server.claims}
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.server.key)
        self._answer({"access_token": "access", "token_type": "Bearer", "expires_in": 3600, "id_token": token})

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    with Provider() as provider:
        thread = threading.Thread(target=provider.serve_forever, name="provider")
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
