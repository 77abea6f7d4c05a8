"""The Java that Spark runs on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from features.errors import ConfigError


def require_java(environment: Mapping[str, str] = os.environ) -> Path:
    """The `java` program: that of JAVA_HOME, else the one on PATH.

    Raises:
        ConfigError: there is none.
    """
    home = environment.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        if program.is_file():
            return program
        raise ConfigError(
            "engine.kind: spark",
            f"JAVA_HOME is {home}, which holds no bin/java",
            rule="Spark runs on Java 17 or 21",
            next_step="Point JAVA_HOME to a Java 17, or unset it to use the java on PATH.",
        )
    found = shutil.which("java", path=environment.get("PATH"))
    if found is None:
        raise ConfigError(
            "engine.kind: spark",
            "java is not installed",
            rule="Spark runs on Java 17 or 21",
            next_step="apt-get install openjdk-17-jre-headless, or set JAVA_HOME.",
        )
    return Path(found)
