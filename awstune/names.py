"""The words that two ends must agree on: tags, file names, defaults."""

from __future__ import annotations

# Tags on everything that awstune makes at AWS. With them any laptop finds its own again.
TAG_PREFIX = "awstune:"
TAG_NAME = "awstune:name"
TAG_OWNER = "awstune:owner"
TAG_ENDS = "awstune:ends"
TAG_TOKEN = "awstune:token"  # noqa: S105  # a tag's name: AWS calls it a client token
TAG_WISHES = "awstune:wishes"
TAG_AT_END = "awstune:at-end"
TAG_HOST_KEY = "awstune:host-key"
TAG_SSH_PORT = "awstune:ssh-port"
TAG_SSH_JUMP = "awstune:ssh-jump"
TAG_IMDS = "awstune:imds"
TAG_UNFETCHED = "awstune:unfetched"
TAG_SWEEP = "awstune:sweep"  # the sweep that it was launched for, and is to end with, and when that was begun
TAG_BUCKET = "awstune:bucket"

# Names of what is made beside an instance; NAME is the instance's.
KEY_PAIR_NAME = "awstune-{name}"
SECURITY_GROUP_NAME = "awstune-{name}"

# Files of a sweep's folder.
SWEEPS_DIR = "sweeps"
SPEC_FILE = "sweep.toml"
JOURNAL_FILE = "journal.jsonl"
TRIALS_DIR = "trials"
RUNS_DIR = "runs"
LOG_FILE = "log.txt"
CHECKPOINT_DIR = "checkpoint"
ARTIFACTS_DIR = "artifacts"
WHERE_FILE = "where.json"
WORKER_LOG_FILE = "worker.log"
WORKER_PID_FILE = "worker.pid"
POOL_LOG_FILE = "pool.log"
REQUESTS_FILE = "requests.jsonl"

# Begins the name of what is written aside, until it has its own: so is no file of a user's called.
ASIDE = ".awstune-"

# Where things are kept on an instance, below the login's home.
REMOTE_ROOT = ".awstune"
STANDBY_DIR = "standby"  # below it: sockets of what waits for the next sweep
ORIGIN_FILE = "origins/{sweep}.json"  # where a sweep runs, for a laptop that never saw it
GOING_DIR = "going"  # below it: a file for each sweep that shall run, and starts it

# Environment marks, by which the processes of an instance or of a sweep are found again.
INSTANCE_MARK = "AWSTUNE_INSTANCE"
SWEEP_MARK = "AWSTUNE_SWEEP"
TRIAL_MARK = "AWSTUNE_TRIAL"
SEED_VARIABLE = "AWSTUNE_SEED"
EPOCHS_VARIABLE = "AWSTUNE_EPOCHS"  # no trial has more than this many, where it is set
IMPORT_VARIABLE = "AWSTUNE_IMPORT_S"  # seconds that a target may take to be imported
DIR_VARIABLE = "AWSTUNE_DIR"
DATA_VARIABLE = "AWSTUNE_DATA"  # the place of what --data names
NOTIFY_VARIABLE = "AWSTUNE_NOTIFY"  # hands a worker the address to post to; its trials do not see it
GOING_VARIABLE = "AWSTUNE_GOING"  # on an instance: the file that has a worker started again
AT_END_VARIABLE = "AWSTUNE_AT_END"  # what an instance that was launched for one sweep does when that ends
NO_ROOM = "no room on the disk"  # begins the error of a trial that its sweep's disk has ended
NOT_FOUND_STATUS = 127  # as a shell has it
NOT_EXECUTABLE_STATUS = 126  # as well

# Set inside an instance of the embedded cloud: the folder that stands for its "/".
ROOT_VARIABLE = "AWSTUNE_ROOT"

# What the guard writes on an instance (below "/"), and what launch looks for over SSH.
GUARD_DIR = "/etc/awstune"
ENDS_FILE = "/etc/awstune/ends"
ARMED_FILE = "/run/awstune/armed"
# What they mean: awstune/ec2/guard.py.
ACTIVE_FILE = "/run/awstune/active"
NOTICE_FILE = "/run/awstune/notice"
HOLD_FILE = "/run/awstune/hold"
HELD_S = 120.0  # how long a touch of it holds an end off; the guard's `young` says it in its own words
# There once AWS has said that it takes the instance back.
LOST_FILE = "/run/awstune/lost"
# The name of the bucket that a sweep's folder is copied to; not there where there is none.
BUCKET_FILE = "/run/awstune/bucket"
# Where a sweep's folder is kept in it: an instance writes to no other's place, so none overwrites another's.
BUCKET_PREFIX = "sweeps/{sweep}/{instance}/"
S3_ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_S3"  # as AWS's own tools read it: another server than S3
# The instance profile that infra/results-bucket.yaml makes.
RESULTS_PROFILE = "awstune-results"
# The schedules of the ends from outside, and the role they act under: infra/ttl-backstop.yaml makes both.
BACKSTOP_GROUP = "awstune"
BACKSTOP_ROLE = "awstune-backstop"

DEFAULT_REGION = "us-east-1"
DEFAULT_NAME = "awstune"
DEFAULT_TYPE = "p2.xlarge"
DEFAULT_TRIALS = 20
MOST_TRIALS = 1_000_000
DEFAULT_TTL_S = 8 * 3600
DEFAULT_IDLE_S = 30 * 60
DEFAULT_DISK_GIB = 100
SSH_USER = "ubuntu"
SSH_PORT = 22
COURSE_AMI = "Deep Learning AMI (Ubuntu) Version 21.2"
