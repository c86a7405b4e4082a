"""``launch``, and the durations of all commands."""

from __future__ import annotations

from tests.cli.cases.case import Case

LAUNCH = (
    Case("launch --ttl tomorrow", "'tomorrow' is no duration", "awstune launch --help"),
    Case("launch --ttl 8", "'8' is no duration", "awstune launch --help"),
    Case("launch --ttl -1h", "-1h", "awstune launch --help"),
    Case("launch --ttl 0s", "'0s' is no time at all", "awstune launch --help"),
    Case("launch --ttl 99999999999999d", "longer than ten years", "awstune launch --help"),
    Case("launch --idle 0m", "'0m' is no time at all", "awstune launch --help"),
    Case("start --ttl 0s", "'0s' is no time at all", "awstune start --help"),
    Case("extend 0s", "'0s' is no time at all", "awstune extend --help"),
    Case("sweep train.py --trial-timeout 0s", "'0s' is no time at all", "awstune sweep --help"),
    Case("sweep train.py --max-time 0s", "'0s' is no time at all", "awstune sweep --help"),
    Case("sweep train.py --on lab --launch", "two places", "leave one of them out"),
    Case("sweep train.py --stop-when soon", "no rule to stop by", "--stop-when"),
    Case("sweep train.py --env NOPE --on lab", "NOPE is not set here", "export NOPE"),
    Case("launch --idle soon", "'soon' is no duration", "awstune launch --help"),
    Case("launch --tag team", "'team' is no tag; write KEY=VALUE", "awstune launch --help"),
    Case("launch --tag =x", "'=x' is no tag", "awstune launch --help"),
    Case("launch --tag aws:x=1", "tags of awstune: and aws:", "another tag name"),
    Case("launch --tag awstune:ends=1", "tags of awstune: and aws:", "another tag name"),
    Case("launch --count 0", "0 is not between", "awstune launch --help"),
    Case("launch --count many", "'many'", "awstune launch --help"),
    Case("launch --disk 0", "0 is not between", "awstune launch --help"),
    Case("launch --disk 99999999999", "is not between", "awstune launch --help"),
    Case("launch --disk 1.5", "1.5", "awstune launch --help"),
    Case("launch --max-usd 0", "0", "awstune launch --help"),
    Case("launch --max-usd -3", "-3", "awstune launch --help"),
    Case("launch --max-usd nan", "'nan' is no amount of dollars", "awstune launch --help"),
    Case("launch --max-usd inf", "'inf' is no amount of dollars", "awstune launch --help"),
    Case("launch --max-usd free", "'free'", "awstune launch --help"),
    Case("launch --at-end keep", "'keep'", "awstune launch --help"),
    Case("launch --spot --at-end stop", "spot instance cannot be stopped", "leave --at-end out"),
    Case("launch --key nowhere.pem", "nowhere.pem", "awstune launch --help"),
    Case("launch --key-type dsa", "'dsa'", "awstune launch --help"),
    Case("launch a b", "b", "awstune launch --help"),
    Case("launch ''", "'' cannot be an instance's name", "letters"),
    Case("launch ../x", "'../x' cannot be an instance's name", "letters"),
    Case("launch '$(x)'", "'$(x)' cannot be an instance's name", "letters"),
    Case("launch 'a\nb'", "'a\\nb' cannot be an instance's name", "letters"),
    Case("launch -- --", "'--' cannot be an instance's name", "letters"),
    Case("launch -- -rf", "'-rf' cannot be an instance's name", "letters"),
    Case("launch höhle", "'höhle' cannot be an instance's name", "letters"),
    Case(f"launch {'x' * 64}", "cannot be an instance's name", "63"),
    *(
        Case(f"launch --{option} ''", f"'--{option}': it is empty", "awstune launch --help")
        for option in ("ttl", "ssh-from", "region", "type", "ami", "key", "subnet", "tag", "profile")
    ),
    Case("launch --typ p2.xlarge", "--typ", "awstune launch --help"),
)
