"""Attacks on the wire: frames that are forged, broken, too early, too late or too large."""

from __future__ import annotations

from tests.attacks.attack import Attack, in_total

REFUSED = "the decoder refuses it"

FORGE = """
import json
import socket
import struct
import time

def wire():
    for number in range(3, 64):
        try:
            return socket.socket(fileno=os.dup(number))
        except OSError:
            continue

def frame(header, payload=b"", magic=b"GWF2", sizes=None):
    body = header if isinstance(header, bytes) else json.dumps(header).encode()
    head, tail = sizes or (len(body), len(payload))
    return magic + struct.pack("<IQ", head, tail) + body + payload

def reply(value):
    return {"d": [["ok", True], ["value", value]]}

def send(data):
    wire().sendall(data)
    time.sleep(30)

"""


def forged(
    name: str, tries: str, code: str, stopped_by: str = REFUSED, says: str = "not an answer"
) -> Attack:
    """An attack that writes to the wire itself."""
    return in_total(name, tries, stopped_by, FORGE + code, says=says)


FRAMES: list[Attack] = [
    forged(
        "frame_without_end",
        "announce a frame of exabytes",
        """
def total(x):
    send(frame({}, sizes=(10, 2**60) if len(x) == 1 else (2**32 - 1, 0)))
""",
    ),
    forged(
        "frame_of_noise",
        "answer with something that is not a frame: other magic, HTTP, noise",
        """
def total(x):
    send(frame({}, magic=b"GWF0") if len(x) == 1 else os.urandom(4096))
""",
    ),
    forged(
        "frame_that_stops",
        "announce a frame and never finish it, a byte at a time",
        """
def total(x):
    w = wire()
    for byte in frame(reply(1), bytes(1000)):
        w.sendall(bytes([byte]))
        time.sleep(0.05)
""",
        "the time limit of a call",
        "no answer within",
    ),
    forged(
        "frame_of_odd_shapes",
        "announce arrays of negative, huge, boolean and fractional sizes",
        """
BODIES = [
    {"x": ["float32", [-1]]},
    {"x": ["float32", [2**62, 4]]},
]

def total(x):
    send(frame(reply(BODIES.pop(0 if len(x) == 1 else 1))))
""",
    ),
    forged(
        "frame_of_odd_dtypes",
        "announce arrays of objects, records, times and unknown kinds",
        """
def total(x):
    send(frame(reply({"n": ["object" if len(x) == 1 else "V8", [1]]}), bytes(8)))
""",
    ),
    forged(
        "hidden_inputs_in_frames",
        "carry hidden inputs to the student's own page in what a broken frame is refused for",
        """
def total(x):
    digits = "".join(f"{b:02x}" for b in x.numpy().tobytes())
    if len(x) == 1:
        send(frame(reply({"x": ["LEAK" + digits, [1]]}), bytes(4)))
    send(frame({}, sizes=(2**32 - 1, 7_700_000)))
""",
        "the student is not told what was wrong with a frame",
    ),
    forged(
        "frame_nested_deeply",
        "answer with lists nested a million deep, and values without end",
        """
def total(x):
    send(frame(b'{"l":[' * 500_000 if len(x) == 1 else reply({"l": [1] * 300_000})))
""",
    ),
    forged(
        "frame_of_odd_json",
        "answer with NaN, doubled keys, unknown tags, broken UTF-8 and empty arrays of huge shape",
        """
BODIES = [b'{"d":[["ok",NaN]]}', b'{"d":[["ok",true]],"d":[]}', b"\\xff\\xfe{}", b"[]"]

def total(x):
    if len(x) == 1:
        send(frame(BODIES[0]))
    send(frame(reply({"x": ["float32", [0] + [2**31 - 1] * 15]})))
""",
    ),
    forged(
        "frame_with_a_verdict",
        "answer with verdicts: passed, marks, outcomes",
        """
def total(x):
    verdict = {"d": [["outcome", {"s": "passed"}], ["awarded", 3.0], ["passed", True]]}
    send(frame({"d": [["ok", True], ["passed", True], ["awarded", 3.0], ["value", verdict]]}))
""",
        "no verdict comes from the worker",
        "",
    ),
    forged(
        "answer_before_asked",
        "send answers in advance, so that later questions read them",
        """
def total(x):
    wire().sendall(frame(reply(1.0)) * 20)
    return None
""",
        "an answer must be right for its own inputs",
        "",
    ),
    forged(
        "answer_after_the_limit",
        "answer when the time limit is over, from a process that outlives the call",
        """
def total(x):
    w = wire()
    if os.fork() == 0:
        os.setsid()
        time.sleep(2.5)
        try:
            w.sendall(frame(reply(float(x.sum()))))
        finally:
            os._exit(0)
    time.sleep(30)
""",
        "what is late is dropped with its cell",
        "no answer within",
    ),
    forged(
        "answer_from_a_thread",
        "read the questions in a thread and answer in place of the worker",
        """
import threading

def impostor():
    w = wire()
    while True:
        w.recv(2**16)
        w.sendall(frame(reply({"s": "passed"})))

def total(x):
    threading.Thread(target=impostor, daemon=True).start()
    return None
""",
        "no verdict comes from the worker",
        "",
    ),
    forged(
        "pass_descriptors",
        "pass file descriptors and credentials over the wire",
        """
def total(x):
    w = wire()
    data = frame(reply(None))
    socket.send_fds(w, [data[:10]], list(range(3)) * 20)
    w.sendall(data[10:])
    time.sleep(30)
""",
        "descriptors are not received",
        "",
    ),
    forged(
        "errors_that_lie",
        "forge the description of an error: pages of text, markup, our own error types",
        """
def total(x):
    frames = {"l": [{"d": [["file", {"s": "<script>alert(1)</script>" * 9}], ["line", 10**30],
                           ["function", {"s": "\\u202e" * 300}], ["text", {"s": "=cmd()"}]]}] * 40}
    kind = "WallError" if len(x) == 1 else "MissingModule"
    text = {"s": "\\ud800mean" * 40000}
    error = {"d": [["type", {"s": kind}], ["text", text], ["frames", frames]]}
    send(frame({"d": [["ok", False], ["error", error]]}))
""",
        "every field is cut, cleaned and never believed",
        "raised|not",
    ),
    in_total(
        "packages_without_end",
        "report thousands of packages as missing, to fill the report",
        "the list is cut",
        FORGE
        + """
import builtins

names = [{"l": [{"s": f"p{n}"}, {"s": "total.py"}]} for n in range(20_000)]
wire().sendall(frame(reply({"d": [["stood_in", {"l": names}], ["ended", 10**30]]})))

def total(x):
    return None
""",
    ),
    in_total(
        "reply_too_large",
        "answer with gigabytes that cost nothing to make: expanded, sparse, meta tensors",
        "a cap on answers",
        """
        import torch

        KINDS = [torch.zeros(1).expand(2**31), torch.zeros(2**20)]

        def total(x):
            return KINDS.pop()
        """,
        says="raised",
    ),
    in_total(
        "values_that_refer_to_themselves",
        "answer with lists that hold themselves, hostile dictionaries and endless generators",
        "caps on depth and number of values",
        """
        def total(x):
            if len(x) == 1:
                loop = []
                loop.append(loop)
                return loop
            return {float("nan"): 1, (1, 2): 2}
        """,
    ),
]
