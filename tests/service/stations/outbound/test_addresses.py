import pytest

from service.stations.outbound.addresses import is_public

PRIVATE = (
    "127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 0.0.0.0 169.254.169.254 100.100.100.200 168.63.129.16 192.0.0.192 "
    "224.0.0.1 240.0.0.1 255.255.255.255 198.18.0.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 "
    "::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1::"
)
PUBLIC = "8.8.8.8 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_of_a_machine_a_network_or_a_cloud_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)
