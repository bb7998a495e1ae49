"""The CDK app: context → PlatformSettings → PlatformStack."""

from __future__ import annotations

import sys

from stacks.build import build_app
from stacks.errors import PlatformError

if __name__ == "__main__":
    try:
        build_app().synth()
    except PlatformError as error:
        sys.exit(str(error))
