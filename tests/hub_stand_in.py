"""A server on this machine that speaks as much of the hub's protocol as a download needs."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "authors/weights"


class StandIn:
    """One repository with one commit.

    Attributes:
        repository: owner/name.
        files: name -> bytes.
        requests: (method, path, Range header) of every request.
        cut: a file whose first download stops after so many bytes; the server then stays away
            until `revive`.
        damaged: a file whose bytes differ from its hash.
    """

    def __init__(self, files, repository=REPOSITORY, cut=None, damaged=None):
        self.repository = repository
        self.files, self.cut, self.damaged = files, cut, damaged
        self.requests, self.down = [], False
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def revive(self):
        self.cut, self.down = None, False

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandIn

    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body):
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        if self.hub.down:
            self.close_connection = True
            return
        repository = self.hub.repository
        info, tree = f"/api/models/{repository}", f"/api/models/{repository}/tree/{COMMIT}"
        if path in (info, f"{info}/revision/main", f"{info}/revision/{COMMIT}"):
            self._json({"id": repository, "sha": COMMIT, "siblings": self._names()})
        elif path == tree:
            self._json([self._entry(name) for name in self.hub.files])
        elif path.startswith(f"/{repository}/resolve/{COMMIT}/"):
            self._file(path.split(f"/{COMMIT}/")[1], body)
        else:
            missing = "RevisionNotFound" if path.startswith(info) else "RepoNotFound"
            self._send(404, b"", {"X-Error-Code": missing, "X-Error-Message": "not found"})

    def _file(self, name, body):
        content = self.hub.files[name]
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "Accept-Ranges": "bytes",
        }
        if name == self.hub.damaged:
            content = b"\0" * len(content)
        start, status = 0, 200
        if (asked := self.headers.get("Range")) is not None:
            start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        content = content[start:]
        if body and name == self.hub.cut:
            self._send(status, content, headers, stop=len(content) // 2)
            self.hub.down, self.close_connection = True, True
        else:
            self._send(status, content, headers, stop=None if body else 0)

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status, content, headers, stop=None):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content[:stop])
        self.wfile.flush()

    def _names(self):
        return [{"rfilename": name} for name in self.hub.files]

    def _entry(self, name):
        content = self.hub.files[name]
        digest = hashlib.sha256(content).hexdigest()
        lfs = {"oid": digest, "size": len(content), "pointerSize": 130}
        oid = digest[:40]
        return {"type": "file", "path": name, "size": len(content), "oid": oid, "lfs": lfs}
