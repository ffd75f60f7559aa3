"""Serves the folder that is named on a free local port; prints the address. Below /refusing/ it refuses requests with a
token (401), and takes the rest of the path from after "resolve/main"."""

import http.server
import os
import ssl
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/refusing/"):
            if self.headers.get("Authorization"):
                return self.send_error(401)
            self.path = self.path.split("/resolve/main")[-1]
        super().do_GET()

    def log_message(self, *args):
        pass


os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
scheme = "http"
if len(sys.argv) > 2:  # a certificate and its key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[2:4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https"
print(f"{scheme}://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
