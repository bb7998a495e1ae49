"""build_app: context values in, an app with one stack out. ``app.py`` and the tests call the same function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk

from stacks.images import content_tag
from stacks.platform_stack import PlatformStack
from stacks.settings import PlatformSettings
from stacks.values import to_remember


def build_app(context: Mapping[str, Any] | None = None, *, outdir: str | None = None) -> cdk.App:
    """Compose the app.

    Parameters
    ----------
    context : mapping or None
        Context values and feature flags. The CDK command line passes its own in a way that only the app sees, so they
        are read back from it.
    outdir : str or None
        Where the cloud assembly is written; None for the place that the command line chose.

    Raises
    ------
    SettingsInvalid
        If context values cannot be used.
    PlacementImpossible
        If a kind of job could never run.
    """
    app = cdk.App(context=dict(context or {}), outdir=outdir, analytics_reporting=False)
    given = app.node.get_all_context()
    settings = PlatformSettings.from_context(given)
    PlatformStack(
        app,
        settings.stack_name,
        settings=settings,
        image_tag=settings.image_tag or content_tag(settings.profile.mode),
        remembered=to_remember(given),
        synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
    )
    return app
