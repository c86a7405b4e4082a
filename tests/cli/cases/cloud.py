"""What only the cloud can refuse."""

from __future__ import annotations

from dataclasses import replace

from tests.cli.cases.case import Case

CLOUD = tuple(
    replace(case, cloud=True)
    for case in (
        Case("launch --ssh-from everybody", "everybody", "203.0.113.7/32"),
        Case("launch --ssh-from 10.0.0.300/8", "10.0.0.300/8", "203.0.113.7/32"),
        Case("launch --ssh-from 10.0.0.1/99", "10.0.0.1/99", "203.0.113.7/32"),
        Case("launch --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("launch --region '../x'", "no region '../x'", "--region"),
        Case("launch --region 'us\neast'", "no region 'us\\neast'", "--region"),
        Case("launch --region eu-central-1", "p2.xlarge", "--or-similar", kind="not_offered"),
        Case("launch --type p99.tiny", "p99.tiny", "", kind="not_offered"),
        Case("launch --type '$(x)'", "$(x)", "", kind="not_offered"),
        Case("launch --ami nosuch", "nosuch", ""),
        Case("launch --ami ami-0", "ami-0", ""),
        Case("launch --subnet nosuch", "no subnet 'nosuch'", "--subnet"),
        Case("launch --subnet '$(x)'", "no subnet '$(x)'", "--subnet"),
        Case("launch --subnet subnet-0123456789abcdef0", "no subnet 'subnet-0123456789abcdef0'", "--subnet"),
        Case("launch --security-group nosuch", "no security group 'nosuch'", "--security-group"),
        Case(
            "launch --security-group sg-0123456789abcdef0",
            "no security group 'sg-0123456789abcdef0'",
            "--security-group",
        ),
        *(
            Case(f"launch --key {name}", message, hint, kind="key_file", status=1, files={name: "nonsense"})
            for name, message, hint in (
                ("key.pem", "others can read", "chmod 600"),
                ("private.pem", "private.pem", ""),
            )
        ),
        Case("launch --disk 1", "", ""),
        Case(f"launch --tag {'k' * 200}=1", "is too long", "128 characters"),
        Case(f"launch --tag k={'v' * 300}", "is too long", "256"),
        *(
            Case(f"{command} nosuch", "nosuch", "awstune ls", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate", "sweep train.py --on")
        ),
        *(
            Case(f"{command} {name}", "", "", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate")
            for name in ("../x", "'$(x)'", "'a\nb'", "''")
        ),
        *(
            Case(f"{command}", "no instance", "awstune launch", kind="unknown_name")
            for command in ("ssh", "stop", "start", "terminate", "extend 4h")
        ),
        Case("extend nosuch 4h", "nosuch", "", kind="unknown_name"),
        Case("ls --region us-est-1", "no region 'us-est-1'", "--region us-east-1 or us-west-1"),
        Case("ls --region eu-wst-1", "no region 'eu-wst-1'", "--region eu-west-1"),
        Case("ls --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("types --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("doctor --region nowhere-1", "no region 'nowhere-1'", "--region"),
        Case("launch theirs", "theirs", "another name", kind="name_taken"),
        Case("launch theirs --dry-run", "theirs", "another name", kind="name_taken"),
        Case("sweep train.py --launch --name theirs", "theirs", "another name", kind="name_taken"),
        *(
            Case(command, "there is no instance 'theirs' of yours", "awstune", kind="unknown_name")
            for command in (
                "ssh theirs",
                "stop theirs",
                "start theirs",
                "terminate theirs",
                "extend theirs 4h",
                "sweep train.py --on theirs",
            )
        ),
        Case("stop --", "no instance", "awstune launch", kind="unknown_name"),
    )
)
