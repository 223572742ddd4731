"""Seals and opens ESP packets with scapy, for scapy_test.ts.

Reads a JSON list of cases from stdin and writes a list of answers: what scapy opens of the packet of a case, whether it
refuses that packet with its last bit flipped, and what it seals of the inner packet under the same IV. Bytes are in hex.
"""

import json
import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation


def packet_of(data):
    return (IP if data[0] >> 4 == 4 else IPv6)(data)


def association_of(case):
    outer = None
    if case["mode"] == "tunnel":
        outer = (IP if case["version"] == 4 else IPv6)(src=case["source"], dst=case["destination"])
    return SecurityAssociation(
        ESP,
        spi=case["spi"],
        crypt_algo=case["cipher"],
        crypt_key=bytes.fromhex(case["key"]) or None,
        crypt_icv_size=case["icvBytes"] if case["auth"] is None else None,
        auth_algo=case["auth"],
        auth_key=bytes.fromhex(case["authKey"]) or None,
        tunnel_header=outer,
        nat_t_header=UDP(sport=4500, dport=4500) if case["isInUdp"] else None,
        esn_en=case["esn"],
        esn=case["high"],
    )


def refuses(sa, packet):
    try:
        sa.decrypt(packet_of(packet[:-1] + bytes([packet[-1] ^ 1])))
    except IPSecIntegrityError:
        return True
    return False


def answer(case):
    packet = bytes.fromhex(case["packet"])
    inner = bytes.fromhex(case["inner"])
    sa = association_of(case)
    sealed = sa.encrypt(packet_of(inner), seq_num=case["low"], iv=bytes.fromhex(case["iv"]))
    return {
        "opened": bytes(sa.decrypt(packet_of(packet))).hex(),
        "refuses": refuses(sa, packet),
        "sealed": bytes(sealed).hex(),
    }


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
