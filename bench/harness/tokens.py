"""The tokens of all users, and the server that publishes the key of some of them."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "bench-secret-not-for-anything-else-0123456789"
# Issuer and audience of all tokens, and the origin of all requests.
ORIGIN = "http://localhost:3000"

# Python's standard library lacks Ed25519; Node's has it.
SIGN_EDDSA = """
const { generateKeyPairSync, sign } = require('node:crypto')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const base64 = (json) => Buffer.from(JSON.stringify(json)).toString('base64url')
const key = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'EdDSA', use: 'sig' }
const claims = JSON.parse(require('node:fs').readFileSync(0))
const tokens = claims.map((one) => {
  const message = base64({ alg: 'EdDSA', kid: 'bench', typ: 'JWT' }) + '.' + base64(one)
  return message + '.' + sign(null, Buffer.from(message), privateKey).toString('base64url')
})
console.log(JSON.stringify({ key, tokens }))
"""


def claims(user):
    """What Better Auth writes into a token."""
    now = int(time.time())
    who = {"sub": user, "id": user, "email": f"{user}@example.com", "name": f"User {user}"}
    return {**who, "iat": now, "exp": now + 7 * 86400, "iss": ORIGIN, "aud": ORIGIN}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hs256(user):
    head, body = (base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims(user)))
    signature = hmac.digest(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{base64url(signature)}"


def spoilt(token):
    """The same token with another signature."""
    return token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")


class Tokens:
    """Made when they are asked for."""

    def __init__(self, users):
        self.users = users
        self.made = {}
        self.keys_url = ""

    def of(self, algorithm):
        if algorithm not in self.made:
            self.made[algorithm] = self._eddsa() if algorithm == "EdDSA" else {user: hs256(user) for user in self.users}
        return self.made[algorithm]

    def _eddsa(self):
        given = json.dumps([claims(user) for user in self.users])
        made = json.loads(
            subprocess.run(["node", "-e", SIGN_EDDSA], input=given, capture_output=True, text=True, check=True).stdout
        )
        self.keys_url = serve({"keys": [made["key"]]})
        return dict(zip(self.users, made["tokens"]))


def serve(document):
    """Serves a document for as long as we run; answers its URL."""
    body = json.dumps(document).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/api/auth/jwks"
