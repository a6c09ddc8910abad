"""Somebody who listens to what handlers publish: an HTTP server that keeps what is posted to it."""

import http.server
import json
import threading


class Listener:
    """One on a free port; `got` has the events in the order they came."""

    def __init__(self):
        self.got = got = []

        class Takes(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/"
