"""Instances: what is wanted and what is there make a plan; the plan is applied. The only boto3."""
