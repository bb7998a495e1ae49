"""The AWS platform: one CDK stack that runs experiments on AWS Batch, on CPUs or GPUs by one context value.

:func:`stacks.build.build_app` turns context values into an app; ``app.py`` and the tests both call it.
"""
