"""The CDK app: context → PlatformSettings → PlatformStack."""

from __future__ import annotations

import sys

from stacks.assembly import synthesize
from stacks.build import build_app
from stacks.errors import PlatformError

if __name__ == "__main__":
    try:
        sys.stderr.writelines(f"{line}\n" for line in synthesize(build_app()))
    except PlatformError as error:
        sys.exit(str(error))
