"""An S3 API server that creates in one step, as S3 does: moto looks for a key and writes it in two."""

from __future__ import annotations

import threading
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

one_by_one = threading.Lock()
application = DomainDispatcherApplication(create_backend_app)


def serve(environ: Any, start_response: Any) -> Any:
    with one_by_one:
        return application(environ, start_response)


run_simple("0.0.0.0", 5000, serve, threaded=True)
