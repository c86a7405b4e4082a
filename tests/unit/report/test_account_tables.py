"""What an account offers, as tables."""

from awstune.report import tables

G4 = {
    "type": "g4dn.xlarge",
    "gpu": "T4",
    "gpus": 1,
    "gpu_memory_gib": 16,
    "vcpus": 4,
    "usd_per_hour": 0.526,
    "spot_usd_per_hour": 0.16,
    "offered": True,
    "quota_vcpus": 64.0,
    "quota_used_vcpus": 8.0,
    "spot_usd_per_hour_by_zone": {"us-east-1a": 0.16, "us-east-1c": 0.21},
    "spot_quota_vcpus": 0.0,
    "spot_quota_used_vcpus": 0.0,
    "price_region": "us-east-1",
    "price_date": "2026-11-23",
}
P3 = {
    **G4,
    "type": "p3.2xlarge",
    "gpu": "V100",
    "offered": False,
    "quota_vcpus": None,
    "quota_used_vcpus": None,
    "spot_usd_per_hour": None,
    "spot_usd_per_hour_by_zone": {},
    "price_date": "2026-06",
}


def test_types_with_what_both_quotas_still_allow():
    """Price and vCPUs left of each market, and of when they are; what nobody says is a dash, never a zero."""
    header, first, second, *dates = tables.types([G4, P3], "us-east-1").splitlines()
    assert dates == [
        "prices on demand: us-east-1, 2026-11-23",
        "prices on demand: us-east-1, 2026-06 (p3.2xlarge)",
    ]
    assert header.split("  ")[-1] == "SPOT LEFT"
    assert " ".join(first.split()) == "g4dn.xlarge 1 x T4 16 4 $0.53 56 of 64 $0.16 0 of 0"
    assert " ".join(second.split()) == "p3.2xlarge 1 x V100 16 4 $0.53 - - 0 of 0 not offered"
    assert tables.types([], "us-east-1") == "us-east-1 offers no GPU type"


def test_spot_prices_by_zone():
    """A column for each zone; a type without any price has no line."""
    lines = tables.spot_prices([G4, P3], "us-east-1").splitlines()
    assert [line.split() for line in lines] == [
        ["TYPE", "us-east-1a", "us-east-1c"],
        ["g4dn.xlarge", "$0.16", "$0.21"],
    ]
    assert tables.spot_prices([P3], "us-east-1") == "nobody says the spot prices of us-east-1"
