"""A server for tests: the files of a directory, served in many ways, the broken ones included.

    server.py DIRECTORY [CERTIFICATE KEY]

It prints its port. What it was asked is in DIRECTORY/.requests, a JSON object a line. The first part of a path
says how the file of the rest is served.
"""

import email.utils
import hashlib
import http.server
import json
import os
import ssl
import sys
import urllib.parse

directory = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        record = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
        with open(os.path.join(directory, ".requests"), "a") as requests:
            requests.write(json.dumps(record) + "\n")
        path, _, query = self.path.partition("?")
        how, _, name = path.lstrip("/").partition("/")
        getattr(self, "serve_" + how, self.serve_missing)(name, urllib.parse.parse_qs(query, True))

    def content(self, name):
        try:
            with open(os.path.join(directory, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        if status != 304:
            headers.setdefault("Content-Length", str(len(body)))
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_missing(self, name, query):
        self.answer(404, b"nothing is here")

    def serve_plain(self, name, query):
        """Without anything that says whether it is new."""
        body = self.content(name)
        self.serve_missing(name, query) if body is None else self.answer(200, body)

    def serve_tagged(self, name, query):
        body = self.content(name)
        if body is None:
            return self.serve_missing(name, query)
        tag = '"' + hashlib.sha1(body).hexdigest() + '"'
        same = self.headers.get("If-None-Match") == tag
        self.answer(304 if same else 200, b"" if same else body, ETag=tag)

    def serve_dated(self, name, query):
        body = self.content(name)
        if body is None:
            return self.serve_missing(name, query)
        date = email.utils.formatdate(os.stat(os.path.join(directory, name)).st_mtime, usegmt=True)
        same = self.headers.get("If-Modified-Since") == date
        self.answer(304 if same else 200, b"" if same else body, Last_Modified=date)

    def serve_chunked(self, name, query):
        body = self.content(name)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for begin in range(0, len(body), 1000):
            chunk = body[begin : begin + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if "cut" not in query:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def serve_unmeasured(self, name, query):
        """As long as the connection."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content(name))
        self.close_connection = True

    def serve_truncated(self, name, query):
        body = self.content(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + 1))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def serve_endless(self, name, query):
        """The head and the file, then nothing until the client has gone."""
        body = self.content(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + 1000))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.rfile.read(1)
        self.close_connection = True

    def serve_silent(self, name, query):
        self.rfile.read(1)
        self.close_connection = True

    def serve_garbage(self, name, query):
        self.wfile.write(b"220 this is a mail server\r\n")
        self.close_connection = True

    def serve_status(self, name, query):
        self.answer(int(name), b"as you like it")

    def serve_redirect(self, name, query):
        self.answer(int(name), b"over there", Location=query["to"][0])

    def serve_hops(self, name, query):
        """As many redirects."""
        if name == "0":
            self.answer(200, b"arrived")
        else:
            self.answer(302, Location=str(int(name) - 1))

    def serve_headers(self, name, query):
        headers = "".join(f"{header.lower()}: {value}\n" for header, value in sorted(self.headers.items()))
        self.answer(200, headers.encode())

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
