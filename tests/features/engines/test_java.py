"""Which Java: JAVA_HOME if it is set, else the one on the path; without one, the line that installs it."""

import pytest

from features.engines.java import require_java
from features.errors import ConfigError


@pytest.fixture
def home(tmp_path):
    """A folder that looks like a Java home."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    return tmp_path


def test_java_home_comes_before_the_path(home, tmp_path):
    assert require_java({"JAVA_HOME": str(home), "PATH": ""}) == home / "bin" / "java"


def test_without_java_home_the_path_is_searched(home):
    assert require_java({"PATH": str(home / "bin")}) == home / "bin" / "java"


def test_a_java_home_without_java_is_named(tmp_path):
    with pytest.raises(
        ConfigError, match=r"JAVA_HOME is .*, which holds no bin/java; Spark runs on Java 17"
    ):
        require_java({"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin"})


def test_without_any_java_the_install_line_is_given(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"engine.kind: spark: java is not installed; .* apt-get install openjdk-17-jre-headless",
    ):
        require_java({"PATH": str(tmp_path)})
