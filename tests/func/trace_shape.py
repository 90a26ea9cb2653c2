#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""trace_shape.py TRACE: the trace of a VPN connect by calls, with what differs from run to run and
from EMS to EMS replaced by words: times, addresses, the certificate, and the values (not the names,
their order and types) of the sysinfo record. Two traces with the same shape print the same."""
import json
import re
import sys

REPLACED = [
    (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "TIME "),
    (r"sent \d+,\d+$", "sent N,N"),
    (r"ssl_cb: 0x[0-9a-f]+", "ssl_cb: 0xPOINTER"),
    (r"(ems cert ca_cn: )C = US, .*?CN = .*?(FCTEMS\d+)$", r"\1ISSUER\2"),
    (r"(fingerprint: )[0-9A-F]{2}(:[0-9A-F]{2}){63}$", r"\1SHA512"),
    (r"https://[^/]+/", "https://EMS/"),
    (r"updated_after=\d{4}-\d\d-\d\d%20\d\d%3A\d\d%3A\d\d%2E\d{7}", "updated_after=WHEN"),
    (r'("updated_after": ?)"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{7}"', r'\1"WHEN"'),
    (r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}", "UUID"),
]
RECORD = re.compile(r'^\{"[0-9A-F]{32}":\{')


def shape(line):
    for pattern, word in REPLACED:
        line = re.sub(pattern, word, line)
    if RECORD.match(line):
        uid, record = next(iter(json.loads(line).items()))
        return uid + " " + " ".join(f"{k}:{type(v).__name__}" for k, v in record.items())
    if len(line) > 1000 and '"is_zipped": true' in line:
        line = re.sub(r'"data": "[A-Za-z0-9+/=]+"', '"data": "BASE64"', line)
        line = re.sub(r'"unzipped_size": \d+', '"unzipped_size": N', line)
    return line


def read(path):
    """Lines up to and with the avatar's notification; continued ones are part of the line before."""
    out = []
    quoted = False
    with open(path, encoding="utf-8") as f:
        for raw in f:
            line = shape(raw.rstrip("\n"))
            if line == '"""':
                quoted = not quoted
            if out and (quoted or line == '"""' or not line.startswith("TIME ")):
                out[-1].append(line)
            else:
                out.append([line])
            if '"avatar":{"value":true}' in line:
                return out
    return out


def number(lines):
    return int(re.search(r"obj-id: (\d+)", "\n".join(lines)).group(1))


def split(trace):
    """What goes out by object, what comes back by object, certificates, and all else."""
    sent, done, certificates, other = {}, {}, [], []
    start, reply = [], []
    for line in trace:
        text = line[0]
        if "[ec_ez_worker_base_prep" in text or "[ec_ez_worker_prep_data_url" in text:
            start.append(line)
        elif "[ec_ems_context_submit_work" in text:
            sent.setdefault(number(line), []).append(start + [line])
            start = []
        elif "_ec_fctems_certificate_info" in text or "[__match_server_cert_key" in text:
            certificates.append(line)
        elif "[__ws_writefunction" in text or "[fcems_ws_on_text" in text or (
            "[ec_ems_context_update_call" in text or "[ec_daemon_submit_sock_call" in text
        ):
            other.append(line)
        else:
            reply.append(line)
            if "Call completed" in text:
                done.setdefault(number(line), []).append(reply)
                reply = []
    return sent, done, certificates, other


def show(title, lines):
    print(f"== {title}")
    for line in lines:
        print("\n".join(line))


def main():
    sent, done, certificates, other = split(read(sys.argv[1]))
    print("submitted:", *sent)
    print("completed:", *done)
    for obj in sorted(sent):
        for call in sent[obj]:
            show(f"call {obj} goes out", call)
        for call in done.get(obj, []):
            show(f"call {obj} comes back", call)
    show("certificates", certificates)
    show("notifications and VPN users", other)


main()
