# SPDX-License-Identifier: BSD-3-Clause
"""Look for private keys where they must not be.

usage: secrets.py SECRETS KEY.pem... -- FILE...

What is looked for: each key's private number as octets, in hexadecimal and in base64, the lines
of its PEM file, and the session-ticket keys of the shared file SECRETS. That file must hold the
first key, or this program would find nothing anywhere. Exit 0: in none of the files.
"""

import base64
import re
import subprocess
import sys

TICKET_AT, TICKET_LEN, NB_TICKETS = 24, 88, 3


def private_number(path):
    """The scalar of an EC key, a prime factor of an RSA key."""
    text = subprocess.run(
        ["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, check=True
    ).stdout.decode()
    match = re.search(r"^(?:priv|prime1):\s*((?:\s+[0-9a-f:]+\n?)+)", text, re.M)
    return bytes.fromhex(re.sub(r"[\s:]", "", match.group(1))).lstrip(b"\0")


def forms(name, octets):
    yield name, octets
    yield name + " in hexadecimal", octets.hex().encode()
    yield name + " in base64", base64.b64encode(octets)[:-4]
    for shift in (1, 2):
        # Inside of something longer, base64 begins at another bit.
        yield name + " within base64", base64.b64encode(b"\0" * shift + octets)[4:-4]


def pem_lines(path):
    with open(path, "rb") as f:
        for line in f.read().splitlines():
            if len(line) >= 40 and not line.startswith(b"-----"):
                yield line


def main():
    split = sys.argv.index("--")
    secrets, keys, files = sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]
    with open(secrets, "rb") as f:
        shared = f.read()
    needles = []
    for path in keys:
        needles += forms(path, private_number(path))
        needles += ((path + " as PEM", line) for line in pem_lines(path))
    if needles[0][1] not in shared:
        sys.exit("the shared secrets do not hold the key: nothing would be found elsewhere")
    for i in range(NB_TICKETS):
        key = shared[TICKET_AT + i * TICKET_LEN :][: TICKET_LEN - 8]
        for name, part in (("AES", key[16:48]), ("HMAC", key[48:80])):
            if any(part):
                needles += forms(f"ticket key {i} {name}", part)
    nb_bytes = 0
    for path in files:
        with open(path, "rb") as f:
            data = f.read()
        nb_bytes += len(data)
        lower = data.lower()
        for name, needle in needles:
            if needle in data or (name.endswith("hexadecimal") and needle in lower):
                sys.exit(f"{path} holds {name}")
    print(f"{len(needles)} forms, {len(files)} files, {nb_bytes} octets")


main()
