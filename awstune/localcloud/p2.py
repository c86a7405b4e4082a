"""p2.xlarge, the course's instance, as DescribeInstanceTypes told of it: moto has none."""

from __future__ import annotations

from typing import Any

# Source: https://aws.amazon.com/ec2/instance-types/p2/ (one K80 of two halves: 12 GiB, 4 vCPUs, 61 GiB).
P2_XLARGE: dict[str, Any] = {
    "InstanceType": "p2.xlarge",
    "CurrentGeneration": False,
    "FreeTierEligible": False,
    "SupportedUsageClasses": ["on-demand", "spot"],
    "SupportedRootDeviceTypes": ["ebs"],
    "SupportedVirtualizationTypes": ["hvm"],
    "SupportedBootModes": ["legacy-bios"],
    "SupportedInRegion": True,
    "BareMetal": False,
    "Hypervisor": "xen",
    "ProcessorInfo": {
        "Manufacturer": "Intel",
        "SupportedArchitectures": ["x86_64"],
        "SustainedClockSpeedInGhz": 2.7,
    },
    "VCpuInfo": {
        "DefaultVCpus": 4,
        "DefaultCores": 2,
        "DefaultThreadsPerCore": 2,
        "ValidCores": [1, 2],
        "ValidThreadsPerCore": [1, 2],
    },
    "MemoryInfo": {"SizeInMiB": 62464},
    "InstanceStorageSupported": False,
    "EbsInfo": {
        "EbsOptimizedSupport": "default",
        "EncryptionSupport": "supported",
        "NvmeSupport": "unsupported",
    },
    "NetworkInfo": {
        "NetworkPerformance": "High",
        "MaximumNetworkInterfaces": 4,
        "MaximumNetworkCards": 1,
        "Ipv4AddressesPerInterface": 15,
        "Ipv6AddressesPerInterface": 15,
        "Ipv6Supported": True,
        "EnaSupport": "supported",
        "EfaSupported": False,
    },
    "GpuInfo": {
        "Gpus": [{"Name": "K80", "Manufacturer": "NVIDIA", "Count": 1, "MemoryInfo": {"SizeInMiB": 12288}}],
        "TotalGpuMemoryInMiB": 12288,
    },
    "PlacementGroupInfo": {"SupportedStrategies": ["cluster", "partition", "spread"]},
    "HibernationSupported": False,
    "BurstablePerformanceSupported": False,
    "DedicatedHostsSupported": True,
    "AutoRecoverySupported": True,
}

P2_ZONES: dict[str, tuple[str, ...]] = {
    "region": ("us-east-1",),
    "availability-zone": ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e"),
    "availability-zone-id": ("use1-az6", "use1-az1", "use1-az2", "use1-az4", "use1-az3"),
}
