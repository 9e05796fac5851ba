"""One network address, strictly: may a request to a configured URL go there? Ranges by CIDR, disguises taken off.

IPv4 lists what is refused, IPv6 what is left of the only range in public use. `ipaddress.is_global` is not asked: it
differs between versions of Python (CVE-2024-4032), and lets 6to4, NAT64 and multicast pass. Must not resolve names.
"""

from collections.abc import Collection
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registry for IPv4, with the addresses of AS 112 and AMT.
_V4_REFUSED = [
    IPv4Network(cidr)
    for cidr in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
]
_V6_PUBLIC = IPv6Network("2000::/3")
# Of that: protocol assignments with Teredo and ORCHID, documentation, 6to4, AS 112, the old 6bone.
_V6_REFUSED = [
    IPv6Network(cidr)
    for cidr in (*("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16"),)
]
# Where a machine asks its cloud who it is and for its keys (AWS, Google, Azure, Oracle, Alibaba, Scaleway, Linode), and
# what is no machine: nobody may open these, whatever range they stand in.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(cidr)
    for cidr in (
        *("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
        *("fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128", "fd00:a9fe:a9fe::/48"),
        *("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"),
    )
)
# IPv4 addresses inside IPv6 ones, in the last 32 bits: NAT64 (RFC 6052, 8215), SIIT (RFC 7915), compatible (RFC 4291).
_V4_AT_END = [IPv6Network(cidr) for cidr in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")]
# ISATAP (RFC 5214) marks its interface ids so, under any prefix.
_ISATAP = (0x00005EFE, 0x02005EFE)


def refusal(address: str, opened: Collection[Network] = ()) -> str:
    """Why no request may go to `address`; nothing when it may. `opened` are the ranges of an `allow_private`."""
    try:
        found = _plain(ip_address(address))
    except ValueError:
        return "is no address of one machine"
    if isinstance(found, IPv6Address) and found.scope_id:
        return "holds a zone"
    inside = (found, *_inside(found))
    if any(_is_in(one, _NEVER) for one in inside):
        return "is one that may never be reached"
    if all(_is_public(one) or _is_in(one, opened) for one in inside):
        return ""
    return "is private"


def is_opened(address: str, opened: Collection[Network]) -> bool:
    """Whether it was opened on purpose. Of an address that `refusal` has passed."""
    return _is_in(_plain(ip_address(address)), opened)


def never(network: Network) -> bool:
    """Whether opening this range would open nothing."""
    return any(_holds(wider, network) for wider in _NEVER)


def _plain(address: Address) -> Address:
    """An IPv4 address in IPv6 clothes is dialled as IPv4 by the system."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _inside(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that a gateway would send it on to."""
    if isinstance(address, IPv4Address):
        return []
    bits = int(address)
    found = [address.sixtofour, *(address.teredo or ())]
    is_at_end = bits > 1 and _is_in(address, _V4_AT_END)  # :: and ::1 are no IPv4 addresses
    if is_at_end or (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(bits & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_in(address, _V4_REFUSED)
    return address in _V6_PUBLIC and not _is_in(address, _V6_REFUSED)


def _is_in(address: Address, networks: Collection[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _holds(wider: Network, network: Network) -> bool:
    if isinstance(wider, IPv4Network):
        return isinstance(network, IPv4Network) and network.subnet_of(wider)
    return isinstance(network, IPv6Network) and network.subnet_of(wider)
