"""A proxy before a server for tests: counts round trips, and breaks links in chosen ways."""
import os
import pathlib
import shutil
import socket
import struct
import tempfile
import threading

CHUNK_BYTES = 65536


class Link:
    """One client's connection and the one to the server behind it."""

    def __init__(self, client, server):
        self.ends = {"client": client, "server": server}
        self.asked = False  # the client spoke last

    def close(self, reset=False):
        for end in self.ends.values():
            if reset and end.family == socket.AF_INET:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class Proxy:
    """Listens on 127.0.0.1 and on a unix socket, and passes everything on to the unix socket of a Daemon of server.py.

    trips   how often a client sent something and the server answered: round trips, those of connecting included
    links   how many connections were made
    bytes   {"client": sent by clients, "server": sent by the server}
    """

    def __init__(self, server):
        self.target = f"{server.root}/.s.PGSQL.{server.port}"
        self.server = server
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="statekeep-proxy-"))
        self.trips = self.links = 0
        self.bytes = {"client": 0, "server": 0}
        self.delay_s = 0.0  # before each chunk that a client sends
        self.refusing = False  # new connections are closed at once
        self._state = threading.Condition()
        self._open = set()
        self._stalled = frozenset()
        self._discard = False
        self._allowance = {}  # sender → bytes that still pass before the link is cut
        self._closed = False
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(f"{self.root}/.s.PGSQL.{self.port}")
        os.chmod(f"{self.root}/.s.PGSQL.{self.port}", 0o777)
        self.root.chmod(0o755)
        unix.listen(128)
        self._listeners = [tcp, unix]
        for listener in self._listeners:
            self._thread(self._accept, listener)

    def dsn(self, database="postgres", tcp=True, **settings):
        """As Daemon.dsn(), through the proxy."""
        return self.server.dsn(database, **{"host": "127.0.0.1" if tcp else str(self.root), "port": self.port,
                                            **settings})

    def url(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def cut(self, reset=False):
        """Ends all links now, with a TCP reset if wanted; how many there were."""
        with self._state:
            links = list(self._open)
        for link in links:
            link.close(reset)
        return len(links)

    def cut_after(self, size, sender="server"):
        """Lets `size` more bytes of "server" or "client" pass, then ends the link that carries the next one. Once."""
        with self._state:
            self._allowance[sender] = size

    def stall(self, *senders, discard=False):
        """Holds back what "client" or "server" sends (default: both) until resume(); with `discard` it is lost."""
        with self._state:
            self._stalled = frozenset(senders or ("client", "server"))
            self._discard = discard

    def resume(self):
        with self._state:
            self._stalled = frozenset()
            self._state.notify_all()

    def close(self):
        with self._state:
            self._closed = True
            self._state.notify_all()
        for listener in self._listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        self.cut()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @staticmethod
    def _thread(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                if self.refusing or self._closed:
                    raise ConnectionRefusedError
                server.connect(self.target)
            except OSError:
                server.close()
                client.close()
                continue
            if client.family == socket.AF_INET:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            with self._state:
                self.links += 1
                self._open.add(link)
            self._thread(self._pump, link, "client", "server")
            self._thread(self._pump, link, "server", "client")

    def _pump(self, link, sender, receiver):
        try:
            while data := link.ends[sender].recv(CHUNK_BYTES):
                data = self._pass(link, sender, data)
                if self.delay_s and sender == "client":
                    threading.Event().wait(self.delay_s)
                if data is None:
                    break
                link.ends[receiver].sendall(data)
        except OSError:
            pass
        link.close()
        with self._state:
            self._open.discard(link)

    def _pass(self, link, sender, data):
        """What of `data` goes on to the other end; None when the link is to be cut."""
        with self._state:
            while sender in self._stalled and not self._closed:
                if self._discard:
                    return b""
                self._state.wait()
            self.bytes[sender] += len(data)
            if sender == "client":
                link.asked = True
            elif link.asked:
                link.asked = False
                self.trips += 1
            if sender not in self._allowance:
                return data
            allowed = self._allowance[sender]
            if len(data) <= allowed:
                self._allowance[sender] -= len(data)
                return data
            del self._allowance[sender]
        other = link.ends["client" if sender == "server" else "server"]
        other.sendall(data[:allowed])
        return None
